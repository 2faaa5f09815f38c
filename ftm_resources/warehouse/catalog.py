"""The catalog: opening it, and loading or creating the tables in it.

What belongs here: access to the catalog, opened either to read or to write. Only writing creates the folder, the
catalog, its namespace or a table, and only writing needs write permission. A catalog that knows less than the files
in the folder prove is refused: its tables would look empty or old.
"""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from ftm_resources.extras import require_extra
from ftm_resources.tables import NAMESPACE, PARTITION, TABLES, Table
from ftm_resources.warehouse import history, metadata_files
from ftm_resources.warehouse.damage import reporting_damaged_metadata
from ftm_resources.warehouse.errors import LostCatalogError, NoWarehouseError, WarehouseError
from ftm_resources.warehouse.location import CATALOG_FILE, Location, near
from ftm_resources.warehouse.schemas import iceberg_schema, refuse_other

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.glue_pointers import CloudCatalog
    from ftm_resources.warehouse.pointers import FolderCatalog

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
    catalog: FolderCatalog | CloudCatalog

    @classmethod
    def to_read(cls, location: Location) -> Self:
        """Open the catalog of an existing warehouse; WarehouseError, listing warehouses nearby, if there is none."""
        if location.is_s3:
            return cls(location, _glue(location))
        location.require_folder()
        if not _file(location).is_file():
            if found := history.committed(location):
                raise _lost(location, "is missing", found)
            raise _no_warehouse(location, near(location.root))
        # `rw` rather than `ro`: it creates nothing, works without write permission, and can replay the journal
        # of a writer that died.
        return cls(location, _sqlite(location, "rw", init_catalog_tables="false"))

    @classmethod
    def to_write(cls, location: Location) -> Self:
        """Open the catalog; create it and its folder if they do not exist.

        Raises LostCatalogError if the folder holds tables that the catalog does not know, and WarehouseError
        if the catalog is shared with another folder by a link.
        """
        if location.is_s3:
            return cls(location, _glue(location))
        location.require_folder()
        location.require_not_inside()
        location.require_own_catalog()
        found = history.committed(location)
        if found and not (_file(location).is_file() and _file(location).stat().st_size):
            raise _lost(location, "is missing or empty", found)
        with location.lock("catalog"):  # otherwise two processes could both create its tables
            opened = cls(location, _sqlite(location, "rwc"))
        opened._require_known(found)
        return opened

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

        Raises LostCatalogError if the catalog does not know the table's last commit, WarehouseError if the table's
        metadata is missing or unreadable, if another version of FTM made it with other columns, or if the catalogue
        has no such table; on S3 also if its files are under another root.
        """
        contract = contract_of(name)
        for is_last in (False, True):
            last = None if self.location.is_s3 else history.hint(self.location, name)
            found = [] if self.location.is_s3 else history.finished(self.location, name)
            table = self._loaded(name)
            if table is None:
                behind = "it is not in the catalog" if history.is_committed(self.location, name) else None
            else:
                behind = None if self.location.is_s3 else history.lag(self.location, table, last, found)
            if behind is None:
                break
            # Once more: another process may have created the table, or restored it, between the two looks.
            if is_last:
                raise _lost(self.location, f"is older than its tables: {name}: {behind}", [name])
        if table is None:
            return None
        if self.location.is_s3:
            _require_here(self.location, table)
        refuse_other(table, contract, self.location.root)
        return table

    def _loaded(self, name: str) -> IcebergTable | None:
        from pyiceberg.exceptions import NoSuchTableError  # noqa: PLC0415
        from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

        try:
            with reporting_damaged_metadata(self.location, name):
                return self.catalog.load_table((NAMESPACE, name))
        except NoSuchTableError:
            return None
        except DatabaseError as error:
            raise _unusable(self.location, error) from error
        except WarehouseError:
            if self.location.is_s3:
                self.require_ours(name)
            else:
                self.require_files_here(name)
                self._require_last(name)
            raise

    def _require_last(self, name: str) -> None:
        """Raise LostCatalogError if the catalog points to no file here, but the last commit can be read.

        That is no damage to the table: the catalog is another one.
        """
        pointer, last = (
            metadata_files.basename(self.catalog.pointer(name) or ""),
            history.hint(self.location, name),
        )
        if last in {None, pointer} or history.is_rolled_back(self.location, name, pointer):
            return
        if last is not None and history.read(self.location, name, last) is not None:
            what = f"is not that of its tables: {name}: it is at {pointer}, but the last commit was {last}"
            raise _lost(self.location, what, [name])

    def create(self, name: str) -> IcebergTable:
        """Load a table; create it from its contract if it does not exist."""
        from pyiceberg.exceptions import NamespaceAlreadyExistsError  # noqa: PLC0415

        if (table := self.load(name)) is not None:
            return table
        if self.location.is_s3 and (others := self.names()):
            self.require_ours(others[0])
        with self.location.lock("catalog"), contextlib.suppress(NamespaceAlreadyExistsError):
            self.catalog.create_namespace(NAMESPACE)
        return self._create(TABLES[name])

    def require_any(self) -> None:
        """Raise WarehouseError if no table was ever written here, or if the folder holds more than the catalog."""
        found = [] if self.location.is_s3 else history.committed(self.location)
        names = self._require_known(found)
        if not names:
            if self.location.is_s3 and (found := history.committed(self.location)):
                raise _lost(self.location, "knows none of its tables", found)
            raise _no_warehouse(self.location, [] if self.location.is_s3 else near(self.location.root))
        if self.location.is_s3:
            self.require_ours(names[0])

    def require_files_here(self, name: str) -> None:
        """Raise WarehouseError if a table's metadata is missing here, but is where the warehouse was before."""
        recorded = (self.catalog.pointer(name) or "").removeprefix("file://")
        if metadata_files.names(self.location, name) or not Path(recorded).is_file():
            return
        elsewhere = recorded.partition(f"/{NAMESPACE}/{name}/")[0]
        raise WarehouseError(
            f"{name}: its files are not in {self.location.root} but in {elsewhere}; nothing was read or changed. Set "
            "FTM_WAREHOUSE to that folder. If this one is to be a copy, copy all of it and run `ftm adopt`"
        )

    def _require_known(self, found: list[str]) -> list[str]:
        """Return the names of the tables; LostCatalogError if one of `found`, read before, is not among them."""
        names = self.names()
        if lost := [name for name in found if name not in names]:
            raise _lost(self.location, f"does not know {len(lost)} of the folder's {len(found)} tables", lost)
        return names

    def require_ours(self, name: str) -> None:
        """Raise WarehouseError if Glue's database, one per account, belongs to another warehouse; reads no file."""
        metadata = self.catalog.pointer(name)
        if metadata is not None and not metadata.startswith(f"{place(self.location, name)}/"):
            raise _elsewhere(self.location, metadata.partition(f"/{NAMESPACE}/{name}/")[0])

    def _create(self, contract: Table) -> IcebergTable:
        from pyiceberg.exceptions import TableAlreadyExistsError  # noqa: PLC0415
        from pyiceberg.partitioning import PartitionField, PartitionSpec  # noqa: PLC0415
        from pyiceberg.transforms import IdentityTransform  # noqa: PLC0415

        schema = iceberg_schema(contract)
        source = schema.find_field(PARTITION).field_id
        spec = PartitionSpec(PartitionField(source, 1000, IdentityTransform(), PARTITION))
        home = self._home(contract.name)
        with self.location.lock("catalog"):
            try:
                return self.catalog.create_table(
                    (NAMESPACE, contract.name),
                    schema,
                    location=home,
                    partition_spec=spec,
                    properties={**_TABLE_PROPERTIES, "comment": contract.doc},
                )
            except TableAlreadyExistsError:
                return self.catalog.load_table((NAMESPACE, contract.name))

    def _home(self, name: str) -> str:
        """Return where the metadata of a new table says that it is: under the root that the other tables name.

        That is the warehouse's own root, or that of the machine it is mounted from.
        """
        for other in self.names():
            recorded = self.catalog.pointer(other)
            root, found, _ = (recorded or "").rpartition(f"/{NAMESPACE}/{other}/")
            if found and not self.location.is_s3:
                return f"{root}/{NAMESPACE}/{name}"
        return place(self.location, name)


def contract_of(name: str) -> Table:
    """Return the contract of a table; WarehouseError, with the most similar names, if there is none."""
    if name in TABLES:
        return TABLES[name]
    alike = difflib.get_close_matches(name, TABLES, n=3)
    raise WarehouseError(
        f"there is no table {name!r}" + (f"; did you mean {' or '.join(alike)}?" if alike else "")
        + f" Tables: {', '.join(TABLES)}"
    )  # fmt: skip


def place(location: Location, name: str) -> str:
    """Return the URI of a table's folder."""
    return f"{location.uri}/{NAMESPACE}/{name}"


def _glue(location: Location) -> CloudCatalog:
    require_extra("aws", "A warehouse on S3", "boto3")
    from botocore.exceptions import NoRegionError  # noqa: PLC0415

    from ftm_resources.warehouse.glue_pointers import CloudCatalog  # noqa: PLC0415 - boto3 is loaded with it

    try:
        return CloudCatalog(location)
    except NoRegionError as error:  # boto3 does not read AWS_REGION
        raise WarehouseError(
            f"{location.root} cannot be opened without an AWS region: set AWS_DEFAULT_REGION to that of its Glue "
            "database, e.g. us-east-1"
        ) from error


def _sqlite(location: Location, mode: str, **options: str) -> FolderCatalog:
    from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

    try:
        return sqlite_catalog(location, _file(location), mode, **options)
    except DatabaseError as error:
        raise _unusable(location, error) from error


def sqlite_catalog(location: Location, file: Path, mode: str, **options: str) -> FolderCatalog:
    """Open a SQLite file as the catalog of a folder; raise sqlalchemy's DatabaseError if it is not a database."""
    from ftm_resources.warehouse.pointers import FolderCatalog  # noqa: PLC0415 - PyIceberg is loaded with it

    uri = f"sqlite:///file:{quote(str(file))}?mode={mode}&uri=true&timeout={SQLITE_SECONDS}"
    return FolderCatalog(location, uri=uri, **options)


def _file(location: Location) -> Path:
    return Path(location.root) / CATALOG_FILE


def _require_here(location: Location, table: IcebergTable) -> None:
    """Raise WarehouseError if metadata on S3 names another root: Athena would read that one's files."""
    name = table.name()[-1]
    for uri in (table.metadata_location, table.location()):
        if not f"{uri}/".startswith(f"{place(location, name)}/"):
            raise _elsewhere(location, uri.partition(f"/{NAMESPACE}/{name}")[0])


def _elsewhere(location: Location, root: str) -> NoWarehouseError:
    return NoWarehouseError(
        f"there is no warehouse at {location.root}: the tables of Glue's database {NAMESPACE!r} are at {root}. Set "
        "FTM_WAREHOUSE to that, or use an account or region without that database. If you moved the warehouse here, "
        "run `ftm adopt`"
    )


def _lost(location: Location, what: str, tables: list[str]) -> LostCatalogError:
    catalog = f"Glue's database {NAMESPACE!r}" if location.is_s3 else str(_file(location))
    return LostCatalogError(
        f"the catalog of {location.root} ({catalog}) {what}. The folder holds the metadata of "
        f"{', '.join(tables)}; nothing was read or changed. Run `{history.REBUILD}` to rebuild the catalog from it"
    )


def _no_warehouse(location: Location, others: list[str]) -> NoWarehouseError:
    beside = f"Warehouses nearby: {', '.join(others)}. " if others else ""
    return NoWarehouseError(
        f"there is no warehouse at {location.root}. {beside}Set FTM_WAREHOUSE to the right one; `ftm run`, or "
        "materializing `transcripts`, creates a new one"
    )


@contextlib.contextmanager
def reporting_unusable(location: Location) -> Iterator[None]:
    """Turn an error of the SQLite catalog into a WarehouseError that says what to do."""
    from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

    try:
        yield
    except DatabaseError as error:
        raise _unusable(location, error) from error


def _unusable(location: Location, error: Exception) -> WarehouseError:
    reason = str(getattr(error, "orig", error))
    if "locked" in reason:
        return WarehouseError(
            f"the catalog {_file(location)} is locked: another program, such as a database browser, has held it for "
            f"{SQLITE_SECONDS} s; nothing was changed. Close that program (`fuser {_file(location)}` finds it), then "
            "try again"
        )
    if "readonly" in reason or "unable to open" in reason:
        return WarehouseError(
            f"the catalog {_file(location)} cannot be opened as needed ({reason}); nothing was changed. Ask its owner "
            "for permission to write to the file and its folder"
        )
    is_ruined = any(words in reason for words in ("not a database", "malformed", "no such table"))
    if is_ruined and (found := history.committed(location)):
        return _lost(location, f"cannot be read ({reason})", found)
    return WarehouseError(
        f"the catalog {_file(location)} cannot be read ({reason}). If it is damaged, restore it from a backup; if a "
        "writer died and you have only read access, someone with write access must open it once"
    )
