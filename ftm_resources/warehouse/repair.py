"""Damaged files: an error that names the file and what to do, and a way back from lost metadata.

What belongs here: finding out which file of a table is gone, cut short or unreadable, after a read has failed.
Data files are mended by materializing the quarter again; metadata by going back to the newest state that can
be read.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from ftm_resources.tables import NAMESPACE, PARTITION, TABLES
from ftm_resources.warehouse import history
from ftm_resources.warehouse.fingerprint import Fingerprint
from ftm_resources.warehouse.history import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyiceberg.io import FileIO
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import DataScan
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

    from ftm_resources.warehouse import Warehouse


@dataclass(frozen=True)
class Restored:
    """What `restore` did."""

    metadata_file: str
    """What the table is read from now."""
    went_back: bool
    """False where nothing was damaged."""
    committed_at: datetime | None
    """Time of the state's last commit; None for a table without rows."""


@contextlib.contextmanager
def naming_damaged_metadata(warehouse: Warehouse, name: str) -> Iterator[None]:
    """Turn the failure to load a table into a WarehouseError that names the file and the way back."""
    from pyiceberg.exceptions import ValidationError  # noqa: PLC0415

    try:
        yield
    except FileNotFoundError as error:
        raise WarehouseError(
            f"{name}: its metadata file is gone ({_reason(error)}); {_way_back(name)}"
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        broken = next((f for f in _metadata_files(warehouse, name) if _state(warehouse, f) is None), "of it")
        raise WarehouseError(
            f"{name}: metadata file {broken} cannot be read ({_reason(error)}); {_way_back(name)}"
        ) from error


@contextlib.contextmanager
def naming_damage(scan: DataScan, name: str, quarter: str | None) -> Iterator[None]:
    """Turn the failure of a scan into a WarehouseError that names the damaged file, if there is one."""
    try:
        yield
    except WarehouseError:
        raise
    except Exception as error:
        snapshot = scan.snapshot()
        damage = snapshot and damaged_metadata(snapshot, scan.io)
        if damage:
            raise WarehouseError(f"{name}: {damage}; {_way_back(name)}") from error
        damage = _damaged_data(scan)
        if damage is None:
            raise
        where = f"{name} {quarter}" if quarter else name
        raise WarehouseError(
            f"{where}: {damage}; materialize {name} for {quarter or 'that quarter'} again, or read an earlier "
            "state with as_of"
        ) from error


def damaged_metadata(snapshot: Snapshot, io: FileIO) -> str | None:
    """Return which manifest or manifest list of a snapshot is damaged, and how; None if all can be read."""
    manifests: list[ManifestFile] = []
    found = _failure(
        "manifest list", snapshot.manifest_list, lambda: manifests.extend(snapshot.manifests(io))
    )
    for manifest in manifests:
        found = found or _failure(
            "manifest", manifest.manifest_path, partial(manifest.fetch_manifest_entry, io)
        )
    return found


def _damaged_data(scan: DataScan) -> str | None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    for task in scan.plan_files():
        path, expected = task.file.file_path, task.file.file_size_in_bytes
        source = scan.io.new_input(path)
        if not source.exists():
            return f"data file {path} is gone"
        if len(source) != expected:
            return f"data file {path} has {len(source)} bytes where {expected} were written"

        def read(path: str = path) -> None:
            with scan.io.new_input(path).open() as stream:
                for _ in pq.ParquetFile(stream).iter_batches():
                    pass

        if found := _failure("data file", path, read):
            return found
    return None


def _failure(kind: str, path: str, read: Callable[[], object]) -> str | None:
    try:
        read()
    except Exception as error:  # noqa: BLE001 - whatever a broken file makes its reader raise
        return f"{kind} {path} cannot be read ({_reason(error)})"
    return None


def _reason(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _way_back(name: str) -> str:
    return (
        f"put it back from a backup, or run `ftm restore {name}` and materialize "
        "the quarters again that were committed since"
    )


def restore(warehouse: Warehouse, name: str) -> Restored:
    """Go back to the newest state of a table whose metadata can be read; data files are left as they are.

    Does nothing where the present state can be read. Raises WarehouseError where no state can.
    """
    from pyiceberg.exceptions import NoSuchTableError  # noqa: PLC0415

    identifier, catalog = (NAMESPACE, name), warehouse.catalog()
    with warehouse.lock(f"commit-{name}"), warehouse.lock("catalog"):
        with contextlib.suppress(Exception):
            table = catalog.load_table(identifier)
            if _can_be_read(table):
                return _restored(table, went_back=False)
        for uri in _metadata_files(warehouse, name):
            state = _state(warehouse, uri)
            if state is not None and _can_be_read(state):
                with contextlib.suppress(NoSuchTableError):
                    catalog.drop_table(identifier)  # the catalog's entry only, no file
                return _restored(catalog.register_table(identifier, uri), went_back=True)
    raise WarehouseError(
        f"{name}: no metadata file under {warehouse.uri}/{NAMESPACE}/{name}/metadata can be read; restore that "
        "folder from a backup, or remove the table's folder and its catalog entry and materialize every quarter"
    )


def verify(warehouse: Warehouse, quarter: str) -> tuple[int, list[str]]:
    """Read a quarter of every table and hold its rows against the fingerprint taken when they were written.

    Returns how many tables hold the quarter, and what is wrong with which. Raises WarehouseError if none does.
    """
    from pyiceberg.expressions import EqualTo  # noqa: PLC0415

    checked, problems = 0, list[str]()
    for name in history.existing(warehouse):
        contract = TABLES[name]
        try:
            table = warehouse.table(name)
            write = history.writer_of(table, table.current_snapshot(), quarter)
            if write is None:
                continue
            checked += 1
            rows = Fingerprint(contract)
            scan = table.scan(row_filter=EqualTo(PARTITION, quarter))  # type: ignore[misc,call-arg]
            with naming_damage(scan, name, quarter):
                for batch in scan.to_arrow_batch_reader():
                    found = pa.Table.from_batches([batch]).select(contract.arrow_schema.names)
                    rows.update(found.cast(contract.arrow_schema))
        except WarehouseError as error:
            problems.append(str(error))
        else:
            if rows.value() != write.properties["content"]:
                problems.append(
                    f"{name} {quarter}: its rows are not those that were written; materialize {name} for {quarter} "
                    "again"
                )
    if not checked and not problems:
        raise WarehouseError(f"{quarter} is in no table of {warehouse.root}")
    return checked, problems


def _state(warehouse: Warehouse, metadata_file: str) -> IcebergTable | None:
    """Return the table as a metadata file has it; None where that cannot be read."""
    from pyiceberg.table import StaticTable  # noqa: PLC0415

    with contextlib.suppress(Exception):
        return StaticTable.from_metadata(metadata_file, warehouse.file_options)
    return None


def _can_be_read(table: IcebergTable) -> bool:
    snapshot = table.current_snapshot()
    return snapshot is None or damaged_metadata(snapshot, table.io) is None


def _restored(table: IcebergTable, *, went_back: bool) -> Restored:
    snapshot = table.current_snapshot()
    at = datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC) if snapshot else None
    return Restored(table.metadata_location, went_back, at)


def _metadata_files(warehouse: Warehouse, name: str) -> list[str]:
    """Return the URIs of the table's metadata files, newest version first."""
    from pyarrow import fs as pafs  # noqa: PLC0415

    filesystem, root = warehouse.filesystem()
    folder = f"{NAMESPACE}/{name}/metadata"
    selector = pafs.FileSelector(f"{root}/{folder}", allow_not_found=True)
    found = [f for f in filesystem.get_file_info(selector) if f.base_name.endswith(".metadata.json")]
    found.sort(key=lambda f: (f.base_name.partition("-")[0], f.mtime_ns), reverse=True)
    return [f"{warehouse.uri}/{folder}/{f.base_name}" for f in found]
