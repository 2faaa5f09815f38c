"""A fixed view of the warehouse: each table as it was first loaded, now or at a point in time.

What belongs here: questions that need several tables at fixed states, such as whether a quarter's tables are of
one generation, and which snapshots hold the last complete one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftm_resources.warehouse import generations, snapshots
from ftm_resources.warehouse.scans import is_held

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

    from ftm_resources.warehouse.catalog import Tables
    from ftm_resources.warehouse.generations import Mixture, Present
    from ftm_resources.warehouse.snapshots import Write


@dataclass
class Pinned:
    """The tables of a warehouse, each loaded once. Raises WarehouseError if there is no warehouse."""

    tables: Tables
    moment: datetime | None = None
    """The point in time to look at; None: now. WarehouseError, from every method, if that state has expired."""
    _loaded: dict[str, IcebergTable | None] = field(default_factory=dict, init=False)
    _writes: dict[str, dict[str, list[Write]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.tables.require_any()
        self.names = self.tables.names()
        """Existing tables, in catalogue order."""

    def table(self, name: str) -> IcebergTable | None:
        """Return a table as it was first loaded; None if it was never written."""
        if name not in self._loaded:
            self._loaded[name] = self.tables.load(name) if name in self.names else None
        return self._loaded[name]

    def snapshot(self, name: str) -> Snapshot | None:
        """Return the state of a table that this view shows; None if there is none."""
        if (table := self.table(name)) is None:
            return None
        return (
            table.current_snapshot()
            if self.moment is None
            else snapshots.snapshot_at(table, name, self.moment)
        )

    def writes(self, name: str) -> dict[str, list[Write]]:
        """Return the writes of each quarter of a table, oldest first."""
        if name not in self._writes:
            table = self.table(name)
            self._writes[name] = snapshots.writes(table, self.snapshot(name)) if table is not None else {}
        return self._writes[name]

    def present(self, quarter: str) -> Present:
        """Return a function that maps a table's name to its current write of the quarter, or None.

        It also maps the key of another quarter's table (see `snapshots.source_key`) to that quarter's write.
        """

        def newest(key: str) -> Write | None:
            name, of_quarter = snapshots.source_of(key, quarter)
            held = self.writes(name).get(of_quarter)
            return held[-1] if held else None

        return newest

    def quarters(self, names: Iterable[str] | None = None) -> list[str]:
        """Return the quarters that any of these tables holds (default: all tables), sorted."""
        return sorted({q for n in (self.names if names is None else names) for q in self.writes(n)})

    def holds(self, quarter: str) -> bool:
        """Return whether any table holds the quarter now, even without rows or written by another program."""
        return any(is_held(t, quarter) for name in self.names if (t := self.table(name)) is not None)

    def mixtures(self, quarter: str, of: Iterable[str]) -> list[Mixture]:
        """Return the mismatches among these tables of a quarter and their inputs."""
        return generations.mixtures(of, self.present(quarter))

    def to_materialize(
        self, quarter: str, of: Sequence[str], found: Sequence[Mixture], *, readers: Iterable[str] = ()
    ) -> list[str]:
        """Return the tables to materialize, in order, to bring these back to one generation."""
        return generations.to_materialize(found, of, self.present(quarter), readers=readers)

    def histories(self, quarter: str, of: Sequence[str]) -> dict[str, list[Write]]:
        """Return the writes of the quarter, oldest first, of each of these tables and their inputs."""
        found = generations.upstream(of, self.present(quarter))
        return {name: self.writes(name)[quarter] for name in found if not snapshots.is_elsewhere(name)}

    def is_as(self, other: Pinned) -> bool:
        """Return whether both views hold the same state of every loaded table."""
        return self._states() == other._states()

    def _states(self) -> dict[str, str]:
        return {n: t.metadata_location for n, t in self._loaded.items() if t is not None}
