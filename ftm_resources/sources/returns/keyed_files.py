"""Files of rows by PERMNO and day: which files there are, and what their values mean.

What belongs here: what is the same for market data and for fundamentals. Every value of every row is checked, also
those that no quarter needs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.sources import values
from ftm_resources.sources.base import MAX_PROBLEMS, Problem, SourceError
from ftm_resources.sources.files.column_values import as_text, each
from ftm_resources.sources.files.found_files import find, label
from ftm_resources.sources.files.problems import Problems

ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".zip", ".parquet", ".feather", ".arrow")

_DATE = re.compile(r"([0-9]{4})[-/]?([0-9]{2})[-/]?([0-9]{2})(?:[ T]00:00:00(?:\.0+)?)?(?:\.0)?")


class KeyedFiles:
    """The files at a path."""

    def __init__(self, path: str | Path, *, of: str, advice: str, endings: Sequence[str] = ENDINGS) -> None:
        """Take a file, or a folder whose files are read, including subfolders; `of` names what is in them."""
        self.path = Path(path).expanduser()
        self._of, self._advice, self._endings = of, advice, tuple(endings)

    def files(self) -> list[Path]:
        """Return the files to read, sorted; SourceError if there are none, or some cannot be read."""
        found = find(self.path)
        problems = list(found.problems)
        problems += [
            Problem(self.label(file), None, None, f"{self._of} are read from {', '.join(self._endings)}")
            for file in found.files
            if not file.name.lower().endswith(self._endings)
        ]
        if problems:
            raise SourceError(problems, advice=self._advice, of=self._of)
        return found.files

    def provenance(self) -> dict[str, Any]:
        """Return the path and the SHA-256 of the files' names and contents."""
        whole = hashlib.sha256()
        for file in self.files():
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            whole.update(f"{digest} {self.label(file)}\n".encode())
        return {"path": str(self.path.resolve()), "sha256": whole.hexdigest()}

    def label(self, file: Path) -> str:
        """Return what messages call a file."""
        return label(file, None if file == self.path else self.path)

    def refuse(self, found: Iterable[Problems]) -> None:
        """Raise a SourceError that lists what was found wrong, if anything was."""
        every = list(found)
        if n := sum(p.count for p in every):
            raise SourceError([q for p in every for q in p.listed], n, advice=self._advice, of=self._of)

    def error(self, message: str) -> SourceError:
        """Return an error about the path as a whole."""
        return SourceError([Problem(str(self.path), None, None, message)], advice=self._advice, of=self._of)


def column(
    raw: pa.Table,
    name: str,
    read: Callable[[Any], Any],
    kind: pa.DataType,
    problems: Problems,
    *,
    must: bool,
) -> pa.ChunkedArray:
    """Return a column read value by value, each distinct one once; a complaint names its row and column.

    A gap is a complaint too if the column `must` have a value.
    """
    given = raw.column(name)
    found, complaints = each(given if pa.types.is_floating(given.type) else as_text(given), read, kind)
    bad = complaints.is_valid() if complaints.null_count < len(complaints) else None
    if must:
        is_gap = pc.and_(found.is_null(), complaints.is_null())
        for row in raw.column("row").filter(is_gap).to_pylist():
            problems.add(row, name, "is missing")
    if bad is not None:
        wrong = zip(*(c.filter(bad).to_pylist() for c in (raw.column("row"), given, complaints)), strict=True)
        for row, value, complaint in wrong:
            problems.add(row, name, f'"{str(value)[:60]}" {complaint}')
    return found


def permno(value: Any) -> int | None:
    """Return a PERMNO; None for a gap. ValueError, as of all readers, with the end of a message."""
    if values.is_gap(value, "permno"):
        return None
    return values.permno(value if isinstance(value, str) else values.number_text(value))


def day(value: Any) -> date | None:
    """Return a day written as 2023-01-31, 2023/01/31 or 20230131; None for a gap."""
    if values.is_gap(value, "date"):
        return None
    text = value if isinstance(value, str) else values.number_text(value)
    if not (written := _DATE.fullmatch(text.strip())):
        raise ValueError("is not a date such as 2023-01-31 or 20230131")
    try:
        return date(*map(int, written.groups()))
    except ValueError:
        raise ValueError("is no day of the calendar") from None


def number(value: Any) -> float | None:
    """Return a finite number; None for a gap."""
    if values.is_gap(value):
        return None
    try:
        found = float(value)
    except ValueError:
        raise ValueError("is not a number") from None
    if not np.isfinite(found):
        raise ValueError("is not a finite number")
    return found


def refuse_repeats(rows: pa.Table, found: Sequence[Problems], key: Sequence[str]) -> None:
    """Record each row whose key, a day and perhaps a PERMNO, an earlier row has.

    `rows` has the key's columns, `row`, and `file`: the place of its problems in `found`.
    """
    (of_day,) = (name for name in key if name != "permno")
    ordered = rows.sort_by([*((k, "ascending") for k in key), ("file", "ascending"), ("row", "ascending")])
    same = np.ones(max(ordered.num_rows - 1, 0), dtype=bool)
    for name in key:
        own = ordered.column(name).cast(pa.int32() if name == of_day else pa.int64()).to_numpy()
        same &= own[1:] == own[:-1]
    for at in np.flatnonzero(same)[: MAX_PROBLEMS + 1] + 1:
        row: Mapping[str, Any] = ordered.slice(int(at), 1).to_pylist()[0]
        earlier: Mapping[str, Any] = ordered.slice(int(at) - 1, 1).to_pylist()[0]
        whose = f"PERMNO {row['permno']} on {row[of_day]}" if "permno" in key else f"{row[of_day]}"
        where = f"{found[earlier['file']].file} row {earlier['row']}"
        found[row["file"]].add(row["row"], of_day, f"{whose} is there already, in {where}")
