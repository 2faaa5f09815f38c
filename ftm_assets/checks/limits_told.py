"""How a number is written beside its limit: with enough digits to be on its side of it."""

from __future__ import annotations

from typing import NamedTuple

MOST_DIGITS = 6
"""After which a number and its limit may look the same."""


class Beside(NamedTuple):
    """A number that is shown beside another one; its format has at least the digits of the format's precision.

    >>> f"{Beside(0.5473, 0.55):.0%} (at least {Beside(0.55, 0.5473):.0%}), {Beside(0.25, 0.55):.0%}"
    '54.7% (at least 55%), 25%'
    """

    value: float
    other: float

    def __format__(self, spec: str) -> str:
        """Return the number in a format such as `.0%`, with more digits where it would look like the other."""
        digits, kind = int(spec[1:-1]), spec[-1]
        few = many = digits
        if self.value != self.other:
            while many < MOST_DIGITS and f"{self.value:.{many}{kind}}" == f"{self.other:.{many}{kind}}":
                many += 1
        exact = f"{self.value:.{many}{kind}}".removesuffix("%")
        # A limit of 55% stays so beside 54.7%.
        while few < many and float(f"{self.value:.{few}{kind}}".removesuffix("%")) != float(exact):
            few += 1
        return f"{self.value:.{few}{kind}}"
