"""Regression of a portfolio's daily returns on factors, with Newey-West standard errors.

What belongs here: pure functions on one series of returns. Newey & West 1987, "A simple, positive semi-definite,
heteroskedasticity and autocorrelation consistent covariance matrix", Econometrica 55: the covariance of the OLS
coefficients is (X'X)^-1 S (X'X)^-1, where S adds to sum u_t^2 x_t x_t' the products of days l apart, both ways, with
Bartlett's weight 1 - l / (lags + 1). It is multiplied by T / (T - k), as Stata's `newey` and statsmodels'
`use_correction=True` do. Days that were left out do not count: those before and after them are neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

N_FACTORS = {"mean": 0, "market": 1, "ff3": 3, "carhart": 4}
"""By their names in SORT_MODELS: how many of `returns_tables.FACTOR_COLUMNS` the model has."""

_DEPENDENT = 1e-9
"""A regressor is a combination of the others if this share or less of it is its own."""


@dataclass(frozen=True)
class Regression:
    """Coefficients, the constant first, and how precisely they are known."""

    coefficients: Floats
    """(k,)."""
    se: Floats
    """(k,): Newey-West standard errors."""
    n_lags: int
    r2: float
    n: int

    @property
    def alpha_t(self) -> float:
        """The constant over its standard error; NaN if that is 0."""
        return float(self.coefficients[0] / self.se[0]) if self.se[0] > 0 else float("nan")

    @property
    def alpha_p(self) -> float:
        """Two-sided probability of such a constant by Student's t with n - k degrees of freedom."""
        from scipy.special import stdtr

        return float(2 * stdtr(self.n - len(self.coefficients), -abs(self.alpha_t)))


def lags_for(n_days: int) -> int:
    """Return the usual number of lags for so many days (Newey & West 1994, Review of Economic Studies 61).

    >>> [lags_for(n) for n in (60, 100, 500, 2500)]
    [3, 4, 5, 8]
    """
    return int(4 * (n_days / 100) ** (2 / 9))


def regress(y: Floats, factors: Floats, lags: int | None = None) -> Regression | None:
    """Regress `y` (n,) on a constant and `factors` (n, k - 1), all finite; None if these depend on each other.

    `lags` None takes `lags_for`. None too, if there are not more days than coefficients.
    """
    n, k = len(y), 1 + factors.shape[1]
    if n <= k:
        return None
    x = np.column_stack([np.ones(n), factors])
    length = np.sqrt((x * x).sum(axis=0))
    if not (length > 0).all():
        return None
    q, r = np.linalg.qr(x / length)
    if (np.abs(np.diag(r)) <= _DEPENDENT).any():
        return None
    inverse = np.linalg.inv(r) / length[:, None]
    coefficients = inverse @ (q.T @ y)
    residuals = y - x @ coefficients
    used = min(lags_for(n) if lags is None else lags, n - 1)
    # By q instead of x: (X'X)^-1 x_t = inverse q_t, so that products of factors of different size do not meet.
    moments = q * residuals[:, None]
    middle = moments.T @ moments
    for lag in range(1, used + 1):
        across = moments[lag:].T @ moments[:-lag]
        middle += (1 - lag / (used + 1)) * (across + across.T)
    covariance = inverse @ middle @ inverse.T * (n / (n - k))
    about = y - y.mean()
    total = float(about @ about)
    r2 = 1 - float(residuals @ residuals) / total if total > 0 and k > 1 else 0.0
    return Regression(
        coefficients, np.sqrt(np.maximum(np.diag(covariance), 0)), used, min(max(r2, 0.0), 1.0), n
    )
