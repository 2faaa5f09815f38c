"""The warehouse: Iceberg tables on local disk or S3, replaced one quarter at a time, read with DuckDB.

What belongs here: opening the catalog, creating tables by contract, the atomic replacement of a quarter,
reading a quarter at a fixed snapshot, and the DuckDB connection for researchers.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import pyarrow as pa
from dagster import ConfigurableResource

from ftm_resources import settings
from ftm_resources.tables import NAMESPACE, PARTITION, TABLES, Table
from ftm_resources.warehouse import history
from ftm_resources.warehouse.data_files import DataFiles
from ftm_resources.warehouse.full_disk import naming_full_disk
from ftm_resources.warehouse.history import PREFIX, WarehouseError
from ftm_resources.warehouse.repair import naming_damage, naming_damaged_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import duckdb
    from pyarrow import fs as pafs
    from pyiceberg.catalog import Catalog
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

    from ftm_resources.warehouse.history import AsOf

_TABLE_PROPERTIES = {
    "format-version": "2",
    # Eight quarters at once and sixteen writers pass with these; PyIceberg's own four retries lose writes.
    "commit.retry.num-retries": "20",
    "commit.retry.min-wait-ms": "50",
    "commit.retry.max-wait-ms": "5000",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
}


@dataclass(frozen=True)
class QuarterTable:
    """One quarter of one table at one snapshot: what an asset reads, unaffected by later writes."""

    warehouse: Warehouse
    name: str
    quarter: str
    snapshot_id: int | None
    content: str
    """Fingerprint of the quarter's rows (see `fingerprint`); `empty` where the table has none."""

    def read(self, columns: Sequence[str] | None = None, *, firms: Sequence[str] | None = None) -> pa.Table:
        """Return the quarter's rows, of these columns and firms only, in the order they were written."""
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

    path: str | None = None

    @property
    def root(self) -> str:
        """Absolute folder or `s3://bucket/prefix`, without a slash at the end."""
        path = self.path or settings.current().ftm_warehouse
        return path.rstrip("/") if _is_s3(path) else str(Path(path).expanduser().resolve())

    @property
    def uri(self) -> str:
        """The root as PyIceberg has it: a URI without escapes, which it would not undo."""
        return self.root if _is_s3(self.root) else f"file://{self.root}"

    def catalog(self) -> Catalog:
        """Open the catalog, creating it (and the folder) on first use."""
        if _is_s3(self.root):
            from pyiceberg.catalog import load_catalog  # noqa: PLC0415 - boto3 is loaded with it

            return load_catalog("ftm", type="glue", warehouse=self.root, **self.file_options)
        from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415

        Path(self.root).mkdir(parents=True, exist_ok=True)
        with self.lock("catalog"):  # two processes that both find no catalog would both create its tables
            return SqlCatalog("ftm", uri=f"sqlite:///{self.root}/catalog.db?timeout=120", warehouse=self.uri)

    @property
    def file_options(self) -> dict[str, str]:
        """What PyIceberg's file access must be told: unlike AWS clients, it reads no endpoint by itself."""
        now = settings.current()
        endpoint = now.aws_endpoint_url_s3 or now.aws_endpoint_url
        return {"s3.endpoint": endpoint} if endpoint and _is_s3(self.root) else {}

    def filesystem(self) -> tuple[pafs.FileSystem, str]:
        """Return the file system that holds the warehouse and the root's path in it."""
        from pyarrow import fs as pafs  # noqa: PLC0415

        if not _is_s3(self.root):
            return pafs.LocalFileSystem(), self.root
        filesystem, path = pafs.FileSystem.from_uri(self.root)
        return filesystem, path.rstrip("/")

    def table(self, name: str) -> IcebergTable:
        """Load a table at its current snapshot, creating it by its contract where it does not exist.

        Raises WarehouseError, naming the file, where the table's metadata is gone or unreadable.
        """
        from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError  # noqa: PLC0415

        contract, catalog = TABLES[name], self.catalog()
        try:
            with naming_damaged_metadata(self, name):
                table = catalog.load_table((NAMESPACE, name))
        except NoSuchTableError:
            with self.lock("catalog"), contextlib.suppress(NamespaceAlreadyExistsError):
                catalog.create_namespace(NAMESPACE)
            return self._create(catalog, contract)
        if missing := {c.name for c in contract.columns} - set(table.schema().column_names):
            raise WarehouseError(
                f"{name} in {self.root} was made by an earlier version: it has no {', '.join(sorted(missing))}. "
                "Set FTM_WAREHOUSE to a new place and materialize its quarters there."
            )
        return table

    def _create(self, catalog: Catalog, contract: Table) -> IcebergTable:
        from pyiceberg.exceptions import TableAlreadyExistsError  # noqa: PLC0415
        from pyiceberg.partitioning import PartitionField, PartitionSpec  # noqa: PLC0415
        from pyiceberg.transforms import IdentityTransform  # noqa: PLC0415

        schema = contract.iceberg_schema
        source = schema.find_field(PARTITION).field_id
        spec = PartitionSpec(PartitionField(source, 1000, IdentityTransform(), PARTITION))
        with self.lock("catalog"):
            try:
                return catalog.create_table(
                    (NAMESPACE, contract.name),
                    schema,
                    location=f"{self.uri}/{NAMESPACE}/{contract.name}",
                    partition_spec=spec,
                    properties={**_TABLE_PROPERTIES, "comment": contract.doc},
                )
            except TableAlreadyExistsError:
                return catalog.load_table((NAMESPACE, contract.name))

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
        contract = TABLES[name]
        with naming_full_disk(self.root, f"{name} {quarter}"):
            table = self.table(name)
            filesystem, root = self.filesystem()
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
                    self._commit(table, contract, quarter, paths, properties)
                except BaseException:
                    # On S3 a commit may have been made whose reply was lost: then its files are needed. Those that
                    # nothing refers to are maintenance's.
                    if not _is_s3(self.root) and self.table(name).metadata_location == before:
                        writer.discard()
                    raise
        return rows, content

    def _commit(
        self, table: IcebergTable, contract: Table, quarter: str, paths: list[str], properties: dict[str, str]
    ) -> None:
        scheme = "s3://" if _is_s3(self.root) else "file://"
        with table.transaction() as transaction:
            if _has_quarter(table, quarter):
                transaction.delete(_where(quarter), snapshot_properties=properties)
            if paths:
                uris = [scheme + p for p in paths]
                transaction.add_files(uris, snapshot_properties=properties, check_duplicate_files=False)
            else:
                # An empty quarter is committed too: its snapshot says what it was made from.
                transaction.append(contract.empty(), snapshot_properties=properties)

    def quarter(self, name: str, quarter: str) -> QuarterTable:
        """Return a quarter of a table as of now: later writes do not change what it reads."""
        table = self.table(name)
        snapshot = table.current_snapshot()
        pinned = snapshot.snapshot_id if snapshot else None
        return QuarterTable(self, name, quarter, pinned, _content(table, snapshot, quarter))

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
        """Return a quarter's rows as an Arrow table of the contract's types; no rows where there are none.

        As they are, or at a snapshot, or `as_of` a tag or a moment. Raises WarehouseError where that state has
        expired or never was, or a file of it is damaged; it says which.
        """
        table = self.table(name)
        wanted = tuple(columns) if columns else tuple(c.name for c in TABLES[name].columns)
        schema = pa.schema([TABLES[name].arrow_schema.field(c) for c in wanted])
        if snapshot_id is None:
            chosen = history.selections(table, name, quarter, as_of)
            if not chosen:
                history.require(self, quarter, as_of)
                return schema.empty_table()
            ((_, snapshot_id),) = chosen
        elif table.snapshot_by_id(snapshot_id) is None:
            raise WarehouseError(
                f"{name}: snapshot {snapshot_id} has expired; materialize what reads it again, from its start"
            )
        where = _where(quarter, firms)
        scan = table.scan(row_filter=where, selected_fields=wanted, snapshot_id=snapshot_id)
        with naming_damage(scan, name, quarter):
            return scan.to_arrow().select(wanted).cast(schema)

    def dimension(self, name: str, quarter: str) -> int | None:
        """Return the length of a quarter's vectors, by its first row; None if it has none."""
        table = self.table(name)
        if table.current_snapshot() is None:
            return None
        rows = table.scan(row_filter=_where(quarter), selected_fields=("embedding",), limit=1).to_arrow()
        return len(rows.column("embedding")[0]) if rows.num_rows else None

    def provenance(self, name: str, quarter: str) -> dict[str, Any]:
        """Return what the snapshot that wrote a quarter says it was made from; empty if there is none."""
        table = self.table(name)
        write = history.writer_of(table, table.current_snapshot(), quarter)
        return {} if write is None else write.provenance()

    def quarters(self, name: str) -> list[str]:
        """Return the quarters that a table holds, sorted."""
        table = self.table(name)
        if table.current_snapshot() is None:
            return []
        return sorted({task.file.partition[0] for task in table.scan().plan_files()})

    def connect(
        self,
        *,
        quarter: str | None = None,
        tables: Iterable[str] = tuple(TABLES),
        as_of: AsOf | None = None,
    ) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection in memory with a view per table over its current snapshot.

        With `quarter`, the views hold that quarter only; without, DuckDB prunes by the quarter in a query.
        With `as_of`, they hold what the tables held at a moment, or the quarters that have this tag as tagged.
        The views name the files of the snapshots at the time of the call. Raises WarehouseError as `read` does.
        """
        from ftm_resources.warehouse.views import open_connection  # noqa: PLC0415

        history.require(self, quarter, as_of)
        return open_connection(self, quarter, tables, as_of)

    def data_files(self, name: str, *, quarter: str | None = None, as_of: AsOf | None = None) -> list[str]:
        """Return the URIs of the data files of a table's current snapshot, sorted by quarter and path."""
        table = self.table(name)
        found: list[str] = []
        for of_quarter, snapshot_id in history.selections(table, name, quarter, as_of):
            scan = table.scan(snapshot_id=snapshot_id)
            scan = scan.filter(_where(of_quarter)) if of_quarter else scan
            with naming_damage(scan, name, of_quarter):
                found += [task.file.file_path for task in scan.plan_files()]
        return sorted(found)

    @contextlib.contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Serialise writers on one machine; the system releases the lock of a process that dies.

        On S3 the Glue catalog's optimistic commit, with its retries, does this alone.
        """
        if _is_s3(self.root):
            yield
            return
        from filelock import FileLock  # noqa: PLC0415

        folder = Path(self.root) / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{what}.lock"):
            yield


def _is_s3(path: str) -> bool:
    return urlparse(path).scheme in {"s3", "s3a"}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _has_quarter(table: IcebergTable, quarter: str) -> bool:
    if table.current_snapshot() is None:
        return False
    scan = table.scan(row_filter=_where(quarter))
    with naming_damage(scan, table.name()[-1], quarter):
        return any(True for _ in scan.plan_files())


def _where(quarter: str, firms: Sequence[str] | None = None) -> BooleanExpression:
    from pyiceberg.expressions import And, EqualTo, In  # noqa: PLC0415

    in_quarter: BooleanExpression = EqualTo(PARTITION, quarter)  # type: ignore[misc,call-arg]
    if firms is None:
        return in_quarter
    return And(in_quarter, In("firm_id", set(firms)))  # type: ignore[misc,call-arg]


def _content(table: IcebergTable, snapshot: Snapshot | None, quarter: str) -> str:
    writer = history.writer_of(table, snapshot, quarter)
    if writer is not None:
        return writer.properties["content"]
    if snapshot is None or not _has_quarter(table, quarter):
        return "empty"
    # Written by other means: the names of its files identify it.
    scan = table.scan(row_filter=_where(quarter), snapshot_id=snapshot.snapshot_id)
    names = sorted(os.path.basename(task.file.file_path) for task in scan.plan_files())  # noqa: PTH119 - URIs
    return "files:" + uuid.uuid5(uuid.NAMESPACE_URL, "|".join(names)).hex
