"""Which of the recorded runs a forecast is made from."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ftm_assets.cli.cost_forecast import Measured
from ftm_assets.cli.cost_measured import measured
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

SPOT = ("2 vCPU, 16 GB", "fargate-spot")


def cost(
    run: int,
    stage: str,
    seconds: float,
    machine: tuple[str, str] = SPOT,
    outcome: str = "succeeded",
    is_shortened: bool | None = False,
) -> dict:
    return {
        "run_id": f"run {run}", "stage": stage, "step_key": f"{stage} {seconds}", "attempt": 0, "outcome": outcome,
        "started_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=run), "seconds": seconds,
        "machine": machine[0], "market": machine[1], "usd": None, "priced_on": None,
        "tokens_in": 0, "tokens_out": 0, "tokens_usd": None, "is_shortened": is_shortened,
    }  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Warehouse]:
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))

    def write(quarter: str, rows: list[dict[str, Any]], firms: int = 2) -> Warehouse:
        for table, own in (("run_costs", rows), ("sentences", _sentences(firms))):
            schema = TABLES[table].arrow_schema
            filled = [{**{f.name: None for f in schema}, **row, "quarter": quarter} for row in own]
            warehouse.replace(table, quarter, [pa.Table.from_pylist(filled, schema=schema)])
        return warehouse

    return write


def _sentences(firms: int) -> list[dict[str, Any]]:
    """Return three sentences of each firm."""
    return [
        {
            "sentence_id": f"{firm}:{n}", "transcript_id": str(firm), "component_id": f"{firm}:0", "firm_id": str(firm),
            "position": n, "text": "Said.", "section": "presentation", "speaker_type": "executive",
        }
        for firm in range(firms)
        for n in range(3)
    ]  # fmt: skip


def test_the_newest_run_that_got_a_stage_done_counts_with_its_failed_attempts(
    write: Callable[..., Warehouse],
):
    warehouse = write(
        "2023Q1",
        [
            cost(1, "themes", 50),
            cost(1, "sentences", 40),
            cost(2, "themes", 30),
            cost(2, "themes", 10, outcome="restarted"),
            cost(3, "themes", 5, outcome="failed"),
        ],
    )
    found = measured(warehouse, on_aws=True)
    assert found == Measured(("2023Q1",), 2, 3, {"themes": {SPOT: 40}, "sentences": {SPOT: 40}})


def test_the_mean_of_quarters_is_taken_of_those_that_are_whole(write: Callable[..., Warehouse]):
    write("2023Q1", [cost(1, "themes", 10), cost(1, "marts", 7)])
    write("2023Q2", [cost(1, "themes", 30)], firms=4)
    warehouse = write("2023Q3", [cost(1, "sentences", 99)])
    found = measured(warehouse, on_aws=True)
    assert (found.quarters, found.firms, found.sentences) == (("2023Q1", "2023Q2"), 3, 3)
    assert found.seconds == {"themes": {SPOT: 20}, "marts": {SPOT: 7}}, (
        "a stage that one of them lacks has its own mean"
    )


def test_one_machine_and_aws_tell_nothing_of_each_other(write: Callable[..., Warehouse]):
    warehouse = write("2023Q1", [cost(1, "themes", 10, ("local", "local")), cost(2, "sentences", 5)])
    assert measured(warehouse, on_aws=False).seconds == {"themes": {("local", "local"): 10}}
    assert measured(warehouse, on_aws=True) == Measured(), "themes were never made there"


def test_without_a_warehouse_or_a_recorded_run_nothing_is_measured(tmp_path: Path, warehouse: Warehouse):
    assert measured(Warehouse(path=str(tmp_path / "none")), on_aws=True) == Measured()
    assert measured(warehouse, on_aws=True) == Measured()


def test_a_small_run_that_only_counts_costs_does_not_stand_for_the_quarter(write: Callable[..., Warehouse]):
    own = ("1 vCPU, 4 GB", "fargate")
    whole = [cost(1, "themes", 600), cost(1, "checks", 900), cost(1, "run", 7_200, own)]
    late = [
        cost(2, "run_costs", 30, outcome="running"),
        cost(2, "checks", 12),
        cost(2, "run", 40, own, outcome="running"),
    ]
    found = measured(write("2023Q1", [*whole, *late]), on_aws=True)  # as late_costs leaves every quarter
    assert (found.seconds["run"], found.seconds["checks"]) == ({own: 7_200}, {SPOT: 900})


def test_a_run_that_took_its_work_from_earlier_ones_is_no_measurement(write: Callable[..., Warehouse]):
    first = [cost(1, "themes", 30, is_shortened=None), cost(1, "sentence_embeddings", 91.2)]
    again = [cost(2, "themes", 20), cost(2, "sentence_embeddings", 22.8, is_shortened=True)]
    found = measured(write("2023Q1", [*first, *again]), on_aws=True)
    assert found.seconds == {"themes": {SPOT: 20}, "sentence_embeddings": {SPOT: 91.2}}
    only = measured(
        write("2023Q1", [cost(2, "themes", 20, is_shortened=True), cost(2, "marts", 7)]), on_aws=True
    )
    assert (only.quarters, only.seconds) == (("2023Q1",), {"marts": {SPOT: 7}}), (
        "the documentation's figure is used"
    )
