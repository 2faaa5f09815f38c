import shutil
from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.assets.search_index import search_index
from ftm_resources.warehouse import Warehouse


def made(warehouse: Warehouse, quarter: str, *, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [search_index],
        partition_key=quarter,
        resources={"warehouse": warehouse},
        raise_on_error=raise_on_error,
    )


def test_a_quarter_is_indexed_and_kept_until_its_rows_change(small_topics: Warehouse, tmp_path: Path):
    warehouse = Warehouse(path=str(shutil.copytree(small_topics.root, tmp_path / "warehouse")))
    first, second = (
        made(warehouse, "2023Q1").asset_materializations_for_node("search_index")[0].metadata
        for _ in range(2)
    )
    assert first["rows"].value == 3 + 12 + 51
    levels = {r.data["level"]: r.data["rows"] for r in first["by_level"].records}
    assert levels == {"theme": 3, "topic": 12, "sentence": 51}
    assert (first["is_new"].value, second["is_new"].value) == (True, False)
    assert first["path"].value == second["path"].value
    assert Path(first["path"].value, "manifest.json").is_file()
    warehouse.replace("themes", "2023Q1", [warehouse.read("themes", "2023Q1").slice(0, 2)])
    third = made(warehouse, "2023Q1").asset_materializations_for_node("search_index")[0].metadata
    assert third["rows"].value == 2 + 12 + 51
    assert not Path(first["path"].value).exists()


def test_an_index_that_is_kept_is_not_said_to_be_empty(
    small_topics: Warehouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    warehouse = Warehouse(path=str(shutil.copytree(small_topics.root, tmp_path / "warehouse")))
    made(warehouse, "2023Q1")
    assert "have not changed" not in capsys.readouterr().err
    made(warehouse, "2023Q1")
    said = capsys.readouterr().err
    assert "search_index 2023Q1: 66 rows" in said
    assert "search_index 2023Q1: the rows have not changed, and its index is kept" in said
    assert " 0 rows" not in said


def test_a_quarter_that_is_not_there_fails_plainly(small_topics: Warehouse, tmp_path: Path):
    warehouse = Warehouse(path=str(shutil.copytree(small_topics.root, tmp_path / "warehouse")))
    result = made(warehouse, "2020Q1", raise_on_error=False)
    assert not result.success
    (failed,) = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert "no quarter 2020Q1" in failed.error.message
