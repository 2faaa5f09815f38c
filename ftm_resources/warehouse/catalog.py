"""The catalog: opening it, and loading or creating the tables in it.

What belongs here: access to the catalog, opened either to read or to write. Only writing creates the folder, the
catalog, its namespace or a table, and only writing needs write permission.
"""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from ftm_resources.tables import NAMESPACE, PARTITION, TABLES, Table
from ftm_resources.warehouse.damage import reporting_damaged_metadata
from ftm_resources.warehouse.errors import NoWarehouseError, WarehouseError
from ftm_resources.warehouse.location import CATALOG_FILE, Location, near
from ftm_resources.warehouse.schemas import iceberg_schema, refuse_other

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table as IcebergTable

_TABLE_PROPERTIES = {
    "format-version": "2",
    # Enough for eight quarters at once and sixteen writers; PyIceberg's default of four retries loses writes.
    "commit.retry.num-retries": "20",
    "commit.retry.min-wait-ms": "50",
    "commit.retry.max-wait-ms": "5000",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
}

SQLITE_SECONDS = 120
"""Seconds that a reader or writer waits for another's transaction on the SQLite catalog."""


@dataclass(frozen=True)
class Tables:
    """The tables of a warehouse, through an open catalog."""

    location: Location
    catalog: Catalog

    @classmethod
    def to_read(cls, location: Location) -> Self:
        """Open the catalog of an existing warehouse; WarehouseError, listing warehouses nearby, if there is none."""
        if location.is_s3:
            return cls(location, _glue(location))
        location.require_folder()
        if not (Path(location.root) / CATALOG_FILE).is_file():
            raise _no_warehouse(location, near(location.root))
        # `rw` rather than `ro`: it creates nothing, works without write permission, and can replay the journal
        # of a writer that died.
        return cls(location, _sqlite(location, "rw", init_catalog_tables="false"))

    @classmethod
    def to_write(cls, location: Location) -> Self:
        """Open the catalog; create it and its folder if they do not exist."""
        if location.is_s3:
            return cls(location, _glue(location))
        location.require_folder()
        with location.lock("catalog"):  # otherwise two processes could both create its tables
            return cls(location, _sqlite(location, "rwc"))

    def names(self) -> list[str]:
        """Return the existing tables, in catalogue order."""
        from pyiceberg.exceptions import NoSuchNamespaceError  # noqa: PLC0415
        from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

        try:
            found = {identifier[-1] for identifier in self.catalog.list_tables(NAMESPACE)}
        except NoSuchNamespaceError:
            return []
        except DatabaseError as error:
            raise _unusable(self.location, error) from error
        return [t for t in TABLES if t in found]

    def load(self, name: str) -> IcebergTable | None:
        """Load a table at its current snapshot; None if it was never written.

        Raises WarehouseError if the table's metadata is missing or unreadable, if its files are under another
        root, if another version of FTM made it with other columns, or if the catalogue has no such table.
        """
        from pyiceberg.exceptions import NoSuchTableError  # noqa: PLC0415
        from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

        contract = contract_of(name)
        try:
            with reporting_damaged_metadata(self.location, name):
                table = self.catalog.load_table((NAMESPACE, name))
        except NoSuchTableError:
            return None
        except DatabaseError as error:
            raise _unusable(self.location, error) from error
        _require_here(self.location, table)
        refuse_other(table, contract, self.location.root)
        return table

    def create(self, name: str) -> IcebergTable:
        """Load a table; create it from its contract if it does not exist."""
        from pyiceberg.exceptions import NamespaceAlreadyExistsError  # noqa: PLC0415

        if (table := self.load(name)) is not None:
            return table
        if self.location.is_s3 and (others := self.names()):
            self._require_glue_is_ours(others[0])
        with self.location.lock("catalog"), contextlib.suppress(NamespaceAlreadyExistsError):
            self.catalog.create_namespace(NAMESPACE)
        return self._create(TABLES[name])

    def require_any(self) -> None:
        """Raise WarehouseError if no table was ever written here: on S3 there is no folder to check."""
        names = self.names()
        if not names:
            raise _no_warehouse(self.location, [] if self.location.is_s3 else near(self.location.root))
        if self.location.is_s3:
            self._require_glue_is_ours(names[0])

    def _require_glue_is_ours(self, name: str) -> None:
        """Raise WarehouseError if Glue's database, one per account, belongs to another warehouse; reads no file."""
        found = self.catalog.glue.get_table(DatabaseName=NAMESPACE, Name=name)  # type: ignore[attr-defined]
        metadata = found["Table"]["Parameters"]["metadata_location"]
        if not metadata.startswith(f"{_place(self.location, name)}/"):
            raise _elsewhere(self.location, metadata.partition(f"/{NAMESPACE}/{name}/")[0])

    def _create(self, contract: Table) -> IcebergTable:
        from pyiceberg.exceptions import TableAlreadyExistsError  # noqa: PLC0415
        from pyiceberg.partitioning import PartitionField, PartitionSpec  # noqa: PLC0415
        from pyiceberg.transforms import IdentityTransform  # noqa: PLC0415

        schema = iceberg_schema(contract)
        source = schema.find_field(PARTITION).field_id
        spec = PartitionSpec(PartitionField(source, 1000, IdentityTransform(), PARTITION))
        with self.location.lock("catalog"):
            try:
                return self.catalog.create_table(
                    (NAMESPACE, contract.name),
                    schema,
                    location=_place(self.location, contract.name),
                    partition_spec=spec,
                    properties={**_TABLE_PROPERTIES, "comment": contract.doc},
                )
            except TableAlreadyExistsError:
                return self.catalog.load_table((NAMESPACE, contract.name))


def contract_of(name: str) -> Table:
    """Return the contract of a table; WarehouseError, with the most similar names, if there is none."""
    if name in TABLES:
        return TABLES[name]
    alike = difflib.get_close_matches(name, TABLES, n=3)
    raise WarehouseError(
        f"there is no table {name!r}" + (f"; did you mean {' or '.join(alike)}?" if alike else "")
        + f" Tables: {', '.join(TABLES)}"
    )  # fmt: skip


def _glue(location: Location) -> Catalog:
    from botocore.exceptions import NoRegionError  # noqa: PLC0415
    from pyiceberg.catalog import load_catalog  # noqa: PLC0415 - boto3 is loaded with it

    try:
        return load_catalog("ftm", type="glue", warehouse=location.root, **location.file_options)
    except NoRegionError as error:  # boto3 does not read AWS_REGION
        raise WarehouseError(
            f"{location.root} cannot be opened without an AWS region: set AWS_DEFAULT_REGION to that of its Glue "
            "database, e.g. us-east-1"
        ) from error


def _sqlite(location: Location, mode: str, **options: str) -> Catalog:
    from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415
    from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

    file = quote(f"{location.root}/{CATALOG_FILE}")
    uri = f"sqlite:///file:{file}?mode={mode}&uri=true&timeout={SQLITE_SECONDS}"
    try:
        return SqlCatalog("ftm", uri=uri, warehouse=location.uri, **options)
    except DatabaseError as error:
        raise _unusable(location, error) from error


def _place(location: Location, name: str) -> str:
    return f"{location.uri}/{NAMESPACE}/{name}"


def _require_here(location: Location, table: IcebergTable) -> None:
    name = table.name()[-1]
    if table.location() == _place(location, name):
        return
    elsewhere = table.location().removesuffix(f"/{NAMESPACE}/{name}")
    if location.is_s3:
        raise _elsewhere(location, elsewhere)
    raise WarehouseError(
        f"{name}: its files are at {elsewhere}, not under {location.uri}; nothing was read or changed. Was the "
        "warehouse moved or copied? Put its folder back where it was"
    )


def _elsewhere(location: Location, root: str) -> NoWarehouseError:
    return NoWarehouseError(
        f"there is no warehouse at {location.root}: the tables of Glue's database {NAMESPACE!r} are at {root}. Set "
        "FTM_WAREHOUSE to that, or use an account or region without that database"
    )


def _no_warehouse(location: Location, others: list[str]) -> NoWarehouseError:
    beside = f"Warehouses nearby: {', '.join(others)}. " if others else ""
    return NoWarehouseError(
        f"there is no warehouse at {location.root}. {beside}Set FTM_WAREHOUSE to the right one; `ftm run`, or "
        "materializing `transcripts`, creates a new one"
    )


def _unusable(location: Location, error: Exception) -> WarehouseError:
    reason = str(getattr(error, "orig", error))
    return WarehouseError(
        f"the catalog {location.root}/{CATALOG_FILE} cannot be read ({reason}). If it is damaged, restore it from a "
        "backup; if a writer died and you have only read access, someone with write access must open it once"
    )
