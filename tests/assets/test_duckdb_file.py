from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from ftm_assets.assets.duckdb_file import duckdb_file
from ftm_resources.warehouse import Warehouse


def test_the_file_is_refreshed_where_one_is_configured(
    tmp_path: Path, topics: Callable, monkeypatch: pytest.MonkeyPatch
):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    file = tmp_path / "new" / "ftm.duckdb"
    monkeypatch.setenv("FTM_DUCKDB_FILE", str(file))
    for n, quarter in enumerate(("2020Q1", "2020Q2"), 3):
        warehouse.replace("firm_topics", quarter, [topics(quarter, n)])
        done = dg.materialize([duckdb_file], partition_key=quarter, resources={"warehouse": warehouse})
        (made,) = done.get_asset_materialization_events()
        with duckdb.connect(str(file), read_only=True) as db:
            assert db.execute("SELECT count(*) FROM firm_topics WHERE quarter = ?", [quarter]).fetchone() == (
                n,
            )
    assert made.materialization.metadata["rows"].value == 7


def test_without_one_nothing_is_written_and_that_is_said(
    tmp_path: Path, topics: Callable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("FTM_DUCKDB_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    done = dg.materialize([duckdb_file], partition_key="2020Q1", resources={"warehouse": warehouse})
    (made,) = done.get_asset_materialization_events()
    assert made.materialization.metadata["path"].value == "none: FTM_DUCKDB_FILE is not set"
    assert [p.name for p in tmp_path.iterdir()] == ["warehouse"]
