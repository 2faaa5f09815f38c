"""The costs in docs/ are those of the one table of prices, and the forecast there is what `ftm cost` says."""

from pathlib import Path

import pytest

from ftm_assets.cli import cost_defaults as defaults
from ftm_assets.cli.cost_forecast import LLM_SERVICE, Forecast, Measured, Plan, on_aws, standing, steps
from ftm_assets.orchestration.pools import LIMITS
from ftm_resources import price_table
from ftm_resources.endpoint.forecast import duration
from ftm_resources.price_table import HOURS_PER_MONTH, Machine, Prices

DOCS = Path(__file__).resolve().parents[2] / "docs"
AWS, COSTS = (" ".join((DOCS / name).read_text().split()) for name in ("aws.md", "costs.md"))


@pytest.fixture(scope="module")
def prices() -> Prices:
    return price_table.read(price_table.BUNDLED)


@pytest.fixture(scope="module")
def forecast(prices: Prices) -> Forecast:
    return on_aws(Plan(5_000, 8), prices, Measured(), steps())


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def usd(spot: float | None, on_demand: float | None, mark: str = "") -> tuple[str, ...]:
    return tuple(f"{mark}{amount:.2f}{mark}" for amount in (spot, on_demand))


def documented(forecast: Forecast) -> list[str]:
    """Return the rows of the table of docs/costs.md."""
    rows = [
        row(f"`{x.stage}`", x.machine, duration(x.seconds), *usd(x.spot, x.on_demand)) for x in forecast.lines
    ]
    return [
        *rows,
        row("**a quarter**", "", "", *usd(forecast.spot, forecast.on_demand, "**")),
        row("**8 quarters**", "", "", *usd(forecast.spot_in_all, forecast.on_demand_in_all, "**")),
    ]


def test_the_forecast_is_in_the_documentation(forecast: Forecast, prices: Prices):
    assert [r for r in documented(forecast) if " ".join(r.split()) not in COSTS] == []
    assert f"${forecast.in_a_month:.2f} a quarter" in COSTS
    assert f"${forecast.monthly:.2f} a month" in COSTS
    old = on_aws(Plan(5_000, 8, gpu="g4dn.xlarge"), prices, Measured(), steps())
    assert (
        f"A quarter takes {duration(forecast.elapsed)} from start to end, 8 quarters one after the other "
        f"{duration(forecast.elapsed_in_all)}."
    ) in COSTS
    hours = [next(x.seconds for x in f.lines if x.stage == LLM_SERVICE) / 3600 for f in (old, forecast)]
    assert (
        f"a quarter costs ${old.spot:.2f} on Spot, and its server runs for {hours[0]:.1f} hours instead of "
        f"{hours[1]:.1f}."
    ) in COSTS


def test_the_documentation_has_what_a_stage_is_recomputed_from(forecast: Forecast, prices: Prices):
    (stage,) = (x for x in forecast.lines if x.stage == "topic_summaries")
    rate, at_once, chunks = defaults.REQUESTS_PER_SECOND["g6.xlarge"], LIMITS["llm"], forecast.plan.chunks
    naming = 5_000 * defaults.REQUESTS_PER_FIRM / rate
    commit = defaults.WORK["topic_summaries_commit"].cpu
    seconds = at_once * naming + (chunks + 2) * defaults.START_SECONDS + commit
    hour = prices.per_hour(Machine("fargate-spot", vcpu=2, memory=16, has_address=True))
    assert stage.tasks == chunks + 2
    assert seconds == pytest.approx(stage.seconds)
    assert seconds / 3600 * hour == pytest.approx(stage.spot, abs=0.005), "the plan's task is smaller"
    for said in (
        f"5,000 firms with {defaults.REQUESTS_PER_FIRM} names each are {naming:,.0f} s for a server that gives "
        f"{rate:g} a second.",
        f"{at_once} tasks wait for it at once (the limit of the pool `llm`), each with a chunk of "
        f"{defaults.CHUNK_FIRMS} firms.",
        f"So the {chunks} chunks wait {at_once * naming:,.0f} s together; they, the plan and the commit start in "
        f"{defaults.START_SECONDS} s each, and the commit works for {commit:g} s: {seconds:,.0f} s.",
        f"An hour of {stage.machine.replace(', ', ' and ')} on Fargate Spot is ${hour:.4f}, of which "
        f"${prices.usd('public_address'):g} is the public address",
    ):
        assert said in COSTS, said


def test_every_price_is_in_the_documentation(prices: Prices):
    said = [row(f"`{p.item}`", p.market, f"{p.usd:g}", p.unit, p.as_of, p.source) for p in prices.rows]
    assert [r for r in said if r not in COSTS] == []


def test_what_a_stack_costs_follows_from_the_prices(prices: Prices):
    by_stack: dict[str, float] = {}
    for item in standing(Plan(5_000, 8), prices):
        by_stack[item.stack] = by_stack.get(item.stack, 0.0) + (item.usd or 0.0)
    paused = 20 * prices.usd("rds_disk") + 2 * prices.usd("secret")
    rest = sum(by_stack[stack] for stack in ("network", "cluster", "vllm"))
    per_month = HOURS_PER_MONTH * prices.usd("interface_endpoint")
    for said in (
        f"| ${by_stack['network']:.2f} a month (the Glue endpoint) |",
        f"| ${prices.usd('ecr_storage'):.2f} per GB of images and month, about ${by_stack['cluster']:.0f} |",
        f"| ${by_stack['dagster']:.0f} a month running; ${paused:.2f} paused |",
        f"| ${by_stack['vllm']:.2f} a month (a DNS zone, an alarm) |",
        f"| ${prices.usd('s3_storage')} per GB and month |",
        f"about ${paused + rest:.0f} a month",
        f"ten endpoints instead (about ${10 * per_month:.0f} a month)",
        f"(${HOURS_PER_MONTH * prices.usd('load_balancer'):.0f} a month and more)",
        f"about 6 GB, ${6 * prices.usd('s3_storage'):.2f} a month",
    ):
        assert said in AWS, said


def test_the_first_quarter_on_aws_costs_what_the_forecast_says(prices: Prices):
    sample = on_aws(Plan(48, 1), prices, Measured(), steps())
    said = f"for the sample's 48 firms about ${sample.spot:.2f} on Spot and ${sample.on_demand:.2f} without"
    assert said in AWS


def test_what_is_assumed_is_said(forecast: Forecast):
    rates = defaults.REQUESTS_PER_SECOND
    g6, g5, g4 = (f"{rates[kind]:g}" for kind in ("g6.xlarge", "g5.xlarge", "g4dn.xlarge"))
    for said in (
        f"{defaults.GPU_SENTENCES_PER_SECOND:,} sentences a second on a GPU",
        f"{g6} names a second from Qwen3-8B-AWQ on `g6.xlarge`, {g5} on `g5.xlarge`, {g4} on `g4dn.xlarge`; "
        f"{defaults.REQUESTS_PER_FIRM} names a firm",
        f"{defaults.START_SECONDS} s to start a task, {defaults.GPU_START_SECONDS} s on a host with a GPU; "
        f"{defaults.HOST_IDLE_SECONDS / 60:.0f} minutes of each host",
        f"{defaults.SERVICE_START_SECONDS / 60:.0f} minutes until vLLM answers, "
        f"{defaults.SERVICE_IDLE_SECONDS / 60:.0f} minutes until it is stopped",
    ):
        assert said in COSTS, said
    assert forecast.spot < 15
