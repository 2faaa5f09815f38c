"""The interface of the sources of market data, and what holds for every format of CRSP's daily data."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

THOUSAND = 1_000.0
"""CRSP counts shares outstanding (`shrout`) and market values (`dlycap`) in thousands."""

MISSING_CODES = frozenset({-44.0, -55.0, -66.0, -77.0, -88.0, -99.0})
"""Numbers that CRSP's legacy files write for a return that is missing."""

PERFORMANCE = (500, *range(520, 585))
"""Delisting codes of firms dropped for performance (Shumway 1997)."""
_LOST = -0.30
"""Their return if CRSP has none: Shumway 1997, "The delisting bias in CRSP data", Journal of Finance 52."""


class MarketSource(abc.ABC):
    """Where daily returns and factors come from."""

    name: str
    """The source's name in messages and metadata."""

    @abc.abstractmethod
    def daily(self, permnos: Sequence[int], first: date, last: date) -> Iterator[pa.Table]:
        """Yield the returns of these PERMNOs from `first` to `last`, as tables with the schema `DAILY`.

        (permno, date) is unique over all tables; a PERMNO without data has no row. `ret` includes distributions and
        delisting. SourceError, before the last table, if the input cannot be used.
        """

    @abc.abstractmethod
    def factors(self, first: date, last: date) -> pa.Table:
        """Return the factors from `first` to `last`, by date (schema `FACTORS`); SourceError as in `daily`."""

    def provenance(self) -> dict[str, Any]:
        """Return the provenance recorded with a quarter: the source's name, and what identifies its input."""
        return {"name": self.name}


def with_delisting(ret: float | None, delisting_ret: float | None, code: int | None) -> float | None:
    """Return the total return of a firm's last day in CRSP's legacy format, which keeps delisting returns apart.

    Both are compounded; None if there is neither. A firm that was dropped for performance (`code`) and has no
    delisting return lost 30% (Shumway 1997).

    >>> with_delisting(0.1, -0.5, 574), with_delisting(None, None, 574), with_delisting(0.1, None, 231)
    (-0.45, -0.3, 0.1)
    """
    if delisting_ret is None and code in PERFORMANCE:
        delisting_ret = _LOST
    if delisting_ret is None:
        return ret
    return delisting_ret if ret is None else round((1 + ret) * (1 + delisting_ret) - 1, 12)
