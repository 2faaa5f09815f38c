"""What others than its owner may do with a table: read before the table is replaced, and given to its successor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg


class Grant(NamedTuple):
    """A privilege on a table or on one of its columns."""

    privilege: str
    column: str | None
    """None: the whole table."""
    role: str | None
    """None: all roles."""
    may_grant: bool
    """Whether the role may give it to others."""


def grants_of(connection: psycopg.Connection[tuple[Any, ...]], table: tuple[str, str]) -> list[Grant]:
    """Return the grants on a table (schema, name) and its columns; none if there is no such table."""
    found = connection.execute(
        "SELECT a.privilege_type, g.attname, r.rolname, a.is_grantable FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL ("
        "SELECT NULL AS attname, c.relacl AS acl "
        "UNION ALL SELECT attname, attacl FROM pg_attribute WHERE attrelid = c.oid AND NOT attisdropped"
        ") g CROSS JOIN LATERAL aclexplode(g.acl) a LEFT JOIN pg_roles r ON r.oid = a.grantee "
        "WHERE n.nspname = %s AND c.relname = %s AND a.grantee <> c.relowner",
        table,
    ).fetchall()
    return [Grant(*row) for row in found]


def give(
    connection: psycopg.Connection[tuple[Any, ...]], table: tuple[str, str], grants: Iterable[Grant]
) -> None:
    """Grant what another table had."""
    from psycopg import sql  # noqa: PLC0415 - an extra

    for grant in grants:
        columns = [] if grant.column is None else [sql.SQL("({})").format(sql.Identifier(grant.column))]
        connection.execute(
            sql.SQL("GRANT {} ON {} TO {}{}").format(
                sql.SQL(" ").join([sql.SQL(grant.privilege), *columns]),  # PostgreSQL's own word
                sql.Identifier(*table),
                sql.SQL("PUBLIC") if grant.role is None else sql.Identifier(grant.role),
                sql.SQL(" WITH GRANT OPTION" if grant.may_grant else ""),
            )
        )
