"""The queries of the joined views as DuckDB takes them: dbt's models, rendered without dbt.

What belongs here: rendering. dbt renders the same models for Athena; what the two dialects say differently is in the
macros of `dbt/macros/dialect.sql`, of which DuckDB's begin with `duckdb__`.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ftm_resources.shipped import shipped

if TYPE_CHECKING:
    from jinja2 import Environment


def duckdb_query(view: str) -> str:
    """Return the query of the model `view` over tables that the connection has by their own names.

    Raises FileNotFoundError if there is no such model.
    """
    model = shipped("dbt") / "models" / "views" / f"{view}.sql"
    return _environment().from_string(model.read_text(encoding="utf-8")).render()


@cache
def _environment() -> Environment:
    """Return what dbt's templates need of dbt: the project's macros, sources, and the choice of a dialect."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - only opening a connection needs it

    found: dict[str, Any] = {}
    environment = Environment(undefined=StrictUndefined, extensions=["jinja2.ext.do"])  # noqa: S701 - SQL, not HTML
    environment.globals |= {
        "source": lambda _, table: f'"{table}"',
        "adapter": SimpleNamespace(dispatch=lambda macro, _: found[f"duckdb__{macro}"]),
    }
    files = sorted((shipped("dbt") / "macros").glob("*.sql"))
    macros = environment.from_string("\n".join(file.read_text(encoding="utf-8") for file in files))
    found |= {name: macro for name, macro in vars(macros.module).items() if not name.startswith("_")}
    environment.globals |= found
    return environment
