"""A rule of linking to compare `methods.time` with: one to one first, then what is left over joins what it is like.

Clusterings that differ between quarters show one subject as two themes now and then. A one-to-one rule opens a series
for the second piece, which then competes with the first. Here a theme that found its most similar series taken joins it
if it is similar enough. The price: a part that splits off for good, and still resembles its origin, is not seen.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.vectors import unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.lineages import Quarter

    Floats = NDArray[np.float64]

FLOOR, JOIN, REGRET, LOOKBACK = 0.5, 0.7, 0.1, 8
NEWEST_WEIGHT, CENTROID_WEIGHT, N_NEAREST = 0.5, 0.5, 3


def joined(found: Sequence[Quarter], join: float | None = JOIN) -> list[list[str]]:
    """Return the series of each theme by quarter; `join` is the similarity from which pieces join, None for never."""
    series: list[list[str]] = []
    centroids: dict[str, Floats] = {}
    newest: dict[str, int] = {}
    members: list[tuple[int, str, Floats]] = []
    for t, quarter in enumerate(found):
        own = [f"{t}.{i}" for i in range(len(quarter.vectors))]
        members = [m for m in members if t - m[0] <= LOOKBACK]
        known = [s for s in centroids if t - newest[s] <= LOOKBACK]
        if known:
            near = _similarity(quarter.vectors, known, centroids, members)
            chosen = _matched(near)
            for i, row in enumerate(near):
                if i in chosen:
                    own[i] = known[chosen[i]]
                elif join is not None and row.max() >= join:
                    own[i] = known[int(row.argmax())]
        pieces: dict[str, list[int]] = defaultdict(list)
        for i, s in enumerate(own):
            pieces[s].append(i)
        for s, rows in pieces.items():
            whole = sum(
                (quarter.sizes[i] * quarter.vectors[i] for i in rows), np.zeros(len(quarter.vectors[0]))
            )
            mean = unit(whole[None])[0]
            past = centroids.get(s)
            mixed = mean if past is None else NEWEST_WEIGHT * mean + (1 - NEWEST_WEIGHT) * past
            centroids[s] = unit(mixed[None])[0]
            newest[s] = t
        members += [(t, s, v) for s, v in zip(own, quarter.vectors, strict=True)]
        series.append(own)
    return series


def _similarity(
    vectors: Floats, known: list[str], centroids: dict[str, Floats], members: list[tuple[int, str, Floats]]
) -> Floats:
    """Return the mean of the similarity to the centroid and to the three nearest themes: (themes, series)."""
    single = vectors @ np.array([v for _, _, v in members]).T
    of = np.array([s for _, s, _ in members])
    nearest = np.stack(
        [-np.sort(-single[:, of == s], axis=1)[:, :N_NEAREST].mean(axis=1) for s in known], axis=1
    )
    by_centroid = vectors @ np.array([centroids[s] for s in known]).T
    found: Floats = CENTROID_WEIGHT * by_centroid + (1 - CENTROID_WEIGHT) * nearest
    return found


def _matched(near: Floats) -> dict[int, int]:
    from scipy.optimize import linear_sum_assignment

    is_candidate = (near >= FLOOR) & (near >= near.max(axis=1, keepdims=True) - REGRET)
    rows, columns = linear_sum_assignment(np.where(is_candidate, near - FLOOR + 1e-6, 0), maximize=True)
    taken = is_candidate[rows, columns]
    return dict(zip(rows[taken].tolist(), columns[taken].tolist(), strict=True))
