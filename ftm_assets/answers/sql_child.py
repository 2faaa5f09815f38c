"""The process in which an assistant's statement runs: `python -m ftm_assets.answers.sql_child`, once per statement.

It has limits of its own on memory, time and disk, so that a statement can end nothing but itself. It reads a JSON
object from stdin and writes one to stdout; see `served_sql`, which starts it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import resource
import signal
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

from ftm_resources.duck import literal
from ftm_resources.warehouse import Warehouse, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

MEMORY_GIB = 4
"""Address space of the process; DuckDB may use half of it. A join over a small quarter was measured to need 2.2."""

GRACE = 1.0
"""Seconds between the request to stop and the end of the process; some functions never look whether they should."""

MOST_CELL = 2000
"""Characters of a value; longer ones are cut, with an ellipsis."""

MOST_ITEMS = 50
"""Items of a list or map, at each level."""

MOST_COLUMNS, MOST_REPLY = 1000, 200_000
"""Columns, and characters of all rows together as JSON."""

TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series", "json_each", "json_tree"})
"""The table functions that may be called. Others read files or, like enable_logging, write them."""

REFUSED_FUNCTIONS = frozenset({"current_setting", "getenv", "json_serialize_plan", "write_log"})
"""Scalar functions that look at the machine, run other statements or write."""

_SCHEMAS = frozenset({"", "main", "information_schema", "pg_catalog"})
_CATALOGS = frozenset({"", "memory", "system", "temp"})
# Without dots and slashes, so that it is no file's.
_TABLE_NAME = re.compile(r"[\w $-]+")


class RefusedError(ValueError):
    """A statement that is not run, or that failed; the message says why."""


def selected(
    warehouse: Warehouse, sql: str, *, quarter: str | None, limit: int, seconds: float
) -> dict[str, Any]:
    """Return the columns and at most `limit` rows of one SELECT, as JSON holds them (see `served_sql.run_sql`)."""
    import duckdb  # noqa: PLC0415

    with warehouse.connect(quarter=quarter) as db:
        _confine(db, warehouse)
        try:
            require_select(db, sql)
            with _ending_after(seconds, db):
                cursor = db.execute(sql)
                names = [column[0] for column in cursor.description or ()]
                if len(names) > MOST_COLUMNS:
                    raise RefusedError(f"the statement has {len(names)} columns; name at most {MOST_COLUMNS}")
                rows, is_cut = _fetched(cursor, limit)
        except duckdb.InterruptException as error:
            raise RefusedError(f"the statement took more than {seconds:g} seconds; ask for less") from error
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise RefusedError("the statement needs too much memory; ask for less") from error
        # OverflowError: a value that Python has no type for, such as a year of six digits.
        except (duckdb.Error, OverflowError, RecursionError) as error:
            raise RefusedError(str(error)) from error
    return {"columns": [_cut(name) for name in names], "rows": rows, "is_cut": is_cut}


def _confine(db: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    """Allow the connection the warehouse's files, and nothing else of the machine or of the network."""
    (threads,) = db.execute("SELECT current_setting('threads')").fetchone() or (1,)
    db.execute(f"SET threads = {min(2, threads)}")
    db.execute(f"SET memory_limit = '{MEMORY_GIB / 2:g}GiB'")
    db.execute(f"SET max_temp_directory_size = '{MEMORY_GIB}GiB'")
    db.execute("SET python_enable_replacements = false")
    db.execute(f"SET allowed_directories = [{literal(f'{warehouse.root}/')}]")
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")


def require_select(db: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise RefusedError unless DuckDB parses a text as one SELECT that names only tables and harmless functions."""
    import duckdb  # noqa: PLC0415

    kinds = [statement.type for statement in db.extract_statements(sql)]
    if kinds != [duckdb.StatementType.SELECT]:
        raise RefusedError("write one SELECT; nothing else is run")
    (text,) = db.execute("SELECT json_serialize_sql(CAST(? AS VARCHAR))", [sql]).fetchone() or ("{}",)
    parsed = json.loads(text)
    if parsed.get("error") or len(parsed.get("statements", ())) != 1:
        raise RefusedError(
            f"write one SELECT; nothing else is run ({parsed.get('error_message', 'no parse')})"
        )
    for node in _nodes(parsed["statements"]):
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name")).casefold()
            if name not in TABLE_FUNCTIONS:
                raise RefusedError(f"{name} may not be called; name the warehouse's tables and views instead")
        elif node.get("type") == "BASE_TABLE":
            _require_table(node)
        elif str(node.get("function_name")).casefold() in REFUSED_FUNCTIONS:
            raise RefusedError(f"{node['function_name']} may not be called")


def _require_table(node: dict[str, Any]) -> None:
    parts = [node.get("catalog_name") or "", node.get("schema_name") or "", node["table_name"]]
    is_table = (
        parts[0].casefold() in _CATALOGS
        and parts[1].casefold() in _SCHEMAS
        and _TABLE_NAME.fullmatch(parts[2]) is not None
    )
    if not is_table:
        raise RefusedError(f"{'.'.join(filter(None, parts))} is no table or view of the warehouse")


def _nodes(parsed: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a parsed statement, however deep."""
    left = [parsed]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)


@contextlib.contextmanager
def _ending_after(seconds: float, db: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt the connection after `seconds`; end the process, by the kernel, if it does not stop soon after."""
    stop = threading.Timer(seconds, db.interrupt)
    stop.daemon = True
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
    stop.start()
    try:
        yield
    finally:
        stop.cancel()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _fetched(cursor: duckdb.DuckDBPyConnection, limit: int) -> tuple[list[list[Any]], bool]:
    """Return rows until there are `limit` or MOST_REPLY is reached, and whether there are more."""
    rows: list[list[Any]] = []
    left = MOST_REPLY
    while (row := cursor.fetchone()) is not None:
        shown = [cell(value) for value in row]
        left -= len(json.dumps(shown, ensure_ascii=False))
        if len(rows) == limit or left < 0:
            return rows, True
        rows.append(shown)
    return rows, False


def cell(value: Any) -> Any:
    """Return a value as strict JSON holds it; long texts, lists and maps are cut.

    >>> cell(float("nan")), cell({"a": [1.5]})
    ('NaN', {'a': [1.5]})
    """
    held = _held(value)
    if isinstance(held, (list, dict)):
        text = json.dumps(held, ensure_ascii=False)
        return held if len(text) <= MOST_CELL else _cut(text)
    return held


def _held(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        items = [_held(v) for v in value[:MOST_ITEMS]]
        return [*items, "…"] if len(value) > MOST_ITEMS else items
    if isinstance(value, dict):
        kept = {_cut(str(k)): _held(v) for k, v in list(value.items())[:MOST_ITEMS]}
        return {**kept, "…": "…"} if len(value) > MOST_ITEMS else kept
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CELL else f"{text[:MOST_CELL]}…"


def _limit_memory() -> None:
    most = MEMORY_GIB << 30
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # macOS has no such limit.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> None:
    """Answer the request on stdin; whatever else is written to stdout is dropped."""
    reply_to = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    _limit_memory()
    given = json.load(sys.stdin)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            reply = selected(
                Warehouse(path=given["path"]),
                given["sql"],
                quarter=given["quarter"],
                limit=given["limit"],
                seconds=given["seconds"],
            )
        except RefusedError as error:
            reply = {"refused": _cut(str(error))}
        except WarehouseError as error:
            reply = {"no_warehouse": str(error)}
    if said := [str(w.message) for w in warned if issubclass(w.category, UserWarning)]:
        reply["warnings"] = list(dict.fromkeys(said))
    with os.fdopen(reply_to, "w", encoding="utf-8") as out:
        json.dump(reply, out, allow_nan=False)


if __name__ == "__main__":
    main()
