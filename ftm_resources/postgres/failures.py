"""What a failed statement means, and what to do: PostgreSQL's errors as PublishError."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ftm_resources.postgres.database import PublishError
from ftm_resources.postgres.layout import LAYOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg


@contextmanager
def saying(purpose: Callable[[], str]) -> Iterator[None]:
    """Raise PublishError in the place of PostgreSQL's errors; `purpose` returns what was being done."""
    import psycopg  # noqa: PLC0415 - an extra

    try:
        yield
    except psycopg.Error as error:
        said = " ".join(part for part in (_message(error), error.diag.message_detail) if part)
        raise PublishError(f"{purpose()}: {said.rstrip('.')}. {_advice(error)}") from error


def _message(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error) or type(error).__name__
    return f"{text.rstrip('.')}."


def _advice(error: psycopg.Error) -> str:
    from psycopg import errors  # noqa: PLC0415 - an extra

    if isinstance(error, errors.ForeignKeyViolation):
        return _of_foreign_key(error.diag.table_name or "")
    advice: dict[tuple[type[psycopg.Error], ...], str] = {
        (errors.DependentObjectsStillExist,): (
            "Something of yours depends on one quarter's table. Drop it, or make it read the table of all quarters, "
            "and publish again"
        ),
        (errors.UniqueViolation, errors.NotNullViolation): (
            "The warehouse's rows do not keep its contract: `ftm verify` says which, then materialize them again"
        ),
        (errors.UndefinedObject,): "The copy needs pgvector 0.7 or newer",
        (errors.DuplicateTable, errors.WrongObjectType): "Rename or drop it, or choose another --schema",
        (errors.InsufficientPrivilege,): "Grant this account what it needs, or choose a --schema of its own",
        (errors.DiskFull,): "Free space on the server, and publish again",
        (errors.OperationalError,): "Publish again once the server can be used",
    }
    return next((what for of, what in advice.items() if isinstance(error, of)), "Nothing was changed")


def _of_foreign_key(table: str) -> str:
    if any(table.startswith(f"{of.name}_") for of in LAYOUT):
        return (
            f"{table} refers to a row that the quarter does not have: its tables were not made from each other. "
            "`ftm verify` names what to materialize"
        )
    return (
        f"Your table {table} refers to rows of the quarter, which are replaced as a whole. Drop that foreign key, and "
        "publish again"
    )
