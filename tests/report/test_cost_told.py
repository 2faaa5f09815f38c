from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from ftm_assets.report.cost_told import HEADING, told_cost
from ftm_assets.report.gathering import gather
from ftm_assets.report.payload import Fact, Measure, Report
from ftm_assets.report.reported_state import ReportedState
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

from .told_quarter import QUARTER

Tell = Callable[..., tuple[tuple[Measure, ...], tuple[Fact, ...]]]


def cost(stage: str, seconds: float, usd: float | None, **other: Any) -> dict[str, Any]:
    return {
        "run_id": "a", "stage": stage, "step_key": f"{stage}{seconds}", "attempt": 0, "outcome": "succeeded",
        "started_at": datetime(2026, 1, 1, tzinfo=UTC), "seconds": seconds, "machine": "2 vCPU, 16 GB",
        "market": "fargate-spot", "usd": usd, "priced_on": None if usd is None else date(2026, 3, 10),
        "tokens_in": 0, "tokens_out": 0, "tokens_usd": None, "quarter": QUARTER, **other,
    }  # fmt: skip


def written(warehouse: Warehouse, *rows: dict[str, Any]) -> None:
    schema = TABLES["run_costs"].arrow_schema
    warehouse.replace("run_costs", QUARTER, [pa.Table.from_pylist(list(rows), schema=schema)])


@pytest.fixture
def tell(copied: Warehouse) -> Tell:
    """What is told of rows."""

    def of(*rows: dict[str, Any]) -> tuple[tuple[Measure, ...], tuple[Fact, ...]]:
        if rows:
            written(copied, *rows)
        with ReportedState.of(copied, QUARTER).connect() as db:
            return told_cost(db)

    return of


def test_the_total_is_of_machines_and_tokens_and_says_when_they_were_priced(tell: Tell):
    (total, time), facts = tell(
        cost("themes", 1_800, 0.5, tokens_in=900, tokens_out=100, tokens_usd=0.25),
        cost("firm_topics", 7_200, 1.5, outcome="restarted", run_id="b"),
        cost("llm_service", 3_600, 2.0, machine="g6.xlarge", market="on-demand", priced_on=date(2025, 6, 30)),
    )
    assert (total.name, total.value, total.unit) == ("Cost of the quarter", 4.25, "USD")
    assert total.meaning.endswith("until the page was made; prices of 2025-06-30 to 2026-03-10")
    assert (time.name, time.value, time.unit) == ("Machine time", 12_600, "seconds")
    assert "Of 2 runs" in time.meaning
    assert "2.0 h of it in attempts that failed" in time.meaning
    assert [(f.heading, f.name, f.value) for f in facts] == [
        (
            HEADING,
            "firm_topics",
            "2.0 h on 2 vCPU, 16 GB (Fargate Spot); 2.0 h of it in attempts that failed; $1.50",
        ),
        (HEADING, "llm_service", "60 min on g6.xlarge (On-Demand); $2.00"),
        (HEADING, "themes", "30 min on 2 vCPU, 16 GB (Fargate Spot); 1,000 tokens; $0.75"),
    ]


def test_a_total_of_which_a_part_has_no_price_is_the_least(tell: Tell):
    (total, _), facts = tell(
        cost("themes", 600, 0.05), cost("embed", 1_200, None, machine=None, market="spot", priced_on=None)
    )
    assert (total.name, total.value) == ("Cost of the quarter, at least", 0.05)
    assert total.meaning.endswith("20 min have no price")
    assert facts[0].value == "20 min on an unknown machine (Spot)"
    assert facts[1].value.endswith("; $0.050")


def test_tokens_without_a_price_are_missing_unless_the_server_is_counted(tell: Tell):
    named = cost("topic_summaries", 600, 0.05, tokens_in=900, tokens_out=100)
    (alone, _), _ = tell(named)
    assert alone.name == "Cost of the quarter, at least"
    assert alone.meaning.endswith("some tokens have no price")
    (served, _), _ = tell(named, cost("llm_service", 3_600, 2.0, machine="g6.xlarge", market="on-demand"))
    assert (served.name, served.value) == ("Cost of the quarter", 2.05)


def test_each_stage_of_which_a_part_has_no_price_says_so(tell: Tell):
    asked = {"tokens_in": 900, "tokens_out": 100}
    (total, _), facts = tell(
        cost("a", 600, 0.05),
        cost("a", 300, None, machine=None, market="spot", priced_on=None),
        cost("b", 500, 0.05, **asked),
        cost("c", 400, 0.05, **asked, tokens_usd=0.25),
        cost("d", 300, None, machine=None, market="spot", priced_on=None),
    )
    assert {f.name: f.value.rpartition("; ")[2] for f in facts} == {
        "a": "at least $0.050", "b": "at least $0.050", "c": "$0.30", "d": "5 min on an unknown machine (Spot)"
    }  # fmt: skip
    assert total.meaning.endswith("10 min and some tokens have no price")


def test_tokens_that_are_not_known_are_not_taken_for_none(tell: Tell):
    unknown = cost("themes", 600, 0.05, tokens_in=None, tokens_out=None, outcome="restarted")
    (total, _), (fact,) = tell(unknown)
    assert total.name == "Cost of the quarter, at least"
    assert fact.value.endswith("an unknown number of tokens; at least $0.050")
    _, (fact,) = tell(unknown, cost("themes", 60, 0.05, tokens_in=900, tokens_out=100, tokens_usd=0.25))
    assert fact.value.endswith("at least 1,000 tokens; at least $0.35")
    (served, _), (fact, _) = tell(
        unknown, cost("llm_service", 60, 2.0, machine="g6.xlarge", market="on-demand")
    )
    assert served.name == "Cost of the quarter", "the server's price is that of all its tokens"
    assert fact.value.endswith("an unknown number of tokens; $0.050")


def test_the_other_stages_say_so_too(tell: Tell):
    _, facts = tell(
        *(cost(f"stage_{i:02}", 100 - i, 0.5) for i in range(14)),
        cost("last", 1, 0.5, tokens_in=9, tokens_out=1),
    )
    assert facts[-1].value == "3 min, at least $1.50"


def test_on_one_machine_there_is_time_and_no_cost(tell: Tell):
    (time,), (fact,) = tell(cost("themes", 12, None, machine="local", market="local"))
    assert (time.name, time.value) == ("Machine time", 12)
    assert fact.value == "12 s on one machine"


def test_many_stages_end_in_a_line_of_the_others(tell: Tell):
    _, facts = tell(*(cost(f"stage_{i:02}", 100 - i, 0.5) for i in range(15)))
    assert len(facts) == 13
    assert (facts[-1].name, facts[-1].value) == ("3 other stages", "4 min, $1.50")


def test_a_quarter_whose_runs_were_not_recorded_says_nothing(tell: Tell, report: Report):
    assert tell() == ((), ())
    assert not [f for f in report.made_from if f.heading == HEADING]


def test_the_page_has_the_total_and_what_it_is_made_of(copied: Warehouse):
    written(copied, cost("themes", 600, 0.25))
    page = gather(copied, QUARTER)
    assert [m.value for m in page.measures if m.name == "Cost of the quarter"] == [0.25]
    assert [f.name for f in page.made_from if f.heading == HEADING] == ["themes"]


def test_tokens_of_one_run_without_a_price_make_the_total_a_lower_bound(tell: Tell):
    dear = cost("topic_summaries", 600, 0.05, tokens_in=5_000_000, tokens_out=400_000)
    priced = cost("topic_summaries", 60, 0.05, run_id="b", tokens_in=9, tokens_out=1, tokens_usd=0.01)
    (total, _), _ = tell(dear, priced)
    assert total.name == "Cost of the quarter, at least"
