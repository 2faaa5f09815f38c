"""The quarters: partition keys, their order and bounds."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import dagster as dg

from ftm_resources.sources.base import EXCHANGE_ZONE

FIRST_QUARTER = "2000Q1"
"""Before it, transcripts are too few to compare quarters."""


def quarter_of(day: date) -> str:
    """Return the calendar quarter of a date, e.g. 2023Q1."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def quarter_keys(today: date) -> list[str]:
    """Return the quarters from the first to the current one of `today`, newest first."""
    first, last = _index(FIRST_QUARTER), _index(quarter_of(today))
    return [f"{i // 4}Q{i % 4 + 1}" for i in range(last, first - 1, -1)]


def last_closed_quarter(today: date) -> str:
    """Return the newest quarter that has ended before `today`."""
    return quarter_keys(today)[1]


def _index(quarter: str) -> int:
    year, q = quarter.split("Q")
    return int(year) * 4 + int(q) - 1


def today() -> date:
    """Return the current date where the exchange is."""
    return datetime.now(ZoneInfo(EXCHANGE_ZONE)).date()


# Static keys, the current quarter included: a code location that runs for months is reloaded to get a new one.
QUARTERS = dg.StaticPartitionsDefinition(quarter_keys(today()))
