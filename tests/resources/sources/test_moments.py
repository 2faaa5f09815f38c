from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources import quarters
from ftm_resources.sources.moments import (
    NO_CONVENTIONS,
    Conventions,
    Evidence,
    Moment,
    check_bounds,
    joined,
    moment,
    since_midnight,
    time_of_day,
    written_at,
)

DAY = datetime(2021, 2, 3, tzinfo=UTC)
EVENING = DAY + timedelta(hours=21, minutes=30)


@pytest.mark.parametrize(
    "written",
    [
        "2021-02-03",
        "2021-2-3",
        "2021/02/03",
        "2021.02.03",
        "20210203",
        "20210203.0",
        "03FEB2021",
        "3feb2021",
        "03-FEB-2021",
        "3-Feb-2021",
        "3 February 2021",
        "Feb 3, 2021",
        "February 3 2021",
        "Feb. 3rd, 2021",
        "Wednesday, February 3, 2021",
        "2021-Feb-03",
        " 2021-02-03\n",
    ],
)
def test_a_date_is_read_as_sas_r_stata_excel_and_people_write_it(written: str):
    assert moment(written) == Moment(DAY, has_time=False)


@pytest.mark.parametrize(
    "written",
    [
        "2021-02-03 21:30:00",
        "2021-02-03T21:30:00Z",
        "2021-02-03T21:30",
        "2021-02-03 21:30:00 UTC",
        "2021-02-03 21:30:00.000000000",
        "2021-02-03T22:30:00+01:00",
        "2021-02-03 16:30:00-0500",
        "2021-02-03 16:30:00-05",
        "20210203T213000Z",
        "20210203213000",
        "20210203 21:30:00",
        "03FEB2021:21:30:00",
        "03FEB2021:21:30:00.000",
        "03feb2021 21:30:00",
        "2021/02/03 9:30 PM",
        "Feb 3, 2021 9:30:00 p.m.",
        "February 3, 2021, 21:30 GMT",
    ],
)
def test_a_date_with_a_time_is_read_in_utc(written: str):
    assert moment(written) == Moment(EVENING, has_time=True)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - a zone is added
def test_a_moment_is_the_same_in_every_form(at: datetime):
    at = at.replace(microsecond=0, tzinfo=UTC)
    month = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"][at.month - 1]
    for form in (
        at.isoformat(),
        f"{at:%Y%m%dT%H%M%SZ}",
        f"{at:%d}{month}{at:%Y:%H:%M:%S}",
        f"{month.title()} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M:%S} {'PM' if at.hour > 11 else 'AM'}",
    ):
        assert moment(form) == Moment(
            at, has_time=True, is_midnight=at == at.replace(hour=0, minute=0, second=0)
        )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("soon", "is not a date or time: write 2021-02-03"),
        ("2021-W05-3", "is not a date or time"),
        ("2021-02-30", "there is no such day"),
        ("2021-13-01", "there is no such day"),
        ("2021-02-03 25:00", "is not a date or time"),
        ("2021-02-03 21:30:00 EST", "is not a date or time"),
        ("2021-02-03 9", "is not a date or time"),
        ("03dez2021", "is not a date or time"),
        ("3-Feb-21", "year of two digits"),
        ("02/03/21", "year of two digits"),
        ("03FEB21", "year of two digits"),
        ("44230", "is a number, and Excel, SAS, Stata and R count"),
        ("22314", "is a number"),
        ("44230.896", "is a number"),
        ("1612387800", "is a number"),
        ("20211301", "there is no such day"),
        (
            "03/04/2021",
            "is 3 April or 4 March: no date of the column shows which; write 2021-02-03 for 3 February",
        ),
        ("03.04.2021 10:00", "is 3 April or 4 March"),
        ("03-04-2021", "is 3 April or 4 March"),
    ],
)
def test_what_has_no_or_several_readings_is_refused_with_the_format_that_is_meant(written: str, message: str):
    with pytest.raises(ValueError, match=message):
        moment(written)


@pytest.mark.parametrize("written", ["9999-12-31 23:59:59-05:00", "0001-01-01 00:30:00+05:00"])
def test_a_time_that_is_beyond_the_calendar_in_utc_is_refused_like_any_other(written: str):
    with pytest.raises(ValueError, match="is not a date or time"):
        moment(written)


def test_a_date_that_has_one_reading_needs_no_proof():
    assert moment("13/11/2020").at.date() == date(2020, 11, 13)
    assert moment("11/13/2020").at.date() == date(2020, 11, 13)
    assert moment("5/5/2020").at.date() == date(2020, 5, 5)


@given(st.lists(st.dates(date(2000, 1, 1), date(2030, 1, 1)), min_size=1, max_size=20), st.booleans())
def test_a_file_with_one_day_after_the_12th_proves_the_order_of_all(days: list[date], day_first: bool):
    written = [f"{d:%d/%m/%Y}" if day_first else f"{d:%m/%d/%Y}" for d in days]
    evidence = Evidence()
    evidence.add_dates(written)
    conventions = evidence.conventions()
    if any(d.day > 12 for d in days):
        assert conventions.day_first is day_first
        assert [moment(w, conventions).at.date() for w in written] == days
    else:
        assert conventions.day_first is None
        assert evidence.is_open


def test_dates_that_prove_both_orders_prove_none():
    evidence = Evidence()
    evidence.add_dates(["13/04/2021", "04/13/2021"])
    assert evidence.conventions() == NO_CONVENTIONS
    assert not evidence.is_open  # no further date can settle it
    with pytest.raises(ValueError, match="no date of the column shows which"):
        moment("03/04/2021", evidence.conventions())


def test_a_date_in_another_order_than_the_files_is_refused():
    with pytest.raises(ValueError, match="not a date in the order day, month, year"):
        moment("04/13/2021", Conventions(day_first=True))


def test_a_workbook_says_how_its_numbers_count_days():
    assert moment("44230", Conventions(serials="excel")) == Moment(DAY, has_time=False)
    assert moment("42768", Conventions(serials="excel1904")) == Moment(DAY, has_time=False)
    evening = moment("44230.8958333333", Conventions(serials="excel"))
    assert evening == Moment(EVENING, has_time=True)
    assert time_of_day("0.895833333333", Conventions(serials="excel")) == timedelta(hours=21, minutes=30)
    with pytest.raises(ValueError, match="is not a date"):
        moment("9" * 12, Conventions(serials="excel"))


@pytest.mark.parametrize("nines", ["0.9999999999", "0.99999999999999999999"])
def test_a_part_of_a_day_that_rounds_to_its_end_stays_in_it(nines: str):
    conventions = Conventions(serials="excel")
    last = timedelta(hours=23, minutes=59, seconds=59, milliseconds=999)
    assert time_of_day(nines, conventions) == last
    assert moment("44230.9999999999", conventions) == Moment(DAY + last, has_time=True)


@pytest.mark.parametrize(
    "written",
    [
        "21:30:00",
        "21:30",
        "9:30 PM",
        "9:30:00 p.m.",
        "09:30pm",
        "21:30:00.000",
        "21:30:00Z",
        "21:30:00+00:00",
        "77400",
        "77400.0",
        "213000",
        "0 days 21:30:00",
        "1960-01-01 21:30:00",
        "01jan1960 21:30:00",
        "1899-12-30T21:30:00",
    ],
)
def test_a_time_of_day_is_read_as_programs_write_it(written: str):
    assert time_of_day(written) == timedelta(hours=21, minutes=30)


@pytest.mark.parametrize("written", ["9:30:00", "9:30 am", "93000", "093000", "34200"])
def test_a_morning_is_read_too(written: str):
    conventions = Conventions(clock="seconds") if written == "34200" else NO_CONVENTIONS
    assert time_of_day(written, conventions) == timedelta(hours=9, minutes=30)


def test_midnight_and_noon_on_a_clock_of_two_halves():
    assert [time_of_day(w) for w in ("12:00 AM", "12:00 PM", "0")] == [
        timedelta(0),
        timedelta(hours=12),
        timedelta(0),
    ]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("25:30", "is not a time of day: write 21:30:00 in UTC"),
        ("noon", "is not a time of day"),
        ("13:30 PM", "is not a time of day"),
        ("21:30:61", "is not a time of day"),
        ("21:30+01:00", "another time zone than UTC"),
        ("2021-02-03 21:30:00", "is not a time of day"),
        ("250000", "is not a time of day"),
        (
            "53000",
            "is 14:43:20 as seconds since midnight or 5:30:00 as digits .HHMMSS.: write 21:30:00 in UTC",
        ),
        (
            "2130",
            r"is 0:35:30 as seconds since midnight or 0:21:30 as digits \(HHMMSS\) or 21:30 as .* \(HHMM\): write",
        ),
        ("0.8958", "is a fraction of a day, as Excel counts: write 21:30:00 in UTC"),
        ("0.5", "is a fraction of a day"),
        ("9", "as seconds"),
    ],
)
def test_what_is_no_time_of_day_is_refused(written: str, message: str):
    with pytest.raises(ValueError, match=message):
        time_of_day(written)


@given(st.lists(st.integers(0, 86_399), min_size=1, max_size=20))
def test_seconds_since_midnight_are_never_read_as_digits(seconds: list[int]):
    evidence = Evidence()
    evidence.add_clocks(map(str, seconds))
    assert evidence.conventions().clock in (None, "seconds")
    if evidence.conventions().clock:
        read = [time_of_day(str(s), evidence.conventions()) for s in seconds]
        assert read == [timedelta(seconds=s) for s in seconds]


@given(st.lists(st.times(), min_size=1, max_size=20))
def test_digits_of_a_clock_are_never_read_as_seconds(clocks: list[object]):
    written = [str(int(f"{c:%H%M%S}")) for c in clocks]
    evidence = Evidence()
    evidence.add_clocks(written)
    assert evidence.conventions().clock in (None, "hhmmss")
    for w, c in zip(written, clocks, strict=True):
        if evidence.conventions().clock:
            assert str(time_of_day(w, evidence.conventions())).zfill(8) == f"{c:%H:%M:%S}"


def test_a_date_and_a_time_of_their_own_columns_are_joined():
    bare, evening = Moment(DAY, has_time=False), timedelta(hours=21, minutes=30)
    assert joined(bare, evening) == Moment(EVENING, has_time=True)
    assert joined(Moment(DAY, has_time=True, is_midnight=True), evening) == Moment(EVENING, has_time=True)
    assert joined(Moment(EVENING, has_time=True), evening) == Moment(EVENING, has_time=True)
    assert joined(Moment(EVENING, has_time=True), timedelta(0)) == Moment(EVENING, has_time=True)
    with pytest.raises(ValueError, match="differs from the time of its date, 21:30:00"):
        joined(Moment(EVENING, has_time=True), timedelta(hours=9))


@pytest.mark.parametrize(
    "written",
    [
        "2021-02-03 00:00:00",
        "2021-02-03T00:00Z",
        "03FEB2021:00:00:00",
        "2021-02-03T00:00:00-05:00",
        "20210203T000000",
    ],
)
def test_midnight_as_written_says_nothing_about_the_time_of_day(written: str):
    assert moment(written) == Moment(DAY, has_time=True, is_midnight=True)


@pytest.mark.parametrize(
    "written", ["2021-02-02T19:00:00-05:00", "2021-02-03 09:00:00+09:00", "2021-02-03 05:30 +0530"]
)
def test_a_time_in_a_zone_of_its_own_counts_though_it_is_midnight_in_utc(written: str):
    assert moment(written) == Moment(DAY, has_time=True)
    assert joined(moment(written), timedelta(0)) == Moment(DAY, has_time=True)
    with pytest.raises(ValueError, match="differs from the time of its date, 00:00:00"):
        joined(moment(written), timedelta(hours=9))


def test_a_moment_with_a_zone_is_read_as_it_is_written():
    assert written_at(datetime(2021, 2, 3, tzinfo=quarters.NEW_YORK)) == Moment(
        DAY, has_time=True, is_midnight=True
    )
    assert written_at(datetime(2021, 2, 2, 19, tzinfo=quarters.NEW_YORK)) == Moment(DAY, has_time=True)
    assert written_at(datetime(2021, 2, 3, 16, 30, tzinfo=quarters.NEW_YORK)) == Moment(
        EVENING, has_time=True
    )
    assert not written_at(DAY + timedelta(seconds=1)).is_midnight


@pytest.mark.parametrize(
    "clock",
    [
        "21:30",
        time(21, 30),
        timedelta(hours=21, minutes=30),
        77400,
        77400.0,
        Decimal(77400),
        datetime(1970, 1, 1, 21, 30, tzinfo=UTC),
        datetime(1960, 1, 1, 21, 30),  # noqa: DTZ001 - as SAS has it
    ],
)
def test_a_time_of_day_is_the_same_in_every_type(clock: object):
    assert since_midnight(clock) == timedelta(hours=21, minutes=30)


@pytest.mark.parametrize(
    "clock", [EVENING, date(1960, 1, 1), -1, 86_400, timedelta(days=1), timedelta(-1), None]
)
def test_what_is_no_time_of_day_is_refused_in_every_type(clock: object):
    with pytest.raises(ValueError, match="is not a time of day"):
        since_midnight(clock)


def test_dates_before_1990_and_after_tomorrow_are_refused():
    today = datetime.combine(quarters.today(), datetime.min.time(), UTC)
    for at in (datetime(1990, 1, 1, tzinfo=UTC), today, today + timedelta(days=2)):
        check_bounds(at)
    for at in (
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(1989, 12, 31, tzinfo=UTC),
        datetime(1960, 1, 1, tzinfo=UTC),
    ):
        with pytest.raises(ValueError, match="before 1990, when there were no transcripts"):
            check_bounds(at)
    with pytest.raises(ValueError, match="in the future"):
        check_bounds(today + timedelta(days=3))
