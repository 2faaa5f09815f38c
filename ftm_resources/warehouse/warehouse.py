"""The warehouse: Iceberg tables on local disk or S3, replaced one quarter at a time, read with DuckDB.

What belongs here: replacing a quarter atomically, reading a quarter at a fixed snapshot, and choosing the
snapshots that the researchers' DuckDB connection shows. Only writing creates anything: reading a warehouse,
table or quarter that does not exist raises an error that lists those that do.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from dagster import ConfigurableResource
from pydantic import ConfigDict

from ftm_resources import settings
from ftm_resources.tables import NAMESPACE, PARTITION, TABLES, Table
from ftm_resources.warehouse import snapshots
from ftm_resources.warehouse.catalog import Tables, contract_of, reporting_unusable
from ftm_resources.warehouse.data_files import DataFiles
from ftm_resources.warehouse.errors import NoWarehouseError, WarehouseError
from ftm_resources.warehouse.full_disk import reporting_full_disk
from ftm_resources.warehouse.location import Location
from ftm_resources.warehouse.pinned import Pinned
from ftm_resources.warehouse.scans import (
    content_of,
    files_of,
    has_rows,
    is_held,
    rows_of,
    schema_of,
    vector_length,
    where,
)
from ftm_resources.warehouse.schemas import grow, has_grown, incomplete
from ftm_resources.warehouse.shown import Shown, as_tagged, one_generation
from ftm_resources.warehouse.snapshots import NEVER_WRITTEN, PREFIX, quarter_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    import duckdb
    from pyarrow import fs as pafs
    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.snapshots import AsOf


@dataclass(frozen=True)
class QuarterTable:
    """One quarter of one table at one snapshot; later writes do not affect it."""

    warehouse: Warehouse
    name: str
    quarter: str
    snapshot_id: int | None
    content: str
    """Fingerprint of the quarter's rows (see `fingerprint`); NEVER_WRITTEN if it was never written."""

    @property
    def is_written(self) -> bool:
        """Whether the quarter was ever written, even without rows."""
        return self.content != NEVER_WRITTEN

    def read(self, columns: Sequence[str] | None = None, *, firms: Sequence[str] | None = None) -> pa.Table:
        """Return the quarter's rows (default: all columns and firms), in the order they were written.

        Raises WarehouseError if an earlier version of FTM wrote them without a column that is required now.
        """
        if self.snapshot_id is None:
            return schema_of(TABLES[self.name], columns).empty_table()
        return self.warehouse.read(
            self.name, self.quarter, columns=columns, firms=firms, snapshot_id=self.snapshot_id, whole=True
        )

    def firms(self) -> list[str]:
        """Return the distinct firm ids of the quarter, sorted."""
        return sorted(self.read(["firm_id"]).column("firm_id").unique().to_pylist())

    def provenance(self) -> dict[str, Any]:
        """Return what a downstream table records about this one; the id is text, as it exceeds JSON's numbers."""
        return {"snapshot_id": str(self.snapshot_id), "content": self.content}


class Warehouse(ConfigurableResource):
    """Iceberg tables under one root; `path` overrides FTM_WAREHOUSE.

    A folder contains its own SQLite catalog; an `s3://` prefix uses the AWS Glue catalog.
    """

    model_config = ConfigDict(extra="forbid")

    path: str | None = None

    @property
    def location(self) -> Location:
        """Where the warehouse is. Raises WarehouseError if it cannot be there."""
        return Location.of(self.path or settings.current().ftm_warehouse)

    @property
    def root(self) -> str:
        """Absolute folder or `s3://bucket/prefix`, without a trailing slash."""
        return self.location.root

    def filesystem(self) -> tuple[pafs.FileSystem, str]:
        """Return the file system that holds the warehouse and the root's path in it."""
        return self.location.filesystem()

    def lock(self, what: str) -> AbstractContextManager[None]:
        """Return the lock that serialises writers on one machine (see `Location.lock`)."""
        return self.location.lock(what)

    def pin(self, moment: datetime | None = None) -> Pinned:
        """Return a fixed view of the tables, now or at a point in time.

        Raises WarehouseError, listing warehouses nearby, if none is here.
        """
        return Pinned(Tables.to_read(self.location), moment)

    def exists(self) -> bool:
        """Return whether anything was ever written here."""
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

        Raises WarehouseError if it was never written, or if its metadata is missing or unreadable; the message
        names the file.
        """
        if (table := self._load(name)) is None:
            raise WarehouseError(f"{name} was never written to {self.root}: materialize it")
        return table

    def _load(self, name: str) -> IcebergTable | None:
        """Load a table; None if it was never written. Raises WarehouseError if there is no warehouse."""
        tables = Tables.to_read(self.location)
        if (table := tables.load(name)) is None:
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
        """Replace a quarter of a table in one transaction; return its row count and content fingerprint.

        `batches` are written to data files first, in order and in constant memory; readers see either the old
        quarter or the new one. `provenance` becomes snapshot properties. Raises ContractError, before anything
        becomes visible, if a batch does not match the contract, and WarehouseError if the disk is full.
        """
        contract, quarter, location = contract_of(name), quarter_key(quarter), self.location
        location.require_no_links(f"{NAMESPACE}/{name}", "nothing was changed", folders_only=True)
        with reporting_full_disk(location.root, f"{name} {quarter}"), reporting_unusable(location):
            table = Tables.to_write(location).create(name)
            with self.lock(f"commit-{name}"):
                snapshots.commit_again(lambda: grow(table.refresh(), contract))
            filesystem, root = location.filesystem()
            folder = f"{root}/{NAMESPACE}/{name}/data/{PARTITION}={quarter}"
            writer = DataFiles(filesystem, folder, contract, table.schema())
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
                f"{PREFIX}columns": json.dumps([c.name for c in contract.columns]),
                **{f"{PREFIX}{k}": _text(v) for k, v in (provenance or {}).items()},
            }

            def named(path: str) -> str:
                # As the metadata names files: under the root at which the table was made (see `location.under`).
                return f"{table.location()}{path.removeprefix(f'{root}/{NAMESPACE}/{name}')}"

            with self.lock(f"commit-{name}"):
                table = table.refresh()
                before = table.metadata_location
                try:
                    _commit(table, contract, quarter, [named(p) for p in paths], properties)
                except BaseException:
                    # On S3 only the reply may have been lost: the files stay, as they do if the catalog cannot be
                    # asked. Maintenance removes them if nothing refers to them.
                    with contextlib.suppress(WarehouseError):
                        if not location.is_s3 and self.table(name).metadata_location == before:
                            writer.discard()
                    raise
        return rows, content

    def quarter(self, name: str, quarter: str, *, pinned: Pinned | None = None) -> QuarterTable:
        """Return a quarter of a table at its current or pinned state; later writes do not change what it reads.

        A quarter that was never written to an existing warehouse has no rows: see `QuarterTable.is_written`.
        """
        quarter, contract = quarter_key(quarter), contract_of(name)
        table = pinned.table(contract.name) if pinned else self._load(contract.name)
        snapshot = table.current_snapshot() if table else None
        return self.at(name, quarter, table, None if snapshot is None else snapshot.snapshot_id)

    def at(
        self, name: str, quarter: str, table: IcebergTable | None, snapshot_id: int | None
    ) -> QuarterTable:
        """Return a quarter of a table at a snapshot; without rows if there is no such table or snapshot."""
        snapshot = table.snapshot_by_id(snapshot_id) if table and snapshot_id is not None else None
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
        whole: bool = False,
    ) -> pa.Table:
        """Return a quarter's rows as an Arrow table of the contract's types.

        A column that an earlier version of FTM did not have is null in the quarters that it wrote; `whole` makes that
        an error if the column is required.

        Reads the current rows, those of a snapshot, or those `as_of` a tag or a time (possibly none). Raises
        WarehouseError if the table does not hold the quarter, the state has expired or never existed, or a file
        is damaged; the message says which.
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
                f"{name}: snapshot {snapshot_id} has expired; restart the run that reads it from its first step"
            )
        rows = rows_of(table, contract, quarter, snapshot_id, columns=schema.names, firms=firms)
        if whole and (lacking := incomplete(rows, contract)):
            raise WarehouseError(
                f"{name} {quarter} was written by an earlier version of FTM, without {', '.join(lacking)}: materialize "
                f"{name} for {quarter} again"
            )
        return rows

    def dimension(self, name: str, quarter: str) -> int | None:
        """Return the length of a quarter's vectors, taken from its first row; None if it has no rows."""
        table = self._load(name)
        if table is None or table.current_snapshot() is None:
            return None
        return vector_length(table, name, quarter_key(quarter))

    def provenance(self, name: str, quarter: str) -> dict[str, Any]:
        """Return the provenance recorded when a quarter was written; empty if it never was."""
        table = self._load(name)
        if table is None:
            return {}
        write = snapshots.writer_of(table, table.current_snapshot(), quarter_key(quarter))
        return {} if write is None else write.provenance()

    def provenances(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the provenance of each quarter for which a table holds rows, sorted; the table is opened once."""
        pinned = self.pin()
        held = {q: write.provenance() for q in pinned.quarters([name]) if (write := pinned.present(q)(name))}
        return {quarter: of for quarter, of in held.items() if int(of.get("rows", 0))}

    def quarters(self, name: str) -> list[str]:
        """Return the quarters for which a table holds rows, sorted."""
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
        """Return an in-memory DuckDB connection with a view per table; a table that was never written has no rows.

        With `quarter`, the views hold only that quarter; without it, DuckDB prunes by the quarter in a query.
        The files are fixed at the time of the call: later writes do not change the views.

        If a quarter's tables are of mixed generations, the views show its last complete generation, or the newest
        rows if none is left, and a MixedGenerationsWarning names the tables and what to materialize.
        `newest=True` shows each table's newest rows without this check.

        With `as_of` a point in time, they show what they showed then; with a tag, the quarters that have it, as tagged,
        with the same warning.
        Raises WarehouseError if there is no warehouse, if no table holds the quarter, and for the same reasons as
        `read`.
        """
        from ftm_resources.warehouse.views import open_connection  # noqa: PLC0415 - duckdb is loaded with it

        names = [contract_of(name).name for name in tables]
        quarter = None if quarter is None else quarter_key(quarter)
        shown = self._shown(quarter, names, as_of=as_of, newest=newest, strict=False)
        files = {name: shown.files(name, quarter) for name in names}
        return open_connection(files, grown=_grown(shown, names), on_s3=self.location.is_s3)

    def shown_files(self, tables: Iterable[str]) -> tuple[dict[str, list[str]], set[str]]:
        """Return the URIs of each table's data files that `connect` reads, and the tables whose files may lack columns.

        Warns and raises as `connect` does.
        """
        names = [contract_of(name).name for name in tables]
        shown = self._shown(None, names, as_of=None, newest=False, strict=False)
        return {name: shown.files(name, None) for name in names}, _grown(shown, names)

    def together(
        self, quarter: str, tables: Iterable[str], *, as_of: AsOf | None = None, newest: bool = False
    ) -> dict[str, QuarterTable]:
        """Return a quarter of several tables that were made from each other, as `connect` shows them.

        Use it instead of several calls of `read`, between which a run may replace one of the tables. Warns and raises
        as `connect` does, and raises WarehouseError if no complete generation is left.
        """
        names, quarter = [contract_of(name).name for name in tables], quarter_key(quarter)
        shown = self._shown(quarter, names, as_of=as_of, newest=newest, strict=True)
        return {
            name: self.at(name, quarter, shown.pinned.table(name), shown.snapshot(name, quarter))
            for name in names
        }

    def _shown(
        self, quarter: str | None, names: list[str], *, as_of: AsOf | None, newest: bool, strict: bool
    ) -> Shown:
        """Return the snapshots to show."""
        moment = None if as_of is None else snapshots.moment_of(as_of)
        pinned = self.pin(moment)
        if as_of is not None and moment is None:
            return as_tagged(pinned, quarter, names, str(as_of), strict=strict)
        if quarter is not None and moment is None and not pinned.holds(quarter):
            raise self.no_such_quarter(quarter)
        if newest:
            return Shown(pinned)
        return one_generation(lambda: self.pin(moment), pinned, quarter, names, strict=strict)

    def data_files(self, name: str, *, quarter: str | None = None, as_of: AsOf | None = None) -> list[str]:
        """Return the URIs of a table's data files, current or `as_of`, sorted."""
        table = self._load(name)
        if table is None:
            return []
        found: list[str] = []
        for of_quarter, snapshot_id in snapshots.selections(table, name, quarter, as_of):
            found += files_of(table, name, of_quarter, snapshot_id)
        return sorted(found)

    def no_such_quarter(self, quarter: str) -> WarehouseError:
        """Return the error for a quarter that no table holds; it lists the quarters that exist."""
        return WarehouseError(
            f"no quarter {quarter} in {self.root}; it holds {', '.join(self.pin().quarters()) or 'none'}"
        )

    def _not_held(self, name: str, quarter: str) -> WarehouseError:
        held = self.pin().quarters([name])
        return WarehouseError(
            f"{name} in {self.root} does not hold {quarter}; it holds {', '.join(held) or 'no quarter'}. Materialize "
            f"{name} for {quarter} first"
        )


def _grown(shown: Shown, names: Iterable[str]) -> set[str]:
    """Return the tables that have columns which older files lack."""
    held = {name: table for name in names if (table := shown.pinned.table(name)) is not None}
    return {name for name, table in held.items() if has_grown(table, contract_of(name))}


def _commit(
    table: IcebergTable, contract: Table, quarter: str, uris: list[str], properties: dict[str, str]
) -> None:
    with table.transaction() as transaction:
        if has_rows(table, quarter):
            transaction.delete(where(quarter), snapshot_properties=properties)
        if uris:
            transaction.add_files(uris, snapshot_properties=properties, check_duplicate_files=False)
        else:
            # An empty quarter is committed too: its snapshot records what it was made from.
            transaction.append(contract.empty(), snapshot_properties=properties)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
