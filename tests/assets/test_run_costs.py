"""run_costs in real runs on this machine: two runs of a quarter, a step that is restarted, prices of one's own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEvent

from ftm_assets.assets.run_costs import AFTER, _of_another_region, run_costs
from ftm_assets.definitions import build_definitions
from ftm_assets.orchestration.asked_tokens import Told, as_data, telling
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.report.reported_state import READ
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.price_table import BUNDLED, COLUMNS, read
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"


@dg.asset(partitions_def=QUARTERS)
def coverage(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Stand for what comes before: its first attempt asks to be restarted."""
    if context.retry_number == 0:
        raise dg.RetryRequested(max_retries=1)
    with telling(context.op_execution_context, lambda sent, _received: sent / 5_600) as usage:
        usage.add(700, 60)
    return dg.MaterializeResult()


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


@pytest.fixture
def run(warehouse: Warehouse) -> Iterator[Run]:
    """Materialize, in one instance for all runs; return the metadata of run_costs."""
    with dg.DagsterInstance.ephemeral() as instance:

        def materialize(*assets: dg.AssetsDefinition, raise_on_error: bool = True) -> dict[str, Any]:
            done = dg.materialize(
                [*assets, run_costs],
                selection=[*assets, run_costs],
                partition_key=QUARTER,
                instance=instance,
                resources={
                    "warehouse": warehouse,
                    "io_manager": WarehouseIOManager(warehouse=warehouse),
                    "duckdb": ConfiguredDuckDB(),
                },
                raise_on_error=raise_on_error,
            )
            made = done.asset_materializations_for_node("run_costs")
            if not made:
                (failed,) = [e.step_failure_data.error.message for e in done.all_events if e.is_step_failure]
                return {"error": failed}
            return {name: value.value for name, value in made[0].metadata.items()}

        yield materialize


def rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = warehouse.read("run_costs", QUARTER).to_pylist()
    return found


def test_every_attempt_of_every_run_is_there(run: Run, warehouse: Warehouse):
    told = run(coverage)
    assert (told["runs"], told["attempts"], told["attempts_that_failed"]) == (1, 3, 1)
    assert (told["usd"], told["usd_is_at_least"]) == (0.125, True), "of tokens: this machine has no price"
    assert told["seconds_without_price"] == told["step_seconds"] > 0
    assert (told["tokens"], told["tokens_without_price"], told["attempts_with_unknown_tokens"]) == (760, 0, 0)
    stages = {record.data["stage"]: record.data for record in told["by_stage"].records}
    assert [(stages[s]["attempts"], stages[s]["usd"], stages[s]["at least"]) for s in ("coverage", "run_costs")] == [
        (2, 0.125, True), (1, None, True)
    ]  # fmt: skip
    assert [
        (r["step_key"], r["attempt"], r["outcome"], r["tokens_in"], r["tokens_usd"]) for r in rows(warehouse)
    ] == [
        ("coverage", 0, "restarted", 0, None),
        ("coverage", 1, "succeeded", 700, 0.125),
        ("run_costs", 0, "running", 0, None),
    ]
    assert {(r["machine"], r["market"], r["usd"]) for r in rows(warehouse)} == {("local", "local", None)}
    again = run()
    assert (again["runs"], again["attempts"]) == (2, 4)
    assert sorted(r["outcome"] for r in rows(warehouse) if r["step_key"] == "run_costs") == [
        "running",
        "succeeded",
    ]


def test_a_price_of_one_s_own_machine_prices_it(
    run: Run, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "mine.csv"
    file.write_text(",".join(COLUMNS) + "\nlocal,local,hour,3600,here,2027-01-01,me\n")
    monkeypatch.setenv("FTM_PRICES", str(file))
    told = run(coverage)
    found = rows(warehouse)
    assert sum(r["usd"] for r in found) == pytest.approx(sum(r["seconds"] for r in found)), (
        "one after the other"
    )
    assert (told["usd"], told["usd_is_at_least"]) == (
        pytest.approx(0.125 + sum(r["usd"] for r in found), abs=1e-3),
        False,
    )
    assert told["prices"] == {"model": "mine.csv", "of": "2027-01-01", "region": "here"}
    assert warehouse.provenance("run_costs", QUARTER)["models"]["prices"]["model"] == "mine.csv"


def test_prices_of_another_region_than_the_machines_are_said_to_be():
    bundled = read(BUNDLED)
    said = _of_another_region(bundled, "eu-west-1", {"fargate-spot", "local"})
    assert said == "run_costs: steps ran in eu-west-1, but prices are of us-east-1: set FTM_PRICES"
    for region, markets in ((None, {"spot"}), ("us-east-1", {"spot"}), ("eu-west-1", {"local"})):
        assert _of_another_region(bundled, region, markets) == ""


@dg.asset(partitions_def=QUARTERS)
def theme_links(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Stand for names by a model without prices, whose first attempt was killed while it asked."""
    if context.retry_number == 0:
        DagsterEvent.engine_event(context.get_step_execution_context(), "Asks", as_data(Told()))
        raise dg.RetryRequested(max_retries=1)
    with telling(context.op_execution_context, lambda *_: None) as usage:
        usage.add(900, 100)
    return dg.MaterializeResult()


def test_tokens_without_a_price_and_unknown_ones_are_told_of(run: Run, warehouse: Warehouse):
    told = run(coverage, theme_links)
    assert (told["usd"], told["usd_is_at_least"]) == (0.125, True)
    assert (told["tokens"], told["tokens_without_price"], told["attempts_with_unknown_tokens"]) == (
        1_760,
        1_000,
        1,
    )
    assert [r["tokens_in"] for r in rows(warehouse) if r["stage"] == "theme_links"] == [None, 900]


def test_a_broken_table_of_prices_fails_plainly_and_leaves_what_was_there(
    run: Run, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run(coverage)
    before = rows(warehouse)
    file = tmp_path / "mine.csv"
    file.write_text(",".join(COLUMNS) + "\nlocal,local,hour,much,here,2027-01-01,me\n")
    monkeypatch.setenv("FTM_PRICES", str(file))
    assert f"{file} line 2: usd 'much' is not a number" in run(raise_on_error=False)["error"]
    assert rows(warehouse) == before


def test_it_is_made_after_all_that_the_page_reads_and_before_the_page():
    assets = [a for a in build_definitions().assets or () if isinstance(a, dg.AssetsDefinition)]
    together = {key: a.keys for a in assets for key in a.keys}
    parents = {key: {p for k in a.keys for p in a.asset_deps[k]} for a in assets for key in a.keys}

    def upstream(name: str) -> set[str]:
        """Return the tables of the steps before that of a table."""
        found: set[dg.AssetKey] = set()
        waiting = [dg.AssetKey(name)]
        while waiting:
            new = {k for p in parents[waiting.pop()] for k in together[p]} - found
            found |= new
            waiting += new
        return {key.path[-1] for key in found}

    assert set(READ) - {"run_costs"} <= upstream("run_costs")
    assert "run_costs" in upstream("quarter_report")
    assert set(AFTER) <= set(READ)
