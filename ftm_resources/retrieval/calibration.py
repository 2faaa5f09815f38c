"""Scores that compare across levels, quarters and models: how near a row is, against what a query usually finds there.

What belongs here: the scale of a level. Summaries and raw speech lie at different distances from a query, and the best
of two million sentences is nearer than the best of a hundred themes. So a cosine is measured against the level's own
best hits for background queries, which are sentences of the quarter, that are like speech, and topics, that are like
subjects: 0 is the usual cosine of the tenth best hit (of fewer than 200 rows, of a better one), and 1 is one standard
deviation of it, over the queries, above that. Themes are made of topics, so for them only sentences count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from ftm_resources.retrieval.levels import Rows

BACKGROUND = 64
"""Background queries of each kind, evenly spaced over the quarter's rows."""

RANK, ROWS_PER_RANK = 10, 20
"""The hit whose cosine is the level's zero: the tenth, or of fewer than 200 rows the last of the best twentieth. The
tenth of fifteen themes says nothing of the query."""

SAME = 0.98
"""Rows at least this near to a background query are the sentence itself, or the same words again."""

LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class Scale:
    """How cosines of a level turn into scores."""

    centre: float
    spread: float

    def score(self, cosine: float) -> float:
        """Return the score of a cosine."""
        return (cosine - self.centre) / self.spread


AS_IT_IS = Scale(0.0, 1.0)
"""The scale of a level without rows, or of a quarter without sentences."""


class Nearby(Protocol):
    """Vectors among which the nearest are found."""

    def nearest(
        self, query: NDArray[np.float32], n: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See `vector_scan.Vectors`."""

    def release(self) -> None:
        """See `vector_scan.Vectors`."""


def scale_of(
    vectors: Nearby, queries: Iterable[NDArray[np.float32]], *, mask: NDArray[np.bool_] | None, n: int
) -> Scale:
    """Return the scale of the `n` rows of a level that a mask leaves (None: all), from background queries (d,)."""
    usual, rank = [], min(RANK, max(1, n // ROWS_PER_RANK))
    for query in queries:
        _, found = vectors.nearest(query, rank + 4, mask)
        vectors.release()  # else all rows that any query met stay in memory
        others = found[found < SAME][:rank]
        if len(others):
            usual.append(float(others[-1]))
    if not usual:
        return AS_IT_IS
    return Scale(float(np.mean(usual)), max(LEAST_SPREAD, float(np.std(usual))))


class Sample:
    """Collects evenly spaced vectors of those that pass by."""

    def __init__(self, n: int) -> None:
        self._every, self._seen = max(1, n // (2 * BACKGROUND)), 0
        self._kept: list[NDArray[np.float32]] = []

    def see(self, vectors: NDArray[np.float32], wanted: NDArray[np.bool_] | None = None) -> None:
        """Take note of the next vectors (n, d), and which of them may be sampled (None: all)."""
        first = -self._seen % self._every
        kept = vectors[first :: self._every]
        self._kept.append(kept.copy() if wanted is None else kept[wanted[first :: self._every]])
        self._seen += len(vectors)

    def vectors(self) -> list[NDArray[np.float32]]:
        """Return at most BACKGROUND vectors (d,)."""
        found = [vector for some in self._kept for vector in some]
        if len(found) <= BACKGROUND:
            return found
        return [found[i] for i in np.linspace(0, len(found) - 1, BACKGROUND).astype(int)]


def background_of(level: str, samples: Mapping[str, Sample], dimension: int) -> list[NDArray[np.float32]]:
    """Return the background queries (d,) of a level, of the samples of sentences and topics."""
    kinds = ("sentence",) if level == "theme" else ("sentence", "topic")
    # Topics may be of another model than sentences, until they are made again.
    return [q for kind in kinds for q in samples[kind].vectors() if len(q) == dimension]


def may_be_query(level: str, rows: Rows) -> NDArray[np.bool_] | None:
    """Return the mask (n,) of the rows that may be background queries; None for all."""
    return rows.columns["is_procedural"] == 0 if level == "sentence" else None
