"""Tables of the quarters before a quarter, for an asset that sees all of them up to its own.

What belongs here: which of them go with each other and with this quarter's series, and what is recorded of those that
do not, so that the asset is outdated as soon as they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_assets.orchestration.series_chain import apart, settled
from ftm_resources.quarters import between, preceding, shifted
from ftm_resources.warehouse.snapshots import NOT_COMPARED, source_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftm_resources.warehouse import QuarterTable, Warehouse


ABSENT_QUARTERS = 8
"""Quarters before the first stored one whose absence is recorded: more would fill the tables' metadata."""


@dataclass(frozen=True)
class QuartersBefore:
    """The quarters before a quarter."""

    tables: Mapping[str, Mapping[str, QuarterTable]]
    """Quarter → table → its rows, of the quarters that have them all, made from each other; oldest first."""
    left_out: Mapping[str, str]
    """Quarter → why it is not among them."""
    inputs: Mapping[str, Any]
    """What a write records of all of them."""


def quarters_before(
    warehouse: Warehouse,
    quarter: str,
    names: Sequence[str],
    *,
    first: str = "",
    is_mixing: bool = False,
) -> QuartersBefore:
    """Return these tables of the quarters before `quarter`, from `first` on.

    A quarter is left out if it lacks one, or if, unless `is_mixing`, they are of mixed generations or its series are
    not those that this quarter's links go on from. A quarter that has none of them is not named, but its absence is
    recorded, from two years before the first stored quarter on: once it is there, what was made without it is outdated.
    """
    pinned = settled(warehouse)
    tables: dict[str, Mapping[str, QuarterTable]] = {}
    left_out: dict[str, str] = {}
    inputs: dict[str, Any] = {}
    stored = min((q for q in pinned.quarters(names) if first <= q < quarter), default=quarter)
    for before in between(max(first, shifted(stored, -ABSENT_QUARTERS)), preceding(quarter)):
        found = {name: warehouse.quarter(name, before, pinned=pinned) for name in names}
        absent = [name for name, table in found.items() if not table.is_written]
        if len(absent) == len(names):
            inputs[source_key(names[0], before, within="")] = found[names[0]].provenance()
            continue
        mixed = [] if absent or is_mixing else apart(pinned, before, quarter, names)
        if absent or mixed:
            left_out[before] = f"no {', '.join(absent)}" if absent else "; ".join(mixed)
        else:
            tables[before] = found
        for table in found.values():
            # Rows that are left out although they are there may, unchanged, go with the others one day.
            unlike = {"content": NOT_COMPARED} if before in left_out and table.is_written else {}
            inputs[source_key(table.name, before, within="")] = table.provenance() | unlike
    return QuartersBefore(tables, left_out, inputs)
