"""The recipes compared: BERTopic's defaults, the predecessor system and ours, each as a user would run it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_assets.methods.topics import published
from ftm_assets.methods.topics.clustering import GraphClusterer
from ftm_assets.methods.topics.firm_model import FirmParams, cluster
from ftm_assets.methods.topics.published import BertopicParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.planted import Firm

    Labels = NDArray[np.int64]


PREDECESSOR = BertopicParams(
    n_components=10,
    min_dist=0.01,
    min_cluster_size=6,
    min_samples=2,
    cluster_selection_method="leaf",
    n_gram_max=2,
    stop_words="english",
    min_df=2,
    representation="keybert+mmr",
    mmr_diversity=0.3,
)
"""The predecessor's BERTopic settings for a firm."""


def bertopic_default(firm: Firm, seed: int) -> Labels:
    """BERTopic's own UMAP (15 neighbours, 5 d, min_dist 0) and HDBSCAN (10)."""
    return published.cluster(firm.embeddings, BertopicParams(), seed=seed)


def predecessor(firm: Firm, seed: int) -> Labels:
    """UMAP and HDBSCAN with the predecessor's settings."""
    return published.cluster(firm.embeddings, PREDECESSOR, seed=seed)


def ward(firm: Firm, seed: int) -> Labels:  # noqa: ARG001 - Ward needs no seed
    """Centred vectors, Ward linkage, n/15 clusters."""
    from sklearn.cluster import AgglomerativeClustering

    centred = firm.embeddings - firm.embeddings.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    found: Labels = AgglomerativeClustering(max(2, len(centred) // 15)).fit_predict(centred)
    return found


def ours_alone(firm: Firm, seed: int) -> Labels:
    """Our clusterer without context: each sentence by itself."""
    return GraphClusterer(random_state=seed).fit(firm.embeddings).labels_


def ours(firm: Firm, seed: int) -> Labels:
    """Our clusterer as the platform runs it: sentences with their neighbours in the turn."""
    return cluster(firm.embeddings, firm.turns, firm.positions, replace(FirmParams(), seed=seed))


CLUSTERINGS: dict[str, Callable[[Firm, int], Labels]] = {
    "BERTopic default": bertopic_default,
    "predecessor": predecessor,
    "centred Ward, n/15": ward,
    "ours, each sentence alone": ours_alone,
    "ours": ours,
}


def reassigned(firm: Firm, labels: Labels) -> Labels:
    """Return the labels with outliers assigned to the topic of the nearest centroid, as the predecessor did."""
    if labels.max() < 0:
        return labels
    centroids = np.stack([firm.embeddings[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    nearest: Labels = (firm.embeddings @ centroids.T).argmax(axis=1)
    return np.where(labels < 0, nearest, labels)


def bertopic_model(kind: str, encoder: Any) -> Any:
    """Return BERTopic with its defaults (`default`) or with the predecessor's settings, including keywords."""
    from bertopic import BERTopic

    if kind == "default":
        return BERTopic(embedding_model=encoder)
    from bertopic.representation import KeyBERTInspired, MaximalMarginalRelevance
    from sklearn.feature_extraction.text import CountVectorizer

    return BERTopic(
        embedding_model=encoder,
        umap_model=published.umap_model(PREDECESSOR, 42),
        hdbscan_model=published.hdbscan_model(PREDECESSOR),
        vectorizer_model=CountVectorizer(
            ngram_range=(1, PREDECESSOR.n_gram_max),
            min_df=PREDECESSOR.min_df,
            stop_words=PREDECESSOR.stop_words,
        ),
        representation_model=[
            KeyBERTInspired(),
            MaximalMarginalRelevance(diversity=PREDECESSOR.mmr_diversity),
        ],
    )
