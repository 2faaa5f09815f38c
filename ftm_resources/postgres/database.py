"""The connection to the database that copies go to, and the turn that its publishers take."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from ftm_resources import settings
from ftm_resources.extras import require_extra
from ftm_resources.warehouse import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

_LOCK = 0x46544D
"""Key of the advisory lock that publishers of one database take in turn; the letters FTM."""


_NAME_BYTES = 63
"""Bytes of a name that PostgreSQL keeps."""


class PublishError(WarehouseError):
    """The copy cannot be made; the message says why, and what to do."""


def require_postgres() -> None:
    """Raise MissingExtraError if the packages that a copy is written and read with are not installed."""
    require_extra("postgres", "A copy in PostgreSQL", "psycopg", "pgvector")


@contextmanager
def connected(*, only_reads: bool = False) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Yield a connection to the database at FTM_POSTGRES_URL, with pgvector's types.

    With `only_reads`, nothing can be changed over it, and it waits for no publisher. A password comes from the URL,
    PGPASSWORD or `.pgpass`. Raises MissingExtraError without the extra, SettingsError if the variable is unset or no
    address, and PublishError if the server cannot be reached, refuses, or has no pgvector.
    """
    require_postgres()
    import psycopg  # noqa: PLC0415 - an extra
    from pgvector.psycopg import register_vector  # noqa: PLC0415

    chosen = settings.current().ftm_postgres_url
    if chosen is None:
        raise settings.SettingsError(
            "FTM_POSTGRES_URL is not set; it names the database of the copy, such as postgresql://user@host:5432/name"
        )
    try:
        connection = psycopg.connect(chosen.get_secret_value(), autocommit=True)
    except psycopg.ProgrammingError:
        # Its message would show the address, and a password in it.
        raise settings.SettingsError(
            "FTM_POSTGRES_URL is no address of a database: write postgresql://user@host:5432/name"
        ) from None
    except psycopg.OperationalError as error:
        raise PublishError(f"PostgreSQL at FTM_POSTGRES_URL cannot be used: {error}") from error
    with closing(connection):
        if only_reads:
            connection.read_only = True
            _find_vectors(connection)
            yield connection
            return
        try:
            with connection.transaction():
                take_turn(connection)  # of two that create an extension at once, PostgreSQL lets one fail
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except psycopg.Error as error:
            raise PublishError(
                f"the database has no pgvector, and this account cannot add it ({error}). Have an administrator run "
                "CREATE EXTENSION vector in it"
            ) from error
        _find_vectors(connection)
        register_vector(connection)
        yield connection


def _find_vectors(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Let this session find pgvector's types in the schema that an administrator put them in."""
    connection.execute(
        "SELECT set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), "
        "quote_ident(n.nspname)), false) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'vector' AND n.nspname <> ALL(current_schemas(true))"
    )


def take_turn(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Wait for other publishers; the turn is held until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def require_schema_name(schema: str) -> None:
    """Raise PublishError if PostgreSQL would not take this name, or not keep it whole."""
    if not schema or "\x00" in schema:
        raise PublishError(f"{schema!r} is no name of a schema; choose another --schema")
    if schema.startswith("pg_") or schema == "information_schema":
        raise PublishError(f"the schema {schema} is PostgreSQL's own; choose another --schema")
    if (n := len(schema.encode())) > _NAME_BYTES:
        raise PublishError(
            f"the schema's name has {n} bytes, and PostgreSQL keeps {_NAME_BYTES}; choose another --schema"
        )
