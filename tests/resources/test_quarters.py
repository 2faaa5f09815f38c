import re
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources import quarters

AT = pa.timestamp("us", tz="UTC")
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@pytest.mark.parametrize(
    "text", ["2023Q1", "2023q1", "2023-Q1", "2023-q1", "2023 Q1", " 2023Q1\n", "2023 q1"]
)
def test_a_quarter_is_read_as_people_write_it(text: str):
    assert quarters.parse(text) == "2023Q1"


@pytest.mark.parametrize(
    "text",
    ["", "2023", "2023Q5", "2023Q0", "Q1", "Q1 2023", "23Q1", "2023Q1; --", "2023--Q1", "2023Q11", "٢٠٢٣Q1"],
)
def test_what_is_no_quarter_is_refused_and_said_how_it_is_written(text: str):
    with pytest.raises(ValueError, match=re.escape(f"{text!r} is not a quarter such as 2023Q1")):
        quarters.parse(text)


@pytest.mark.parametrize("text", ["2023q1", "2023-Q1", "2023Q5", "2023Q1 ", "٢٠٢٣Q1"])
def test_only_what_is_stored_is_a_key(text: str):
    assert not quarters.is_key(text)
    for function in (quarters.bounds, quarters.following, lambda q: quarters.between(q, "2023Q4")):
        with pytest.raises(ValueError, match="is not a quarter such as 2023Q1"):
            function(text)


def test_a_quarter_is_its_first_to_its_last_day():
    assert quarters.bounds("2023Q4") == (date(2023, 10, 1), date(2023, 12, 31))
    assert quarters.bounds("2024Q1") == (date(2024, 1, 1), date(2024, 3, 31))


@given(DAYS)
def test_every_day_is_in_one_quarter_whose_neighbours_begin_and_end_beside_it(day: date):
    quarter = quarters.of_date(day)
    first, last = quarters.bounds(quarter)
    assert first <= day <= last
    assert quarters.of_date(last + timedelta(days=1)) == quarters.following(quarter)
    assert quarters.of_date(first - timedelta(days=1)) == quarters.preceding(quarter)
    assert quarters.of_dates(pa.array([day], pa.date32())).to_pylist() == [quarter]


@given(DAYS, st.integers(-400, 400))
def test_shifting_is_undone_and_measured(day: date, by: int):
    quarter = quarters.of_date(day)
    other = quarters.shifted(quarter, by)
    assert quarters.shifted(other, -by) == quarter
    assert quarters.distance(quarter, other) == by
    assert len(quarters.between(quarter, other)) == max(by + 1, 0)


def test_quarters_between_two_are_in_the_order_of_time():
    assert quarters.between("2019Q4", "2020Q2") == ["2019Q4", "2020Q1", "2020Q2"]
    assert quarters.between("2020Q2", "2019Q4") == []


@pytest.mark.parametrize(
    ("at", "is_date_only", "expected"),
    [
        (datetime(2021, 1, 1, 4, 59, tzinfo=UTC), False, date(2020, 12, 31)),  # winter: five hours behind
        (datetime(2021, 1, 1, 5, 0, tzinfo=UTC), False, date(2021, 1, 1)),
        (datetime(2020, 7, 1, 3, 59, tzinfo=UTC), False, date(2020, 6, 30)),  # summer: four
        (datetime(2020, 7, 1, 4, 0, tzinfo=UTC), False, date(2020, 7, 1)),
        (datetime(2021, 1, 1, tzinfo=UTC), True, date(2021, 1, 1)),
        (None, True, None),
    ],
)
def test_the_date_of_a_call_is_the_one_in_new_york(
    at: datetime | None, is_date_only: bool, expected: date | None
):
    assert quarters.call_date(pa.array([at], AT), pa.array([is_date_only])).to_pylist() == [expected]


def test_dates_of_chunked_columns_keep_their_rows():
    times = [datetime(2021, 1, d, 2, tzinfo=UTC) for d in (1, 2, 1)]
    chunked = pa.chunked_array([pa.array(times[:1], AT), pa.array(times[1:], AT)])
    flags = pa.chunked_array([pa.array([False, True, False])])
    assert quarters.call_date(chunked, flags).to_pylist() == [
        date(2020, 12, 31),
        date(2021, 1, 2),
        date(2020, 12, 31),
    ]


def test_quarters_are_those_of_the_calendar():
    days = pa.array([date(2020, 3, 31), date(2020, 4, 1), date(2020, 12, 31)], pa.date32())
    assert quarters.of_dates(days).to_pylist() == ["2020Q1", "2020Q2", "2020Q4"]
