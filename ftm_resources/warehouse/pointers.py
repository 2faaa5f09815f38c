"""PyIceberg's catalogs as FTM uses them: confined to the root, and leaving a trace of each commit beside the table.

What belongs here: what all catalogs share, and that of a folder; that of AWS, which needs its packages, is in
`glue_pointers`. A catalog only says which metadata file of a table is current. Each commit is also noted in the table's
folder (see `history`), so that a catalog that was lost or replaced by an older one is noticed, and can be rebuilt.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io import FileIO, load_file_io
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties
from sqlalchemy import insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ftm_resources.tables import NAMESPACE
from ftm_resources.warehouse.history import (
    forget_attempt,
    hint,
    note_attempt,
    note_commit,
)
from ftm_resources.warehouse.metadata_files import basename, version_of

if TYPE_CHECKING:
    from pyiceberg.table import CommitTableResponse, Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableRequirement, TableUpdate

    from ftm_resources.warehouse.location import Location


class NotingCatalog(MetastoreCatalog):
    """Notes each commit in the table's folder."""

    place: Location
    _written: dict[str, str]
    """Table → metadata file that a commit in progress has written."""

    @abstractmethod
    def pointer(self, name: str) -> str | None:
        """Return the URI of a table's current metadata file, as recorded; None if there is no such table."""

    def create_table(self, identifier: str | Identifier, *args: Any, **kwargs: Any) -> Table:
        """Create a table and note it."""
        self.place.require_own_catalog()
        table: Table = super().create_table(identifier, *args, **kwargs)  # type: ignore[safe-super]
        note_commit(self.place, table.name()[-1], table.metadata_location)
        return table

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> CommitTableResponse:
        """Commit and note it."""
        name = table.name()[-1]
        self.place.require_own_catalog()
        # Without a note, readers would take the file written below for a lost commit.
        if hint(self.place, name) is None:
            note_commit(self.place, name, table.metadata_location)
        self._written.pop(name, None)
        try:
            response = super().commit_table(table, requirements, updates)  # type: ignore[safe-super]
        except BaseException:
            self._withdraw(name)
            raise
        note_commit(self.place, name, response.metadata_location)
        if file := self._written.pop(name, None):
            forget_attempt(self.place, name, file)
        return response

    def _write_metadata(self, metadata: TableMetadata, io: FileIO, metadata_path: str) -> None:  # type: ignore[override]
        name, file = metadata_path.rpartition("/metadata/")[0].rpartition("/")[2], basename(metadata_path)
        if version_of(file) > 0:  # a table that is only just created has nothing to lose
            note_attempt(self.place, name, file)
            self._written[name] = file
        super()._write_metadata(metadata, io, metadata_path)

    def _withdraw(self, name: str) -> None:
        """Remove the metadata of a commit that has failed, unless the catalog took it or cannot be asked."""
        file = self._written.pop(name, None)
        if file is None or self.place.is_s3:  # on S3, only the reply may have been lost
            return
        with contextlib.suppress(SQLAlchemyError):
            if basename(self.pointer(name) or "") != file:
                forget_attempt(self.place, name, file, discard=True)
            else:  # interrupted after the commit
                note_commit(self.place, name, file)
                forget_attempt(self.place, name, file)

    def _load_file_io(self, properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:
        # The catalog's properties win: a table must not choose another way to its files.
        return load_file_io({**properties, **self.properties}, location)


class FolderCatalog(NotingCatalog, SqlCatalog):
    """The SQLite catalog of a folder."""

    def __init__(self, place: Location, **properties: str) -> None:
        self.place, self._written = place, {}
        super().__init__("ftm", warehouse=place.uri, **place.file_options, **properties)

    def _withdraw(self, name: str) -> None:
        # SQLite keeps the lock of a transaction that could not be committed until its connection is closed.
        self.engine.dispose()
        super()._withdraw(name)

    def point(self, name: str, new: str, old: str | None) -> None:
        """Make a metadata file current; `old` is the one that is, None to register the table.

        Raises CommitFailedException if another one is current, and WarehouseError if another folder shares the catalog.
        """
        self.place.require_own_catalog()
        if old is None:
            self.register_table((NAMESPACE, name), new)
        elif old != new:
            statement = (
                update(IcebergTables)
                .where(
                    IcebergTables.catalog_name == self.name,
                    IcebergTables.table_namespace == NAMESPACE,
                    IcebergTables.table_name == name,
                    IcebergTables.metadata_location == old,
                )
                .values(metadata_location=new, previous_metadata_location=old)
            )
            with Session(self.engine) as session:
                if session.execute(statement).rowcount < 1:  # type: ignore[attr-defined]
                    raise CommitFailedException(f"{name} was changed by another process; try again")
                session.commit()
        note_commit(self.place, name, new)

    def insert(self, name: str, uri: str) -> None:
        """Register a table without reading its metadata, which may be damaged."""
        with Session(self.engine) as session:
            session.execute(insert(IcebergTables).values(**self._create_table_row(NAMESPACE, name, uri)))
            session.commit()

    def pointer(self, name: str) -> str | None:
        """Return the URI of a table's current metadata file, as recorded; None if there is no such table."""
        with Session(self.engine) as session:
            found = session.get(IcebergTables, (self.name, NAMESPACE, name))
            return None if found is None else found.metadata_location
