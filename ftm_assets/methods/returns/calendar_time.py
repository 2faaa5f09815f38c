"""Portfolios in calendar time: which shares each holds on which day, and what it returns that day.

What belongs here: pure functions on arrays of firms by trading days. A firm is held once on a day, by the newest of
its calls whose holding period has begun (Fama 1998, "Market efficiency, long-term returns, and behavioral finance",
Journal of Financial Economics 49: calendar-time portfolios take care of returns that overlap). Weights are set anew at
each close: shares weigh alike, or by their market value at the close of the trading day before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.returns.market_arrays import dates_of, factors_on, places
from ftm_resources.trading_days import exchange_days, observed_days

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class MarketGrid:
    """Market data of all firms and trading days."""

    days: NDArray[np.datetime64]
    """(days,): datetime64[D], ascending."""
    permnos: Ints
    """(firms,), ascending."""
    returns: Floats
    """(firms, days): total returns, delisting included; NaN where there is none."""
    caps: Floats
    """(firms, days): market value at the close of the day, in dollars; NaN if it is unknown."""
    factors: Floats
    """(days, 4): in the order of FACTOR_COLUMNS; NaN where there are none."""
    rf: Floats
    """(days,)."""

    def rows_of(self, permnos: Sequence[int | None]) -> Ints:
        """Return the row of each PERMNO; -1 for one without data."""
        found: Ints = pc.fill_null(
            pc.index_in(pa.array(permnos, pa.int64()), pa.array(self.permnos)), -1
        ).to_numpy(zero_copy_only=False)
        return found.astype(np.int64)

    def caps_before(self, firms: Ints, span: slice) -> Floats:
        """Return (firms, days of the span): market value at the close of the trading day before each."""
        before = np.full((len(firms), span.stop - span.start), np.nan)
        start = max(span.start - 1, 0)
        known = self.caps[firms, start : max(span.stop - 1, 0)]
        before[:, before.shape[1] - known.shape[1] :] = known
        return before


def market_grid(
    daily: Sequence[pa.Table], factors: Sequence[pa.Table], *, until: date | None = None
) -> MarketGrid:
    """Return the market data of several quarters, which may overlap; where two have a row, the later table's counts.

    `daily` has permno, date, ret and market_cap, `factors` the columns of `factor_returns`. Trading days are those that
    the data have (see `observed_days`) between the first and the last of each table of factors, and those of XNYS
    before, after and between these tables, up to `until`: data that end early, or lack a quarter, must not bring days
    together that were apart. Rows of other days do not count.
    """
    days = _trading_days([dates_of(t) for t in factors], [dates_of(t) for t in daily], until)
    ids = [t.column("permno").to_numpy() for t in daily]
    permnos = np.unique(np.concatenate([np.empty(0, np.int64), *ids]))
    of_days = factors_on(factors, days)
    returns = np.full((len(permnos), len(days)), np.nan)
    caps = np.full((len(permnos), len(days)), np.nan)
    for table, own_ids in zip(daily, ids, strict=True):
        at, is_day = places(table, days)
        firm, day = np.searchsorted(permnos, own_ids[is_day]), at[is_day]
        returns[firm, day] = table.column("ret").to_numpy()[is_day]
        caps[firm, day] = table.column("market_cap").to_numpy()[is_day]
    return MarketGrid(days, permnos, returns, caps, of_days[:, :-1], of_days[:, -1])


def _trading_days(
    factors: Sequence[NDArray[np.datetime64]], firms: Sequence[NDArray[np.datetime64]], until: date | None
) -> NDArray[np.datetime64]:
    nothing = np.empty(0, "datetime64[D]")
    own = observed_days(np.concatenate([nothing, *factors]), np.concatenate([nothing, *firms]))
    if not len(own):
        return own
    last = own[-1] if until is None else max(own[-1], np.datetime64(until, "D"))
    known = exchange_days(own[0].item(), last.item()).days
    for of in [d for d in factors if len(d)] or [d for d in firms if len(d)]:
        known = known[(known < of.min()) | (known > of.max())]
    return np.union1d(known, own)


def holdings(
    firm: Ints, first: Ints, end: Ints, portfolio: Ints, n_days: int
) -> tuple[Ints, NDArray[np.int8]]:
    """Return the firms that are held, ascending, and (firms, days): the portfolio that holds each; -1 for none.

    Call i holds `firm[i]` in `portfolio[i]` on days first[i] to end[i] - 1. Of two calls of a firm, the one later in
    the arrays takes its place from its own first day on.
    """
    firms, row = np.unique(firm, return_inverse=True)
    held = np.full((len(firms), n_days), -1, dtype=np.int8)
    order = np.argsort(first, kind="stable")
    for i, a, b, p in zip(
        row[order].tolist(),
        first[order].tolist(),
        end[order].tolist(),
        portfolio[order].tolist(),
        strict=True,
    ):
        held[i, a:b] = p
    return firms, held


@dataclass(frozen=True)
class Daily:
    """One portfolio's days."""

    returns: Floats
    """(days,): NaN on a day without stocks."""
    n_stocks: Ints
    """(days,): stocks with a return and, if weighted by value, a market value of the day before."""
    turnover: Floats
    """(days,): half the sum of what weights are changed by at the close before; NaN if it held none the day before."""


def portfolio_days(is_held: NDArray[np.bool_], returns: Floats, caps: Floats | None) -> Daily:
    """Return what a portfolio of these shares returns on each day; all arguments are (firms, days).

    `caps` are market values of the day before; None weighs shares alike. A share without a return or a weight is not
    in the portfolio that day.
    """
    is_in = is_held & np.isfinite(returns)
    if caps is not None:
        is_in &= caps > 0
    weights = np.where(is_in, 1.0 if caps is None else caps, 0.0)
    total = weights.sum(axis=0)
    n_stocks = is_in.sum(axis=0)
    weights /= np.where(total > 0, total, 1.0)
    own = np.where(is_in, returns, 0.0)
    made = np.where(n_stocks > 0, (weights * own).sum(axis=0), np.nan)
    turnover = np.full(len(made), np.nan)
    grown = weights * (1 + own)
    after = grown.sum(axis=0)
    grown /= np.where(after > 0, after, 1.0)
    changed = np.abs(weights[:, 1:] - grown[:, :-1]).sum(axis=0) / 2
    turnover[1:] = np.where((n_stocks[1:] > 0) & (n_stocks[:-1] > 0), changed, np.nan)
    return Daily(made, n_stocks.astype(np.int64), turnover)
