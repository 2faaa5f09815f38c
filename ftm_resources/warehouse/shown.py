"""Which snapshots a reader is shown: one generation of each quarter, even while writers are active.

What belongs here: retrying while a step is between its commits, and falling back to the last complete generation
if a quarter's tables are of mixed generations.
"""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ftm_resources.tables import TABLES
from ftm_resources.warehouse.errors import MixedGenerationsWarning, WarehouseError
from ftm_resources.warehouse.generations import made_from, mixtures
from ftm_resources.warehouse.scans import files_of
from ftm_resources.warehouse.snapshots import require_tag, snapshot_with, tagged, writes_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ftm_resources.warehouse.generations import Mixture
    from ftm_resources.warehouse.pinned import Pinned
    from ftm_resources.warehouse.snapshots import Write

LOOKS = 3
"""How often a reader looks again while a quarter is mixed and still changing."""

_OURS = str(Path(__file__).parents[1]) + os.sep
"""The folder of the package: a warning names the line outside it that called."""


@dataclass(frozen=True)
class Shown:
    """The snapshots that a reader is shown; later writes do not change them."""

    pinned: Pinned
    instead: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Quarter → table → snapshot, where it is not the one that is pinned."""
    only_instead: bool = False
    """Whether quarters and tables that are not in `instead` have no rows, as for a tag."""

    def snapshot(self, name: str, quarter: str) -> int | None:
        """Return the snapshot of a table that holds a quarter as shown; None if there are no rows to show."""
        if (chosen := self.instead.get(quarter, {}).get(name)) is not None:
            return chosen
        pinned = None if self.only_instead else self.pinned.snapshot(name)
        return None if pinned is None else pinned.snapshot_id

    def files(self, name: str, quarter: str | None) -> list[str]:
        """Return the URIs of a table's data files, of one quarter or of all, sorted."""
        table = self.pinned.table(name)
        if table is None:
            return []
        if quarter is not None:
            snapshot_id = self.snapshot(name, quarter)
            return [] if snapshot_id is None else sorted(files_of(table, name, quarter, snapshot_id))
        elsewhere = {q: shown[name] for q, shown in self.instead.items() if name in shown}
        found = []
        pinned = None if self.only_instead else self.pinned.snapshot(name)
        if pinned is not None:
            found += files_of(table, name, None, pinned.snapshot_id, but=elsewhere)
        for of_quarter, snapshot_id in elsewhere.items():
            found += files_of(table, name, of_quarter, snapshot_id)
        return sorted(found)


def one_generation(
    pin: Callable[[], Pinned], pinned: Pinned, quarter: str | None, names: Sequence[str], *, strict: bool
) -> Shown:
    """Return what to show of these tables: one generation of each quarter.

    `pinned` is the first view of the warehouse; `pin` takes another. Tables are pinned one after the other, so a
    writer may commit in between: if a quarter is mixed, pin again and compare. Each quarter that stays mixed causes
    one MixedGenerationsWarning and shows its last complete generation. If none is left, it shows its newest rows, or
    with `strict` raises WarehouseError. A table that is made on demand decides for no other, unless `strict` or if all
    are such: one that is outdated is shown as it was made, with a warning, if no write of it goes with what is shown.
    """
    deciding = [n for n in names if not TABLES[n].is_on_demand]
    on_demand = [n for n in names if n not in deciding]
    names = deciding if deciding and not strict else names
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
    others = on_demand if names is deciding else []
    for of_quarter, found in mixed.items():
        instead[of_quarter] = _shown_instead(pinned, of_quarter, names, found, others, strict=strict)
    _warn_of_outdated(pinned, quarter, others, instead)
    return Shown(pinned, instead)


def _warn_of_outdated(
    pinned: Pinned, quarter: str | None, on_demand: Sequence[str], instead: Mapping[str, Mapping[str, int]]
) -> None:
    """Warn about each quarter of the tables made on demand that was made from other rows than are shown."""
    for of_quarter in pinned.quarters(on_demand) if quarter is None else [quarter]:
        fitting = instead.get(of_quarter, {})
        shown = [n for n in on_demand if n not in fitting]
        found = [m for m in pinned.mixtures(of_quarter, shown) if m.table in shown]
        if found:
            outdated = ", ".join(dict.fromkeys(m.table for m in found))
            warnings.warn(
                f"{of_quarter} has outdated tables: {'; '.join(map(str, found))}. Materialize {outdated} for "
                f"{of_quarter}; until then views show them as they were made.",
                MixedGenerationsWarning,
                stacklevel=_callers(),
            )


def as_tagged(pinned: Pinned, quarter: str | None, names: Sequence[str], tag: str, *, strict: bool) -> Shown:
    """Return what to show of a tag: the quarters that have it, as tagged.

    A tag is shown as it is: a quarter that was mixed when it was tagged causes a MixedGenerationsWarning, or with
    `strict` a WarehouseError. Raises WarehouseError if no table has the tag, for this quarter.
    """
    tables = {name: table for name in pinned.names if (table := pinned.table(name)) is not None}
    require_tag(tables, quarter, tag)
    chosen: dict[str, dict[str, int]] = {}
    for name, table in tables.items():
        for (of_quarter, of_tag), snapshot_id in tagged(table).items():
            if of_tag == tag and quarter in {None, of_quarter}:
                chosen.setdefault(of_quarter, {})[name] = snapshot_id
    for of_quarter, snapshots in sorted(chosen.items()):
        if found := mixtures(names, writes_at(tables, snapshots, of_quarter)):
            said = (
                f"{of_quarter} as of {tag} is of mixed generations: {'; '.join(map(str, found))}. Use another tag or "
                "a time for results that belong together."
            )
            if strict:
                raise WarehouseError(said)
            warnings.warn(said, MixedGenerationsWarning, stacklevel=_callers())
    return Shown(pinned, chosen, only_instead=True)


def _mixed(pinned: Pinned, quarter: str | None, names: Sequence[str]) -> dict[str, list[Mixture]]:
    wanted = pinned.quarters(names) if quarter is None else [quarter]
    return {q: found for q in wanted if (found := pinned.mixtures(q, names))}


def _shown_instead(
    pinned: Pinned,
    quarter: str,
    names: Sequence[str],
    found: Sequence[Mixture],
    on_demand: Sequence[str],
    *,
    strict: bool,
) -> dict[str, int]:
    """Warn about a mixed quarter; return the snapshots of its last complete generation, or none if it is gone.

    With it come those writes of the tables made on demand that were made from it.
    """
    sound = pinned.last_sound(quarter, names)
    fitting = made_from(sound, {n: pinned.writes(n).get(quarter, []) for n in on_demand}) if sound else {}
    shown: dict[str, int] = {}
    for name, write in {**(sound or {}), **fitting}.items():
        table, state = pinned.table(name), pinned.snapshot(name)
        if table is None or state is None:
            continue
        if (snapshot := snapshot_with(table, state, write)) is not None:
            shown[name] = snapshot
    is_complete = sound is not None and sound.keys() <= shown.keys()
    said = _said(pinned, quarter, names, found, sound if is_complete else None)
    if strict and not is_complete:
        raise WarehouseError(said)
    warnings.warn(said, MixedGenerationsWarning, stacklevel=_callers())
    return shown if is_complete else {}


def _said(
    pinned: Pinned,
    quarter: str,
    names: Sequence[str],
    found: Sequence[Mixture],
    sound: Mapping[str, Write] | None,
) -> str:
    """Return how a quarter is mixed, what is shown instead, and what to materialize if it is mixed now."""
    problems = "; ".join(map(str, found))
    if sound is None:
        showing = "views show its newest rows, as no complete generation is left"
    else:
        of = max(write.at for write in sound.values()).isoformat(timespec="seconds")
        showing = f"views show its last complete generation, of {of}; newest=True shows the newest rows"
    if pinned.moment is not None:
        at = pinned.moment.isoformat(timespec="seconds")
        return f"{quarter} as of {at} is of mixed generations: {problems}. At that time {showing}."
    again = ", ".join(pinned.to_materialize(quarter, names, found))
    return f"{quarter} is of mixed generations: {problems}. Materialize {again} for {quarter}; until then {showing}."


def _callers() -> int:
    """Return how many frames a warning of the calling function must go up to the line outside this package."""
    frame, n = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, n = frame.f_back, n + 1
    return n
