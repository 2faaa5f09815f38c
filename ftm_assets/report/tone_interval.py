"""The 95% interval of a score, by the rule of the tables: score ± t(score_df) * score_se."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL = 0.95


def intervals(
    scores: Sequence[float | None], errors: Sequence[float | None], freedom: Sequence[float | None]
) -> tuple[list[float | None], list[float | None]]:
    """Return the lower and upper bounds of scores with standard errors and degrees of freedom; None where one is None.

    Bounds may lie beyond [-1, 1]: few firms say little, and the interval says so.

    >>> intervals([0.1, 0.5], [0.05, None], [4.0, None])
    ([-0.0388, None], [0.2388, None])
    """
    from scipy.special import stdtrit

    known = [None not in row for row in zip(scores, errors, freedom, strict=True)]
    at = np.array([k for k, is_known in enumerate(known) if is_known], dtype=np.int64)
    score, error, df = (np.array([column[i] for i in at], float) for column in (scores, errors, freedom))
    half = stdtrit(df, 0.5 + LEVEL / 2) * error if len(at) else np.zeros(0)
    low: list[float | None] = [None] * len(known)
    high: list[float | None] = [None] * len(known)
    for i, lower, upper in zip(at.tolist(), (score - half).tolist(), (score + half).tolist(), strict=True):
        low[i], high[i] = round(lower, 4), round(upper, 4)
    return low, high
