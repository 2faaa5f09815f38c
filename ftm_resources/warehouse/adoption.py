"""Giving a moved or copied warehouse its own root: rewriting the absolute URIs in its metadata.

What belongs here: `ftm adopt` and `ftm move`. FTM itself reads a moved folder without this (see `location.under`).
Other engines read the URIs as they are, as does Athena on S3, and clean-up wants to be sure whose files it removes.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftm_resources.tables import NAMESPACE, TABLES
from ftm_resources.warehouse import history, metadata_files
from ftm_resources.warehouse.catalog import Tables, place
from ftm_resources.warehouse.damage import reporting_damage, state
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.location import CATALOG_FILE, Location, under
from ftm_resources.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot


_MANIFEST_PATH, _MANIFEST_LENGTH = 0, 1
"""Positions of fields in PyIceberg's record of a manifest."""

_FILE_PATH = 1
"""Position of the path in PyIceberg's record of a data file."""


@dataclass(frozen=True)
class Adopted:
    """The result of `adopt`."""

    tables: dict[str, str]
    """Table → the root that its metadata named before."""
    unchanged: list[str]
    """Tables whose metadata already named this root."""
    damaged: list[str]
    """Earlier states that cannot be read, with the reason; they were left as they are."""


def adopt(warehouse: Warehouse) -> Adopted:
    """Make the metadata of every table name the root where the warehouse is now.

    History, tags and provenance stay; no data file is written. Each table changes in one commit, so a call that was
    killed can be repeated. Raises LostCatalogError if the catalog is lost, and WarehouseError if metadata is
    damaged or, on S3, if the tables of Glue's database still exist where they were.
    """
    location = warehouse.location
    if not location.is_s3:
        _unlink_catalog(warehouse)
    opened = Tables.to_read(location)
    if not location.is_s3:
        opened.require_any()
    names = [n for n in TABLES if opened.catalog.pointer(n) is not None]
    if not names:
        opened.require_any()
    if location.is_s3:
        for name in names:
            _require_moved(location, name, opened.catalog.pointer(name) or "")
    before: dict[str, str] = {}
    damaged: list[str] = []
    for name in names:
        with warehouse.lock(f"commit-{name}"):
            if (was := _adopt(opened, name, damaged)) is not None:
                before[name] = was
    return Adopted(before, [n for n in names if n not in before], damaged)


def move(warehouse: Warehouse, to: str) -> tuple[Location, Adopted]:
    """Move a folder to another place on the same file system and adopt it there.

    Raises WarehouseError, with nothing changed, if it is on S3, if the place exists, or if it is on another file
    system. Nothing may be writing to the warehouse. If it is killed between the two steps, `adopt` completes it.
    """
    location, target = warehouse.location, Location.of(to)
    if location.is_s3 or target.is_s3:
        raise WarehouseError(
            "only a folder can be moved. On S3, copy the objects (aws s3 sync), remove the originals, set "
            "FTM_WAREHOUSE to the copy and run `ftm adopt`"
        )
    source, destination = Path(location.root), Path(target.root)
    if destination.exists():
        raise WarehouseError(
            f"{destination} exists; name a folder that does not, and it becomes the warehouse"
        )
    if destination.is_relative_to(source):
        raise WarehouseError(f"{destination} is inside the warehouse itself; name a folder elsewhere")
    warehouse.pin()  # there must be a warehouse, with a catalog that can be trusted
    above = next(p for p in destination.parents if p.exists())
    if not above.is_dir():
        raise WarehouseError(f"{above} is a file; name a folder elsewhere")
    if above.stat().st_dev != source.stat().st_dev:
        raise WarehouseError(
            f"{destination} is on another file system, to which a folder cannot be moved in one step; nothing was "
            "changed. "
            f"Copy it (cp -a '{source}' '{destination}'), set FTM_WAREHOUSE to the copy, run `ftm adopt`, and remove "
            "the original when you have checked the copy"
        )
    destination.parent.mkdir(parents=True, exist_ok=True)
    # Writers hold these while they commit; whoever comes later finds no warehouse at the old place.
    with _all_locks(warehouse):
        source.rename(destination)
    return target, adopt(Warehouse(path=target.root))


def _adopt(opened: Tables, name: str, damaged: list[str]) -> str | None:
    """Rewrite one table; return the root that it named before, or None if it already names this one."""
    from pyiceberg.serializers import ToOutputFile  # noqa: PLC0415
    from pyiceberg.table.metadata import TableMetadataUtil  # noqa: PLC0415

    location, home = opened.location, place(opened.location, name)
    location.require_no_links(f"{NAMESPACE}/{name}", "nothing was changed")
    pointer = opened.catalog.pointer(name) or ""
    here = f"{home}/metadata/{metadata_files.basename(pointer)}"
    # On S3 loading would refuse what names another root.
    table = state(location, here) if location.is_s3 else opened.load(name)
    if table is None:
        raise WarehouseError(
            f"{name}: {here} is missing or cannot be read; copy the whole warehouse, then try again"
        )
    if table.location() == home and pointer == here:
        return None
    filesystem, _ = location.filesystem()
    with filesystem.open_input_stream(location.path_of(here)) as stream:
        metadata = json.loads(stream.read())
    rewrite = _Rewrite(location, name, table)
    lists: dict[int, str] = {}
    for state_of in table.metadata.snapshots:
        try:
            lists[state_of.snapshot_id] = rewrite.manifest_list(state_of)
        except WarehouseError as error:
            if state_of.snapshot_id == table.metadata.current_snapshot_id:
                raise
            # This state can no longer be read, here or elsewhere; the others can.
            lists[state_of.snapshot_id] = under(location.uri, state_of.manifest_list)
            damaged.append(str(error))
    for snapshot in metadata.get("snapshots", ()):
        snapshot["manifest-list"] = lists[snapshot["snapshot-id"]]
    for file in [*metadata.get("statistics", ()), *metadata.get("partition-statistics", ())]:
        file["statistics-path"] = under(location.uri, file["statistics-path"])
    log = metadata.setdefault("metadata-log", [])
    for entry in log:
        entry["metadata-file"] = under(location.uri, entry["metadata-file"])
    log.append({"metadata-file": here, "timestamp-ms": metadata["last-updated-ms"]})
    metadata["location"] = home
    # No later than now, and no earlier than the last commit, whose writer's clock may have been ahead.
    metadata["last-updated-ms"] = max(int(time.time() * 1000), metadata["last-updated-ms"])
    version = metadata_files.version_of(metadata_files.basename(pointer)) + 1
    new = f"{home}/metadata/{version:05d}-{uuid.uuid4()}.metadata.json"
    history.note_attempt(location, name, metadata_files.basename(new))
    ToOutputFile.table_metadata(TableMetadataUtil.parse_obj(metadata), table.io.new_output(new))
    opened.catalog.point(name, new, pointer)
    history.forget_attempt(location, name, metadata_files.basename(new))
    return table.location().removesuffix(f"/{NAMESPACE}/{name}")


class _Rewrite:
    """Copies a table's manifests and manifest lists, changing only the root in their URIs."""

    def __init__(self, location: Location, name: str, table: IcebergTable) -> None:
        self._location, self._name, self._table = location, name, table
        self._folder = f"{place(location, name)}/metadata"
        self._done: dict[str, ManifestFile] = {}
        self._codec: Any = table.properties.get("write.avro.compression-codec", "gzip")

    def manifest_list(self, snapshot: Snapshot) -> str:
        """Rewrite what a snapshot refers to; return the URI of its manifest list."""
        from pyiceberg.manifest import write_manifest_list  # noqa: PLC0415

        uri = f"{self._folder}/snap-{snapshot.snapshot_id}-0-{uuid.uuid4()}.avro"
        table = self._table
        with reporting_damage(table.scan(snapshot_id=snapshot.snapshot_id), self._name, None):
            manifests = [self._manifest(m) for m in snapshot.manifests(table.io)]
            with write_manifest_list(
                table.metadata.format_version,
                table.io.new_output(uri),
                snapshot.snapshot_id,
                snapshot.parent_snapshot_id,
                snapshot.sequence_number,
                self._codec,
            ) as writer:
                writer.add_manifests(manifests)
        return uri

    def _manifest(self, old: ManifestFile) -> ManifestFile:
        """Rewrite a manifest, once for all snapshots; return its new entry for manifest lists."""
        from pyiceberg.manifest import ManifestFile, write_manifest  # noqa: PLC0415

        if old.manifest_path in self._done:
            return self._done[old.manifest_path]
        table, uri = self._table, f"{self._folder}/{uuid.uuid4()}-m0.avro"
        entries = old.fetch_manifest_entry(table.io, discard_deleted=False)
        output = table.io.new_output(uri)
        with write_manifest(
            table.metadata.format_version,
            table.specs()[old.partition_spec_id],
            table.schema(),
            output,
            old.added_snapshot_id or 0,
            self._codec,
        ) as writer:
            for entry in entries:
                entry.data_file[_FILE_PATH] = under(self._location.uri, entry.data_file.file_path)
                writer.add_entry(entry)
        new = ManifestFile(*(old[i] for i in range(len(old))))
        new[_MANIFEST_PATH], new[_MANIFEST_LENGTH] = uri, len(output)
        self._done[old.manifest_path] = new
        return new


@contextmanager
def _all_locks(warehouse: Warehouse) -> Iterator[None]:
    """Keep all writers out: wait for running commits and let none begin."""
    with ExitStack() as locks:
        for name in [*(f"commit-{n}" for n in TABLES), "catalog"]:
            locks.enter_context(warehouse.lock(name))
        yield


def _require_moved(location: Location, name: str, pointer: str) -> None:
    """Raise WarehouseError if what the catalog on S3 points to still exists elsewhere: this is a copy of it."""
    from pyarrow import fs as pafs  # noqa: PLC0415

    if pointer.startswith(f"{place(location, name)}/"):
        return
    filesystem, _ = location.filesystem()
    if filesystem.get_file_info(pointer.removeprefix("s3://")).type != pafs.FileType.NotFound:
        root = pointer.partition(f"/{NAMESPACE}/{name}/")[0]
        raise WarehouseError(
            f"{location.root} is a copy of {root}, which Glue's database {NAMESPACE!r} belongs to; nothing was "
            "changed. "
            "A copy needs an account or region of its own: set AWS_DEFAULT_REGION or AWS_PROFILE to it, run `ftm "
            "restore --from-files`, then `ftm adopt`. To take over from the original, remove its objects first"
        )


def _unlink_catalog(warehouse: Warehouse) -> None:
    """Give the folder a catalog file of its own if a link shares it with another folder."""
    if not warehouse.location.shares_catalog:
        return
    file = Path(warehouse.root) / CATALOG_FILE
    own = file.with_name(f"{CATALOG_FILE}.own")
    with _all_locks(warehouse):
        own.unlink(missing_ok=True)
        with closing(sqlite3.connect(file)) as shared, closing(sqlite3.connect(own)) as copy:
            shared.backup(copy)
        own.replace(file)
