"""What was known of a firm when its call began: earnings surprise, size, book-to-market, momentum, volatility.

What belongs here: from the calls, market data and fundamentals to the rows of `controls`. A call has a row, and each
control a value or a reason, whatever else is missing. Fundamentals count from the day on which they were reported,
never from the end of their fiscal quarter; the day of the call counts, because the report precedes the call about it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from math import log
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
from annotated_types import Ge, Le

from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import CONTROLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.returns.calendar_time import MarketGrid

_YEAR_DAYS = 365
_YEAR = (timedelta(350), timedelta(380))
"""A fiscal quarter ended a year before another if so many days lie between: fiscal years may have 52 or 53 weeks."""
_SAME_REPORT = timedelta(10)
"""Sources may differ by so much on the day of a report; two quarters' reports are further apart."""
_CAP_DAYS = 5
"""Trading days up to the one asked for within which a market value must lie."""


@dataclass(frozen=True)
class ControlParams:
    """Parameters of controls."""

    first_day: Annotated[int, Le(-2)] = -252
    """First day of momentum and volatility, in trading days from day 0"""
    last_day: Annotated[int, Le(-1)] = -21
    """Their last day"""
    min_days: Annotated[int, Ge(2)] = 120
    """With fewer days with returns, momentum and volatility are unknown"""
    size_day: Annotated[int, Le(-1)] = -2
    """Day of the market value, in trading days from day 0: before the windows begin"""
    max_sue_age: Annotated[int, Ge(0)] = 45
    """Most calendar days from the report to the call; older earnings are of an earlier quarter, and stale"""
    max_book_age: Annotated[int, Ge(0)] = 400
    """Most calendar days from the report to the call for its book equity"""

    def checked(self) -> ControlParams:
        """Return the parameters; ValueError if the window ends before it begins."""
        if self.first_day > self.last_day:
            raise ValueError("first_day must not be after last_day")
        return self

    @property
    def days_before(self) -> int:
        """How many trading days before day 0 the returns must reach."""
        return max(-self.first_day, -self.size_day + _CAP_DAYS - 1)

    @property
    def oldest(self) -> timedelta:
        """How long before a call a fiscal quarter that is needed may have ended: a report may be half a year late."""
        return timedelta(max(self.max_book_age, self.max_sue_age + _YEAR[1].days) + 183)


@dataclass(frozen=True)
class _Report:
    """A fiscal quarter as it was reported."""

    fiscal: date
    known: date | None
    eps: float | None
    price: float | None
    adjustment: float | None
    book: float | None
    sue: float | None


class _Reports:
    """The fiscal quarters of all firms."""

    def __init__(self, rows: pa.Table) -> None:
        self._of: dict[int, list[_Report]] = defaultdict(list)
        for r in rows.sort_by([("permno", "ascending"), ("fiscal_date", "ascending")]).to_pylist():
            self._of[r["permno"]].append(
                _Report(
                    *(
                        r[c]
                        for c in (
                            "fiscal_date",
                            "known_date",
                            "eps",
                            "price",
                            "adjustment",
                            "book_equity",
                            "sue",
                        )
                    )
                )
            )

    def known(self, permno: int, day: date) -> list[_Report]:
        """Return those reported up to a day, that day included; the latest fiscal quarter last."""
        return [r for r in self._of.get(permno, ()) if r.known is not None and r.known <= day]


def _year_before(known: Sequence[_Report], report: _Report) -> _Report | None:
    """Return the same fiscal quarter of the year before, of those known that have earnings.

    A ready-made surprise has no earnings, and a date of its own that may lie between those of fiscal quarters.
    """
    own = [r for r in known if r.eps is not None and _YEAR[0] <= report.fiscal - r.fiscal <= _YEAR[1]]
    return min(own, key=lambda r: abs((report.fiscal - r.fiscal).days - _YEAR_DAYS), default=None)


@dataclass(frozen=True)
class _Found:
    """A control's value and the day on which it was known, or why it is unknown."""

    value: float | None = None
    known: date | None = None
    reason: str | None = None
    fiscal: date | None = None
    method: str | None = None


def build_controls(
    calls: pa.Table,
    market: MarketGrid,
    fundamentals: pa.Table | None,
    params: ControlParams,
    *,
    quarter: str,
) -> pa.Table:
    """Return the rows of `controls`, sorted by call.

    `calls` has one row per call, with transcript_id, firm_id, permno, call_date and event_date; `fundamentals` the
    columns of `FUNDAMENTALS`, or is None if there is no source of them. Days that `market` has not do not count.
    """
    params.checked()
    reports = None if fundamentals is None else _Reports(fundamentals)
    calls = calls.select(["transcript_id", "firm_id", "permno", "call_date", "event_date"]).sort_by(
        "transcript_id"
    )
    events = calls.column("event_date").to_numpy().astype("datetime64[D]")
    zeros = np.searchsorted(market.days, events).tolist()
    firms = market.rows_of(calls.column("permno").to_pylist()).tolist()
    rows = [
        row | _row(row, firm, zero, market, reports, params)
        for row, firm, zero in zip(calls.to_pylist(), firms, zeros, strict=True)
    ]
    contract = TABLES["controls"]
    schema = pa.schema([f for f in contract.arrow_schema if f.name != "quarter"])
    return contract.conform(pa.Table.from_pylist(rows, schema=schema), quarter=quarter)


def _row(
    call: Mapping[str, Any],
    firm: int,
    zero: int,
    market: MarketGrid,
    reports: _Reports | None,
    params: ControlParams,
) -> dict[str, Any]:
    permno, day = call["permno"], call["call_date"]
    if permno is None:
        found = dict.fromkeys(CONTROLS, _Found(reason="no_permno"))
    else:
        cap = _market_value(firm, zero + params.size_day, market)
        momentum, volatility = _past(firm, zero, market, params)
        known = None if reports is None else reports.known(permno, day)
        found = {
            "sue": _surprise(day, known, params),
            "log_size": cap if cap.value is None else _Found(log(cap.value), cap.known),
            "book_to_market": _book_to_market(day, known, cap, params),
            "momentum": momentum,
            "volatility": volatility,
        }
    columns: dict[str, Any] = {
        "sue_method": found["sue"].method,
        "sue_fiscal_date": found["sue"].fiscal,
        "book_fiscal_date": found["book_to_market"].fiscal,
    }
    for name, control in found.items():
        columns |= {
            name: control.value,
            f"{name}_known_date": control.known,
            f"{name}_reason": control.reason,
        }
    return columns


def _surprise(day: date, known: Sequence[_Report] | None, params: ControlParams) -> _Found:
    """Return unexpected earnings: those that the source has ready, or by a seasonal random walk."""
    if known is None:
        return _Found(reason="no_source")
    if not known:
        return _Found(reason="not_known")
    now = _newest(known)
    if now.known is None or (day - now.known).days > params.max_sue_age:
        return _Found(reason="stale")
    return _walk(now, known) if now.sue is None else _Found(now.sue, now.known, None, now.fiscal, "given")


def _newest(known: Sequence[_Report]) -> _Report:
    """Return the report of the latest fiscal quarter.

    A ready-made surprise without a fiscal quarter has the day known for one. That of a late report may be after the end
    of the next quarter, which it does not replace once that is reported.
    """
    newest = known[-1]
    latest = max(known, key=lambda r: (r.known or r.fiscal, r.fiscal))
    if newest.known == newest.fiscal and latest.known and latest.known - newest.fiscal > _SAME_REPORT:
        return latest
    return newest


def _walk(now: _Report, known: Sequence[_Report]) -> _Found:
    """Return unexpected earnings by a seasonal random walk of what is known, or why there are none.

    (x_t / a_t - x_(t-4) / a_(t-4)) / (p_t / a_t), with x earnings per share, a the divisor for splits and p the price
    (Livnat & Mendenhall 2006, "Comparing the post-earnings announcement drift for surprises calculated from analyst and
    time series forecasts", Journal of Accounting Research 44; Bernard & Thomas 1989).
    """
    if now.eps is None or now.known is None:
        return _Found(reason="no_value")
    before = _year_before(known, now)
    if before is None or before.eps is None or before.known is None:
        return _Found(reason="no_year_before")
    # Without divisors, there were no splits to speak of; with one of two, they cannot be compared.
    divisor, divisor_before = now.adjustment, before.adjustment
    if divisor is None and divisor_before is None:
        divisor = divisor_before = 1.0
    if not divisor or not divisor_before:
        return _Found(reason="no_year_before")
    if not now.price:
        return _Found(reason="no_price")
    value = (now.eps / divisor - before.eps / divisor_before) / (now.price / divisor)
    # A late report of the year before may have come after this quarter's.
    return _Found(value, max(now.known, before.known), None, now.fiscal, "seasonal_walk")


def _book_to_market(day: date, known: Sequence[_Report] | None, cap: _Found, params: ControlParams) -> _Found:
    """Return book equity over market value, both in dollars."""
    if known is None:
        return _Found(reason="no_source")
    if not known:
        return _Found(reason="not_known")
    with_book = [r for r in known if r.book is not None]
    if not with_book:
        return _Found(reason="no_value")
    now = with_book[-1]
    if now.known is None or now.book is None or (day - now.known).days > params.max_book_age:
        return _Found(reason="stale")
    if cap.value is None or cap.known is None:
        return _Found(reason=cap.reason)
    return _Found(now.book / cap.value, max(now.known, cap.known), fiscal=now.fiscal)


def _market_value(firm: int, at: int, market: MarketGrid) -> _Found:
    """Return the market value at the close of a day, or of one of the few before it."""
    if firm < 0 or not len(market.days):
        return _Found(reason="no_returns")
    first, end = max(at - _CAP_DAYS + 1, 0), at + 1
    own = market.caps[firm, first:end] if end > 0 else np.empty(0)
    there = np.flatnonzero(own > 0)
    if not len(there):
        return _Found(reason="no_market_value")
    return _Found(float(own[there[-1]]), _day(market.days, first + int(there[-1])))


def _past(firm: int, zero: int, market: MarketGrid, params: ControlParams) -> tuple[_Found, _Found]:
    """Return momentum and volatility."""
    if firm < 0 or not np.isfinite(market.returns[firm]).any():
        return _Found(reason="no_returns"), _Found(reason="no_returns")
    first, end = zero + params.first_day, zero + params.last_day + 1
    own = market.returns[firm, max(first, 0) : max(end, 0)]
    there = np.isfinite(own)
    if there.sum() < params.min_days:
        return _Found(reason="too_few_days"), _Found(reason="too_few_days")
    known = _day(market.days, end - 1)
    used = own[there]
    return _Found(float(np.prod(1 + used) - 1), known), _Found(float(used.std(ddof=1)), known)


def _day(days: NDArray[np.datetime64], at: int) -> date:
    found: date = days[at].item()
    return found
