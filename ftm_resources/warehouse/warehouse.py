"""The warehouse: Iceberg tables on local disk or S3, replaced one quarter at a time, read with DuckDB.

What belongs here: the atomic replacement of a quarter, reading a quarter at a fixed snapshot, and which
snapshots the DuckDB connection for researchers shows. Only writing creates: reading what is not there is an
error that says what is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from dagster import ConfigurableResource
from pydantic import ConfigDict

from ftm_resources import settings
from ftm_resources.tables import NAMESPACE, PARTITION, TABLES, Table
from ftm_resources.warehouse import snapshots
from ftm_resources.warehouse.catalog import Tables, contract_of
from ftm_resources.warehouse.damage import reporting_damage
from ftm_resources.warehouse.data_files import DataFiles
from ftm_resources.warehouse.errors import NoWarehouseError, WarehouseError
from ftm_resources.warehouse.full_disk import reporting_full_disk
from ftm_resources.warehouse.location import Location
from ftm_resources.warehouse.pinned import Pinned
from ftm_resources.warehouse.scans import (
    NEVER_WRITTEN,
    content_of,
    files_of,
    has_rows,
    is_held,
    schema_of,
    where,
)
from ftm_resources.warehouse.shown import files_now, files_shown
from ftm_resources.warehouse.snapshots import PREFIX, quarter_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import duckdb
    from pyarrow import fs as pafs
    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.snapshots import AsOf


@dataclass(frozen=True)
class QuarterTable:
    """One quarter of one table at one snapshot: what an asset reads, unaffected by later writes."""

    warehouse: Warehouse
    name: str
    quarter: str
    snapshot_id: int | None
    content: str
    """Fingerprint of the quarter's rows (see `fingerprint`); NEVER_WRITTEN where the table has none."""

    @property
    def is_written(self) -> bool:
        """Whether anything wrote the quarter, be it without rows."""
        return self.content != NEVER_WRITTEN

    def read(self, columns: Sequence[str] | None = None, *, firms: Sequence[str] | None = None) -> pa.Table:
        """Return the quarter's rows, of these columns and firms only, in the order they were written."""
        if self.snapshot_id is None:
            return schema_of(TABLES[self.name], columns).empty_table()
        return self.warehouse.read(
            self.name, self.quarter, columns=columns, firms=firms, snapshot_id=self.snapshot_id
        )

    def firms(self) -> list[str]:
        """Return the distinct firm ids of the quarter, sorted."""
        return sorted(self.read(["firm_id"]).column("firm_id").unique().to_pylist())

    def provenance(self) -> dict[str, Any]:
        """Return what a table made from this one records about it; the id as text: it is beyond a JSON number."""
        return {"snapshot_id": str(self.snapshot_id), "content": self.content}


class Warehouse(ConfigurableResource):
    """Iceberg tables under one root; `path` overrides FTM_WAREHOUSE.

    A folder uses a SQLite catalog in it; an `s3://` prefix uses the AWS Glue catalog.
    """

    model_config = ConfigDict(extra="forbid")

    path: str | None = None

    @property
    def location(self) -> Location:
        """Where it is. Raises WarehouseError where nothing can be."""
        return Location.of(self.path or settings.current().ftm_warehouse)

    @property
    def root(self) -> str:
        """Absolute folder or `s3://bucket/prefix`, without a slash at the end."""
        return self.location.root

    def filesystem(self) -> tuple[pafs.FileSystem, str]:
        """Return the file system that holds the warehouse and the root's path in it."""
        return self.location.filesystem()

    def lock(self, what: str) -> AbstractContextManager[None]:
        """Return the lock that serialises writers on one machine (see `Location.lock`)."""
        return self.location.lock(what)

    def pin(self) -> Pinned:
        """Return one look at the tables. Raises WarehouseError, with what lies near, if nothing was written here."""
        return Pinned(Tables.to_read(self.location))

    def exists(self) -> bool:
        """Tell whether anything was ever written here."""
        try:
            self.pin()
        except NoWarehouseError:
            return False
        return True

    def tables(self) -> dict[str, IcebergTable]:
        """Return the tables that exist, by name. Raises WarehouseError if there is no warehouse."""
        pinned = self.pin()
        return {n: t for n in pinned.names if (t := pinned.table(n)) is not None}

    def table(self, name: str) -> IcebergTable:
        """Load a table at its current snapshot.

        Raises WarehouseError where nothing was written to it, or the table's metadata is gone or unreadable; it
        names the file.
        """
        table = self._load(name)
        if table is None:
            raise WarehouseError(f"nothing was ever written to {name} of {self.root}: materialize it")
        return table

    def _load(self, name: str) -> IcebergTable | None:
        """Load a table, None if it was never written in a warehouse that exists."""
        tables = Tables.to_read(self.location)
        table = tables.load(name)
        if table is None:
            tables.require_any()
        return table

    def replace(
        self,
        name: str,
        quarter: str,
        batches: Iterable[pa.Table],
        *,
        provenance: Mapping[str, Any] | None = None,
    ) -> tuple[int, str]:
        """Replace a quarter of a table in one transaction; return its rows and content fingerprint.

        `batches` are written to data files first, in order and at constant memory; a reader sees the old
        quarter or the new one. `provenance` becomes properties of the snapshot. Raises ContractError,
        before anything becomes visible, where a batch does not match the contract, and WarehouseError where
        the disk is full.
        """
        contract, quarter, location = contract_of(name), quarter_key(quarter), self.location
        with reporting_full_disk(location.root, f"{name} {quarter}"):
            table = Tables.to_write(location).create(name)
            filesystem, root = location.filesystem()
            folder = f"{root}/{NAMESPACE}/{name}/data/{PARTITION}={quarter}"
            writer = DataFiles(filesystem, folder, contract)
            try:
                for batch in batches:
                    writer.write(contract.conform(batch, quarter=quarter))
                paths, rows, content = writer.close()
            except BaseException:
                writer.discard()
                raise
            properties = {
                f"{PREFIX}quarter": quarter,
                f"{PREFIX}content": content,
                f"{PREFIX}rows": str(rows),
                **{f"{PREFIX}{k}": _text(v) for k, v in (provenance or {}).items()},
            }
            with self.lock(f"commit-{name}"):
                table = table.refresh()
                before = table.metadata_location
                try:
                    _commit(table, contract, quarter, [location.uri_of(p) for p in paths], properties)
                except BaseException:
                    # On S3 a commit may have been made whose reply was lost: then its files are needed. Those that
                    # nothing refers to are maintenance's.
                    if not location.is_s3 and self.table(name).metadata_location == before:
                        writer.discard()
                    raise
        return rows, content

    def quarter(self, name: str, quarter: str, *, pinned: Pinned | None = None) -> QuarterTable:
        """Return a quarter of a table as of now, or as pinned: later writes do not change what it reads.

        A quarter that was never written, in a warehouse that exists, has no rows: see `QuarterTable.is_written`.
        """
        quarter, contract = quarter_key(quarter), contract_of(name)
        table = pinned.table(contract.name) if pinned else self._load(contract.name)
        snapshot = table.current_snapshot() if table else None
        if table is None or snapshot is None:
            return QuarterTable(self, name, quarter, None, NEVER_WRITTEN)
        return QuarterTable(self, name, quarter, snapshot.snapshot_id, content_of(table, snapshot, quarter))

    def read(
        self,
        name: str,
        quarter: str,
        *,
        columns: Sequence[str] | None = None,
        firms: Sequence[str] | None = None,
        snapshot_id: int | None = None,
        as_of: AsOf | None = None,
    ) -> pa.Table:
        """Return a quarter's rows as an Arrow table of the contract's types.

        As they are, or at a snapshot, or `as_of` a tag or a moment, at which there may have been none. Raises
        WarehouseError where the table does not hold the quarter, where a state has expired or never was, or a
        file of it is damaged; it says which.
        """
        quarter, contract = quarter_key(quarter), contract_of(name)
        schema = schema_of(contract, columns)
        table = self._load(name)
        if table is None and snapshot_id is None and as_of is not None:
            snapshots.require_tag(self.tables(), quarter, as_of)
            return schema.empty_table()
        if table is None:
            raise self._not_held(name, quarter)
        if snapshot_id is None:
            chosen = snapshots.selections(table, name, quarter, as_of)
            if as_of is None and not is_held(table, quarter):
                raise self._not_held(name, quarter)
            if not chosen and as_of is not None:
                snapshots.require_tag(self.tables(), quarter, as_of)
                return schema.empty_table()
            ((_, snapshot_id),) = chosen
        elif table.snapshot_by_id(snapshot_id) is None:
            raise WarehouseError(
                f"{name}: snapshot {snapshot_id} has expired; materialize what reads it again, from its start"
            )
        scan = table.scan(
            row_filter=where(quarter, firms), selected_fields=tuple(schema.names), snapshot_id=snapshot_id
        )
        with reporting_damage(scan, name, quarter):
            return scan.to_arrow().select(schema.names).cast(schema)

    def dimension(self, name: str, quarter: str) -> int | None:
        """Return the length of a quarter's vectors, by its first row; None if it has none."""
        table = self._load(name)
        if table is None or table.current_snapshot() is None:
            return None
        scan = table.scan(row_filter=where(quarter_key(quarter)), selected_fields=("embedding",), limit=1)
        rows = scan.to_arrow()
        return len(rows.column("embedding")[0]) if rows.num_rows else None

    def provenance(self, name: str, quarter: str) -> dict[str, Any]:
        """Return what the snapshot that wrote a quarter says it was made from; empty if none did."""
        table = self._load(name)
        if table is None:
            return {}
        write = snapshots.writer_of(table, table.current_snapshot(), quarter_key(quarter))
        return {} if write is None else write.provenance()

    def quarters(self, name: str) -> list[str]:
        """Return the quarters of which a table holds rows, sorted."""
        table = self._load(name)
        if table is None or table.current_snapshot() is None:
            return []
        return sorted({task.file.partition[0] for task in table.scan().plan_files()})

    def connect(
        self,
        *,
        quarter: str | None = None,
        tables: Iterable[str] = tuple(TABLES),
        as_of: AsOf | None = None,
        newest: bool = False,
    ) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection in memory with a view per table; one never written to has no rows.

        With `quarter`, the views hold that quarter only; without, DuckDB prunes by the quarter in a query. They
        name files at the time of the call: later writes do not change them.

        Of a quarter whose tables were not made from each other the views hold the last whole generation, or the
        newest rows where none is left, and a MixedGenerationsWarning names the tables and what to materialize.
        `newest=True` shows the newest rows of each table, without comparing.

        With `as_of`, the views hold what the tables held at a moment, or the quarters that have this tag as
        tagged. Raises WarehouseError where there is no warehouse, where no table holds the quarter, and as `read`
        does.
        """
        from ftm_resources.warehouse.views import open_connection  # noqa: PLC0415 - duckdb is loaded with it

        names = [contract_of(name).name for name in tables]
        quarter = None if quarter is None else quarter_key(quarter)
        if as_of is not None:
            snapshots.require_tag(self.tables(), quarter, as_of)
            files = {n: self.data_files(n, quarter=quarter, as_of=as_of) for n in names}
            return open_connection(files, on_s3=self.location.is_s3)
        pinned = self.pin()
        if quarter is not None and not any(
            is_held(table, quarter) for n in (*names, *pinned.names) if (table := pinned.table(n)) is not None
        ):
            raise self.no_such_quarter(quarter)
        files = files_now(pinned, quarter, names) if newest else files_shown(self.pin, pinned, quarter, names)
        return open_connection(files, on_s3=self.location.is_s3)

    def data_files(self, name: str, *, quarter: str | None = None, as_of: AsOf | None = None) -> list[str]:
        """Return the URIs of the data files of a table's current snapshot, or as of then, sorted."""
        table = self._load(name)
        if table is None:
            return []
        found: list[str] = []
        for of_quarter, snapshot_id in snapshots.selections(table, name, quarter, as_of):
            found += files_of(table, name, of_quarter, snapshot_id)
        return sorted(found)

    def no_such_quarter(self, quarter: str) -> WarehouseError:
        """Return the error for a quarter that no table holds; it names those that are there."""
        return WarehouseError(
            f"{quarter} is in no table of {self.root}. There: {', '.join(self.pin().quarters()) or 'no quarter'}"
        )

    def _not_held(self, name: str, quarter: str) -> WarehouseError:
        held = self.pin().quarters([name])
        return WarehouseError(
            f"{name} of {self.root} does not hold {quarter}; it holds {', '.join(held) or 'no quarter'}. Materialize "
            f"{name} of {quarter} first"
        )


def _commit(
    table: IcebergTable, contract: Table, quarter: str, uris: list[str], properties: dict[str, str]
) -> None:
    with table.transaction() as transaction:
        if has_rows(table, quarter):
            transaction.delete(where(quarter), snapshot_properties=properties)
        if uris:
            transaction.add_files(uris, snapshot_properties=properties, check_duplicate_files=False)
        else:
            # An empty quarter is committed too: its snapshot says what it was made from.
            transaction.append(contract.empty(), snapshot_properties=properties)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
