"""Scores that compare across levels, quarters and models: how near a row is, against what a query usually finds there.

What belongs here: the scale of a level. Summaries lie nearer to any query than raw speech does, and the best of two
million sentences is nearer than the best of a hundred themes. So a cosine is measured against the level's own best hits
for background queries, which are sentences of the quarter: 0 is the usual cosine of the tenth best hit, and 1 is one
standard deviation of it, over the queries, above that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ftm_resources.retrieval.vector_scan import Vectors

BACKGROUND = 128
"""Background queries, evenly spaced over the quarter's sentences."""

RANK = 10
"""The hit whose cosine is the level's zero; the last one if the level has fewer rows."""

SAME = 0.98
"""Rows at least this near to a background query are the sentence itself, or the same words again."""

LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class Scale:
    """How cosines of a level turn into scores."""

    centre: float
    spread: float

    def scores(self, cosines: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the scores of cosines."""
        return (cosines.astype(np.float64) - self.centre) / self.spread


AS_IT_IS = Scale(0.0, 1.0)
"""The scale of a level without rows, or of a quarter without sentences."""


def scale_of(vectors: Vectors, queries: NDArray[np.float32]) -> Scale:
    """Return the scale of a level from background queries (m, d), each of unit length."""
    usual = []
    for query in queries:
        _, found = vectors.nearest(query, RANK + 4)
        others = found[found < SAME][:RANK]
        if len(others):
            usual.append(float(others[-1]))
    if not usual:
        return AS_IT_IS
    return Scale(float(np.mean(usual)), max(LEAST_SPREAD, float(np.std(usual))))


class Background:
    """Collects the mean of all vectors that pass by, and evenly spaced ones as background queries."""

    def __init__(self, rows: int) -> None:
        self._every, self._seen = max(1, rows // BACKGROUND), 0
        self._sum: NDArray[np.float64] | None = None
        self._queries: list[NDArray[np.float32]] = []

    def see(self, vectors: NDArray[np.float32]) -> None:
        """Take note of the next vectors (n, d)."""
        total = vectors.sum(axis=0, dtype=np.float64)
        self._sum = total if self._sum is None else self._sum + total
        first = -self._seen % self._every
        self._queries.append(vectors[first :: self._every].copy())
        self._seen += len(vectors)

    def mean(self) -> NDArray[np.float32]:
        """Return the mean (d,) of the vectors seen; (0,) of none."""
        if self._sum is None:
            return np.empty(0, np.float32)
        return (self._sum / self._seen).astype(np.float32)

    def queries(self) -> NDArray[np.float32]:
        """Return the background queries (m, d)."""
        return np.concatenate(self._queries)[:BACKGROUND] if self._queries else np.empty((0, 0), np.float32)
