"""Clustering of topics across firms: UMAP on a given neighbour graph, then HDBSCAN, whatever the number of topics.

UMAP (McInnes et al. 2018, arXiv:1802.03426) and HDBSCAN (Campello et al. 2013) find themes better than graph
clustering does here; what is added is that nothing depends on the order of rows, that few topics or equal
ones are no error, that no cluster swallows the rest, and that an outlier near a theme joins it.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

OUTLIER = -1

EXACT_NEIGHBORS_UP_TO = 20_000
"""Rows up to which neighbours are exact: n² similarities in blocks; beyond, NN-descent."""

FEWEST_FOR_UMAP = 60
"""Fewer rows are clustered by average linkage: UMAP's spectral layout needs a graph worth the name."""

_BLOCK = 2_000


@dataclass
class ThemeClusterer:
    """Clusters unit vectors; scikit-learn's fit / labels_ interface.

    After `fit`: `labels_` int64 (n,), themes by size from 0, -1 for none; `similarity_` float64 (n,), the
    cosine of each row to the centroid of its theme, or of the nearest one for an outlier.
    """

    min_topics: int = 4
    """Smallest cluster; grows with the square root of n (see `smallest`)."""
    growth: float = 0.12
    """How fast the smallest cluster grows: `growth * sqrt(n)` is added."""
    n_neighbors: int = 12
    n_components: int = 8
    n_epochs: int = 300
    join_similarity: float = 0.45
    """Cosine to a theme's centroid, both centred, at which an outlier joins it."""
    max_share: float = 0.15
    """A cluster with a larger share of at least 200 topics is split."""
    seed: int = 42
    labels_: NDArray[np.int64] = field(init=False, repr=False)
    similarity_: NDArray[np.float64] = field(init=False, repr=False)

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - scikit-learn's signature
        """Return the parameters."""
        return {k: v for k, v in asdict(self).items() if not k.endswith("_")}

    def smallest(self, n: int) -> int:
        """Return the smallest cluster among n topics: 6 of 300, 7 of 1,000, 41 of 100,000."""
        return self.min_topics + int(self.growth * float(n) ** 0.5)

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002, N803 - scikit-learn's signature
        """Cluster the rows of X (n, d), n ≥ 0, scaled to unit length; zero rows are outliers.

        Raises ValueError where a value is not finite.
        """
        rows = _unit(X)
        # One canonical order of distinct rows: equal rows share a label, and the caller's order plays no part.
        distinct, where, counts = np.unique(
            np.round(rows, 6), axis=0, return_inverse=True, return_counts=True
        )
        where = where.reshape(-1)
        distinct = _centred(distinct, counts)
        usable = np.flatnonzero(np.linalg.norm(distinct, axis=1) > 0)
        labels = np.full(len(distinct), OUTLIER, dtype=np.int64)
        labels[usable] = self._cluster(distinct[usable], counts[usable])
        labels, similarity = self._settle(labels, distinct, counts)
        self.labels_, self.similarity_ = labels[where], similarity[where]
        return self

    def fit_predict(self, X: ArrayLike, y: object = None) -> NDArray[np.int64]:  # noqa: N803
        """Fit and return the labels."""
        return self.fit(X, y).labels_

    def _cluster(self, points: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
        n = int(counts.sum())
        if len(points) < 2:
            return np.zeros(len(points), dtype=np.int64) if n > 1 else np.full(len(points), OUTLIER)
        if len(points) < FEWEST_FOR_UMAP:
            return _linked(points, self.join_similarity)
        labels = _dense(self._layout(points), self.smallest(n))
        return self._split(labels, points, n)

    def _layout(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        import torch  # noqa: F401 - before numba's OpenMP, or torch is slowed twelvefold
        import umap

        k = min(self.n_neighbors, len(points) - 1)
        centred = points - points.mean(axis=0)
        u, s, _ = np.linalg.svd(centred, full_matrices=False) if len(points) < 5_000 else _truncated(centred)
        start = (u * s)[:, : self.n_components]
        # Signs of singular vectors are arbitrary; the largest entry decides.
        start = start * np.sign(start[np.abs(start).argmax(axis=0), np.arange(start.shape[1])])
        start = 10 * start / np.abs(start).max()
        with warnings.catch_warnings():
            # Nothing new is ever placed into this layout.
            warnings.filterwarnings("ignore", message=".*transforming new data")
            layout: NDArray[np.float32] = umap.UMAP(
                n_neighbors=k,
                n_components=start.shape[1],
                min_dist=0.0,
                metric="cosine",
                init=start.astype(np.float32),
                n_epochs=self.n_epochs,
                random_state=self.seed,
                n_jobs=1,
                precomputed_knn=_neighbors(points, k, self.seed),
            ).fit_transform(points.astype(np.float32))
        return layout

    def _split(self, labels: NDArray[np.int64], points: NDArray[np.float64], n: int) -> NDArray[np.int64]:
        """Split clusters that hold too much of everything, each by itself."""
        labels = labels.copy()
        if n < 200:
            return labels
        for label in range(labels.max(initial=OUTLIER) + 1):
            members = np.flatnonzero(labels == label)
            if len(members) <= self.max_share * len(points) or len(members) < FEWEST_FOR_UMAP:
                continue
            parts = _dense(self._layout(points[members]), self.smallest(len(members)))
            if parts.max(initial=OUTLIER) < 1:
                parts = _linked(points[members], self.join_similarity)
            labels[members] = np.where(parts == OUTLIER, OUTLIER, parts + labels.max() + 1)
        return labels

    def _settle(
        self, labels: NDArray[np.int64], rows: NDArray[np.float64], counts: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Let outliers join near themes, then number themes by size, ties by first row."""
        found = np.unique(labels[labels != OUTLIER])
        if not len(found):
            return labels, np.zeros(len(labels))
        similarity = rows @ _centroids(rows, labels, counts, found).T
        nearest = similarity.argmax(axis=1)
        joins = (labels == OUTLIER) & (similarity.max(axis=1) >= self.join_similarity)
        labels = np.where(joins, found[nearest], labels)
        size = {
            label: (-counts[labels == label].sum(), np.flatnonzero(labels == label)[0]) for label in found
        }
        rank = {label: i for i, label in enumerate(sorted(found, key=lambda x: size[x]))}
        ranked = np.array([rank.get(x, OUTLIER) for x in labels.tolist()], dtype=np.int64)
        similarity = rows @ _centroids(rows, ranked, counts, np.arange(len(found))).T
        own = np.where(ranked == OUTLIER, similarity.argmax(axis=1), ranked)
        return ranked, similarity[np.arange(len(rows)), own]


def _unit(x: ArrayLike) -> NDArray[np.float64]:
    rows = np.asarray(x, dtype=np.float64)
    rows = rows.reshape(len(rows), -1 if rows.size else 1)
    if bad := np.flatnonzero(~np.isfinite(rows).all(axis=1)).tolist():
        raise ValueError(f"row {bad[0]} has a value that is not finite")
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return unit


def _centred(rows: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Take away what all topics have in common, that they are talk of companies, and scale to unit length.

    Few rows stay as they are: the mean of a handful is no common part.
    """
    usable = np.linalg.norm(rows, axis=1) > 0
    if usable.sum() < FEWEST_FOR_UMAP:
        return _unit(rows)
    mean = (rows * counts[:, None]).sum(axis=0) / counts[usable].sum()
    return _unit(np.where(usable[:, None], rows - mean, 0.0))


def _centroids(
    rows: NDArray[np.float64], labels: NDArray[np.int64], counts: NDArray[np.int64], found: NDArray[np.int64]
) -> NDArray[np.float64]:
    weighted = rows * counts[:, None]
    return _unit(np.array([weighted[labels == label].sum(axis=0) for label in found]))


def _neighbors(points: NDArray[np.float64], k: int, seed: int) -> tuple[Any, Any]:
    """Return (indices int32 (n, k), cosine distances float32 (n, k)), each row its own first neighbour."""
    n = len(points)
    if n > EXACT_NEIGHBORS_UP_TO:
        from pynndescent import NNDescent  # noqa: PLC0415

        index = NNDescent(
            points.astype(np.float32), metric="cosine", n_neighbors=k, random_state=seed, n_jobs=1
        )
        indices, distances = index.neighbor_graph
        return indices.astype(np.int32), distances.astype(np.float32)
    indices = np.empty((n, k), dtype=np.int32)
    distances = np.empty((n, k), dtype=np.float32)
    for start in range(0, n, _BLOCK):
        similarity = np.round(points[start : start + _BLOCK] @ points.T, 6)
        here = np.arange(len(similarity))
        similarity[here, start + here] = 2.0
        best = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        indices[start : start + _BLOCK] = best
        taken = np.take_along_axis(similarity, best, axis=1)
        distances[start : start + _BLOCK] = np.clip(1 - np.minimum(taken, 1.0), 0, None)
    return indices, distances


def _truncated(centred: NDArray[np.float64]) -> tuple[Any, Any, Any]:
    from sklearn.utils.extmath import randomized_svd

    u, s, v = randomized_svd(centred, n_components=16, random_state=0)
    return u, s, v


def _dense(layout: NDArray[np.float32], smallest: int) -> NDArray[np.int64]:
    import hdbscan

    # Leaves rather than the excess of mass: themes of even grain, no continent among islands.
    clusterer = hdbscan.HDBSCAN(
        min_cluster_size=smallest, min_samples=3, cluster_selection_method="leaf", core_dist_n_jobs=1
    )
    labels: NDArray[np.int64] = clusterer.fit_predict(layout.astype(np.float64)).astype(np.int64)
    return labels


def _linked(points: NDArray[np.float64], similarity: float) -> NDArray[np.int64]:
    """Cluster few points: average linkage cut at the cosine at which outliers would join; singletons are outliers."""
    from sklearn.cluster import AgglomerativeClustering

    labels = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - similarity
    ).fit_predict(points)
    sizes = np.bincount(labels)
    return np.where(sizes[labels] > 1, labels, OUTLIER).astype(np.int64)
