from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from ftm_resources import data_files
from ftm_resources.data_files import DataFiles
from ftm_resources.tables import TABLES

CONTRACT = TABLES["firm_status"]


def rows(firms: list[str]) -> pa.Table:
    n = len(firms)
    columns = {
        "firm_id": pa.array(firms, pa.string()),
        "status": pa.array(["ok"] * n, pa.string()),
        "reason": pa.nulls(n, pa.string()),
        "n_sentences": pa.array([300] * n, pa.int32()),
        "n_topics": pa.array([20] * n, pa.int32()),
        "outlier_share": pa.array([0.1] * n),
        "seconds": pa.array([1.0] * n),
    }
    return CONTRACT.conform(pa.table(columns), quarter="2023Q1")


def written(folder: Path, *batches: list[str]) -> tuple[list[str], int, str]:
    files = DataFiles(fs.LocalFileSystem(), str(folder), CONTRACT)
    for firms in batches:
        files.write(rows(firms))
    return files.close()


def test_rows_keep_their_order_over_files_that_are_closed_at_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole, n, content = written(tmp_path / "one", ["1", "2"], [], ["3"])
    monkeypatch.setattr(data_files, "TARGET_FILE_BYTES", 1)
    each, n_each, content_each = written(tmp_path / "each", ["1", "2"], [], ["3"])
    assert (len(whole), len(each)) == (1, 2)
    assert n == n_each == 3
    assert content == content_each
    assert pq.read_table(whole[0]).equals(pa.concat_tables([pq.read_table(p) for p in each]))


def test_nothing_written_is_no_file(tmp_path: Path):
    assert written(tmp_path / "none", [])[:2] == ([], 0)


def test_what_is_discarded_is_gone_open_or_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = DataFiles(fs.LocalFileSystem(), str(tmp_path), CONTRACT)
    with monkeypatch.context() as patch:
        patch.setattr(data_files, "TARGET_FILE_BYTES", 1)
        files.write(rows(["1"]))
    files.write(rows(["2"]))
    assert len(list(tmp_path.iterdir())) == 2
    files.discard()
    assert not list(tmp_path.iterdir())
