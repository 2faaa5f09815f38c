"""Resources of the platform: table contracts, the warehouse, transcript sources, models and endpoints.

`from ftm_resources import connect, search` is all that a notebook needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import duckdb

    from ftm_resources.backends import search
    from ftm_resources.warehouse.snapshots import AsOf

__all__ = ["connect", "search"]


def connect(
    warehouse: str | Path | None = None,
    *,
    quarter: str | None = None,
    as_of: AsOf | None = None,
    newest: bool = False,
    tables: Iterable[str] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection with a view per table, and the views topics, theme_evidence and sentiment_ready.

    Parameters
    ----------
    warehouse : str or Path, optional
        A folder or an `s3://bucket/prefix`; default: FTM_WAREHOUSE.
    quarter, as_of, newest
        As `Warehouse.connect`: one quarter, a tag or a point in time, or the newest rows whatever they were made from.
    tables : iterable of str, optional
        Names of tables; default: all. A view that joins tables is there if all of them are.

    Raises
    ------
    WarehouseError
        If there is no warehouse, no such quarter or no such tag, or the files are damaged.

    Examples
    --------
    >>> connect("warehouse", quarter="2023Q1").sql("FROM topics")  # doctest: +SKIP

    """
    # Importing a module of this package must not load the warehouse.
    from ftm_resources.tables import TABLES  # noqa: PLC0415
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    held = Warehouse(path=None if warehouse is None else str(warehouse))
    names = tuple(TABLES) if tables is None else tuple(tables)
    return held.connect(quarter=quarter, tables=names, as_of=as_of, newest=newest)


def __getattr__(name: str) -> Any:
    # Importing a module of this package must not load the models either.
    if name == "search":
        from ftm_resources.backends import search  # noqa: PLC0415

        return search
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
