"""Maintenance of the warehouse: old snapshots expire, files that nothing refers to are removed.

What belongs here: deciding what nobody needs, and removing it. Three rules keep a running quarter and its
readers safe. A snapshot's age counts from when it ceased to be current, so that one pinned by a run that began
since is not old, whenever it was written. A file goes only if neither a live snapshot nor the table's metadata
names it and it has not been touched for the grace period. Nothing younger than the oldest unfinished run goes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from pyarrow import fs as pafs

from ftm_resources.tables.contract import NAMESPACE
from ftm_resources.warehouse import snapshots
from ftm_resources.warehouse.damage import reporting_damage
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.parts import FOLDER as STAGING
from ftm_resources.warehouse.snapshots import ARCHIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.warehouse import Warehouse

RUNS = "runs"
"""The folder of what the steps of a run handed each other."""


@dataclass(frozen=True)
class Policy:
    """What is old. Raises ValueError where it would not leave a running quarter in peace."""

    keep: timedelta = timedelta(days=30)
    """Snapshots that were current within this time are kept; at least a day: longer than a quarter's run."""
    keep_last: int = 10
    """Newest writes per table that are kept, whatever their age."""
    grace: timedelta = timedelta(days=7)
    """Files, parts and values of runs that were touched within this time are kept; at least an hour."""
    running_since: datetime | None = None
    """Start of the oldest unfinished run: nothing younger is touched."""
    dry_run: bool = False
    """Count, and leave everything as it is."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        if self.keep < timedelta(days=1) or self.grace < timedelta(hours=1) or self.keep_last < 1:
            raise ValueError(
                "a running quarter would lose what it reads: keep at least a day, one write and an hour of grace"
            )

    @property
    def snapshot_limit(self) -> datetime:
        """What ceased to be current before this moment may expire."""
        return min(self.now - self.keep, self.running_since or self.now)

    @property
    def file_limit(self) -> datetime:
        """What was last touched before this moment may go."""
        return min(self.now - self.grace, self.running_since or self.now)


@dataclass(frozen=True)
class Kept:
    """What maintenance found in a table, or in a folder beside them."""

    snapshots: int = 0
    snapshots_expired: int = 0
    files: int = 0
    """Files that are left."""
    bytes: int = 0
    files_removed: int = 0
    bytes_removed: int = 0

    def __add__(self, other: Kept) -> Kept:
        return Kept(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def maintain(warehouse: Warehouse, policy: Policy, *, tables: Iterable[str] | None = None) -> dict[str, Kept]:
    """Expire and remove what is old; return what was found, by table, and for `staging` and `runs`.

    Can be interrupted anywhere and started again. Raises WarehouseError, having removed no file of that table,
    where a table's metadata is damaged: what it refers to is not known then.
    """
    names = warehouse.pin().names if tables is None else tables
    found = {name: maintain_table(warehouse, name, policy) for name in names}
    # A plan's folder and a run's folder go as a whole: a part of one is worth nothing.
    return found | {
        STAGING: _sweep(warehouse, STAGING, depth=3, policy=policy),
        RUNS: _sweep(warehouse, RUNS, depth=1, policy=policy),
    }


def maintain_table(warehouse: Warehouse, name: str, policy: Policy) -> Kept:
    """Expire the old snapshots of a table, then remove the files that nothing refers to any more."""
    # Writers of this table wait: what they have written but not yet committed is young, and stays.
    with warehouse.lock(f"commit-{name}"):
        before = warehouse.table(name)
        expired = _to_expire(before, policy)
        if expired and not policy.dry_run:
            snapshots.commit_again(lambda: _expire(warehouse, name, policy))
        # Listed before the references are read: what is committed in between is referred to by then.
        listed = _files(warehouse, f"{NAMESPACE}/{name}")
        table = warehouse.table(name)
        # Read anew, for elsewhere a tag may have been set on what was about to expire.
        live = {s.snapshot_id for s in table.metadata.snapshots} - (expired if policy.dry_run else set())
        needed = _referenced(table, name, live)
        if _path(table.metadata_location) not in {f.path for f in listed}:
            raise WarehouseError(
                f"{name}: its metadata is at {table.metadata_location}, not under {warehouse.location.uri}; "
                "nothing was removed. Was the warehouse moved? Put its folder back to where it was"
            )
        orphans = [f for f in listed if f.path not in needed and f.mtime < policy.file_limit]
        if not policy.dry_run:
            filesystem, _ = warehouse.filesystem()
            for orphan in orphans:
                filesystem.delete_file(orphan.path)
    gone = sum(s.snapshot_id not in live for s in before.metadata.snapshots)
    return Kept(len(live), gone) + _kept(listed, orphans)


def _to_expire(table: IcebergTable, policy: Policy) -> set[int]:
    """Return the snapshots that ceased to be current before the limit and that nothing holds."""
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
    """Return the snapshots, oldest first, the two halves of a replacement together."""
    units: list[list[int]] = [[]]
    for snapshot in sorted(table.metadata.snapshots, key=lambda s: s.sequence_number or 0):
        units[-1].append(snapshot.snapshot_id)
        if not snapshots.is_half(snapshot):
            units.append([])
    return [u for u in units if u]


def _superseded_ms(table: IcebergTable) -> dict[int, int]:
    """Return when each snapshot ceased to be current.

    A clock that was set back does not make a snapshot older than the latest time seen until then.
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
    """Expire; what the snapshots say of the quarters that they wrote is kept as properties of the table."""
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


def _referenced(table: IcebergTable, name: str, live: set[int]) -> set[str]:
    """Return the paths of all files that the table's metadata and these snapshots of it name."""
    metadata = table.metadata
    uris = {table.metadata_location, *(e.metadata_file for e in metadata.metadata_log)}
    uris |= {s.statistics_path for s in [*metadata.statistics, *metadata.partition_statistics]}
    seen: set[str] = set()
    for snapshot in metadata.snapshots:
        if snapshot.snapshot_id not in live:
            continue
        uris.add(snapshot.manifest_list)
        with reporting_damage(table.scan(snapshot_id=snapshot.snapshot_id), name, None):
            for manifest in snapshot.manifests(table.io):
                if manifest.manifest_path not in seen:
                    seen.add(manifest.manifest_path)
                    uris |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(table.io)}
    return {_path(uri) for uri in uris | seen}


def _path(uri: str) -> str:
    """Return a URI's path as the warehouse's file system has it: on S3 with the bucket."""
    return uri.removeprefix("file://").removeprefix("s3://").removeprefix("s3a://")


def _sweep(warehouse: Warehouse, folder: str, *, depth: int, policy: Policy) -> Kept:
    """Remove the folders at a depth under `folder` in which nothing has been touched for the grace period."""
    filesystem, root = warehouse.filesystem()
    groups: dict[str, list[_File]] = {}
    for file in _files(warehouse, folder):
        parts = file.path.removeprefix(f"{root}/").split("/")
        groups.setdefault("/".join(parts[: depth + 1]), []).append(file)
    found = Kept()
    for group, files in groups.items():
        is_old = max(f.mtime for f in files) < policy.file_limit
        if is_old and not policy.dry_run:
            filesystem.delete_dir(f"{root}/{group}")
        found += _kept(files, files if is_old else [])
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
