"""Table contracts as Iceberg schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ftm_resources.tables.contract import BOOL, DATE, DOUBLE, FLOAT, INT, LONG, STRING, TIMESTAMP, Table

if TYPE_CHECKING:
    from pyiceberg.schema import Schema


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
