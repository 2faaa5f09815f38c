"""The partitions of every table: the quarters from the first to the current one, in the order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ftm_resources import quarters

if TYPE_CHECKING:
    from datetime import date

FIRST_QUARTER = "2000Q1"
"""Before it, transcripts are too few to compare quarters."""


def quarter_keys(today: date) -> list[str]:
    """Return the quarters from the first to that of `today`, oldest first.

    The UI plots over partitions from left to right, and `dagster job backfill --from --to` slices them, in this
    order.
    """
    return quarters.between(FIRST_QUARTER, quarters.of_date(today))


# Static keys, the current quarter included: a code location that runs for months is reloaded to get a new one.
QUARTERS = dg.StaticPartitionsDefinition(quarter_keys(quarters.today()))
