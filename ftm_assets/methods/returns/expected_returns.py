"""Models of expected returns: which factors each has, and how it is estimated.

What belongs here: pure functions on arrays of returns, a row per event. All returns and factors are decimals per day.

market_adjusted: the market's return, nothing estimated (Brown & Warner 1985, "Using daily stock returns", Journal of
Financial Economics 14, eq. 3). market_model: R_it = a_i + b_i R_mt + e_it (MacKinlay 1997, "Event studies in economics
and finance", Journal of Economic Literature 35, eq. 3). ff3: R_it - R_ft = a_i + b_i (R_mt - R_ft) + s_i SMB_t +
h_i HML_t + e_it (Fama & French 1993, "Common risk factors", Journal of Financial Economics 33). carhart: ff3 and
m_i UMD_t (Carhart 1997, "On persistence in mutual fund performance", Journal of Finance 52, eq. 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DEPENDENT = 1e-9
"""A factor is a combination of the others if this share or less of it is its own."""


@dataclass(frozen=True)
class Model:
    """A model of expected returns."""

    n_factors: int
    """It has the first of FACTOR_COLUMNS."""
    is_estimated: bool = True
    is_in_excess: bool = True
    """Returns are taken less the risk-free rate; if not, the market's return is taken with it."""

    @property
    def n_coefficients(self) -> int:
        """Coefficients that are estimated, the intercept included."""
        return 1 + self.n_factors if self.is_estimated else 0


MODELS = {
    "market_adjusted": Model(1, is_estimated=False, is_in_excess=False),
    "market_model": Model(1, is_in_excess=False),
    "ff3": Model(3),
    "carhart": Model(4),
}
"""By their names in RETURN_MODELS."""


@dataclass(frozen=True)
class Fit:
    """A model estimated for each of n events."""

    coefficients: Floats
    """(n, 1 + factors): intercept and loadings; NaN if there were too few days. Intercept 0 and loading 1, if the
    model is not estimated."""
    n_days: NDArray[np.int64]
    """(n,): days with a return and every factor of the model."""
    sigma: Floats
    """(n,): standard deviation of the abnormal return over those days; NaN if there were too few."""


def regressors(model: Model, factors: Floats, rf: Floats) -> Floats:
    """Return (days, 1 + factors): the model's regressors of each day, a column of ones first.

    `factors` is (days, 4) in the order of FACTOR_COLUMNS, `rf` is (days,); NaN where there are none.
    """
    used = factors[:, : model.n_factors].copy()
    if not model.is_in_excess:
        used[:, 0] += rf
    # A day without a risk-free rate has no excess return either.
    ones = np.where(np.isnan(rf), np.nan, 1.0)
    return np.column_stack([ones, used])


def fit(model: Model, returns: Floats, x: Floats, rf: Floats, *, min_days: int) -> Fit:
    """Estimate the model for each event by ordinary least squares over its own days.

    `returns` is (n, days), NaN where there is none; `x` (n, days, 1 + factors) as `regressors` returns it, and `rf`
    (n, days). An event with fewer than `min_days` usable days, fewer than its coefficients and one more, or whose
    regressors are linearly dependent, has NaN.
    """
    y = returns - rf if model.is_in_excess else returns
    is_used = np.isfinite(y) & np.isfinite(x).all(axis=2)
    n_days = is_used.sum(axis=1)
    y, x = np.where(is_used, y, 0.0), np.where(is_used[:, :, None], x, 0.0)
    k = x.shape[2]
    if model.is_estimated:
        coefficients, is_independent = _least_squares(y, x)
    else:
        coefficients, is_independent = (
            np.tile([0.0, *[1.0] * (k - 1)], (len(y), 1)),
            np.ones(len(y), dtype=bool),
        )
    spare = n_days - model.n_coefficients
    is_enough = (n_days >= min_days) & (spare >= 1)
    residuals = y - np.einsum("ntk,nk->nt", x, coefficients)
    sigma = np.sqrt(np.einsum("nt,nt->n", residuals, residuals) / np.maximum(spare, 1))
    if model.is_estimated:
        is_enough &= is_independent
        coefficients = np.where(is_enough[:, None], coefficients, np.nan)
    return Fit(coefficients, n_days, np.where(is_enough, sigma, np.nan))


def expected(model: Model, fitted: Fit, x: Floats, rf: Floats) -> Floats:
    """Return (n, days): the expected return of each event on each day, NaN where a factor or the model is missing."""
    found: Floats = np.einsum("ntk,nk->nt", x, fitted.coefficients)
    return found + rf if model.is_in_excess else found


def _least_squares(y: Floats, x: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return each event's coefficients, by QR of its days, and whether they are determined. Unused days are zeros."""
    if not len(y):
        return np.empty((0, x.shape[2])), np.empty(0, dtype=bool)
    # Columns of length 1, so that factors of different size are judged alike.
    length = np.sqrt(np.einsum("ntk,ntk->nk", x, x))
    scale = np.where(length > 0, length, 1.0)
    q, r = np.linalg.qr(x / scale[:, None, :])
    diagonal = np.abs(np.einsum("nkk->nk", r))
    is_independent = (diagonal > _DEPENDENT).all(axis=1)
    r = np.where(is_independent[:, None, None], r, np.eye(x.shape[2]))
    solved = np.linalg.solve(r, np.einsum("ntk,nt->nk", q, y)[:, :, None])[:, :, 0]
    return solved / scale, is_independent
