"""DuckDB over the warehouse: a connection with a view per table, on local disk or S3."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import pyarrow as pa

from ftm_resources.duck import ConfiguredDuckDB, literal
from ftm_resources.tables import PARTITION, TABLES, Table
from ftm_resources.tables.joined_views import JOINED_VIEWS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import duckdb

_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.float32(): "FLOAT",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}


def open_connection(
    files: Mapping[str, Sequence[str]], *, grown: Collection[str], on_s3: bool
) -> duckdb.DuckDBPyConnection:
    """Return an in-memory connection with one view per table over the URIs of its data files.

    Files of the tables in `grown` may lack columns, which are null then.
    """
    connection = ConfiguredDuckDB().connect()
    if on_s3:
        _prepare_s3(connection)
    create_views(connection, files, grown)
    return connection


def create_views(
    connection: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[str]], grown: Collection[str] = ()
) -> None:
    """Create a view per table over the URIs of its data files; without files it has no rows.

    Beside them are the views that join or combine tables (see `create_joined_views`).
    """
    for name, uris in files.items():
        select = _select(TABLES[name], [_path(uri) for uri in uris], has_grown=name in grown)
        connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {select}')
    create_joined_views(connection, files)


def create_joined_views(connection: duckdb.DuckDBPyConnection, tables: Collection[str]) -> None:
    """Create the views over several tables that need no others than these, which the connection has by their names."""
    for view in JOINED_VIEWS.values():
        if set(view.tables) <= set(tables):
            connection.execute(f'CREATE OR REPLACE VIEW "{view.name}" AS {view.query}')
            connection.execute(f'COMMENT ON VIEW "{view.name}" IS {literal(view.doc)}')


def _select(contract: Table, files: list[str], *, has_grown: bool) -> str:
    columns = ", ".join(f'CAST(NULL AS {_sql_type(c.type)}) AS "{c.name}"' for c in contract.columns)
    nothing = f"SELECT {columns} WHERE false"
    if not files:
        return nothing
    names = ", ".join(f'"{c.name}"' for c in contract.columns)
    listed = ", ".join(map(literal, files))
    # The quarter is in the path too: DuckDB skips the files of other quarters without opening them.
    options = f"hive_partitioning = true, hive_types = {{'{PARTITION}': VARCHAR}}"
    if not has_grown:
        return f"SELECT {names} FROM read_parquet([{listed}], {options})"  # noqa: S608 - names from contracts
    # To know their columns, DuckDB opens all files. A column that none of them has comes from `nothing`.
    rows = f"FROM read_parquet([{listed}], union_by_name = true, {options})"
    return f"SELECT {names} FROM ({nothing} UNION ALL BY NAME {rows})"  # noqa: S608 - names from contracts


def _sql_type(kind: pa.DataType) -> str:
    return f"{_SQL_TYPES[kind.value_type]}[]" if pa.types.is_list(kind) else _SQL_TYPES[kind]


def _path(uri: str) -> str:
    """Return the path of a URI as DuckDB expects it: characters of a pattern stand for themselves."""
    return re.sub(r"[*?\[]", r"[\g<0>]", uri.removeprefix("file://"))


def _prepare_s3(connection: duckdb.DuckDBPyConnection) -> None:
    """Load httpfs from its wheel and give it the credentials that boto3 finds (environment, profile, role)."""
    import boto3
    import duckdb_extension_httpfs  # noqa: PLC0415

    # The signed official binary, from its wheel: nothing is downloaded.
    folder = Path(duckdb_extension_httpfs.__file__).parent
    extension = next(folder.rglob("httpfs.duckdb_extension"))
    connection.execute(f"LOAD '{extension}'")
    session = boto3.session.Session()
    credentials = session.get_credentials()
    if credentials is None:
        raise RuntimeError("no AWS credentials: set them in the environment or a profile")
    frozen = credentials.get_frozen_credentials()
    endpoint = urlparse(session.client("s3").meta.endpoint_url)
    secret = {
        "KEY_ID": frozen.access_key,
        "SECRET": frozen.secret_key,
        "SESSION_TOKEN": frozen.token,
        "REGION": session.region_name or "us-east-1",
        "ENDPOINT": endpoint.netloc,
    }
    given = ", ".join(f"{k} {literal(v)}" for k, v in secret.items() if v)
    style = "path" if "amazonaws" not in endpoint.netloc else "vhost"
    ssl = str(endpoint.scheme == "https").lower()
    connection.execute(f"CREATE SECRET ftm (TYPE s3, {given}, URL_STYLE '{style}', USE_SSL {ssl})")
