"""Wording shared by the messages of several modules."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """Return a number with its noun: `1 firm`, `2 firms`.

    >>> counted(1, "firm"), counted(1200, "row")
    ('1 firm', '1,200 rows')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def size(n_bytes: float) -> str:
    """Return a number of bytes in readable units.

    >>> size(3_221_225_472)
    '3.0 GiB'
    """
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(n_bytes) < 1024:
            return f"{n_bytes:,.0f} {unit}" if unit in {"bytes", "KiB"} else f"{n_bytes:,.1f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:,.1f} TiB"
