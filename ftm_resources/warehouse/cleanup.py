"""Warehouse maintenance: old snapshots expire, and files that are proven useless are removed.

What belongs here: deciding what is no longer needed, and removing it. Three rules protect a running quarter and
its readers. A snapshot's age counts from when it was superseded, not from when it was written, so a snapshot that
a recent run has pinned is not old. A file is removed only if neither a live snapshot nor the table's metadata
refers to it and it was not modified within the grace period. Nothing newer than the start of the oldest
unfinished run is removed. A fourth protects what a lost pointer would make look useless: see `doubts`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from pyarrow import fs as pafs

from ftm_resources.tables.contract import NAMESPACE, PARTITION
from ftm_resources.warehouse import doubts, history, metadata_files, snapshots
from ftm_resources.warehouse.errors import RefusedCleanupError, WarehouseError
from ftm_resources.warehouse.location import CATALOG_FILE
from ftm_resources.warehouse.parts import FOLDER as STAGING
from ftm_resources.warehouse.reach import Reach
from ftm_resources.warehouse.snapshots import ARCHIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.warehouse import Warehouse

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_OWN = re.compile(
    rf"data/{PARTITION}=[^/]+/[^/]+\.parquet|metadata/(?:abandoned-|attempt-)?\d{{5,}}-{_UUID}\.metadata\.json"
    rf"|metadata/(?:snap-[^/]*|{_UUID}-m\d+)\.avro|metadata/[^/]+\.(?:stats|puffin)"
    rf"|metadata/{re.escape(history.HINT)}(?:\.[0-9a-f]+)?"
)
"""Paths, within the folder of a table, of the files that FTM and Iceberg make there."""

RUNS = "runs"
"""Folder of the values that a run's steps pass to each other."""


@dataclass(frozen=True)
class Policy:
    """What counts as old. Raises ValueError if the limits are too short to protect a running quarter."""

    keep: timedelta = timedelta(days=30)
    """Snapshots that were current within this time are kept; at least a day, and longer than a quarter's run."""
    keep_last: int = 10
    """Newest writes per table that are kept, regardless of age."""
    grace: timedelta = timedelta(days=7)
    """Files, parts and run values modified within this time are kept; at least an hour."""
    running_since: datetime | None = None
    """Start of the oldest unfinished run: nothing newer is removed."""
    max_removed_share: float = 0.5
    """A table is refused if more of its data, in files or bytes, would go without a known reason (see `doubts`)."""
    dry_run: bool = False
    """Only count what would be removed."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        if self.keep < timedelta(days=1) or self.grace < timedelta(hours=1) or self.keep_last < 1:
            raise ValueError(
                "a running quarter could lose what it reads: keep at least a day, one write and an hour of grace"
            )
        if not 0 <= self.max_removed_share <= 1:
            raise ValueError(f"max_removed_share must be between 0 and 1, not {self.max_removed_share:g}")

    @property
    def snapshot_limit(self) -> datetime:
        """Snapshots superseded before this time may expire."""
        return min(self.now - self.keep, self.running_since or self.now)

    @property
    def file_limit(self) -> datetime:
        """Files last modified before this time may be removed."""
        return min(self.now - self.grace, self.running_since or self.now)


@dataclass(frozen=True)
class Kept:
    """What maintenance found in a table, or in the folder `staging` or `runs`."""

    snapshots: int = 0
    snapshots_expired: int = 0
    files: int = 0
    """Files that remain."""
    bytes: int = 0
    files_removed: int = 0
    bytes_removed: int = 0

    def __add__(self, other: Kept) -> Kept:
        return Kept(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def maintain(warehouse: Warehouse, policy: Policy, *, tables: Iterable[str] | None = None) -> dict[str, Kept]:
    """Expire and remove what is old; return the counts by table, and for `staging` and `runs`.

    Can be interrupted at any point and started again. A table whose metadata is damaged or does not agree with the
    catalog loses nothing, nor do `staging` and `runs` then; the other tables are maintained, and RefusedCleanupError
    says which tables were refused, why, and what was done.
    """
    names = warehouse.pin().names if tables is None else list(tables)
    found: dict[str, Kept] = {}
    refused: list[str] = []
    for name in names:
        try:
            found[name] = maintain_table(warehouse, name, policy)
        except WarehouseError as error:
            refused.append(str(error))
    try:
        # The folders of plans and runs are removed whole: half of one is useless.
        swept = replace(policy, dry_run=policy.dry_run or bool(refused))
        for folder, depth in ((STAGING, 3), (RUNS, 1)):
            warehouse.location.require_no_links(folder, "clean-up removed nothing")
            found[folder] = _sweep(warehouse, folder, depth=depth, policy=swept)
    except WarehouseError as error:
        refused.append(str(error))
    if refused:
        raise RefusedCleanupError(refused, found)
    return found


def maintain_table(warehouse: Warehouse, name: str, policy: Policy) -> Kept:
    """Expire a table's old snapshots, then remove files that are no longer referenced.

    Raises WarehouseError, before anything is changed, if the table's files and the catalog do not agree, or if
    their agreement would make more than the policy's share of the table's data useless.
    """
    # Writers of this table wait. Files they have written but not yet committed are recent, so they stay.
    with warehouse.lock(f"commit-{name}"):
        # List files before reading references, so that files committed in between count as referenced.
        listed = _own_files(warehouse, name)
        before = warehouse.table(name)
        doubts.require_sound(warehouse.location, before)
        reach = Reach(warehouse.location, name)
        expired = _to_expire(before, policy)
        every = {s.snapshot_id for s in before.metadata.snapshots}
        orphans = _orphans(listed, before, every - expired, policy, reach)
        doubts.require_share(
            reach, before, expired, _sizes(listed), _sizes(orphans), policy.max_removed_share
        )
        if policy.dry_run:
            return Kept(len(every - expired), len(expired)) + _kept(listed, orphans)
        if expired:
            snapshots.commit_again(lambda: _expire(warehouse, name, policy))
        listed = _own_files(warehouse, name)
        # Reload: another process may have tagged a snapshot that was about to expire.
        table = warehouse.table(name)
        live = {s.snapshot_id for s in table.metadata.snapshots}
        orphans = _orphans(listed, table, live, policy, reach)
        filesystem, _ = warehouse.filesystem()
        # Metadata last: it says why the data can go, should this be interrupted; then the notes of what it was.
        for orphan in sorted(orphans, key=lambda f: _last(metadata_files.basename(f.path))):
            filesystem.delete_file(orphan.path)
    return Kept(len(live), len(every - live)) + _kept(listed, orphans)


def _orphans(
    listed: list[_File], table: IcebergTable, live: set[int], policy: Policy, reach: Reach
) -> list[_File]:
    """Return the files to remove if only these snapshots of the table are live."""
    needed = reach.needed(table, live)
    for file in listed:
        base = metadata_files.basename(file.path)
        if base == history.HINT:
            needed.add(file.path)
        elif history.is_abandoned(base) and file.mtime >= policy.file_limit:
            # What was rolled back is kept for the grace period too.
            needed |= {file.path, *reach.of_metadata(base)}
    return [f for f in listed if f.path not in needed and f.mtime < policy.file_limit]


def _last(base: str) -> tuple[bool, bool, bool]:
    return history.is_attempt_note(base), base.endswith(".json"), base.endswith(".avro")


def _own_files(warehouse: Warehouse, name: str) -> list[_File]:
    """Return the files of a table that FTM can have made; whatever else is in its folder is somebody's, and stays."""
    top = f"{warehouse.filesystem()[1]}/{NAMESPACE}/{name}/"
    return [f for f in _files(warehouse, f"{NAMESPACE}/{name}") if _OWN.fullmatch(f.path.removeprefix(top))]


def _sizes(files: list[_File]) -> dict[str, int]:
    return {f.path: f.size for f in files}


def _to_expire(table: IcebergTable, policy: Policy) -> set[int]:
    """Return the snapshots that were superseded before the limit and that no tag or branch holds."""
    units = _units(table)
    superseded = _superseded_ms(table)
    limit = int(policy.snapshot_limit.timestamp() * 1000)
    held = {ref.snapshot_id for ref in table.metadata.refs.values()}
    return {
        i
        for unit in units[: -policy.keep_last]
        if not held & set(unit) and all(superseded.get(i, 0) < limit for i in unit)
        for i in unit
    }


def _units(table: IcebergTable) -> list[list[int]]:
    """Return the snapshots, oldest first, with the two halves of a replacement grouped."""
    units: list[list[int]] = [[]]
    for snapshot in sorted(table.metadata.snapshots, key=lambda s: s.sequence_number or 0):
        units[-1].append(snapshot.snapshot_id)
        if not snapshots.is_half(snapshot):
            units.append([])
    return [u for u in units if u]


def _superseded_ms(table: IcebergTable) -> dict[int, int]:
    """Return when each snapshot was superseded, in milliseconds since 1970.

    The times never decrease, so a clock that was set back does not make a snapshot look older.
    """
    log = table.metadata.snapshot_log
    found: dict[int, int] = {}
    latest = 0
    for entry, following in pairwise(log):
        latest = max(latest, entry.timestamp_ms, following.timestamp_ms)
        found[entry.snapshot_id] = latest
    if log:
        found[log[-1].snapshot_id] = 2**63
    return found


def _expire(warehouse: Warehouse, name: str, policy: Policy) -> None:
    """Expire old snapshots; keep their records of the quarters they wrote as table properties."""
    table = warehouse.table(name)
    expired = _to_expire(table, policy)
    heads = [s for ref in table.metadata.refs.values() if (s := table.snapshot_by_id(ref.snapshot_id))]
    writes = [w for head in heads for w in snapshots.writers(table, head).values()]
    kept = {w.snapshot_id for w in writes}
    wanted = dict(snapshots.archived(w) for w in writes if w.snapshot_id in expired)
    stale = [
        k
        for k, v in table.properties.items()
        if k.startswith(ARCHIVE) and json.loads(v)["snapshot_id"] not in kept
    ]
    if wanted or stale:
        with table.transaction() as transaction:
            transaction.set_properties(wanted)
            transaction.remove_properties(*stale)
    table.maintenance.expire_snapshots().by_ids(sorted(expired)).commit()


def _sweep(warehouse: Warehouse, folder: str, *, depth: int, policy: Policy) -> Kept:
    """Remove the folders at a depth under `folder` in which no file was modified within the grace period."""
    filesystem, root = warehouse.filesystem()
    groups: dict[str, list[_File]] = {}
    listed = _files(warehouse, folder)
    others = _warehouses(f.path.removeprefix(f"{root}/") for f in listed)
    for file in listed:
        parts = file.path.removeprefix(f"{root}/").split("/")
        if len(parts) <= depth + 1:
            continue  # not in a folder of that depth
        groups.setdefault("/".join(parts[: depth + 1]), []).append(file)
    found = Kept()
    for group, files in groups.items():
        if any(f"{group}/".startswith(w) or w.startswith(f"{group}/") for w in others):
            continue
        is_old = max(f.mtime for f in files) < policy.file_limit
        if is_old and not policy.dry_run:
            filesystem.delete_dir(f"{root}/{group}")
        found += _kept(files, files if is_old else [])
    return found


def _warehouses(paths: Iterable[str]) -> set[str]:
    """Return the folders, with a final slash, that are other warehouses or copies of one: not ours to remove."""
    found = set()
    for path in paths:
        folders = path.split("/")
        found |= {
            "/".join(folders[:i]) + "/" for i, f in enumerate(folders) if f in {CATALOG_FILE, NAMESPACE}
        }
    return found


@dataclass(frozen=True)
class _File:
    path: str
    size: int
    mtime: datetime


def _files(warehouse: Warehouse, folder: str) -> list[_File]:
    return list(_walk(warehouse, folder))


def _walk(warehouse: Warehouse, folder: str) -> Iterator[_File]:
    filesystem, root = warehouse.filesystem()
    selector = pafs.FileSelector(f"{root}/{folder}", allow_not_found=True, recursive=True)
    for info in filesystem.get_file_info(selector):
        if info.type == pafs.FileType.File:
            yield _File(info.path, info.size, datetime.fromtimestamp(info.mtime_ns / 1e9, UTC))


def _kept(listed: list[_File], removed: list[_File]) -> Kept:
    n, n_bytes = len(removed), sum(f.size for f in removed)
    return Kept(
        files=len(listed) - n,
        bytes=sum(f.size for f in listed) - n_bytes,
        files_removed=n,
        bytes_removed=n_bytes,
    )
