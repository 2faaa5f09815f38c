"""Which quarters of a copy hold other rows than the warehouse shows now, or are not in it at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_resources.postgres.layout import EMBEDDING, OF_LEVEL, STATE
from ftm_resources.postgres.quarter_state import shown_now, stamp_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.across import Across


@dataclass(frozen=True)
class Differing:
    """Quarters of a copy that differ from the warehouse, sorted."""

    outdated: tuple[str, ...] = ()
    """Those of which the warehouse shows other rows."""
    absent: tuple[str, ...] = ()
    """Those that it does not hold."""

    def told(self) -> str:
        """Return what to say of them; nothing if there are none."""
        parts = []
        if self.outdated:
            parts.append(
                f"the copy has other rows of {', '.join(self.outdated)} than the warehouse shows now: "
                "publish them again"
            )
        if self.absent:
            parts.append(f"the warehouse does not hold {', '.join(self.absent)}, which the copy has")
        return "; ".join(parts)


def differing_quarters(
    warehouse: Warehouse, connection: psycopg.Connection[tuple[Any, ...]], schema: str
) -> Differing:
    """Return the quarters of a whole copy that differ from what the warehouse shows now."""
    from psycopg import sql  # noqa: PLC0415 - an extra

    held = connection.execute(
        sql.SQL("SELECT quarter, stamp FROM {}").format(sql.Identifier(schema, STATE))
    ).fetchall()
    type_ = type_of_vectors(connection, schema)
    return differing(warehouse, {quarter: (stamp, type_) for quarter, stamp in held})


def differing(warehouse: Warehouse, copied: Mapping[str, tuple[str, str]]) -> Differing:
    """Return, of quarters (→ stamp of the copy and type of its vectors), those that differ from what is shown now.

    None do if there is no warehouse.
    """
    if not warehouse.exists():
        return Differing()
    now = _shown(warehouse)
    there = {q: copy for q, copy in copied.items() if now.holds(q)}
    other = (q for q, (stamp, type_) in there.items() if stamp != stamp_of(now.tables(q), type_))
    return Differing(tuple(sorted(other)), tuple(sorted(copied.keys() - there.keys())))


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
