"""What `connect` over all quarters shows, for readers that take one quarter at a time and keep several.

What belongs here: a quarter's tables at the snapshots that go with what is shown of the other quarters, and whether
they do. `Warehouse.together` judges its quarter alone: read one by one, its quarters need not go together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftm_resources.warehouse.errors import mixtures_told
from ftm_resources.warehouse.generations import mixtures
from ftm_resources.warehouse.shown import as_tagged, one_generation
from ftm_resources.warehouse.snapshots import moment_of
from ftm_resources.warehouse.views import open_connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from ftm_resources.warehouse.generations import Mixture
    from ftm_resources.warehouse.shown import Shown
    from ftm_resources.warehouse.snapshots import AsOf, Write
    from ftm_resources.warehouse.warehouse import QuarterTable, Warehouse


@dataclass(frozen=True)
class Across:
    """All quarters of some tables, as `connect` shows them; later writes do not change them."""

    warehouse: Warehouse
    names: Sequence[str]
    shown: Shown
    said: tuple[str, ...]
    """What `connect` warns of."""
    as_of: AsOf | None = None
    """The tag or time that is shown; None: now."""

    @classmethod
    def of(
        cls,
        warehouse: Warehouse,
        names: Sequence[str],
        *,
        quarter: str | None = None,
        as_of: AsOf | None = None,
    ) -> Across:
        """Return what is shown now, or `as_of` a tag or a time.

        With `quarter`, that one alone is judged, and other quarters are at their newest then; a tag is always of all
        quarters that have it. Raises WarehouseError if there is no warehouse, or no such tag (of `quarter`).
        """
        moment = None if as_of is None else moment_of(as_of)
        with mixtures_told() as said:
            pinned = warehouse.pin(moment)
            if as_of is not None and moment is None:
                if quarter is not None:
                    as_tagged(pinned, quarter, names, str(as_of), strict=False)
                shown = as_tagged(pinned, None, names, str(as_of), strict=False)
            else:
                shown = one_generation(lambda: warehouse.pin(moment), pinned, quarter, names, strict=False)
        return cls(warehouse, names, shown, tuple(said), as_of)

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

    def connect(self, *quarters: str, tables: Sequence[str] | None = None) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection whose views hold these quarters of the tables (default: all) as shown."""
        names = self.names if tables is None else tables
        files = {name: [uri for q in quarters for uri in self.shown.files(name, q)] for name in names}
        return open_connection(files, grown=names, on_s3=self.warehouse.location.is_s3)
