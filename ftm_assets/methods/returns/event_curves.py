"""Mean cumulative abnormal returns day by day, by tercile of tone, with their bands.

What belongs here: the numbers behind an event study's picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.returns.clustered_errors import group_means
from ftm_assets.methods.returns.event_samples import sorted_by
from ftm_assets.methods.returns.event_tests import FEWEST_CLUSTERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ftm_assets.methods.returns.event_samples import Events, Sample, Toned

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Curves:
    """Mean cumulative abnormal returns of groups of events; arrays are (groups, days), decimal."""

    days: Ints
    """From day 0."""
    mean: Floats
    """Low, middle and high tone; last, high less low. NaN for a group without events."""
    half_width: Floats
    """Of the 95% band of each day: Student's t times the largest of the errors clustered by firm, by date and by both;
    NaN if there is none. By both alone, the variance of few events may be near zero or negative."""
    n_events: tuple[int, int, int]


def tercile_curves(
    events: Events, of: Sample, model: str, one: Toned, tone: str, *, first_day: int, last_day: int
) -> Curves:
    """Return the curves of the calls of a series by a measure of tone, from `first_day` to `last_day`.

    Events without a return on each of the days do not count. Each curve starts from zero before its first day.
    """
    from scipy.stats import t as student

    days = np.arange(first_day, last_day + 1)
    paths = of.paths[model]
    inside = paths.around[one.at, first_day - paths.first_day : last_day - paths.first_day + 1].astype(
        np.float64
    )
    group, has_tone = sorted_by(one, tone)
    known = np.isfinite(inside).all(axis=1) & has_tone
    group, kept = group[known], one.at[known]
    grown = np.cumsum(inside[known], axis=1)
    firm, date = events.firm[kept], of.zero[kept]
    mean, half = np.full((4, len(days)), np.nan), np.full((4, len(days)), np.nan)
    sizes = np.bincount(group, minlength=3)
    clusters = min(len(np.unique(firm)), len(np.unique(date)))
    for d in range(len(days)):
        variances = []
        # By one cluster twice is by that cluster alone.
        for clustered in ((firm, date), (firm, firm), (date, date)):
            means, spread = group_means(grown[:, d], group, 3, *clustered)
            variances.append([*np.diag(spread), spread[2, 2] + spread[0, 0] - 2 * spread[0, 2]])
        mean[:, d] = [*means, means[2] - means[0]]
        variance = np.max(variances, axis=0)
        half[:, d] = np.sqrt(np.where(variance > 0, variance, np.nan))
    if clusters >= FEWEST_CLUSTERS:
        half *= student.ppf(0.975, clusters - 1)
    else:
        half[:] = np.nan
    return Curves(days, mean, half, (int(sizes[0]), int(sizes[1]), int(sizes[2])))
