"""Generations: whether the tables of a quarter were made from each other, and if not, what to materialize.

What belongs here: comparing the provenance of writes; nothing here opens a table. Each write records the fingerprints
of its inputs and the tables that its step wrote together, its siblings. A quarter is of one generation if every input
still has the recorded fingerprint and the same run wrote all siblings.

An input from another quarter is recorded as `themes@2019Q3` (see `snapshots.source_key`), also if that quarter had not
been written: a table that found nothing there is outdated once there is something. One that was left out, because it
did not go with the rest, is recorded as NOT_COMPARED: the table is outdated until it is made again, even if the same
rows then do. Whether another quarter's tables match those of its own quarter is judged there and not here: while 2019Q3
is made again, 2020Q1 stays what it is until an input of it is replaced. What that input was itself made from in further
quarters is followed, so that a chain of quarters that was only partly rebuilt is found from its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from ftm_resources.tables import TABLES
from ftm_resources.warehouse.snapshots import NEVER_WRITTEN, NOT_COMPARED, is_elsewhere, source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ftm_resources.warehouse.snapshots import Write

    Present = Callable[[str], Write | None]


_PLACE = {name: i for i, name in enumerate(TABLES)}


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

    `present` maps a table's name, or the key of another quarter's (see `snapshots.source_key`), to the write to
    consider; None if the table does not hold it.
    """
    found: dict[frozenset[str], Mixture] = {}
    for name in upstream(of, present):
        write = present(name)
        if write is None:
            continue
        for source, content in _followed(name, write).items():
            there = present(source)
            if _content(there) == content:
                continue
            if content == NOT_COMPARED:
                what = f"leaves out {source}, which did not go with it when it was made"
            elif there is None:
                what = f"was made from {source}, which no longer exists"
            elif content == NEVER_WRITTEN:
                what = f"was made before {source} existed"
            else:
                what = f"was made from other rows of {source}"
            found[frozenset({name, source})] = Mixture(name, source, what)
        for sibling in () if is_elsewhere(name) else write.together:
            there = present(sibling)
            pair = frozenset({name, sibling})
            if pair not in found and (there is None or there.made_by != write.made_by):
                what = f"and {sibling} belong to one step, but were not written by the same run"
                found[pair] = Mixture(name, sibling, what)
    return list(found.values())


def upstream(of: Iterable[str], present: Present) -> list[str]:
    """Return these tables, their direct and indirect inputs, and all their siblings.

    Those of other quarters come first, by quarter; within a quarter they are in catalogue order.
    """
    seen: dict[str, None] = {}
    waiting = list(of)
    while waiting:
        name = waiting.pop()
        if name not in seen and (write := present(name)) is not None:
            seen[name] = None
            waiting += [*_followed(name, write), *(() if is_elsewhere(name) else write.together)]
    return sorted(seen, key=_order)


def to_materialize(
    found: Sequence[Mixture], of: Iterable[str], present: Present, *, readers: Iterable[str] = ()
) -> list[str]:
    """Return the tables to materialize, in order, to bring these back to one generation.

    These are tables made from other rows, missing inputs, and everything downstream of either. Of the tables that
    one step writes together, only those are listed that other listed tables or `readers` depend on; if there are
    none, the first. A table of another quarter is listed by its key, such as theme_links@2019Q3.
    """
    names = upstream(of, present)
    writes = {n: w for n in names if (w := present(n)) is not None}
    stale = {m.table for m in found} | {m.source for m in found if m.source not in writes}
    while True:
        more = {
            n for n, w in writes.items() if n not in stale and stale & {*_followed(n, w), *_siblings(n, w)}
        }
        if not more:
            break
        stale |= more
    awaited = {
        *readers,
        *(source for name in stale & set(writes) for source in _followed(name, writes[name])),
    }
    listed: dict[str, None] = {}
    for name in sorted(stale, key=_order):
        siblings = set(_siblings(name, writes[name])) if name in writes else set()
        is_needed = name in awaited and not is_elsewhere(name)
        if is_needed or not siblings & (listed.keys() if is_elsewhere(name) else awaited | listed.keys()):
            listed[name] = None
    return list(listed)


def _followed(name: str, write: Write) -> dict[str, str]:
    """Return the inputs of a write that count: of another quarter's, only those of further quarters."""
    if not is_elsewhere(name):
        return write.inputs
    return {source: content for source, content in write.inputs.items() if is_elsewhere(source)}


def _siblings(name: str, write: Write) -> tuple[str, ...]:
    """Return the tables that belong to one step with a write, as the quarter in question names them."""
    if not is_elsewhere(name):
        return write.together
    _, quarter = source_of(name, "")
    return tuple(f"{table}@{quarter}" for table in write.together)


def _order(key: str) -> tuple[bool, str, int]:
    table, quarter = source_of(key, "")
    return not is_elsewhere(key), quarter, _PLACE.get(table, len(_PLACE))


def last_sound(histories: Mapping[str, Sequence[Write]]) -> dict[str, Write] | None:
    """Return the newest state of a quarter in which all its tables are of one generation; None if there is none.

    `histories` holds the writes of each table, oldest first. A state without a table that exists now is
    incomplete and does not count. Inputs from other quarters do not count either: no earlier state of this quarter
    would bring them back.
    """
    # Writers' clocks may differ, so within a table the order of commits counts, not the clock.
    replacements = sorted(
        (at, name, i)
        for name, writes in histories.items()
        for i, at in enumerate(accumulate((w.timestamp_ms for w in writes), max))
        if i
    )
    state = {name: writes[-1] for name, writes in histories.items() if writes}
    while any(not is_elsewhere(m.source) for m in mixtures(state, state.get)):
        if not replacements:
            return None
        _, name, i = replacements.pop()
        state[name] = histories[name][i - 1]
    return state


def unlike(write: Write, present: Present) -> list[str]:
    """Return the inputs from other quarters that `present` holds in another state than the write read them in."""
    return [
        source
        for source, content in write.inputs.items()
        if is_elsewhere(source) and content not in {NOT_COMPARED, _content(present(source))}
    ]


def made_from(
    state: Mapping[str, Write | None], histories: Mapping[str, Sequence[Write]]
) -> dict[str, Write]:
    """Return the newest write of each of these tables whose inputs are as in this state; no write if none are.

    `histories` holds the writes of each table, oldest first. The state maps inputs, of any quarter, to their writes;
    one that it does not hold is not compared.
    """
    found: dict[str, Write] = {}
    for name, writes in histories.items():
        for write in reversed(writes):
            siblings = {s: histories[s] for s in write.together if s in histories}
            is_whole = all(write.made_by in {w.made_by for w in of} for of in siblings.values())
            compared = ((c, _content(state[s])) for s, c in write.inputs.items() if s in state)
            if is_whole and all(c in {NOT_COMPARED, there} for c, there in compared):
                found[name] = write
                break
    return found


def _content(write: Write | None) -> str:
    return NEVER_WRITTEN if write is None else write.content
