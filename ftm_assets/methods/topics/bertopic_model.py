"""Stored topics as a fitted BERTopic, so that its plots, merges and file formats work on them.

Belongs here: building the object from documents, vectors, topic numbers and keywords. `orchestration.fitted_bertopic`
chooses the documents; `published` runs BERTopic as a method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_assets.methods.topics.graph import OUTLIER
from ftm_assets.methods.topics.published import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.topics.published import Embed

_WORD = r"(?u)\b\w[\w&'’\-]*\w\b"
"""Words as in our keywords: R&D and COVID-19 are one word each."""

_LEAST_WEIGHT = 0.00001
"""BERTopic's own weight for a term without one."""


def fitted(
    documents: Sequence[str],
    embeddings: NDArray[np.floating],
    topics: NDArray[np.int64],
    *,
    keywords: Sequence[Sequence[str]],
    labels: Sequence[str],
    embed: Embed | None = None,
    model_name: str | None = None,
) -> Any:
    """Return a BERTopic with the given topics under the same numbers.

    `documents` (n) have `embeddings` (n, d) and `topics` (n,), numbered from 0 without gaps, -1 for none; `keywords`
    (strongest first) and `labels` are per topic. The object uses BERTopic's manual topic modelling: c-TF-IDF (BM25,
    unigrams and bigrams) is computed from the documents, a topic's vector is the mean of its documents' vectors, and
    a new document goes to the nearest topic. `get_topic` returns the given keywords with their c-TF-IDF; the aspect
    `c-TF-IDF` holds the terms that c-TF-IDF ranks highest, `custom_labels_` the labels. If `embed`, the embedding
    model, is given, `transform` and `find_topics` accept texts; `BERTopic.load` reloads that model by
    `model_name`, a name or path.

    Raises MissingExtraError without the extra, and ValueError if there is no topic or a number is missing.
    """
    require()
    n_topics = len(keywords)
    numbers = sorted({*topics.tolist()} - {OUTLIER})
    if not n_topics or numbers != list(range(n_topics)) or len(labels) != n_topics:
        raise ValueError(
            f"{n_topics} topics have keywords, {len(labels)} a label, and {len(numbers)} documents: "
            "BERTopic needs documents, keywords and a label for each topic, and at least one topic"
        )
    import torch  # noqa: F401 - before numba's OpenMP, or torch is slowed twelvefold
    from bertopic import BERTopic
    from bertopic.cluster import BaseCluster
    from bertopic.dimensionality import BaseDimensionalityReduction
    from bertopic.vectorizers import ClassTfidfTransformer
    from sklearn.feature_extraction.text import CountVectorizer

    model = BERTopic(
        language="multilingual",  # "english" would delete everything but letters and digits
        n_gram_range=(1, 2),
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=BaseCluster(),
        vectorizer_model=CountVectorizer(ngram_range=(1, 2), stop_words="english", token_pattern=_WORD),
        ctfidf_model=ClassTfidfTransformer(bm25_weighting=True),
        # As many as given: BERTopic then neither merges topics nor renumbers them by size.
        nr_topics=len(np.unique(topics)),
    )
    model.fit(list(documents), embeddings=np.asarray(embeddings), y=topics)
    model.nr_topics = None
    found = dict(model.topic_representations_)
    model.topic_aspects_ = {"c-TF-IDF": found}
    model.topic_representations_ = {**found, **_weighted(keywords, model)}
    model.set_topic_labels(dict(enumerate(labels)))
    if embed is not None:
        from ftm_assets.methods.topics.bertopic_backend import Backend  # noqa: PLC0415 - it loads BERTopic

        model.embedding_model = Backend(embed, model_name)
    return model


def _weighted(keywords: Sequence[Sequence[str]], model: Any) -> dict[int, list[tuple[str, float]]]:
    """Return the keywords of each topic with their c-TF-IDF: that of the longest term in each keyword."""
    terms, column = model.vectorizer_model.build_analyzer(), model.vectorizer_model.vocabulary_
    first = len(model.c_tf_idf_.indptr) - 1 - len(keywords)  # outliers, if any, are the first row

    def weight(topic: int, keyword: str) -> float:
        counted = [t for t in terms(keyword) if t in column]
        found = model.c_tf_idf_[first + topic, column[counted[-1]]] if counted else 0.0
        return max(float(found), _LEAST_WEIGHT)

    return {
        topic: [(k, weight(topic, k)) for k in own] or [("", _LEAST_WEIGHT)]
        for topic, own in enumerate(keywords)
    }
