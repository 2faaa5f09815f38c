"""The calendar quarter: how it is written.

What belongs here: the key of a quarter, and what people write instead.
"""

from __future__ import annotations

import re

KEY = r"[0-9]{4}Q[1-4]"
"""Regular expression of a key such as 2023Q1, for patterns that hold one."""

_KEY = re.compile(KEY)
_WRITTEN = re.compile(r"\s*([0-9]{4})[- ]?[Qq]([1-4])\s*")


def parse(text: str) -> str:
    """Return the key (2023Q1) of a quarter as people write it: 2023Q1, 2023q1, 2023-Q1 or 2023 Q1.

    Raises ValueError, naming the text, where it is no quarter.

    >>> parse("2023-q1")
    '2023Q1'
    """
    if not (written := _WRITTEN.fullmatch(text)):
        raise ValueError(f"{text!r} is not a quarter such as 2023Q1")
    return f"{written[1]}Q{written[2]}"


def is_key(text: str) -> bool:
    """Tell whether a text is a quarter's key, exactly as it is stored: 2023Q1."""
    return _KEY.fullmatch(text) is not None
