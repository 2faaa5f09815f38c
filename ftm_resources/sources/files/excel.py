"""Transcripts in an Excel workbook: the one sheet that has the required columns.

openpyxl reads it row by row. Others are faster, but show the errors and formulas of a sheet as empty cells.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

import pyarrow as pa

from ftm_resources.sources.base import SourceWarning
from ftm_resources.sources.files import header
from ftm_resources.sources.files.attributes import is_attribute
from ftm_resources.sources.files.columns import REQUIRED
from ftm_resources.sources.files.problems import Problems
from ftm_resources.sources.values import EXCELS_DATE, KINDS

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

_DIGITS = 10.0**15
"""Excel keeps 15 digits of a number."""

_OLE = b"\xd0\xcf\x11\xe0"
"""First bytes of Excel's old files, and of those with a password."""

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
"""A character that XML cannot hold, such as a carriage return, as Excel writes it."""

_MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?ref="([A-Z0-9:]+)"')
_HIDDEN = re.compile(rb'<(?:\w+:)?row [^>]*?hidden="(?:1|true)"')
_CHUNK = 1 << 20


def read(file: Path, problems: Problems) -> Iterator[pa.Table]:
    """Yield the known columns of a workbook, as strings, and `row`, which is the row in Excel below the header."""
    import openpyxl  # noqa: PLC0415
    from openpyxl.utils.datetime import WINDOWS_EPOCH  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        with file.open("rb") as content:
            if content.read(4) == _OLE:
                problems.add(
                    None,
                    None,
                    "is an old workbook or one with a password: open it in Excel, remove the password, save as .xlsx",
                )
                return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parts that openpyxl does not support: formatting, extensions
            book = openpyxl.load_workbook(file, read_only=True, keep_links=False)
        with closing(book):
            sheet = _chosen(book.worksheets, problems)
            if sheet is not None:
                _check_shape(sheet, file, problems)
                serials = b"excel" if book.epoch == WINDOWS_EPOCH else b"excel1904"
                for table in _rows(sheet, problems):
                    yield table.replace_schema_metadata({b"serials": serials})
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        ParseError,
        InvalidFileException,
    ) as error:
        problems.add(None, None, f"is not a readable Excel workbook: {error}")


def _chosen(sheets: list[ReadOnlyWorksheet], problems: Problems) -> ReadOnlyWorksheet | None:
    """Return the sheet with all required columns; None, with a problem, if there is none or more than one."""
    headers = {s.title: _header(s)[1] for s in sheets}
    fitting = [s for s in sheets if header.has_all(headers[s.title])]
    if len(fitting) == 1:
        return fitting[0]
    names = header.shown(", ".join(f'"{s.title}"' for s in fitting or sheets))
    if fitting:
        problems.add(
            None, None, f"has several sheets of transcripts: {names}. Leave one, or save them as files"
        )
    elif len(sheets) == 1:
        header.columns(headers[sheets[0].title], problems)
    else:
        found = {known for name in headers for known in map(header.known, headers[name])}
        missing = ", ".join(n for n in REQUIRED if n not in found) or "each is in another sheet"
        problems.add(
            None, None, f"has no sheet with all required columns. Sheets: {names}; missing: {missing}"
        )
    return None


def _header(sheet: ReadOnlyWorksheet) -> tuple[int, list[str]]:
    """Return the number and the cells of the first row that is not blank; (0, []) if there is none."""
    sheet.reset_dimensions()  # a wrong <dimension> hides cells
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        if any(c is not None for c in cells):
            return number, ["" if c is None else str(c) for c in cells]
    return 0, []


def _check_shape(sheet: ReadOnlyWorksheet, file: Path, problems: Problems) -> None:
    """Report merged cells, of which all but the first are empty; warn of hidden rows, which are read."""
    merged, n_hidden, rest = [], 0, b""
    with sheet._get_source() as xml:  # openpyxl shows neither if it reads row by row
        while chunk := xml.read(_CHUNK):
            text = rest + chunk
            end = text.rfind(b"<")
            text, rest = text[:end], text[end:]
            merged += _MERGED.findall(text)
            n_hidden += len(_HIDDEN.findall(text))
    if merged:
        cells = ", ".join(m.decode() for m in merged[:5])
        problems.add(None, None, f'sheet "{sheet.title}" has merged cells ({cells}): unmerge and fill them')
    if n_hidden:
        warnings.warn(
            f'{file.name}: {n_hidden} hidden or filtered rows of sheet "{sheet.title}" are read like the others',
            SourceWarning,
            stacklevel=2,
        )


def _rows(sheet: ReadOnlyWorksheet, problems: Problems) -> Iterator[pa.Table]:
    at, names = _header(sheet)
    known = header.chosen(names, problems)
    if known is None:
        return
    forgiving = Problems(problems.file)
    values: dict[str, list[str | None]] = {name: [] for name in known}
    rows: list[int] = []
    for row, cells in enumerate(sheet.iter_rows(min_row=at + 1), start=1):
        if all(c.value is None for c in cells):
            continue
        rows.append(row)
        for name, i in known.items():
            told = forgiving if is_attribute(name) else problems
            values[name].append(_text(cells[i], name, row, told) if i < len(cells) else None)
        if len(rows) == header.BATCH_ROWS:
            yield _table(values, rows)
            values, rows = {name: [] for name in known}, []
    if rows:
        yield _table(values, rows)


def _table(values: dict[str, list[str | None]], rows: list[int]) -> pa.Table:
    columns = {name: pa.array(column, pa.string()) for name, column in values.items()}
    return pa.table({**columns, "row": pa.array(rows, pa.int64())})


def _text(cell: Any, name: str, row: int, problems: Problems) -> str | None:
    """Return a cell as text: dates and times in ISO format, whole numbers without a point.

    Errors, formulas and numbers that lost digits are reported; #N/A is a gap where a gap is allowed.
    """
    value, kind = cell.value, cell.data_type
    if value is None:
        return None
    if kind == "e":
        if value != "#N/A" or name in REQUIRED:
            problems.add(row, name, f"{value} is an error in Excel")
        return None
    if kind == "f":
        formula = str(getattr(value, "text", value))
        problems.add(
            row,
            name,
            f"{header.shown(formula)[:60]} is a formula: paste its values, or save the sheet as CSV",
        )
        return None
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value
    if isinstance(value, (datetime, date, time, timedelta)):
        return _dated(_moment(value, cell.number_format or ""), name, row, problems)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _DIGITS:
        problems.add(row, name, f"{value} has more than the 15 digits that Excel keeps: enter it as text")
    return str(value)


def _dated(written: str, name: str, row: int, problems: Problems) -> str:
    """Return a date or time as it is written; report it in a name, while in speech it may be a remark."""
    if (
        KINDS.get(name) in ("text", "code") and name != "componenttext"
    ):  # those of ids are refused by `sources.values`
        problems.add(row, name, f'"{written}" {EXCELS_DATE}')
    return written


def _moment(value: datetime | date | time | timedelta, number_format: str) -> str:
    """Return a date or time in ISO format; a midnight that its format does not show is a bare date."""
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, datetime):
        shows_time = re.search("[hH]", re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", number_format))
        is_midnight = value.time() == time()
        return str(value.date()) if is_midnight and not shows_time else value.isoformat(" ")
    return value.isoformat()
