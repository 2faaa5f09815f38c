from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import data_files
from ftm_resources.warehouse.data_files import DataFiles
from ftm_resources.warehouse.schemas import iceberg_schema

CONTRACT = TABLES["firm_topics"]


@pytest.fixture
def rows(topics: Callable[[str, int], pa.Table]) -> pa.Table:
    return CONTRACT.conform(topics("2023Q1", 3), quarter="2023Q1")


def written(folder: Path, *batches: pa.Table) -> tuple[list[str], int, str]:
    files = DataFiles(fs.LocalFileSystem(), str(folder), CONTRACT, iceberg_schema(CONTRACT))
    for batch in batches:
        files.write(batch)
    return files.close()


def test_rows_keep_their_order_over_files_that_are_closed_at_their_size(
    rows: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    batches = rows.slice(0, 2), rows.slice(0, 0), rows.slice(2, 1)
    whole, n, content = written(tmp_path / "one", *batches)
    monkeypatch.setattr(data_files, "TARGET_FILE_BYTES", 1)
    each, n_each, content_each = written(tmp_path / "each", *batches)
    assert (len(whole), len(each)) == (1, 2)
    assert n == n_each == 3
    assert content == content_each
    assert pq.read_table(whole[0]).equals(pa.concat_tables([pq.read_table(p) for p in each]))


def test_nothing_written_is_no_file(rows: pa.Table, tmp_path: Path):
    assert written(tmp_path / "none", rows.slice(0, 0))[:2] == ([], 0)


def test_what_is_discarded_is_gone_open_or_closed(
    rows: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files = DataFiles(fs.LocalFileSystem(), str(tmp_path), CONTRACT, iceberg_schema(CONTRACT))
    with monkeypatch.context() as patch:
        patch.setattr(data_files, "TARGET_FILE_BYTES", 1)
        files.write(rows.slice(0, 1))
    files.write(rows.slice(1, 1))
    assert len(list(tmp_path.iterdir())) == 2
    files.discard()
    assert not list(tmp_path.iterdir())
