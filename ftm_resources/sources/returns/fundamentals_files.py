"""Fundamentals in files: CSV, Parquet, Feather or Stata, in the names of Compustat's quarterly file or of our table.

A file has fiscal quarters (permno, datadate, rdq and more), or earnings surprises that are ready (permno, date, sue).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ftm_resources.sources.files.problems import Expected, Problems
from ftm_resources.sources.files.tabular import batches
from ftm_resources.sources.returns import keyed_files
from ftm_resources.sources.returns.fundamentals_source import MILLION, FundamentalsSource, book_equity
from ftm_resources.sources.returns.keyed_files import KeyedFiles, column, day, number, permno, refuse_repeats
from ftm_resources.tables.sort_tables import FUNDAMENTALS

ENDINGS = (*keyed_files.ENDINGS, ".dta")

ADVICE = "Nothing was written. Correct the files, or export them again from Compustat, and run again."

_ACCOUNTS = ("seqq", "ceqq", "pstkq", "atq", "ltq", "txditcq")
"""In millions of dollars, in the order of `book_equity`."""
_NAMES = {
    "permno": ("permno", "lpermno"),
    "fiscal_date": ("fiscaldate", "datadate"),
    "known_date": ("knowndate", "rdq", "date"),
    "eps": ("eps", "epspxq"),
    "price": ("price", "prccq"),
    "adjustment": ("adjustment", "ajexq"),
    "book_equity": ("bookequity",),
    "sue": ("sue",),
    **{account: (account,) for account in _ACCOUNTS},
}
EXPECTED = Expected(
    {given: name for name, all_given in _NAMES.items() for given in all_given},
    (("permno", "fiscal_date", "known_date"), ("permno", "known_date", "sue")),
)
"""The columns, by the names that our own table and Compustat give them."""

_LEAST_USUAL = 100_000.0
"""Dollars: half of the listed firms' book equity is far above; in millions, far below."""
_ENOUGH = 50
"""With fewer, it cannot be told whether book equity is in millions."""


class FilesFundamentals(FundamentalsSource):
    """Fundamentals in the files at a path."""

    name = "files"

    def __init__(self, path: str | Path) -> None:
        """Take a file, or a folder whose files are read, including subfolders."""
        self._files = KeyedFiles(path, of="fundamentals", advice=ADVICE, endings=ENDINGS)

    def provenance(self) -> dict[str, Any]:
        """Return the path and the SHA-256 of the files' names and contents."""
        return {**super().provenance(), **self._files.provenance()}

    def files(self) -> list[Path]:
        """Return the files to read, sorted; SourceError if there are none, or some cannot be read."""
        return self._files.files()

    def rows(self, permnos: Sequence[int], first: date, last: date) -> pa.Table:
        """Return the rows asked for, once all files are found sound."""
        parts: list[pa.Table] = []
        found: list[Problems] = []
        asked = pa.array(permnos, pa.int64())
        for file in self.files():
            problems = Problems(self._files.label(file), expected=EXPECTED)
            in_dollars = []
            for raw in batches(file, problems):
                rows = _parsed(raw, problems)
                if "book_equity" in raw.column_names:
                    in_dollars.append(rows.column("book_equity").drop_null().to_numpy())
                within = pc.and_(
                    pc.and_(
                        pc.greater_equal(rows.column("fiscal_date"), first),
                        pc.less_equal(rows.column("fiscal_date"), last),
                    ),
                    pc.is_in(rows.column("permno"), asked),
                )
                place = pa.array([len(found)] * rows.num_rows, pa.int64())
                rows = rows.append_column("file", place)
                parts.append(rows.filter(pc.fill_null(within, fill_value=False)))
            _refuse_millions(in_dollars, problems)
            found.append(problems)
        self._files.refuse(found)
        whole = pa.concat_tables(parts) if parts else pa.table({n: [] for n in FUNDAMENTALS.names})
        if parts:
            refuse_repeats(whole, found, ["permno", "fiscal_date"])
            self._files.refuse(found)
        made = whole.select(FUNDAMENTALS.names).cast(FUNDAMENTALS)
        return made.sort_by([("permno", "ascending"), ("fiscal_date", "ascending")])


def _parsed(raw: pa.Table, problems: Problems) -> pa.Table:
    """Return a batch in our columns, types and units; what cannot be read is a problem of its row and null."""
    n = raw.num_rows
    readers: dict[str, tuple[Callable[[Any], Any], pa.DataType]] = {
        "permno": (permno, pa.int64()),
        "fiscal_date": (day, pa.date32()),
        "known_date": (day, pa.date32()),
    }
    must = {"permno", "fiscal_date" if "fiscal_date" in raw.column_names else "known_date"}
    found: dict[str, pa.ChunkedArray] = {"row": raw.column("row")}
    for name in raw.column_names:
        if name != "row":
            read, kind = readers.get(name, (number, pa.float64()))
            found[name] = column(raw, name, read, kind, problems, must=name in must)
    found.setdefault("fiscal_date", found["known_date"])
    for name in _NAMES:
        found.setdefault(name, pa.chunked_array([pa.nulls(n, pa.float64())]))
    early = pc.fill_null(pc.less(found["known_date"], found["fiscal_date"]), fill_value=False)
    for row in found["row"].filter(early).to_pylist():
        problems.add(row, "known_date", "is before the end of the fiscal quarter that it is about")
    for name in ("price", "adjustment"):
        negative = pc.fill_null(pc.less(found[name], 0.0), fill_value=False)
        for row in found["row"].filter(negative).to_pylist():
            problems.add(row, name, "is negative")
    accounts = zip(*(found[a].to_pylist() for a in _ACCOUNTS), strict=True)
    made = [None if (b := book_equity(*own)) is None else b * MILLION for own in accounts]
    found["book_equity"] = pc.coalesce(found["book_equity"], pa.chunked_array([pa.array(made, pa.float64())]))
    return pa.table({name: found[name] for name in (*FUNDAMENTALS.names, "row")})


def _refuse_millions(given: Sequence[NDArray[np.float64]], problems: Problems) -> None:
    """Record a file whose `book_equity` is in millions."""
    sizes = np.abs(np.concatenate([np.empty(0), *given]))
    if len(sizes) >= _ENOUGH and np.median(sizes) < _LEAST_USUAL:
        problems.add(
            None,
            "book_equity",
            f"is not in dollars: half of it is below {np.median(sizes):,.0f}. In millions, name the accounts as "
            f"Compustat does ({', '.join(_ACCOUNTS)})",
        )
