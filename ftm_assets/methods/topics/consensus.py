"""Consensus of clusterings of subsamples of firms: which topics stay together, and which themes come again.

Each subsample keeps every topic of some firms and none of the others. Whether a firm is kept depends only on a hash of
the seed, the subsample and the firm, so a firm more or less leaves the others' subsamples as they were. Topics are
similar if they are clustered together in the subsamples that hold both (evidence accumulation: Fred & Jain 2005, IEEE
TPAMI 27, 835-850; on stability as a criterion Hennig 2007, CSDA 52, 258-271).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.vectors import DIGITS, products, unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_BLOCK = 256
"""Rows of a square matrix in memory at a time."""


def kept(firms: Sequence[str], n_subsamples: int, share: float, seed: int) -> NDArray[np.bool_]:
    """Return which firm is in which subsample, bool (n_subsamples, firms): about `share` of the firms in each."""
    bound = int(share * 2**64)
    found = np.zeros((n_subsamples, len(firms)), dtype=bool)
    for draw in range(n_subsamples):
        for i, firm in enumerate(firms):
            digest = blake2b(f"{seed}\0{draw}\0{firm}".encode(), digest_size=8).digest()
            found[draw, i] = int.from_bytes(digest) < bound
    return found


class Likeness:
    """Cosines of smoothed points, of all of them or of a part.

    A point is smoothed by adding its neighbours, weighted by the square of what their cosine exceeds `near` by. The
    weight falls to zero smoothly, so that no point jumps when its neighbours change a little. Smoothing is a step of
    mean shift (Comaniciu & Meer 2002, IEEE TPAMI 24, 603-619). A part is smoothed by its own points only.
    """

    def __init__(self, points: NDArray[np.floating], n_neighbors: int) -> None:
        """Take unit rows (n, d); `near` is such that a point has n_neighbors on average. Memory: 3 n² float64."""
        from scipy.sparse import csr_array

        n = len(points)
        cosines = products(points, points)
        # The diagonal counts: each point is near itself.
        rank = max(n * n - n * (n_neighbors + 1), 0)
        self.near = float(np.partition(cosines, rank, axis=None)[rank])
        self._cosines = cosines.astype(np.float32)
        self._weights = csr_array(np.maximum(self._cosines - np.float32(self.near), 0) ** 2)

    def distances(self, part: Ints) -> Floats:
        """Return one minus the cosine of each pair of smoothed points of a part, condensed (m (m - 1) / 2,)."""
        from scipy.spatial.distance import squareform

        weights = self._weights[part][:, part]
        cosines = self._cosines.take(part, axis=0).take(part, axis=1)  # a quarter of the time of np.ix_
        smoothed = weights @ np.ascontiguousarray((weights @ cosines).T)
        lengths = np.sqrt(np.maximum(smoothed.diagonal(), 1e-12))
        smoothed /= lengths
        smoothed /= lengths[:, None]
        alike = squareform(smoothed, checks=False).astype(np.float64)
        distances: Floats = np.clip(np.round(1 - alike, DIGITS), 0, 2)
        return distances


def cosine_distances(rows: NDArray[np.floating]) -> Floats:
    """Return one minus the cosine, to six decimals, of each pair of unit rows (n, d), condensed (n (n - 1) / 2,).

    The square matrix is never whole in memory: of the themes of ten subsamples it would take twice the result.
    """
    n = len(rows)
    found, filled = np.empty(n * (n - 1) // 2), 0
    for start in range(0, n, _BLOCK):
        for i, cosines in enumerate(products(rows[start : start + _BLOCK], rows[start:])):
            after = cosines[i + 1 :]
            np.subtract(1, after, out=found[filled : filled + len(after)])
            filled += len(after)
    return found


def linked(distances: Floats, most: float) -> Ints:
    """Return the groups of average linkage, from condensed distances (m (m - 1) / 2,), cut at distance `most`."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if not len(distances):
        return np.zeros(1, dtype=np.int64)
    found: Ints = fcluster(linkage(distances, "average"), most, "distance").astype(np.int64) - 1
    return found


def apart(groups: Sequence[tuple[Ints, Ints]], n: int) -> Floats:
    """Return the share of subsamples that separate each pair among those that hold both, condensed (n (n - 1) / 2,).

    `groups` has, per subsample, the points it holds and the group of each. Pairs that no subsample holds are apart.
    """
    from scipy.sparse import csr_array
    from scipy.spatial.distance import squareform

    both, together = np.zeros((n, n), dtype=np.float32), np.zeros((n, n), dtype=np.float32)
    held = np.zeros((len(groups), n), dtype=np.float32)
    columns = [np.empty(0, dtype=np.int64)]
    first = 0
    for draw, (points, labels) in enumerate(groups):
        held[draw, points] = 1
        columns.append(labels + first)
        first += int(labels.max(initial=-1)) + 1
    rows = np.concatenate([np.empty(0, dtype=np.int64), *(p for p, _ in groups)])
    members = csr_array(
        (np.ones(len(rows), np.float32), (rows, np.concatenate(columns))), shape=(n, max(first, 1))
    )
    together = (members @ members.T).toarray()
    both = held.T @ held  # whole numbers: exact in any order
    separate: Floats = 1 - together.astype(np.float64) / np.maximum(both, 1)
    np.fill_diagonal(separate, 0)
    condensed: Floats = squareform(separate, checks=False)
    return condensed


def recurring(found: Sequence[NDArray[np.floating]], alike: float) -> NDArray[np.float64]:
    """Return the themes that come again in at least half of the subsamples, as unit centroids (themes, d).

    `found` has the unit centroids of each subsample's themes. They are linked by average linkage down to a cosine of
    `alike`. Groups are taken in the order of how many subsamples they come from; a group as near as that to one
    taken before is another version of it and left out.
    """
    rows = np.vstack(found)
    draws = np.repeat(np.arange(len(found)), [len(own) for own in found])
    if not len(rows):
        return rows.astype(np.float64)
    groups = linked(cosine_distances(rows), 1 - alike)
    n_groups = int(groups.max()) + 1
    pairs = np.unique(groups * len(found) + draws)
    n_draws = np.bincount(pairs // len(found), minlength=n_groups)
    sums = np.zeros((n_groups, rows.shape[1]))
    np.add.at(sums, groups, rows.astype(np.float64))
    centroids = unit(sums)
    taken: list[int] = []
    for group in np.lexsort((-np.bincount(groups), -n_draws)).tolist():
        if 2 * n_draws[group] < len(found):
            break
        if not taken or products(centroids[[group]], centroids[taken]).max() <= alike:
            taken.append(group)
    return centroids[taken]


def stability(
    centroids: NDArray[np.floating], found: Sequence[NDArray[np.floating]], least: float
) -> NDArray[np.float64]:
    """Return the share of subsamples in which each theme comes again, float64 (themes,).

    A theme comes again in a subsample if the cosine of its centroid and that of the subsample's nearest theme is at
    least `least`. `centroids` are unit rows (themes, d); `found` those of each subsample's themes.
    """
    again = np.zeros(len(centroids))
    for own in found:
        if len(own) and len(centroids):
            again += products(centroids, own).max(axis=1) >= least
    share: Floats = again / max(len(found), 1)
    return share


def within(neighbors: Ints, part: Ints) -> tuple[Ints, Ints]:
    """Return the nearest-neighbour graph within a part of the points.

    `neighbors` (n, k) are of all points, `part` (m,) is sorted. Returned are the positions in `part` of the points that
    have an edge there (j,), and their neighbours (j, k) as positions among these; -1 is none.
    """
    place = np.full(len(neighbors) + 1, -1, dtype=np.int64)
    place[part] = np.arange(len(part))
    near = place[neighbors[part]]
    has_edge: NDArray[np.bool_] = np.asarray((near >= 0).any(axis=1))
    has_edge[near[near >= 0]] = True
    inner = np.flatnonzero(has_edge)
    again = np.full(len(part) + 1, -1, dtype=np.int64)
    again[inner] = np.arange(len(inner))
    return inner, again[near[inner]]
