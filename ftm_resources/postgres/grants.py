"""What others than its owner may do with a table: read before the table is replaced, and given to its successor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

Grant = tuple[str, str | None, bool]
"""Privilege, role (None: all), and whether the role may grant it."""


def grants_of(connection: psycopg.Connection[tuple[Any, ...]], table: tuple[str, str]) -> list[Grant]:
    """Return the grants on a table (schema, name); none without it. Those on columns are not read."""
    found = connection.execute(
        "SELECT a.privilege_type, r.rolname, a.is_grantable FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN aclexplode(c.relacl) a "
        "LEFT JOIN pg_roles r ON r.oid = a.grantee "
        "WHERE n.nspname = %s AND c.relname = %s AND a.grantee <> c.relowner",
        table,
    ).fetchall()
    return [(privilege, role, may_grant) for privilege, role, may_grant in found]


def give(
    connection: psycopg.Connection[tuple[Any, ...]], table: tuple[str, str], grants: Iterable[Grant]
) -> None:
    """Grant what another table had."""
    from psycopg import sql  # noqa: PLC0415 - an extra

    for privilege, role, may_grant in grants:
        statement = "GRANT {} ON {} TO {} WITH GRANT OPTION" if may_grant else "GRANT {} ON {} TO {}"
        connection.execute(
            sql.SQL(statement).format(
                sql.SQL(privilege),  # PostgreSQL's own word
                sql.Identifier(*table),
                sql.SQL("PUBLIC") if role is None else sql.Identifier(role),
            )
        )
