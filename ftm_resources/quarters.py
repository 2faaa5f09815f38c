"""Calendar quarters and New York time: a quarter's key, its days, its neighbours and its calls.

A call belongs to the calendar quarter of its date in New York, where the exchange is. All code that needs a
quarter's key, its bounds, or New York time uses this module.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

NEW_YORK = ZoneInfo("America/New_York")
"""The exchange's time zone; a call's date is its date there."""

CLOSE = time(16)
"""The exchange's closing time in New York; a later call moves prices on the next trading day."""

KEY = r"[0-9]{4}Q[1-4]"
"""Regular expression for a key such as 2023Q1, for use in other patterns."""

_KEY = re.compile(KEY)
_WRITTEN = re.compile(r"\s*([0-9]{4})[- ]?[Qq]([1-4])\s*")


def parse(text: str) -> str:
    """Return the key (2023Q1) of a quarter as users write it: 2023Q1, 2023q1, 2023-Q1 or 2023 Q1.

    Raises ValueError, quoting the text, if it is not a quarter.

    >>> parse("2023-q1")
    '2023Q1'
    """
    if not (written := _WRITTEN.fullmatch(text)):
        raise ValueError(f"{text!r} is not a quarter such as 2023Q1")
    return f"{written[1]}Q{written[2]}"


def is_key(text: str) -> bool:
    """Return whether a text is a quarter's key exactly as stored: 2023Q1."""
    return _KEY.fullmatch(text) is not None


def bounds(quarter: str) -> tuple[date, date]:
    """Return the first and last day of a quarter; ValueError if it is not a key such as 2023Q1."""
    index = _index(quarter)
    return _first_day(index), _first_day(index + 1) - timedelta(days=1)


def of_date(day: date) -> str:
    """Return the quarter that holds a day."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def shifted(quarter: str, by: int) -> str:
    """Return the quarter `by` quarters later (negative: earlier); ValueError if `quarter` is not a key."""
    return _key(_index(quarter) + by)


def following(quarter: str) -> str:
    """Return the next quarter; ValueError if `quarter` is not a key."""
    return shifted(quarter, 1)


def preceding(quarter: str) -> str:
    """Return the previous quarter; ValueError if `quarter` is not a key."""
    return shifted(quarter, -1)


def between(first: str, last: str) -> list[str]:
    """Return the quarters from first to last, inclusive, in order; empty if `last` is earlier.

    Raises ValueError if either is not a key.
    """
    return [_key(i) for i in range(_index(first), _index(last) + 1)]


def distance(first: str, last: str) -> int:
    """Return the number of quarters from `first` to `last`; ValueError if either is not a key."""
    return _index(last) - _index(first)


def today() -> date:
    """Return the current date in New York."""
    return datetime.now(NEW_YORK).date()


def call_date(timestamps: pa.Array | pa.ChunkedArray, is_date_only: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the date in New York (date32) of each call.

    `timestamps` (timestamp[us, tz=UTC]) and `is_date_only` (bool) are as in `tables.components`. If only the date
    is known, it is returned unchanged, because midnight UTC is still the previous day in New York.
    """
    # A call has many components, so each distinct time is converted once. Python converts them, not Arrow, which
    # has no time zones on machines without tzdata, such as small containers; Python uses the PyPI package.
    stated = pc.dictionary_encode(_flat(timestamps).cast(pa.timestamp("us")))
    local = [t.replace(tzinfo=UTC).astimezone(NEW_YORK).date() for t in stated.dictionary.to_pylist()]
    dates = pa.array(local, pa.date32()).take(stated.indices)
    return pc.if_else(_flat(is_date_only), stated.dictionary.cast(pa.date32()).take(stated.indices), dates)


def of_dates(dates: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the quarter (string) of each date (date32)."""
    year, quarter = pc.cast(pc.year(dates), pa.string()), pc.cast(pc.quarter(dates), pa.string())
    return pc.binary_join_element_wise(year, quarter, "Q")


def _flat(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _index(quarter: str) -> int:
    if not is_key(quarter):
        raise ValueError(f"{quarter!r} is not a quarter such as 2023Q1")
    return int(quarter[:4]) * 4 + int(quarter[5]) - 1


def _key(index: int) -> str:
    return f"{index // 4:04d}Q{index % 4 + 1}"


def _first_day(index: int) -> date:
    return date(index // 4, 3 * (index % 4) + 1, 1)
