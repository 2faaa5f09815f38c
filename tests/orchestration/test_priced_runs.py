"""The rows of run_costs: attempts with prices, of the runs that Dagster knows and of those that it has forgotten."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.orchestration import service_time
from ftm_assets.orchestration.execution import ecs
from ftm_assets.orchestration.priced_runs import cost_rows
from ftm_resources import price_table
from ftm_resources.price_table import Prices
from ftm_resources.tables import TABLES

from .recorded_runs import QUARTER, START, Recorder

NOW = START + 10_000
SPOT_HOUR = 2 * 0.01214 + 16 * 0.001334
STEP = "firm_topics.firm_topics_chunk[chunk_0]"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def prices() -> Prices:
    return price_table.read(price_table.BUNDLED)


def rows(
    instance: dg.DagsterInstance, prices: Prices, before: pa.Table | None = None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cost_rows(instance, QUARTER, prices, before, NOW).to_pylist()
    return found


def two_runs(instance: dg.DagsterInstance) -> tuple[Recorder, Recorder]:
    """A run whose task is lost and restarted and whose step then fails, and the run that makes good for it."""
    first, second = Recorder(instance), Recorder(instance)
    first.task(STEP, 0, "arn:1")
    first.lose(STEP, 600)
    first.task(STEP, 600, "arn:2", ecs.FARGATE.on_demand)
    first.fail(STEP, 900)
    first.end(901, "FAILURE")
    second.task(STEP, 1_000, "arn:3")
    second.succeed(STEP, 1_030)
    second.materialize("topic_summaries", 1_031)
    second.end(1_040)
    return first, second


def test_failed_and_lost_attempts_cost_what_they_took(instance: dg.DagsterInstance, prices: Prices):
    first, second = two_runs(instance)
    found = {(r["run_id"], r["attempt"]): r for r in rows(instance, prices)}
    assert {key: (r["outcome"], r["market"], round(r["seconds"])) for key, r in found.items()} == {
        (first.run_id, 0): ("restarted", "fargate-spot", 600),
        (first.run_id, 1): ("failed", "fargate", 300),
        (second.run_id, 0): ("succeeded", "fargate-spot", 30),
    }
    assert found[first.run_id, 0]["usd"] == pytest.approx(SPOT_HOUR * 600 / 3600)
    assert found[first.run_id, 1]["usd"] == pytest.approx((2 * 0.04048 + 16 * 0.004445) * 300 / 3600)
    assert found[second.run_id, 0]["usd"] == pytest.approx(SPOT_HOUR * 60 / 3600), (
        "AWS charges a minute at least"
    )
    assert {r["machine"] for r in found.values()} == {"2 vCPU, 16 GB"}
    assert {r["stage"] for r in found.values()} == {"firm_topics"}


def test_made_again_the_rows_are_the_same(instance: dg.DagsterInstance, prices: Prices):
    two_runs(instance)
    once = cost_rows(instance, QUARTER, prices, None, NOW)
    assert cost_rows(instance, QUARTER, prices, once, NOW).equals(once)
    assert once.schema.equals(TABLES["run_costs"].arrow_schema)


def test_runs_that_dagster_has_forgotten_stay(instance: dg.DagsterInstance, prices: Prices):
    first, _ = two_runs(instance)
    once = cost_rows(instance, QUARTER, prices, None, NOW)
    instance.delete_run(first.run_id)
    assert cost_rows(instance, QUARTER, prices, once, NOW).equals(once)
    assert len(rows(instance, prices)) == 1, "without what was stored, they are gone"


def test_another_table_of_prices_prices_anew(instance: dg.DagsterInstance, prices: Prices, tmp_path: Path):
    two_runs(instance)
    once = cost_rows(instance, QUARTER, prices, None, NOW)
    file = tmp_path / "mine.csv"
    file.write_text(
        ",".join(price_table.COLUMNS)
        + "\nfargate_vcpu,fargate-spot,vCPU-hour,1,here,2027-01-01,me"
        + "\nfargate_gb,fargate-spot,GB-hour,0,here,2027-02-01,me\n"
    )
    found = cost_rows(instance, QUARTER, price_table.read(file), once, NOW).to_pylist()
    assert sorted(
        (r["market"], r["usd"], str(r["priced_on"])) for r in found if r["market"] != "fargate"
    ) == [
        ("fargate-spot", pytest.approx(2 * 60 / 3600), "2027-01-01"),
        ("fargate-spot", pytest.approx(2 * 600 / 3600), "2027-01-01"),
    ]
    assert [(r["usd"], r["priced_on"]) for r in found if r["market"] == "fargate"] == [(None, None)], (
        "no price"
    )


def test_steps_on_one_machine_have_no_price_unless_it_has_one(
    instance: dg.DagsterInstance, prices: Prices, tmp_path: Path
):
    run = Recorder(instance)
    for step, since, until in (("themes", 0, 100), ("topic_quality", 0, 50), ("marts", 100, 110)):
        run.begin(step, since)
        run.succeed(step, until)
    run.end(110)
    assert {(r["machine"], r["market"], r["usd"], r["priced_on"]) for r in rows(instance, prices)} == {
        ("local", "local", None, None)
    }
    file = tmp_path / "mine.csv"
    file.write_text(",".join(price_table.COLUMNS) + "\nlocal,local,hour,36,here,2027-01-01,me\n")
    usd = {r["step_key"]: r["usd"] for r in rows(instance, price_table.read(file))}
    assert usd == pytest.approx({"themes": 0.75, "topic_quality": 0.25, "marts": 0.1}), (
        "side by side they share it"
    )


@pytest.mark.parametrize("of", [QUARTER, "2023Q2"])
def test_two_runs_on_one_machine_at_the_same_time_share_it(
    instance: dg.DagsterInstance, tmp_path: Path, of: str
):
    file = tmp_path / "mine.csv"
    file.write_text(",".join(price_table.COLUMNS) + "\nlocal,local,hour,36,here,2027-01-01,me\n")
    mine, other, later = Recorder(instance), Recorder(instance, of), Recorder(instance, "2023Q3")
    for run, since, until in ((mine, 0, 100), (other, 50, 150), (later, 500, 600)):
        run.begin("themes", since)
        run.succeed("themes", until)
        run.end(until)
    usd = {r["run_id"]: r["usd"] for r in rows(instance, price_table.read(file))}
    assert usd[mine.run_id] == pytest.approx(0.75)
    assert usd.get(other.run_id, 0.75) == pytest.approx(0.75)


def test_a_server_of_a_model_is_a_stage_of_its_own(instance: dg.DagsterInstance, prices: Prices):
    run = Recorder(instance)
    host = [("g6.xlarge", ecs.GPU_HOSTS.on_demand)]
    service_time.note(instance, "llm", [run.run_id], [], 1, START + 10)
    service_time.note(instance, "llm", [run.run_id], host, 1, START + 610)
    service_time.note(instance, "llm", [], host, 0, START + 1_810)
    (served,) = rows(instance, prices)
    assert (served["stage"], served["machine"], served["market"]) == ("llm_service", "g6.xlarge", "on-demand")
    assert served["seconds"] == pytest.approx(1_800)
    assert served["usd"] == pytest.approx(0.8048 / 2)
