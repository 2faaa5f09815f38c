"""Many themes tested at once: adjusted p-values, and how many would be significant by chance.

What belongs here: the false discovery rate and the family-wise error rate of the tests of many series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def benjamini_hochberg(p: Floats) -> Floats:
    """Return the q-values of p-values (n,).

    Benjamini & Hochberg 1995, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57,
    289-300.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    if not len(p):
        return np.zeros(0)
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(p), dtype=np.float64)


def romano_wolf(t: Floats, scores: Floats, *, draws: int, seed: int) -> Floats:
    """Return p-values (n,) that control the probability of any false rejection among n tests.

    Step-down over bootstrapped maxima (Romano & Wolf 2005, "Exact and approximate stepwise methods for multiple
    hypothesis testing", Journal of the American Statistical Association 100, 94-108; p-values as Romano & Wolf 2016,
    Statistics & Probability Letters 113). Each draw gives every date a sign, the same in all series, so that series
    that share calls stay correlated: the wild score bootstrap with the null imposed (Kline & Santos 2012, "A score
    based approach to wild bootstrap inference", Journal of Econometric Methods 1), studentised in each draw.

    Parameters
    ----------
    t : numpy.ndarray
        float64 (n,): the statistic of each test, finite.
    scores : numpy.ndarray
        float64 (dates, n): sum, over the events of each date, of tone times return, both less their means; 0 on dates
        without events.
    draws : int
        Number of bootstrap draws.
    seed : int
        Seed of the draws.

    """
    n = len(t)
    if not n:
        return np.zeros(0)
    rng = np.random.default_rng(seed)
    squares = (scores**2).sum(axis=0)
    dates = np.maximum((scores != 0).sum(axis=0), 2)
    order = np.argsort(-np.abs(t), kind="stable")
    observed = np.abs(t)[order]
    exceeded = np.zeros(n)
    for start in range(0, draws, 500):
        signs = rng.integers(0, 2, (min(500, draws - start), len(scores))) * 2.0 - 1
        sums = signs @ scores
        spread = np.maximum(squares - sums**2 / dates, 0) * dates / (dates - 1)
        drawn = np.abs(np.divide(sums, np.sqrt(spread), out=np.full_like(sums, np.inf), where=spread > 0))
        drawn[:, squares == 0] = 0
        # The maximum over a test and all that are less significant.
        largest = np.maximum.accumulate(drawn[:, order][:, ::-1], axis=1)[:, ::-1]
        exceeded += (largest >= observed - 1e-12).sum(axis=0)
    adjusted = np.maximum.accumulate((1 + exceeded) / (1 + draws))
    found = np.empty(n)
    found[order] = adjusted
    return found
