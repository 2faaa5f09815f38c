"""The exchange's trading days and closing times, and which of them a call is an event of.

What belongs here: the one rule that turns the start of a call into day 0 of an event study, and the calendar that it
goes by. Market data say themselves on which days the market was open; `exchange_calendars` (XNYS) knows early closes,
and the days before and after the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ftm_resources.quarters import CLOSE, NEW_YORK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EVENT_RULES = ("same_day", "after_close", "no_trading", "date_only")
"""How a call came to its day 0: that of its date; the next trading day, because it began at or after that day's close;
the next trading day, because there was no trading on its date; that of its date, or the next, for want of a time."""

_CLOSE = CLOSE.hour * 60 + CLOSE.minute
_MARGIN = timedelta(days=15)
"""No exchange closure is longer, so that the next and the previous trading day are always in the calendar."""


@dataclass(frozen=True)
class EventDay:
    """Day 0 of a call."""

    index: int
    """Its position among the trading days."""
    day: date
    rule: str
    """One of EVENT_RULES."""


@dataclass(frozen=True)
class TradingDays:
    """Trading days in order, each with its closing time."""

    days: NDArray[np.datetime64]
    """datetime64[D], ascending, without repeats."""
    closes: NDArray[np.int64]
    """Minutes from midnight in New York to the close: 960, or 780 on a day that closes at 13:00."""

    def __len__(self) -> int:
        return len(self.days)

    def at_or_after(self, day: date) -> int:
        """Return the position of the first trading day that is not before `day`; ValueError if there is none."""
        index = int(np.searchsorted(self.days, np.datetime64(day, "D")))
        if index == len(self.days):
            raise ValueError(f"the trading days end on {self.days[-1]}, before {day}")
        return index

    def event_day(self, call_at: datetime, *, is_date_only: bool) -> EventDay:
        """Return day 0 of a call: the first trading day whose close comes after the call has begun.

        `call_at` has a time zone; if only its date in New York is known, its time of day is ignored.
        ValueError if the trading days end before it.
        """
        local = call_at.astimezone(NEW_YORK)
        index = self.at_or_after(local.date())
        is_open = self.days[index] == np.datetime64(local.date(), "D")
        if is_date_only:
            rule = "date_only"
        elif not is_open:
            rule = "no_trading"
        elif local.hour * 60 + local.minute >= self.closes[index]:
            index, rule = index + 1, "after_close"
            if index == len(self.days):
                raise ValueError(
                    f"the trading days end on {self.days[-1]}, and the call began after its close"
                )
        else:
            rule = "same_day"
        return EventDay(index, self.days[index].astype(date), rule)


def exchange_days(first: date, last: date) -> TradingDays:
    """Return the trading days of the New York Stock Exchange (XNYS) from `first` to `last`, also in the future."""
    whole = _whole(first.year, last.year)
    within = (whole.days >= np.datetime64(first, "D")) & (whole.days <= np.datetime64(last, "D"))
    return TradingDays(whole.days[within], whole.closes[within])


def observed_days(factors: NDArray[np.datetime64], firms: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Return the days on which the market was open by the data, sorted: the factors', and more that firms have.

    A day that only firms have counts if XNYS was open: the file of factors may lack it, whereas other days are strays
    in the firms' data. Without any factors, all days of firms count. Both arguments are datetime64[D], in any order.
    """
    firms = np.unique(np.asarray(firms, dtype="datetime64[D]"))
    if not len(factors) or not len(firms):
        return np.unique(np.asarray(factors if len(factors) else firms, dtype="datetime64[D]"))
    known = exchange_days(firms[0].item(), firms[-1].item()).days
    return np.union1d(np.asarray(factors, dtype="datetime64[D]"), firms[np.isin(firms, known)])


def market_days(data: Sequence[date] | NDArray[np.datetime64], first: date, last: date) -> TradingDays:
    """Return the trading days from `first` to `last` by the market data, and by XNYS where the data do not reach.

    `data` are the days for which there are market data, in any order. Between the first and the last of them, they
    alone decide; closing times are those of XNYS, 16:00 on a day that it does not know.
    """
    known = exchange_days(first, last)
    own = np.unique(np.asarray(data, dtype="datetime64[D]"))
    own = own[(own >= np.datetime64(first, "D")) & (own <= np.datetime64(last, "D"))]
    if not len(own):
        return known
    days = np.concatenate([known.days[known.days < own[0]], own, known.days[known.days > own[-1]]])
    place = np.minimum(np.searchsorted(known.days, days), max(len(known.days) - 1, 0))
    is_known = known.days[place] == days if len(known.days) else np.zeros(len(days), dtype=bool)
    closes = np.where(is_known, known.closes[place] if len(known.days) else _CLOSE, _CLOSE)
    return TradingDays(days, closes.astype(np.int64))


def reach(first: date, last: date, before: int, after: int) -> tuple[date, date]:
    """Return the days between which lie `before` trading days before `first` and `after` ones after `last`.

    They are counted as trading days of XNYS, never converted from calendar days.
    """
    years = timedelta(days=2 * max(before, after)) + _MARGIN
    around = exchange_days(first - years, last + years)
    start = int(np.searchsorted(around.days, np.datetime64(first, "D"))) - before
    end = int(np.searchsorted(around.days, np.datetime64(last, "D"), side="right")) - 1 + after
    return around.days[start].astype(date), around.days[end].astype(date)


@lru_cache(maxsize=4)
def _whole(first_year: int, last_year: int) -> TradingDays:
    import exchange_calendars

    # A year more on both sides, because a calendar must begin and end on trading days of its own.
    calendar = exchange_calendars.get_calendar(
        "XNYS", start=f"{first_year - 1}-01-01", end=f"{last_year + 1}-12-31"
    )
    days = calendar.sessions.to_numpy().astype("datetime64[D]")
    closes = [_minutes(at.to_pydatetime()) for at in calendar.schedule["close"]]
    return TradingDays(days, np.array(closes, dtype=np.int64))


def _minutes(at: datetime) -> int:
    local = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(NEW_YORK)
    return local.hour * 60 + local.minute
