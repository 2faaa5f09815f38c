"""The published method for comparison: BERTopic's clustering and keywords on stored vectors.

Belongs here: BERTopic's parameters, its UMAP and HDBSCAN, its keywords. `firm_model` and `theme_model` turn them into
rows; `bertopic_model` builds a BERTopic object from stored topics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le

from ftm_assets.methods.topics.graph import OUTLIER, by_size
from ftm_assets.methods.vectors import finite_rows
from ftm_resources.extras import require_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Embed = Callable[[Sequence[str]], NDArray[np.float32]]
    """Embeds texts as vectors (n, d) with the model that made the stored embeddings."""

Method = Literal["graph", "bertopic"]
"""Method of clustering and keyword selection: ours (`graph`) or BERTopic's."""

MODULES = ("bertopic", "umap", "hdbscan")
"""Packages that the extra installs, by import name."""


@dataclass(frozen=True)
class BertopicParams:
    """BERTopic's own parameters; the defaults are those of `BERTopic()` 0.17 (Grootendorst 2022, arXiv:2203.05794).

    The assets' config takes its defaults, bounds and descriptions from these fields.
    """

    n_neighbors: Annotated[int, Ge(2)] = 15
    """UMAP: neighbours of each row."""
    n_components: Annotated[int, Ge(2)] = 5
    """UMAP: dimensions after reduction."""
    min_dist: Annotated[float, Ge(0)] = 0.0
    """UMAP: minimum distance between reduced rows."""
    min_cluster_size: Annotated[int, Ge(2)] = 10
    """HDBSCAN: minimum rows per topic (BERTopic's `min_topic_size`)."""
    min_samples: Annotated[int | None, Ge(1)] = None
    """HDBSCAN: neighbours that make a row dense; higher values give more outliers. None: same as
    `min_cluster_size`."""
    cluster_selection_method: Literal["eom", "leaf"] = "eom"
    """HDBSCAN: `eom` prefers few large clusters, `leaf` many small ones."""
    nr_topics: Annotated[int | None, Ge(0)] = None
    """Merge topics by cosine down to this number; as in BERTopic, the outliers count as one topic. 0: BERTopic's
    `auto`, which merges topics that HDBSCAN finds similar. None: no merging."""
    n_gram_max: Annotated[int, Ge(1)] = 1
    """Vectorizer: maximum words per keyword (the upper end of BERTopic's `n_gram_range`)."""
    stop_words: Literal["none", "english"] = "none"
    """Vectorizer: `english` removes scikit-learn's stop words. BERTopic removes none by default, so its keywords are
    often "the", "and" and "we"."""
    min_df: Annotated[int, Ge(1)] = 1
    """Vectorizer: minimum topics that use a word. BERTopic treats each topic as one document, so values above 1 drop
    every word that only one topic uses. With fewer topics than this, all must use the word."""
    bm25_weighting: bool = False
    """c-TF-IDF: weight terms by BM25's inverse frequency."""
    reduce_frequent_words: bool = False
    """c-TF-IDF: take square roots of the frequencies."""
    representation: Literal["c-tf-idf", "keybert", "mmr", "keybert+mmr"] = "c-tf-idf"
    """Keywords as ranked by c-TF-IDF, or reranked by KeyBERTInspired, MaximalMarginalRelevance, or both in turn. All
    but the first embed words with the model that embedded the sentences."""
    mmr_diversity: Annotated[float, Ge(0), Le(1)] = 0.1
    """MaximalMarginalRelevance: 0 picks the most similar words, 1 the most diverse."""

    def __post_init__(self) -> None:
        """Reject `nr_topics = 1`: outliers count as one topic, so no other would remain."""
        if self.nr_topics == 1:
            raise ValueError(
                "nr_topics is 1: use 0 for BERTopic's auto, or at least 2 (outliers count as one topic)"
            )

    def fewest_rows(self) -> int:
        """Return the minimum number of rows for which these parameters are meaningful.

        With fewer rows, UMAP and HDBSCAN silently change parameters (`n_neighbors` and `min_samples` to at most
        n - 1), fail (`n_components`), or find nothing, because HDBSCAN returns either no cluster or at least two.
        """
        dense = self.min_samples or self.min_cluster_size
        return max(self.n_neighbors + 1, self.n_components + 2, dense + 1, 2 * self.min_cluster_size)

    @property
    def embeds_words(self) -> bool:
        """Whether `keywords` needs `embed`."""
        return self.representation != "c-tf-idf"


def require() -> None:
    """Raise MissingExtraError with the install command if BERTopic or one of its parts is missing."""
    require_extra("bertopic", "BERTopic", *MODULES)


def cluster(embeddings: NDArray[np.floating], params: BertopicParams, *, seed: int) -> Ints:
    """Return the topic of each row of `embeddings` (n, d), int64 (n,): numbered by size from 0, -1 for none.

    The result is that of `BERTopic(umap_model=UMAP(…, random_state=seed)).fit` (tested). With fewer rows than
    `params.fewest_rows()` no row gets a topic, since the published method would need other parameters. A seeded
    UMAP runs on one thread, so the same rows in the same order give the same topics on the same machine; another
    order or processor may change them.

    Raises MissingExtraError without the extra, and ValueError naming the first row that is not finite.
    """
    require()
    n = len(finite_rows(embeddings))
    if n < params.fewest_rows():
        return np.full(n, OUTLIER, dtype=np.int64)
    layout = umap_model(params, seed).fit_transform(embeddings)
    labels: Ints = hdbscan_model(params).fit_predict(np.nan_to_num(layout)).astype(np.int64)
    if params.nr_topics is not None and labels.max() > 0:
        labels = _reduced(labels, embeddings, params.nr_topics)
    return by_size(labels, np.ones(n, dtype=np.int64))


def umap_model(params: BertopicParams, seed: int) -> Any:
    """Return BERTopic's UMAP, seeded."""
    import torch  # noqa: F401 - before numba's OpenMP, or torch is slowed twelvefold
    from umap import UMAP

    return UMAP(
        n_neighbors=params.n_neighbors,
        n_components=params.n_components,
        min_dist=params.min_dist,
        metric="cosine",
        random_state=seed,
        n_jobs=1,
    )


def hdbscan_model(params: BertopicParams) -> Any:
    """Return BERTopic's HDBSCAN."""
    from hdbscan import HDBSCAN

    return HDBSCAN(
        min_cluster_size=params.min_cluster_size,
        min_samples=params.min_samples,
        cluster_selection_method=params.cluster_selection_method,
        core_dist_n_jobs=1,
    )


def keywords(
    texts: Sequence[str],
    embeddings: NDArray[np.floating],
    labels: Ints,
    params: BertopicParams,
    *,
    top_n: int,
    embed: Embed | None = None,
) -> list[list[str]]:
    """Return BERTopic's keywords for each topic in `labels` (numbered from 0, -1 for none), strongest first.

    `texts`, `embeddings` (n, d) and `labels` (n,) have one row per document. As in BERTopic, c-TF-IDF treats the
    outliers as a class of their own. If the vectorizer counts fewer than two words in total, no topic has keywords.

    Raises MissingExtraError without the extra, and ValueError if `params.embeds_words` and `embed` is None.
    """
    require()
    if params.embeds_words and embed is None:
        raise ValueError(
            f"representation {params.representation!r} embeds words, but no embedding model was given"
        )
    n_topics = int(labels.max(initial=OUTLIER)) + 1
    if not n_topics:
        return []
    classes = [
        " ".join(texts[i] for i in np.flatnonzero(labels == c).tolist()) for c in np.unique(labels).tolist()
    ]
    model = _bertopic(params, len(classes), top_n, embed)
    if _n_words(model.vectorizer_model, classes) < 2:  # BERTopic's c-TF-IDF raises on a single word
        return [[] for _ in range(n_topics)]
    model.fit(list(texts), embeddings=embeddings, y=labels)
    # BERTopic also numbers topics by size, but breaks ties differently.
    _, first = np.unique(labels[labels != OUTLIER], return_index=True)
    numbers = np.asarray(model.topics_)[labels != OUTLIER][first].tolist()
    return [[word for word, _ in model.get_topic(number)[:top_n] if word] for number in numbers]


def _n_words(vectorizer: Any, classes: Sequence[str]) -> int:
    try:
        return len(vectorizer.fit(classes).vocabulary_)
    except ValueError:  # scikit-learn's way of reporting an empty vocabulary
        return 0


def _bertopic(params: BertopicParams, n_classes: int, top_n: int, embed: Embed | None) -> Any:
    """Return a BERTopic that leaves the clustering to the caller."""
    import torch  # noqa: F401 - as above
    from bertopic import BERTopic
    from bertopic.cluster import BaseCluster
    from bertopic.dimensionality import BaseDimensionalityReduction
    from bertopic.representation import KeyBERTInspired, MaximalMarginalRelevance
    from bertopic.vectorizers import ClassTfidfTransformer
    from sklearn.feature_extraction.text import CountVectorizer

    tuners = {
        "keybert": KeyBERTInspired(top_n_words=top_n),
        "mmr": MaximalMarginalRelevance(diversity=params.mmr_diversity, top_n_words=top_n),
    }
    chosen = [tuners[name] for name in params.representation.split("+") if name in tuners]
    backend = None
    if embed is not None and params.embeds_words:
        from ftm_assets.methods.topics.bertopic_backend import Backend  # noqa: PLC0415 - it loads BERTopic

        backend = Backend(embed)
    return BERTopic(
        top_n_words=top_n,
        embedding_model=backend,
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=BaseCluster(),
        vectorizer_model=CountVectorizer(
            ngram_range=(1, params.n_gram_max),
            stop_words="english" if params.stop_words == "english" else None,
            min_df=min(params.min_df, n_classes),
        ),
        ctfidf_model=ClassTfidfTransformer(
            bm25_weighting=params.bm25_weighting, reduce_frequent_words=params.reduce_frequent_words
        ),
        representation_model=chosen[0] if len(chosen) == 1 else chosen or None,
    )


def _reduced(labels: Ints, rows: NDArray[np.floating], nr_topics: int) -> Ints:
    """Return the labels with topics merged by BERTopic's own reduction, which uses only their vectors."""
    model = _bertopic(BertopicParams(), 1, 1, None)
    documents = ["any words"] * len(rows)
    model.fit(documents, embeddings=rows, y=labels)
    model.reduce_topics(documents, nr_topics=nr_topics or "auto")
    return np.array(model.topics_, dtype=np.int64)
