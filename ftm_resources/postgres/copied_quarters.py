"""Quarters of a copy, open for search: those that it holds, what is known of each, and whether it is outdated.

What belongs here: what is read of a quarter once, and kept until it is published again. How its rows are found is in
`copied_rows`.
"""

from __future__ import annotations

import shlex
import threading
import warnings
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ftm_resources.postgres.copied_rows import CopiedRows
from ftm_resources.postgres.database import PublishError, connected, require_postgres
from ftm_resources.postgres.failures import saying
from ftm_resources.postgres.layout import OF_LEVEL, SCHEMA, SPOKEN, STATE, split_type
from ftm_resources.postgres.outdated_copies import differing, type_of_vectors
from ftm_resources.postgres.word_vectors import firm_tokens
from ftm_resources.retrieval.calibration import Scale
from ftm_resources.retrieval.levels import CALLS
from ftm_resources.retrieval.quarter_spans import quarters_among
from ftm_resources.retrieval.wanted import firms_without_calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import psycopg

    from ftm_resources.retrieval.searched import SearchedQuarter
    from ftm_resources.retrieval.wanted import Wanted
    from ftm_resources.warehouse import Warehouse

_KEPT = 16
"""Quarters of which what is known stays in memory between searches."""

_LEAST_PGVECTOR = (0, 8)
"""The version whose HNSW goes on until enough rows meet a filter."""


class OutdatedCopyWarning(UserWarning):
    """The warehouse shows other rows of a quarter than its copy holds, or does not have the quarter."""


@dataclass(frozen=True)
class CopiedLevel:
    """What is known of a level (see `searched.SearchedLevel`)."""

    n: int
    dimension: int
    model: Mapping[str, Any]
    scale: Scale
    lengths: Mapping[str, float]
    """Field ("text" or "firm") → mean number of words."""


@dataclass(frozen=True)
class Known:
    """What is known of a quarter without looking at its rows."""

    quarter: str
    schema: str
    type: str
    """Of the vectors, such as halfvec(384)."""
    levels: Mapping[str, CopiedLevel]
    calls: pa.Table
    """CALLS, in the order of their numbers."""
    firms: Mapping[str, list[str]]
    """Call → tokens of its firm's name and ticker."""
    has_members: bool
    """Whether any sentence counts in a theme."""
    is_exact: bool
    """Whether the vectors have no HNSW index."""


@dataclass(frozen=True)
class CopiedQuarter:
    """A quarter of a copy (see `searched.Searchable`)."""

    known: Known
    connection: psycopg.Connection[tuple[Any, ...]]

    @property
    def quarter(self) -> str:
        """See Searchable."""
        return self.known.quarter

    @property
    def levels(self) -> Mapping[str, CopiedLevel]:
        """See Searchable."""
        return self.known.levels

    def firms_without_calls(self, wanted: Wanted) -> list[str]:
        """See Searchable."""
        return firms_without_calls(wanted, self.known.calls)

    def under(self, wanted: Wanted) -> SearchedQuarter:
        """See Searchable."""
        return CopiedRows(self.known, self.connection, wanted)


@contextmanager
def opened_copy(
    quarters: str | Iterable[str] | None, *, schema: str, warehouse: Warehouse
) -> Iterator[dict[str, CopiedQuarter]]:
    """Yield the quarters of a copy that are asked for (see `search`), all as they are at one moment.

    Raises MissingExtraError without the extra, and PublishError if there is no copy in the schema, it lacks a quarter
    or was made by an earlier version of FTM, or PostgreSQL fails. Warns (OutdatedCopyWarning) of quarters that differ
    from the warehouse's, if there is one.
    """
    require_postgres()
    from psycopg import IsolationLevel  # noqa: PLC0415 - an extra

    with (
        connected(only_reads=True) as connection,
        saying(lambda: f"the copy in schema {schema} cannot be searched"),
    ):
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            stamps = _stamps(connection, schema)

            def missing(asked: str) -> PublishError:
                return PublishError(
                    f"the copy in schema {schema} does not hold {asked}, but {', '.join(sorted(stamps)) or 'nothing'}: "
                    f"run `{_command(schema)} --quarter {asked}`"
                )

            chosen = quarters_among(sorted(stamps), quarters, missing)
            known = {q: _known(connection, schema, q, stamps[q]) for q in chosen}
            found = differing(warehouse, {q: (stamps[q], known[q].type) for q in chosen})
            if said := found.told():
                warnings.warn(
                    said,
                    OutdatedCopyWarning,
                    stacklevel=4,
                )
            yield {q: CopiedQuarter(known[q], connection) for q in chosen}


def _stamps(connection: psycopg.Connection[tuple[Any, ...]], schema: str) -> dict[str, str]:
    """Return quarter → what its copy was made of. PublishError if there is no copy, or it cannot be searched."""
    from psycopg import sql  # noqa: PLC0415 - an extra

    found = connection.execute(
        "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0",
        [schema, STATE],
    ).fetchall()
    if not found:
        raise PublishError(
            f"there is no copy in schema {schema}: run `{_command(schema)}`, or name another --schema"
        )
    version = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    if version is None or tuple(int(part) for part in version[0].split(".")[:2]) < _LEAST_PGVECTOR:
        raise PublishError(
            f"searching the copy needs pgvector {'.'.join(map(str, _LEAST_PGVECTOR))} or newer, and the server has "
            f"{version[0] if version else 'none'}"
        )
    if ("levels",) not in found:
        raise _of_earlier_version(schema, "It")
    held = connection.execute(
        sql.SQL("SELECT quarter, stamp FROM {}").format(sql.Identifier(schema, STATE))
    ).fetchall()
    return dict(held)


def _of_earlier_version(schema: str, what: str) -> PublishError:
    return PublishError(
        f"{what} was copied to schema {schema} by an earlier version of FTM, without the words, tones and scales "
        f"that a search needs: run `{_command(schema)}` again"
    )


def _command(schema: str) -> str:
    """Return the command that publishes to a schema."""
    return "ftm publish postgres" + ("" if schema == SCHEMA else f" --schema {shlex.quote(schema)}")


_kept: OrderedDict[tuple[str, ...], Known] = OrderedDict()
_keeping = threading.Lock()


def _known(connection: psycopg.Connection[tuple[Any, ...]], schema: str, quarter: str, stamp: str) -> Known:
    """Return what is known of a quarter; kept until it is published again."""
    about = connection.info
    key = (about.host, str(about.port), about.dbname, schema, quarter, stamp)
    with _keeping:
        if key not in _kept:
            _kept[key] = _read(connection, schema, quarter)
            while len(_kept) > _KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return _kept[key]


def _read(connection: psycopg.Connection[tuple[Any, ...]], schema: str, quarter: str) -> Known:
    from psycopg import sql  # noqa: PLC0415 - an extra

    def rows(text: str, table: str, *values: Any) -> list[tuple[Any, ...]]:
        return connection.execute(sql.SQL(text).format(sql.Identifier(schema, table)), values).fetchall()

    ((model, levels),) = rows("SELECT model, levels FROM {} WHERE quarter = %s", STATE, quarter)
    if levels is None:
        raise _of_earlier_version(schema, quarter)
    sentences = OF_LEVEL["sentence"].name
    type_ = type_of_vectors(connection, schema)
    indexed = connection.execute(
        "SELECT 1 FROM pg_indexes WHERE schemaname = %s AND tablename = %s AND indexdef LIKE '%%USING hnsw%%'",
        [schema, f"{sentences}_{quarter.lower()}"],
    ).fetchone()
    named = f"SELECT {', '.join(CALLS.names)} FROM {{}} WHERE quarter = %s ORDER BY number"  # noqa: S608 - constants
    held = rows(named, SPOKEN.name, quarter)
    calls = pa.Table.from_pylist([dict(zip(CALLS.names, row, strict=True)) for row in held], schema=CALLS)
    ((has_members,),) = rows(
        "SELECT EXISTS (SELECT FROM {} WHERE quarter = %s AND theme_id IS NOT NULL)", sentences, quarter
    )
    _, dimension = split_type(type_)
    return Known(
        quarter,
        schema,
        type_,
        {
            level: CopiedLevel(
                int(own["n"]),
                dimension,
                {"model": model} if model else {},
                Scale(own["centre"], own["spread"]),
                {name: own[f"{name}_length"] for name in ("text", "firm")},
            )
            for level, own in levels.items()
        },
        calls,
        firm_tokens(calls),
        has_members,
        is_exact=indexed is None,
    )
