"""Reading a transcript file of any kind in batches, and which kinds there are.

Row numbers count records; the first below the header is 1. That is the spreadsheet row minus one, regardless of
newlines within quoted texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from ftm_resources.sources.files import arrow_files, delimited, excel, stata_and_sas
from ftm_resources.sources.files.problems import Problems

_READERS: dict[str, Callable[[Path, Problems], Iterator[pa.Table]]] = {
    ".csv": delimited.read,
    ".csv.gz": delimited.read,
    ".tsv": delimited.read,
    ".tsv.gz": delimited.read,
    ".zip": delimited.read,
    ".parquet": arrow_files.read_parquet,
    ".feather": arrow_files.read_feather,
    ".arrow": arrow_files.read_feather,
    ".dta": stata_and_sas.read,
    ".sas7bdat": stata_and_sas.read,
    ".xpt": stata_and_sas.read,
    ".xlsx": excel.read,
    ".xlsm": excel.read,
}

ENDINGS = tuple(_READERS)
"""Endings of the files that can be read, in any case."""

INSTEAD = {
    ".txt": "if it is a table, rename it to .tsv (tabs) or .csv",
    ".xls": "save it as .xlsx",
    ".xlsb": "save it as .xlsx",
    ".ods": "save it as .xlsx or CSV",
    ".sav": "save it as .dta or CSV",
    ".rds": "in R, write it with arrow::write_parquet",
    ".rdata": "in R, write it with arrow::write_parquet",
    ".json": "convert it to CSV or Parquet",
    ".jsonl": "convert it to CSV or Parquet",
    ".pkl": "in pandas, write it with to_parquet",
    ".gz": "unpack it",
    ".bz2": "unpack it",
    ".xz": "unpack it",
    ".zst": "unpack it",
    ".7z": "unpack it",
    ".rar": "unpack it",
    ".tar": "unpack it",
    ".tgz": "unpack it",
}
"""What to do with tables of other kinds, by their ending."""


def batches(file: Path, problems: Problems) -> Iterator[pa.Table]:
    """Yield the known columns of a file, its attributes and `row`, in their own types, at most 20,000 rows at a time.

    Problems are recorded. A bad line is skipped; if a column is missing or the rest cannot be read, the file ends
    there.
    """
    name = file.name.lower()
    read = next(reader for ending, reader in _READERS.items() if name.endswith(ending))
    n_rows, n_problems = 0, problems.count
    for batch in read(file, problems):
        n_rows += batch.num_rows
        yield batch
    if not n_rows and problems.count == n_problems:
        problems.add(None, None, "the file has no rows")
