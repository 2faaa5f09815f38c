"""Wording shared by the messages of several modules."""

from __future__ import annotations

import math


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


def dollars(usd: float) -> str:
    """Return USD with two digits after the point; less than 10 cents, with two digits that count.

    >>> dollars(1234.5), dollars(0.00423), dollars(0)
    ('$1,234.50', '$0.0042', '$0.00')
    """
    digits = 2 if usd >= 0.1 or usd < 1e-6 else 1 - math.floor(math.log10(usd))
    return f"${usd:,.{digits}f}"
