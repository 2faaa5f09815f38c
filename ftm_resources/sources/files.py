"""The files source: transcripts in CSV or Parquet, one file or a folder of them, in Capital IQ's columns.

Two passes: the first reads and checks every file, so that bad input is refused whole, by file, row and
column, before anything is yielded; the second yields the rows of the quarter. Neither holds more than one file.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftm_resources.sources.base import (
    COMPONENTS,
    Problem,
    Progress,
    SourceError,
    TranscriptSource,
    call_date,
    quarters_of,
)
from ftm_resources.sources.columns import REQUIRED, Problems, normalise

ENDINGS = (".csv", ".csv.gz", ".parquet")

ADVICE = "Nothing was written. Correct the files, or take them out, and run again."

CSV_FIELD_BYTES = 64 * 1024 * 1024
"""A component is some thousand characters; a field beyond this is a quote that was never closed."""


class FilesSource(TranscriptSource):
    """CSV or Parquet files at a path."""

    name = "files"

    def __init__(self, path: str | Path) -> None:
        """Take a file, or a folder whose CSV and Parquet files are read, subfolders included."""
        self._path = Path(path).expanduser()

    def files(self) -> list[Path]:
        """Return the files read, sorted; SourceError where there are none."""
        if not self._path.exists():
            raise SourceError(
                [Problem(str(self._path), None, None, "there is no such file or folder")], advice=ADVICE
            )
        if self._path.is_file():
            if not self._path.name.lower().endswith(ENDINGS):
                raise SourceError(
                    [Problem(str(self._path), None, None, f"is none of {', '.join(ENDINGS)}")], advice=ADVICE
                )
            return [self._path]
        found = sorted(
            p
            for p in self._path.rglob("*")
            if p.is_file()
            and p.name.lower().endswith(ENDINGS)
            and not any(part.startswith((".", "_")) for part in p.relative_to(self._path).parts)
        )
        if not found:
            raise SourceError(
                [Problem(str(self._path), None, None, f"holds no {', '.join(ENDINGS)} file")], advice=ADVICE
            )
        return found

    def components(self, quarter: str, progress: Progress | None = None) -> Iterator[pa.Table]:
        """Yield the quarter's components, file by file; SourceError before the first where any file is bad."""
        files = self.files()
        self._check(files)
        done = 0
        for file in files:
            rows = _read(file, Problems(self._label(file)))
            if rows is None:  # it was readable a moment ago
                raise SourceError(
                    [Problem(self._label(file), None, None, "changed while it was read")], advice=ADVICE
                )
            rows = rows.select(COMPONENTS.names).cast(COMPONENTS)
            dates = call_date(rows.column("mostimportantdateutc"), rows.column("is_date_only"))
            rows = rows.filter(pc.equal(quarters_of(dates), quarter))
            done += rows.num_rows
            if progress:
                progress(done, None)
            if rows.num_rows:
                yield rows

    def _check(self, files: list[Path]) -> None:
        """Read every file and refuse them together: problems of a file, then duplicates across files."""
        problems: list[Problem] = []
        more = 0
        seen: dict[tuple[str, int], tuple[str, int]] = {}
        calls: dict[str, tuple[str, object, str]] = {}
        for file in files:
            found = Problems(self._label(file))
            rows = _read(file, found)
            if rows is not None:
                _check_duplicates(rows, found, seen)
                _check_calls(rows, found, calls)
            problems += sorted(found.listed, key=lambda p: p.row or 0)
            more += found.more
        if problems:
            raise SourceError(problems, len(problems) + more, advice=ADVICE)

    def _error(self, message: str) -> SourceError:
        return SourceError([Problem(str(self._path), None, None, message)], advice=ADVICE)

    def _label(self, file: Path) -> str:
        return file.name if self._path.is_file() else str(file.relative_to(self._path))


def _check_duplicates(
    rows: pa.Table, problems: Problems, seen: dict[tuple[str, int], tuple[str, int]]
) -> None:
    """Report components that occur twice, in this file or in one before."""
    keys = zip(
        rows.column("transcriptid").to_pylist(),
        rows.column("componentorder").to_pylist(),
        rows.column("row").to_pylist(),
        strict=True,
    )
    for transcript, order, row in keys:
        if transcript is None or order is None:
            continue
        first = seen.setdefault((transcript, order), (problems.file, row))
        if first != (problems.file, row):
            where = f"row {first[1]}" if first[0] == problems.file else f"{first[0]}, row {first[1]}"
            message = f"transcript {transcript} has component {order} already in {where}"
            problems.add(row, "componentorder", message)


def _check_calls(rows: pa.Table, problems: Problems, calls: dict[str, tuple[str, object, str]]) -> None:
    """Report transcripts whose rows disagree about firm or time."""
    columns = ["transcriptid", "companyid", "mostimportantdateutc"]
    distinct = rows.group_by(columns, use_threads=False).aggregate([("row", "min")])
    for call in distinct.sort_by("row_min").to_pylist():
        if call["transcriptid"] is None:
            continue
        found = (call["companyid"], call["mostimportantdateutc"], problems.file)
        first = calls.setdefault(call["transcriptid"], found)
        for column, ours, theirs in zip(columns[1:], found, first, strict=False):
            if ours is not None and theirs is not None and ours != theirs:
                message = f"{ours} differs from {theirs} earlier in transcript {call['transcriptid']}"
                problems.add(call["row_min"], column, message)


def _read(file: Path, problems: Problems) -> pa.Table | None:
    """Return a file's rows normalised, with their number in `row`; None where it cannot be read at all."""
    raw = (
        _read_parquet(file, problems) if file.name.lower().endswith(".parquet") else _read_csv(file, problems)
    )
    if raw is None:
        return None
    missing = [c for c in REQUIRED if c not in raw.column_names]
    for column in missing:
        problems.add(None, column, f"the column is missing; found: {', '.join(raw.column_names)}")
    if missing:
        return None
    if not raw.num_rows:
        problems.add(None, None, "the file has no rows")
        return None
    return normalise(raw, problems)


def _read_parquet(file: Path, problems: Problems) -> pa.Table | None:
    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        problems.add(None, None, f"is not a readable Parquet file: {str(error).splitlines()[0]}")
        return None
    names = _names(table.column_names, problems)
    if names is None:
        return None
    known = [i for i, n in enumerate(names) if n in KNOWN]
    return pa.table({names[i]: table.column(i) for i in known}).append_column(
        "row", pa.array(range(1, table.num_rows + 1), pa.int64())
    )


def _read_csv(file: Path, problems: Problems) -> pa.Table | None:
    content = file.read_bytes()
    if file.name.lower().endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            problems.add(None, None, f"is not a readable gzip file: {error}")
            return None
    if content[:4] in {b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b\x08\x00"}:
        problems.add(None, None, "is not a CSV file: it is Parquet, Excel or compressed, whatever its ending")
        return None
    if not content.strip():
        problems.add(None, None, "the file is empty")
        return None
    text = _decode(content, problems)
    if text is None:
        return None
    return _parse_csv(text, problems)


def _decode(content: bytes, problems: Problems) -> str | None:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = max(_records_before(content[: error.start]), 1)
        found = content[error.start : error.start + 4].hex(" ")
        problems.add(row, None, f"is not UTF-8 at byte {error.start} ({found}): save the file as UTF-8")
        return None


def _records_before(content: bytes) -> int:
    """Count the records that open before the end of `content`, the header not counted."""
    text = content.decode("utf-8-sig", errors="replace")
    return sum(1 for _ in csv.reader(io.StringIO(text, newline=""))) - 1


def _parse_csv(text: str, problems: Problems) -> pa.Table | None:
    csv.field_size_limit(CSV_FIELD_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = _names(next(reader), problems)
        if names is None:
            return None
        columns: dict[str, list[str | None]] = {n: [] for n in names if n in KNOWN}
        numbers = []
        for row, record in enumerate(reader, start=1):
            if not record:
                continue
            if len(record) != len(names):
                problems.add(row, None, f"has {len(record)} fields where the header has {len(names)}")
                continue
            numbers.append(row)
            for name, value in zip(names, record, strict=True):
                if name in columns:
                    columns[name].append(value or None)
    except csv.Error as error:
        problems.add(None, None, f"is not well-formed CSV near line {reader.line_num}: {error}")
        return None
    except StopIteration:
        problems.add(None, None, "the file is empty")
        return None
    table = pa.table({n: pa.array(v, pa.string()) for n, v in columns.items()})
    return table.append_column("row", pa.array(numbers, pa.int64()))


def _names(names: list[str], problems: Problems) -> list[str] | None:
    """Return the column names as Capital IQ writes them; None, with a problem, where one occurs twice."""
    lower = [n.strip().lower() for n in names]
    twice = sorted({n for n in lower if n in KNOWN and lower.count(n) > 1})
    for name in twice:
        problems.add(None, name, "the column occurs more than once")
    return None if twice else lower


KNOWN = frozenset(COMPONENTS.names) - {"is_date_only"} | {"mostimportanttimeutc"}
"""Columns read; others in a file are passed over."""
