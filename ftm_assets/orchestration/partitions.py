"""The partitions of every table: the quarters from the first to the current one, in chronological order."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from ftm_resources import quarters

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

FIRST_QUARTER = "2000Q1"
"""Earlier quarters have too few transcripts to be compared."""


def quarter_keys(today: date) -> list[str]:
    """Return the quarters from the first to that of `today`, oldest first.

    The UI plots partitions in this order, and `dagster job backfill --from --to` slices them in it.
    """
    return quarters.between(FIRST_QUARTER, quarters.of_date(today))


# Static keys, up to the current quarter: a code location that runs for months must be reloaded for a new one.
QUARTERS = dg.StaticPartitionsDefinition(quarter_keys(quarters.today()))


@contextmanager
def partitioned_checks() -> Iterator[None]:
    """Define checks by quarter without Dagster's warning of a preview feature: its version is pinned."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning
        )
        yield
