"""Columns of a transcript file: conversion from the types of any format to those of COMPONENTS.

What a value means is decided in `sources.values`, `sources.moments` and `sources.vendor_codes`, for every source; here
it is applied to whole columns, each distinct value once, and what cannot be read is reported by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from math import isnan
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.sources import moments, values, vendor_codes
from ftm_resources.sources.base import MAX_PROBLEMS, Problem
from ftm_resources.sources.moments import NO_CONVENTIONS, Conventions, Evidence, Serials
from ftm_resources.sources.values import KINDS
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

KNOWN = frozenset(KINDS)
"""Columns read; all others are ignored."""

_ALIASES = {
    "transcriptcomponenttypename": "componenttypename",
    "transcriptcreationdateutc": "transcriptcreationdate_utc",
    "transcriptcreationtimeutc": "transcriptcreationtime_utc",
}
"""Names of the same columns in WRDS's views of Capital IQ and in Xpressfeed."""

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_NAIVE = pa.timestamp("us")
_MOMENT = pa.struct([("at", _TIMESTAMP), ("has_time", pa.bool_())])
_DAY = 86_400_000_000
"""A day in microseconds."""
_MAX_ORDER = 1_000_000
_EXACT_FLOAT32 = 2.0**24
"""Above this, a 32-bit float cannot represent every integer."""
_SHOWN = 60
"""Most characters of a bad value that a message shows."""
_PLAIN_ID = "^[1-9][0-9]{0,14}$"
"""Ids that are stored as they are written."""

SPELLED = ("companyid", "transcriptid", "keydevid", "transcriptcomponentid")
"""Ids that tell rows apart; each has a column of leading zeros, named by `zeros_of`, which the stored id lacks."""


def zeros_of(name: str) -> str:
    """Return the column that says with how many leading zeros an id is written."""
    return f"{name}_zeros"


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


def conventions(batches: Iterable[pa.Table]) -> Conventions:
    """Return how a file writes dates and times of day that have several readings.

    Reads only as many of the file's `batches` as the proof takes, usually one. The metadata
    `serials` of a batch's schema says how a workbook counts days; see `Conventions`.
    """
    serials: Serials | None = None
    evidence = Evidence()
    for raw in batches:
        for stated in get_args(Serials):
            if (raw.schema.metadata or {}).get(b"serials") == stated.encode():
                serials = stated
        for name in raw.column_names:
            kind = KINDS.get(name)
            if kind in ("date", "time") and not pa.types.is_temporal(raw.column(name).type):
                text = _as_text(_readable(raw.column(name), name, raw.column("row"), Problems("")))
                distinct = text.unique().drop_null().to_pylist()
                (evidence.add_dates if kind == "date" else evidence.add_clocks)(distinct)
        if not evidence.is_open:
            break
    return evidence.conventions(serials)


def normalise(
    raw: pa.Table,
    problems: Problems,
    conventions: Conventions = NO_CONVENTIONS,
) -> pa.Table:
    """Return a table of COMPONENTS, `transcriptcomponentid`, `row`, `is_midnight` and, for each of SPELLED, its zeros.

    `raw` has the required columns, any other KNOWN ones, and `row`, in any types except nested ones. Values that
    cannot be read are reported, and null; a null `componenttext` is a turn without text, which is not reported.
    `is_midnight` marks starts that were written as a time, midnight, and are read as a date only. The zeros (int32)
    are null where there is no id.
    """
    rows = raw.column("row")
    raw = pa.table({n: _readable(raw.column(n), n, rows, problems) for n in raw.column_names})
    batch = _Batch(raw, rows, problems, conventions)
    columns: dict[str, pa.ChunkedArray] = {}
    columns["mostimportantdateutc"], columns["is_date_only"], midnight = batch.starts()
    columns["created_at"], _ = batch.moments("transcriptcreationdate_utc", "transcriptcreationtime_utc")
    columns["keydeveventtypename"] = batch.coded(
        "keydeveventtypeid", "keydeveventtypename", vendor_codes.event_name
    )
    columns["transcriptcollectiontypename"] = batch.coded(
        "transcriptcollectiontypeid", "transcriptcollectiontypename", vendor_codes.collection_name
    )
    for name in (*COMPONENTS.names, "transcriptcomponentid"):
        if name not in columns:
            columns[name] = batch.column(name)
    columns["speakertypename"] = pc.fill_null(columns["speakertypename"], values.UNKNOWN_SPEAKER)
    schema = pa.schema([f.with_nullable(True) for f in COMPONENTS])
    table = pa.table([columns[n] for n in COMPONENTS.names], schema=schema)
    table = table.append_column("transcriptcomponentid", columns["transcriptcomponentid"])
    for name in SPELLED:
        table = table.append_column(zeros_of(name), batch.leading_zeros(name, table.column(name)))
    return table.append_column("row", rows).append_column("is_midnight", midnight)


@dataclass(frozen=True)
class _Batch:
    """A batch of a file's columns, and where to report what is wrong with them."""

    raw: pa.Table
    rows: pa.ChunkedArray
    problems: Problems
    conventions: Conventions

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column of COMPONENTS that comes from one column of the file."""
        kind = KINDS[name]
        if name not in self.raw.column_names:
            type_ = COMPONENTS.field(name).type if name in COMPONENTS.names else pa.string()
            return _nulls(len(self.rows), type_)
        if kind == "date":
            return self.moments(name)[0].cast(_NAIVE).cast(pa.date32())
        if kind == "text":
            return self._text(name)
        read, type_ = _READ[kind]
        return self._meaning(name, read, type_)

    def starts(self) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
        """Return the starts (UTC), whether only the date is known, and whether they were written as midnight.

        A `mostimportanttimeutc` column supplies the time of dates and of midnight times.
        """
        at, has_time = self.moments("mostimportantdateutc", "mostimportanttimeutc")
        is_midnight = pc.and_(has_time, _each(at, moments.is_midnight, pa.bool_())[0])
        is_midnight = pc.fill_null(is_midnight, False)
        return at, pc.or_(is_midnight, pc.invert(has_time)), is_midnight

    def moments(self, name: str, clock: str = "") -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """Return a column of dates and times (UTC), and whether they have a time of day.

        Times of day of the column `clock`, if the file has it, are joined to them. Bounds are checked.
        """
        if name not in self.raw.column_names:
            nothing = _nulls(len(self.rows), _TIMESTAMP)
            return nothing, pc.is_valid(nothing)
        at, has_time = self._dates(name)
        if clock in self.raw.column_names:
            since = self._meaning(clock, self._since_midnight, pa.duration("us")).cast(pa.int64())
            whole, given = at.cast(pa.int64()), pc.fill_null(since, 0)
            own = pc.subtract(whole, pc.multiply(pc.divide(whole, _DAY), _DAY))
            far = pc.greater(pc.abs(pc.subtract(own, given)), moments.SAME_TIME // timedelta(microseconds=1))
            differs = pc.and_(pc.and_(pc.not_equal(own, 0), pc.not_equal(given, 0)), far)
            for row in self.rows.filter(differs).to_pylist():
                self.problems.add(row, clock, f"differs from the time of day in {name}")
            at = pc.add(whole, pc.if_else(pc.equal(own, 0), given, 0)).cast(_TIMESTAMP)
            has_time = pc.or_(has_time, pc.and_(pc.is_valid(since), pc.is_valid(at)))
        _, complaints = _each(at, moments.check_bounds, pa.null())
        self._report(name, at.cast(_NAIVE).cast(pa.date32()).cast(pa.string()), complaints)
        return at, has_time

    def coded(
        self, number: str, name: str, meaning: Callable[[str | None, str | None], str | None]
    ) -> pa.ChunkedArray:
        """Return the names of a code, from the columns of its number and its name."""
        columns = [
            self._meaning(c, str, pa.string())
            if c in self.raw.column_names
            else _nulls(len(self.rows), pa.string())
            for c in (number, name)
        ]
        pairs = list(zip(*(c.to_pylist() for c in columns), strict=True))
        found = {pair: _attempt(meaning, *pair) for pair in dict.fromkeys(pairs)}
        complaints = pa.array([found[pair][1] for pair in pairs], pa.string())
        has_number = pc.is_valid(columns[0])
        self._report(number, columns[0], pc.if_else(has_number, complaints, None))
        self._report(name, columns[1], pc.if_else(has_number, None, complaints))
        return _chunked(pa.array([found[pair][0] for pair in pairs], pa.string()))

    def leading_zeros(self, name: str, found: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return with how many leading zeros (int32) the ids `found` are written; only whole numbers lose them."""
        if name not in self.raw.column_names or pa.types.is_temporal(self.raw.column(name).type):
            return _nulls(len(self.rows), pa.int32())
        written = pc.utf8_trim_whitespace(_as_text(self.raw.column(name)))
        digits = pc.utf8_length(pc.utf8_ltrim(written, "0"))
        zeros = pc.subtract(pc.utf8_length(written), digits).cast(pa.int32())
        is_number = pc.match_substring_regex(found, "^[1-9][0-9]*$")
        return pc.if_else(is_number, zeros, pc.if_else(pc.is_valid(found), 0, None)).cast(pa.int32())

    def _text(self, name: str) -> pa.ChunkedArray:
        """Return texts unchanged; gaps become null."""
        written = _as_text(self.raw.column(name))
        is_gap = pc.is_in(pc.utf8_trim_whitespace(written), pa.array(["", *sorted(values.GAPS_IN_TEXT)]))
        text = pc.if_else(is_gap, None, written)
        nul = pc.fill_null(pc.match_substring(text, "\0"), False)
        for row in self.rows.filter(nul).to_pylist():
            self.problems.add(row, name, "contains a NUL character")
        if name != "componenttext":
            self._report_gaps(name, written, pc.is_null(text))
        return text

    def _dates(self, name: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """Return dates and times (UTC), and whether they were written with a time of day."""
        given = self.raw.column(name)
        if pa.types.is_date(given.type) or pa.types.is_timestamp(given.type):
            at = _utc(given)
            self._report_gaps(name, given, pc.is_null(at))
            return at, pc.and_(pc.is_valid(at), pa.scalar(pa.types.is_timestamp(given.type)))
        read = self._meaning(name, lambda v: vars(moments.moment(v, self.conventions)), _MOMENT)
        return pc.struct_field(read, "at"), pc.fill_null(pc.struct_field(read, "has_time"), False)

    def _since_midnight(self, value: Any) -> timedelta:
        return moments.since_midnight(value, self.conventions)

    def _meaning(self, name: str, read: Callable[[Any], Any], type_: pa.DataType) -> pa.ChunkedArray:
        """Return what each value of a column means, by `read`, which raises ValueError; gaps become null.

        Numbers are read as text. What is refused, and gaps in required columns, are reported by row.
        """
        given, kind = self.raw.column(name), KINDS[name]
        is_temporal = pa.types.is_temporal(given.type)
        if is_temporal and kind != "time":
            self.problems.add(None, name, f"contains {given.type}, a date or time: export the column as text")
            return _nulls(len(given), type_)
        written = _in_microseconds(given) if is_temporal else _as_text(given)
        if kind == "id" and pc.all(pc.match_substring_regex(written, _PLAIN_ID), skip_nulls=False).as_py():
            return written
        found, complaints = _each(written, lambda v: None if values.is_gap(v, kind) else read(v), type_)
        self._report(name, written, complaints)
        self._report_gaps(name, written, pc.and_(pc.is_null(found), pc.is_null(complaints)))
        return found

    def _report(self, name: str, written: pa.ChunkedArray, complaints: pa.ChunkedArray | pa.Array) -> None:
        """Report each value that has a complaint."""
        bad = pc.is_valid(complaints)
        for row, value, complaint in zip(
            *(c.filter(bad).to_pylist() for c in (self.rows, written, complaints)), strict=True
        ):
            self.problems.add(row, name, f'"{str(value)[:_SHOWN]}" {complaint}')

    def _report_gaps(self, name: str, written: pa.ChunkedArray, is_gap: pa.ChunkedArray) -> None:
        """Report gaps if every row needs a value. A missing speaker type means an unknown speaker."""
        if name in REQUIRED and name != "speakertypename":
            for row, value in zip(
                self.rows.filter(is_gap).to_pylist(), written.filter(is_gap).to_pylist(), strict=True
            ):
                is_blank = value is None or not str(value).strip()
                self.problems.add(
                    row,
                    name,
                    "is empty" if is_blank else f'"{value}" stands for a missing value; every row needs one',
                )


def _order(value: str) -> int:
    number = values.identifier(value) if value.strip(" 0.") else "0"
    if not number.isdecimal() or int(number) > _MAX_ORDER:
        raise ValueError("is not a whole number of 0 or more")
    return int(number)


_READ: dict[str, tuple[Callable[[str], Any], pa.DataType]] = {
    "id": (values.identifier, pa.string()),
    "gvkey": (values.gvkey, pa.string()),
    "permno": (values.permno, pa.int64()),
    "order": (_order, pa.int32()),
    "code": (lambda v: " ".join(v.split()), pa.string()),
}
"""How to read a value of each kind, other than texts, dates and times, and the type of the result."""


def _each(
    given: pa.ChunkedArray, read: Callable[[Any], Any], type_: pa.DataType
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return `read` of each value, and the complaints of its ValueErrors; it is called once per distinct value."""
    distinct = given.combine_chunks().dictionary_encode()
    results = [_attempt(read, v) for v in distinct.dictionary.to_pylist()]
    found = pa.array([value for value, _ in results], type_).take(distinct.indices)
    return _chunked(found), _chunked(pa.array([c for _, c in results], pa.string()).take(distinct.indices))


def _attempt(read: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """Return the result and no complaint, or no result and the complaint."""
    try:
        return read(*arguments), None
    except ValueError as error:
        return None, str(error)


def _as_text(given: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as text: whole numbers without a point, and floats that lost digits with an exponent."""
    if not pa.types.is_floating(given.type):
        return given.cast(pa.string())
    limit = _EXACT_FLOAT32 if given.type.bit_width <= 32 else values.EXACT
    return _each(
        given.cast(pa.float64()), lambda v: None if isnan(v) else values.number_text(v, limit), pa.string()
    )[0]


def _in_microseconds(given: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times, intervals and timestamps in microseconds, timestamps in UTC."""
    if pa.types.is_time(given.type):
        return given.cast(pa.time64("us"), safe=False)
    return given.cast(pa.duration("us"), safe=False) if pa.types.is_duration(given.type) else _utc(given)


def _utc(given: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return dates and times as UTC timestamps, truncated to 1 µs; those without a zone are in UTC.

    Midnight in the column's own zone is midnight UTC of that date; see `moments.in_utc`.
    """
    if pa.types.is_date(given.type):
        given = given.cast(pa.date32(), safe=False)  # 64 bits may hold a time of day
    if pa.types.is_date(given.type) or given.type.tz is None:
        return pc.cast(given, _NAIVE, safe=False).cast(_TIMESTAMP)
    return _each(given.cast(pa.timestamp("us", tz=given.type.tz), safe=False), moments.in_utc, _TIMESTAMP)[0]


def _nulls(n: int, type_: pa.DataType) -> pa.ChunkedArray:
    return _chunked(pa.nulls(n, type_))


def _chunked(values_: pa.Array) -> pa.ChunkedArray:
    return pa.chunked_array([values_])


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
