"""Transcripts in text with delimiters: CSV and its relatives, plain, in gzip or alone in a zip file.

The delimiter (comma, semicolon, tab or bar) is the one under which the header has the required columns. The text is
UTF-8, or UTF-16 with a byte order mark, as Excel writes "Unicode Text".
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa

from ftm_resources.sources.files import header
from ftm_resources.sources.files.attributes import MAX_CHARACTERS, is_attribute
from ftm_resources.sources.files.problems import Problems

CSV_FIELD_BYTES = 16 * 1024 * 1024
"""A component has a few thousand characters; a larger field means a quote was never closed."""

DELIMITERS = (",", ";", "\t", "|")

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

_NOT_CSV = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip file or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x1f\x8b": "compressed with gzip",
    b"\xff\xfe\0\0": "in UTF-32",
    b"\0\0\xfe\xff": "in UTF-32",
}
"""First bytes of files that are not text in an encoding that is read."""


_QUOTE = "Export it with quotation marks around texts, and those within them doubled, or as Parquet"

_UNQUOTED = f"has a quotation mark that is never closed, so that {{n}} more lines would be read as one field. {_QUOTE}"


class _UnreadableError(Exception):
    """The file cannot be read at all; the message says why."""


def read(file: Path, problems: Problems) -> Iterator[pa.Table]:
    """Yield the known columns of a file and its attributes, as strings, and `row`."""
    try:
        with _opened(file) as content:
            start = content.read(4)
            content.seek(0)
            what = next((what for magic, what in _NOT_CSV.items() if start.startswith(magic)), None)
            if what is None and b"\0" in start and not start.startswith(_UTF_16):
                what = "in UTF-16 without a byte order mark, or not text at all"
            if what:
                raise _UnreadableError(f"is not a CSV file in UTF-8: it is {what}; convert it")
            is_utf_16 = start.startswith(_UTF_16)
            # Bytes that are not UTF-8 become lone surrogates, which `_strings` reports by row and column.
            text = io.TextIOWrapper(
                content,
                "utf-16" if is_utf_16 else "utf-8-sig",
                errors="strict" if is_utf_16 else "surrogateescape",
                newline="",
            )
            yield from _records(text, problems)
    except _UnreadableError as error:
        problems.add(None, None, str(error))
    except UnicodeDecodeError as error:
        problems.add(None, None, f"is not UTF-16, as it begins: {error.reason}; save it as UTF-8")
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        kind = {".gz": "a readable gzip file", ".zip": "a readable zip file"}.get(file.suffix.lower())
        problems.add(None, None, f"is not {kind or 'readable'}: {error}")


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    with file.open("rb") as raw:
        if file.name.lower().endswith(".gz"):
            with gzip.open(raw) as unpacked:
                yield io.BufferedReader(unpacked)
        elif file.name.lower().endswith(".zip"):
            with zipfile.ZipFile(raw) as packed, packed.open(_only_member(packed)) as unpacked:
                yield unpacked
        else:
            yield raw


def _only_member(packed: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one file in a zip file; macOS adds a folder of its own."""
    members = [m for m in packed.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    names = header.shown(", ".join(m.filename for m in members)) or "nothing"
    if len(members) != 1 or not members[0].filename.lower().endswith((".csv", ".tsv", ".txt")):
        raise _UnreadableError(f"must contain one CSV file and nothing else, but contains {names}: unpack it")
    if members[0].flag_bits & 1:
        raise _UnreadableError("is protected by a password: unpack it")
    return members[0]


def _records(text: io.TextIOWrapper, problems: Problems) -> Iterator[pa.Table]:
    csv.field_size_limit(CSV_FIELD_BYTES)
    delimiter = _delimiter(text, problems)
    lines = _Lines(text)
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    row, known = 0, None
    numbered: list[tuple[int, list[str]]] = []
    try:
        names = next(reader, None)
        if names is None:
            problems.add(None, None, "the file is empty")
            return
        known = header.chosen(names, problems)
        if known is None:
            return
        lines.of_record.clear()
        for row, record in enumerate(reader, start=1):
            if len(lines.of_record) > 1 and (n := _swallowed(lines.of_record, delimiter, len(names), known)):
                problems.add(row, None, _UNQUOTED.format(n=n))
            elif len(record) == len(names):
                numbered.append((row, record))
            elif record:  # skip blank lines
                problems.add(row, None, f"has {len(record)} fields, but the header has {len(names)}")
            lines.of_record.clear()
            if len(numbered) == header.BATCH_ROWS:
                yield _table(known, numbered, problems)
                numbered = []
    except csv.Error as error:
        problems.add(
            row + 1, None, f"is not well-formed CSV, and nothing after it was read: {error}. {_QUOTE}"
        )
    if known and numbered:
        yield _table(known, numbered, problems)


class _Lines:
    """The lines of a text, of which those of the current record are kept."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.of_record: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.of_record.append(line)
        return line


def _swallowed(lines: list[str], delimiter: str, n: int, known: dict[str, int]) -> int:
    """Return how many of a record's lines, after the first, are records themselves.

    Where texts are not quoted, a turn that begins with a quotation mark opens a field, and a later one that ends with
    one closes it: the result has as many fields as any record. A quoted text of several lines may have delimiters too,
    but its first line and another are not both whole records, with an order and a date in their places.
    """
    if not set(_PLACES) <= known.keys():  # no file of transcripts, which alone has texts
        return 0
    first, *others = (_is_record(line.rstrip("\r\n").split(delimiter), n, known) for line in lines)
    return sum(others) if first else 0


def _is_record(fields: list[str], n: int, known: dict[str, int]) -> bool:
    order, day = (fields[known[c]].strip('" ') if len(fields) == n else "" for c in _PLACES)
    return order.partition(".")[0].isdecimal() and sum(c.isdigit() for c in day) >= _DATE_DIGITS


_PLACES = ("componentorder", "mostimportantdateutc")
_DATE_DIGITS = 5
"""Fewest digits of a date: 3 Feb 2021."""


def _delimiter(text: io.TextIOWrapper, problems: Problems) -> str:
    """Return the delimiter that gives the header all required columns; the comma if none does."""
    for delimiter in DELIMITERS:
        try:
            names = next(csv.reader(text, strict=True, delimiter=delimiter), [])
        except csv.Error:
            names = []
        text.seek(0)
        if header.has_all(names, problems.expected):
            return delimiter
    return ","


def _table(known: dict[str, int], numbered: list[tuple[int, list[str]]], problems: Problems) -> pa.Table:
    rows = [row for row, _ in numbered]
    columns = {
        n: _attribute([record[i] for _, record in numbered])
        if is_attribute(n)
        else _strings([record[i] for _, record in numbered], n, rows, problems)
        for n, i in known.items()
    }
    return pa.table({**columns, "row": pa.array(rows, pa.int64())})


def _attribute(values: list[str]) -> pa.Array:
    """Return strings, cut shortly after the most characters of an attribute, with replacement characters."""
    cut = [value[: MAX_CHARACTERS + 1].encode("utf-8", "surrogateescape") for value in values]
    return pa.array([value.decode(errors="replace") for value in cut], pa.string())


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
