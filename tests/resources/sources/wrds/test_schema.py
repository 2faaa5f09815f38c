from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.sources.moments import Moment
from ftm_resources.sources.wrds.schema import code, day, gvkey, moment, position, text, whole, whole_or_none

DAY = date(2023, 2, 1)


@given(st.times().map(lambda t: t.replace(microsecond=0)))
def test_a_time_of_day_is_the_same_in_every_type(clock: time):
    at = datetime.combine(DAY, clock, UTC)
    since = at - datetime.combine(DAY, time(0), UTC)
    seconds = int(since.total_seconds())
    for stated in (clock, f" {clock.isoformat()} ", since, seconds, float(seconds), Decimal(seconds)):
        assert moment(DAY, stated) == Moment(at, has_time=True, is_midnight=not since)


@pytest.mark.parametrize("nothing", [None, "", "  ", "NaT", "NULL", ".", float("nan"), Decimal("NaN")])
def test_without_a_time_of_day_there_is_a_date_only(nothing: Any):
    midnight = Moment(datetime(2023, 2, 1, tzinfo=UTC), has_time=False)
    assert moment(DAY, nothing) == midnight
    assert moment(midnight.at.replace(tzinfo=None), nothing) == midnight
    assert moment("01FEB2023", nothing) == midnight


def test_a_date_that_has_a_time_of_day_keeps_it():
    at = datetime(2023, 2, 1, 21, 30, tzinfo=UTC)
    assert moment(at, None) == Moment(at, has_time=True)
    assert moment(at.replace(tzinfo=None), "00:00:00") == Moment(at, has_time=True)
    assert moment(at.replace(second=30), "21:30:00") == Moment(at.replace(second=30), has_time=True)


def test_a_time_of_day_that_contradicts_the_date_is_refused():
    with pytest.raises(ValueError, match=r"differs from the time of its date, 21:30:00"):
        moment(datetime(2023, 2, 1, 21, 30, tzinfo=UTC), "22:00:00")


@pytest.mark.parametrize("clock", ["noon", -1, 86_400, timedelta(days=1), "25:00", object()])
def test_what_is_no_time_of_day_is_refused(clock: Any):
    with pytest.raises(ValueError, match=r"time of day"):
        moment(DAY, clock)


def test_ids_are_whole_numbers_in_every_type():
    assert {whole(v) for v in (18749, 18749.0, Decimal("18749"), "18749")} == {18749}
    with pytest.raises(ValueError, match="not a whole number"):
        whole(18749.5)


@pytest.mark.parametrize(
    "gap", [None, float("nan"), Decimal("NaN"), "NaT", "NA", "", " ", 0, 0.0, "0", -1, Decimal(-99)]
)
def test_an_id_that_is_a_gap_is_none_and_refused_where_one_is_needed(gap: Any):
    assert whole_or_none(gap) is None
    assert gvkey(gap) is None
    with pytest.raises(ValueError, match="is not an id"):
        whole(gap)


@pytest.mark.parametrize("broken", [18749.5, "1.23457E+09", 2.0**60, "1,690", "abc", True])
def test_a_broken_id_is_refused(broken: Any):
    with pytest.raises(ValueError, match="not a whole number"):
        whole(broken)


@pytest.mark.parametrize("written", [1690, 1690.0, Decimal("1690.00"), "1690", " 001690 ", "1690.0"])
def test_a_gvkey_has_six_digits_in_every_type(written: Any):
    assert gvkey(written) == "001690"


def test_gaps_in_texts_types_dates_and_orders():
    assert [text(v) for v in ("NULL", "NaN", " ", None, "None.", "Null")] == [
        None,
        None,
        None,
        None,
        "None.",
        "Null",
    ]
    assert [code(v) for v in ("null", " Proofed  Copy ", None)] == [None, "Proofed Copy", None]
    assert [day(v) for v in (None, "NaT", datetime(2023, 2, 1, 9, tzinfo=UTC), DAY)] == [None, None, DAY, DAY]
    assert [position(v) for v in (0, 3.0, Decimal(4), -1, 1.5, float("nan"), None, "x")] == [0, 3, 4] + [
        None
    ] * 5
