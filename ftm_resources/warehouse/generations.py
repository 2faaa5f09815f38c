"""Generations: whether the tables of a quarter were made from each other, and if not, what to materialize.

What belongs here: comparing the provenance of one quarter's writes; nothing here opens a table. Each write
records the fingerprints of its inputs and the tables that its step wrote together, its siblings. A quarter is of
one generation if every input still has the recorded fingerprint and the same run wrote all siblings.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ftm_resources.warehouse.snapshots import Write

    Present = Callable[[str], Write | None]


@dataclass(frozen=True)
class Mixture:
    """A table that was not made from the present rows of another."""

    table: str
    source: str
    what: str
    """Description, to follow the table's name."""

    def __str__(self) -> str:
        return f"{self.table} {self.what}"


def mixtures(of: Iterable[str], present: Present) -> list[Mixture]:
    """Return the mismatches among these tables and their direct and indirect inputs.

    `present` maps a table's name to the write of the quarter to consider; None if the table does not hold it.
    """
    found: dict[frozenset[str], Mixture] = {}
    for name in upstream(of, present):
        write = present(name)
        if write is None:
            continue
        for source, content in write.inputs.items():
            there = present(source)
            if there is None:
                what = f"was made from {source}, which no longer exists"
            elif there.content != content:
                what = f"was made from other rows of {source}"
            else:
                continue
            found[frozenset({name, source})] = Mixture(name, source, what)
        for sibling in write.together:
            there = present(sibling)
            pair = frozenset({name, sibling})
            if pair not in found and (there is None or there.made_by != write.made_by):
                what = f"and {sibling} belong to one step, but were not written by the same run"
                found[pair] = Mixture(name, sibling, what)
    return list(found.values())


def upstream(of: Iterable[str], present: Present) -> list[str]:
    """Return these tables, their direct and indirect inputs, and all their siblings, in catalogue order."""
    seen: dict[str, None] = {}
    waiting = list(of)
    while waiting:
        name = waiting.pop()
        if name not in seen and (write := present(name)) is not None:
            seen[name] = None
            waiting += [*write.inputs, *write.together]
    return [name for name in TABLES if name in seen]


def to_materialize(
    found: Sequence[Mixture], of: Iterable[str], present: Present, *, readers: Iterable[str] = ()
) -> list[str]:
    """Return the tables to materialize, in order, to bring these back to one generation.

    These are tables made from other rows, missing inputs, and everything downstream of either. Of the tables that
    one step writes together, only those are listed that other listed tables or `readers` depend on; if there are
    none, the first.
    """
    names = upstream(of, present)
    writes = {n: w for n in names if (w := present(n)) is not None}
    stale = {m.table for m in found} | {m.source for m in found if m.source not in writes}
    while True:
        more = {n for n, w in writes.items() if n not in stale and stale & {*w.inputs, *w.together}}
        if not more:
            break
        stale |= more
    awaited = {*readers, *(source for name in stale & set(writes) for source in writes[name].inputs)}
    listed: set[str] = set()
    for name in TABLES:
        siblings = set(writes[name].together) if name in writes else set()
        if name in stale and (name in awaited or not siblings & (awaited | listed)):
            listed.add(name)
    return [name for name in TABLES if name in listed]


def last_sound(histories: Mapping[str, Sequence[Write]]) -> dict[str, Write] | None:
    """Return the newest state of a quarter in which all its tables are of one generation; None if there is none.

    `histories` holds the writes of each table, oldest first. A state without a table that exists now is
    incomplete and does not count.
    """
    # Writers' clocks may differ, so within a table the order of commits counts, not the clock.
    replacements = sorted(
        (at, name, i)
        for name, writes in histories.items()
        for i, at in enumerate(accumulate((w.timestamp_ms for w in writes), max))
        if i
    )
    state = {name: writes[-1] for name, writes in histories.items() if writes}
    while mixtures(state, state.get):
        if not replacements:
            return None
        _, name, i = replacements.pop()
        state[name] = histories[name][i - 1]
    return state
