import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import dagster as dg

from ftm_assets.assets.quarter_report import quarter_report
from ftm_resources.warehouse import Warehouse
from tests.small_topics import QUARTER


def made(warehouse: Warehouse, quarter: str, *, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [quarter_report],
        partition_key=quarter,
        resources={"warehouse": warehouse},
        raise_on_error=raise_on_error,
    )


def test_the_page_lies_beside_the_tables_and_is_linked(small_topics: Warehouse, tmp_path: Path):
    warehouse = Warehouse(path=str(shutil.copytree(small_topics.root, tmp_path / "warehouse")))
    (done,) = made(warehouse, QUARTER).asset_materializations_for_node("quarter_report")
    page = Path(done.metadata["path"].value)
    assert page == Path(warehouse.root) / "reports" / f"{QUARTER}.html"
    assert Path(unquote(urlparse(done.metadata["page"].value).path)) == page
    first = page.read_bytes()
    assert (done.metadata["themes"].value, done.metadata["topics"].value) == (3, 12)
    assert not any("by their words" in r.data["warning"] for r in done.metadata["warnings"].records)
    made(warehouse, QUARTER)
    assert page.read_bytes() == first


def test_a_quarter_that_is_not_there_fails_plainly_and_leaves_no_page(
    small_topics: Warehouse, tmp_path: Path
):
    warehouse = Warehouse(path=str(shutil.copytree(small_topics.root, tmp_path / "warehouse")))
    result = made(warehouse, "2020Q1", raise_on_error=False)
    assert not result.success
    (failed,) = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert "no quarter 2020Q1" in failed.error.message
    assert not (tmp_path / "warehouse" / "reports").exists()
