"""The history of a table: which snapshot wrote a quarter, what it was at a date or a tag, and the tags.

What belongs here: reading and marking snapshots. A tag belongs to a quarter ("2023Q1 as the paper used it")
and is an Iceberg tag named `2023Q1.paper-v1` on every table, so that any engine can read it and none expires it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any

from ftm_resources.tables import NAMESPACE, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

    from ftm_resources.warehouse import Warehouse

PREFIX = "ftm."
"""Opens the snapshot properties that are ours."""

ARCHIVE = "ftm.expired."
"""Opens the table properties that keep what an expired snapshot said of the quarter it wrote."""

COMMIT_ATTEMPTS = 20
"""A tag or an expiry that meets another commit is tried again, as a write is."""

_QUARTER = re.compile(r"\d{4}Q[1-4]")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_REF = re.compile(r"(?P<quarter>\d{4}Q[1-4])\.(?P<tag>.+)")

AsOf = str | date | datetime
"""A tag, or a moment: a date means its end, and what has no zone is UTC."""


class WarehouseError(OSError):
    """The warehouse cannot do what was asked; the message says what to do about it.

    An OSError, for a chunked step ends on those: the storage failed, not the firm that was being read.
    """


@dataclass(frozen=True)
class Write:
    """A snapshot, live or expired, that wrote a quarter: what it says about itself."""

    snapshot_id: int
    sequence_number: int
    timestamp_ms: int
    properties: dict[str, str]
    """Without the prefix."""

    def provenance(self) -> dict[str, Any]:
        """Return the properties, decoded, with the snapshot's id and time."""
        decoded = {k: json.loads(v) if v[:1] in "{[" else v for k, v in self.properties.items()}
        return {**decoded, "snapshot_id": self.snapshot_id, "committed_at_ms": self.timestamp_ms}


@dataclass(frozen=True)
class Tag:
    """A named state of a quarter."""

    quarter: str
    name: str
    tables: dict[str, int]
    """Table → snapshot."""


def existing(warehouse: Warehouse) -> list[str]:
    """Return the tables that have been created."""
    from pyiceberg.exceptions import NoSuchNamespaceError  # noqa: PLC0415

    try:
        found = {identifier[-1] for identifier in warehouse.catalog().list_tables(NAMESPACE)}
    except NoSuchNamespaceError:
        return []
    return [t for t in TABLES if t in found]


def writer_of(table: IcebergTable, snapshot: Snapshot | None, quarter: str) -> Write | None:
    """Return the newest write of the quarter that `snapshot` holds, also where its own snapshot has expired."""
    if snapshot is None:
        return None
    found = [w for w in _writes(table, snapshot) if w.properties["quarter"] == quarter]
    return max(found, key=lambda w: w.sequence_number, default=None)


def writers(table: IcebergTable, snapshot: Snapshot) -> dict[str, Write]:
    """Return the newest write of every quarter that `snapshot` holds."""
    newest = sorted(_writes(table, snapshot), key=lambda w: w.sequence_number)
    return {w.properties["quarter"]: w for w in newest}


def _writes(table: IcebergTable, snapshot: Snapshot) -> list[Write]:
    live = [w for s in _ancestors(table, snapshot) if (w := _write(s)) is not None]
    oldest = min(_sequence(s) for s in _chain(table, snapshot))
    archived = [Write(**json.loads(v)) for k, v in table.properties.items() if k.startswith(ARCHIVE)]
    return live + [w for w in archived if w.sequence_number < oldest]


def _write(snapshot: Snapshot) -> Write | None:
    properties = snapshot.summary.additional_properties if snapshot.summary else {}
    mine = {k.removeprefix(PREFIX): v for k, v in properties.items() if k.startswith(PREFIX)}
    if "quarter" not in mine:
        return None
    return Write(snapshot.snapshot_id, _sequence(snapshot), snapshot.timestamp_ms, mine)


def archived(write: Write) -> tuple[str, str]:
    """Return the table property that keeps a write when its snapshot expires."""
    return f"{ARCHIVE}{write.snapshot_id}", json.dumps(write.__dict__, sort_keys=True)


def is_half(snapshot: Snapshot) -> bool:
    """Return whether the snapshot is the first half of a replacement: the quarter gone, not yet there again.

    Both halves are committed at once, so nobody reads this one but by its id.
    """
    from pyiceberg.table.snapshots import Operation  # noqa: PLC0415

    return (
        snapshot.summary is not None
        and snapshot.summary.operation == Operation.DELETE
        and _write(snapshot) is not None
    )


def _chain(table: IcebergTable, snapshot: Snapshot) -> list[Snapshot]:
    """Return the snapshot and its ancestors up to the first whose parent has expired, newest first."""
    found: list[Snapshot] = []
    at: Snapshot | None = snapshot
    while at is not None:
        found.append(at)
        parent = at.parent_snapshot_id
        at = table.snapshot_by_id(parent) if parent is not None else None
    return found


def _ancestors(table: IcebergTable, snapshot: Snapshot) -> list[Snapshot]:
    """Return the live ancestors of a snapshot and itself, oldest first, across gaps that expiry has left.

    By sequence number, not by time: the clock of a writer may have been set back.
    """
    chain = _chain(table, snapshot)
    oldest = min(_sequence(s) for s in chain)
    # Above the end of the chain, what is not in it was rolled back; below, expiry has cut the links.
    below = [s for s in table.metadata.snapshots if _sequence(s) < oldest]
    return sorted([*chain, *below], key=_sequence)


def _sequence(snapshot: Snapshot) -> int:
    return snapshot.sequence_number or 0


def snapshot_at(table: IcebergTable, name: str, moment: datetime) -> Snapshot | None:
    """Return the snapshot that was current at a moment; None before the first.

    Raises WarehouseError where that state has expired.
    """
    current = table.current_snapshot()
    if current is None:
        return None
    at_ms = int(moment.timestamp() * 1000)
    states = [s for s in _ancestors(table, current) if not is_half(s)]
    earlier = [s for s in states if s.timestamp_ms <= at_ms]
    found = earlier[-1] if earlier else None
    later = next((s for s in states if found is None or _sequence(s) > _sequence(found)), None)
    if later is not None:
        kept = {_sequence(s) for s in table.metadata.snapshots}
        between = range(_sequence(found) + 1 if found else 1, _sequence(later))
        if not all(n in kept for n in between):
            raise WarehouseError(
                f"{name}: its state at {moment.isoformat()} has expired; the next one that is kept is of "
                f"{_when(later.timestamp_ms)}. Read that, or a tag (`ftm tags` lists them)"
            )
    return found


def selections(
    table: IcebergTable, name: str, quarter: str | None, as_of: AsOf | None
) -> list[tuple[str | None, int]]:
    """Return what to read of a table: (quarter or None for all, snapshot); nothing where it had no rows."""
    if as_of is None:
        snapshot = table.current_snapshot()
        return [(quarter, snapshot.snapshot_id)] if snapshot else []
    moment = moment_of(as_of)
    if moment is not None:
        snapshot = snapshot_at(table, name, moment)
        return [(quarter, snapshot.snapshot_id)] if snapshot else []
    tagged = _tagged(table)
    wanted = [(q, i) for (q, tag), i in sorted(tagged.items()) if tag == as_of]
    return [(q, i) for q, i in wanted if quarter is None or q == quarter]


def moment_of(as_of: AsOf) -> datetime | None:
    """Return the moment that is meant, None if it is a tag; a date means its end, no zone means UTC."""
    if isinstance(as_of, str):
        try:
            as_of = date.fromisoformat(as_of) if len(as_of) == 10 else datetime.fromisoformat(as_of)
        except ValueError:
            return None
    if not isinstance(as_of, datetime):
        return datetime.combine(as_of, time.max, UTC)
    return as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)


def require(warehouse: Warehouse, quarter: str | None, as_of: AsOf | None) -> None:
    """Raise WarehouseError if `as_of` is a tag that no table has, for this quarter."""
    if as_of is None or moment_of(as_of) is not None:
        return
    known = tags(warehouse)
    if not any(t.name == as_of and quarter in {None, t.quarter} for t in known):
        listed = ", ".join(f"{t.name} ({t.quarter})" for t in known) or "none"
        raise WarehouseError(
            f"no tag {as_of!r}{f' of {quarter}' if quarter else ''}. Tags: {listed}. For a time, write 2024-05-31 "
            "or 2024-05-31T12:00:00+00:00"
        )


def tag(warehouse: Warehouse, quarter: str, name: str, *, replace: bool = False) -> Tag:
    """Tag the current snapshot of every table for use with a quarter.

    Raises WarehouseError where the name is not letters, digits, - _ or ., the quarter is in no table, or the
    tag stands on other snapshots already and `replace` is not given.
    """
    if not _QUARTER.fullmatch(quarter):
        raise WarehouseError(f"{quarter!r} is not a quarter such as 2023Q1")
    if not _TAG.fullmatch(name) or moment_of(name) is not None:
        raise WarehouseError(
            f"{name!r} cannot be a tag: letters, digits, -, _ and ., starting with a letter or digit, and "
            "not a date"
        )
    tables = {t: warehouse.table(t) for t in existing(warehouse)}
    if not any(writer_of(t, t.current_snapshot(), quarter) for t in tables.values()):
        raise WarehouseError(
            f"{quarter} is in no table of {warehouse.root}: materialize it before it is tagged"
        )
    reference = f"{quarter}.{name}"
    chosen = {n: s.snapshot_id for n, t in tables.items() if (s := t.current_snapshot()) is not None}
    moved = [n for n, i in chosen.items() if _tagged(tables[n]).get((quarter, name), i) != i]
    if moved and not replace:
        raise WarehouseError(
            f"tag {name} of {quarter} stands on another state of {', '.join(moved)}: choose another name, or "
            "give --replace to move it and let go of what it kept"
        )
    for table, snapshot_id in chosen.items():
        if _tagged(tables[table]).get((quarter, name)) != snapshot_id:
            _manage(warehouse, table, partial(_create_tag, snapshot_id=snapshot_id, name=reference))
    return Tag(quarter, name, chosen)


def untag(warehouse: Warehouse, quarter: str, name: str) -> int:
    """Remove a tag from every table; return how many had it. Raises WarehouseError if none has."""
    require(warehouse, quarter, name)
    holding = [t for t in existing(warehouse) if (quarter, name) in _tagged(warehouse.table(t))]
    for table in holding:
        _manage(warehouse, table, lambda t: t.manage_snapshots().remove_tag(f"{quarter}.{name}"))
    return len(holding)


def tags(warehouse: Warehouse) -> list[Tag]:
    """Return all tags, sorted by quarter and name."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for name in existing(warehouse):
        for key, snapshot_id in _tagged(warehouse.table(name)).items():
            found.setdefault(key, {})[name] = snapshot_id
    return [Tag(*key, tables) for key, tables in sorted(found.items())]


def mixed(warehouse: Warehouse, tagged: Tag) -> list[str]:
    """Return, in words, where a tagged table was made from rows that are not those tagged with it."""
    contents = {}
    for name, snapshot_id in tagged.tables.items():
        table = warehouse.table(name)
        contents[name] = writer_of(table, table.snapshot_by_id(snapshot_id), tagged.quarter)
    return [
        f"{name} was made from other {source} than these"
        for name, write in contents.items()
        if write is not None
        for source, made_from in write.provenance().get("inputs", {}).items()
        if (other := contents.get(source)) is not None and other.properties["content"] != made_from["content"]
    ]


def commit_again(commit: Callable[[], None]) -> None:
    """Commit, again where another commit came first; PyIceberg itself repeats only what adds snapshots.

    `commit` loads the table anew each time. Raises CommitFailedException after COMMIT_ATTEMPTS.
    """
    from pyiceberg.exceptions import CommitFailedException  # noqa: PLC0415

    for attempt in range(COMMIT_ATTEMPTS):
        try:
            return commit()
        except CommitFailedException:
            if attempt + 1 == COMMIT_ATTEMPTS:
                raise
    return None


def _manage(warehouse: Warehouse, name: str, change: Callable[[IcebergTable], Any]) -> None:
    with warehouse.lock(f"commit-{name}"):
        commit_again(lambda: change(warehouse.table(name)).commit())


def _create_tag(table: IcebergTable, snapshot_id: int, name: str) -> Any:
    return table.manage_snapshots().create_tag(snapshot_id, name)


def _tagged(table: IcebergTable) -> dict[tuple[str, str], int]:
    from pyiceberg.table.refs import SnapshotRefType  # noqa: PLC0415

    matched = {
        _REF.fullmatch(name): ref.snapshot_id
        for name, ref in table.metadata.refs.items()
        if ref.snapshot_ref_type == SnapshotRefType.TAG
    }
    return {(m["quarter"], m["tag"]): i for m, i in matched.items() if m is not None}


def _when(timestamp_ms: int) -> str:
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(timespec="seconds")
