"""Wording shared by the messages of several modules."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """Return a number with its noun: `1 firm`, `2 firms`.

    >>> counted(1, "firm"), counted(1200, "row")
    ('1 firm', '1,200 rows')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
