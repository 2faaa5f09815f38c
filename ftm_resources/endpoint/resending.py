"""When a request is sent again, and after how long."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openai

BUSY = frozenset({429, 503, 504, 529})
"""Statuses of a server that has too much to do."""

LONGEST_WAIT = 120.0
"""A server that wants to be left alone for longer, in seconds, is not asked again."""

FIRST_WAIT, LAST_WAIT = 0.5, 8.0
"""Seconds before the first retry; doubled with each, up to the last; shortened by up to a quarter at random."""

_AGAIN = frozenset({408, 409, 429})


def is_worth_it(error: openai.APIStatusError) -> bool:
    """Return whether a request that got this status may succeed if it is sent again."""
    if (wait := asked_wait(error)) is not None and wait > LONGEST_WAIT:
        return False
    said = error.response.headers.get("x-should-retry")  # OpenAI's own header
    if said in {"true", "false"}:
        return said == "true"
    return error.code != "insufficient_quota" and (error.status_code in _AGAIN or error.status_code >= 500)


def asked_wait(error: openai.APIStatusError) -> float | None:
    """Return the seconds that a server wants to be left alone for; None if it does not say."""
    headers = error.response.headers
    for name, per_second in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers[name]) / per_second
        except (KeyError, ValueError):
            continue
        return seconds if seconds > 0 else None  # not a number: false
    try:
        seconds = parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time()
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return seconds if seconds > 0 else None


def usual_wait(n: int) -> float:
    """Return the seconds before the nth retry, counted from 0."""
    longest = min(FIRST_WAIT * 2.0 ** min(n, 10), LAST_WAIT)
    return longest * (1 - 0.25 * random.random())  # noqa: S311 - so that clients do not return all at once
