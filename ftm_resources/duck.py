"""The one place that opens DuckDB: its limits of memory, threads and disk are settings, and it is a resource.

What belongs here: how a connection is opened and configured. What is asked of it, views or SQL, is its user's.
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
    """DuckDB within the limits that the settings give it, in memory unless `database` names a file.

    Any asset can ask for it as `duckdb`; annotated with dagster-duckdb's own `DuckDBResource`, too:

        @dg.asset
        def firms(duckdb: DuckDBResource, warehouse: Warehouse):
            with duckdb.get_connection() as connection: ...

    `connection_config` goes before the settings. Times are shown in UTC, as they are stored. Each connection has
    a temporary folder of its own, made when a query outgrows the memory limit and removed with the connection:
    DuckDB's processes overwrite each other's files in a shared one.
    """

    database: str = Field(default=":memory:", description="Path of a DuckDB file; default: in memory")

    @contextlib.contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection that is closed at the end, after an error too."""
        with contextlib.closing(self.connect()) as connection:
            yield connection

    def connect(self, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
        """Return a connection that is the caller's to close.

        A file that cannot be opened is an error at once, duckdb.IOException; dagster-duckdb would try again for
        100 seconds. SettingsError where a setting is not one of DuckDB's.
        """
        config = {"temp_directory": _temporary_folder(), **self.connection_config}
        connection = duckdb.connect(self.database, read_only=read_only, config=config)
        try:
            # A call's time is UTC; the machine's own zone must not shift it, in cursors neither.
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
    """Return the folder under which temporary files of any size go, made where it does not exist.

    FTM_DUCKDB_TEMP_DIRECTORY or the system's. SettingsError where it cannot be made.
    """
    chosen = settings.current().ftm_duckdb_temp_directory
    if chosen is None:
        return tempfile.gettempdir()
    folder = chosen.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise settings.SettingsError(
            f"FTM_DUCKDB_TEMP_DIRECTORY is '{chosen}', which cannot be used: {error}; name a folder that you can "
            "write to"
        ) from error
    return str(folder)


def _temporary_folder() -> str:
    return str(Path(scratch_folder()) / f"ftm-duckdb-{uuid.uuid4().hex}")


def _set(connection: duckdb.DuckDBPyConnection, option: str, value: str) -> None:
    try:
        connection.execute(f"SET {option} = '{value.replace(chr(39), chr(39) * 2)}'")
    except duckdb.Error as error:
        raise settings.SettingsError(
            f"FTM_DUCKDB_{option.upper()} is {value!r}, which DuckDB does not accept: {error}"
        ) from error
