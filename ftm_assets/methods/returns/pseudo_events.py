"""Pseudo-events: days on which a firm held no call, drawn for a placebo.

What belongs here: which days may be drawn, and the draw. It depends on the seed and the call alone, not on other calls.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DISTANCE = 10
"""Trading days between a pseudo-event and any call of the firm, at least."""

NONE = -1
"""Position of no day."""


def pseudo_days(
    events: Sequence[str],
    firms: Sequence[str],
    zero: NDArray[np.int64],
    first: int,
    last: int,
    *,
    seed: int,
    distance: int = DISTANCE,
) -> NDArray[np.int64]:
    """Return a trading day for each event, more than `distance` trading days from day 0 of every call of its firm.

    Calls of other quarters are not known here: so no day is among the first or the last `distance` of the quarter.

    Parameters
    ----------
    events, firms : sequence of str
        Ids of the events and of their firms; all calls of the quarter.
    zero : numpy.ndarray
        int64 (n,): position of each event's day 0.
    first, last : int
        Positions of the quarter's first and last trading day.
    seed : int
        Seed of the draw.
    distance : int
        See above.

    Returns
    -------
    numpy.ndarray
        int64 (n,): positions; NONE where no day is far enough from the firm's calls.

    Examples
    --------
    >>> pseudo_days(["a"], ["1"], np.array([30]), 0, 61, seed=0).tolist()[0] in {*range(10, 20), *range(41, 52)}
    True

    """
    days = np.arange(first + distance, last - distance + 1)
    calls: dict[str, list[int]] = {}
    for firm, at in zip(firms, zero.tolist(), strict=True):
        calls.setdefault(firm, []).append(at)
    far = {
        firm: days[(np.abs(days[:, None] - np.array(own)[None, :]) > distance).all(axis=1)]
        for firm, own in calls.items()
    }
    found = np.full(len(events), NONE, dtype=np.int64)
    for i, (event, firm) in enumerate(zip(events, firms, strict=True)):
        if len(far[firm]):
            digest = hashlib.blake2b(f"{seed}:{event}".encode(), digest_size=8).digest()
            found[i] = far[firm][int.from_bytes(digest) % len(far[firm])]
    return found
