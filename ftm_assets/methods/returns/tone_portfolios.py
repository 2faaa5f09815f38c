"""What portfolios of calls sorted by tone return: from the calls and market data of several quarters to the rows.

What belongs here: the rows of `portfolio_members`, `portfolio_returns` and `portfolio_sorts`. A series, weighting,
portfolio and model has a row whatever happens.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.returns.calendar_time import Daily, MarketGrid, holdings, portfolio_days
from ftm_assets.methods.returns.newey_west import N_FACTORS, Regression, regress
from ftm_assets.methods.returns.tone_sorting import (
    Sorted,
    SortParams,
    member_rows,
    portfolio_names,
    sort_calls,
    tones_of,
)
from ftm_resources import quarters
from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import POOLED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LONG_SHORT = "long_short"
DAYS_PER_YEAR = 252
_BETAS = ("beta_mkt", "beta_smb", "beta_hml", "beta_umd")


@dataclass(frozen=True)
class PortfolioTables:
    """The rows of the three tables."""

    members: pa.Table
    returns: pa.Table
    sorts: pa.Table


def build_portfolio_sorts(
    calls: pa.Table,
    names: Mapping[str, str],
    market: MarketGrid,
    params: SortParams,
    *,
    quarter: str,
    definition: str = "quarter",
) -> PortfolioTables:
    """Return `portfolio_members` and `portfolio_returns` of `quarter`, and `portfolio_sorts` over all calls.

    `definition` says what the series are, in the column of that name.

    `calls` are as for `tones_of`, of this quarter and earlier ones; `names` maps series to names. ValueError as from
    `SortParams.checked`.
    """
    params.checked()
    members: list[pa.Table] = []
    daily: list[pa.Table] = []
    rows: list[dict[str, Any]] = []
    for series, own in _series(calls):
        found = sort_calls(own, market, params)
        of_quarter = pc.equal(own.column("quarter"), quarter)
        members.append(member_rows(own, found, market, params.quantiles).filter(of_quarter))
        portfolios = _portfolios(found, market, params)
        daily += [_daily_rows(series, p, quarters.bounds(quarter)) for p in portfolios]
        shared = {
            "series_id": series,
            "series_name": names.get(series, series),
            "n_unsorted": int((found.portfolio < 0).sum()),
            "n_quarters": len(pc.unique(own.column("quarter"))),
        }
        rows += [
            {**shared, **_estimated(p, model, market, params)} for p in portfolios for model in params.models
        ]
    _add_q_values(rows)
    contract = TABLES["portfolio_sorts"]
    schema = pa.schema([f for f in contract.arrow_schema if f.name != "quarter"])
    sorts = [pa.Table.from_pylist(rows, schema=schema)] if rows else []
    return PortfolioTables(
        _conformed("portfolio_members", members, quarter, definition),
        _conformed("portfolio_returns", daily, quarter, definition),
        _conformed("portfolio_sorts", sorts, quarter, definition),
    )


def joined(parts: Sequence[PortfolioTables]) -> PortfolioTables:
    """Return the rows of several definitions together, sorted by their keys."""
    tables = {}
    for field, name in (
        ("members", "portfolio_members"),
        ("returns", "portfolio_returns"),
        ("sorts", "portfolio_sorts"),
    ):
        rows = pa.concat_tables([getattr(part, field) for part in parts])
        tables[field] = rows.sort_by([(k, "ascending") for k in TABLES[name].key])
    return PortfolioTables(**tables)


def _add_q_values(rows: list[dict[str, Any]]) -> None:
    """Add the q-value of each series' row, among those of the same weighting, portfolio and model."""
    from scipy.stats import false_discovery_control

    cells: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["series_id"] != POOLED and row.get("p_value") is not None:
            cells[row["weighting"], row["portfolio"], row["model"]].append(row)
    for own in cells.values():
        for row, q in zip(own, false_discovery_control([r["p_value"] for r in own]), strict=True):
            row["q_value"] = float(q)


def _conformed(table: str, parts: list[pa.Table], quarter: str, definition: str) -> pa.Table:
    contract = TABLES[table]
    if not parts:
        return contract.empty()
    rows = pa.concat_tables(parts)
    named = pa.array([definition] * rows.num_rows, pa.string())
    rows = rows.drop_columns(["definition"] if "definition" in rows.column_names else [])
    rows = rows.append_column("definition", named).sort_by([(k, "ascending") for k in contract.key])
    return contract.conform(rows, quarter=quarter)


def _series(calls: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield each series and its calls with their tones, all themes together first."""
    pooled = tones_of(calls, by_series=False)
    if pooled.num_rows:
        yield POOLED, pooled
    tones = tones_of(calls, by_series=True)
    ids = tones.column("series_id").to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]])) if len(ids) else np.empty(0, int)
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(ids)], strict=False):
        yield str(ids[start]), tones.slice(start, end - start)


@dataclass(frozen=True)
class _Portfolio:
    """One portfolio's days, and what was sorted into it."""

    weighting: str
    name: str
    span: slice
    """Its days among those of the market."""
    days: NDArray[np.datetime64]
    daily: Daily
    counted: Floats
    """(days,): its return on days that count; else NaN."""
    n_calls: int
    n_firms: int


def _portfolios(found: Sorted, market: MarketGrid, params: SortParams) -> list[_Portfolio]:
    """Return the portfolios of one series: of each weighting, each quantile and the difference."""
    names = portfolio_names(params.quantiles)
    n_days = len(market.days)
    use = (found.portfolio >= 0) & (found.first < n_days)
    begin = int(found.first[use].min()) if use.any() else 0
    stop = int(min(found.end[use].max(), n_days)) if use.any() else 0
    span = slice(begin, stop)
    firms, held = holdings(
        found.firm[use],
        found.first[use] - begin,
        np.minimum(found.end[use], n_days) - begin,
        found.portfolio[use],
        stop - begin,
    )
    returns, caps = market.returns[firms, span], market.caps_before(firms, span)
    made = []
    for weighting in params.weightings:
        legs = [
            portfolio_days(held == p, returns, caps if weighting == "value" else None)
            for p in range(len(names))
        ]
        counted = [np.where(leg.n_stocks >= params.min_stocks, leg.returns, np.nan) for leg in legs]
        legs.append(_both(legs[0], legs[-1]))
        counted.append(counted[-1] - counted[0])
        of = [[p] for p in range(len(names))] + [[0, len(names) - 1]]
        for name, leg, own, sorted_into in zip([*names, LONG_SHORT], legs, counted, of, strict=True):
            is_in = np.isin(found.portfolio, sorted_into)
            n_firms = len(np.unique(found.firm[is_in]))
            made.append(
                _Portfolio(weighting, name, span, market.days[span], leg, own, int(is_in.sum()), n_firms)
            )
    return made


def _both(low: Daily, high: Daily) -> Daily:
    """Return the days of the difference; stocks and turnover are of both legs together."""
    return Daily(high.returns - low.returns, low.n_stocks + high.n_stocks, low.turnover + high.turnover)


def _daily_rows(series: str, portfolio: _Portfolio, bounds: tuple[date, date]) -> pa.Table:
    """Return the columns of `portfolio_returns` for the days within the bounds, both included."""
    first, last = (np.datetime64(day, "D") for day in bounds)
    days, daily = portfolio.days, portfolio.daily
    use = (days >= first) & (days <= last) & np.isfinite(daily.returns)
    n = int(use.sum())
    return pa.table(
        {
            "series_id": pa.array([series] * n, pa.string()),
            "weighting": pa.array([portfolio.weighting] * n, pa.string()),
            "portfolio": pa.array([portfolio.name] * n, pa.string()),
            "date": pa.array(days[use], pa.date32()),
            "ret": daily.returns[use],
            "n_stocks": daily.n_stocks[use].astype(np.int32),
            "is_counted": np.isfinite(portfolio.counted[use]),
        }
    )


def _estimated(portfolio: _Portfolio, model: str, market: MarketGrid, params: SortParams) -> dict[str, Any]:
    """Return the columns of what a portfolio returned, or why they are null."""
    factors, rf = market.factors[portfolio.span, : N_FACTORS[model]], market.rf[portfolio.span]
    is_made = np.isfinite(portfolio.counted)
    is_used = is_made & np.isfinite(rf) & np.isfinite(factors).all(axis=1)
    n = int(is_used.sum())
    days, returns = portfolio.days[is_used], portfolio.counted[is_used]
    row: dict[str, Any] = {
        "weighting": portfolio.weighting,
        "portfolio": portfolio.name,
        "model": model,
        "n_calls": portfolio.n_calls,
        "n_firms": portfolio.n_firms,
        "n_days": n,
        "first_date": days[0].item() if n else None,
        "last_date": days[-1].item() if n else None,
        "mean_stocks": float(portfolio.daily.n_stocks[is_used].mean()) if n else None,
    }
    excess = returns - (0.0 if portfolio.name == LONG_SHORT else rf[is_used])
    fitted = regress(excess, factors[is_used], params.newey_west_lags) if n >= params.min_days else None
    if fitted is None:
        return {**row, "reason": _reason(portfolio.n_calls, int(is_made.sum()), params.min_days)}
    return row | _figures(fitted, returns, excess, portfolio.daily.turnover[is_used])


def _reason(n_calls: int, n_made: int, min_days: int) -> str:
    if not n_calls:
        return "no_calls"
    if not n_made:
        return "too_few_stocks"
    return "too_few_days" if n_made < min_days else "missing_factors"


def _figures(fitted: Regression, returns: Floats, excess: Floats, turnover: Floats) -> dict[str, Any]:
    sd = float(excess.std(ddof=1))
    t = fitted.alpha_t
    return {
        "alpha": float(fitted.coefficients[0]),
        "se": float(fitted.se[0]),
        "t": t if np.isfinite(t) else None,
        "p_value": fitted.alpha_p if np.isfinite(t) else None,
        "n_lags": fitted.n_lags,
        **dict(zip(_BETAS, fitted.coefficients[1:].tolist(), strict=False)),
        "r2": fitted.r2,
        "mean_return": float(returns.mean()),
        "sharpe": float(excess.mean() / sd * np.sqrt(DAYS_PER_YEAR)) if sd > 0 else None,
        "turnover": float(np.nanmean(turnover)) if np.isfinite(turnover).any() else None,
        "reason": None,
    }
