"""Tags: named states of a quarter that never expire ("2023Q1 as the paper used it").

What belongs here: setting and removing a tag on every table. On each it is an Iceberg tag, such as
`2023Q1.paper-v1`, so any engine can read it and none expires it.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from ftm_resources.tables import NAMESPACE
from ftm_resources.warehouse import generations, snapshots
from ftm_resources.warehouse.catalog import reporting_unusable
from ftm_resources.warehouse.damage import require_data
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.snapshots import Tag, quarter_key, tagged, writer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.warehouse import Warehouse

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def tag(warehouse: Warehouse, quarter: str, name: str, *, replace: bool = False) -> Tag:
    """Tag the current snapshot of every table for a quarter.

    Raises WarehouseError if the name has other characters than letters, digits, -, _ and ., if no table holds the
    quarter, if a data file of it is missing or truncated, or if the tag already marks other snapshots and `replace`
    is false.
    """
    quarter = quarter_key(quarter)
    if not _TAG.fullmatch(name) or snapshots.moment_of(name) is not None:
        raise WarehouseError(
            f"{name!r} cannot be a tag: use letters, digits, -, _ and ., start with a letter or digit, and "
            "do not use a date"
        )
    tables = warehouse.tables()
    if not any(writer_of(t, t.current_snapshot(), quarter) for t in tables.values()):
        raise WarehouseError(f"no quarter {quarter} in {warehouse.root}: materialize it before you tag it")
    reference = f"{quarter}.{name}"
    chosen = {n: s.snapshot_id for n, t in tables.items() if (s := t.current_snapshot()) is not None}
    moved = [n for n, i in chosen.items() if tagged(tables[n]).get((quarter, name), i) != i]
    if moved and not replace:
        raise WarehouseError(
            f"tag {name} of {quarter} already marks another state of {', '.join(moved)}: choose another name, or "
            "pass --replace to move it; the old state may then expire"
        )
    for table in chosen:
        require_data(tables[table], table, quarter)
    for table, snapshot_id in chosen.items():
        if tagged(tables[table]).get((quarter, name)) != snapshot_id:
            _manage(warehouse, table, partial(_create_tag, snapshot_id=snapshot_id, name=reference))
    return Tag(quarter, name, chosen)


def untag(warehouse: Warehouse, quarter: str, name: str) -> int:
    """Remove a tag from every table; return how many tables had it. Raises WarehouseError if none had."""
    quarter, tables = quarter_key(quarter), warehouse.tables()
    snapshots.require_tag(tables, quarter, name)
    holding = [n for n, table in tables.items() if (quarter, name) in tagged(table)]
    for table in holding:
        _manage(warehouse, table, lambda t: t.manage_snapshots().remove_tag(f"{quarter}.{name}"))
    return len(holding)


def tags(warehouse: Warehouse) -> list[Tag]:
    """Return all tags, sorted by quarter and name."""
    return snapshots.tags(warehouse.tables())


def mixtures(warehouse: Warehouse, tag: Tag) -> list[generations.Mixture]:
    """Return the mismatches in a tag: tables that were made from rows other than those tagged with them.

    Other quarters are compared as the tag of the same name shows them.
    """
    tables = warehouse.tables()
    others = {t.quarter: t.tables for t in snapshots.tags(tables) if t.name == tag.name}
    present = snapshots.writes_at(tables, tag.tables, tag.quarter, others=others)
    return generations.mixtures(tag.tables, present)


def _manage(warehouse: Warehouse, name: str, change: Callable[[IcebergTable], Any]) -> None:
    location = warehouse.location
    location.require_no_links(f"{NAMESPACE}/{name}", "nothing was changed", folders_only=True)
    with warehouse.lock(f"commit-{name}"), reporting_unusable(location):
        snapshots.commit_again(lambda: change(warehouse.table(name)).commit())


def _create_tag(table: IcebergTable, snapshot_id: int, name: str) -> Any:
    return table.manage_snapshots().create_tag(snapshot_id, name)
