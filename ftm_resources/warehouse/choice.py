"""Which generation of each quarter a reader is shown, so that quarters go together too.

What belongs here: choosing among the writes of a pinned view, quarter by quarter and earliest first. A quarter that is
mixed is shown in its last complete generation, and so is a later one that was made from newer rows of it than that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftm_resources.warehouse.generations import last_sound, made_from, unlike
from ftm_resources.warehouse.snapshots import is_elsewhere, snapshot_with, source_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftm_resources.warehouse.generations import Present
    from ftm_resources.warehouse.pinned import Pinned
    from ftm_resources.warehouse.snapshots import Write


@dataclass
class Choice:
    """The writes to show of each quarter that is not simply shown at its newest.

    Ask about quarters in chronological order: each is compared with what was chosen of those before it.
    """

    pinned: Pinned
    names: Sequence[str]
    """The tables that decide which generation it is."""
    on_demand: Sequence[str] = ()
    """Tables that decide for no other."""
    states: dict[str, dict[str, Write]] = field(default_factory=dict, init=False)
    """Quarter → deciding table or input of one → the write to show."""
    snapshots: dict[str, dict[str, int]] = field(default_factory=dict, init=False)
    """Quarter → table → snapshot to show instead of the newest."""
    unfit: dict[str, list[str]] = field(default_factory=dict, init=False)
    """Quarter → tables made on demand of which no write goes with what is shown."""

    def present(self, quarter: str) -> Present:
        """Return a function that maps a table, also of another quarter, to the write that is shown."""
        newest = self.pinned.present(quarter)

        def shown(key: str) -> Write | None:
            name, of_quarter = source_of(key, quarter)
            return self.states.get(of_quarter, {}).get(name) or newest(key)

        return shown

    def strays(self, quarter: str, state: Mapping[str, Write] | None = None) -> list[str]:
        """Return the earlier quarters of which other rows are shown than a state was made from; default: the newest."""
        if state is None:
            state = {n: writes[-1] for n, writes in self.pinned.histories(quarter, self.names).items()}
        shown = self.present(quarter)
        return sorted({source_of(key, "")[1] for write in state.values() for key in unlike(write, shown)})

    def fall_back(self, quarter: str, *, must_fit: bool) -> dict[str, Write] | None:
        """Choose the newest complete generation of a quarter that goes with what is shown of earlier ones.

        If there is none, choose the newest complete one, unless it `must_fit`. Returns the choice; None if there is
        none whose rows are still here, and the newest rows are to be shown.
        """
        histories, shown = self.pinned.histories(quarter, self.names), self.present(quarter)
        fitting = {n: [w for w in writes if not unlike(w, shown)] for n, writes in histories.items()}
        for among in (fitting,) if must_fit else (fitting, histories):
            state = last_sound(among) if all(among.values()) else None
            if state is not None and self._show(quarter, state):
                self.states[quarter] = state
                return state
        return None

    def fit_on_demand(self, quarter: str) -> None:
        """Choose the writes of tables made on demand that go with what is shown, or at least with their own quarter."""
        histories = {n: w for n in self.on_demand if (w := self.pinned.writes(n).get(quarter))}
        shown = self.present(quarter)
        inputs = {key for writes in histories.values() for write in writes for key in write.inputs}
        compared = {key: shown(key) for key in inputs if self._is_shown(key, quarter)}
        own = {key: write for key, write in compared.items() if not is_elsewhere(key)}
        fitting = made_from(compared, histories)
        for name, write in {**made_from(own, histories), **fitting}.items():
            if not self._show(quarter, {name: write}):
                fitting.pop(name, None)
        self.unfit[quarter] = [name for name in histories if name not in fitting]

    def _is_shown(self, key: str, quarter: str) -> bool:
        """Return whether it is known what is shown of an input: all of a quarter that did not fall back is."""
        name, of_quarter = source_of(key, quarter)
        return of_quarter not in self.states or name in self.states[of_quarter]

    def _show(self, quarter: str, state: Mapping[str, Write]) -> bool:
        """Note the snapshots that hold a state; return whether all are left, as otherwise none are noted."""
        found: dict[str, int] = {}
        for name, write in state.items():
            if write is self.pinned.writes(name)[quarter][-1]:
                continue
            table, newest = self.pinned.table(name), self.pinned.snapshot(name)
            snapshot = snapshot_with(table, newest, write) if table and newest else None
            if snapshot is None:
                return False
            found[name] = snapshot
        if found:
            self.snapshots.setdefault(quarter, {}).update(found)
        return True
