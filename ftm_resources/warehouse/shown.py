"""Which snapshots a reader is shown: one generation of each quarter, even while writers are active.

What belongs here: retrying while a step is between its commits, and saying what is shown instead of the newest rows
if tables are of mixed generations.
"""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ftm_resources.tables import TABLES
from ftm_resources.warehouse.choice import Choice
from ftm_resources.warehouse.errors import MixedGenerationsWarning, WarehouseError
from ftm_resources.warehouse.generations import mixtures
from ftm_resources.warehouse.scans import files_of
from ftm_resources.warehouse.snapshots import require_tag, source_of, tagged, writers, writes_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ftm_resources.warehouse.generations import Mixture, Present
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
    _writers: dict[tuple[str, int], dict[str, Write]] = field(default_factory=dict, init=False, repr=False)

    def snapshot(self, name: str, quarter: str) -> int | None:
        """Return the snapshot of a table that holds a quarter as shown; None if there are no rows to show."""
        if (chosen := self.instead.get(quarter, {}).get(name)) is not None:
            return chosen
        pinned = None if self.only_instead else self.pinned.snapshot(name)
        return None if pinned is None else pinned.snapshot_id

    def present(self, quarter: str) -> Present:
        """Return a function that maps a table, also of another quarter, to the write that is shown."""

        def write(key: str) -> Write | None:
            name, of_quarter = source_of(key, quarter)
            table, snapshot_id = self.pinned.table(name), self.snapshot(name, of_quarter)
            snapshot = table.snapshot_by_id(snapshot_id) if table and snapshot_id is not None else None
            if table is None or snapshot is None:
                return None
            if (name, snapshot.snapshot_id) not in self._writers:
                self._writers[name, snapshot.snapshot_id] = writers(table, snapshot)
            return self._writers[name, snapshot.snapshot_id].get(of_quarter)

        return write

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
    """Return what to show of these tables: one generation of each quarter, and quarters that go together.

    `pinned` is the first view of the warehouse; `pin` takes another. Tables are pinned one after the other, so a
    writer may commit in between: if a quarter is mixed, pin again and compare. Each quarter that stays mixed causes
    one MixedGenerationsWarning and shows its last complete generation. If none is left, it shows its newest rows, or
    with `strict` raises WarehouseError. Without `quarter`, later quarters that were made from newer rows than those are
    shown in their last generation that was not; one warning names them, and another those of which none is left.

    A table that is made on demand decides for no other, unless `strict` or if all are such: one that is outdated is
    shown as it was made, with a warning, if no write of it goes with what is shown.
    """
    deciding = [n for n in names if not TABLES[n].is_on_demand]
    on_demand = [n for n in names if n not in deciding]
    if strict or not deciding:
        deciding, on_demand = list(names), []
    mixed = _mixed(pinned, quarter, deciding)
    for _ in range(LOOKS):
        if not mixed:
            break
        again = pin()
        mixed_again = _mixed(again, quarter, deciding)
        if again.is_as(pinned):
            break
        pinned, mixed = again, mixed_again
    choice = Choice(pinned, deciding, on_demand)
    followers, strays = dict[str, "datetime"](), dict[str, list[str]]()
    for of_quarter in pinned.quarters(names) if quarter is None else [quarter]:
        if of_quarter in mixed:
            _show_sound(choice, of_quarter, mixed[of_quarter], strict=strict)
        elif choice.snapshots and choice.strays(of_quarter):
            if (state := choice.fall_back(of_quarter, must_fit=True)) is not None:
                followers[of_quarter] = max(write.at for write in state.values())
            else:
                strays[of_quarter] = choice.strays(of_quarter)
        if choice.states:
            choice.fit_on_demand(of_quarter)
        _warn_of_outdated(choice, of_quarter)
    _warn_of_followers(followers, strays)
    return Shown(pinned, choice.snapshots)


def _show_sound(choice: Choice, quarter: str, found: Sequence[Mixture], *, strict: bool) -> None:
    """Choose the last complete generation of a mixed quarter, and warn. WarehouseError if it is gone and `strict`."""
    state = choice.fall_back(quarter, must_fit=False)
    said = _said(choice, quarter, found, state)
    if strict and state is None:
        raise WarehouseError(said)
    warnings.warn(said, MixedGenerationsWarning, stacklevel=_callers())


def _warn_of_followers(followers: Mapping[str, datetime], strays: Mapping[str, Sequence[str]]) -> None:
    """Warn about the quarters that are shown as they were before others, and those that do not go with others."""
    if followers:
        of = ", ".join(f"{q} (of {at.isoformat(timespec='seconds')})" for q, at in followers.items())
        warnings.warn(
            f"Shown as they were before: {of}. Their newest rows do not go with what is shown of earlier quarters; "
            "newest=True shows them.",
            MixedGenerationsWarning,
            stacklevel=_callers(),
        )
    if strays:
        of = "; ".join(f"{q} of {', '.join(earlier)}" for q, earlier in strays.items())
        warnings.warn(
            f"These quarters were made from newer rows of earlier ones than are shown: {of}. No generation that goes "
            "with them is left, so do not compare their series.",
            MixedGenerationsWarning,
            stacklevel=_callers(),
        )


def _warn_of_outdated(choice: Choice, quarter: str) -> None:
    """Warn about the tables of a quarter made on demand that were made from other rows than are shown."""
    pinned, older = choice.pinned, choice.snapshots.get(quarter, {})
    names = [n for n in choice.on_demand if quarter in pinned.writes(n) and n not in older]
    if choice.states:
        names = [n for n in names if n in choice.unfit.get(quarter, ())]
    outdated: dict[str, None] = {}
    if found := [m for m in pinned.mixtures(quarter, names) if m.table in names]:
        outdated = dict.fromkeys(m.table for m in found)
        warnings.warn(
            f"{quarter} has outdated tables: {'; '.join(map(str, found))}. Materialize {', '.join(outdated)} for "
            f"{quarter}; until then views show them as they were made.",
            MixedGenerationsWarning,
            stacklevel=_callers(),
        )
    if ahead := [n for n in choice.unfit.get(quarter, ()) if n not in outdated]:
        warnings.warn(
            f"{', '.join(ahead)} of {quarter}: made from newer rows than are shown, and no state is left that goes "
            "with these.",
            MixedGenerationsWarning,
            stacklevel=_callers(),
        )


def as_tagged(pinned: Pinned, quarter: str | None, names: Sequence[str], tag: str, *, strict: bool) -> Shown:
    """Return what to show of a tag: the quarters that have it, as tagged.

    A tag is shown as it is: a quarter that was mixed when it was tagged causes a MixedGenerationsWarning, or with
    `strict` a WarehouseError. So does, without `quarter`, one that was made from other rows of a tagged quarter than
    the tag shows, as quarters may be tagged at different times. Raises WarehouseError if no table has the tag, for this
    quarter.
    """
    tables = {name: table for name in pinned.names if (table := pinned.table(name)) is not None}
    require_tag(tables, quarter, tag)
    chosen: dict[str, dict[str, int]] = {}
    for name, table in tables.items():
        for (of_quarter, of_tag), snapshot_id in tagged(table).items():
            if of_tag == tag and quarter in {None, of_quarter}:
                chosen.setdefault(of_quarter, {})[name] = snapshot_id
    for of_quarter, snapshots in sorted(chosen.items()):
        if found := mixtures(names, writes_at(tables, snapshots, of_quarter, others=chosen)):
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


def _said(choice: Choice, quarter: str, found: Sequence[Mixture], state: Mapping[str, Write] | None) -> str:
    """Return how a quarter is mixed, what is shown instead, and what to materialize if it is mixed now."""
    pinned, problems = choice.pinned, "; ".join(map(str, found))
    if state is None:
        showing = "views show its newest rows, as no complete generation is left"
    else:
        of = max(write.at for write in state.values()).isoformat(timespec="seconds")
        showing = f"views show its last complete generation, of {of}; newest=True shows the newest rows"
    if strays := choice.strays(quarter, state):
        showing += f". It was made from other rows of {', '.join(strays)} than are shown: do not compare their series"
    if pinned.moment is not None:
        at = pinned.moment.isoformat(timespec="seconds")
        return f"{quarter} as of {at} is of mixed generations: {problems}. At that time {showing}."
    again = ", ".join(pinned.to_materialize(quarter, choice.names, found))
    return f"{quarter} is of mixed generations: {problems}. Materialize {again} for {quarter}; until then {showing}."


def _callers() -> int:
    """Return how many frames a warning of the calling function must go up to the line outside this package."""
    frame, n = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, n = frame.f_back, n + 1
    return n
