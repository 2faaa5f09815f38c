"""The state of the warehouse that several quarters are exported in: now, at a point in time, or as a tag marks them.

What belongs here: which write of each table and quarter that is, whether they go together in one file, and how a
codebook names them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.generations import Mixture, Present
    from ftm_resources.warehouse.snapshots import Write


class ExportedState:
    """One state of a warehouse; later writes do not change it. Raises WarehouseError if no quarter has the tag."""

    def __init__(self, warehouse: Warehouse, as_of: str | None) -> None:
        from ftm_resources.warehouse.snapshots import moment_of, require_tag, tags

        self._warehouse, self._as_of, self._read_at = warehouse, as_of, datetime.now(UTC)
        self._moment = moment_of(as_of) if as_of else None
        self._pinned = warehouse.pin(self._moment)
        self._tagged: dict[str, dict[str, int]] | None = None
        if as_of and self._moment is None:
            self._tables = {n: t for n in self._pinned.names if (t := self._pinned.table(n)) is not None}
            require_tag(self._tables, None, as_of)
            self._tagged = {tag.quarter: tag.tables for tag in tags(self._tables) if tag.name == as_of}

    @property
    def as_of(self) -> str | None:
        """The tag or time as the user wrote it; None for the newest state."""
        return self._as_of

    def quarters(self) -> list[str]:
        """Return the quarters whose calls are stored, sorted; of a tag, also those that do not have it."""
        if self._moment is not None:
            return self._pinned.quarters(["transcripts"])
        return self._warehouse.quarters("transcripts")

    def require(self, quarters: Sequence[str], tables: Sequence[str]) -> None:
        """Raise CommandError or WarehouseError if a quarter has no such state, or a table was never written for it."""
        from ftm_assets.cli.arguments import require_state
        from ftm_resources.warehouse.snapshots import require_tag

        for quarter in quarters:
            require_state(self._warehouse, quarter, tables, self._as_of)
            if self._tagged is not None and self._as_of is not None:
                require_tag(self._tables, quarter, self._as_of)
        for table in tables:
            if absent := [q for q in quarters if not self._is_written(table, q)]:
                then = f" as of {self._as_of}" if self._as_of else ""
                advice = (
                    "choose another state"
                    if self._as_of
                    else f"materialize it there (`dg launch --assets {table} --partition {absent[0]}`)"
                )
                raise CommandError(
                    f"{table} lacks {', '.join(absent)}{then}: {advice}, or choose other quarters by --from and --to."
                )

    def _is_written(self, table: str, quarter: str) -> bool:
        """Return whether a table holds a quarter, even without rows, as one without a theme has none."""
        if self._as_of is None:
            return self._warehouse.quarter(table, quarter, pinned=self._pinned).is_written
        return self.write(table, quarter) is not None

    def write(self, table: str, quarter: str) -> Write | None:
        """Return the write that holds a quarter of a table; None if there is none, or another program made it."""
        return self._present(quarter)(table)

    def mixtures(self, quarters: Sequence[str], tables: Sequence[str]) -> dict[str, list[Mixture]]:
        """Return how the tables of each quarter were made from other rows than this state has, in any quarter."""
        from ftm_resources.warehouse import generations

        found = {quarter: generations.mixtures(tables, self._present(quarter)) for quarter in quarters}
        return {quarter: mixed for quarter, mixed in found.items() if mixed}

    def to_materialize(self, quarter: str, tables: Sequence[str], found: Sequence[Mixture]) -> list[str]:
        """Return what to materialize so that the tables of a quarter go together."""
        return self._pinned.to_materialize(quarter, tables, found, readers=tables)

    def _present(self, quarter: str) -> Present:
        if self._tagged is None:
            return self._pinned.present(quarter)
        tagged = self._tagged

        def write(key: str) -> Write | None:
            from ftm_resources.warehouse.snapshots import source_of, writer_of

            # Another quarter is as its own tag shows it, as in the file; without one, as it was when this was tagged.
            name, of_quarter = source_of(key, quarter)
            shown = tagged.get(of_quarter, tagged.get(quarter, {}))
            if name not in shown:
                return None
            table = self._tables[name]
            return writer_of(table, table.snapshot_by_id(shown[name]), of_quarter)

        return cache(write)

    def require_unchanged(self, quarters: Sequence[str], tables: Sequence[str]) -> None:
        """Raise CommandError if one of these has been replaced in the state of this name since this was made."""
        now = ExportedState(self._warehouse, self._as_of)
        if changed := [
            f"{table} of {quarter}"
            for quarter in quarters
            for table in tables
            if _snapshot(now.write(table, quarter)) != _snapshot(self.write(table, quarter))
        ]:
            raise CommandError(f"{', '.join(changed)} was replaced while it was read: run the command again.")

    def described(self, quarters: Sequence[str], tables: Sequence[str]) -> list[str]:
        """Return lines of Markdown that name the state: its tag or time, and the snapshot of each table and quarter."""
        if self._tagged is not None:
            named = f"as tagged {self._as_of}"
        elif self._moment is not None:
            named = f"as of {_time(self._moment)}, read on {_time(self._read_at)}"
        else:
            named = f"the newest on {_time(self._read_at)}"
        lines = ["## State", "", f"The warehouse {named}:", ""]
        lines += ["| table | quarter | snapshot | written | fingerprint of the rows |", "| --- " * 5 + "|"]
        for table in tables:
            for quarter in quarters:
                write = self.write(table, quarter)
                made = (
                    "? | ? | ?"
                    if write is None
                    else f"{write.snapshot_id} | {_time(write.at)} | {write.content}"
                )
                lines.append(f"| {table} | {quarter} | {made} |")
        return lines


def _snapshot(write: Write | None) -> int | None:
    return None if write is None else write.snapshot_id


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
