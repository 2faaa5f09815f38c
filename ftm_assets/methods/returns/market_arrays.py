"""Market data as arrays over the trading days, and the days around each event taken from them.

What belongs here: laying out `daily_returns` and `factor_returns`, and why an event has no return in a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources import quarters
from ftm_resources.tables.returns_tables import FACTOR_COLUMNS
from ftm_resources.trading_days import market_days, observed_days, reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.returns.event_windows import Window
    from ftm_resources.trading_days import TradingDays

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """The market data as arrays over the trading days."""

    row: dict[int, int]
    """PERMNO → its row of `returns`."""
    returns: Floats
    """(firms, days), NaN where there is none."""
    factors: Floats
    """(days, 4), in the order of FACTOR_COLUMNS."""
    rf: Floats
    """(days,)."""
    first: NDArray[np.int64]
    """(firms,): first day on which the data have the firm, with or without a return."""
    last: NDArray[np.int64]
    """(firms,): last such day; -1 if there is none."""
    end: int
    """Last day with any data."""


def calendar_of(daily: pa.Table, factors: pa.Table, quarter: str, before: int, after: int) -> TradingDays:
    """Return the trading days that events of a quarter need: those of the data, and XNYS's where these end.

    `before` and `after` are the trading days that windows reach from day 0.
    """
    first, last = reach(*quarters.bounds(quarter), before + 1, after + 2)
    own = observed_days(dates_of(factors), dates_of(daily)).tolist()
    return market_days(own, min([first, *own]), max([last, *own]))


def market_of(daily: pa.Table, factors: pa.Table, days: TradingDays) -> Market:
    """Return rows of `daily_returns` and `factor_returns` as arrays over `days`; other days do not count."""
    n = len(days)
    permnos = pc.unique(daily.column("permno")).sort()
    firm = pc.index_in(daily.column("permno"), permnos).to_numpy()
    at, is_day = places(daily, days.days)
    returns = np.full((len(permnos), n), np.nan)
    has = np.zeros((len(permnos), n), dtype=bool)
    values = daily.column("ret").to_numpy()
    returns[firm[is_day], at[is_day]] = values[is_day]
    has[firm[is_day], at[is_day]] = True
    values_of = factors_on([factors], days.days)
    known = np.flatnonzero(has.any(axis=0) | np.isfinite(values_of).any(axis=1))
    return Market(
        row={p: i for i, p in enumerate(permnos.to_pylist())},
        returns=returns,
        factors=values_of[:, :-1],
        rf=values_of[:, -1],
        first=np.where(has.any(axis=1), has.argmax(axis=1), n),
        last=np.where(has.any(axis=1), n - 1 - has[:, ::-1].argmax(axis=1), -1),
        end=int(known[-1]) if len(known) else -1,
    )


def factors_on(tables: Sequence[pa.Table], days: NDArray[np.datetime64]) -> Floats:
    """Return (days, 5): the factors in the order of FACTOR_COLUMNS and the risk-free rate; NaN where there are none.

    Where two tables have a day, the later one's counts.
    """
    names = (*FACTOR_COLUMNS, "rf")
    found = np.full((len(days), len(names)), np.nan)
    for table in tables:
        at, is_day = places(table, days)
        for i, name in enumerate(names):
            found[at[is_day], i] = table.column(name).to_numpy()[is_day]
    return found


def places(rows: pa.Table, days: NDArray[np.datetime64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return each row's position among the trading days, and whether its date is one of them."""
    dates = dates_of(rows)
    at = np.searchsorted(days, dates)
    is_day = at < len(days)
    is_day[is_day] = days[at[is_day]] == dates[is_day]
    return at, is_day


def dates_of(rows: pa.Table) -> NDArray[np.datetime64]:
    """Return the column `date` as datetime64[D]."""
    found: NDArray[np.datetime64] = rows.column("date").to_numpy().astype("datetime64[D]")
    return found


@dataclass(frozen=True)
class Taken:
    """The market data of some days from each event's day 0."""

    at: NDArray[np.int64]
    """(events, days): positions among the trading days; -1 outside them."""
    returns: Floats
    """(events, days): NaN where there is none."""
    rf: Floats


def taken(market: Market, firm: NDArray[np.int64], zero: NDArray[np.int64], span: NDArray[np.int64]) -> Taken:
    """Return the market data on the days `span` from each event's day 0.

    `firm` and `zero` are (events,): the row of the firm in `market`, -1 for none, and the position of day 0.
    """
    at = zero[:, None] + span[None, :]
    at = np.where((at >= 0) & (at < len(market.rf)), at, -1)
    returns = np.full(at.shape, np.nan)
    is_known = firm >= 0
    returns[is_known] = market.returns[firm[is_known, None], at[is_known]]
    returns[at < 0] = np.nan
    return Taken(at, returns, of_days(market.rf, at))


def of_days(values: Floats, at: NDArray[np.int64]) -> Floats:
    """Return the values of the days at these positions, NaN outside the trading days."""
    found: Floats = values[at]
    found[at < 0] = np.nan
    return found


def reasons(
    market: Market,
    firm: NDArray[np.int64],
    zero: NDArray[np.int64],
    window: Window,
    returns: Floats,
    *,
    is_linked: NDArray[np.bool_],
    has_factors: NDArray[np.bool_],
    has_model: NDArray[np.bool_],
) -> NDArray[np.str_]:
    """Return why each event has no abnormal return in the window; empty if it has one. The first that holds counts."""
    is_known = firm >= 0
    first, last = np.full(len(firm), np.iinfo(np.int64).max), np.full(len(firm), -1)
    first[is_known], last[is_known] = market.first[firm[is_known]], market.last[firm[is_known]]
    conditions = {
        "no_permno": ~is_linked,
        "no_returns": last < 0,
        "delisted": last < np.minimum(zero + window.last, market.end),
        "not_over": zero + window.last > market.end,
        "not_listed": first > zero + window.first,
        "missing_returns": ~np.isfinite(returns).all(axis=1),
        "missing_factors": ~has_factors,
        "too_few_days": ~has_model,
    }
    return np.select(list(conditions.values()), list(conditions), default="")
