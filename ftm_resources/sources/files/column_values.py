"""The values of one column of a file, of whatever Arrow type: as text, as times, each distinct one read once."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.sources import moments, values
from ftm_resources.sources.files.problems import Problems

TIMESTAMP = pa.timestamp("us", tz="UTC")
NAIVE = pa.timestamp("us")
MOMENT = pa.struct([("at", TIMESTAMP), ("has_time", pa.bool_()), ("is_midnight", pa.bool_())])
"""A `moments.Moment`."""

_EXACT = {16: 2.0**11, 32: 2.0**24, 64: values.EXACT}
"""By the bits of a float: above this, it cannot represent every integer."""


def each(
    given: pa.ChunkedArray, read: Callable[[Any], Any], type_: pa.DataType
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return `read` of each value, and the complaints of its ValueErrors; it is called once per distinct value."""
    distinct = given.combine_chunks().dictionary_encode()
    results = [attempt(read, v) for v in distinct.dictionary.to_pylist()]
    found = pa.array([value for value, _ in results], type_).take(distinct.indices)
    return chunked(found), chunked(pa.array([c for _, c in results], pa.string()).take(distinct.indices))


def attempt(read: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """Return the result and no complaint, or no result and the complaint."""
    try:
        return read(*arguments), None
    except ValueError as error:
        return None, str(error)


def as_text(given: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as text: whole numbers without a point, and floats that lost digits with an exponent."""
    if not pa.types.is_floating(given.type):
        return given.cast(pa.string())
    limit = _EXACT[given.type.bit_width]
    return each(
        given.cast(pa.float64()), lambda v: None if isnan(v) else values.number_text(v, limit), pa.string()
    )[0]


def in_microseconds(given: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times, intervals and timestamps in microseconds, timestamps in UTC."""
    if pa.types.is_time(given.type):
        return given.cast(pa.time64("us"), safe=False)
    if pa.types.is_duration(given.type):
        return given.cast(pa.duration("us"), safe=False)
    return pc.struct_field(utc(given), "at")


def utc(given: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return dates and times as moments (type MOMENT), truncated to 1 µs; those without a zone are in UTC.

    A midnight is one in the column's own zone; see `moments.written_at`.
    """
    if pa.types.is_date(given.type):
        at = pc.cast(given.cast(pa.date32(), safe=False), NAIVE).cast(
            TIMESTAMP
        )  # 64 bits may hold a time of day
        return each(at, lambda v: None if v is None else vars(moments.Moment(v, has_time=False)), MOMENT)[0]
    tz = given.type.tz or "UTC"
    at = given.cast(NAIVE, safe=False) if given.type.tz is None else given
    at = at.cast(pa.timestamp("us", tz=tz), safe=False)
    return each(at, lambda v: None if v is None else vars(moments.written_at(v)), MOMENT)[0]


def nulls(n: int, type_: pa.DataType) -> pa.ChunkedArray:
    """Return a column of gaps."""
    return chunked(pa.nulls(n, type_))


def chunked(values_: pa.Array) -> pa.ChunkedArray:
    """Return a column of one array."""
    return pa.chunked_array([values_])


def readable(
    values: pa.ChunkedArray, name: str, rows: pa.ChunkedArray, problems: Problems
) -> pa.ChunkedArray:
    """Return dictionaries and bytes as strings; values that are not UTF-8 are reported, and partly decoded."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if not any(is_kind(values.type) for is_kind in _TEXT_KINDS):
        return values
    content = values.cast(pa.large_binary())
    try:
        # Parquet's strings are not validated when read; the cast via bytes validates them.
        return content.cast(pa.large_string())
    except pa.ArrowInvalid:
        readable = []
        for row, value in zip(rows.to_pylist(), content.to_pylist(), strict=True):
            try:
                readable.append(None if value is None else value.decode())
            except UnicodeDecodeError as error:
                problems.add_not_utf8(row, name, value, error)
                readable.append(value.decode(errors="replace"))
        return pa.chunked_array([pa.array(readable, pa.large_string())])


_TEXT_KINDS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
