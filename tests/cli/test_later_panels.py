"""Panels that a run made outdated: which are named, and that they are made again."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.assets.marts import build_marts
from ftm_assets.cli.later_panels import PANELS, PORTFOLIOS, make_again, outdated_panels
from ftm_assets.orchestration.dbt_project import dbt_resource
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.snapshots import NEVER_WRITTEN
from tests.assets.spoken_quarter import Call, Quarter, Turn

FIRST, SECOND, THIRD = "2023Q1", "2023Q2", "2023Q3"
SAID = [Turn([(0, "positive"), (1, "neutral"), (None, "neutral")]), Turn([(0, "negative")])]
QUARTERS = {
    q: Quarter(q, [Call(q, "1", day, SAID)])
    for q, day in ((FIRST, date(2023, 2, 1)), (SECOND, date(2023, 5, 1)), (THIRD, date(2023, 8, 1)))
}


def job(warehouse: Warehouse) -> dg.JobDefinition:
    definitions = dg.Definitions(
        assets=[build_marts()],
        jobs=[dg.define_asset_job("job", selection="*")],
        resources={"dbt": dbt_resource(), "warehouse": warehouse},
    )
    return definitions.resolve_job_def("job")


@pytest.mark.integration
def test_later_panels_that_an_earlier_quarter_makes_outdated_are_made_again(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    QUARTERS[SECOND].write(warehouse)
    QUARTERS[THIRD].write(warehouse)
    with dg.DagsterInstance.ephemeral() as instance:
        assert make_again(job(warehouse), instance, SECOND, PANELS)
        assert outdated_panels(warehouse, FIRST) == {}
        assert not warehouse.quarter("coverage", SECOND).is_written, "only panels"
        QUARTERS[FIRST].write(warehouse)
        assert outdated_panels(warehouse, FIRST) == {SECOND: list(PANELS)}, "2023Q3 never had panels"
        assert outdated_panels(warehouse, SECOND) == {}
        assert make_again(job(warehouse), instance, SECOND, PANELS)
    assert outdated_panels(warehouse, FIRST) == {}
    row, *_ = warehouse.read("firm_theme_panel", SECOND).to_pylist()
    assert row["previous_quarter"] == FIRST


def test_panels_of_which_something_upstream_is_outdated_too_are_left_alone(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    tables = QUARTERS[SECOND].tables()
    of_old = {"inputs": {"themes": {"snapshot_id": "1", "content": "others"}}}
    for name in ("themes", "theme_links"):
        warehouse.replace(name, SECOND, [tables[name]], provenance=of_old if name == "theme_links" else {})
    read = {"inputs": {"theme_links": {"snapshot_id": "1", "content": "others"}}}
    warehouse.replace(PANELS[1], SECOND, [], provenance=read)
    assert outdated_panels(warehouse, FIRST) == {}


def test_portfolios_of_other_calls_are_named_too(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    scores = {"inputs": {"sentiment_scores@2023Q1": {"snapshot_id": "1", "content": NEVER_WRITTEN}}}
    for name in PORTFOLIOS:
        made = {**scores, "run_id": "a", "together": list(PORTFOLIOS)}
        warehouse.replace(name, SECOND, [TABLES[name].empty()], provenance=made)
    assert outdated_panels(warehouse, FIRST) == {}
    warehouse.replace("sentiment_scores", FIRST, [TABLES["sentiment_scores"].empty()], provenance={})
    assert outdated_panels(warehouse, FIRST) == {SECOND: list(PORTFOLIOS)}
    assert outdated_panels(warehouse, SECOND) == {}
