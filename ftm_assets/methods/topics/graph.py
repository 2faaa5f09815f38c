"""Nearest-neighbour graphs and Leiden on them: what the clusterers of sentences and of topics have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_assets.methods.vectors import SCALE, finite_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Edge = tuple[str, str, float]
    RandomState = int | np.random.RandomState | None

OUTLIER = -1

_BLOCK = 1024
"""Rows of the similarity matrix held at once: 8 MiB per thousand rows."""
_MIN_WEIGHT = 0.01
"""Leiden wants positive weights, and a nearest neighbour at or below cosine zero is one still."""


def checked_rows(estimator: Any, x: ArrayLike) -> Floats:
    """Return the rows that `estimator` is to fit, float64 (n, d), and set its `n_features_in_`.

    Checked as scikit-learn checks them, but that no rows are rows too, and one that is not finite is named.
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
    """Return the seed that scikit-learn's `random_state` means: an integer is one itself."""
    from sklearn.utils import check_random_state

    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def by_size(labels: Ints, counts: Ints) -> Ints:
    """Return the labels with clusters numbered from 0 by their rows, largest first, ties by first node.

    `labels` (n,) of nodes, -1 for none; `counts` (n,), how many rows each node stands for.
    """
    found, first = np.unique(labels, return_index=True)
    first = first[found != OUTLIER]
    found = found[found != OUTLIER]
    if not found.size:
        return labels
    inside = labels != OUTLIER
    sizes = np.bincount(labels[inside], weights=counts[inside])[found]
    rank = np.full(int(found.max()) + 2, OUTLIER, dtype=np.int64)  # its last place is what -1 indexes
    rank[found[np.lexsort((first, -sizes))]] = np.arange(len(found))
    return rank[labels]


def sort_keys(unit: NDArray[np.floating]) -> NDArray[np.void]:
    """Return a key per row of `unit` (n, d), values in [-1, 1]: equal for rows that are equal to six digits.

    Keys sort as the numbers do, the first column first, so that rows a little different, as another processor
    gives them, are in the same order still: Leiden's path depends on the order of nodes.
    """
    # Bytes sort as unsigned numbers do if the highest comes first.
    whole = np.ascontiguousarray((np.rint(unit * SCALE).astype(np.int64) + 2**31).astype(">u4"))
    return whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()


def products(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """Return the inner products of the rows of `a` (n, d) and `b` (m, d), to six digits: float64 (n, m).

    The same bits whatever BLAS, its threads and the processor: rows count in millionths, and float64 holds
    whole numbers and their sums exactly, in whatever order they are added. Rows are of length one or so: the
    sums must stay below 2^53 millionths squared.
    """
    left, right = np.rint(a.astype(np.float64) * SCALE), np.rint(b.astype(np.float64) * SCALE)
    found: Floats = np.rint(left @ right.T / SCALE) / SCALE
    return found


def exact_neighbors(unit: NDArray[np.floating], k: int) -> tuple[Ints, Floats]:
    """Return indices and cosines, to six digits, of the k nearest other rows of `unit` (n, d), k < n: (n, k) each.

    A row's neighbours are in ascending order of index; of equally near ones those of lesser index are taken.
    """
    n = len(unit)
    neighbors, similarity = np.empty((n, k), dtype=np.int64), np.empty((n, k))
    whole = np.rint(unit.astype(np.float64) * SCALE)  # no rounding in products, whatever BLAS: see `products`
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        cosine = np.rint(whole[start:stop] @ whole.T / SCALE).astype(np.int64)
        cosine[np.arange(stop - start), np.arange(start, stop)] = -2 * SCALE  # not its own neighbour
        # One integer per pair that ranks by similarity, then by node: no ties, so the k least are one set.
        rank = -cosine * n + np.arange(n)
        nearest = np.sort(np.argpartition(rank, k - 1, axis=1)[:, :k], axis=1)
        neighbors[start:stop] = nearest
        similarity[start:stop] = np.take_along_axis(cosine, nearest, axis=1) / SCALE
    return neighbors, similarity


def edges(neighbors: Ints, similarity: Floats) -> list[Edge]:
    """Return the edges of a neighbour graph, each once; where both are neighbours the weight is double.

    A neighbour of -1 is one that was not found: no edge.
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
    """Return the labels of the resolution at which `partition` comes nearest to `target` clusters, in ratio.

    `partition` gives labels (-1: none) at a resolution. The search begins at `start` and ends within the share
    `tolerance` of the target, or half a cluster, or after `max_steps` resolutions.
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
        # The number of clusters grows about in proportion; between two bounds, their geometric mean is safe.
        guess = resolution * target / found
        resolution = guess if low < guess < high else float(np.sqrt(low * high))
    return best
