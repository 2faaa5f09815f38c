"""The only module that opens DuckDB: a Dagster resource whose limits on memory, threads and disk are settings.

What belongs here: opening and configuring a connection. Views and queries belong to its users.
"""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field

from ftm_resources import settings

if TYPE_CHECKING:
    from collections.abc import Iterator


class ConfiguredDuckDB(DuckDBResource):
    """DuckDB within the configured limits; in memory unless `database` names a file.

    Any asset can request it as `duckdb`; the annotation may also be dagster-duckdb's `DuckDBResource`:

        @dg.asset
        def firms(duckdb: DuckDBResource, warehouse: Warehouse):
            with duckdb.get_connection() as connection: ...

    `connection_config` overrides the settings. Times are shown in UTC, as they are stored. Each connection has its
    own temporary folder, created when a query exceeds the memory limit and removed with the connection: in a
    shared folder, DuckDB processes overwrite each other's files.
    """

    database: str = Field(default=":memory:", description="Path of a DuckDB file; default: in memory")

    @contextlib.contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection and close it afterwards, even after an error."""
        with contextlib.closing(self.connect()) as connection:
            yield connection

    def connect(self, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
        """Return a connection, which the caller must close.

        Raises duckdb.IOException at once if the file cannot be opened (dagster-duckdb would retry for 100 seconds),
        and SettingsError if DuckDB rejects a setting.
        """
        config = {"temp_directory": _temporary_folder(), **self.connection_config}
        connection = duckdb.connect(self.database, read_only=read_only, config=config)
        try:
            # Calls are stored in UTC; the machine's time zone must not shift them, not even in cursors.
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            now = settings.current()
            limits = {"memory_limit": now.ftm_duckdb_memory_limit, "threads": now.ftm_duckdb_threads}
            for option, value in limits.items():
                if value is not None and option not in config:
                    _set(connection, option, str(value))
        except BaseException:
            connection.close()
            raise
        return connection


def scratch_folder() -> str:
    """Return the folder for temporary files of any size; create it if it does not exist.

    It is FTM_DUCKDB_TEMP_DIRECTORY, by default the system's. SettingsError if it cannot be created.
    """
    chosen = settings.current().ftm_duckdb_temp_directory
    if chosen is None:
        return tempfile.gettempdir()
    folder = chosen.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise settings.SettingsError(
            f"FTM_DUCKDB_TEMP_DIRECTORY is '{chosen}', which cannot be used: {error}; choose a folder that you can "
            "write to"
        ) from error
    return str(folder)


def literal(text: str) -> str:
    """Return a text as SQL writes it, for statements that take no parameters, such as COPY and ATTACH.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def _temporary_folder() -> str:
    return str(Path(scratch_folder()) / f"ftm-duckdb-{uuid.uuid4().hex}")


def _set(connection: duckdb.DuckDBPyConnection, option: str, value: str) -> None:
    try:
        connection.execute(f"SET {option} = {literal(value)}")
    except duckdb.Error as error:
        raise settings.SettingsError(
            f"FTM_DUCKDB_{option.upper()} is {value!r}, which DuckDB does not accept: {error}"
        ) from error
