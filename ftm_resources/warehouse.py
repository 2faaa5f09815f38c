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
import pyarrow.parquet as pq
from dagster import ConfigurableResource

from ftm_resources import settings
from ftm_resources.fingerprint import Fingerprint
from ftm_resources.tables import NAMESPACE, PARTITION, TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import duckdb
    from pyarrow import fs as pafs
    from pyiceberg.catalog import Catalog
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

TARGET_FILE_BYTES = 512 * 1024 * 1024
"""A data file is closed when it reaches this size: two or three files hold a full quarter."""

ROW_GROUP_ROWS = 65_536
"""Rows per Parquet row group: about 80 firms of sentences, so that reading a chunk skips the others."""

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

_PREFIX = "ftm."


class WarehouseError(RuntimeError):
    """The warehouse cannot do what was asked; the message says what to do about it."""


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
        path = self.path or settings.get("FTM_WAREHOUSE") or ""
        return path.rstrip("/") if _is_s3(path) else str(Path(path).expanduser().resolve())

    @property
    def uri(self) -> str:
        """The root as a URI."""
        return self.root if _is_s3(self.root) else Path(self.root).as_uri()

    def catalog(self) -> Catalog:
        """Open the catalog, creating it (and the folder) on first use."""
        if _is_s3(self.root):
            from pyiceberg.catalog import load_catalog  # noqa: PLC0415 - boto3 is loaded with it

            # PyIceberg's file access does not read the endpoint that AWS clients read.
            endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
            options = {"s3.endpoint": endpoint} if endpoint else {}
            return load_catalog("ftm", type="glue", warehouse=self.root, **options)
        from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415

        Path(self.root).mkdir(parents=True, exist_ok=True)
        # Two processes that both find no catalog would both create its tables: one at a time.
        with self._lock("catalog"):
            return SqlCatalog("ftm", uri=f"sqlite:///{self.root}/catalog.db?timeout=120", warehouse=self.uri)

    def filesystem(self) -> tuple[pafs.FileSystem, str]:
        """Return the file system that holds the warehouse and the root's path in it."""
        from pyarrow import fs as pafs  # noqa: PLC0415

        filesystem, path = pafs.FileSystem.from_uri(self.uri)
        return filesystem, path.rstrip("/")

    def table(self, name: str) -> IcebergTable:
        """Load a table at its current snapshot, creating it by its contract where it does not exist."""
        from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError  # noqa: PLC0415

        contract, catalog = TABLES[name], self.catalog()
        try:
            return catalog.load_table((NAMESPACE, name))
        except NoSuchTableError:
            with self._lock("catalog"), contextlib.suppress(NamespaceAlreadyExistsError):
                catalog.create_namespace(NAMESPACE)
            return self._create(catalog, contract)

    def _create(self, catalog: Catalog, contract: Table) -> IcebergTable:
        from pyiceberg.exceptions import TableAlreadyExistsError  # noqa: PLC0415
        from pyiceberg.partitioning import PartitionField, PartitionSpec  # noqa: PLC0415
        from pyiceberg.transforms import IdentityTransform  # noqa: PLC0415

        schema = contract.iceberg_schema
        source = schema.find_field(PARTITION).field_id
        spec = PartitionSpec(PartitionField(source, 1000, IdentityTransform(), PARTITION))
        with self._lock("catalog"):
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
        before anything becomes visible, where a batch does not match the contract.
        """
        contract, table = TABLES[name], self.table(name)
        filesystem, root = self.filesystem()
        folder = f"{root}/{NAMESPACE}/{name}/data/{PARTITION}={quarter}"
        writer = _DataFiles(filesystem, folder, contract)
        try:
            for batch in batches:
                writer.write(contract.conform(batch, quarter=quarter))
            paths, rows, content = writer.close()
            properties = {
                f"{_PREFIX}quarter": quarter,
                f"{_PREFIX}content": content,
                f"{_PREFIX}rows": str(rows),
                **{f"{_PREFIX}{k}": _text(v) for k, v in (provenance or {}).items()},
            }
            scheme = "s3://" if _is_s3(self.root) else "file://"
            with self._lock(f"commit-{name}"):
                table = table.refresh()
                with table.transaction() as transaction:
                    if _has_quarter(table, quarter):
                        transaction.delete(_where(quarter), snapshot_properties=properties)
                    if paths:
                        uris = [scheme + p for p in paths]
                        transaction.add_files(
                            uris, snapshot_properties=properties, check_duplicate_files=False
                        )
                    else:
                        # An empty quarter is committed too: its snapshot says what it was made from.
                        transaction.append(contract.empty(), snapshot_properties=properties)
        except BaseException:
            writer.discard()
            raise
        return rows, content

    def quarter(self, name: str, quarter: str) -> QuarterTable:
        """Return a quarter of a table as of now: later writes do not change what it reads."""
        table = self.table(name)
        snapshot = table.current_snapshot()
        return QuarterTable(
            self,
            name,
            quarter,
            snapshot.snapshot_id if snapshot else None,
            _content(table, snapshot, quarter),
        )

    def read(
        self,
        name: str,
        quarter: str,
        *,
        columns: Sequence[str] | None = None,
        firms: Sequence[str] | None = None,
        snapshot_id: int | None = None,
    ) -> pa.Table:
        """Return a quarter's rows as an Arrow table of the contract's types; no rows where there are none."""
        table = self.table(name)
        wanted = tuple(columns) if columns else tuple(c.name for c in TABLES[name].columns)
        schema = pa.schema([TABLES[name].arrow_schema.field(c) for c in wanted])
        if table.current_snapshot() is None:
            return schema.empty_table()
        where = _where(quarter, firms)
        rows = table.scan(row_filter=where, selected_fields=wanted, snapshot_id=snapshot_id).to_arrow()
        return rows.select(wanted).cast(schema)

    def provenance(self, name: str, quarter: str) -> dict[str, Any]:
        """Return what the snapshot that wrote a quarter says it was made from; empty if there is none."""
        table = self.table(name)
        snapshot = _writer_of(table, table.current_snapshot(), quarter)
        return {} if snapshot is None else _properties(snapshot)

    def quarters(self, name: str) -> list[str]:
        """Return the quarters that a table holds, sorted."""
        table = self.table(name)
        if table.current_snapshot() is None:
            return []
        return sorted({task.file.partition[0] for task in table.scan().plan_files()})

    def connect(
        self, *, quarter: str | None = None, tables: Iterable[str] = tuple(TABLES)
    ) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection in memory with a view per table over its current snapshot.

        With `quarter`, the views hold that quarter only; without, DuckDB prunes by the quarter in a query.
        The views name the files of the snapshots at the time of the call.
        """
        from ftm_resources.duck import open_connection  # noqa: PLC0415

        return open_connection(self, quarter, tables)

    def data_files(self, name: str, *, quarter: str | None = None) -> list[str]:
        """Return the URIs of the data files of a table's current snapshot, sorted by quarter and path."""
        table = self.table(name)
        if table.current_snapshot() is None:
            return []
        scan = table.scan(row_filter=_where(quarter)) if quarter else table.scan()
        return sorted(task.file.file_path for task in scan.plan_files())

    @contextlib.contextmanager
    def _lock(self, what: str) -> Iterator[None]:
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


class _DataFiles:
    """The data files of one replacement: rolled over by size, hashed as they are written."""

    def __init__(self, filesystem: pafs.FileSystem, folder: str, contract: Table) -> None:
        self._fs, self._folder, self._contract = filesystem, folder, contract
        self._fingerprint = Fingerprint(contract)
        self._paths: list[str] = []
        self._sink: Any = None
        self._writer: pq.ParquetWriter | None = None
        filesystem.create_dir(folder, recursive=True)

    def write(self, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        if self._writer is None:
            self._open()
        assert self._writer is not None  # noqa: S101 - narrows the type
        self._fingerprint.update(rows)
        self._writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
        if self._sink.tell() >= TARGET_FILE_BYTES:
            self._close_file()

    def close(self) -> tuple[list[str], int, str]:
        self._close_file()
        return self._paths, self._fingerprint.rows, self._fingerprint.value()

    def discard(self) -> None:
        """Remove what was written: nothing refers to it."""
        self._close_file()
        for path in self._paths:
            with contextlib.suppress(FileNotFoundError):
                self._fs.delete_file(path)

    def _open(self) -> None:
        path = f"{self._folder}/{self._contract.name}-{uuid.uuid4().hex}.parquet"
        self._sink = self._fs.open_output_stream(path)
        self._paths.append(path)
        self._writer = pq.ParquetWriter(self._sink, self._contract.arrow_schema, compression="zstd")

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._sink.close()
            self._writer = None


def _is_s3(path: str) -> bool:
    return urlparse(path).scheme in {"s3", "s3a"}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _has_quarter(table: IcebergTable, quarter: str) -> bool:
    if table.current_snapshot() is None:
        return False
    return any(True for _ in table.scan(row_filter=_where(quarter)).plan_files())


def _where(quarter: str, firms: Sequence[str] | None = None) -> BooleanExpression:
    from pyiceberg.expressions import And, EqualTo, In  # noqa: PLC0415

    in_quarter: BooleanExpression = EqualTo(PARTITION, quarter)  # type: ignore[misc,call-arg]
    if firms is None:
        return in_quarter
    return And(in_quarter, In("firm_id", set(firms)))  # type: ignore[misc,call-arg]


def _writer_of(table: IcebergTable, snapshot: Snapshot | None, quarter: str) -> Snapshot | None:
    """Return the newest snapshot, from `snapshot` backwards, that wrote the quarter."""
    while snapshot is not None:
        if snapshot.summary and snapshot.summary.additional_properties.get(f"{_PREFIX}quarter") == quarter:
            return snapshot
        parent = snapshot.parent_snapshot_id
        snapshot = table.snapshot_by_id(parent) if parent is not None else None
    return None


def _properties(snapshot: Snapshot) -> dict[str, Any]:
    found = snapshot.summary.additional_properties if snapshot.summary else {}
    mine = {k.removeprefix(_PREFIX): v for k, v in found.items() if k.startswith(_PREFIX)}
    return {k: json.loads(v) if v[:1] in "{[" else v for k, v in mine.items()} | {
        "snapshot_id": snapshot.snapshot_id,
        "committed_at_ms": snapshot.timestamp_ms,
    }


def _content(table: IcebergTable, snapshot: Snapshot | None, quarter: str) -> str:
    writer = _writer_of(table, snapshot, quarter)
    if writer is not None:
        return str(_properties(writer)["content"])
    if snapshot is None or not _has_quarter(table, quarter):
        return "empty"
    # Written by other means, or its snapshot has expired: the names of its files identify it.
    scan = table.scan(row_filter=_where(quarter), snapshot_id=snapshot.snapshot_id)
    names = sorted(os.path.basename(task.file.file_path) for task in scan.plan_files())  # noqa: PTH119 - URIs
    return "files:" + uuid.uuid5(uuid.NAMESPACE_URL, "|".join(names)).hex
