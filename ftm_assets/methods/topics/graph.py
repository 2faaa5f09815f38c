"""Nearest-neighbour graphs and Leiden: code shared by the clusterers of sentences and of topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_assets.methods.vectors import BLOCK, SCALE, finite_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Edge = tuple[str, str, float]
    RandomState = int | np.random.RandomState | None

OUTLIER = -1

_CELLS = 2**22
"""Cells of the similarity matrix in memory at once: 32 MiB, five times over while they are ranked."""
_MIN_WEIGHT = 0.01
"""Leiden needs positive weights; a nearest neighbour with cosine zero or below still gets an edge."""


def checked_rows(estimator: Any, x: ArrayLike) -> Floats:
    """Return the rows for `estimator` to fit, float64 (n, d), and set its `n_features_in_`.

    Applies scikit-learn's checks, except that empty input is allowed and the first non-finite row is named.
    """
    from sklearn.utils.validation import validate_data

    rows = np.zeros((0, 0)) if isinstance(x, list) and not x else x
    rows = validate_data(
        estimator,
        rows,
        dtype=np.float64,
        ensure_all_finite=False,
        ensure_min_samples=0,
        ensure_min_features=0,
    )
    return finite_rows(rows)


def seed_of(random_state: RandomState) -> int:
    """Return an integer seed for scikit-learn's `random_state`; an integer is returned unchanged."""
    from sklearn.utils import check_random_state

    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def by_size(labels: Ints, counts: Ints) -> Ints:
    """Return the labels with clusters renumbered from 0 by number of rows, largest first, ties by first node.

    `labels` (n,) are per node, -1 for none; `counts` (n,) is the number of rows each node represents.
    """
    found, first = np.unique(labels, return_index=True)
    first = first[found != OUTLIER]
    found = found[found != OUTLIER]
    if not found.size:
        return labels
    inside = labels != OUTLIER
    sizes = np.bincount(labels[inside], weights=counts[inside])[found]
    rank = np.full(int(found.max()) + 2, OUTLIER, dtype=np.int64)  # index -1 maps to the last element
    rank[found[np.lexsort((first, -sizes))]] = np.arange(len(found))
    return rank[labels]


def sort_keys(unit: NDArray[np.floating]) -> NDArray[np.void]:
    """Return a sort key per row of `unit` (n, d), values in [-1, 1]: rows equal to six decimals have equal keys.

    Keys sort numerically, first column first. Rows that differ slightly between processors therefore keep their
    order, on which Leiden's result depends.
    """
    # Big-endian bytes sort like unsigned numbers.
    whole = np.empty((len(unit), unit.shape[1]), dtype=">u4")
    for start in range(0, len(unit), BLOCK):
        part = slice(start, start + BLOCK)
        whole[part] = np.rint(unit[part] * SCALE).astype(np.int64) + 2**31
    return whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()


def exact_neighbors(unit: NDArray[np.floating], k: int) -> tuple[Ints, Floats]:
    """Return indices and cosines (six decimals) of the k nearest other rows of `unit` (n, d), k < n: (n, k) each.

    A row's neighbours are in ascending order of index; ties go to the lower index.
    """
    n = len(unit)
    neighbors, similarity = np.empty((n, k), dtype=np.int64), np.empty((n, k))
    whole = np.rint(
        unit.astype(np.float64) * SCALE
    )  # integers, so that products are exact: see `vectors.products`
    block = max(_CELLS // max(n, 1), 1)
    for start in range(0, n, block):
        stop = min(start + block, n)
        cosine = np.rint(whole[start:stop] @ whole.T / SCALE).astype(np.int64)
        cosine[np.arange(stop - start), np.arange(start, stop)] = -2 * SCALE  # not its own neighbour
        # One integer per pair, ranking by similarity and then by node. No ties, so the k smallest are unique.
        rank = -cosine * n + np.arange(n)
        nearest = np.sort(np.argpartition(rank, k - 1, axis=1)[:, :k], axis=1)
        neighbors[start:stop] = nearest
        similarity[start:stop] = np.take_along_axis(cosine, nearest, axis=1) / SCALE
    return neighbors, similarity


def edges(neighbors: Ints, similarity: Floats) -> list[Edge]:
    """Return each edge of a neighbour graph once; mutual neighbours have double weight.

    A neighbour of -1 was not found and gives no edge.
    """
    n, k = neighbors.shape
    found = neighbors.ravel() >= 0
    source, target = np.repeat(np.arange(n), k)[found], neighbors.ravel()[found]
    pair, index = np.unique(np.minimum(source, target) * n + np.maximum(source, target), return_inverse=True)
    weight = np.bincount(index, weights=np.maximum(similarity.ravel()[found], _MIN_WEIGHT))
    names = [str(i) for i in range(n)]
    return [(names[p // n], names[p % n], w) for p, w in zip(pair.tolist(), weight.tolist(), strict=True)]


def leiden(
    graph: list[Edge], n_nodes: int, resolution: float, *, seed: int, iterations: int, trials: int
) -> Ints:
    """Return the community of each node, int64 (n,): Leiden (Traag et al. 2019, arXiv:1810.08473) on modularity."""
    import graspologic_native

    _, partition = graspologic_native.leiden(
        graph, resolution=resolution, iterations=iterations, seed=seed, trials=trials
    )
    return np.array([partition[str(i)] for i in range(n_nodes)], dtype=np.int64)


def search_resolution(
    partition: Callable[[float], Ints], *, target: float, start: float, tolerance: float, max_steps: int
) -> Ints:
    """Return the labels at the resolution whose number of clusters is closest, in ratio, to `target`.

    `partition` returns labels (-1: none) for a resolution. The search begins at `start` and ends within
    `tolerance` (a share) of the target, within half a cluster of it, or after `max_steps` resolutions.
    """
    best, best_distance = np.empty(0, dtype=np.int64), np.inf
    resolution, low, high = start, 0.0, np.inf
    for _ in range(max_steps):
        labels = partition(resolution)
        found = max(len(np.unique(labels[labels != OUTLIER])), 1)
        distance = abs(np.log(found / target))
        if distance < best_distance:
            best, best_distance = labels, distance
        if abs(found - target) <= max(tolerance * target, 0.5):
            break
        low, high = (resolution, high) if found < target else (low, resolution)
        # The number of clusters is roughly proportional to the resolution; between two bounds, their geometric
        # mean is safe.
        guess = resolution * target / found
        resolution = guess if low < guess < high else float(np.sqrt(low * high))
    return best
