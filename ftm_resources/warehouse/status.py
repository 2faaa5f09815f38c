"""What the warehouse holds, by quarter: which tables, when and from what they were made, whether they match.

What belongs here: what `ftm quarters` shows, taken from the snapshots; no rows are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_resources.tables import TABLES

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

    @property
    def missing(self) -> list[str]:
        """The tables that were never written for this quarter."""
        return [name for name in TABLES if name not in self.tables]

    @property
    def is_complete(self) -> bool:
        """Whether all tables exist and are of one generation."""
        return not self.missing and not self.mixtures

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
    return [
        QuarterStatus(
            quarter,
            {n: w for n in pinned.names if (w := pinned.present(quarter)(n)) is not None},
            found := pinned.mixtures(quarter, pinned.names),
            pinned.to_materialize(quarter, pinned.names, found),
        )
        for quarter in pinned.quarters()
    ]
