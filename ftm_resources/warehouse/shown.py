"""Which snapshots a connection shows: one generation of each quarter, even while writers are active.

What belongs here: retrying while a step is between its commits, and falling back to the last complete generation
if a quarter's tables are of mixed generations.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ftm_resources.warehouse.damage import reporting_damage
from ftm_resources.warehouse.errors import MixedGenerationsWarning
from ftm_resources.warehouse.generations import mixtures
from ftm_resources.warehouse.scans import files_of
from ftm_resources.warehouse.snapshots import selections, snapshot_with, writers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.generations import Mixture
    from ftm_resources.warehouse.pinned import Pinned
    from ftm_resources.warehouse.snapshots import AsOf, Write

LOOKS = 3
"""How often a connection retries while a quarter is mixed and still changing."""

_USER = 4
"""Stack frames from the warning to the caller of `connect`."""


def files_shown(
    pin: Callable[[], Pinned], pinned: Pinned, quarter: str | None, names: Sequence[str]
) -> dict[str, list[str]]:
    """Return each table's data files, sorted: one generation per quarter.

    `pinned` is the first view of the warehouse; `pin` takes another. Each quarter that stays mixed causes one
    MixedGenerationsWarning and shows its last complete generation, or its newest rows if none is left.
    """
    mixed = _mixed(pinned, quarter, names)
    for _ in range(LOOKS):
        if not mixed:
            break
        again = pin()
        mixed_again = _mixed(again, quarter, names)
        if again.is_as(pinned):
            break
        pinned, mixed = again, mixed_again
    instead: dict[str, dict[str, int]] = {}
    for of_quarter, found in mixed.items():
        instead[of_quarter] = _shown_instead(pinned, of_quarter, names, found)
    return {name: _files(pinned, name, quarter, instead) for name in names}


def files_now(pinned: Pinned, quarter: str | None, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the data files of each table's newest rows, sorted."""
    return {name: _files(pinned, name, quarter, {}) for name in names}


def warn_if_mixed_then(
    tables: Mapping[str, IcebergTable], quarter: str | None, names: Sequence[str], as_of: AsOf
) -> None:
    """Cause a MixedGenerationsWarning per quarter whose tables, at a tag or a point in time, do not match."""
    held: dict[str, dict[str, Write]] = {}
    for name, table in tables.items():
        for of_quarter, snapshot_id in selections(table, name, quarter, as_of):
            snapshot = table.snapshot_by_id(snapshot_id)
            found = writers(table, snapshot) if snapshot is not None else {}
            for q in found if of_quarter is None else {of_quarter} & set(found):
                held.setdefault(q, {})[name] = found[q]
    for of_quarter, writes in sorted(held.items()):
        if found_mixed := mixtures(names, writes.get):
            warnings.warn(
                f"{of_quarter} as of {as_of} is of mixed generations: {'; '.join(map(str, found_mixed))}. Use another "
                "tag or time for results that belong together.",
                MixedGenerationsWarning,
                stacklevel=3,
            )


def _mixed(pinned: Pinned, quarter: str | None, names: Sequence[str]) -> dict[str, list[Mixture]]:
    wanted = pinned.quarters(names) if quarter is None else [quarter]
    return {q: found for q in wanted if (found := pinned.mixtures(q, names))}


def _shown_instead(
    pinned: Pinned, quarter: str, names: Sequence[str], found: Sequence[Mixture]
) -> dict[str, int]:
    """Warn about a mixed quarter; return the snapshots of its last complete generation, or none if it is gone."""
    sound = pinned.last_sound(quarter, names)
    shown: dict[str, int] = {}
    for name, write in (sound or {}).items():
        table = pinned.table(name)
        if table is not None and (snapshot := snapshot_with(table, write)) is not None:
            shown[name] = snapshot
    again = pinned.to_materialize(quarter, names, found)
    problems = "; ".join(map(str, found))
    if sound is not None and len(shown) == len(sound):
        of = max(write.at for write in sound.values()).isoformat(timespec="seconds")
        showing = (
            f"views show its last complete generation, of {of}; connect(newest=True) shows the newest rows"
        )
    else:
        shown, showing = {}, "views show its newest rows, as no complete generation is left"
    warnings.warn(
        f"{quarter} is of mixed generations: {problems}. Materialize {', '.join(again)} for {quarter}; until then "
        f"{showing}.",
        MixedGenerationsWarning,
        stacklevel=_USER,
    )
    return shown


def _files(
    pinned: Pinned, name: str, quarter: str | None, instead: Mapping[str, Mapping[str, int]]
) -> list[str]:
    """Return a table's current data files, sorted; for quarters in `instead`, those of another snapshot."""
    table = pinned.table(name)
    if table is None or (snapshot := table.current_snapshot()) is None:
        return []
    if quarter is not None:
        shown = instead.get(quarter, {}).get(name, snapshot.snapshot_id)
        return sorted(files_of(table, name, quarter, shown))
    elsewhere = {q: shown[name] for q, shown in instead.items() if name in shown}
    if not elsewhere:
        return sorted(files_of(table, name, None, snapshot.snapshot_id))
    with reporting_damage(scan := table.scan(snapshot_id=snapshot.snapshot_id), name, None):
        found = [t.file.file_path for t in scan.plan_files() if t.file.partition[0] not in elsewhere]
    for of_quarter, shown in elsewhere.items():
        found += files_of(table, name, of_quarter, shown)
    return sorted(found)
