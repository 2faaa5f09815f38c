"""The published method to compare with: BERTopic's clustering and keywords, on vectors that are stored already.

Belongs here: BERTopic's parameters, its UMAP and HDBSCAN, its keywords. What rows a firm or a quarter gets from
them is in `firm_model` and `theme_model`; a BERTopic object made from stored topics is in `bertopic_model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le

from ftm_assets.methods.topics.graph import OUTLIER, by_size
from ftm_assets.methods.vectors import finite_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Embed = Callable[[Sequence[str]], NDArray[np.float32]]
    """Texts to vectors (n, d), of the model that made the stored ones."""

Method = Literal["graph", "bertopic"]
"""How rows are clustered and their keywords chosen: ours, or BERTopic's."""

PACKAGES = {"bertopic": "bertopic", "umap": "umap-learn", "hdbscan": "hdbscan"}
"""What the extra installs: packages by the name that is imported."""


@dataclass(frozen=True)
class BertopicParams:
    """BERTopic's own parameters; the defaults are those of `BERTopic()` 0.17 (Grootendorst 2022, arXiv:2203.05794).

    Default, bound and docstring of each field are also those of the assets' config.
    """

    n_neighbors: Annotated[int, Ge(2)] = 15
    """UMAP: neighbours of each row."""
    n_components: Annotated[int, Ge(2)] = 5
    """UMAP: dimensions that the vectors are reduced to."""
    min_dist: Annotated[float, Ge(0)] = 0.0
    """UMAP: least distance between reduced rows."""
    min_cluster_size: Annotated[int, Ge(2)] = 10
    """HDBSCAN: rows in a topic at least (BERTopic's `min_topic_size`)."""
    min_samples: Annotated[int | None, Ge(1)] = None
    """HDBSCAN: neighbours that make a row dense; more make more outliers. None: as `min_cluster_size`."""
    cluster_selection_method: Literal["eom", "leaf"] = "eom"
    """HDBSCAN: `eom` prefers few large clusters, `leaf` many small ones."""
    nr_topics: Annotated[int | None, Ge(0)] = None
    """Topics to merge down to, by the cosine of their vectors; as in BERTopic, the outliers count as one. 0: BERTopic's
    `auto`, merge what HDBSCAN finds to be alike. None: as many as were found."""
    n_gram_max: Annotated[int, Ge(1)] = 1
    """Vectorizer: words in a keyword at most (BERTopic's `n_gram_range` is 1 to this)."""
    stop_words: Literal["none", "english"] = "none"
    """Vectorizer: `english` leaves out scikit-learn's stop words. BERTopic leaves out none, so that its keywords
    are often "the", "and" and "we"."""
    min_df: Annotated[int, Ge(1)] = 1
    """Vectorizer: topics that must use a word. BERTopic joins a topic's documents to one, so that above 1 every word
    is lost that one topic alone uses. Of fewer topics than this, all must use it."""
    bm25_weighting: bool = False
    """c-TF-IDF: BM25's inverse frequency."""
    reduce_frequent_words: bool = False
    """c-TF-IDF: square roots of the frequencies."""
    representation: Literal["c-tf-idf", "keybert", "mmr", "keybert+mmr"] = "c-tf-idf"
    """Keywords as c-TF-IDF ranks them, or ranked again by KeyBERTInspired, by MaximalMarginalRelevance, or by both
    in turn. All but the first embed words, with the model that embedded the sentences."""
    mmr_diversity: Annotated[float, Ge(0), Le(1)] = 0.1
    """MaximalMarginalRelevance: 0 takes the nearest words, 1 the most different."""

    def __post_init__(self) -> None:
        """Refuse a single topic: with outliers, which count as one, that is none."""
        if self.nr_topics == 1:
            raise ValueError(
                "nr_topics is 1: give 0 for BERTopic's auto, or 2 or more, of which outliers are one"
            )

    def fewest_rows(self) -> int:
        """Return the fewest rows that these parameters describe a clustering of.

        With fewer, UMAP and HDBSCAN quietly take other parameters (`n_neighbors` at most n - 1, `min_samples`
        likewise), fail (`n_components`), or find nothing: HDBSCAN returns no cluster or at least two.
        """
        dense = self.min_samples or self.min_cluster_size
        return max(self.n_neighbors + 1, self.n_components + 2, dense + 1, 2 * self.min_cluster_size)

    @property
    def embeds_words(self) -> bool:
        """Whether `keywords` needs `embed`."""
        return self.representation != "c-tf-idf"


def require() -> None:
    """Raise ImportError, saying what to install, where BERTopic or one of its parts is missing."""
    if missing := [package for module, package in PACKAGES.items() if find_spec(module) is None]:
        raise ImportError(f"BERTopic needs {', '.join(missing)}: pip install 'ftm[bertopic]'")


def cluster(embeddings: NDArray[np.floating], params: BertopicParams, *, seed: int) -> Ints:
    """Return the topic of each row of `embeddings` (n, d), int64 (n,): by size from 0, -1 for none.

    What `BERTopic(umap_model=UMAP(…, random_state=seed)).fit` finds, which a test holds it to. Fewer rows than
    `params.fewest_rows()` are all without topic: what other parameters find would not be the published method's.
    UMAP runs on one thread, as its seed demands, so the same rows in the same order give the same topics on one
    machine; in another order or on another processor they may differ.

    Raises ImportError without the extra, and ValueError naming the row that is not finite.
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
    """Return BERTopic's keywords of each topic of `labels` (0 to the last, -1 for none), strongest first.

    `texts`, `embeddings` (n, d) and `labels` (n,) have a row per document; the outliers are a class of their own to
    c-TF-IDF, as in BERTopic. Where the vectorizer counts fewer than two words in all, no topic has keywords.

    Raises ImportError without the extra, and ValueError where `params.embeds_words` and `embed` is None.
    """
    require()
    if params.embeds_words and embed is None:
        raise ValueError(
            f"representation {params.representation!r} embeds words, and there is no model for it"
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
    # BERTopic numbers topics by size as well, but breaks ties in an order of its own.
    _, first = np.unique(labels[labels != OUTLIER], return_index=True)
    numbers = np.asarray(model.topics_)[labels != OUTLIER][first].tolist()
    return [[word for word, _ in model.get_topic(number)[:top_n] if word] for number in numbers]


def _n_words(vectorizer: Any, classes: Sequence[str]) -> int:
    try:
        return len(vectorizer.fit(classes).vocabulary_)
    except ValueError:  # how scikit-learn says that there is none
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
    """Return the labels with topics merged by BERTopic's own reduction, which looks at their vectors alone."""
    model = _bertopic(BertopicParams(), 1, 1, None)
    documents = ["any words"] * len(rows)
    model.fit(documents, embeddings=rows, y=labels)
    model.reduce_topics(documents, nr_topics=nr_topics or "auto")
    return np.array(model.topics_, dtype=np.int64)
