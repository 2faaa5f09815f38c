"""Statistics of whether the mean abnormal return of a group of events is zero, and for which events each is fit.

What belongs here: pure functions on the CARs, their standard deviations and the abnormal returns of the estimation
window. No maintained library has these statistics; `benchmarks.event_truth` measures how often each rejects when there
is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FIT = 0.065
"""A statistic is fit if it would reject at 5% no more often than this when there is nothing."""
_FEWEST = 3
"""Fewer events have no cross-sectional variance worth the name."""


def patell(scar: Floats, spare: NDArray[np.int64]) -> float:
    """Return Patell's statistic of standardised CARs: their sum over the root of the sum of their variances.

    The variance of one is d / (d - 2), where d is `spare`, the degrees of freedom of its standard deviation (Patell
    1976, "Corporate forecasts of earnings per share and stock price behavior", Journal of Accounting Research 14, 246-
    276). Normal if events are independent and do not raise the variance. NaN without events.

    >>> round(patell(np.array([1.0, 2.0]), np.array([102, 102])), 4)
    2.1004
    """
    if not len(scar):
        return float("nan")
    return float(scar.sum() / np.sqrt((spare / (spare - 2.0)).sum()))


def bmp(scar: Floats) -> float:
    """Return the standardised cross-sectional statistic: the mean of standardised CARs over its standard error.

    Boehmer, Musumeci & Poulsen 1991, "Event-study methodology under conditions of event-induced variance", Journal of
    Financial Economics 30, 253-272. Student's t of n - 1 degrees of freedom if events are independent. NaN with fewer
    than three events or without variance.

    >>> round(bmp(np.array([1.0, 2.0, 3.0])), 4)
    3.4641
    """
    if len(scar) < _FEWEST or not (sd := scar.std(ddof=1)):
        return float("nan")
    return float(scar.mean() / (sd / np.sqrt(len(scar))))


def kolari_pynnonen(statistic: float, correlation: float, n: int) -> float:
    """Return BMP's statistic corrected for the mean correlation of n events.

    Kolari & Pynnönen 2010, "Event study testing with cross-sectional correlation of abnormal returns", Review of
    Financial Studies 23, 3996-4025, eq. 10. `correlation` is the mean over all pairs, each weighted by the share of
    days in common (Kolari, Pape & Pynnönen 2018, "Event study testing with cross-sectional correlation due to partially
    overlapping event windows"): pairs of events that do not overlap count as uncorrelated. NaN if the correlation is
    so negative that the variance of the mean is not positive.

    >>> kolari_pynnonen(2.0, 0.0, 50), round(kolari_pynnonen(2.0, 0.02, 51), 4)
    (2.0, 1.4)
    """
    spread = 1 + (n - 1) * correlation
    return float(statistic * np.sqrt((1 - correlation) / spread)) if spread > 0 else float("nan")


@dataclass(frozen=True)
class Overlap:
    """How events overlap in calendar time."""

    correlation: float
    """Mean over pairs of their correlation times the share of days in common; 0 for pairs that do not overlap."""
    share: float
    """Share of the pairs that overlap."""


def overlaps(standard: NDArray[np.floating], zero: NDArray[np.int64], lengths: list[int]) -> list[Overlap]:
    """Return, for windows of each of these lengths in days, how events overlap.

    The correlation of two events is that of their abnormal returns on the days that both estimation windows have.

    Parameters
    ----------
    standard : numpy.ndarray
        (n, days): abnormal returns of the estimation window as `standardised` returns them. Its days are trading days
        in order, at the same distance from day 0 for every event.
    zero : numpy.ndarray
        int64 (n,): the trading day, counted from any start, of each event's day 0.
    lengths : list of int
        Lengths of windows, each 1 or more.

    """
    n = len(zero)
    if n < 2:
        return [Overlap(0.0, 0.0)] * len(lengths)
    order = np.argsort(zero, kind="stable")
    days, starts = np.unique(zero[order], return_index=True)
    unit = standard[order]
    sums = np.add.reduceat(unit, starts, axis=0)
    counts = np.diff([*starts, n]).astype(np.float64)
    # Days in a row, so that a lag is an offset; gaps longer than every window are closed.
    reach = max(lengths)
    place = np.concatenate([[0], np.cumsum(np.minimum(np.diff(days), reach))])
    by_day = np.zeros((place[-1] + 1, sums.shape[1]), dtype=np.float32)
    per_day = np.zeros(place[-1] + 1)
    by_day[place], per_day[place] = sums, counts
    own = float(np.einsum("ij,ij->", unit, unit, dtype=np.float64))
    total = sums.shape[1]
    common, pairs = np.zeros(reach), np.zeros(reach)
    for lag in range(min(reach, len(per_day), total)):
        earlier, later = by_day[: len(by_day) - lag, lag:], by_day[lag:, : total - lag]
        both = float(np.einsum("ij,ij->", earlier, later, dtype=np.float64))
        # Fewer common days than each event has: the sum of products is over these alone.
        common[lag] = (2 * both if lag else both - own) * total / (total - lag)
        pairs[lag] = (2 if lag else 1) * per_day[: len(per_day) - lag] @ per_day[lag:] - (0 if lag else n)
    found = []
    for length in lengths:
        weights = 1 - np.arange(length) / length
        found.append(
            Overlap(
                float(weights @ common[:length]) / (n * (n - 1)), float(pairs[:length].sum()) / (n * (n - 1))
            )
        )
    return found


def standardised(residuals: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return residuals (n, days) less their mean and of length 1, for each event; 0 where there is none.

    >>> (standardised(np.array([[1.0, 3.0, np.nan]])) * 2**0.5).round().tolist()
    [[-1.0, 1.0, 0.0]]
    """
    is_known = np.isfinite(residuals)
    n = np.maximum(is_known.sum(axis=1, keepdims=True), 1)
    filled = np.where(is_known, residuals, 0)
    centred = np.where(is_known, filled - filled.sum(axis=1, keepdims=True) / n, 0)
    norms = np.sqrt(np.einsum("ij,ij->i", centred, centred))[:, None]
    found: NDArray[np.float64] = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 0)
    return found.astype(np.float32)


def ranks(residuals: NDArray[np.floating], window: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return each day's rank among the event's days, from 0 to 1 less 1/2: (n, estimation days + days of the window).

    The rank of a day is divided by one more than the number of the event's days (Corrado & Zivney 1992); equal returns
    rank in the order of their days. NaN where there is no return.

    >>> ranks(np.array([[0.1, 0.3, np.nan]]), np.array([[0.2]])).tolist()
    [[-0.25, 0.25, nan, 0.0]]
    """
    both = np.concatenate([residuals, window], axis=1)
    order = np.argsort(both, axis=1, kind="stable")  # NaN comes last
    ranked = np.empty(both.shape, dtype=np.float32)
    np.put_along_axis(ranked, order, np.arange(1, both.shape[1] + 1, dtype=np.float32)[None, :], axis=1)
    known = np.isfinite(both)
    return np.where(known, ranked / (known.sum(axis=1, keepdims=True) + 1) - 0.5, np.nan).astype(np.float32)


def rank_statistic(ranked: NDArray[np.floating], length: int) -> float:
    """Return Corrado's rank statistic of a window of `length` days, the last columns of `ranked` (see `ranks`).

    The mean rank of events on each day, summed over the window, over the root of its length and the standard deviation
    of the daily means over all days (Corrado 1989, "A nonparametric test for abnormal security-price performance in
    event studies", Journal of Financial Economics 23, 385-395; several days and missing returns as Corrado & Zivney
    1992, Journal of Financial and Quantitative Analysis 27, 465-478). Normal. NaN without events or variance.
    """
    if not len(ranked):
        return float("nan")
    known = np.isfinite(ranked)
    n = known.sum(axis=0)
    # Days with few returns have a wider mean: each is weighted by the root of the number of its returns.
    means = np.where(known, ranked, 0).sum(axis=0, dtype=np.float64) / np.sqrt(np.maximum(n, 1))
    spread = np.sqrt((means[n > 0] ** 2).mean()) if (n > 0).any() else 0.0
    return float(means[-length:].sum() / (np.sqrt(length) * spread)) if spread > 0 else float("nan")


def size_of_patell(variance_ratio: float, correlation: float, n: int) -> float:
    """Return how often Patell's statistic rejects at 5% if there is nothing, given the variance on the event.

    Its variance is then the ratio times 1 + (n - 1) times the mean correlation, instead of 1.

    >>> round(size_of_patell(1.0, 0.0, 100), 3), round(size_of_patell(2.0, 0.0, 100), 3)
    (0.05, 0.166)
    """
    return _size(variance_ratio * (1 + (n - 1) * correlation))


def size_of_bmp(correlation: float, n: int) -> float:
    """Return how often BMP's statistic rejects at 5% if there is nothing, given the mean correlation of n events."""
    return _size((1 + (n - 1) * correlation) / (1 - correlation) if correlation < 1 else float("inf"))


def _size(variance: float) -> float:
    from scipy.stats import norm

    if not variance > 0:
        return 0.0
    return float(2 * norm.sf(1.959963984540054 / np.sqrt(variance)))
