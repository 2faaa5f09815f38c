"""Regressions with standard errors clustered by firm and by date.

What belongs here: the regression of CARs on tone, which `linearmodels` estimates; and means of groups of events with
the same covariance in numpy, for the many groups and days that need no regression table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_resources.extras import require_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_PERFECT = 1e-12
"""Share of the variance below which residuals are rounding errors."""


@dataclass(frozen=True)
class Regression:
    """A slope and its uncertainty."""

    coefficient: float
    std_error: float
    """NaN if the clustered variance is not positive."""
    r_squared: float


def require_linearmodels() -> None:
    """Raise MissingExtraError, which names the extra to install, if `linearmodels` is not installed."""
    require_extra("returns", "event_study", "linearmodels")


def regress(
    y: Floats,
    x: Floats,
    firm: Ints,
    date: Ints,
    *,
    controls: Sequence[Floats] = (),
    effects: Sequence[Ints] = (),
) -> Regression:
    """Return the slope of `y` on `x`, with an intercept and controls, clustered by firm and by date.

    `linearmodels` estimates it: by least squares, or with `effects` taken out (`AbsorbingLS`; `r_squared` is then of
    what they leave). The covariance is that of firms, plus that of dates, less that of both together, each with its
    correction for few clusters (Cameron, Gelbach & Miller 2011, "Robust inference with multiway clustering", Journal of
    Business & Economic Statistics 29, 238-249).

    Parameters
    ----------
    y, x : numpy.ndarray
        float64 (n,): CARs, in decimals, and tone.
    firm, date : numpy.ndarray
        int64 (n,): the firm and the date of each event.
    controls : sequence of numpy.ndarray
        float64 (n,) each: what is held constant.
    effects : sequence of numpy.ndarray
        int64 (n,) each: the groups whose effects are taken out.

    Raises
    ------
    MissingExtraError
        If `linearmodels` is not installed.

    """
    require_linearmodels()
    clusters = np.column_stack([firm, date])
    found: Any
    if not effects:
        from linearmodels.iv import IV2SLS

        model = IV2SLS(y, np.column_stack([np.ones(len(x)), x, *controls]), None, None)
        found = model.fit(cov_type="clustered", clusters=clusters, debiased=True)
        slope, r_squared = 1, float(found.rsquared)
    else:
        import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy, and only needed here
        from linearmodels.iv.absorbing import AbsorbingLS

        absorb = pd.DataFrame({str(i): pd.Categorical(e) for i, e in enumerate(effects)})
        absorbing = AbsorbingLS(y, np.column_stack([x, *controls]), absorb=absorb)
        found = absorbing.fit(cov_type="clustered", clusters=clusters, debiased=True)
        slope, r_squared = 0, float(found.absorbed_rsquared)
    variance = float(found.cov.to_numpy()[slope, slope])
    coefficient = float(found.params.to_numpy()[slope])
    left = float(np.square(np.asarray(found.resids)).sum())
    whole = float(np.square(y - y.mean()).sum())
    is_usable = variance > 0 and left > _PERFECT * whole
    return Regression(coefficient, float(np.sqrt(variance)) if is_usable else float("nan"), r_squared)


def group_means(y: Floats, group: Ints, n_groups: int, firm: Ints, date: Ints) -> tuple[Floats, Floats]:
    """Return the mean of `y` in each group, and their covariance (groups, groups), clustered by firm and by date.

    Equal to the regression of `y` on an indicator per group. NaN for a group without events.
    """
    means, spread = group_mean_paths(y[:, None], group, n_groups, firm, date)
    return means[:, 0], spread[0, :, :, 0]


def group_mean_paths(y: Floats, group: Ints, n_groups: int, firm: Ints, date: Ints) -> tuple[Floats, Floats]:
    """Return `group_means` of each column of `y` (n, d): (groups, d), and their covariances (3, groups, groups, d).

    The covariances are clustered by firm and by date, as `regress` has it, by firm alone, and by date alone.
    """
    from scipy.sparse import csr_matrix

    n, d = y.shape
    means, spread = np.full((n_groups, d), np.nan), np.full((3, n_groups, n_groups, d), np.nan)
    sizes = np.bincount(group, minlength=n_groups)
    held = np.flatnonzero(sizes)
    for g in held:
        means[g] = y[group == g].mean(axis=0)
    if not len(held) or n <= len(held):
        return means, spread
    place = np.zeros(n_groups, dtype=np.int64)
    place[held] = np.arange(len(held))
    k, at, residuals = len(held), place[group], y - means[group]
    both = firm * (int(date.max(initial=0)) + 1) + date
    meats = []
    for clusters in (firm, date, both):
        names, cluster = np.unique(clusters, return_inverse=True)
        n_clusters = len(names)
        # Sums of the residuals of each cluster and group.
        cells = csr_matrix((np.ones(n), (cluster * k + at, np.arange(n))), shape=(n_clusters * k, n))
        sums = (cells @ residuals).reshape(n_clusters, k, d)
        few = n_clusters / (n_clusters - 1) if n_clusters > 1 else np.nan
        meats.append(few * (n - 1) / (n - k) * np.einsum("cid,cjd->ijd", sums, sums))
    by_firm, by_date, by_both = meats
    bread = 1.0 / (sizes[held][:, None] * sizes[held][None, :])
    for kind, meat in enumerate((by_firm + by_date - by_both, by_firm, by_date)):
        spread[kind][np.ix_(held, held)] = meat * bread[:, :, None]
    return means, spread


def p_value(t: float, clusters: int) -> float:
    """Return the two-sided p-value of t with one degree of freedom less than there are clusters.

    `clusters` is the number of firms or of dates, whichever are fewer (Cameron & Miller 2015, "A practitioner's guide
    to cluster-robust inference", Journal of Human Resources 50, 317-372, section VI.D). NaN for a NaN.

    >>> round(p_value(2.0, 41), 4)
    0.0523
    """
    from scipy.stats import t as student

    return float(2 * student.sf(abs(t), max(clusters - 1, 1)))


def within(
    values: Floats, effects: Sequence[Ints] = (), controls: Sequence[Floats] = (), *, rounds: int = 100
) -> Floats:
    """Return `values` (n,) less the effects of groups and what controls explain; less their mean without any.

    Effects are taken out by alternating projections, and controls by least squares on what effects leave of them.

    >>> within(np.array([1.0, 3.0, 5.0, 9.0]), [np.array([0, 0, 1, 1])]).tolist()
    [-1.0, 1.0, -2.0, 2.0]
    """
    left: Floats = values - values.mean()
    for _ in range(rounds if len(effects) > 1 else len(effects)):
        before = left
        for groups in effects:
            _, at = np.unique(groups, return_inverse=True)
            left = left - (np.bincount(at, weights=left) / np.bincount(at))[at]
        if np.abs(left - before).max(initial=0.0) < 1e-12:
            break
    if controls:
        held = np.column_stack([within(c, effects, rounds=rounds) for c in controls])
        left = left - held @ np.linalg.lstsq(held, left, rcond=None)[0]
    return left
