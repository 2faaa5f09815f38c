"""Recovery from damage: restoring metadata, and comparing stored rows with what was written.

What belongs here: operations that a user starts. Finding out which file is damaged is in `damage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from ftm_resources.tables import NAMESPACE, PARTITION, TABLES
from ftm_resources.warehouse import generations, history, metadata_files
from ftm_resources.warehouse.catalog import Tables, place
from ftm_resources.warehouse.damage import can_be_read, reporting_damage, state
from ftm_resources.warehouse.errors import LostCatalogError, WarehouseError
from ftm_resources.warehouse.fingerprint import Fingerprint
from ftm_resources.warehouse.schemas import columns_then, filled, with_retired
from ftm_resources.warehouse.snapshots import Write, is_elsewhere, quarter_key, writer_of

if TYPE_CHECKING:
    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Restored:
    """The result of `restore`."""

    metadata_file: str
    """The metadata file that the table now uses."""
    went_back: bool
    """False if nothing was damaged."""
    committed_at: datetime | None
    """Time of the state's last commit; None if nothing was ever committed."""


def restore(warehouse: Warehouse, name: str, *, to_nothing: bool = False) -> Restored:
    """Roll a table back to the newest state whose metadata can be read; data files are not touched.

    Does nothing if the current state can be read. Raises LostCatalogError if the catalog does not know the table's
    last commit, and WarehouseError if the files are elsewhere, if another folder shares the catalog, if no state can
    be read, or if only the empty one can in which the table was created and `to_nothing` is false.
    """
    location = warehouse.location
    tables = Tables.to_read(location)
    tables.require_any()
    catalog = tables.catalog
    with warehouse.lock(f"commit-{name}"), warehouse.lock("catalog"):
        pointer = catalog.pointer(name)
        if pointer is None:
            raise WarehouseError(f"{name} was never written to {location.root}: there is nothing to restore")
        if (table := readable(tables, name)) is not None:
            return _restored(table, went_back=False)
        if not location.is_s3:
            tables.require_files_here(name)
            location.require_own_catalog()
        noted = history.attempts(location, name) - {
            history.hint(location, name),
            metadata_files.basename(pointer),
        }
        newest = metadata_files.version_of(metadata_files.basename(pointer))
        for found in history.states(location, name):
            # A later one is an attempt that was never committed.
            at_home = place(location, name) if location.is_s3 else found.location
            uri = f"{at_home}/metadata/{found.name}"
            if (
                found.version > newest
                or found.name in noted
                or (at := state(location, uri)) is None
                or not can_be_read(at)
            ):
                continue
            if found.is_empty and not to_nothing:
                raise WarehouseError(
                    f"{name}: the only state that can be read is the empty table as it was created, which holds no "
                    f"quarter; nothing was changed. Restore {location.uri}/{NAMESPACE}/{name}/metadata from a backup, "
                    f"or run `ftm restore {name} --to-nothing` and materialize every quarter again"
                )
            # In this order it can be killed anywhere: until the last step the table cannot be read.
            history.set_aside(location, name, {found.name, *found.before})
            history.note_commit(location, name, uri)
            catalog.point(name, uri, pointer)
            return _restored(at, went_back=True)
    raise WarehouseError(
        f"{name}: no metadata file under {location.uri}/{NAMESPACE}/{name}/metadata can be read; restore that "
        "folder from a backup, or remove the table's folder and its catalog entry and materialize every quarter"
    )


def readable(tables: Tables, name: str) -> IcebergTable | None:
    """Return the table if its current state can be read, else None.

    Raises LostCatalogError if the catalog does not know the table's last commit.
    """
    try:
        table = tables.load(name)
    except LostCatalogError:
        raise
    except WarehouseError:
        return None
    return table if table is not None and can_be_read(table) else None


def verify(warehouse: Warehouse, quarter: str) -> tuple[int, list[str]]:
    """Read a quarter of every table and compare its rows with the fingerprint taken when they were written.

    Returns how many tables hold the quarter, and a list of problems: changed rows, damaged files, tables of mixed
    generations. Raises WarehouseError if no table holds the quarter.
    """
    from pyiceberg.expressions import EqualTo  # noqa: PLC0415

    quarter, pinned = quarter_key(quarter), warehouse.pin()
    sound, problems = dict[str, Write](), list[str]()
    for name in pinned.names:
        contract = with_retired(TABLES[name])
        try:
            table = pinned.table(name)
            write = writer_of(table, table.current_snapshot(), quarter) if table else None
            if table is None or write is None:
                continue
            sound[name] = write
            columns = columns_then(table, write, contract)
            rows = Fingerprint(contract, columns)
            scan = table.scan(row_filter=EqualTo(PARTITION, quarter))  # type: ignore[misc,call-arg]
            with reporting_damage(scan, name, quarter):
                for batch in scan.to_arrow_batch_reader():
                    rows.update(filled(pa.Table.from_batches([batch]), contract, columns))
        except WarehouseError as error:
            problems.append(str(error))
        else:
            if rows.value() != write.content:
                problems.append(
                    f"{name} {quarter}: its rows have changed since they were written; materialize {name} for "
                    f"{quarter} again"
                )
    if not sound and not problems:
        raise warehouse.no_such_quarter(quarter)

    def present(key: str) -> Write | None:
        return pinned.present(quarter)(key) if is_elsewhere(key) else sound.get(key)

    if mixed := generations.mixtures(sound, present):
        again = ", ".join(generations.to_materialize(mixed, sound, present))
        problems += [f"{mixture.table} {quarter}: {mixture}; materialize {again}" for mixture in mixed]
    return len(sound), problems


def _restored(table: IcebergTable, *, went_back: bool) -> Restored:
    snapshot = table.current_snapshot()
    at = datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC) if snapshot else None
    return Restored(table.metadata_location, went_back, at)
