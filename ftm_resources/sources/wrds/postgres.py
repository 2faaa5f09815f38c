"""One connection to WRDS's PostgreSQL: no prompt for credentials, and queries that survive a dropped connection.

It uses the `wrds` package's connection but not its `connect()`, which after a failed login tries another host and
then prompts on standard input; nobody can answer during a run.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from ftm_resources import settings
from ftm_resources.extras import how_to_install
from ftm_resources.sources.base import Problem, SourceError

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0)
"""Seconds before each retry, 91 in all: enough for a server to restart."""

FETCH_ROWS = 2_000
"""Rows fetched from the server-side cursor at a time."""

CONNECT_SECONDS = 120
"""Connection timeout: long enough to approve the second factor on a phone."""

_log = logging.getLogger(__name__)

_TRANSIENT = ("57P01", "57P02", "57P03", "53300", "40001", "40P01", "08000", "08001", "08003", "08006")
"""SQLSTATEs worth a retry: the server is stopping, starting or full, or rolled the statement back."""

_TIMEOUT = "57014"

_PASSFILE_LINE = re.compile(r"((?:[^:\\]|\\.)*):" * 4 + ".+")
"""host:port:database:user:password; a backslash escapes the next character."""

_TRANSIENT_LOGIN = (
    "the database system is",
    "too many",
    "remaining connection slots",
    "terminating connection",
)
"""Messages for logins that may succeed later; any other refusal is final, because WRDS locks accounts."""

_NOT_NETWORK = ("SSL", "certificate", "no password supplied", "invalid port", "invalid integer value")
"""Client messages for connections that can never succeed."""

_FINAL = {
    "42501": "the account cannot read it",
    "42P01": "there is no such table",
    "3F000": "no such schema",
}


def wrds_error(where: str, message: str, advice: str) -> SourceError:
    """Return the error that stops a run: where, what is wrong, and what to do."""
    return SourceError([Problem(where, None, None, message)], advice=advice)


@dataclass(frozen=True)
class Access:
    """How to reach WRDS, and which account to use."""

    host: str
    port: int
    database: str
    sslmode: str
    username: str
    password: str = field(repr=False)
    """If empty, the client library reads it from `passfile`."""
    passfile: Path
    origin: str
    """Where the credentials come from, for messages."""
    statement_seconds: float

    def __str__(self) -> str:
        return f"WRDS at {self.host}:{self.port}/{self.database} as {self.username} (from {self.origin})"

    @classmethod
    def from_settings(cls) -> Self:
        """Return the access that the settings describe; SourceError if there are no credentials."""
        now = settings.current()
        host, port, database = now.wrds_host, now.wrds_port, now.wrds_db
        passfile = now.pgpassfile or Path.home() / ".pgpass"
        username, password, origin = _credentials(passfile, host, port, database)
        return cls(
            host=host,
            port=port,
            database=database,
            sslmode=now.wrds_sslmode,
            username=username,
            password=password,
            passfile=passfile,
            origin=origin,
            statement_seconds=now.wrds_statement_timeout,
        )


def _credentials(passfile: Path, host: str, port: int, database: str) -> tuple[str, str, str]:
    """Return user, password and origin, from the environment, or else the secret, or else the password file."""
    now = settings.current()
    username, password = now.wrds_username, settings.secret(now.wrds_password)
    if username and password:
        return username, password, "WRDS_USERNAME and WRDS_PASSWORD"
    if secret := now.wrds_secret_id:
        return *_secret(secret), f"AWS secret {secret}"
    if password:
        raise wrds_error("WRDS_USERNAME", "is not set, but WRDS_PASSWORD is", "Set both, or neither.")
    found = _in_passfile(passfile, (host, str(port), database), username)
    if found:
        return found, "", str(passfile)
    raise wrds_error(
        "WRDS",
        f"no credentials for {host}:{port}/{database}{f' and user {username}' if username else ''}",
        f"Set WRDS_USERNAME and WRDS_PASSWORD, or WRDS_SECRET_ID, or add a line "
        f"{host}:{port}:{database}:USER:PASSWORD to {passfile} (chmod 600). FTM never prompts for them.",
    )


def _secret(name: str) -> tuple[str, str]:
    """Return user and password from an AWS Secrets Manager secret, JSON with `username` and `password`."""
    advice = 'WRDS_SECRET_ID names a secret of the form {"username": "…", "password": "…"} that this role may read.'
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError:
        raise wrds_error(
            "WRDS_SECRET_ID", "boto3 is not installed", f"Run {how_to_install('aws')}."
        ) from None
    try:
        text = boto3.client("secretsmanager").get_secret_value(SecretId=name).get("SecretString", "")
    except (BotoCoreError, ClientError) as error:
        raise wrds_error(f"AWS secret {name}", str(error), advice) from error
    try:
        secret = json.loads(text)
        return str(secret["username"]), str(secret["password"])
    except (ValueError, KeyError, TypeError):
        # Not chained: the parser's error contains the secret text.
        raise wrds_error(f"AWS secret {name}", "does not hold a username and password", advice) from None


def _in_passfile(passfile: Path, place: Sequence[str], username: str | None) -> str | None:
    """Return the user of the first line that the client library will match; None if there is none."""
    if not passfile.is_file():
        return None
    for line in passfile.read_text().splitlines():
        found = _PASSFILE_LINE.fullmatch(line)
        if line.startswith("#") or not found:
            continue
        fields = [re.sub(r"\\(.)", r"\1", f) for f in found.groups()]
        if not all(given in ("*", wanted) for given, wanted in zip(fields, place, strict=False)):
            continue
        user = username if fields[3] == "*" else fields[3]
        if user and username in (None, user):
            if os.name == "posix" and passfile.stat().st_mode & 0o077:
                raise wrds_error(
                    str(passfile), "others may read it, so it is ignored", f"chmod 600 {passfile}"
                )
            return user
    return None


@contextmanager
def one_at_a_time(access: Access) -> Iterator[None]:
    """Hold this machine's lock on the server while the block runs; wait for it first.

    Dagster's pool does the same for its runs; the lock also covers commands outside Dagster, and the system releases
    it when a process dies.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415

    owner = os.getuid() if hasattr(os, "getuid") else "user"
    place = f"{owner}-{access.host.replace('/', '_')}-{access.port}"
    lock = FileLock(Path(tempfile.gettempdir()) / f"ftm-wrds-{place}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        _log.warning("another run on this machine is reading from %s; waiting for it", access.host)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class Wrds:
    """Rows from WRDS through one connection, which is reopened when it is lost."""

    def __init__(
        self,
        access: Access,
        *,
        pauses: Sequence[float] = PAUSES,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.access = access
        self._pauses, self._wait = tuple(pauses), wait
        self._open: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def rows(self, sql: str, parameters: Mapping[str, Any], what: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, read through a server-side cursor; its parameters are written `:name`.

        Retries, with pauses, after a lost connection or a statement timeout. SourceError, naming `what`, if the
        retries fail or WRDS refuses.
        """
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

        for attempt, pause in enumerate((*self._pauses, None), start=1):
            try:
                return self._fetch(sql, parameters)
            except DBAPIError as error:
                self._drop()
                reason = _transient(error)
                if reason is None:
                    raise self._refused(error, what) from error
                if pause is None:
                    raise self._gave_up(error, what, attempt) from error
                _log.warning("%s: %s; attempt %d in %.0f s", what, reason, attempt + 1, pause)
                self._wait(pause)
        raise AssertionError("the last attempt returns or raises")

    def _fetch(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        from sqlalchemy import text  # noqa: PLC0415

        rows: list[tuple[Any, ...]] = []
        connection = self._connected()
        # A server-side cursor needs a transaction.
        with connection.begin():
            options = {"stream_results": True, "yield_per": FETCH_ROWS}
            with connection.execute(text(sql), dict(parameters), execution_options=options) as result:
                for part in result.partitions():
                    rows += map(tuple, part)
        return rows

    def _connected(self) -> Any:
        """Return the SQLAlchemy connection of the `wrds.Connection`; open it if necessary."""
        if self._open is None:
            from sqlalchemy import text  # noqa: PLC0415

            opened = _login(self.access)
            connection = opened.connection.execution_options(
                isolation_level="READ COMMITTED", postgresql_readonly=True
            )
            self._open = opened
            with connection.begin():
                milliseconds = str(int(self.access.statement_seconds * 1000))
                # Not as a start-up option, which connection poolers refuse.
                connection.execute(
                    text("SELECT set_config('statement_timeout', :limit, false)"), {"limit": milliseconds}
                )
        return self._open.connection

    def _drop(self) -> None:
        if self._open is not None:
            from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

            opened, self._open = self._open, None
            try:
                opened.close()
            except SQLAlchemyError:  # it was lost already
                _log.debug("a lost connection did not close", exc_info=True)

    def _refused(self, error: DBAPIError, what: str) -> SourceError:
        code, said = _code(error), _said(error)
        if code in _FINAL:
            return wrds_error(
                what,
                f"{_FINAL[code]}: {said}",
                "Ask WRDS for the subscription, or set the schema that the account can read "
                "(WRDS_TRANSCRIPT_SCHEMA, WRDS_GVKEY_TABLE, WRDS_LINK_TABLE, WRDS_DAILY_TABLE, WRDS_DELISTING_TABLE, "
                "WRDS_FACTOR_TABLE, WRDS_FUNDAMENTALS_TABLE).",
            )
        if code:
            return wrds_error(what, f"{said} (SQLSTATE {code})", f"The query failed on {self.access}.")
        advice = (
            "Correct the credentials. If they are right, approve this machine's address with the second factor "
            "(log in to WRDS once from it). Repeated failures lock an account, so there was only one attempt."
        )
        if "SSL" in said or "certificate" in said:
            advice = "WRDS_SSLMODE sets the TLS mode; WRDS needs `require` or stricter."
        return wrds_error(str(self.access), said, advice)

    def _gave_up(self, error: DBAPIError, what: str, attempts: int) -> SourceError:
        if _code(error) == _TIMEOUT:
            return wrds_error(
                what,
                f"no answer within {self.access.statement_seconds:g} s in {attempts} attempts",
                "Raise WRDS_STATEMENT_TIMEOUT (seconds), or run when WRDS is less busy.",
            )
        return wrds_error(
            str(self.access),
            f"{_said(error)} ({attempts} attempts)",
            "Nothing was written. Run again when WRDS can be reached.",
        )


def _login(access: Access) -> Any:
    """Return a connected `wrds.Connection`."""
    import wrds

    opened = wrds.Connection(
        autoconnect=False,
        wrds_hostname=access.host,
        wrds_port=access.port,
        wrds_dbname=access.database,
        wrds_username=quote(access.username, safe=""),
        wrds_password=access.password,
        wrds_connect_args={
            "sslmode": access.sslmode,
            "application_name": "ftm",
            "passfile": str(access.passfile),
            "connect_timeout": CONNECT_SECONDS,
            # Detects a connection that a firewall dropped within 90 seconds.
            "keepalives_idle": 30,
            "keepalives_interval": 20,
            "keepalives_count": 3,
        },
    )
    # The first step of `connect()`, and the only one that never prompts.
    opened._Connection__make_sa_engine_conn(raise_err=True)
    return opened


def _code(error: DBAPIError) -> str | None:
    return getattr(error.orig, "pgcode", None)


def _said(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]


def _transient(error: DBAPIError) -> str | None:
    """Return why a retry may help; None if it will not."""
    code, said = _code(error), _said(error)
    if code == _TIMEOUT:
        return "the statement took too long"
    if code in _TRANSIENT:
        return said
    if code is not None:
        return None
    whole = str(error.orig)
    if "FATAL:" in whole:
        return said if any(phrase in whole for phrase in _TRANSIENT_LOGIN) else None
    from sqlalchemy.exc import InterfaceError, OperationalError  # noqa: PLC0415

    is_network = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    # "SSL connection has been closed unexpectedly" is a lost connection; "does not support SSL" is a refusal.
    is_lost = "closed" in whole or "SYSCALL" in whole
    return said if is_network and (is_lost or not any(p in whole for p in _NOT_NETWORK)) else None
