"""The contract between FTM and a source of fundamentals, and how book equity is made of accounts.

Capital expenditure is not among them: Compustat's quarterly `capxy` counts from the start of the fiscal year, so that a
quarter's own is a difference of two rows.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pyarrow as pa

MILLION = 1_000_000.0
"""Compustat counts money in millions of dollars, except per share."""


class FundamentalsSource(abc.ABC):
    """Where quarterly earnings and book equity come from."""

    name: str
    """The source's name in messages and metadata."""

    @abc.abstractmethod
    def rows(self, permnos: Sequence[int], first: date, last: date) -> pa.Table:
        """Return the fiscal quarters of these PERMNOs that end from `first` to `last` (schema `FUNDAMENTALS`).

        (permno, fiscal_date) is unique; sorted by it. SourceError if the input cannot be used.
        """

    def provenance(self) -> dict[str, Any]:
        """Return the provenance recorded with a quarter: the source's name, and what identifies its input."""
        return {"name": self.name}


def book_equity(
    shareholders: float | None,
    common: float | None,
    preferred: float | None,
    assets: float | None,
    liabilities: float | None,
    deferred_taxes: float | None,
) -> float | None:
    """Return the book value of common equity, in the unit of the accounts; None if there are too few of them.

    Stockholders' equity, or common equity plus preferred stock, or assets less liabilities; plus deferred taxes and
    investment tax credit, less preferred stock; the last two are 0 if missing (Davis, Fama & French 2000,
    "Characteristics, covariances, and average returns", Journal of Finance 55; by quarter: Hou, Xue & Zhang 2015,
    "Digesting anomalies", Review of Financial Studies 28).

    >>> book_equity(100.0, 90.0, 10.0, None, None, 5.0), book_equity(None, 90.0, 10.0, None, None, None)
    (95.0, 90.0)
    >>> book_equity(None, None, None, 300.0, 260.0, None), book_equity(None, None, 5.0, 300.0, None, 1.0)
    (40.0, None)
    """
    equity = shareholders
    if equity is None and common is not None:
        equity = common + (preferred or 0.0)
    if equity is None and assets is not None and liabilities is not None:
        equity = assets - liabilities
    return None if equity is None else equity + (deferred_taxes or 0.0) - (preferred or 0.0)
