"""Which of the quarters before a panel's changes are from.

What belongs here: the tables of the quarters before that a panel may be compared with, those that are left out and why,
and what a write records of both.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftm_assets.orchestration.dbt_project import EARLIER, earlier_tables
from ftm_assets.orchestration.series_chain import apart
from ftm_resources.warehouse.snapshots import NOT_COMPARED, source_key

if TYPE_CHECKING:
    from ftm_resources.warehouse import QuarterTable, Warehouse
    from ftm_resources.warehouse.pinned import Pinned


@dataclass(frozen=True)
class Compared:
    """The quarters before one, as a panel of that one reads them."""

    tables: list[QuarterTable] = field(default_factory=list)
    """EARLIER of the quarters before, also those that were never written."""
    used: list[QuarterTable] = field(default_factory=list)
    """Those of the quarters that have them all, made from each other."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Quarter before → why nothing is compared with it."""

    def made_from(self) -> dict[str, Any]:
        """Return what is recorded of the quarters before, by table@quarter.

        Rows that are left out although they are there did not go with each other or with this quarter's. Once they do,
        they may be the same rows; so they are recorded as what no rows equal.
        """
        absent = {table.quarter for table in self.tables if not table.is_written}
        return {
            source_key(table.name, table.quarter, within=""): table.provenance()
            | ({"content": NOT_COMPARED} if table.quarter in self.left_out.keys() - absent else {})
            for table in self.tables
        }


def compared_quarters(
    warehouse: Warehouse, pinned: Pinned, quarter: str, *, mixed_allowed: bool = False
) -> Compared:
    """Return which quarters before one its panel is compared with.

    One that lacks a table has no part in changes; once it is whole, the panel is outdated. Nor has one of mixed
    generations, unless they are allowed, or one whose series are not those that this quarter's links go on from: the
    panel is then outdated until it is made again. A quarter of which nothing was written is not named.
    """
    tables = earlier_tables(warehouse, quarter, pinned=pinned)
    used: list[QuarterTable] = []
    left_out: dict[str, str] = {}
    for before, of_quarter in itertools.groupby(tables, lambda table: table.quarter):
        found = list(of_quarter)
        absent = [table.name for table in found if not table.is_written]
        mixed = [] if absent or mixed_allowed else apart(pinned, before, quarter, list(EARLIER))
        if not absent and not mixed:
            used += found
        elif len(absent) < len(EARLIER):
            left_out[before] = f"no {', '.join(absent)}" if absent else "; ".join(mixed)
    return Compared(tables, used, left_out)
