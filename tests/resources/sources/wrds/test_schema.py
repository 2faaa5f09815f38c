from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.sources.wrds.schema import moment, whole

DAY = date(2023, 2, 1)


@given(st.times().map(lambda t: t.replace(microsecond=0)))
def test_a_time_of_day_is_the_same_in_every_type(clock: time):
    at = datetime.combine(DAY, clock, UTC)
    since = at - datetime.combine(DAY, time(0), UTC)
    seconds = int(since.total_seconds())
    for stated in (clock, f" {clock.isoformat()} ", since, seconds, float(seconds), Decimal(seconds)):
        assert moment(DAY, stated) == (at, False)


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_without_a_time_of_day_there_is_a_date_only(nothing: str | None):
    midnight = datetime(2023, 2, 1, tzinfo=UTC)
    assert moment(DAY, nothing) == (midnight, True)
    assert moment(midnight.replace(tzinfo=None), nothing) == (midnight, True)


def test_a_date_that_has_a_time_of_day_keeps_it():
    at = datetime(2023, 2, 1, 21, 30, tzinfo=UTC)
    assert moment(at, None) == (at, False)
    assert moment(at.replace(tzinfo=None), "00:00:00") == (at, False)


@pytest.mark.parametrize("clock", ["noon", -1, 86_400, timedelta(days=1), "25:00", object()])
def test_what_is_no_time_of_day_is_refused(clock: Any):
    with pytest.raises(ValueError, match=r"time of day|isoformat|hour"):
        moment(DAY, clock)


def test_ids_are_whole_numbers_in_every_type():
    assert {whole(v) for v in (18749, 18749.0, Decimal("18749"), "18749")} == {18749}
    with pytest.raises(ValueError, match="not a whole number"):
        whole(18749.5)
