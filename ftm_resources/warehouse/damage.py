"""Damaged files: an error that names the file and what to do.

What belongs here: finding out which file of a table is missing, truncated or unreadable after a read has failed.
To repair data files, materialize the quarter again; to repair metadata, call `repair.restore`.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from ftm_resources.tables import NAMESPACE
from ftm_resources.warehouse import metadata_files
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.location import ROOT, under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table import DataScan
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

    from ftm_resources.warehouse.location import Location


@contextlib.contextmanager
def reporting_damaged_metadata(location: Location, name: str) -> Iterator[None]:
    """Turn the failure to load a table into a WarehouseError that names the file and how to recover."""
    from pyiceberg.exceptions import ValidationError  # noqa: PLC0415

    try:
        yield
    except FileNotFoundError as error:
        raise WarehouseError(
            f"{name}: its metadata file is missing ({_reason(error)}); {_way_back(name)}"
        ) from error
    except PermissionError as error:
        raise WarehouseError(
            f"{name}: its metadata cannot be read ({_reason(error)}): ask the owner of {location.root} for permission"
        ) from error
    except (ValidationError, UnicodeDecodeError, RecursionError, TypeError, OSError) as error:
        if isinstance(error, WarehouseError):
            raise
        folder = f"{location.uri}/{NAMESPACE}/{name}/metadata"
        files = [f"{folder}/{file}" for file in metadata_files.names(location, name)]
        broken = next((f for f in files if state(location, f) is None), "(unknown)")
        raise WarehouseError(
            f"{name}: metadata file {broken} cannot be read ({_reason(error)}); {_way_back(name)}"
        ) from error


@contextlib.contextmanager
def reporting_damage(scan: DataScan, name: str, quarter: str | None) -> Iterator[None]:
    """Turn the failure of a scan into a WarehouseError that names the damaged file, if there is one."""
    try:
        yield
    except WarehouseError:
        raise
    except Exception as error:
        snapshot = scan.snapshot()
        damage = snapshot and damaged_metadata(snapshot, scan.io)
        if damage:
            raise WarehouseError(f"{name}: {damage}; {_way_back_from(scan, name)}") from error
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
        "manifest list", _here(io, snapshot.manifest_list), lambda: manifests.extend(snapshot.manifests(io))
    )
    for manifest in manifests:
        found = found or _failure(
            "manifest", _here(io, manifest.manifest_path), partial(manifest.fetch_manifest_entry, io)
        )
    return found


def _damaged_data(scan: DataScan) -> str | None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    for task in scan.plan_files():
        path = _here(scan.io, task.file.file_path)
        if misfit := _misfit(scan.io, task.file):
            return misfit

        def read(path: str = path) -> None:
            with scan.io.new_input(path).open() as stream:
                for _ in pq.ParquetFile(stream).iter_batches():
                    pass

        if found := _failure("data file", path, read):
            return found
    return None


def _here(io: FileIO, uri: str) -> str:
    """Return the URI of the file that is opened for `uri`, under the root where the warehouse is now."""
    return under(io.properties[ROOT], uri)


def _failure(kind: str, path: str, read: Callable[[], object]) -> str | None:
    try:
        read()
    except Exception as error:  # noqa: BLE001 - a broken file can make its reader raise anything
        return f"{kind} {path} cannot be read ({_reason(error)})"
    return None


def _reason(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _way_back(name: str) -> str:
    return (
        f"restore it from a backup, or run `ftm restore {name}` and materialize again the quarters that were "
        "committed since"
    )


def _way_back_from(scan: DataScan, name: str) -> str:
    """Return the remedy for a state that is, or is not, the current one."""
    metadata, snapshot = scan.table_metadata, scan.snapshot()
    if snapshot is None or snapshot.snapshot_id == metadata.current_snapshot_id:
        return _way_back(name)
    tags = sorted(ref for ref, at in metadata.refs.items() if at.snapshot_id == snapshot.snapshot_id)
    kept = (
        f" It is kept by {', '.join(tags)} (`ftm untag`)" if tags else " Clean-up removes that state in time"
    )
    return f"only an earlier state needs it, not the current one: restore it from a backup.{kept}"


def state(location: Location, metadata_file: str) -> IcebergTable | None:
    """Return the table as a metadata file describes it; None if the file cannot be read."""
    from pyiceberg.table import StaticTable  # noqa: PLC0415

    with contextlib.suppress(Exception):  # RecursionError among them
        return StaticTable.from_metadata(metadata_file, location.file_options)
    return None


def unusable_data(
    table: IcebergTable, quarter: str | None = None, snapshot_id: int | None = None
) -> dict[str, str]:
    """Return quarter → which of its data files is missing or of another size than was written; reads no data.

    Looks at one quarter or all, at a snapshot or the current one.
    """
    if table.current_snapshot() is None:
        return {}
    scan, found = table.scan(snapshot_id=snapshot_id), dict[str, str]()
    with reporting_damage(scan, (table.name() or ("",))[-1], quarter):
        tasks = list(scan.plan_files())
    for task in tasks:
        held = str(task.file.partition[0])
        if quarter in {None, held} and held not in found and (misfit := _misfit(scan.io, task.file)):
            found[held] = misfit
    return found


def require_data(table: IcebergTable, name: str, quarter: str) -> None:
    """Raise WarehouseError if a data file of a quarter's current state is missing or truncated."""
    for held, found in unusable_data(table, quarter).items():
        raise WarehouseError(remedy(name, held, found))


def require_file(file: DataFile, io: FileIO, name: str) -> None:
    """Raise WarehouseError if a data file is missing or truncated."""
    if found := _misfit(io, file):
        raise WarehouseError(remedy(name, str(file.partition[0]), found))


def remedy(name: str, quarter: str, found: str) -> str:
    """Return the message for a damaged data file, with what to do."""
    return f"{name} {quarter}: {found}; materialize {name} for {quarter} again, or read an earlier state with as_of"


def _misfit(io: FileIO, file: DataFile) -> str | None:
    """Return how a data file differs from what was written, from its name and size alone; None if it does not."""
    path, expected = _here(io, file.file_path), file.file_size_in_bytes
    source = io.new_input(path)
    if not source.exists():
        return f"data file {path} is missing"
    if len(source) != expected:
        return f"data file {path} has {len(source)} bytes, but {expected} were written"
    return None


def can_be_read(table: IcebergTable) -> bool:
    """Return whether all manifests of the current snapshot can be read."""
    snapshot = table.current_snapshot()
    return snapshot is None or damaged_metadata(snapshot, table.io) is None
