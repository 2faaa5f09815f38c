"""A stored quarter in words: its state, its source, and which tables do not fit together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftm_resources.warehouse.status import QuarterStatus


def state(quarter: QuarterStatus) -> str:
    """Return `damaged`, `mixed`, `incomplete` or `complete`."""
    if quarter.damaged:
        return "damaged"
    return "complete" if quarter.is_complete else "mixed" if quarter.mixtures else "incomplete"


def source(quarter: QuarterStatus) -> str:
    """Return where the calls came from; for files, with the file's name."""
    if not quarter.source:
        return "unknown"
    name = str(quarter.source["name"])
    return f"{name} {Path(quarter.source['path']).name}" if "path" in quarter.source else name


def notes(quarter: QuarterStatus) -> list[str]:
    """Return what is damaged or does not fit together, and what to materialize."""
    found = [*quarter.damaged, *(str(mixture) for mixture in quarter.mixtures)]
    if quarter.to_materialize:
        found.append(f"to fix it, materialize {', '.join(quarter.to_materialize)}")
    if quarter.missing:
        found.append(f"missing: {', '.join(quarter.missing)}")
    return found
