"""Dates and times as exports write them, and what a start at midnight means.

What belongs here: reading a text or a number as a date, a time of day or a creation time, for every source. A column's
conventions (is 03/04/2021 in March or April?) are proven by the column or not used: `Evidence` collects the proof.
The functions raise ValueError with the end of a message that begins with the quoted value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Literal

from ftm_resources import quarters

FIRST_DAY = date(1990, 1, 1)
"""No call is older. Capital IQ's transcripts begin in 2004; the few collections of older ones, in the 1990s."""

MIDNIGHT_NOTE = "starts at 00:00:00, which is read as an unknown time of day: dated by its date alone"

Serials = Literal["excel", "excel1904"]
"""Excel's two ways to count days; a workbook says which it uses. Readers of Stata's and SAS's files convert numbers."""

_ORIGINS = {"excel": date(1899, 12, 30), "excel1904": date(1904, 1, 1)}

_CLOCK_DATES = frozenset(
    (
        *_ORIGINS.values(),
        date(1899, 12, 31),
        date(1900, 1, 1),
        date(1960, 1, 1),
        date(1970, 1, 1),
        date(1, 1, 1),
    )
)
"""Dates that programs give to a time of day without a date."""

_NO_DATES = _CLOCK_DATES | {date(9999, 12, 31)}
"""Dates that databases and programs write where there is none."""

_DAY = timedelta(days=1)

SAME_TIME = timedelta(seconds=59)
"""Two columns with the time of a call may differ by this much: one may lack the seconds."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? ?)?"
_YEAR, _DAY_OF_MONTH = r"(?P<year>[0-9]{4})", r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_CLOCK = (
    r"(?P<h>[0-9]{1,2})(?::(?P<m>[0-9]{2})(?::(?P<s>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?)?"
    r" ?(?P<half>[ap]\.?m\.?)? ?(?P<zone>z|utc|gmt|(?:utc|gmt)?[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_DATES = tuple(
    re.compile(rf"{_WEEKDAY}{form}(?:(?: |t|, ?|:)(?P<clock>[0-9].*))?")
    for form in (
        r"(?P<year>[0-9]{4})(?P<separator>[-/.])(?P<number>[0-9]{1,2})(?P=separator)(?P<day>[0-9]{1,2})",
        r"(?P<year>[0-9]{4})(?P<number>[0-9]{2})(?P<day>[0-9]{2})",
        rf"{_DAY_OF_MONTH}[- /]?{_MONTH}(?:[- /]|, )?{_YEAR}",
        rf"{_MONTH}[- ]?{_DAY_OF_MONTH}(?:, ?| ){_YEAR}",
        rf"{_YEAR}[- /]?{_MONTH}[- /]?{_DAY_OF_MONTH}",
        r"(?P<first>[0-9]{1,2})(?P<separator>[-/.])(?P<second>[0-9]{1,2})(?P=separator)(?P<year>[0-9]{4})",
    )
)
_TIME = re.compile(_CLOCK)
_TWO_DIGIT_YEAR = re.compile(
    rf"[0-9]{{1,2}}([-/.])[0-9]{{1,2}}\1[0-9]{{2}}(?![0-9]).*|[0-9]{{1,2}}[- /]?{_MONTH}[- /]?[0-9]{{2}}(?![0-9]).*"
)
_NUMBER = re.compile(r"([0-9]+)(\.[0-9]*)?")
_NUMERIC_DATE = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2[0-9]{4}(?![0-9]).*")
_BASIC = re.compile(r"([0-9]{8})t?([0-9]{2})([0-9]{2})([0-9]{2})(z?)")

NOT_A_DATE = "is not a date or time: write 2021-02-03, or 2021-02-03 21:30:00 in UTC"
NOT_A_TIME = "is not a time of day: write 21:30:00 in UTC"


@dataclass(frozen=True)
class Conventions:
    """How a column writes what has several readings; None where nothing in the column shows it."""

    day_first: bool | None = None
    """Whether 03/04/2021 is 3 April."""
    clock: Literal["seconds", "hhmmss"] | None = None
    """Whether the number 53000 as a time is seconds since midnight (14:43:20) or digits of a clock (5:30:00)."""
    serials: Serials | None = None
    """How numbers count days, if the file is a workbook."""


NO_CONVENTIONS = Conventions()


@dataclass
class Evidence:
    """What the values of a column prove about its conventions."""

    day_first: bool = False
    month_first: bool = False
    seconds: bool = False
    hhmmss: bool = False

    def add_dates(self, values: Iterable[str]) -> None:
        """Add dates as written."""
        for value in values:
            if found := _NUMERIC_DATE.match(value.strip()):
                first, second = int(found[1]), int(found[3])
                self.day_first |= first > 12 >= second
                self.month_first |= second > 12 >= first

    def add_clocks(self, values: Iterable[str]) -> None:
        """Add times of day as written."""
        for value in values:
            if (found := _NUMBER.fullmatch(value.strip())) and not _is_padded(found[1]):
                number = int(found[1])
                self.seconds |= number < _DAY.total_seconds() and _hhmmss(number) is None
                self.hhmmss |= number >= _DAY.total_seconds() and _hhmmss(number) is not None

    @property
    def is_open(self) -> bool:
        """Whether more values may still prove a convention; one may be needed only far down in the file."""
        return not (self.day_first or self.month_first or self.seconds or self.hhmmss)

    def conventions(self, serials: Serials | None = None) -> Conventions:
        """Return what is proven; contradictions prove nothing."""
        order = None if self.day_first == self.month_first else self.day_first
        clock: Literal["seconds", "hhmmss"] = "seconds" if self.seconds else "hhmmss"
        return Conventions(order, None if self.seconds == self.hhmmss else clock, serials)


@dataclass(frozen=True)
class Moment:
    """A date, and the time of day if one was given."""

    at: datetime
    """In UTC; midnight of the date if there is no time."""
    has_time: bool
    is_midnight: bool = False
    """Whether it was written as a time, 00:00:00, that says nothing about the time of day; see `written_at`."""


def written_at(at: datetime) -> Moment:
    """Return what a date and time means, as it is written in its own zone.

    Capital IQ and programs that lost the time of day write midnight. Real calls may start then, but a time that was
    lost would move a call to the evening before in New York, perhaps into another quarter. So every source reads
    00:00:00, in UTC or in the zone it states, as that date only, without `is_after_close`, and notes it in the audit
    (MIDNIGHT_NOTE). Any other time is one, also if it is midnight in UTC: 20:00:00-04:00 is 20:00 in New York.
    ValueError beyond the years 1 to 9999.

    >>> written_at(datetime.fromisoformat("2021-03-31T20:00:00-04:00")).is_midnight
    False
    """
    if at.time() == time(0):
        return Moment(at.replace(tzinfo=UTC), has_time=True, is_midnight=True)
    try:
        return Moment(at.astimezone(UTC), has_time=True)
    except OverflowError:  # 9999-12-31 23:59 -05:00, which stands for "never"
        raise ValueError(NOT_A_DATE) from None


def is_new_york_midnight(at: datetime) -> bool:
    """Return whether a moment is 00:00:00 in New York, as a bare date becomes that a program moves to UTC."""
    return at.date() >= FIRST_DAY and at.astimezone(quarters.NEW_YORK).time() == time(0)


def is_no_date(day: date) -> bool:
    """Return whether a date stands for none, such as 1900-01-01 and 9999-12-31."""
    return day in _NO_DATES


def check_bounds(at: datetime) -> None:
    """Raise ValueError for a moment before 1990 or more than two days ahead, when there can be no transcript."""
    if at.date() < FIRST_DAY:
        raise ValueError(f"is before {FIRST_DAY.year}, when there were no transcripts of earnings calls")
    # It may be tomorrow already in UTC, or in the zone of whoever wrote it.
    if at.date() > (today := quarters.today()) + 2 * _DAY:
        raise ValueError(f"is in the future: today is {today}")


def moment(value: str, conventions: Conventions = NO_CONVENTIONS) -> Moment:
    """Return a date with or without a time of day; without a time zone it is in UTC.

    >>> [moment(value).at.isoformat() for value in ("03FEB2021:21:30:00", "Feb 3, 2021 9:30 PM", "20210203")]
    ['2021-02-03T21:30:00+00:00', '2021-02-03T21:30:00+00:00', '2021-02-03T00:00:00+00:00']
    """
    text = " ".join(value.split()).lower()
    if basic := _BASIC.fullmatch(text):
        text = f"{basic[1]} {basic[2]}:{basic[3]}:{basic[4]}{basic[5]}"
    if number := _NUMBER.fullmatch(text):
        is_whole = not (number[2] or "").strip(".0")
        if not (is_whole and len(number[1]) == 8):
            return _counted(float(text), conventions.serials)
        text = number[1]
    for form in _DATES:
        if found := form.fullmatch(text):
            day = _date(found.groupdict(), conventions.day_first)
            midnight = datetime.combine(day, time(0), UTC)
            if found["clock"] is None:
                return Moment(midnight, has_time=False)
            since, zone = _clock(found["clock"], NOT_A_DATE)
            return written_at((midnight + since).replace(tzinfo=zone))
    if _TWO_DIGIT_YEAR.fullmatch(text):
        raise ValueError("has a year of two digits: write 2021-02-03")
    raise ValueError(NOT_A_DATE)


def time_of_day(value: str, conventions: Conventions = NO_CONVENTIONS) -> timedelta:
    """Return a time of day in UTC, as the time since midnight.

    >>> [str(time_of_day(value)) for value in ("9:30 PM", "21:30", "213000")]
    ['21:30:00', '21:30:00', '21:30:00']
    """
    text = " ".join(value.split()).lower().removeprefix("0 days ")
    if number := _NUMBER.fullmatch(text):
        return _counted_clock(number, text, conventions)
    if _TIME.fullmatch(text):
        since, zone = _clock(text, NOT_A_TIME)
        if zone.utcoffset(None):
            raise ValueError("has another time zone than UTC")
        return since
    try:
        read = moment(value, replace(conventions, serials=None))
    except ValueError:
        read = None
    if read is None or read.at.date() not in _CLOCK_DATES:
        raise ValueError(NOT_A_TIME)
    return read.at - datetime.combine(read.at.date(), time(0), UTC)


def since_midnight(value: object, conventions: Conventions = NO_CONVENTIONS) -> timedelta:
    """Return a time of day of any type as the time since midnight: text, a time, an interval, or seconds.

    A date and time counts if its date is a program's stand-in for none. ValueError for anything else.
    """
    if isinstance(value, str):
        return time_of_day(value, conventions)
    if isinstance(value, datetime):
        value = (
            value - datetime.combine(value.date(), time(0), value.tzinfo)
            if value.date() in _CLOCK_DATES
            else None
        )
    elif isinstance(value, time):
        value = datetime.combine(FIRST_DAY, value.replace(tzinfo=UTC)) - datetime.combine(
            FIRST_DAY, time(0), UTC
        )
    elif isinstance(value, int | float | Decimal):
        value = timedelta(seconds=float(value))
    if not isinstance(value, timedelta) or not timedelta(0) <= value < _DAY:
        raise ValueError(NOT_A_TIME)
    return value


def joined(day: Moment, since: timedelta) -> Moment:
    """Return a date with the time of day from a column of its own, which is within a day.

    The date may have the same time, or one of the two may be midnight; ValueError if they differ.
    """
    own = day.at - datetime.combine(day.at.date(), time(0), UTC)
    has_own = day.has_time and not day.is_midnight
    if has_own and since and abs(own - since) > SAME_TIME:
        raise ValueError(f"differs from the time of its date, {day.at:%H:%M:%S}")
    return day if has_own else Moment(day.at + since, has_time=True, is_midnight=not since)


def _date(parts: dict[str, str | None], day_first: bool | None) -> date:
    """Return the date of a match; ValueError if it does not exist or has two readings."""
    year = int(parts["year"] or 0)
    if parts.get("first"):
        month, day = _ordered(int(parts["first"] or 0), int(parts["second"] or 0), year, day_first)
    else:
        name = parts.get("month")
        month = _MONTHS.index(name[:3]) + 1 if name else int(parts["number"] or 0)
        day = int(parts["day"] or 0)
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError("is not a date: there is no such day") from None


def _ordered(first: int, second: int, year: int, day_first: bool | None) -> tuple[int, int]:
    """Return month and day."""
    if first > 12 or second > 12:
        is_day_first = first > 12
        if day_first is not None and day_first is not is_day_first:
            order = "day, month, year" if day_first else "month, day, year"
            raise ValueError(f"is not a date in the order {order} of the column's other dates")
    elif first == second:
        is_day_first = True
    elif day_first is None:
        both = (date(year, second, first), date(year, first, second))
        readings = " or ".join(f"{d.day} {d:%B}" for d in both)
        raise ValueError(
            f"is {readings}: no date of the column shows which; write {year}-02-03 for 3 February"
        )
    else:
        is_day_first = day_first
    return (second, first) if is_day_first else (first, second)


def _clock(text: str, complaint: str) -> tuple[timedelta, timezone]:
    """Return the time since midnight and the zone, UTC if there is none."""
    found = _TIME.fullmatch(text)
    if not found or not (found["m"] or found["half"]):
        raise ValueError(complaint)
    hour, minute, second = (int(found[k] or 0) for k in "hms")
    if half := found["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(complaint)
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(complaint)
    fraction = int((found["f"] or "0").ljust(9, "0")) // 1000
    since = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=fraction)
    zone = (found["zone"] or "").removeprefix("utc").removeprefix("gmt").removeprefix("z").replace(":", "")
    if not zone:
        return since, UTC
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:] or 0))
    if offset >= _DAY:
        raise ValueError(complaint)
    return since, timezone(-offset if zone[0] == "-" else offset)


def _counted(number: float, serials: Serials | None) -> Moment:
    """Return the moment of a number of days."""
    if serials is None:
        raise ValueError(
            "is a number, and Excel, SAS, Stata and R count from different dates: write 2021-02-03, or 2021-02-03 "
            "21:30:00 in UTC"
        )
    days, fraction = divmod(number, 1)
    try:
        at = datetime.combine(_ORIGINS[serials], time(0), UTC) + timedelta(days=days)
    except OverflowError:
        raise ValueError(NOT_A_DATE) from None
    return Moment(at + _of_day(fraction), has_time=fraction > 0)


def _of_day(fraction: float) -> timedelta:
    """Return a part of a day as a time of day in milliseconds; a part that rounds to 24:00 stays in its day."""
    return timedelta(seconds=min(round(fraction * 86_400, 3), 86_399.999))


def _counted_clock(number: re.Match[str], text: str, conventions: Conventions) -> timedelta:
    """Return the time of day that a number is."""
    if not conventions.serials and 0 < float(text) < 1:
        raise ValueError("is a fraction of a day, as Excel counts: write 21:30:00 in UTC")
    whole = int(number[1])
    if conventions.serials and whole == 0:
        return _of_day(float(text))
    if whole == 0 and not (number[2] or "").strip(".0"):
        return timedelta(0)
    by_digits = _hhmmss(whole)
    try:
        by_seconds = timedelta(seconds=float(text))
    except OverflowError:
        by_seconds = timedelta.max
    # 213000 is more than a day of seconds, and no number is written 093000.
    if by_digits is not None and (
        _is_padded(number[1]) or (by_seconds >= _DAY and conventions.clock != "seconds")
    ):
        return by_digits
    if by_seconds >= _DAY:
        raise ValueError(NOT_A_TIME)
    if conventions.clock == "seconds" or by_digits is None:
        return by_seconds
    if conventions.clock == "hhmmss":
        return by_digits
    hour, minute = divmod(whole, 100)
    digits = f"{by_digits} as digits (HHMMSS)"
    if hour < 24 and minute < 60:
        digits = f"{digits} or {hour}:{minute:02} as hours and minutes (HHMM)"
    raise ValueError(f"is {by_seconds} as seconds since midnight or {digits}: write 21:30:00 in UTC")


def _hhmmss(number: int) -> timedelta | None:
    """Return the time whose digits are a number's (93000 is 9:30:00), or None."""
    hour, minute, second = number // 10_000, number // 100 % 100, number % 100
    if hour > 23 or minute > 59 or second > 59:
        return None
    return timedelta(hours=hour, minutes=minute, seconds=second)


def _is_padded(digits: str) -> bool:
    """Return whether six digits begin with a zero, as no number does."""
    return len(digits) == 6 and digits.startswith("0")
