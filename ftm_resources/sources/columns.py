"""Columns of a transcript file: from whatever a CSV or Parquet file holds to the types of COMPONENTS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.sources.base import COMPONENTS, MAX_PROBLEMS, Problem

REQUIRED = (
    "companyid",
    "companyname",
    "transcriptid",
    "componenttext",
    "componentorder",
    "mostimportantdateutc",
    "speakertypename",
)
"""What every file must have: the columns of the old CSV export, which has these and nothing else."""

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_US_DATE = "%m/%d/%Y"
_MAX_ORDER = 1_000_000


@dataclass
class Problems:
    """The problems of one file: the first 20, and how many more there are."""

    file: str
    listed: list[Problem] = field(default_factory=list)
    more: int = 0

    def add(self, row: int | None, column: str | None, message: str) -> None:
        """Note a problem."""
        if len(self.listed) < MAX_PROBLEMS:
            self.listed.append(Problem(self.file, row, column, message))
        else:
            self.more += 1


def normalise(raw: pa.Table, problems: Problems) -> pa.Table:
    """Return a table of COMPONENTS and `row`; what cannot be read is null and noted by row and column.

    `raw` has the required columns, any of the optional ones, and `row`, in any types.
    """
    rows = raw.column("row")
    columns: dict[str, pa.ChunkedArray] = {}
    for name in ("companyid", "transcriptid"):
        columns[name] = _required(_ids(raw.column(name)), name, rows, problems)
    for name in ("companyname", "speakertypename", "componenttext"):
        columns[name] = _required(_text(raw.column(name)), name, rows, problems)
    nul = pc.fill_null(pc.match_substring(columns["componenttext"], "\0"), False)
    for row in rows.filter(nul).to_pylist():
        problems.add(row, "componenttext", "holds a NUL character")
    columns["componentorder"] = _orders(raw.column("componentorder"), rows, problems)
    at, is_date_only = _times(raw, rows, problems)
    columns |= {"mostimportantdateutc": at, "is_date_only": is_date_only}
    for name in COMPONENTS.names:
        if name not in columns:
            given = raw.column(name) if name in raw.column_names else None
            columns[name] = _optional(name, given, rows, problems)
    schema = pa.schema([f.with_nullable(True) for f in COMPONENTS])
    return pa.table([columns[n] for n in COMPONENTS.names], schema=schema).append_column("row", rows)


def _optional(
    name: str, given: pa.ChunkedArray | None, rows: pa.ChunkedArray, problems: Problems
) -> pa.ChunkedArray:
    kind = COMPONENTS.field(name).type
    if given is None:
        return pa.chunked_array([pa.nulls(len(rows), kind)])
    if name == "permno":
        return _parsed(_ids(given), name, rows, problems, _whole_number, kind, "is not a PERMNO")
    if name == "link_date":
        day = pc.cast(given, pa.date32()) if pa.types.is_temporal(given.type) else None
        if day is not None:
            return day
        return _parsed(_text(given), name, rows, problems, _day, kind, "is not a date")
    return _ids(given) if name in {"keydevid", "gvkey"} else _text(given)


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return strings; blank ones are null, others as they are."""
    text = values.cast(pa.string())
    return pc.if_else(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(text)), 0), None, text)


def _ids(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return ids as strings: pandas writes an integer column with a gap as 18749.0."""
    if pa.types.is_floating(values.type):
        whole = pc.cast(values, pa.int64(), safe=False)
        values = pc.if_else(pc.equal(values, pc.cast(whole, values.type)), pc.cast(whole, pa.string()), None)
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
    return _parsed(text, name, rows, problems, _order, pa.int32(), "is not a whole number from 0 on")


def _parsed(
    text: pa.ChunkedArray,
    name: str,
    rows: pa.ChunkedArray,
    problems: Problems,
    parse: Callable[[str], object],
    kind: pa.DataType,
    complaint: str,
) -> pa.ChunkedArray:
    """Parse each distinct value once; note the rows of those that do not parse."""
    encoded = text.combine_chunks().dictionary_encode()
    parsed = [_attempt(parse, v) for v in encoded.dictionary.to_pylist()]
    result = pa.array(parsed, kind).take(encoded.indices)
    bad = pc.and_(pc.is_valid(text), pc.is_null(result))
    for row, value in zip(rows.filter(bad).to_pylist(), text.filter(bad).to_pylist(), strict=True):
        problems.add(row, name, f'"{value[:60]}" {complaint}')
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
    return int(value.strip())


def _times(
    raw: pa.Table, rows: pa.ChunkedArray, problems: Problems
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return the times (UTC) and whether each is a bare date.

    A file in which every time is midnight has dates only, whatever its type: no day of calls starts at 00:00
    UTC throughout. A `mostimportanttimeutc` column gives the time of a bare date.
    """
    name = "mostimportantdateutc"
    values = raw.column(name)
    if pa.types.is_temporal(values.type):
        at = _utc(values)
        at = _required(at, name, rows, problems)
    else:
        text = _required(_text(values), name, rows, problems)
        at = _parsed(text, name, rows, problems, _moment, _TIMESTAMP, "is not a date or time")
    bare = pc.equal(pc.local_timestamp(at).cast(pa.time64("us")), pa.scalar(time(0), pa.time64("us")))
    if "mostimportanttimeutc" in raw.column_names:
        return _with_time(at, bare, raw.column("mostimportanttimeutc"), rows, problems)
    all_bare = pc.all(bare, min_count=0).as_py() is not False
    is_text = not pa.types.is_temporal(values.type)
    written_bare = pc.invert(pc.match_substring(_text(values), ":")) if is_text else None
    date_only = pa.chunked_array([pa.repeat(pa.scalar(all_bare), len(at))])
    if written_bare is not None:
        date_only = pc.or_(date_only, written_bare)
    return at, pc.fill_null(date_only, True)


def _utc(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(values.type) and values.type.tz is None:
        return pc.assume_timezone(values.cast(pa.timestamp("us")), "UTC")
    if pa.types.is_date(values.type):
        return pc.assume_timezone(values.cast(pa.timestamp("us")), "UTC")
    return values.cast(_TIMESTAMP)


def _with_time(
    at: pa.ChunkedArray,
    bare: pa.ChunkedArray,
    times: pa.ChunkedArray,
    rows: pa.ChunkedArray,
    problems: Problems,
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    text = _text(times)
    micros = _parsed(
        text, "mostimportanttimeutc", rows, problems, _since_midnight, pa.int64(), "is not a time"
    )
    joined = pc.add(at.cast(pa.int64()), pc.fill_null(micros, 0)).cast(_TIMESTAMP)
    use = pc.and_(bare, pc.is_valid(micros))
    return pc.if_else(use, joined, at), pc.fill_null(pc.and_(bare, pc.is_null(micros)), True)


def _since_midnight(value: str) -> int:
    t = time.fromisoformat(value.strip())
    return ((t.hour * 60 + t.minute) * 60 + t.second) * 1_000_000 + t.microsecond


def _moment(value: str) -> datetime:
    """Parse ISO dates and times (without a zone: UTC), and month/day/year as American exports write it."""
    value = value.strip()
    if "/" in value:
        day, _, clock = value.partition(" ")
        parsed = datetime.strptime(day, _US_DATE).replace(tzinfo=UTC)
        return datetime.combine(parsed.date(), time.fromisoformat(clock.zfill(5)), UTC) if clock else parsed
    if len(value) < len("2020-01-01"):
        raise ValueError(value)
    parsed = datetime.fromisoformat(value)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _day(value: str) -> date:
    return _moment(value).date()
