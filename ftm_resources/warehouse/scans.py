"""Scans of one loaded table: which of its files and rows belong to a quarter.

What belongs here: all reading through PyIceberg.
"""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pyarrow as pa

from ftm_resources.tables import PARTITION, Table
from ftm_resources.warehouse.damage import reporting_damage, require_file
from ftm_resources.warehouse.location import ROOT, under
from ftm_resources.warehouse.schemas import filled
from ftm_resources.warehouse.snapshots import NEVER_WRITTEN, writer_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot


def schema_of(contract: Table, columns: Sequence[str] | None) -> pa.Schema:
    """Return the Arrow schema of some columns of a table (default: all)."""
    wanted = tuple(columns) if columns else tuple(c.name for c in contract.columns)
    return pa.schema([contract.arrow_schema.field(c) for c in wanted])


def where(quarter: str, firms: Sequence[str] | None = None) -> BooleanExpression:
    """Return the filter for a quarter, or for some firms of it."""
    from pyiceberg.expressions import (  # noqa: PLC0415
        And,
        EqualTo,
        GreaterThanOrEqual,
        In,
        LessThanOrEqual,
    )

    in_quarter: BooleanExpression = EqualTo(PARTITION, quarter)  # type: ignore[misc,call-arg]
    if firms is None:
        return in_quarter
    among: BooleanExpression = In("firm_id", set(firms))  # type: ignore[misc,call-arg]
    if not firms:
        return And(in_quarter, among)
    # Arrow skips row groups by a range, but not by a set: it would decompress the whole file for each group of firms.
    first = GreaterThanOrEqual("firm_id", min(firms))  # type: ignore[misc,call-arg]
    last = LessThanOrEqual("firm_id", max(firms))  # type: ignore[misc,call-arg]
    return And(in_quarter, And(And(first, last), among))


def is_held(table: IcebergTable, quarter: str) -> bool:
    """Return whether the quarter was ever written, even without rows."""
    return writer_of(table, table.current_snapshot(), quarter) is not None or has_rows(table, quarter)


def has_rows(table: IcebergTable, quarter: str) -> bool:
    """Return whether the table holds rows of the quarter now."""
    if table.current_snapshot() is None:
        return False
    scan = table.scan(row_filter=where(quarter))
    with reporting_damage(scan, table.name()[-1], quarter):
        return any(True for _ in scan.plan_files())


def files_of(
    table: IcebergTable, name: str, quarter: str | None, snapshot_id: int, *, but: Collection[str] = ()
) -> list[str]:
    """Return the URIs of the data files of a quarter (None: of all `but` some) at a snapshot.

    Raises WarehouseError if a manifest is damaged or, in a folder, a data file is missing or truncated.
    """
    scan = table.scan(snapshot_id=snapshot_id)
    scan = scan.filter(where(quarter)) if quarter else scan
    with reporting_damage(scan, name, quarter):
        tasks = [task for task in scan.plan_files() if task.file.partition[0] not in but]
        if not table.io.properties[ROOT].startswith("s3"):
            for task in tasks:
                require_file(task.file, table.io, name)
        return [under(table.io.properties[ROOT], task.file.file_path) for task in tasks]


def rows_of(
    table: IcebergTable,
    contract: Table,
    quarter: str,
    snapshot_id: int,
    *,
    columns: Sequence[str],
    firms: Sequence[str] | None,
) -> pa.Table:
    """Return a quarter's rows at a snapshot in the contract's types; a column unknown at the time is null."""
    scan = table.scan(row_filter=where(quarter, firms), snapshot_id=snapshot_id)
    held = [c for c in columns if c in scan.projection().column_names]
    scan = scan.select(*(held or [PARTITION]))
    with reporting_damage(scan, contract.name, quarter):
        return filled(scan.to_arrow(), contract, columns)


def vector_length(table: IcebergTable, name: str, quarter: str) -> int | None:
    """Return the length of a quarter's vectors, from the first row of a file; None if it has no rows.

    A scan with a limit of one row would read whole files.
    """
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - only where vectors are

    scan = table.scan(row_filter=where(quarter))
    with reporting_damage(scan, name, quarter):
        for task in scan.plan_files():
            with table.io.new_input(task.file.file_path).open() as file:
                for batch in ParquetFile(file).iter_batches(1, columns=["embedding"]):
                    return len(batch.column(0)[0])
    return None


def content_of(table: IcebergTable, snapshot: Snapshot, quarter: str) -> str:
    """Return the fingerprint of a quarter's rows at a snapshot."""
    writer = writer_of(table, snapshot, quarter)
    if writer is not None:
        return writer.content
    files = files_of(table, table.name()[-1], quarter, snapshot.snapshot_id)
    if not files:
        return NEVER_WRITTEN
    # Another program wrote it: the names of its files identify it.
    names = sorted(os.path.basename(file) for file in files)  # noqa: PTH119 - URIs
    return "files:" + uuid.uuid5(uuid.NAMESPACE_URL, "|".join(names)).hex
