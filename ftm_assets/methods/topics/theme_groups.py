"""Groups of rows: their centroids, likeness and merging, and the nearest centroid of each row.

Rows are unit vectors (n, d) float32; labels (n,) int64 number the groups from 0, -1 for none; counts (n,) int64 say how
many topics a row stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_assets.methods.topics.graph import OUTLIER, by_size
from ftm_assets.methods.vectors import BLOCK, DIGITS, products, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]

_BLOCK = 2_000
_COLUMNS = 64
"""Columns in double precision at a time."""


def unit_rows(rows: NDArray[np.floating]) -> Floats:
    """Return the rows (n, d), of any real dtype, at unit length, float32; zero rows stay zero."""
    found = np.zeros((len(rows), rows.shape[1] if rows.size else 1), dtype=np.float32)
    for start in range(0, len(rows) if rows.size else 0, BLOCK):
        found[start : start + BLOCK] = unit(rows[start : start + BLOCK].astype(np.float64))
    return found


def _sums(points: Floats, labels: Ints, weights: NDArray[Any]) -> NDArray[np.float64]:
    """Return the weighted sum of each theme's rows, float64 (themes, d)."""
    from scipy.sparse import csr_array

    inside = np.flatnonzero(labels != OUTLIER)
    shape = (int(labels.max()) + 1, len(points))
    members = csr_array((weights[inside].astype(np.float64), (labels[inside], inside)), shape=shape)
    sums = np.empty((shape[0], points.shape[1]))
    # Columns do not depend on each other, and rows keep their order.
    for start in range(0, points.shape[1], _COLUMNS):
        part = slice(start, start + _COLUMNS)
        sums[:, part] = members @ points[:, part].astype(np.float64)
    return sums


def centroids(points: Floats, labels: Ints, counts: Ints) -> Floats:
    """Return the mean of each theme's rows at unit length, float32 (themes, d)."""
    return unit_rows(_sums(points, labels, counts))


def merged(labels: Ints, points: Floats, threshold: float) -> Ints:
    """Return the labels with groups of likeness `threshold` or more merged by average linkage."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if labels.max(initial=OUTLIER) < 1:
        return labels
    distance = 1 - _likeness(labels, points)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(np.clip(distance, 0, 2), checks=False), "average")
    group = np.append(fcluster(tree, 1 - threshold, "distance") - 1, OUTLIER)  # -1 indexes the last
    found: Ints = group[labels].astype(np.int64)
    return found


def _likeness(labels: Ints, points: Floats) -> NDArray[np.float64]:
    """Return the similarity of each pair of groups, (groups, groups): 1 for two random halves of one group.

    The mean cosine between members of the two groups is divided by the geometric mean of the mean cosines within
    each. Centroids of few members are noisy and therefore look different; the division corrects for that, as in
    Spearman's correction for attenuation (1904, The American Journal of Psychology 15, 72-101).
    """
    sizes = np.bincount(labels[labels != OUTLIER]).astype(np.float64)
    sums = _sums(points, labels, np.ones(len(points)))
    within = ((sums**2).sum(axis=1) - sizes) / np.maximum(sizes * (sizes - 1), 1)
    between = np.einsum("ik,jk->ij", sums, sums) / np.outer(sizes, sizes)  # no BLAS: fixed order of addition
    coherence = np.sqrt(np.maximum(within, 1e-6))
    likeness = np.clip(between / np.outer(coherence, coherence), -1, 1)
    # A group without coherence is similar to no other.
    likeness[within <= 0] = likeness[:, within <= 0] = 0
    rounded: NDArray[np.float64] = np.round(likeness, DIGITS)
    return rounded


def nearest(points: Floats, centres: Floats) -> tuple[Ints, NDArray[np.float64]]:
    """Return each row's nearest centroid and its cosine to it, to six decimals; ties go to the first."""
    found, similarity = np.empty(len(points), dtype=np.int64), np.empty(len(points))
    for start in range(0, len(points), _BLOCK):
        cosine = products(points[start : start + _BLOCK], centres)
        best = cosine.argmax(axis=1)
        found[start : start + _BLOCK] = best
        similarity[start : start + _BLOCK] = cosine[np.arange(len(best)), best]
    return found, similarity


def without_small(labels: Ints, counts: Ints, smallest: int) -> Ints:
    """Return the labels without clusters of fewer than `smallest` rows, renumbered from 0 without gaps."""
    inside = labels != OUTLIER
    if not inside.any():
        return labels
    sizes = np.bincount(labels[inside], weights=counts[inside])
    kept = sizes >= smallest
    names = np.append(np.where(kept, np.cumsum(kept) - 1, OUTLIER), OUTLIER)  # -1 indexes the last
    found: Ints = names[labels].astype(np.int64)
    return found


def ranked(labels: Ints, points: Floats, counts: Ints) -> tuple[Ints, NDArray[np.float64]]:
    """Return themes renumbered by size (ties by first row) and each row's cosine to its or the nearest theme."""
    order = by_size(labels, counts)
    inside = order != OUTLIER
    if not inside.any():
        return order, np.zeros(len(order))
    centres = centroids(points, order, counts)
    _, similarity = nearest(points, centres)
    own = np.round((points[inside] * centres[order[inside]]).sum(axis=1).astype(np.float64), DIGITS)
    similarity[inside] = own
    return order, similarity
