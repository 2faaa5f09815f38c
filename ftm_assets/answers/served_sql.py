"""SQL from an assistant: one SELECT over the warehouse's views, which reads nothing else and returns few rows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ftm_resources.duck import literal

if TYPE_CHECKING:
    import duckdb

    from ftm_resources.warehouse import Warehouse

MOST_ROWS, MOST_SECONDS = 1000, 60.0
MOST_CELL = 2000
"""Characters of a value; longer ones are cut, with an ellipsis."""


class SqlError(ValueError):
    """A statement that is not run, or that failed; the message says why."""


def run_sql(
    warehouse: Warehouse,
    sql: str,
    *,
    quarter: str | None = None,
    limit: int = 100,
    seconds: float = MOST_SECONDS,
) -> dict[str, Any]:
    """Return the columns and at most `limit` rows of one SELECT over the tables and joined views.

    The connection reads the warehouse's files and no others, and its settings are locked. The statement is interrupted
    after `seconds`. Raises SqlError if it is not one SELECT, fails or takes too long, and WarehouseError as `connect`.
    """
    import duckdb  # noqa: PLC0415

    limit = max(1, min(limit, MOST_ROWS))
    with warehouse.connect(quarter=quarter) as db:
        _confine(db, warehouse)
        _require_select(db, sql)
        stop = threading.Timer(seconds, db.interrupt)
        stop.start()
        try:
            cursor = db.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchmany(limit + 1)
        except duckdb.InterruptException as error:
            raise SqlError(f"the statement took more than {seconds:g} seconds; ask for less") from error
        except duckdb.Error as error:
            raise SqlError(str(error)) from error
        finally:
            stop.cancel()
    shown = [[_cell(value) for value in row] for row in rows[:limit]]
    return {"columns": names, "rows": shown, "is_cut": len(rows) > limit}


def _confine(db: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    """Allow the connection the warehouse's files, and nothing else of the machine or of the network."""
    db.execute(f"SET allowed_directories = [{literal(f'{warehouse.root}/')}]")
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")


def _require_select(db: duckdb.DuckDBPyConnection, sql: str) -> None:
    import duckdb  # noqa: PLC0415

    try:
        statements = db.extract_statements(sql)
    except duckdb.Error as error:
        raise SqlError(str(error)) from error
    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        raise SqlError("write one SELECT; nothing else is run")


def _cell(value: Any) -> Any:
    """Return a value as JSON holds it; embeddings and long texts are cut."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, list):
        cut = [_cell(v) for v in value[:50]]
        return [*cut, "…"] if len(value) > len(cut) else cut
    if isinstance(value, dict):
        return {str(k): _cell(v) for k, v in value.items()}
    text = str(value)
    return text if len(text) <= MOST_CELL else f"{text[:MOST_CELL]}…"
