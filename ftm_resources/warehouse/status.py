"""What the warehouse holds, quarter by quarter: which tables, made when and from what, and whether they fit.

What belongs here: the answer to `ftm quarters`, from what the snapshots say; no row is read.
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
    """What the warehouse holds of a quarter."""

    quarter: str
    tables: Mapping[str, Write]
    """Table → the write that it holds, in the order of the catalogue."""
    mixtures: Sequence[Mixture]
    """Where tables were not made from each other."""
    to_materialize: Sequence[str]
    """What to materialize, in order, so that all that is there is of one generation again."""

    @property
    def missing(self) -> list[str]:
        """The tables that nothing has written for this quarter."""
        return [name for name in TABLES if name not in self.tables]

    @property
    def is_complete(self) -> bool:
        """Whether every table is there, and all of one generation."""
        return not self.missing and not self.mixtures

    @property
    def made_at(self) -> datetime:
        """When the newest of its tables was committed, in UTC."""
        return max(write.at for write in self.tables.values())

    @property
    def source(self) -> dict[str, Any]:
        """Where its calls come from: `name`, of files also `path` and `sha256`; empty where that is not known."""
        write = self.tables.get("transcripts")
        return {} if write is None else dict(write.provenance().get("source", {}))

    @property
    def rows(self) -> dict[str, int]:
        """Table → number of rows."""
        return {name: int(write.properties["rows"]) for name, write in self.tables.items()}


def status(warehouse: Warehouse) -> list[QuarterStatus]:
    """Return what the warehouse holds of each quarter, in the order of time.

    Raises WarehouseError where there is no warehouse, or the metadata of a table is damaged.
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
