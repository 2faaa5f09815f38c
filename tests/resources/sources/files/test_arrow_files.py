from datetime import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather

from ftm_resources.sources.files import header
from ftm_resources.sources.files.transcript_files import FilesSource
from tests.calls_in_files import problems, read, row


@pytest.mark.parametrize(
    ("name", "compression"), [("a.feather", "lz4"), ("a.arrow", "uncompressed"), ("a.FEATHER", "zstd")]
)
def test_feather_is_read_in_batches(
    tmp_path: Path, name: str, compression: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(header, "BATCH_ROWS", 20)
    table = pa.Table.from_pylist([row(i) for i in range(75)])
    feather.write_feather(table, tmp_path / name, compression=compression, chunksize=30)
    tables = list(FilesSource(tmp_path).components("2020Q4"))
    assert [t.num_rows for t in tables] == [20, 10, 20, 10, 15]
    assert pa.concat_tables(tables).column("componentorder").to_pylist() == list(range(75))


def test_a_bad_value_in_feather_is_named_by_row_and_column(tmp_path: Path):
    feather.write_feather(pa.Table.from_pylist([row("0"), row("x")]), tmp_path / "a.feather")
    assert problems(tmp_path)[0].startswith("a.feather row 2, column componentorder")


def test_times_of_day_in_a_column_of_their_own_type_join_the_date(tmp_path: Path):
    table = pa.Table.from_pylist([row(mostimportantdateutc="2021-01-01", mostimportanttimeutc=time(2, 30))])
    feather.write_feather(table, tmp_path / "a.feather")
    (found,) = read(tmp_path).to_pylist()
    assert found["mostimportantdateutc"].isoformat() == "2021-01-01T02:30:00+00:00"


@pytest.mark.parametrize("content", [b"", b"FEA1....FEA1", b"ARROW1", b"companyid,x\n"])
def test_what_is_not_feather_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "a.feather").write_bytes(content)
    assert "is not a readable Feather file (version 2)" in problems(tmp_path)[0]


def test_a_feather_file_that_breaks_off_is_refused(tmp_path: Path):
    feather.write_feather(pa.Table.from_pylist([row(i) for i in range(99)]), tmp_path / "a.feather")
    content = (tmp_path / "a.feather").read_bytes()
    (tmp_path / "a.feather").write_bytes(content[: len(content) // 2])
    assert "is not a readable Feather file" in problems(tmp_path)[0]


def test_nested_columns_are_refused(tmp_path: Path):
    table = pa.Table.from_pylist([row(componenttext=["a"])])
    feather.write_feather(table, tmp_path / "a.feather")
    assert problems(tmp_path) == [
        "a.feather, column componenttext: contains list<item: string>, not one value per row"
    ]
