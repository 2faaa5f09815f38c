"""Families of themes in hindsight: the themes of many quarters clustered together once more.

Belongs here: the clustering. It uses all quarters at once, so the family of a theme of 2015 depends on themes of 2020:
for describing a whole sample, never for what was known at the time. Series are the start: those whose mean vectors are
alike are joined by average linkage, which mends series that broke off and opened anew. Each theme then goes to the
family that it is most like, which mends wrong links.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge, Le

from ftm_assets.methods.vectors import DIGITS, products, unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ROUNDS = 10
"""Most rounds in which themes change families; few need more than three."""


@dataclass(frozen=True)
class FamilyParams:
    """Parameters of families.

    The asset's config takes its defaults, bounds and descriptions from these fields.
    """

    join_similarity: Annotated[float, Ge(-1), Le(1)] = 0.65
    """Minimum mean similarity of series that are joined into a family; it depends on the embedding model."""


@dataclass(frozen=True)
class Families:
    """The family of each theme; arrays are in parallel to the themes."""

    labels: NDArray[np.int64]
    """Number of the family, 0 for the one with most themes."""
    similarity: NDArray[np.float64]
    """To the family's centroid."""


def families(
    vectors: NDArray[np.floating], series_ids: Sequence[str], params: FamilyParams | None = None
) -> Families:
    """Return the families of the themes of all quarters.

    Parameters
    ----------
    vectors : numpy.ndarray
        (n, d), unit length: `theme_profiles.vector` of all themes, sorted by theme id.
    series_ids : sequence of str
        The series of each.
    params : FamilyParams, optional
        Parameters; defaults if omitted.

    Examples
    --------
    >>> found = families(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.436]]), ["a", "b", "c"])
    >>> found.labels.tolist()
    [0, 1, 0]

    """
    params = params or FamilyParams()
    if not len(vectors):
        return Families(np.zeros(0, dtype=np.int64), np.zeros(0))
    _, of = np.unique(np.asarray(series_ids), return_inverse=True)
    labels = _joined(_centroids(vectors, of), params.join_similarity)[of]
    for _ in range(_ROUNDS):
        nearest = products(vectors, _centroids(vectors, labels)).argmax(axis=1)
        nearest = np.where(vectors.any(axis=1), nearest, labels)  # a zero vector is nearest to none
        _, nearest = np.unique(nearest, return_inverse=True)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
    sizes = Counter(labels.tolist())
    first = {label: i for i, label in reversed(list(enumerate(labels.tolist())))}
    rank = {label: r for r, label in enumerate(sorted(sizes, key=lambda k: (-sizes[k], first[k])))}
    ranked = np.array([rank[label] for label in labels.tolist()], dtype=np.int64)
    centroids = _centroids(vectors, ranked)
    similarity = np.concatenate(
        [
            np.einsum("ij,ij->i", vectors[i : i + 4096].astype(np.float64), centroids[ranked[i : i + 4096]])
            for i in range(0, len(vectors), 4096)
        ]
    )
    return Families(ranked, np.clip(np.round(similarity, DIGITS), -1, 1))


def _joined(centroids: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    if len(centroids) < 2:
        return np.zeros(len(centroids), dtype=np.int64)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distance = np.clip(1 - products(centroids, centroids), 0, 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    return np.asarray(fcluster(tree, 1 - threshold, "distance") - 1, dtype=np.int64)


def _centroids(vectors: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.zeros((int(labels.max()) + 1, vectors.shape[1]))
    np.add.at(sums, labels, vectors.astype(np.float64))
    return np.asarray(unit(sums))
