"""The sample's fundamentals: generated earnings and book equity of its firms, unrelated to what they say."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ftm_resources import quarters
from ftm_resources.sources.returns.fundamentals_source import FundamentalsSource
from ftm_resources.sources.returns.market_sample import firm_key, first_price, normal, shares_of
from ftm_resources.sources.sample.firms import FIRST_PERMNO, place_of
from ftm_resources.tables.sort_tables import FUNDAMENTALS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

_SINCE = 2000
_REPORTED = (15, 25)
"""Days after the end of a fiscal quarter in which it is reported; most calls come later, a few before it."""
_MISSING = 0.02
"""Share of fiscal quarters without a date of report, and of those without earnings."""


class SampleFundamentals(FundamentalsSource):
    """Generated fundamentals of the sample's firms."""

    name = "sample"

    def __init__(self, firms: int, seed: int) -> None:
        self.firms, self.seed = firms, seed

    def provenance(self) -> dict[str, Any]:
        """Return the number of firms and the seed, which are those of the calls."""
        return {**super().provenance(), "firms": self.firms, "seed": self.seed}

    def rows(self, permnos: Sequence[int], first: date, last: date) -> pa.Table:
        """Return the rows of the sample's firms; a fiscal quarter is one of the calendar."""
        asked = sorted(p for p in permnos if p >= FIRST_PERMNO and place_of(p - FIRST_PERMNO)[0] < self.firms)
        ends = [
            quarters.bounds(q)[1] for q in quarters.between(quarters.of_date(first), quarters.of_date(last))
        ]
        ends = [end for end in ends if first <= end <= last]
        return pa.Table.from_pylist(
            [row for permno in asked for row in self._firm(permno, ends)], schema=FUNDAMENTALS
        )

    def _firm(self, permno: int, ends: Sequence[date]) -> list[dict[str, Any]]:
        if not ends:
            return []
        own = firm_key(self.seed, permno)
        at = np.array([4 * (end.year - _SINCE) + (end.month - 1) // 3 for end in ends], dtype=np.uint64)
        price, shares = first_price(self.seed, permno), shares_of(self.seed, permno)
        season = normal(own, 24, at % np.uint64(4))
        surprise, growth, lag = normal(own, 25, at), normal(own, 26, at), normal(own, 27, at)
        gap, no_eps = normal(own, 28, at), normal(own, 29, at)
        limit = 2.054  # two in a hundred normal draws are above
        eps = np.round(price * (0.012 + 0.003 * season + 0.004 * surprise), 2)
        book = price * shares * 0.5 * np.exp(0.3 * growth)
        days = np.clip(np.round(20 + 2.5 * lag), *_REPORTED).astype(int)
        return [
            {
                "permno": permno,
                "fiscal_date": end,
                "known_date": None if gap[i] > limit else end + timedelta(int(days[i])),
                "eps": None if no_eps[i] > limit else float(eps[i]),
                "price": round(price, 2),
                "adjustment": 1.0,
                "book_equity": float(np.round(book[i], -3)),
                "sue": None,
            }
            for i, end in enumerate(ends)
        ]
