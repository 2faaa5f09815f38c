"""Columns of a transcript file: conversion from the types of any format to those of COMPONENTS.

What a value means is decided in `sources.values`, `sources.moments` and `sources.vendor_codes`, for every source; here
it is applied to whole columns, each distinct value once, and what cannot be read is reported by row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources import quarters
from ftm_resources.sources import moments, values, vendor_codes
from ftm_resources.sources.files.attributes import is_attribute
from ftm_resources.sources.files.column_values import (
    MOMENT,
    NAIVE,
    TIMESTAMP,
    as_text,
    attempt,
    chunked,
    each,
    in_microseconds,
    nulls,
    readable,
    utc,
)
from ftm_resources.sources.files.file_conventions import NO_FILE_CONVENTIONS, FileConventions
from ftm_resources.sources.files.problems import Problems
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
"""Columns that FTM knows; others are attributes (see `files.attributes`)."""

_ALIASES = {
    "transcriptcomponenttypename": "componenttypename",
    "mostimportantdate": "mostimportantdateutc",
    "mostimportanttime": "mostimportanttimeutc",
    "transcriptcreationdate": "transcriptcreationdate_utc",
    "transcriptcreationtime": "transcriptcreationtime_utc",
    "transcriptcreationdateutc": "transcriptcreationdate_utc",
    "transcriptcreationtimeutc": "transcriptcreationtime_utc",
}
"""Names of the same columns in WRDS's views of Capital IQ and in Xpressfeed, also without their UTC."""

_DAY = 86_400_000_000
"""A day in microseconds."""
_MAX_ORDER = 1_000_000
_SHOWN = 60
"""Most characters of a bad value that a message shows."""
_PLAIN_ID = "^(?:[1-9][0-9]{0,6}|[1-8][0-9]{7,14})$"
"""Ids that are stored as they are written, most of them; 99999999 is a gap."""

SPELLED = ("companyid", "transcriptid", "keydevid", "transcriptcomponentid")
"""Ids that tell rows apart; each has a column of leading zeros, named by `zeros_of`, which the stored id lacks."""


def zeros_of(name: str) -> str:
    """Return the column that says with how many leading zeros an id is written."""
    return f"{name}_zeros"


def canonical(name: str) -> str:
    """Return a column's name, in any case, as Capital IQ's tables spell it."""
    lower = name.strip().lower()
    return _ALIASES.get(lower, lower)


def normalise(
    raw: pa.Table,
    problems: Problems,
    conventions: FileConventions = NO_FILE_CONVENTIONS,
) -> pa.Table:
    """Return a table of COMPONENTS, `transcriptcomponentid`, `row`, `is_midnight` and, for each of SPELLED, its zeros.

    `raw` has the required columns, any other KNOWN ones, and `row`, in any types except nested ones. Attributes are
    ignored here. Values that
    cannot be read are reported, and null; a null `componenttext` is a turn without text, which is not reported.
    `is_midnight` marks starts that were written as a time, midnight, and are read as a date only. The zeros (int32)
    are null where there is no id.
    """
    rows = raw.column("row")
    known = [n for n in raw.column_names if not is_attribute(n)]
    raw = pa.table({n: readable(raw.column(n), n, rows, problems) for n in known})
    batch = _Batch(raw, rows, problems, conventions)
    columns: dict[str, pa.ChunkedArray] = {}
    columns["mostimportantdateutc"], columns["is_date_only"], midnight = batch.starts()
    columns["created_at"], _, _ = batch.moments("transcriptcreationdate_utc", "transcriptcreationtime_utc")
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
    conventions: FileConventions

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column of COMPONENTS that comes from one column of the file."""
        kind = KINDS[name]
        if name not in self.raw.column_names:
            type_ = COMPONENTS.field(name).type if name in COMPONENTS.names else pa.string()
            return nulls(len(self.rows), type_)
        if kind == "date":
            return self.moments(name)[0].cast(NAIVE).cast(pa.date32())
        if kind == "text":
            return self._text(name)
        read, type_ = _READ[kind]
        return self._meaning(name, read, type_)

    def starts(self) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
        """Return the starts (UTC), whether only the date is known, and whether they were written as midnight.

        A `mostimportanttimeutc` column supplies the time of dates and of midnight times.
        """
        at, has_time, is_midnight = self.moments("mostimportantdateutc", "mostimportanttimeutc")
        if self.conventions.is_dated_in_new_york:
            at = each(at, _date_in_new_york, TIMESTAMP)[0]
            is_midnight = pc.is_valid(at)
        return at, pc.or_(is_midnight, pc.invert(has_time)), is_midnight

    def moments(self, name: str, clock: str = "") -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
        """Return a column of dates and times (UTC), whether they have a time of day, and whether it says nothing.

        Times of day of the column `clock`, if the file has it, are joined to them. Bounds are checked.
        """
        if name not in self.raw.column_names:
            nothing = nulls(len(self.rows), TIMESTAMP)
            return nothing, pc.is_valid(nothing), pc.is_valid(nothing)
        at, has_time, is_midnight = self._dates(name)
        if name == "transcriptcreationdate_utc":
            stands_for_none = each(at, lambda v: v is not None and moments.is_no_date(v.date()), pa.bool_())[
                0
            ]
            at = pc.if_else(stands_for_none, None, at)
        if clock in self.raw.column_names:
            since = self._meaning(clock, lambda v: self._since_midnight(clock, v), pa.duration("us")).cast(
                pa.int64()
            )
            whole, given = at.cast(pa.int64()), pc.fill_null(since, 0)
            own = pc.subtract(whole, pc.multiply(pc.divide(whole, _DAY), _DAY))
            has_own = pc.and_(has_time, pc.invert(is_midnight))
            far = pc.greater(pc.abs(pc.subtract(own, given)), moments.SAME_TIME // timedelta(microseconds=1))
            differs = pc.and_(pc.and_(has_own, pc.not_equal(given, 0)), far)
            for row in self.rows.filter(pc.fill_null(differs, False)).to_pylist():
                self.problems.add(row, clock, f"differs from the time of day in {name}")
            at = pc.add(whole, pc.if_else(has_own, 0, given)).cast(TIMESTAMP)
            has_time = pc.or_(has_time, pc.and_(pc.is_valid(since), pc.is_valid(at)))
            is_midnight = pc.and_(pc.and_(has_time, pc.invert(has_own)), pc.equal(given, 0))
        _, complaints = each(at, moments.check_bounds, pa.null())
        self._report(name, at.cast(NAIVE).cast(pa.date32()).cast(pa.string()), complaints)
        return at, has_time, is_midnight

    def coded(
        self, number: str, name: str, meaning: Callable[[str | None, str | None], str | None]
    ) -> pa.ChunkedArray:
        """Return the names of a code, from the columns of its number and its name."""
        columns = [
            self._meaning(c, str, pa.string())
            if c in self.raw.column_names
            else nulls(len(self.rows), pa.string())
            for c in (number, name)
        ]
        pairs = list(zip(*(c.to_pylist() for c in columns), strict=True))
        found = {pair: attempt(meaning, *pair) for pair in dict.fromkeys(pairs)}
        complaints = pa.array([found[pair][1] for pair in pairs], pa.string())
        has_number = pc.is_valid(columns[0])
        self._report(number, columns[0], pc.if_else(has_number, complaints, None))
        self._report(name, columns[1], pc.if_else(has_number, None, complaints))
        return chunked(pa.array([found[pair][0] for pair in pairs], pa.string()))

    def leading_zeros(self, name: str, found: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return with how many leading zeros (int32) the ids `found` are written; only whole numbers lose them."""
        if name not in self.raw.column_names or pa.types.is_temporal(self.raw.column(name).type):
            return nulls(len(self.rows), pa.int32())
        written = pc.utf8_trim_whitespace(as_text(self.raw.column(name)))
        digits = pc.utf8_length(pc.utf8_ltrim(written, "0"))
        zeros = pc.subtract(pc.utf8_length(written), digits).cast(pa.int32())
        is_number = pc.match_substring_regex(found, "^[1-9][0-9]*$")
        return pc.if_else(is_number, zeros, pc.if_else(pc.is_valid(found), 0, None)).cast(pa.int32())

    def _text(self, name: str) -> pa.ChunkedArray:
        """Return texts unchanged; gaps become null."""
        written = as_text(self.raw.column(name))
        is_gap = pc.is_in(pc.utf8_trim_whitespace(written), pa.array(["", *sorted(values.GAPS_IN_TEXT)]))
        text = pc.if_else(is_gap, None, written)
        nul = pc.fill_null(pc.match_substring(text, "\0"), False)
        for row in self.rows.filter(nul).to_pylist():
            self.problems.add(row, name, "contains a NUL character")
        if name != "componenttext":
            self._report_gaps(name, written, pc.is_null(text))
        return text

    def _dates(self, name: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
        """Return dates and times (UTC), whether they were written with a time of day, and whether as midnight."""
        given = self.raw.column(name)
        if pa.types.is_date(given.type) or pa.types.is_timestamp(given.type):
            read = utc(given)
            self._report_gaps(name, given, pc.is_null(read))
        else:
            own = self.conventions.of(name)
            read = self._meaning(name, lambda v: vars(moments.moment(v, own)), MOMENT)
        at, *marks = (pc.struct_field(read, field) for field in ("at", "has_time", "is_midnight"))
        has_time, is_midnight = (pc.fill_null(mark, False) for mark in marks)
        return at, has_time, is_midnight

    def _since_midnight(self, name: str, value: Any) -> timedelta:
        return moments.since_midnight(value, self.conventions.of(name))

    def _meaning(self, name: str, read: Callable[[Any], Any], type_: pa.DataType) -> pa.ChunkedArray:
        """Return what each value of a column means, by `read`, which raises ValueError; gaps become null.

        Numbers are read as text. What is refused, and gaps in required columns, are reported by row.
        """
        given, kind = self.raw.column(name), KINDS[name]
        is_temporal = pa.types.is_temporal(given.type)
        if is_temporal and kind != "time":
            self.problems.add(None, name, f"contains {given.type}, a date or time: export the column as text")
            return nulls(len(given), type_)
        written = in_microseconds(given) if is_temporal else as_text(given)
        if kind == "id" and pc.all(pc.match_substring_regex(written, _PLAIN_ID), skip_nulls=False).as_py():
            return written
        found, complaints = each(written, lambda v: None if values.is_gap(v, kind) else read(v), type_)
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


def _date_in_new_york(at: datetime | None) -> datetime | None:
    """Return midnight UTC of a moment's date in New York."""
    return at and datetime.combine(at.astimezone(quarters.NEW_YORK).date(), time(0), UTC)


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
