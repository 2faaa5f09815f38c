"""Moving a warehouse and taking one over, as a person asks for it."""

from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.cli import home, upkeep
from ftm_resources.warehouse import Warehouse


def test_a_moved_warehouse_is_adopted_where_it_is(warehouse: Warehouse, ftm, monkeypatch: pytest.MonkeyPatch):
    there = Path(warehouse.root).rename(Path(warehouse.root).with_name("there"))
    monkeypatch.setenv("FTM_WAREHOUSE", str(there))
    assert "firm_topics" in ftm("quarters").stdout or ftm("quarters").exit_code == 0
    refused = ftm("cleanup", "--yes")
    assert refused.exit_code == 1
    assert "run `ftm adopt`" in refused.stderr
    adopted = ftm("adopt")
    assert adopted.stdout == f"Adopted 1 table into {there}; they named file://{warehouse.root}.\n"
    assert ftm("adopt").stdout == f"All 1 table name {there} already.\n"
    assert ftm("cleanup", "--yes").exit_code == 0


def test_a_warehouse_is_moved_and_says_where_to_look_for_it(
    warehouse: Warehouse, ftm, monkeypatch: pytest.MonkeyPatch
):
    there = Path(warehouse.root).with_name("there")
    moved = ftm("move", str(there))
    assert moved.exit_code == 0
    assert moved.stdout.splitlines()[0] == f"Moved {warehouse.root} to {there}."
    assert moved.stdout.splitlines()[-1] == f"Set FTM_WAREHOUSE to {there}."
    monkeypatch.setenv("FTM_WAREHOUSE", str(there))
    assert ftm("verify", "2020Q1").stdout == "2020Q1 is unchanged: 1 table checked.\n"


def test_nothing_is_moved_under_a_run(warehouse: Warehouse, ftm):
    home.prepare()
    with dg.DagsterInstance.get() as instance:
        instance.add_run(
            dg.DagsterRun(
                job_name="j", run_id=dg._utils.make_new_run_id(), status=dg.DagsterRunStatus.STARTED
            )
        )  # type: ignore[attr-defined]
    assert upkeep.oldest_unfinished_run() is not None
    refused = ftm("move", f"{warehouse.root}-2")
    assert refused.exit_code == 1
    assert "is unfinished" in refused.stderr
    assert Path(warehouse.root).is_dir()
