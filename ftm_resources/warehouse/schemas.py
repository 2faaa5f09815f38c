"""Table contracts as Iceberg schemas, and tables that an earlier version of a contract made.

What belongs here: the rule of growth. A contract may gain columns, and stop requiring one; rows from before have
nulls in a new column. The stored schema gains it with the next write, as optional even if the contract requires it:
a write is validated against the contract, and only old rows lack the column. A contract may retire a column and name
it (`Table.retired`): the stored schema keeps it, no longer required, and only fingerprints of rows from before read it.
A table with any other column, or one of another type, is refused, as rows could not be read without dropping or
changing something.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from ftm_resources.tables.contract import BOOL, DATE, DOUBLE, FLOAT, INT, LONG, STRING, TIMESTAMP, Table
from ftm_resources.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.schema import Schema
    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.snapshots import Write

_FIELD_ID = "PARQUET:field_id"
"""Where pyarrow takes a Parquet field's id from."""


def iceberg_schema(contract: Table) -> Schema:
    """Return a contract's Iceberg schema, with field ids by position and each column's documentation."""
    from pyiceberg.schema import Schema  # noqa: PLC0415 - reading with DuckDB does not need it
    from pyiceberg.types import (  # noqa: PLC0415
        BooleanType,
        DateType,
        DoubleType,
        FloatType,
        IcebergType,
        IntegerType,
        ListType,
        LongType,
        NestedField,
        StringType,
        TimestamptzType,
    )

    simple: dict[pa.DataType, IcebergType] = {
        STRING: StringType(),
        INT: IntegerType(),
        LONG: LongType(),
        DOUBLE: DoubleType(),
        FLOAT: FloatType(),
        BOOL: BooleanType(),
        DATE: DateType(),
        TIMESTAMP: TimestamptzType(),
    }
    fields, next_id = [], len(contract.columns) + 1
    for i, c in enumerate(contract.columns, start=1):
        if pa.types.is_list(c.type):
            kind: IcebergType = ListType(next_id, simple[c.type.value_type], element_required=False)
            next_id += 1
        else:
            kind = simple[c.type]
        fields.append(NestedField(i, c.name, kind, required=not c.nullable, doc=c.doc))
    return Schema(*fields)


def with_field_ids(columns: pa.Schema, stored: Schema) -> pa.Schema:
    """Return columns as a data file has them: each, and each field inside a nested one, with its id in `stored`.

    Other engines find a column in a data file by this id, whatever its name and place. Raises ValueError if `stored`
    lacks a column.
    """
    return pa.schema([_with_id(field, stored, field.name) for field in columns])


def _with_id(field: pa.Field, stored: Schema, path: str) -> pa.Field:
    """Return a field with its id, given its path in the Iceberg schema: `keywords`, `keywords.element`."""
    kind = field.type
    if pa.types.is_map(kind):
        key = _with_id(kind.key_field, stored, f"{path}.key")
        kind = pa.map_(key, _with_id(kind.item_field, stored, f"{path}.value"))
    elif pa.types.is_list(kind):
        kind = pa.list_(_with_id(kind.value_field, stored, f"{path}.element"))
    elif pa.types.is_struct(kind):
        kind = pa.struct([_with_id(inner, stored, f"{path}.{inner.name}") for inner in kind])
    return field.with_type(kind).with_metadata({_FIELD_ID: str(stored.find_field(path).field_id)})


def refuse_other(table: IcebergTable, contract: Table, root: str) -> None:
    """Raise WarehouseError if the table has a column that the contract does not have, or has with another type."""
    wanted = {f.name: str(f.field_type) for f in iceberg_schema(with_retired(contract)).fields}
    for stored in table.schema().fields:
        if stored.name not in wanted:
            what = f"has a column {stored.name!r}, which this version of FTM does not have"
        elif str(stored.field_type) != wanted[stored.name]:
            what = f"has {stored.name!r} as {stored.field_type}, which is {wanted[stored.name]} in this version of FTM"
        else:
            continue
        raise WarehouseError(
            f"{contract.name} in {root} {what}; nothing was read or changed. Use the version of FTM that wrote it, or "
            "set FTM_WAREHOUSE to a new location and materialize its quarters there"
        )


def with_retired(contract: Table) -> Table:
    """Return the contract with its retired columns, optional, behind its own."""
    kept = tuple(replace(c, nullable=True, references=None) for c in contract.retired)
    return replace(contract, own=(*contract.own, *kept), retired=())


def missing(schema: Schema, contract: Table) -> list[str]:
    """Return the contract's columns that a stored schema lacks."""
    stored = set(schema.column_names)
    return [c.name for c in contract.columns if c.name not in stored]


def has_grown(table: IcebergTable, contract: Table) -> bool:
    """Return whether data files of the table may lack columns of the contract."""
    return any(missing(schema, contract) for schema in table.metadata.schemas)


def grow(table: IcebergTable, contract: Table) -> None:
    """Bring the stored schema up to the contract: add its new columns, and relax those it no longer requires.

    Does nothing if there are none. Raises CommitFailedException if another process changes the schema at once.
    """
    stored = table.schema()
    new = {*missing(stored, contract)}
    held = set(stored.column_names)
    relaxed = [
        c.name
        for c in with_retired(contract).columns
        if c.nullable and c.name in held and stored.find_field(c.name).required
    ]
    if not new and not relaxed:
        return
    with table.update_schema() as update:
        for field in iceberg_schema(contract).fields:
            if field.name in new:
                update.add_column(field.name, field.field_type, doc=field.doc, required=False)
        for name in relaxed:
            update.make_column_optional(name)


def filled(rows: pa.Table, contract: Table, columns: Sequence[str]) -> pa.Table:
    """Return these columns with the contract's types; a column that the rows lack is null.

    A required column with nulls, which rows from before it have, is nullable in the result.
    """
    arrays, fields = [], []
    for name in columns:
        field = contract.arrow_schema.field(name)
        if name in rows.column_names:
            column = rows.column(name).cast(field.type)
        else:
            column = pa.chunked_array([pa.nulls(rows.num_rows, field.type)])
        arrays.append(column)
        fields.append(field.with_nullable(field.nullable or column.null_count > 0))
    return pa.table(arrays, schema=pa.schema(fields))


def incomplete(rows: pa.Table, contract: Table) -> list[str]:
    """Return the columns that the contract requires and that have nulls in these rows."""
    return [n for n in rows.column_names if not contract.column(n).nullable and rows.column(n).null_count]


def columns_then(table: IcebergTable, write: Write, contract: Table) -> list[str]:
    """Return the columns that the contract had when a quarter was written; its fingerprint is of these."""
    if "columns" in write.properties:
        recorded = set(json.loads(write.properties["columns"]))
    else:
        # Versions that did not record them never changed a table's schema before a write.
        snapshot = table.snapshot_by_id(write.snapshot_id)
        schema_id = None if snapshot is None else snapshot.schema_id
        schemas = sorted(table.metadata.schemas, key=lambda s: s.schema_id)
        recorded = set(next((s for s in schemas if s.schema_id == schema_id), schemas[0]).column_names)
    return [c.name for c in with_retired(contract).columns if c.name in recorded]
