"""The clusterer of topics across firms: a consensus of subsamples of firms, and assignment with a bound.

Subsamples of firms are clustered: up to 4,000 topics by average linkage of smoothed topics, more by Leiden on a graph
of neighbours. Themes are what recurs: topics that most subsamples cluster together, or centroids that most of
them have (see `consensus`). Themes that differ only by chance are merged. Each topic is then assigned to its nearest
centroid, or left unassigned if none is close enough. What one firm more moves, by this and by one clustering:
`python -m benchmarks.stability`.
Compared with UMAP and HDBSCAN this places more topics, recovers planted themes better and takes a fraction of the
time: see docs/benchmarks.md. The module loads scikit-learn: import it where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin  # noqa: TID253 - see above

from ftm_assets.methods.topics.consensus import (
    Likeness,
    apart,
    cosine_distances,
    kept,
    linked,
    recurring,
    stability,
    within,
)
from ftm_assets.methods.topics.graph import (
    OUTLIER,
    checked_rows,
    edges,
    exact_neighbors,
    leiden,
    search_resolution,
    seed_of,
    sort_keys,
)
from ftm_assets.methods.topics.theme_groups import (
    centroids,
    merged,
    nearest,
    ranked,
    unit_rows,
    without_small,
)
from ftm_assets.methods.vectors import BLOCK, DIGITS, FEWEST_TO_CENTRE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from ftm_assets.methods.topics.graph import Edge, RandomState

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]

EXACT_NEIGHBORS_UP_TO = 25_000
"""Up to this many rows neighbours are exact (n² similarities in blocks); beyond, NN-descent (Dong et al. 2011).

For 25,000 rows the exact search takes about as long as compiling NN-descent: half a minute."""

LINKED_UP_TO = 4_000
"""Up to this many distinct rows a subsample is clustered by average linkage, with n² similarities in memory."""

REAPPEARS = 0.85
"""A theme comes again in a subsample if its centroid's cosine to the nearest theme found there is at least this."""

_DRAWS_OF_MANY = 10
"""Subsamples of more rows than that, whose clustering takes longer and varies less."""
_TOGETHER = 0.5
"""Topics are linked to a theme if on average this share of the subsamples that hold both clusters them together."""
_LEAST = 0.52
"""Times the granularity and the cosine of near topics, the least mean cosine of smoothed topics in a group."""
_MOST = 0.95
"""The least mean cosine is never higher."""
_ROUNDS = 6
"""Maximum rounds of assignment; they stop earlier once fewer than one topic in a thousand moves."""


class ThemeClusterer(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Cluster the topics of many firms by direction; topics far from every theme are outliers.

    Cosines are computed on centred vectors: subtracting the mean removes what all topics share, namely that they
    come from companies' calls. Can be passed to BERTopic as `hdbscan_model=`.

    Parameters
    ----------
    granularity : float
        Higher values give more, narrower themes: the least mean cosine within a group is in proportion to it. With
        over `LINKED_UP_TO` topics the target number of themes is this times the square root of the number of topics.
    merge_similarity : float
        Themes at least this similar (see `theme_groups._likeness`) are merged, which leaves fewer than the target.
    min_topics : int
        Size of the smallest theme; grows with the square root of n (see `smallest`).
    growth : float
        Growth of the smallest theme: `growth * sqrt(n)` is added to `min_topics`.
    n_neighbors : int
        Neighbours of each topic in the graph.
    join_similarity : float
        A topic whose cosine to every theme's centroid is lower is left unassigned.
    max_share : float
        With at least 200 topics, a theme holding a larger share of them is split.
    n_subsamples : int
        Subsamples of firms that are clustered; at most 10 are with over `LINKED_UP_TO` topics.
    subsample_share : float
        Share of firms in a subsample; a firm is in or out with all its topics, by a hash of seed and firm.
    random_state : int, RandomState or None
        Seed of NN-descent and Leiden. None draws one from numpy's global state, so labels differ between calls.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Themes numbered by size from 0; -1 for an unassigned topic.
    similarity_ : ndarray of shape (n,), float64
        Cosine of each row to the centroid of its theme; for an outlier, to the nearest centroid.
    stability_ : ndarray of shape (themes,), float64
        Share of the subsamples in which the theme comes again: a theme clustered there, from the subsample's topics
        alone, has a centroid whose cosine to this theme's centroid is at least 0.85, both centred by all topics' mean.
    n_features_in_ : int
        Dimension of the vectors.

    Examples
    --------
    >>> import numpy as np
    >>> topics = np.vstack([np.tile(axis, (4, 1)) for axis in np.eye(3)])
    >>> ThemeClusterer().fit_predict(topics).tolist()
    [2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0]

    """

    def __init__(
        self,
        *,
        granularity: float = 1.6,
        merge_similarity: float = 0.8,
        min_topics: int = 4,
        growth: float = 0.03,
        n_neighbors: int = 12,
        join_similarity: float = 0.35,
        max_share: float = 0.15,
        n_subsamples: int = 20,
        subsample_share: float = 0.8,
        random_state: RandomState = 42,
    ) -> None:
        self.granularity = granularity
        self.merge_similarity = merge_similarity
        self.min_topics = min_topics
        self.growth = growth
        self.n_neighbors = n_neighbors
        self.join_similarity = join_similarity
        self.max_share = max_share
        self.n_subsamples = n_subsamples
        self.subsample_share = subsample_share
        self.random_state = random_state

    def smallest(self, n: int) -> int:
        """Return the minimum theme size among n topics: 4 for 300 topics, 5 for 1,000, 19 for 100,000."""
        return self.min_topics + int(self.growth * float(n) ** 0.5)

    def fit(self, X: ArrayLike, y: object = None, *, firms: Sequence[str] | None = None) -> Self:  # noqa: ARG002, N803 - scikit-learn's signature
        """Cluster the rows of X (n, d), n ≥ 0, of any vector length; zero rows are outliers.

        `firms` (n,) are the firms of the rows; without them each distinct row is a firm of its own, named by its value:
        then a difference of a millionth, as between processors, may draw other subsamples. Raises ValueError if a value
        is not finite. Memory in addition to X: three float32 copies of it, most of them once X is freed.
        """
        self._seed = seed_of(self.random_state)
        directions = unit_rows(checked_rows(self, X))
        del X  # float64: freed before the clustering, unless the caller keeps it
        points, where, counts = _distinct(directions)
        del directions
        held = self._held(points, where, firms)
        labels, similarity = np.full(len(points), OUTLIER, dtype=np.int64), np.zeros(len(points))
        usable = np.flatnonzero(points.any(axis=1))
        points = _centred(points[usable], counts[usable])
        labels[usable], similarity[usable], self.stability_ = self._cluster(
            points, counts[usable], held[:, usable]
        )
        self.labels_: Ints = labels[where]
        self.similarity_: NDArray[np.float64] = similarity[where]
        return self

    def _held(self, points: Floats, where: Ints, firms: Sequence[str] | None) -> Ints:
        """Return how many rows of each point each subsample holds, (subsamples, points)."""
        if firms is None:
            names, of_row = [k.tobytes().hex() for k in sort_keys(points)], where
        else:
            unique, of_row = np.unique(np.array(firms, dtype=str), return_inverse=True)
            names = unique.tolist()
        draws = kept(names, self.n_subsamples, self.subsample_share, self._seed)
        counted = [np.bincount(where, weights=draw[of_row], minlength=len(points)) for draw in draws]
        return np.array(counted, dtype=np.int64).reshape(len(draws), len(points))

    def _cluster(
        self, points: Floats, counts: Ints, held: Ints
    ) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64]]:
        """Return each point's theme, its cosine to it, and the stability of each theme."""
        n = int(counts.sum())
        if len(points) < 2:
            labels = np.full(len(points), 0 if n > 1 else OUTLIER, dtype=np.int64)
            return labels, np.ones(len(points)), np.ones(int(labels.max(initial=OUTLIER)) + 1)
        smallest = 2 if len(points) < FEWEST_TO_CENTRE else self.smallest(n)
        group = self._grouping(points, counts)
        if len(points) > LINKED_UP_TO:
            held = held[:_DRAWS_OF_MANY]
        draws = [(part, group(part)) for part in (np.flatnonzero(draw) for draw in held) if len(part)]
        least = max(2, round(self.subsample_share * smallest))
        found = []
        for (part, own), n_rows in zip(draws, (draw for draw in held if draw.any()), strict=True):
            named = without_small(own, n_rows[part], least)
            found.append(centroids(points[part], named, n_rows[part]))
        if len(points) > LINKED_UP_TO:
            near, close = nearest(points, recurring(found, REAPPEARS).astype(np.float32))
            groups = np.where(close >= self.join_similarity, near, OUTLIER)
            labels, similarity = self._assign(groups, points, counts, smallest=smallest, rounds=0)
        elif len(points) < FEWEST_TO_CENTRE:
            labels, similarity = self._assign(
                group(np.arange(len(points))), points, counts, smallest=smallest, rounds=_ROUNDS
            )
        else:
            groups = without_small(linked(apart(draws, len(points)), 1 - _TOGETHER), counts, smallest)
            groups = merged(groups, points, self.merge_similarity)
            labels, similarity = self._assign(groups, points, counts, smallest=smallest)
        if n >= 200:
            labels, similarity = self._split(labels, similarity, points, counts)
        return labels, similarity, stability(centroids(points, labels, counts), found, REAPPEARS)

    def _grouping(self, points: Floats, counts: Ints) -> Callable[[Ints], Ints]:
        """Return the clustering of a part of the points, before small groups are dissolved."""
        if len(points) < FEWEST_TO_CENTRE:  # each would be a neighbour of most others
            return lambda part: _linked(points[part], self.join_similarity)
        if len(points) > LINKED_UP_TO:
            return self._leiden(points, counts)
        likeness = Likeness(points, min(self.n_neighbors, len(points) - 1))
        least = min(_LEAST * self.granularity * likeness.near, _MOST)
        return lambda part: linked(likeness.distances(part), 1 - least)

    def _leiden(self, points: Floats, counts: Ints) -> Callable[[Ints], Ints]:
        """Return Leiden on a part of one nearest-neighbour graph, at one resolution."""
        neighbors, similarity = _neighbors(points, self.n_neighbors, self._seed)
        n, smallest = int(counts.sum()), self.smallest(int(counts.sum()))

        def found(graph: list[Edge], n_nodes: int, resolution: float) -> Ints:
            return leiden(graph, n_nodes, resolution, seed=self._seed, iterations=2, trials=1)

        tried: dict[float, Ints] = {}
        whole = edges(neighbors, similarity)

        def attempt(resolution: float) -> Ints:
            tried[resolution] = without_small(found(whole, len(points), resolution), counts, smallest)
            return tried[resolution]

        # Consensus leaves fewer.
        target = 1.35 * self.granularity * n**0.5
        best = search_resolution(attempt, target=target, start=target / 15, tolerance=0.15, max_steps=5)
        resolution = next(r for r, labels in tried.items() if labels is best)
        whole.clear()  # a million small objects, of no use to the subsamples

        def group(part: Ints) -> Ints:
            inner, near = within(neighbors, part)
            groups = np.full(len(part), OUTLIER, dtype=np.int64)
            groups[inner] = found(edges(near, similarity[part[inner]]), len(inner), resolution)
            groups = without_small(groups, counts[part], smallest)
            own = points[part]
            groups = merged(groups, own, self.merge_similarity)
            return nearest(own, centroids(own, groups, counts[part]))[0]

        return group

    def _themes(
        self, points: Floats, counts: Ints, target: float, smallest: int
    ) -> tuple[Ints, NDArray[np.float64]]:
        neighbors, similarity = _neighbors(points, min(self.n_neighbors, len(points) - 1), self._seed)
        graph = edges(neighbors, similarity)

        def partition(resolution: float) -> Ints:
            groups = leiden(graph, len(points), resolution, seed=self._seed, iterations=2, trials=1)
            return without_small(groups, counts, smallest)

        groups = search_resolution(
            partition, target=target, start=max(1.0, target / 15), tolerance=0.15, max_steps=5
        )
        groups = merged(groups, points, self.merge_similarity)
        return self._assign(groups, points, counts, smallest=smallest, rounds=_ROUNDS)

    def _split(
        self, labels: Ints, similarity: NDArray[np.float64], points: Floats, counts: Ints
    ) -> tuple[Ints, NDArray[np.float64]]:
        """Split each theme that holds too many of the topics; leave the others unchanged."""
        total = int(counts.sum())
        labels = labels.copy()
        sizes = np.bincount(labels[labels != OUTLIER], weights=counts[labels != OUTLIER])
        too_large = np.flatnonzero(sizes > self.max_share * total)
        for label in too_large.tolist():
            members = np.flatnonzero(labels == label)
            if len(members) < FEWEST_TO_CENTRE:
                continue
            # Centre again: what the members share made them one theme.
            own = _centred(points[members], counts[members])
            target = max(2.0, 2 * sizes[label] / (self.max_share * total))
            parts, _ = self._themes(own, counts[members], target, self.smallest(len(members)))
            labels[members] = np.where(parts == OUTLIER, OUTLIER, parts + labels.max() + 1)
        return ranked(labels, points, counts) if len(too_large) else (labels, similarity)

    def _assign(
        self, groups: Ints, points: Floats, counts: Ints, *, smallest: int, rounds: int = 1
    ) -> tuple[Ints, NDArray[np.float64]]:
        """Assign each point to its nearest centroid if similar by `join_similarity`; dissolve small themes.

        One round keeps the themes where the groups were; more rounds move them, and farther if a firm is added.
        """
        labels = without_small(groups, counts, smallest)
        for _ in range(rounds):
            if labels.max(initial=OUTLIER) == OUTLIER:
                break
            near, similarity = nearest(points, centroids(points, labels, counts))
            moved = np.where(similarity >= self.join_similarity, near, OUTLIER)
            moved = without_small(moved, counts, smallest)
            settled = np.mean(moved != labels) < 0.001
            labels = moved
            if settled:
                break
        return ranked(labels, points, counts)


def _distinct(unit: Floats) -> tuple[Floats, Ints, Ints]:
    """Return the distinct rows, sorted, the index of each row among them, and their counts.

    Equal rows thus share a label, and row order does not matter.
    """
    _, first, where, counts = np.unique(
        sort_keys(unit), return_index=True, return_inverse=True, return_counts=True
    )
    return unit[first], where.reshape(-1).astype(np.int64), counts.astype(np.int64)


def _centred(points: Floats, counts: Ints) -> Floats:
    """Subtract the mean and scale to unit length. A few rows stay unchanged: their mean is not a common part."""
    if len(points) < FEWEST_TO_CENTRE:
        return points
    total = np.zeros((1, points.shape[1]))
    for start in range(0, len(points), BLOCK):
        part = slice(start, start + BLOCK)
        weighted = points[part].astype(np.float64) * counts[part, None]
        total = np.add.reduce(np.concatenate([total, weighted]), axis=0, keepdims=True)
    mean = total / counts.sum()
    centred = np.empty_like(points)
    for start in range(0, len(points), BLOCK):
        part = slice(start, start + BLOCK)
        centred[part] = unit_rows(np.round(points[part] - mean, DIGITS))
    return centred


def _neighbors(points: Floats, k: int, seed: int) -> tuple[Ints, NDArray[np.float64]]:
    """Return indices and cosines (six decimals) of k neighbours of each row, excluding itself: (n, k) each."""
    n = len(points)
    if n > EXACT_NEIGHBORS_UP_TO:
        import torch  # noqa: F401 - before numba's OpenMP, or torch is slowed twelvefold
        from pynndescent import NNDescent

        index = NNDescent(points, metric="cosine", n_neighbors=k + 1, random_state=seed, n_jobs=1)
        found, distances = index.neighbor_graph
        # Each row is its own first neighbour, unless other rows are at distance zero too.
        return found[:, 1:].astype(np.int64), np.round(1 - distances[:, 1:].astype(np.float64), DIGITS)
    return exact_neighbors(points, k)


def _linked(points: Floats, similarity: float) -> Ints:
    """Cluster a few points by average linkage, cut at `similarity`, the minimum cosine for a topic to join a theme."""
    return linked(cosine_distances(points), 1 - similarity)
