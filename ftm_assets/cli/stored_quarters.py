"""What the warehouse holds of each quarter: when it was made, from what source, and what does not fit together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import history

if TYPE_CHECKING:
    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.history import Write


@dataclass(frozen=True)
class StoredQuarter:
    """A quarter as it stands."""

    quarter: str
    made_at: datetime
    """When its newest table was written."""
    source: str
    n_tables: int
    missing: tuple[str, ...]
    mixtures: tuple[str, ...]
    """In words, what was made from rows that are no longer there."""

    @property
    def state(self) -> str:
        """Return `mixed`, `incomplete` or `complete`."""
        return "mixed" if self.mixtures else "incomplete" if self.missing else "complete"

    @property
    def notes(self) -> list[str]:
        """Return what a person should know of it."""
        lacking = [f"lacks {', '.join(self.missing)}"] if self.missing else []
        return [*self.mixtures, *lacking]


def stored_quarters(warehouse: Warehouse) -> list[StoredQuarter]:
    """Return the quarters of a warehouse in order."""
    by_quarter: dict[str, dict[str, Write]] = {}
    current: dict[str, int] = {}
    for name in history.existing(warehouse):
        table = warehouse.table(name)
        snapshot = table.current_snapshot()
        if snapshot is None:
            continue
        current[name] = snapshot.snapshot_id
        for quarter, write in history.writers(table, snapshot).items():
            by_quarter.setdefault(quarter, {})[name] = write
    return [
        _stored(q, writes, history.mixed(warehouse, history.Tag(q, "", current)))
        for q, writes in sorted(by_quarter.items())
    ]


def _stored(quarter: str, writes: dict[str, Write], mixtures: list[str]) -> StoredQuarter:
    newest = max(w.timestamp_ms for w in writes.values())
    transcripts = writes.get("transcripts")
    source = transcripts.provenance().get("source", "unknown") if transcripts else "unknown"
    return StoredQuarter(
        quarter,
        datetime.fromtimestamp(newest / 1000, UTC),
        str(source),
        len(writes),
        tuple(t for t in TABLES if t not in writes),
        tuple(mixtures),
    )
