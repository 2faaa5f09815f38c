"""What the warehouse holds, by quarter: which tables, when and from what they were made, whether they match.

What belongs here: what `ftm quarters` shows, taken from the snapshots and the sizes of files; no rows are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_resources.tables import QUARTERLY, TABLES
from ftm_resources.warehouse.damage import remedy, unusable_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ftm_resources.warehouse.generations import Mixture
    from ftm_resources.warehouse.snapshots import Write
    from ftm_resources.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class QuarterStatus:
    """What the warehouse holds for a quarter."""

    quarter: str
    tables: Mapping[str, Write]
    """Table → its current write, in catalogue order."""
    mixtures: Sequence[Mixture]
    """Tables that were not made from each other."""
    to_materialize: Sequence[str]
    """Tables to materialize, in order, to bring the quarter back to one generation."""

    damaged: Sequence[str] = ()
    """Data files that are missing or truncated, each with the remedy; on S3 this is not looked at."""

    @property
    def missing(self) -> list[str]:
        """The tables that a run of the quarter makes and that were never written for it.

        An optional table is missing only beside another one of its group.
        """
        groups = {TABLES[name].group for name in self.tables if TABLES[name].is_optional}
        return [
            name
            for name in QUARTERLY
            if name not in self.tables and (not TABLES[name].is_optional or TABLES[name].group in groups)
        ]

    @property
    def is_complete(self) -> bool:
        """Whether all tables exist are of one generation and whole."""
        return not self.missing and not self.mixtures and not self.damaged

    @property
    def made_at(self) -> datetime:
        """When the newest of its tables was committed, in UTC."""
        return max(write.at for write in self.tables.values())

    @property
    def source(self) -> dict[str, Any]:
        """The source of its calls: `name`, and for files `path` and `sha256`; empty if unknown."""
        write = self.tables.get("transcripts")
        return {} if write is None else dict(write.provenance().get("source", {}))

    @property
    def rows(self) -> dict[str, int]:
        """Table → number of rows."""
        return {name: int(write.properties["rows"]) for name, write in self.tables.items()}


def status(warehouse: Warehouse) -> list[QuarterStatus]:
    """Return what the warehouse holds for each quarter, in chronological order.

    Raises WarehouseError if there is no warehouse or a table's metadata is damaged.
    """
    pinned = warehouse.pin()
    harmed = (
        {}
        if warehouse.location.is_s3
        else {n: unusable_data(t) for n in pinned.names if (t := pinned.table(n)) is not None}
    )
    return [
        QuarterStatus(
            quarter,
            {n: w for n in pinned.names if (w := pinned.present(quarter)(n)) is not None},
            found := pinned.mixtures(quarter, pinned.names),
            pinned.to_materialize(quarter, pinned.names, found),
            [remedy(n, quarter, lacks[quarter]) for n, lacks in harmed.items() if quarter in lacks],
        )
        for quarter in pinned.quarters()
    ]
