"""The clusterer of one firm's sentences: an exact nearest-neighbour graph and Leiden.

Belongs here: from embeddings to labels. The same rows get the same labels in any order, in any process and with any
BLAS and thread count (see `graph.products`). Selecting rows and naming clusters does not belong here. The module
loads scikit-learn: import it where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin  # noqa: TID253 - see above

from ftm_assets.methods.topics.graph import (
    OUTLIER,
    by_size,
    checked_rows,
    edges,
    exact_neighbors,
    leiden,
    search_resolution,
    seed_of,
    sort_keys,
)
from ftm_assets.methods.vectors import SCALE, finite_rows, products, unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ftm_assets.methods.topics.graph import RandomState

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_LEAST_SHARE = 11 / 16
"""`usual_topics` may reduce the size of clusters to this share of `sentences_per_topic`."""
_MAX_STEPS = 6
"""Maximum resolutions tried."""
_TOLERANCE = 0.1
"""The search ends once the number of clusters is within this share of the target."""


class GraphClusterer(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Cluster vectors by direction: Leiden on their k-nearest-neighbour graph.

    Identical rows are one node of the graph: they share a label, and a phrase said fifty times does not distort the
    graph. Cluster sizes still count rows. A zero row has no direction and is an outlier. Can be passed to BERTopic
    as `hdbscan_model=`.

    Parameters
    ----------
    n_neighbors : int
        Neighbours of each vector, by exact cosine.
    sentences_per_topic : float
        Target number of rows per cluster.
    usual_topics : int
        Target number of clusters, as long as each keeps at least 11/16 of `sentences_per_topic`: by default a call of
        250 sentences gets as many topics as one of 350. 0: only `sentences_per_topic` decides.
    max_topics : int
        Maximum clusters; smaller ones beyond this number are treated as too small.
    min_size : int
        Minimum cluster size. A smaller group joins the nearest cluster, or its rows are outliers.
    join_similarity : float
        Minimum cosine between the centroids of a small group and the cluster it joins.
    min_rows : int
        Fewer rows than this form a single cluster.
    trials : int
        Independent runs of Leiden, the best of which is kept.
    iterations : int
        Passes of Leiden over its own result. On 22 calls, trials x iterations of 1 x 1, 5 x 1 and 3 x 3 agree
        between seeds at ARI 0.79, 0.82 and 0.87, and take 2.5, 7 and 10 ms.
    random_state : int, RandomState or None
        Seed of Leiden. None draws one from numpy's global state, so labels differ between calls.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        0 is the largest cluster, -1 an outlier. Clusters of equal size are ordered by their smallest vector, so
        labels do not depend on row order.
    strength_ : ndarray of shape (n,), float64
        Cosine to the centroid of the row's cluster, to six decimals; 0 for an outlier.
    n_features_in_ : int
        Dimension of the vectors.

    Examples
    --------
    >>> import numpy as np
    >>> east, north = np.tile([1.0, 0.1], (12, 1)), np.tile([0.1, 1.0], (10, 1))
    >>> clusterer = GraphClusterer(sentences_per_topic=11).fit(np.vstack([east, north]))
    >>> np.bincount(clusterer.labels_).tolist()
    [12, 10]

    """

    def __init__(
        self,
        *,
        n_neighbors: int = 7,
        sentences_per_topic: float = 16,
        usual_topics: int = 22,
        max_topics: int = 30,
        min_size: int = 5,
        join_similarity: float = 0.35,
        min_rows: int = 10,
        trials: int = 3,
        iterations: int = 3,
        random_state: RandomState = 42,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.sentences_per_topic = sentences_per_topic
        self.usual_topics = usual_topics
        self.max_topics = max_topics
        self.min_size = min_size
        self.join_similarity = join_similarity
        self.min_rows = min_rows
        self.trials = trials
        self.iterations = iterations
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002, N803 - scikit-learn's signature
        """Cluster the rows of `X` (n, d), n ≥ 0, of any real dtype and any vector length; `y` is ignored.

        Raises ValueError if `X` is not two-dimensional or a row is not finite.
        """
        rows = checked_rows(self, X)
        self._seed = seed_of(self.random_state)
        nodes, node_of_row = _nodes(rows)
        counts = np.bincount(node_of_row, minlength=len(nodes))
        labels = self._label(nodes, counts)
        strength = _strength(nodes, counts, labels)
        self.labels_: Ints = labels[node_of_row]
        self.strength_: Floats = strength[node_of_row]
        return self

    def _label(self, nodes: Floats, counts: Ints) -> Ints:
        labels = np.full(len(nodes), OUTLIER, dtype=np.int64)
        directed = np.flatnonzero(nodes.any(axis=1))
        if directed.size:
            labels[directed] = self._partition(nodes[directed], counts[directed])
        return by_size(labels, counts)

    def _partition(self, nodes: Floats, counts: Ints) -> Ints:
        n_rows = int(counts.sum())
        aimed_at = n_rows / self.sentences_per_topic
        target = min(max(aimed_at, min(self.usual_topics, aimed_at / _LEAST_SHARE)), self.max_topics)
        if n_rows < self.min_rows or len(nodes) == 1 or target < 1.5:
            return np.zeros(len(nodes), dtype=np.int64)
        neighbors, similarity = exact_neighbors(nodes, min(self.n_neighbors, len(nodes) - 1))
        graph = edges(neighbors, similarity)

        def partition(resolution: float) -> Ints:
            groups = leiden(
                graph, len(nodes), resolution, seed=self._seed, iterations=self.iterations, trials=self.trials
            )
            return self._settle(groups, nodes, counts)

        start = float(np.clip(n_rows / 150, 0.3, 3))
        return search_resolution(
            partition, target=target, start=start, tolerance=_TOLERANCE, max_steps=_MAX_STEPS
        )

    def _settle(self, groups: Ints, nodes: Floats, counts: Ints) -> Ints:
        """Keep the large groups. Others join the nearest one if similar by `join_similarity`, or become outliers."""
        groups = by_size(groups, counts)
        sizes = np.bincount(groups, weights=counts)
        n_kept = min(int((sizes >= self.min_size).sum()), self.max_topics)
        if n_kept == 0:
            return np.zeros(len(nodes), dtype=np.int64)
        centroids = _centroids(nodes, counts, groups)
        similarity = products(centroids[n_kept:], centroids[:n_kept])
        fate = np.arange(len(sizes))
        if len(similarity):
            nearest = similarity.argmax(axis=1)
            joins = similarity.max(axis=1) >= self.join_similarity
            fate[n_kept:] = np.where(joins, nearest, OUTLIER)
        return fate[groups]


def centrality(X: ArrayLike, labels: Ints) -> Floats:  # noqa: N803 - scikit-learn's name
    """Return each row's cosine to its cluster's centroid, to six decimals; 0 for an outlier. X is (n, d)."""
    nodes, node_of_row = _nodes(finite_rows(X))
    rows = nodes[node_of_row]
    return _strength(rows, np.ones(len(rows), dtype=np.int64), labels)


def _nodes(rows: Floats) -> tuple[Floats, Ints]:
    """Return the distinct directions, sorted, and for each row the index of its direction.

    Vectors are scaled to unit length and rounded, so neither row order nor the last bits matter.
    """
    if rows.size == 0:  # no rows, or no dimensions: no direction
        return np.zeros((min(len(rows), 1), 1)), np.zeros(len(rows), dtype=np.int64)
    directions = unit(rows)
    _, first, node_of_row = np.unique(sort_keys(directions), return_index=True, return_inverse=True)
    return np.rint(directions[first] * SCALE) / SCALE + 0.0, node_of_row.astype(np.int64)


def _centroids(nodes: Floats, counts: Ints, labels: Ints) -> Floats:
    """Return the mean of each cluster's rows at unit length; zero if they cancel out."""
    members = np.zeros((int(labels.max()) + 1, len(nodes)))
    inside = np.flatnonzero(labels != OUTLIER)
    members[labels[inside], inside] = counts[inside]
    sums = members @ np.rint(nodes * SCALE) / SCALE  # integers: exact sums with any BLAS
    norms = np.sqrt((sums**2).sum(axis=1, keepdims=True))
    centroids: Floats = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 1 / SCALE)
    return centroids


def _strength(nodes: Floats, counts: Ints, labels: Ints) -> Floats:
    strength = np.zeros(len(nodes))
    inside = labels != OUTLIER
    if inside.any():
        centroids = _centroids(nodes, counts, labels)
        strength[inside] = _rounded((nodes[inside] * centroids[labels[inside]]).sum(axis=1))
    return strength


def _rounded(similarity: Floats) -> Floats:
    rounded: Floats = np.clip(np.rint(similarity * SCALE) / SCALE, -1, 1) + 0.0  # no negative zero
    return rounded
