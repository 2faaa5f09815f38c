from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from ftm_resources.sources.base import Problem, SourceError, call_date, quarters_of

AT = pa.timestamp("us", tz="UTC")


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
    assert call_date(pa.array([at], AT), pa.array([is_date_only])).to_pylist() == [expected]


def test_dates_of_chunked_columns_keep_their_rows():
    times = [datetime(2021, 1, d, 2, tzinfo=UTC) for d in (1, 2, 1)]
    chunked = pa.chunked_array([pa.array(times[:1], AT), pa.array(times[1:], AT)])
    flags = pa.chunked_array([pa.array([False, True, False])])
    assert call_date(chunked, flags).to_pylist() == [date(2020, 12, 31), date(2021, 1, 2), date(2020, 12, 31)]


def test_quarters_are_those_of_the_calendar():
    days = pa.array([date(2020, 3, 31), date(2020, 4, 1), date(2020, 12, 31)], pa.date32())
    assert quarters_of(days).to_pylist() == ["2020Q1", "2020Q2", "2020Q4"]


def test_an_error_lists_twenty_problems_counts_the_rest_and_says_what_to_do():
    error = SourceError([Problem("a.csv", i, "x", "is odd") for i in range(1, 26)], advice="Mend it.")
    lines = str(error).splitlines()
    assert lines[0] == "transcripts: 25 problems"
    assert lines[1] == "  a.csv row 1, column x: is odd"
    assert lines[-2:] == ["  and 5 more", "Mend it."]
    assert len(error.problems) == 20
