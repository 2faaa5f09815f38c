"""Counting: what follows from firms, sizes, prices, and what was measured."""

from pathlib import Path

import pytest

from ftm_assets.cli import cost_defaults as defaults
from ftm_assets.cli.cost_forecast import (
    GPU_HOSTS,
    LLM_SERVICE,
    Forecast,
    Line,
    Measured,
    Plan,
    Step,
    on_aws,
    on_this_machine,
    standing,
    steps,
)
from ftm_assets.orchestration.execution import ecs
from ftm_assets.orchestration.fan_out import FanOutConfig
from ftm_resources import price_table, settings
from ftm_resources.price_table import COLUMNS, Machine, Prices
from infra import synth
from infra.rendering import render

PLAN = Plan(firms=5_000, quarters=8)


@pytest.fixture(scope="module")
def of() -> list[Step]:
    return steps()


@pytest.fixture(scope="module")
def prices() -> Prices:
    return price_table.read(price_table.BUNDLED)


@pytest.fixture(scope="module")
def forecast(of: list[Step], prices: Prices) -> Forecast:
    return on_aws(PLAN, prices, Measured(), of)


def line(forecast: Forecast, stage: str) -> Line:
    (found,) = [one for one in forecast.lines if one.stage == stage]
    return found


def test_every_step_of_a_quarter_is_counted_at_its_size(of: list[Step]):
    names = {step.name: step for step in of}
    assert set(defaults.WORK) <= set(names), "no figure of a step that is gone"
    assert names["themes"].size == ecs.LARGE
    assert {s.stage for s in of if s.name.startswith("check_")} == {"checks"}
    assert {s.name for s in of if s.stage == "firm_topics"} == {
        "firm_topics_plan",
        "firm_topics_chunk",
        "firm_topics_commit",
    }
    assert names["firm_topics_chunk"].is_chunk
    assert FanOutConfig().chunk_firms == 500


def test_a_stage_is_its_tasks_starts_and_work(forecast: Forecast, prices: Prices):
    themes = line(forecast, "themes")
    work = defaults.WORK["themes"]
    assert (themes.tasks, themes.machine, themes.is_measured) == (1, "4 vCPU, 30 GB", False)
    assert themes.seconds == pytest.approx(defaults.START_SECONDS + work.seconds(4))
    hour = prices.per_hour(Machine("fargate-spot", "", 4, 30, has_address=True))
    assert themes.spot == pytest.approx(themes.seconds / 3600 * hour)
    topics = line(forecast, "firm_topics")
    assert topics.tasks == 12, "a plan, ten chunks, a commit"
    assert topics.machine == "8 vCPU, 32 GB, 50 GB disk"


def test_twice_the_sentences_are_twice_the_work_but_not_twice_the_starts(of: list[Step], prices: Prices):
    twice = on_aws(Plan(5_000, 8, sentences=2 * defaults.SENTENCES), prices, Measured(), of)
    once = on_aws(PLAN, prices, Measured(), of)
    work = line(once, "themes").seconds - defaults.START_SECONDS
    assert line(twice, "themes").seconds == pytest.approx(defaults.START_SECONDS + 2 * work)


def test_on_demand_costs_more_wherever_spot_is_asked_for(forecast: Forecast):
    for one in forecast.lines:
        assert one.spot is not None
        assert one.on_demand is not None
        if one.stage in {"run", LLM_SERVICE}:
            assert one.spot == one.on_demand, "neither is on Spot in the stacks"
        else:
            assert one.spot < one.on_demand
    assert forecast.spot is not None
    assert forecast.spot == pytest.approx(sum(one.spot or 0 for one in forecast.lines))
    assert forecast.spot_in_all == pytest.approx(8 * forecast.spot)


def test_names_take_a_server_and_tasks_that_wait_for_it(forecast: Forecast, of: list[Step], prices: Prices):
    naming = 5_000 * defaults.REQUESTS_PER_FIRM / defaults.REQUESTS_PER_SECOND["g6.xlarge"]
    start_and_stop = defaults.SERVICE_START_SECONDS + 900
    assert line(forecast, LLM_SERVICE).seconds == pytest.approx(naming + start_and_stop)
    waiting = line(forecast, "topic_summaries")
    commit = defaults.WORK["topic_summaries_commit"].cpu
    four_at_once = 4 * naming  # as the pool lets
    assert waiting.seconds == pytest.approx(four_at_once + 12 * defaults.START_SECONDS + commit)
    without = on_aws(Plan(5_000, 8, is_named_by_model=False), prices, Measured(), of)
    assert LLM_SERVICE not in {one.stage for one in without.lines}
    assert without.spot < forecast.spot


def test_hosts_with_a_gpu_cost_before_and_after_their_tasks(
    forecast: Forecast, of: list[Step], prices: Prices
):
    assert line(forecast, GPU_HOSTS).seconds == 8 * defaults.HOST_IDLE_SECONDS
    small = on_aws(Plan(600, 1), prices, Measured(), of)
    assert line(small, GPU_HOSTS).seconds == 2 * defaults.HOST_IDLE_SECONDS, "a host for each chunk"


def test_quarters_run_one_after_the_other_as_they_share_a_server(
    of: list[Step], prices: Prices, forecast: Forecast
):
    naming = 5_000 * defaults.REQUESTS_PER_FIRM / defaults.REQUESTS_PER_SECOND["g6.xlarge"]
    assert forecast.elapsed > naming
    assert forecast.elapsed == line(forecast, "run").seconds
    assert forecast.elapsed_in_all == pytest.approx(8 * forecast.elapsed)
    assert forecast.months == 1
    assert forecast.in_a_month == pytest.approx(forecast.spot + forecast.monthly / 8)
    many = on_aws(Plan(5_000, 100), prices, Measured(), of)
    assert many.months == 2, "100 times 8.6 hours"
    assert many.in_a_month == pytest.approx(many.spot + 2 * many.monthly / 100)
    assert settings.Settings.model_fields["ftm_service_idle_seconds"].default == defaults.SERVICE_IDLE_SECONDS


def test_what_was_measured_replaces_what_is_assumed(of: list[Step], prices: Prices):
    seconds = {
        "themes": {("4 vCPU, 30 GB", "fargate-spot"): 100.0, ("4 vCPU, 30 GB", "fargate"): 20.0},
        LLM_SERVICE: {("g6.xlarge", "on-demand"): 3_600.0},
        "run": {("1 vCPU, 4 GB", "fargate"): 7_200.0},
    }
    known = Measured(("2023Q1", "2023Q2"), firms=1_000, sentences=defaults.SENTENCES, seconds=seconds)
    found = on_aws(PLAN, prices, known, of)
    themes, served = line(found, "themes"), line(found, LLM_SERVICE)
    assert themes.is_measured
    assert themes.seconds == pytest.approx(5 * 120)
    hour = prices.per_hour(Machine("fargate-spot", "", 4, 30, has_address=True))
    assert themes.spot == pytest.approx(600 / 3600 * hour), (
        "an attempt that had to be On-Demand is hoped to be Spot"
    )
    assert served.on_demand == served.spot == pytest.approx(5 * 0.8048)
    assert served.seconds == pytest.approx(5 * 3_600), "its start and stop are in what was measured"
    assert themes.source == "run_costs of 2023Q1, 2023Q2"
    assert found.elapsed == pytest.approx(5 * 7_200)
    assert not line(found, "sentences").is_measured


def test_without_a_price_a_sum_is_not_told(of: list[Step], tmp_path: Path):
    file = tmp_path / "mine.csv"
    file.write_text(
        ",".join(COLUMNS) + "\n" + "\n".join(
            f"{item},fargate-spot,{unit},1,here,2027-01-01,me"
            for item, unit in (("fargate_vcpu", "vCPU-hour"), ("fargate_gb", "GB-hour"), ("fargate_disk", "GB-hour"))
        ) + "\npublic_address,on-demand,hour,0,here,2027-01-01,me\n"
    )  # fmt: skip
    found = on_aws(PLAN, price_table.read(file), Measured(), of)
    assert line(found, "themes").spot is not None
    assert line(found, "themes").on_demand is None
    assert line(found, GPU_HOSTS).spot is None
    assert line(found, "themes").lacks == ("fargate_vcpu (fargate)", "fargate_gb (fargate)")
    assert line(found, GPU_HOSTS).lacks == ("g6.xlarge (spot)", "g6.xlarge (on-demand)")
    assert {"fargate_vcpu (fargate)", "g6.xlarge (spot)", "dns_zone (on-demand)"} <= set(found.lacks)
    assert len(found.lacks) == len(set(found.lacks))
    assert (found.spot, found.on_demand, found.spot_in_all, found.monthly) == (None, None, None, None)


def test_more_cores_help_the_steps_that_can_use_them(of: list[Step], prices: Prices):
    two, eight = (on_this_machine(Plan(5_000, 1, cores=n), prices, Measured(), of) for n in (2, 8))
    assert line(eight, "sentence_embeddings").seconds < line(two, "sentence_embeddings").seconds / 3
    assert line(eight, "themes").seconds == line(two, "themes").seconds
    assert two.elapsed == pytest.approx(sum(one.seconds for one in two.lines))


def test_one_machine_takes_the_seconds_of_the_benchmarks(of: list[Step], prices: Prices):
    found = on_this_machine(Plan(5_000, 1), prices, Measured(), of)
    assert line(found, "sentence_embeddings").seconds > 2_000
    assert found.spot is None, "no price"
    assert LLM_SERVICE not in {one.stage for one in found.lines}
    known = Measured(("2023Q1",), 100, defaults.SENTENCES, {"themes": {("local", "local"): 3.0}})
    assert line(on_this_machine(Plan(200, 1), prices, known, of), "themes").seconds == pytest.approx(6.0)


def test_what_always_costs_is_what_the_stacks_hold(prices: Prices):
    stacks = render({**synth.NEEDED})
    dagster = stacks["dagster"].resources
    for task in ("Daemon", "Webserver"):
        properties = dagster[task]["Properties"]
        assert (properties["Cpu"], properties["Memory"]) == ("512", "4096")
    assert dagster["Database"]["Properties"]["DBInstanceClass"] == "db.t4g.micro"
    assert dagster["Database"]["Properties"]["AllocatedStorage"] == "20"
    n_endpoints = sum(
        r["Type"] == "AWS::EC2::VPCEndpoint" and r["Properties"].get("VpcEndpointType") == "Interface"
        for r in stacks["network"].resources.values()
    )
    assert n_endpoints == 1
    found = standing(PLAN, prices)
    assert {item.stack for item in found} == {"dagster", "network", "cluster", "vllm", "storage"}
    assert all(item.usd is not None and not item.lacks for item in found)


def test_a_run_s_own_task_has_the_size_of_its_definition():
    runs = render({**synth.NEEDED})["dagster"].resources["Runs"]["Properties"]
    assert (runs["Cpu"], runs["Memory"]) == (str(ecs.RUN.cpu), str(ecs.RUN.memory))
