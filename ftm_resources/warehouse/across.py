"""What `connect` over all quarters shows, for readers that take one quarter at a time and keep several.

What belongs here: a quarter's tables at the snapshots that go with what is shown of the other quarters, and whether
they do. `Warehouse.together` judges its quarter alone: read one by one, its quarters need not go together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftm_resources.warehouse.errors import mixtures_told
from ftm_resources.warehouse.generations import mixtures
from ftm_resources.warehouse.shown import one_generation
from ftm_resources.warehouse.views import open_connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from ftm_resources.warehouse.generations import Mixture
    from ftm_resources.warehouse.shown import Shown
    from ftm_resources.warehouse.snapshots import Write
    from ftm_resources.warehouse.warehouse import QuarterTable, Warehouse


@dataclass(frozen=True)
class Across:
    """All quarters of some tables, as `connect` shows them; later writes do not change them."""

    warehouse: Warehouse
    names: Sequence[str]
    shown: Shown
    said: tuple[str, ...]
    """What `connect` warns of."""

    @classmethod
    def of(cls, warehouse: Warehouse, names: Sequence[str]) -> Across:
        """Return what is shown now. Raises WarehouseError if there is no warehouse."""
        with mixtures_told() as said:
            shown = one_generation(warehouse.pin, warehouse.pin(), None, names, strict=False)
        return cls(warehouse, names, shown, tuple(said))

    def holds(self, quarter: str) -> bool:
        """Return whether any table holds the quarter."""
        return self.shown.pinned.holds(quarter)

    def is_newest(self, quarter: str) -> bool:
        """Return whether the quarter is shown at its newest rows."""
        return not self.shown.instead.get(quarter)

    def mixtures(self, quarter: str) -> list[Mixture]:
        """Return the mismatches among what is shown of the quarter, and between it and what is shown of others."""
        return mixtures(self.names, self.shown.present(quarter))

    def write(self, name: str, quarter: str) -> Write | None:
        """Return the write of a table that is shown; None if there is none, or another program wrote it."""
        return self.shown.present(quarter)(name)

    def tables(self, quarter: str) -> dict[str, QuarterTable]:
        """Return the quarter's tables as shown."""
        shown, at = self.shown, self.warehouse.at
        return {n: at(n, quarter, shown.pinned.table(n), shown.snapshot(n, quarter)) for n in self.names}

    def connect(self, quarter: str) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection whose views hold the quarter as shown."""
        files = {name: self.shown.files(name, quarter) for name in self.names}
        return open_connection(files, grown=self.names, on_s3=self.warehouse.location.is_s3)
