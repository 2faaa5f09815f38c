"""Which quarters of a copy hold other rows than the warehouse shows now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftm_resources.postgres.layout import EMBEDDING, OF_LEVEL, STATE
from ftm_resources.postgres.quarter_state import shown_now, stamp_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.across import Across


def outdated_quarters(
    warehouse: Warehouse, connection: psycopg.Connection[tuple[Any, ...]], schema: str
) -> list[str]:
    """Return the quarters of a whole copy of which the warehouse shows other rows now, sorted."""
    from psycopg import sql  # noqa: PLC0415 - an extra

    held = connection.execute(
        sql.SQL("SELECT quarter, stamp FROM {}").format(sql.Identifier(schema, STATE))
    ).fetchall()
    type_ = type_of_vectors(connection, schema)
    return outdated(warehouse, {quarter: (stamp, type_) for quarter, stamp in held})


def outdated(warehouse: Warehouse, copied: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return, of quarters (→ stamp of the copy and type of its vectors), those of which other rows are shown now.

    None if there is no warehouse.
    """
    if not warehouse.exists():
        return []
    now = _shown(warehouse)
    return sorted(q for q, (stamp, type_) in copied.items() if stamp != stamp_of(now.tables(q), type_))


def type_of_vectors(connection: psycopg.Connection[tuple[Any, ...]], schema: str) -> str:
    """Return the type of a copy's vectors, such as halfvec(384)."""
    ((type_,),) = connection.execute(
        "SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s AND a.attname = %s",
        [schema, OF_LEVEL["sentence"].name, EMBEDDING],
    ).fetchall()
    return str(type_).rpartition(".")[2]


_shown_of: dict[str, tuple[tuple[int, ...], Across]] = {}


def _shown(warehouse: Warehouse) -> Across:
    """Return what the warehouse shows; of a local one, looked up again if its catalog changed."""
    if warehouse.location.is_s3:
        return shown_now(warehouse)
    state = warehouse.location.catalog_state()
    held = _shown_of.get(warehouse.root)
    if held is None or held[0] != state:
        held = _shown_of[warehouse.root] = state, shown_now(warehouse)
    return held[1]
