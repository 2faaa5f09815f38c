"""A Capital IQ quarter as a file for the `files` source: same components, so same ids and results.

The file holds the calls of the quarter only, so that the files of several quarters can lie in one folder: there, as
from WRDS, versions of a call on both sides of a quarter's bounds are compared.

`ftm export transcripts` writes it. Capital IQ's licence applies to the file as it does to WRDS.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftm_resources import quarters
from ftm_resources.progress import bar
from ftm_resources.sources.base import TranscriptSource
from ftm_resources.tables.components import COMPONENTS

ENDINGS = (".csv", ".csv.gz", ".parquet")
"""Formats that are written; more are read."""

_NAMES = {"created_at": "transcriptcreationdate_utc"}
"""Capital IQ's names of columns that COMPONENTS calls otherwise."""

COLUMNS = tuple(_NAMES.get(n, n) for n in COMPONENTS.names if n != "is_date_only")
"""Columns of the file. Dates with a time are text, so that a bare date shows a missing time of day."""


_AS_TEXT = ("mostimportantdateutc", "transcriptcreationdate_utc")


def export(source: TranscriptSource, quarter: str, out: Path) -> int:
    """Write the components of the quarter's calls to `out` (.csv, .csv.gz or .parquet); return their number.

    The file appears only when complete, and replaces an existing one. Memory does not grow with the quarter.
    ValueError if the name has another ending. Writes no file if there are no components.
    """
    name = out.name.lower()
    if not name.endswith(ENDINGS):
        raise ValueError(f"{out} must end in one of {', '.join(ENDINGS)}")
    partial = out.with_name(f".{out.name}.partial")
    n = 0
    try:
        with (
            bar(f"{quarter} from {source.name}", "components") as move,
            (_parquet if name.endswith(".parquet") else _csv)(partial, name) as write,
        ):
            for table in source.components(quarter, move):
                own = _of(quarter, table)
                write(_as_filed(own))
                n += own.num_rows
        if n:
            partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return n


def _of(quarter: str, table: pa.Table) -> pa.Table:
    """Return the rows of the quarter's own calls."""
    days = quarters.call_date(table.column("mostimportantdateutc"), table.column("is_date_only"))
    return table.filter(pc.equal(quarters.of_dates(days), quarter))


def _as_filed(table: pa.Table) -> pa.Table:
    """Return the file's columns: a call's time as text, or a bare date if there is no time of day."""
    columns = {_NAMES.get(name, name): table.column(name) for name in table.column_names}
    for name in _AS_TEXT:
        columns[name] = columns[name].cast(pa.timestamp("us")).cast(pa.string())
    start = columns["mostimportantdateutc"]
    columns["mostimportantdateutc"] = pc.if_else(
        table.column("is_date_only"), pc.utf8_slice_codeunits(start, 0, 10), start
    )
    return pa.table({name: columns[name] for name in COLUMNS})


@contextmanager
def _parquet(path: Path, _: str) -> Iterator[Callable[[pa.Table], None]]:
    types = [pa.string() if n in _AS_TEXT else COMPONENTS.field(n).type for n in COLUMNS]
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        yield lambda table: writer.write_table(table.cast(schema))


@contextmanager
def _csv(path: Path, name: str) -> Iterator[Callable[[pa.Table], None]]:
    with _text(path, packed=name.endswith(".gz")) as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        yield lambda table: writer.writerows(zip(*(c.to_pylist() for c in table.columns), strict=True))


def _text(path: Path, *, packed: bool) -> IO[str]:
    if packed:
        return gzip.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")
