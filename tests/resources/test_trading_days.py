"""The exchange's calendar: early closes, holidays, and spans that are counted in trading days."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.quarters import NEW_YORK
from ftm_resources.trading_days import (
    EVENT_RULES,
    TradingDays,
    exchange_days,
    market_days,
    observed_days,
    reach,
)

DAYS = exchange_days(date(2000, 1, 1), date(2030, 12, 31))


def closes(day: date) -> int:
    return int(DAYS.closes[DAYS.at_or_after(day)])


def test_holidays_closures_and_early_closes_are_known():
    held = set(DAYS.days.tolist())
    assert not held & {date(2023, 4, 7), date(2023, 6, 19), date(2012, 10, 29), date(2001, 9, 12)}
    assert closes(date(2022, 11, 25)) == 13 * 60, "the day after Thanksgiving"
    assert closes(date(2023, 7, 3)) == 13 * 60
    assert closes(date(2023, 2, 1)) == 16 * 60
    assert date(2029, 12, 25) not in held, "days to come are known too"
    assert all(d.weekday() < 5 for d in held)


def test_a_span_is_counted_in_trading_days():
    """Ninety trading days before 2023Q1 reach back further than 120 days of the calendar."""
    first, last = reach(date(2023, 1, 1), date(2023, 3, 31), 90, 60)
    held = DAYS.days.tolist()
    assert sum(first <= d < date(2023, 1, 1) for d in held) == 90
    assert sum(date(2023, 3, 31) < d <= last for d in held) == 60
    assert date(2023, 1, 1) - first > timedelta(days=120)
    assert first in held
    assert last in held


@given(st.integers(0, 15_000_000), st.booleans())
def test_day_0_is_the_first_day_that_closes_after_the_call_began(minute: int, is_date_only: bool):
    at = datetime(2001, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    event = DAYS.event_day(at, is_date_only=is_date_only)
    local = at.astimezone(NEW_YORK)
    assert event.rule in EVENT_RULES
    assert event.day == DAYS.days[event.index].astype(date)
    assert event.day >= local.date()
    before = DAYS.days[event.index - 1].astype(date)
    closed = datetime.combine(before, datetime.min.time(), NEW_YORK) + timedelta(
        minutes=int(DAYS.closes[event.index - 1])
    )
    if is_date_only:
        assert before < local.date()
    else:
        assert closed <= local, "the day before had closed when the call began"


def test_the_data_decide_between_their_first_and_last_day():
    data = [date(2023, 2, 1), date(2023, 2, 4), date(2023, 2, 3)]  # a Saturday among them, and no 2 February
    days = market_days(data, date(2023, 1, 30), date(2023, 2, 7))
    assert days.days.tolist() == [
        *(date(2023, 1, 30), date(2023, 1, 31)),
        *sorted(data),
        *(date(2023, 2, 6), date(2023, 2, 7)),
    ]
    assert set(days.closes.tolist()) == {960}
    assert (
        market_days([], date(2023, 1, 30), date(2023, 2, 7)).days.tolist()
        == exchange_days(date(2023, 1, 30), date(2023, 2, 7)).days.tolist()
    )


def test_a_call_beyond_the_trading_days_is_refused():
    days = TradingDays(np.array(["2023-02-01"], dtype="datetime64[D]"), np.array([960]))
    with pytest.raises(ValueError, match="end on 2023-02-01"):
        days.event_day(datetime(2023, 2, 2, 12, tzinfo=UTC), is_date_only=False)
    with pytest.raises(ValueError, match="after its close"):
        days.event_day(datetime(2023, 2, 1, 22, tzinfo=UTC), is_date_only=False)


def test_a_day_that_the_factors_lack_is_one_if_firms_have_it_and_the_exchange_was_open():
    days = exchange_days(date(2023, 1, 30), date(2023, 2, 10)).days
    saturday = np.array(["2023-02-04"], dtype="datetime64[D]")
    firms = np.concatenate([days[::-1], saturday])
    assert observed_days(np.delete(days, 4), firms).tolist() == days.tolist()
    assert observed_days(np.concatenate([days, saturday]), days).tolist() == sorted([*days, *saturday])
    nothing = days[:0]
    assert observed_days(nothing, firms).tolist() == sorted(firms)
    assert observed_days(days, nothing).tolist() == days.tolist()
    assert observed_days(nothing, nothing).tolist() == []
