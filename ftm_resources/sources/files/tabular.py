"""Reading transcript files: CSV and Parquet in batches, and the problems that make a file unreadable.

Row numbers count records; the first below the header is 1. That is the spreadsheet row minus one, regardless of
newlines within quoted texts.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ftm_resources.sources.files.columns import KNOWN, REQUIRED, Problems, canonical

ENDINGS = (".csv", ".csv.gz", ".parquet")

BATCH_ROWS = 20_000
"""Rows read at a time: about 20 MB of text."""

CSV_FIELD_BYTES = 16 * 1024 * 1024
"""A component has a few thousand characters; a larger field means a quote was never closed."""

_NOT_CSV = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip file or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x1f\x8b": "compressed with gzip",
    b"\xff\xfe": "in UTF-16",
    b"\xfe\xff": "in UTF-16",
}
"""First bytes of files that are not CSV in UTF-8."""


def batches(file: Path, problems: Problems) -> Iterator[pa.Table]:
    """Yield the known columns of a file, in their own types, and `row`, at most 20,000 rows at a time.

    Problems are recorded. A bad line is skipped; if a column is missing or the rest cannot be read, the file ends
    there.
    """
    is_parquet = file.name.lower().endswith(".parquet")
    n_rows, n_problems = 0, problems.count
    for batch in _parquet(file, problems) if is_parquet else _csv(file, problems):
        n_rows += batch.num_rows
        yield batch
    if not n_rows and problems.count == n_problems:
        problems.add(None, None, "the file has no rows")


def _columns(names: list[str], problems: Problems) -> list[str] | None:
    """Return the names as Capital IQ writes them; None, with a problem, if one is missing or duplicated."""
    found = [canonical(n) for n in names]
    twice = sorted({n for n in found if n in KNOWN and found.count(n) > 1})
    missing = [n for n in REQUIRED if n not in found]
    for name in twice:
        problems.add(None, name, "the column occurs more than once")
    for name in missing:
        shown = ", ".join(names).encode("utf-8", "backslashreplace").decode()
        problems.add(None, name, f"the column is missing; found: {shown[:300]}")
    return None if twice or missing else found


def _parquet(file: Path, problems: Problems) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(file) as parquet:
            schema = parquet.schema_arrow
            names = _columns(schema.names, problems)
            if names is None:
                return
            for name, kind in zip(names, schema.types, strict=True):
                if name in KNOWN and pa.types.is_nested(kind):
                    problems.add(None, name, f"contains {kind}, not one value per row")
                    return
            known = {name: given for name, given in zip(names, schema.names, strict=True) if name in KNOWN}
            row = 1
            for batch in parquet.iter_batches(BATCH_ROWS, columns=list(known.values())):
                table = pa.table({name: pa.chunked_array([batch.column(n)]) for name, n in known.items()})
                numbers = pa.array(range(row, row + batch.num_rows), pa.int64())
                row += batch.num_rows
                yield table.append_column("row", numbers)
    except (pa.ArrowException, OSError) as error:
        problems.add(None, None, f"is not a readable Parquet file: {str(error).splitlines()[0]}")


def _csv(file: Path, problems: Problems) -> Iterator[pa.Table]:
    packed = file.name.lower().endswith(".gz")
    try:
        with _opened(file, packed) as content:
            start = content.read(4)
            for magic, what in _NOT_CSV.items():
                if start.startswith(magic):
                    problems.add(None, None, f"is not a CSV file in UTF-8: it is {what}; convert it")
                    return
            content.seek(0)
            # Bytes that are not UTF-8 become lone surrogates, which `_strings` reports by row and column.
            text = io.TextIOWrapper(content, "utf-8-sig", errors="surrogateescape", newline="")
            yield from _records(text, problems)
    except (OSError, EOFError, zlib.error) as error:
        what = "a readable gzip file" if packed else "readable"
        problems.add(None, None, f"is not {what}: {error}")


@contextmanager
def _opened(file: Path, packed: bool) -> Iterator[io.BufferedReader]:
    with file.open("rb") as raw:
        if packed:
            with gzip.open(raw) as unpacked:
                yield io.BufferedReader(unpacked)
        else:
            yield raw


def _records(text: io.TextIOWrapper, problems: Problems) -> Iterator[pa.Table]:
    csv.field_size_limit(CSV_FIELD_BYTES)
    reader = csv.reader(text, strict=True)
    row, names = 0, None
    numbered: list[tuple[int, list[str]]] = []
    try:
        header = next(reader, None)
        if header is None:
            problems.add(None, None, "the file is empty")
            return
        names = _columns(header, problems)
        if names is None:
            return
        for row, record in enumerate(reader, start=1):
            if len(record) == len(names):
                numbered.append((row, record))
            elif record:  # skip blank lines
                problems.add(row, None, f"has {len(record)} fields, but the header has {len(names)}")
            if len(numbered) == BATCH_ROWS:
                yield _table(names, numbered, problems)
                numbered = []
    except csv.Error as error:
        problems.add(row + 1, None, f"is not well-formed CSV, and nothing after it was read: {error}")
    if names and numbered:
        yield _table(names, numbered, problems)


def _table(names: list[str], numbered: list[tuple[int, list[str]]], problems: Problems) -> pa.Table:
    rows = [row for row, _ in numbered]
    columns = {
        name: _strings([record[i] for _, record in numbered], name, rows, problems)
        for i, name in enumerate(names)
        if name in KNOWN
    }
    return pa.table({**columns, "row": pa.array(rows, pa.int64())})


def _strings(values: list[str], name: str, rows: list[int], problems: Problems) -> pa.Array:
    """Return strings; values that are not UTF-8 are reported and get replacement characters."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        readable = []
        for row, value in zip(rows, values, strict=True):
            content = value.encode("utf-8", "surrogateescape")
            try:
                readable.append(content.decode())
            except UnicodeDecodeError as error:
                problems.add_not_utf8(row, name, content, error)
                readable.append(content.decode(errors="replace"))
        return pa.array(readable, pa.string())
