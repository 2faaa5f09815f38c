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

_OPTIONS = {
    "memory_limit": "FTM_DUCKDB_MEMORY_LIMIT",
    "threads": "FTM_DUCKDB_THREADS",
}

_TEMP_DIRECTORY = "FTM_DUCKDB_TEMP_DIRECTORY"


class DuckDBSettingError(ValueError):
    """A setting that DuckDB cannot work with; the message names the variable and says why."""


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
        100 seconds. DuckDBSettingError where a setting is not one of DuckDB's.
        """
        config = {"temp_directory": _temporary_folder(), **self.connection_config}
        connection = duckdb.connect(self.database, read_only=read_only, config=config)
        try:
            # A call's time is UTC; the machine's own zone must not shift it, in cursors neither.
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            for option, variable in _OPTIONS.items():
                value = settings.get(variable)
                if value and option not in config:
                    _set(connection, option, value, variable)
        except BaseException:
            connection.close()
            raise
        return connection


def scratch_folder() -> str:
    """Return the folder under which temporary files of any size go, made where it does not exist.

    FTM_DUCKDB_TEMP_DIRECTORY or the system's. DuckDBSettingError where it cannot be made.
    """
    chosen = settings.get(_TEMP_DIRECTORY)
    if not chosen:
        return tempfile.gettempdir()
    folder = Path(chosen).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DuckDBSettingError(
            f"{_TEMP_DIRECTORY} is {chosen!r}, which cannot be used: {error}; name a folder that you can write to"
        ) from error
    return str(folder)


def _temporary_folder() -> str:
    return str(Path(scratch_folder()) / f"ftm-duckdb-{uuid.uuid4().hex}")


def _set(connection: duckdb.DuckDBPyConnection, option: str, value: str, variable: str) -> None:
    try:
        connection.execute(f"SET {option} = '{value.replace(chr(39), chr(39) * 2)}'")
    except duckdb.Error as error:
        raise DuckDBSettingError(f"{variable} is {value!r}, which DuckDB does not accept: {error}") from error
