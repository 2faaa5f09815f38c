"""What a table contract is: columns, types, nullability and keys, and how a write is validated.

The contracts themselves are in `catalogue`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator


NAMESPACE = "ftm"
PARTITION = "quarter"

STRING = pa.string()
INT = pa.int32()
LONG = pa.int64()
DOUBLE = pa.float64()
FLOAT = pa.float32()
BOOL = pa.bool_()
DATE = pa.date32()
TIMESTAMP = pa.timestamp("us", tz="UTC")
STRINGS = pa.list_(pa.string())
FLOATS = pa.list_(pa.float32())


class ContractError(ValueError):
    """A table that does not match its contract; the message names the table and the column."""


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, its constraints and its documentation."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False
    values: tuple[str, ...] = ()
    """The allowed values, if there are few."""
    bounds: tuple[float, float] | None = None
    """Closed interval of allowed values."""
    references: tuple[str, str] | None = None
    """(table, column) in which each non-null value must exist, within the quarter."""
    is_measurement: bool = False
    """A measurement of the run, such as seconds: it differs between runs on the same input, so it is not content."""


@dataclass(frozen=True)
class Table:
    """A table of the warehouse: its columns in order, its key and its documentation."""

    name: str
    doc: str
    key: tuple[str, ...]
    own: tuple[Column, ...] = field(repr=False)
    group: str = field(kw_only=True)
    """The group in the UI: the part of the pipeline that makes the table."""
    is_optional: bool = field(default=False, kw_only=True)
    """A quarter may do without it, and without all optional tables of its group."""
    retired: tuple[Column, ...] = field(default=(), kw_only=True, repr=False)
    """Columns of earlier versions that tables may still hold; they are neither read nor written."""
    is_on_demand: bool = field(default=False, kw_only=True)
    """Whether a quarter is complete without it. The job of a quarter leaves it out, unless `is_record`."""
    is_record: bool = field(default=False, kw_only=True)
    """Whether it records what runs did, rather than results: the job of a quarter makes it, and no two are alike."""

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """All columns; the last is always `quarter`."""
        return (
            *self.own,
            Column(PARTITION, STRING, "Calendar quarter of the call, e.g. 2023Q1; the partition"),
        )

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema that every write must have."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError if there is none."""
        return next(c for c in self.columns if c.name == name)

    def references(self) -> Iterator[tuple[str, str, str]]:
        """Yield (column, referenced table, referenced column)."""
        for c in self.columns:
            if c.references:
                yield c.name, *c.references

    def empty(self) -> pa.Table:
        """Return an empty table with this schema."""
        return self.arrow_schema.empty_table()

    def conform(self, rows: pa.Table, *, quarter: str) -> pa.Table:
        """Return `rows` in the contract's column order and types, with the quarter filled in.

        Raises ContractError, naming the column, on a missing or unknown column, a type that does not cast
        without loss, a null in a non-null column, a value outside its set or bounds, or another quarter's rows.
        """
        if PARTITION not in rows.column_names:
            rows = rows.append_column(PARTITION, pa.repeat(pa.scalar(quarter, STRING), rows.num_rows))
        names = [c.name for c in self.columns]
        if unknown := [n for n in rows.column_names if n not in names]:
            raise ContractError(f"{self.name}: column {unknown[0]!r} is not in the contract")
        if missing := [n for n in names if n not in rows.column_names]:
            raise ContractError(f"{self.name}: column {missing[0]!r} is missing")
        arrays = [_conform_column(self.name, c, rows.column(c.name), quarter) for c in self.columns]
        return pa.table(arrays, schema=self.arrow_schema)


def _conform_column(table: str, column: Column, values: pa.ChunkedArray, quarter: str) -> pa.ChunkedArray:
    where = f"{table}: column {column.name!r}"
    if values.type != column.type:
        try:
            values = values.cast(column.type)
        except pa.ArrowInvalid as error:
            raise ContractError(f"{where} is {values.type}, not {column.type}: {error}") from error
        except pa.ArrowNotImplementedError as error:
            raise ContractError(f"{where} is {values.type}, not {column.type}") from error
    if not column.nullable and values.null_count:
        raise ContractError(f"{where} has {values.null_count} null values, but must not be null")
    if column.name == PARTITION:
        foreign = values.filter(pc.not_equal(values, quarter))
        if len(foreign):
            raise ContractError(f"{where} holds {foreign[0].as_py()!r} in a write to {quarter}")
    if column.values:
        wrong = values.filter(pc.invert(pc.is_in(values, pa.array([*column.values, None], STRING))))
        if len(wrong):
            raise ContractError(f"{where} holds {wrong[0].as_py()!r}; allowed: {', '.join(column.values)}")
    if column.bounds and len(values):
        low, high = column.bounds
        bad = pc.or_(
            pc.or_(pc.less(values, low), pc.greater(values, high)), pc.is_nan(pc.cast(values, DOUBLE))
        )
        wrong = values.filter(bad)
        if len(wrong):
            raise ContractError(f"{where} holds {wrong[0].as_py()}, outside [{low}, {high}]")
    return values
