"""What the warehouse holds of each quarter: when it was made, from what source, and what does not fit together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import generations, snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.snapshots import Write


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
    for name, table in warehouse.tables().items():
        snapshot = table.current_snapshot()
        for quarter, write in (snapshots.writers(table, snapshot) if snapshot else {}).items():
            by_quarter.setdefault(quarter, {})[name] = write
    return [_stored(quarter, writes) for quarter, writes in sorted(by_quarter.items())]


def _stored(quarter: str, writes: dict[str, Write]) -> StoredQuarter:
    source = writes["transcripts"].provenance().get("source", {}) if "transcripts" in writes else {}
    return StoredQuarter(
        quarter,
        max(w.at for w in writes.values()),
        _source_in_words(source),
        len(writes),
        tuple(t for t in TABLES if t not in writes),
        tuple(str(m) for m in generations.mixtures(writes, writes.get)),
    )


def _source_in_words(source: Mapping[str, Any]) -> str:
    if not source:
        return "unknown"
    return f"{source['name']} {Path(source['path']).name}" if "path" in source else str(source["name"])
