"""The snapshots of a table: which one wrote a quarter, its provenance, and the state at a date or tag.

What belongs here: reading the history of one loaded table, and retrying a commit after a conflict. Tags are
defined here too; setting one on every table is in `tags`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ftm_resources.quarters import KEY, parse
from ftm_resources.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

PREFIX = "ftm."
"""Prefix of the snapshot properties that FTM sets."""

ARCHIVE = "ftm.expired."
"""Prefix of the table properties that keep an expired snapshot's record of the quarter it wrote."""

NEVER_WRITTEN = "empty"
"""Content of a quarter that was never written; one that was written without rows has a fingerprint."""

NOT_COMPARED = "not compared"
"""Content of another quarter's input that was left out, because it did not go with the rest: it equals none."""

COMMIT_ATTEMPTS = 20
"""Attempts to commit a tag or an expiry that conflicts with other commits."""

_REF = re.compile(rf"(?P<quarter>{KEY})\.(?P<tag>.+)")

AsOf = str | date | datetime
"""A tag or a point in time: a date means the end of that day, and no time zone means UTC."""


@dataclass(frozen=True)
class Write:
    """A snapshot, live or expired, that wrote a quarter, and the properties recorded in it."""

    snapshot_id: int
    sequence_number: int
    timestamp_ms: int
    properties: dict[str, str]
    """Names are without the prefix."""

    @property
    def content(self) -> str:
        """Fingerprint of the rows that were written."""
        return self.properties["content"]

    @property
    def run_id(self) -> str:
        """The run that wrote it; empty if it was not written by a run."""
        return self.properties.get("run_id", "")

    @property
    def made_by(self) -> tuple[str, str]:
        """The run, and which of its attempts at the step, that wrote it; both empty if no run wrote it."""
        return self.run_id, self.properties.get("attempt", "")

    @property
    def inputs(self) -> dict[str, str]:
        """Input → fingerprint of its rows; an input is a table of this quarter or `source_key`."""
        return _inputs(self.properties.get("inputs", "{}"))

    @property
    def together(self) -> tuple[str, ...]:
        """All tables that the same step of the run wrote, including this one."""
        return tuple(json.loads(self.properties.get("together", "[]")))

    @property
    def rebuilt(self) -> str:
        """Why a run of another quarter wrote these rows again; empty if a run of this quarter wrote them."""
        return self.properties.get("rebuilt", "")

    @property
    def at(self) -> datetime:
        """Commit time, by the writer's clock."""
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)

    def provenance(self) -> dict[str, Any]:
        """Return the properties, decoded, with the snapshot's id and time."""
        decoded = {k: json.loads(v) if v.startswith(("{", "[")) else v for k, v in self.properties.items()}
        return {**decoded, "snapshot_id": self.snapshot_id, "committed_at_ms": self.timestamp_ms}


@cache
def _inputs(recorded: str) -> dict[str, str]:
    # Kept, because what is made from many quarters is compared with each of them again and again.
    return {source: made_from["content"] for source, made_from in json.loads(recorded).items()}


@dataclass(frozen=True)
class Tag:
    """A named state of a quarter."""

    quarter: str
    name: str
    tables: dict[str, int]
    """Table → snapshot."""


def source_key(table: str, quarter: str, *, within: str) -> str:
    """Return the name under which a write of the quarter `within` records a table's quarter as an input.

    >>> source_key("themes", "2020Q1", within="2020Q1"), source_key("themes", "2019Q3", within="2020Q1")
    ('themes', 'themes@2019Q3')
    """
    return table if quarter == within else f"{table}@{quarter}"


def source_of(key: str, within: str) -> tuple[str, str]:
    """Return the table and quarter that `source_key` named.

    >>> source_of("themes", "2020Q1"), source_of("themes@2019Q3", "2020Q1")
    (('themes', '2020Q1'), ('themes', '2019Q3'))
    """
    table, _, quarter = key.partition("@")
    return table, quarter or within


def is_elsewhere(key: str) -> bool:
    """Return whether an input is recorded as one of another quarter."""
    return "@" in key


def quarter_key(text: str) -> str:
    """Return the key of a quarter as users write it (see `quarters.parse`); WarehouseError if it is not a quarter."""
    try:
        return parse(text)
    except ValueError as error:
        raise WarehouseError(str(error)) from error


def writer_of(table: IcebergTable, snapshot: Snapshot | None, quarter: str) -> Write | None:
    """Return the newest write of the quarter that `snapshot` holds, even if its own snapshot has expired."""
    if snapshot is None:
        return None
    found = [w for w in _writes(table, snapshot) if w.properties["quarter"] == quarter]
    return max(found, key=lambda w: w.sequence_number, default=None)


def writes_at(
    tables: Mapping[str, IcebergTable],
    shown: Mapping[str, int],
    quarter: str,
    *,
    others: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
) -> Callable[[str], Write | None]:
    """Return a function that maps a table's name to the write of the quarter that its chosen snapshot holds, or None.

    `shown` maps tables to snapshots, such as those of a tag, and `others` does so for other quarters that are shown
    beside it. The function also maps the key of another quarter's table (see `source_key`): to what is shown of that
    quarter, or if it is not in `others`, to its write at the time, as a snapshot is of the whole table.
    """

    def write(key: str) -> Write | None:
        name, of_quarter = source_of(key, quarter)
        of = shown if of_quarter == quarter else others.get(of_quarter, shown)
        if name not in of:
            return None
        return writer_of(tables[name], tables[name].snapshot_by_id(of[name]), of_quarter)

    return cache(write)


def writers(table: IcebergTable, snapshot: Snapshot) -> dict[str, Write]:
    """Return the newest write of every quarter that `snapshot` holds."""
    newest = sorted(_writes(table, snapshot), key=lambda w: w.sequence_number)
    return {w.properties["quarter"]: w for w in newest}


def writes(table: IcebergTable, snapshot: Snapshot | None) -> dict[str, list[Write]]:
    """Return all writes of each quarter in the history of a snapshot, oldest first."""
    found: dict[str, list[Write]] = {}
    halves = {s.snapshot_id for s in table.metadata.snapshots if is_half(s)}
    for write in sorted(_writes(table, snapshot) if snapshot else [], key=lambda w: w.sequence_number):
        if write.snapshot_id not in halves:
            found.setdefault(write.properties["quarter"], []).append(write)
    return found


def snapshot_with(table: IcebergTable, snapshot: Snapshot, write: Write) -> int | None:
    """Return the newest ancestor of a snapshot that still holds the rows of a write; None if all have expired."""
    later = [
        w.sequence_number
        for w in _writes(table, snapshot)
        if w.properties["quarter"] == write.properties["quarter"]
        and w.sequence_number > write.sequence_number
    ]
    end = min(later, default=_sequence(snapshot) + 1)
    held = [s for s in _ancestors(table, snapshot) if write.sequence_number <= _sequence(s) < end]
    return held[-1].snapshot_id if held else None


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
    """Return the table property (name, value) that keeps a write when its snapshot expires."""
    return f"{ARCHIVE}{write.snapshot_id}", json.dumps(write.__dict__, sort_keys=True)


def is_half(snapshot: Snapshot) -> bool:
    """Return whether the snapshot is the first half of a replacement: old rows deleted, new rows not yet added.

    Both halves are committed at once, so this one can only be read by its id.
    """
    from pyiceberg.table.snapshots import Operation  # noqa: PLC0415

    return (
        snapshot.summary is not None
        and snapshot.summary.operation == Operation.DELETE
        and _write(snapshot) is not None
    )


def _chain(table: IcebergTable, snapshot: Snapshot) -> list[Snapshot]:
    """Return the snapshot and its ancestors, newest first, up to the first whose parent has expired."""
    found: list[Snapshot] = []
    at: Snapshot | None = snapshot
    while at is not None:
        found.append(at)
        parent = at.parent_snapshot_id
        at = table.snapshot_by_id(parent) if parent is not None else None
    return found


def _ancestors(table: IcebergTable, snapshot: Snapshot) -> list[Snapshot]:
    """Return a snapshot and its live ancestors, oldest first, across gaps left by expiry.

    Ordered by sequence number, not by time: a writer's clock may have been set back.
    """
    chain = _chain(table, snapshot)
    oldest = min(_sequence(s) for s in chain)
    # Newer than the oldest of the chain but not in it: rolled back. Older: expiry has cut the link.
    below = [s for s in table.metadata.snapshots if _sequence(s) < oldest]
    return sorted([*chain, *below], key=_sequence)


def _sequence(snapshot: Snapshot) -> int:
    return snapshot.sequence_number or 0


def snapshot_at(table: IcebergTable, name: str, moment: datetime) -> Snapshot | None:
    """Return the snapshot that was current at a point in time; None before the first.

    Raises WarehouseError if that state has expired.
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
                f"{name}: its state at {moment.isoformat()} has expired; the next one that is kept is from "
                f"{_when(later.timestamp_ms)}. Read that, or a tag (`ftm tags`)"
            )
    return found


def selections(
    table: IcebergTable, name: str, quarter: str | None, as_of: AsOf | None
) -> list[tuple[str | None, int]]:
    """Return what to read of a table: (quarter or None for all, snapshot); empty if it had no rows."""
    if as_of is None:
        snapshot = table.current_snapshot()
        return [(quarter, snapshot.snapshot_id)] if snapshot else []
    moment = moment_of(as_of)
    if moment is not None:
        snapshot = snapshot_at(table, name, moment)
        return [(quarter, snapshot.snapshot_id)] if snapshot else []
    wanted = [(q, i) for (q, tag), i in sorted(tagged(table).items()) if tag == as_of]
    return [(q, i) for q, i in wanted if quarter is None or q == quarter]


def moment_of(as_of: AsOf) -> datetime | None:
    """Return the point in time, or None if it is a tag; a date means its end, no time zone means UTC."""
    if isinstance(as_of, str):
        try:
            as_of = date.fromisoformat(as_of) if len(as_of) == 10 else datetime.fromisoformat(as_of)
        except ValueError:
            return None
    if not isinstance(as_of, datetime):
        return datetime.combine(as_of, time.max, UTC)
    return as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)


def tags(tables: Mapping[str, IcebergTable]) -> list[Tag]:
    """Return the tags that these tables have, sorted by quarter and name."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for name, table in tables.items():
        for key, snapshot_id in tagged(table).items():
            found.setdefault(key, {})[name] = snapshot_id
    return [Tag(*key, snapshots) for key, snapshots in sorted(found.items())]


def require_tag(tables: Mapping[str, IcebergTable], quarter: str | None, as_of: AsOf) -> None:
    """Raise WarehouseError if `as_of` is a tag that none of the tables has, for this quarter."""
    if moment_of(as_of) is not None:
        return
    known = tags(tables)
    if not any(t.name == as_of and quarter in {None, t.quarter} for t in known):
        listed = ", ".join(f"{t.name} ({t.quarter})" for t in known) or "none"
        raise WarehouseError(
            f"no tag {as_of!r}{f' of {quarter}' if quarter else ''}. Tags: {listed}. For a time, write 2024-05-31 "
            "or 2024-05-31T12:00:00+00:00"
        )


def commit_again(commit: Callable[[], None]) -> None:
    """Commit, and retry on conflicts; PyIceberg itself retries only commits that add snapshots.

    `commit` reloads the table each time. Raises CommitFailedException after COMMIT_ATTEMPTS.
    """
    from pyiceberg.exceptions import CommitFailedException  # noqa: PLC0415

    for attempt in range(COMMIT_ATTEMPTS):
        try:
            return commit()
        except CommitFailedException:
            if attempt + 1 == COMMIT_ATTEMPTS:
                raise
    return None


def tagged(table: IcebergTable) -> dict[tuple[str, str], int]:
    """Return (quarter, tag) → snapshot."""
    from pyiceberg.table.refs import SnapshotRefType  # noqa: PLC0415

    matched = {
        _REF.fullmatch(name): ref.snapshot_id
        for name, ref in table.metadata.refs.items()
        if ref.snapshot_ref_type == SnapshotRefType.TAG
    }
    return {(m["quarter"], m["tag"]): i for m, i in matched.items() if m is not None}


def _when(timestamp_ms: int) -> str:
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(timespec="seconds")
