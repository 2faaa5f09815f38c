"""Rows of transcripts for tests of the files source: written to a file, read back, or refused."""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ftm_resources.sources.base import SourceError
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.tables.components import COMPONENTS


def row(order: object = 0, **changes: object) -> dict[str, Any]:
    values = {
        "companyid": 18749,
        "companyname": "Rookshaw, Inc.",
        "transcriptid": 55,
        "componenttext": f"Component {order}.",
        "componentorder": order,
        "mostimportantdateutc": "2020-11-05 22:00:00",
        "speakertypename": "Executives",
    }
    return values | changes


def write(path: Path, rows: list[dict[str, Any]], encoding: str = "utf-8", **dialect: Any) -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), **dialect)
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path: Path, quarter: str = "2020Q4") -> pa.Table:
    return pa.concat_tables([COMPONENTS.empty_table(), *FilesSource(path).components(quarter)])


def problems(path: Path) -> list[str]:
    with pytest.raises(SourceError) as error:
        next(iter(FilesSource(path).components("2020Q4")), None)
    return [str(p) for p in error.value.problems]
