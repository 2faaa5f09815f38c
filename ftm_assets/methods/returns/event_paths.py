"""Abnormal returns day by day, in the estimation window and around each event, and how uncertain each CAR is.

What belongs here: what the statistics of an event study need of each event beyond its row of `abnormal_returns`. The
models and their estimates are those of `expected_returns`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_assets.methods.returns.event_windows import CHUNK, Window
from ftm_assets.methods.returns.expected_returns import MODELS, Fit, Model, expected, fit, regressors
from ftm_assets.methods.returns.market_arrays import of_days, reasons, taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.returns.event_windows import ReturnsParams
    from ftm_assets.methods.returns.market_arrays import Market

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Paths:
    """Abnormal returns of n events by one model, over w windows."""

    car: Floats
    """(n, w): NaN where there is none."""
    sd: Floats
    """(n, w): standard deviation of the CAR if the event did nothing; NaN where there is no CAR."""
    spare: NDArray[np.int64]
    """(n,): days of the estimation window less coefficients."""
    residuals: Singles
    """(n, estimation days): abnormal returns of the estimation window; NaN where there is none."""
    around: Singles
    """(n, days): abnormal returns of the days around the event; NaN where there is none."""
    first_day: int
    """Day of the first column of `around`, from day 0."""
    reason: NDArray[np.str_]
    """(n, w): why there is no CAR, as in `abnormal_returns`; empty if there is one."""


def event_paths(
    market: Market,
    firm: NDArray[np.int64],
    zero: NDArray[np.int64],
    params: ReturnsParams,
    windows: Sequence[Window],
    span: Window,
    *,
    is_linked: NDArray[np.bool_],
) -> dict[str, Paths]:
    """Return the paths of events by each of the models of `params`.

    Parameters
    ----------
    market : Market
        The market data.
    firm, zero : numpy.ndarray
        int64 (n,): the row of each event's firm in `market`, -1 for none; the position of its day 0.
    params : ReturnsParams
        Models and estimation window; its event windows are not used.
    windows : sequence of Window
        The windows of the CARs. The standard deviation of a CAR of L days is that of a forecast, sigma times the root
        of L + x'(X'X)^-1 x, where X are the regressors of the estimation window and x is their sum over the days
        (Patell 1976, "Corporate forecasts of earnings per share and stock price behavior", Journal of Accounting
        Research 14, for one day; Campbell, Lo & MacKinlay 1997, "The econometrics of financial markets", eq. 4.4.9).
    span : Window
        The days around the event that `Paths.around` holds.
    is_linked : numpy.ndarray
        bool (n,): whether the event has a PERMNO.

    """
    parts: dict[str, list[Paths]] = {name: [] for name in params.models}
    for start in range(0, max(len(firm), 1), CHUNK):
        part = slice(start, start + CHUNK)
        for name, found in _chunk(
            market, firm[part], zero[part], params, windows, span, is_linked[part]
        ).items():
            parts[name].append(found)
    return {name: joined(found) for name, found in parts.items()}


def joined(parts: Sequence[Paths]) -> Paths:
    """Return the paths of several groups of events, one after the other."""
    names = ("car", "sd", "spare", "residuals", "around", "reason")
    arrays: dict[str, Any] = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
    return Paths(**arrays, first_day=parts[0].first_day)


def _chunk(
    market: Market,
    firm: NDArray[np.int64],
    zero: NDArray[np.int64],
    params: ReturnsParams,
    windows: Sequence[Window],
    span: Window,
    is_linked: NDArray[np.bool_],
) -> dict[str, Paths]:
    before = taken(market, firm, zero, np.arange(params.estimation_first_day, params.estimation_last_day + 1))
    first, last = min(span.first, *(w.first for w in windows)), max(span.last, *(w.last for w in windows))
    after = taken(market, firm, zero, np.arange(first, last + 1))
    made = {}
    for name in params.models:
        model = MODELS[name]
        x = regressors(model, market.factors, market.rf)
        estimation_x = of_days(x, before.at)
        fitted = fit(model, before.returns, estimation_x, before.rf, min_days=params.min_estimation_days)
        residuals = before.returns - expected(model, fitted, estimation_x, before.rf)
        after_x = of_days(x, after.at)
        abnormal = after.returns - expected(model, fitted, after_x, after.rf)
        has_model = np.asarray(np.isfinite(fitted.coefficients).all(axis=1) & np.isfinite(fitted.sigma))
        columns = [
            _window(market, firm, zero, w, slice(w.first - first, w.last - first + 1), after.returns, after_x,
                    abnormal, is_linked=is_linked, has_model=has_model)
            for w in windows
        ]  # fmt: skip
        reason = np.column_stack([r for r, _, _ in columns])
        car = np.column_stack([c for _, c, _ in columns])
        sums = np.stack([s for _, _, s in columns], axis=1)
        lengths = np.array([w.last - w.first + 1 for w in windows], dtype=np.float64)
        made[name] = Paths(
            car=car,
            sd=np.where(
                np.isfinite(car), _forecast_sd(model, fitted, estimation_x, residuals, sums, lengths), np.nan
            ),
            spare=fitted.n_days - model.n_coefficients,
            residuals=residuals.astype(np.float32),
            around=abnormal[:, span.first - first : span.last - first + 1].astype(np.float32),
            first_day=span.first,
            reason=reason,
        )
    return made


def _window(
    market: Market,
    firm: NDArray[np.int64],
    zero: NDArray[np.int64],
    window: Window,
    part: slice,
    returns: Floats,
    x: Floats,
    abnormal: Floats,
    *,
    is_linked: NDArray[np.bool_],
    has_model: NDArray[np.bool_],
) -> tuple[NDArray[np.str_], Floats, Floats]:
    """Return the reason, the CAR and the sum of the regressors of a window, each per event."""
    why = reasons(
        market, firm, zero, window, returns[:, part],
        is_linked=is_linked,
        has_factors=np.asarray(np.isfinite(x[:, part]).all(axis=(1, 2))),
        has_model=has_model,
    )  # fmt: skip
    return why, np.where(why == "", abnormal[:, part].sum(axis=1), np.nan), x[:, part].sum(axis=1)


def _forecast_sd(
    model: Model, fitted: Fit, x: Floats, residuals: Floats, sums: Floats, lengths: Floats
) -> Floats:
    """Return (n, w): see `event_paths`. `sums` is (n, w, 1 + factors)."""
    variance = np.tile(lengths, (len(fitted.sigma), 1))
    if model.is_estimated and len(fitted.sigma):
        is_used = np.isfinite(residuals)
        x = np.where(is_used[:, :, None], x, 0.0)
        size = np.sqrt(np.einsum("ntk,ntk->nk", x, x))
        size = np.where(size > 0, size, 1.0)
        scaled = x / size[:, None, :]
        gram = np.einsum("ntk,ntl->nkl", scaled, scaled)
        is_estimated = np.isfinite(fitted.sigma)
        gram[~is_estimated] = np.eye(gram.shape[1])
        at = np.where(is_estimated[:, None, None], np.nan_to_num(sums) / size[:, None, :], 0.0)
        variance = variance + np.einsum(
            "nwk,nwk->nw", at, np.swapaxes(np.linalg.solve(gram, np.swapaxes(at, 1, 2)), 1, 2)
        )
    found: Floats = fitted.sigma[:, None] * np.sqrt(variance)
    return found
