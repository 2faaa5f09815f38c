"""Whether the numbers of the tables that a page shows are numbers: one that is not would be in every sum and place.

What belongs here: refusing them by name. No table of FTM's own is written with one; another program's may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ftm_assets.report.reported_state import ReportError
from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb


def refuse_not_finite(db: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> None:
    """Raise ReportError, naming table, column and quarters, if a number of the views is NaN or infinite.

    Vectors are looked into as well.
    """
    for table in tables:
        broken = {column.name: _broken(column.name, column.type) for column in TABLES[table].columns}
        tests = {name: test for name, test in broken.items() if test}
        if not tests:
            continue
        counts = ", ".join(f"count(*) FILTER ({test})" for test in tests.values())
        quarters = "string_agg(DISTINCT quarter, ', ' ORDER BY quarter)"
        row = db.execute(
            f"SELECT {quarters}, {counts} FROM {table} WHERE {' OR '.join(tests.values())}"  # noqa: S608 - ours
        ).fetchone()
        of, *found = row or (None,)
        for name, n in zip(tests, found, strict=True):
            if n:
                raise ReportError(
                    f"{table}.{name} of {of} holds {n:,} values that are no numbers (NaN or infinite): make {table} "
                    "of that quarter again"
                )


def _broken(name: str, kind: pa.DataType) -> str:
    """Return the condition under which a value of a column is no number; empty for a column without numbers."""
    if pa.types.is_floating(kind):
        return f'NOT isfinite("{name}")'
    if pa.types.is_list(kind) and pa.types.is_floating(kind.value_type):
        return f'NOT isfinite(list_sum("{name}"))'
    return ""
