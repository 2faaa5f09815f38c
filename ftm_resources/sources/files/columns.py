"""Columns of a transcript file: conversion from CSV or Parquet types to those of COMPONENTS."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.sources.base import MAX_PROBLEMS, Problem
from ftm_resources.tables.components import COMPONENTS

REQUIRED = (
    "companyid",
    "companyname",
    "transcriptid",
    "componenttext",
    "componentorder",
    "mostimportantdateutc",
    "speakertypename",
)
"""Columns that every file must have: those of the old CSV export."""

KNOWN = frozenset(COMPONENTS.names) - {"is_date_only"} | {"mostimportanttimeutc", "transcriptcomponentid"}
"""Columns read; all others are ignored."""

_ALIASES = {"transcriptcomponenttypename": "componenttypename"}
"""Names of the same columns in WRDS's views of Capital IQ."""

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_NAIVE = pa.timestamp("us")
_US_DATE = "%m/%d/%Y"
_MAX_ORDER = 1_000_000
_EXACT = 2.0**53
"""Above this, a float cannot represent every integer."""
_SHOWN = 60
"""Most characters of a bad value that a message shows."""


def canonical(name: str) -> str:
    """Return a column's name, in any case, as Capital IQ's tables spell it."""
    lower = name.strip().lower()
    return _ALIASES.get(lower, lower)


@dataclass
class Problems:
    """The problems of one file: the first 20, and the total number."""

    file: str
    listed: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, row: int | None, column: str | None, message: str) -> None:
        """Record a problem."""
        self.count += 1
        if len(self.listed) < MAX_PROBLEMS:
            self.listed.append(Problem(self.file, row, column, message))

    def add_not_utf8(self, row: int, column: str, content: bytes, error: UnicodeDecodeError) -> None:
        """Record a text that is not UTF-8, with the bytes and the text before them."""
        found = content[error.start : error.end].hex(" ")
        before = content[max(error.start - _SHOWN // 2, 0) : error.start].decode(errors="replace")
        self.add(row, column, f'is not UTF-8 after "{before}" (bytes {found}): save the file as UTF-8')


def normalise(raw: pa.Table, problems: Problems) -> pa.Table:
    """Return a table of COMPONENTS, `transcriptcomponentid` and `row`; unreadable values are reported, and null.

    `raw` has the required columns, any other KNOWN ones, and `row`, in any types except nested ones. `is_date_only`
    refers to the value as written: that all times in a file are midnight cannot be seen from one batch.
    """
    rows = raw.column("row")
    raw = pa.table({n: _readable(raw.column(n), n, rows, problems) for n in raw.column_names})
    columns: dict[str, pa.ChunkedArray] = {}
    for name in ("companyid", "transcriptid"):
        columns[name] = _required(_ids(raw.column(name)), name, rows, problems)
    for name in ("companyname", "speakertypename", "componenttext"):
        columns[name] = _required(_text(raw.column(name)), name, rows, problems)
    nul = pc.fill_null(pc.match_substring(columns["componenttext"], "\0"), False)
    for row in rows.filter(nul).to_pylist():
        problems.add(row, "componenttext", "contains a NUL character")
    columns["componentorder"] = _orders(raw.column("componentorder"), rows, problems)
    at, is_date_only = _times(raw, rows, problems)
    columns |= {"mostimportantdateutc": at, "is_date_only": is_date_only}
    for name in COMPONENTS.names:
        if name not in columns:
            given = raw.column(name) if name in raw.column_names else None
            columns[name] = _optional(name, given, rows, problems)
    schema = pa.schema([f.with_nullable(True) for f in COMPONENTS])
    table = pa.table([columns[n] for n in COMPONENTS.names], schema=schema).append_column("row", rows)
    key = raw.column("transcriptcomponentid") if "transcriptcomponentid" in raw.column_names else None
    keys = pa.chunked_array([pa.nulls(len(rows), pa.string())]) if key is None else _ids(key)
    return table.append_column("transcriptcomponentid", keys)


def _readable(
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


def _optional(
    name: str, given: pa.ChunkedArray | None, rows: pa.ChunkedArray, problems: Problems
) -> pa.ChunkedArray:
    kind = COMPONENTS.field(name).type
    if given is None:
        return pa.chunked_array([pa.nulls(len(rows), kind)])
    if name == "permno":
        return _parsed(_ids(given), name, rows, problems, _whole_number, kind, "is not a PERMNO")
    if name == "link_date":
        if _is_moment(given.type):
            return _utc(given).cast(_NAIVE).cast(pa.date32())
        return _parsed(_text(given), name, rows, problems, _day, kind, "is not a date")
    return _ids(given) if name in {"keydevid", "gvkey"} else _text(given)


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return strings; blank ones become null, others are unchanged."""
    text = values.cast(pa.string())
    return pc.if_else(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(text)), 0), None, text)


def _ids(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return ids as strings: pandas writes integer columns with missing values as 18749.0."""
    if pa.types.is_floating(values.type):
        values = values.cast(pa.float64())
        values = pc.if_else(pc.is_nan(values), None, values)
        whole = pc.and_(pc.less(pc.abs(values), _EXACT), pc.equal(pc.trunc(values), values))
        integers = pc.if_else(pc.fill_null(whole, False), values, None).cast(pa.int64())
        values = pc.coalesce(integers.cast(pa.string()), values.cast(pa.string()))
    text = _text(values)
    return pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"^(\d+)\.0+$", r"\1")


def _required(
    values: pa.ChunkedArray, name: str, rows: pa.ChunkedArray, problems: Problems
) -> pa.ChunkedArray:
    for row in rows.filter(pc.is_null(values)).to_pylist():
        problems.add(row, name, "is empty")
    return values


def _orders(values: pa.ChunkedArray, rows: pa.ChunkedArray, problems: Problems) -> pa.ChunkedArray:
    name = "componentorder"
    text = _required(_ids(values), name, rows, problems)
    return _parsed(text, name, rows, problems, _order, pa.int32(), "is not a whole number of 0 or more")


def _parsed(
    text: pa.ChunkedArray,
    name: str,
    rows: pa.ChunkedArray,
    problems: Problems,
    parse: Callable[[str], object],
    kind: pa.DataType,
    complaint: str,
) -> pa.ChunkedArray:
    """Parse each distinct value once; report the rows of those that do not parse."""
    encoded = text.combine_chunks().dictionary_encode()
    parsed = [_attempt(parse, v) for v in encoded.dictionary.to_pylist()]
    result = pa.array(parsed, kind).take(encoded.indices)
    bad = pc.and_(pc.is_valid(text), pc.is_null(result))
    for row, value in zip(rows.filter(bad).to_pylist(), text.filter(bad).to_pylist(), strict=True):
        problems.add(row, name, f'"{value[:_SHOWN]}" {complaint}')
    return pa.chunked_array([result])


def _attempt(parse: Callable[[str], object], value: str) -> object:
    try:
        return parse(value)
    except (ValueError, OverflowError):
        return None


def _order(value: str) -> int:
    number = _whole_number(value)
    if not 0 <= number <= _MAX_ORDER:
        raise ValueError(value)
    return number


def _whole_number(value: str) -> int:
    # int() also accepts 1_0 and digits of other scripts.
    if not re.fullmatch(r"[0-9]{1,15}", value):
        raise ValueError(value)
    return int(value)


def _times(
    raw: pa.Table, rows: pa.ChunkedArray, problems: Problems
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return the times (UTC), and whether each was written as a bare date.

    A `mostimportanttimeutc` column supplies the time of dates and of midnight times.
    """
    name = "mostimportantdateutc"
    values = raw.column(name)
    if _is_moment(values.type):
        at = _required(_utc(values), name, rows, problems)
        is_bare = pa.chunked_array([pa.repeat(pa.scalar(pa.types.is_date(values.type)), len(rows))])
    else:
        text = _required(_text(values), name, rows, problems)
        at = _parsed(text, name, rows, problems, _moment, _TIMESTAMP, "is not a date or time")
        is_bare = pc.fill_null(pc.invert(pc.match_substring(text, ":")), True)
    if "mostimportanttimeutc" not in raw.column_names:
        return at, is_bare
    micros = _parsed(
        _text(raw.column("mostimportanttimeutc")),
        "mostimportanttimeutc",
        rows,
        problems,
        _since_midnight,
        pa.int64(),
        "is not a time",
    )
    joined = pc.add(at.cast(pa.int64()), pc.fill_null(micros, 0)).cast(_TIMESTAMP)
    return pc.if_else(is_midnight(at), joined, at), pc.and_(is_bare, pc.is_null(micros))


def is_midnight(at: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whether each time (timestamp[us, tz=UTC]) is midnight in UTC."""
    naive = at.cast(_NAIVE)
    return pc.equal(pc.floor_temporal(naive, unit="day"), naive)


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _utc(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return dates and times as UTC timestamps, truncated to 1 µs; those without a zone are in UTC."""
    if pa.types.is_date(values.type):
        return values.cast(_NAIVE).cast(_TIMESTAMP)
    return pc.cast(values, pa.timestamp("us", tz=values.type.tz), safe=False).cast(_TIMESTAMP)


def _since_midnight(value: str) -> int:
    t = time.fromisoformat(value.strip())
    return ((t.hour * 60 + t.minute) * 60 + t.second) * 1_000_000 + t.microsecond


def _moment(value: str) -> datetime:
    """Parse ISO dates and times (without a zone: UTC), and month/day/year as in American exports.

    3/4/2021 is 4 March, as the vendors are American. A day/month/year file looks the same until a day after the
    12th, which is rejected.
    """
    value = value.strip().removesuffix(" UTC")
    if "/" in value:
        day, _, clock = value.partition(" ")
        parsed = datetime.strptime(day, _US_DATE).replace(tzinfo=UTC)
        return datetime.combine(parsed.date(), time.fromisoformat(clock.zfill(5)), UTC) if clock else parsed
    if not _ISO_DATE.match(value):
        raise ValueError(value)
    parsed = datetime.fromisoformat(value)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
"""Python also accepts 20201105 and ISO weeks, which are usually mistakes."""


def _day(value: str) -> date:
    return _moment(value).date()
