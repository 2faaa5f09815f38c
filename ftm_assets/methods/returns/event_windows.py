"""Abnormal returns of calls: event days, estimation and event windows, CAR and BHAR, and why there are none.

What belongs here: from the calls and the market data of a quarter to the rows of `abnormal_returns`. A call, a model
and a window have a row whatever happens; calls of one firm are separate events, however near.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
from annotated_types import Ge, Le

from ftm_assets.methods.returns.expected_returns import (
    MODELS,
    Fit,
    expected,
    fit,
    regressors,
)
from ftm_assets.methods.returns.market_arrays import Market, market_of, of_days, reasons, taken
from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ftm_resources.trading_days import EventDay, TradingDays

    Floats = NDArray[np.float64]

CHUNK = 2_000
"""Events at a time: their estimation windows are about 70 MB."""

_WINDOW = re.compile(r"\s*\[\s*([+-]?[0-9]{1,4})\s*,\s*([+-]?[0-9]{1,4})\s*\]\s*")


@dataclass(frozen=True)
class Window:
    """Trading days from day 0, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"[{self._day(self.first)},{self._day(self.last)}]"

    @property
    def length(self) -> int:
        """Days of the window."""
        return self.last - self.first + 1

    @staticmethod
    def _day(day: int) -> str:
        return f"{day:+d}" if day else "0"

    @classmethod
    def parse(cls, text: str) -> Window:
        """Return the window that a text such as [0,+1] names; ValueError if it names none.

        >>> str(Window.parse("[-1, 1]"))
        '[-1,+1]'
        """
        found = _WINDOW.fullmatch(text)
        if not found:
            raise ValueError(f"window {text!r}: it must be two days in brackets, such as [0,+1]")
        first, last = int(found[1]), int(found[2])
        if first > last:
            raise ValueError(f"window {text!r} ends before it begins")
        return cls(first, last)


@dataclass(frozen=True)
class ReturnsParams:
    """Parameters of abnormal returns."""

    models: list[str] = field(default_factory=lambda: list(MODELS))
    """Models of expected returns: market_adjusted, market_model, ff3 (Fama-French), carhart (with momentum)"""
    windows: list[str] = field(default_factory=lambda: ["[0,+1]", "[-1,+1]", "[+2,+60]"])
    """Event windows, in trading days from day 0"""
    estimation_first_day: Annotated[int, Le(-2)] = -252
    """First day of the estimation window, in trading days from day 0"""
    estimation_last_day: Annotated[int, Le(-1)] = -46
    """Last day of the estimation window"""
    min_estimation_days: Annotated[int, Ge(10)] = 120
    """Days with a return and factors that the estimation window needs; with fewer, a model that is estimated has no
    abnormal return"""

    def chosen(self) -> list[Window]:
        """Return the windows.

        ValueError if a model or a window is unknown, repeated or not given, or if a window overlaps the estimation
        window, which then would hold what it is to be compared with.
        """
        if unknown := [m for m in self.models if m not in MODELS]:
            raise ValueError(f"model {unknown[0]!r}: it must be one of {', '.join(MODELS)}")
        found = [Window.parse(text) for text in self.windows]
        for what, given in (("models", self.models), ("windows", found)):
            if not given or len(set(given)) < len(given):
                raise ValueError(f"{what} must name at least one, and none twice")
        if self.estimation_first_day > self.estimation_last_day:
            raise ValueError("estimation_first_day must not be after estimation_last_day")
        if early := [w for w in found if w.first <= self.estimation_last_day]:
            raise ValueError(
                f"window {early[0]} overlaps the estimation window, which ends on day {self.estimation_last_day}"
            )
        return found


def build_abnormal_returns(
    calls: pa.Table,
    daily: pa.Table,
    factors: pa.Table,
    days: TradingDays,
    params: ReturnsParams,
    *,
    quarter: str,
) -> pa.Table:
    """Return the rows of `abnormal_returns`, sorted by its key: each call with each model and each window.

    `calls` has one row per call, with transcript_id, firm_id, permno, call_at, call_date and is_date_only (bool).
    `daily` and `factors` have the columns of `daily_returns` and `factor_returns`; days that are not in `days` do not
    count. The abnormal return of a day is the return less the model's expectation; CAR is their sum over the window
    (MacKinlay 1997, eq. 10), BHAR the compounded return less the compounded expectation (Barber & Lyon 1997,
    "Detecting long-run abnormal stock returns", Journal of Financial Economics 43). ValueError as from
    `ReturnsParams.chosen`.
    """
    windows = params.chosen()
    calls = calls.sort_by("transcript_id")
    market = market_of(daily, factors, days)
    events = [
        days.event_day(at, is_date_only=date_only)
        for at, date_only in zip(
            calls.column("call_at").to_pylist(), calls.column("is_date_only").to_pylist(), strict=True
        )
    ]
    shared = calls.select(["transcript_id", "firm_id", "permno", "call_date"])
    shared = shared.append_column("event_date", pa.array([e.day for e in events], pa.date32()))
    shared = shared.append_column("event_rule", pa.array([e.rule for e in events], pa.string()))
    shared = shared.append_column("is_after_close", pa.array([_after_close(e) for e in events], pa.bool_()))
    parts = [
        _rows(shared.slice(start, CHUNK), events[start : start + CHUNK], market, windows, params)
        for start in range(0, len(events), CHUNK)
    ]
    contract = TABLES["abnormal_returns"]
    if not parts:
        return contract.empty()
    made = pa.concat_tables(parts).sort_by([(k, "ascending") for k in contract.key])
    return contract.conform(made, quarter=quarter)


def days_needed(params: ReturnsParams) -> tuple[int, int]:
    """Return how many trading days before and after day 0 the windows reach; both are 0 or more."""
    windows = params.chosen()
    first = min(params.estimation_first_day, *(w.first for w in windows))
    return max(-first, 0), max(0, *(w.last for w in windows))


def _after_close(event: EventDay) -> bool | None:
    return {"same_day": False, "after_close": True}.get(event.rule)


def _rows(
    shared: pa.Table,
    events: Sequence[EventDay],
    market: Market,
    windows: Sequence[Window],
    params: ReturnsParams,
) -> pa.Table:
    """Return the rows of some calls."""
    permnos = shared.column("permno").to_pylist()
    firm = np.array([market.row.get(p, -1) for p in permnos], dtype=np.int64)
    zero = np.array([e.index for e in events], dtype=np.int64)
    is_linked = np.array([p is not None for p in permnos])
    span = np.arange(params.estimation_first_day, params.estimation_last_day + 1)
    before = taken(market, firm, zero, span)
    after = {w: taken(market, firm, zero, np.arange(w.first, w.last + 1)) for w in windows}
    estimated = {}
    for name in params.models:
        x = regressors(MODELS[name], market.factors, market.rf)
        own_x = of_days(x, before.at)
        fitted = fit(MODELS[name], before.returns, own_x, before.rf, min_days=params.min_estimation_days)
        estimated[name] = x, fitted
    parts = []
    for name, window in product(params.models, windows):
        model, (x, fitted) = MODELS[name], estimated[name]
        inside = after[window]
        after_x = of_days(x, inside.at)
        usual = expected(model, fitted, after_x, inside.rf)
        reason = reasons(
            market, firm, zero, window, inside.returns,
            is_linked=is_linked,
            has_factors=np.asarray(np.isfinite(after_x).all(axis=(1, 2))),
            has_model=np.asarray(np.isfinite(fitted.coefficients).all(axis=1)),
        )  # fmt: skip
        is_made = reason == ""
        car = np.where(is_made, (inside.returns - usual).sum(axis=1), np.nan)
        bhar = np.where(is_made, (1 + inside.returns).prod(axis=1) - (1 + usual).prod(axis=1), np.nan)
        columns: dict[str, Any] = {
            "model": pa.array([name] * len(firm), pa.string()),
            "window": pa.array([str(window)] * len(firm), pa.string()),
            "first_day": np.full(len(firm), window.first, dtype=np.int32),
            "last_day": np.full(len(firm), window.last, dtype=np.int32),
            "car": pa.array(car, from_pandas=True),
            "bhar": pa.array(bhar, from_pandas=True),
            "n_days": np.isfinite(inside.returns).sum(axis=1).astype(np.int32),
            "n_estimation": fitted.n_days.astype(np.int32),
            **_estimates(name, fitted),
            "reason": pa.array([r or None for r in reason.tolist()], pa.string()),
        }
        part = shared
        for column, values in columns.items():
            part = part.append_column(column, values if isinstance(values, pa.Array) else pa.array(values))
        parts.append(part)
    return pa.concat_tables(parts)


def _estimates(name: str, fitted: Fit) -> dict[str, pa.Array]:
    """Return the columns of what was estimated; null for what the model has not."""
    model, n = MODELS[name], len(fitted.n_days)
    columns = ("alpha", "beta_mkt", "beta_smb", "beta_hml", "beta_umd")
    return {
        **{
            column: pa.array(fitted.coefficients[:, i], from_pandas=True)
            if i < model.n_coefficients
            else pa.nulls(n, pa.float64())
            for i, column in enumerate(columns)
        },
        "sigma": pa.array(fitted.sigma, from_pandas=True),
    }
