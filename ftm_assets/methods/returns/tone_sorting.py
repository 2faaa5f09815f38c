"""Sorting calls into portfolios by tone, with breakpoints that were known when the shares were bought.

What belongs here: the tone of a call about a series of themes, the breakpoints of each month, and the portfolio and
holding period of each call. Ranking an announcement among others that came after it looks ahead (Holthausen 1983);
since Foster, Olsen & Shevlin 1984 ("Earnings releases, anomalies, and the behavior of security returns", The Accounting
Review 59) and Bernard & Thomas 1989 (Journal of Accounting Research 27), breakpoints are those of the months before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge, Le

from ftm_assets.methods.returns.newey_west import N_FACTORS
from ftm_resources.tables.categories import POOLED, SORT_DEFINITIONS, WEIGHTINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.returns.calendar_time import MarketGrid

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Breakpoints = Literal["trailing", "expanding", "within_month"]


@dataclass(frozen=True)
class SortParams:
    """Parameters of portfolios sorted by tone."""

    definitions: list[str] = field(default_factory=lambda: ["quarter"])
    """What themes are made from: quarter (the call's own quarter), known_before (earlier quarters alone), pinned (your
    own dictionary, FTM_PINNED_THEMES)"""
    known_floor: Annotated[float, Ge(-1), Le(1)] = 0.5
    """Minimum similarity of a topic to a series of earlier quarters, for the definition known_before"""
    quantiles: Annotated[int, Ge(2), Le(10)] = 3
    """Portfolios per series: 3 are terciles"""
    breakpoints: Breakpoints = "trailing"
    """Calls whose tones make a call's breakpoints. trailing: those of the `breakpoint_months` calendar months before
    its own; expanding: of all months before; within_month: of its own, and shares are bought after its last day"""
    breakpoint_months: Annotated[int, Ge(1), Le(60)] = 3
    """With trailing: how many months; three hold a round of reports"""
    min_breakpoint_calls: Annotated[int, Ge(2)] = 20
    """With fewer calls to take breakpoints from, a call is not sorted"""
    min_sentences: Annotated[int, Ge(1)] = 1
    """With fewer member sentences, a call has no tone about a series: it is neither sorted nor sorted by"""
    first_day: Annotated[int, Ge(1)] = 2
    """First day whose return the portfolio has, in trading days from day 0. Day 0 itself began before the call"""
    holding_days: Annotated[int, Ge(1), Le(1000)] = 60
    """Trading days for which shares are held. Beyond 62 or so, raise `days_after` of `daily_returns`"""
    weightings: list[str] = field(default_factory=lambda: list(WEIGHTINGS))
    """equal, value, or both"""
    models: list[str] = field(default_factory=lambda: list(N_FACTORS))
    """What returns are explained by: mean (nothing), market, ff3, carhart (ff3 and momentum)"""
    min_stocks: Annotated[int, Ge(1)] = 5
    """Days on which a portfolio holds fewer shares do not count"""
    min_days: Annotated[int, Ge(10)] = 40
    """With fewer days, there is no alpha"""
    newey_west_lags: Annotated[int | None, Ge(0)] = None
    """Lags of the standard errors; unset: 4 (days / 100)^(2/9), rounded down (Newey & West 1994)"""

    def checked(self) -> SortParams:
        """Return the parameters; ValueError if a weighting, model or definition is unknown, repeated or not given."""
        for what, given, known in (
            ("weightings", self.weightings, WEIGHTINGS),
            ("models", self.models, tuple(N_FACTORS)),
            ("definitions", self.definitions, SORT_DEFINITIONS),
        ):
            if unknown := [g for g in given if g not in known]:
                raise ValueError(f"{what}: {unknown[0]!r} must be one of {', '.join(known)}")
            if not given or len(set(given)) < len(given):
                raise ValueError(f"{what} must name at least one, and none twice")
        return self

    @property
    def days_after(self) -> int:
        """How many trading days after day 0 the returns must reach."""
        return self.first_day + self.holding_days - 1


def portfolio_names(quantiles: int) -> list[str]:
    """Return the portfolios' names, lowest tone first.

    >>> portfolio_names(3), portfolio_names(4)
    (['low', 'mid', 'high'], ['low', '2', '3', 'high'])
    """
    between = ["mid"] if quantiles == 3 else [str(i) for i in range(2, quantiles)]
    return ["low", *between, "high"]


def tones_of(calls: pa.Table, *, by_series: bool) -> pa.Table:
    """Return a row per series and call, or per call as the series POOLED: its counts, summed, and its tone.

    `calls` has a row per theme and call, with series_id, transcript_id, firm_id, permno, event_date (date32), quarter,
    n_positive, n_negative and n_sentences. Sorted by series, event date and call.
    """
    keys = ["transcript_id", "firm_id", "permno", "event_date", "quarter"]
    counts = ["n_positive", "n_negative", "n_sentences"]
    summed = calls.group_by((["series_id"] if by_series else []) + keys).aggregate(
        [(c, "sum") for c in counts]
    )
    summed = summed.rename_columns([n.removesuffix("_sum") for n in summed.column_names])
    if not by_series:
        summed = summed.append_column("series_id", pa.array([POOLED] * summed.num_rows, pa.string()))
    less = pc.subtract(summed.column("n_positive"), summed.column("n_negative"))
    tone = pc.divide(less.cast(pa.float64()), summed.column("n_sentences").cast(pa.float64()))
    chosen = summed.select(["series_id", *keys, "n_sentences"]).append_column("tone", tone)
    return chosen.sort_by([(k, "ascending") for k in ("series_id", "event_date", "transcript_id")])


def portfolio_of(tones: Floats, breakpoints: Floats) -> Ints:
    """Return each tone's portfolio, 0 the lowest.

    `breakpoints` is (n, quantiles - 1), ascending in each row. A tone equal to one or more breakpoints goes to the
    adjoining portfolio that is nearest to the middle: tones are ratios of small counts, of which many are equal, and
    low and high are to hold those that are clearly below and above. So portfolios mirror when tones do (of an even
    number, the middle two excepted).

    >>> portfolio_of(np.array([-1.0, 0.0, 0.5]), np.array([[0.0, 0.0]] * 3))
    array([0, 1, 2])
    """
    below = (breakpoints < tones[:, None]).sum(axis=1)
    up_to = (breakpoints <= tones[:, None]).sum(axis=1)
    middle = breakpoints.shape[1] // 2
    chosen: Ints = np.clip(middle, below, up_to)
    return chosen


@dataclass(frozen=True)
class Sorted:
    """What became of the calls of one series, in the order given."""

    breakpoints: Floats
    """(n, quantiles - 1): NaN if there are too few calls to take them from."""
    n_breakpoint_calls: Ints
    portfolio: Ints
    """(n,): -1 if it is in none."""
    firm: Ints
    """(n,): its row in the market grid; -1 if it has none."""
    first: Ints
    """(n,): the first day on which it is held, as a position among the trading days; may lie beyond them."""
    end: Ints
    """(n,): the day after the last."""
    reason: NDArray[np.str_]
    """(n,): one of MEMBER_REASONS; empty if it is in a portfolio."""


def sort_calls(calls: pa.Table, market: MarketGrid, params: SortParams) -> Sorted:
    """Sort the calls of one series, as `tones_of` returns them.

    A call's breakpoints depend only on tones of months before its own; or, within the month, of that month, at whose
    end it is over. Nothing later has any effect.
    """
    tones = calls.column("tone").to_numpy()
    dates = calls.column("event_date").to_numpy().astype("datetime64[D]")
    months = dates.astype("datetime64[M]").astype(np.int64)
    has_tone = calls.column("n_sentences").to_numpy() >= params.min_sentences
    n = calls.num_rows
    breakpoints = np.full((n, params.quantiles - 1), np.nan)
    n_known = np.zeros(n, dtype=np.int64)
    shares = np.arange(1, params.quantiles) / params.quantiles
    for month in np.unique(months).tolist():
        earliest, latest = _pool(month, params)
        known = tones[has_tone & (months >= earliest) & (months <= latest)]
        of_month = months == month
        n_known[of_month] = len(known)
        if len(known) >= params.min_breakpoint_calls:
            breakpoints[of_month] = np.quantile(known, shares)
    permnos = calls.column("permno").to_pylist()
    firm = market.rows_of(permnos)
    has_returns = np.asarray(np.isfinite(market.returns).any(axis=1))
    conditions = {
        "too_few_sentences": ~has_tone,
        "no_permno": np.array([p is None for p in permnos], dtype=bool),
        "no_returns": ~np.where(firm >= 0, has_returns[firm] if len(has_returns) else False, False),
        "too_few_breakpoint_calls": n_known < params.min_breakpoint_calls,
    }
    reason = np.select(list(conditions.values()), list(conditions), default="")
    portfolio = np.where(reason == "", portfolio_of(tones, breakpoints), -1)
    first = np.searchsorted(market.days, dates) + params.first_day
    if params.breakpoints == "within_month":
        next_month = (months + 1).astype("datetime64[M]").astype("datetime64[D]")
        first = np.maximum(first, np.searchsorted(market.days, next_month))
    return Sorted(breakpoints, n_known, portfolio, firm, first, first + params.holding_days, reason)


def _pool(month: int, params: SortParams) -> tuple[int, int]:
    """Return the first and the last month whose tones make the breakpoints of a month's calls."""
    if params.breakpoints == "within_month":
        return month, month
    return (0 if params.breakpoints == "expanding" else month - params.breakpoint_months), month - 1


def member_rows(calls: pa.Table, found: Sorted, market: MarketGrid, quantiles: int) -> pa.Table:
    """Return the columns of `portfolio_members` but the quarter, for the calls that were sorted, in their order."""
    names = np.array(portfolio_names(quantiles))
    is_in = found.portfolio >= 0
    n_days = len(market.days)
    is_held = is_in & (found.first < n_days)
    last = np.minimum(found.end, n_days) - 1
    return pa.table(
        {
            **{c: calls.column(c) for c in ("series_id", "transcript_id", "firm_id", "permno", "event_date")},
            "tone": calls.column("tone"),
            "n_sentences": calls.column("n_sentences").cast(pa.int32()),
            "low_breakpoint": pa.array(found.breakpoints[:, 0], from_pandas=True),
            "high_breakpoint": pa.array(found.breakpoints[:, -1], from_pandas=True),
            "n_breakpoint_calls": found.n_breakpoint_calls.astype(np.int32),
            "portfolio": _where(is_in, names[np.maximum(found.portfolio, 0)].tolist()),
            "first_date": _dates(market.days, found.first, is_held),
            "last_date": _dates(market.days, last, is_held),
            "reason": _where(~is_in, found.reason.tolist()),
        }
    )


def _where(mask: NDArray[np.bool_], values: Sequence[str]) -> pa.Array:
    return pa.array([v if m else None for m, v in zip(mask.tolist(), values, strict=True)], pa.string())


def _dates(days: NDArray[np.datetime64], at: Ints, mask: NDArray[np.bool_]) -> pa.Array:
    if not len(days):
        return pa.nulls(len(at), pa.date32())
    return pa.array(days[np.clip(at, 0, len(days) - 1)], pa.date32(), mask=~mask)
