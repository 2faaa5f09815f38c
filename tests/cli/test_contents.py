"""What `ftm quarters` and `ftm themes` say of a warehouse that is not as it should be."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.cli import home
from ftm_assets.cli.stored_quarters import costs, notes, state
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.status import status


def test_a_quarter_that_lacks_tables_is_incomplete(warehouse: Warehouse, ftm):
    assert [state(q) for q in status(warehouse)] == ["incomplete"]
    shown = ftm("quarters").stdout
    assert "incomplete" in shown
    assert "missing: transcripts" in shown
    assert "ftm run --quarter" in shown


def test_a_table_made_from_rows_that_were_replaced_makes_a_quarter_mixed(
    warehouse: Warehouse, ftm, topics: Callable
):
    made_from = {"inputs": {"firm_topics": warehouse.quarter("firm_topics", "2020Q1").provenance()}}
    warehouse.replace("themes", "2020Q1", [], provenance=made_from)
    assert [state(q) for q in status(warehouse)] == ["incomplete"]
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 2)])
    assert [state(q) for q in status(warehouse)] == ["mixed"]
    shown = " ".join(ftm("quarters").stdout.split())
    assert "2020Q1 1 table does not go with firm_topics; to fix it, materialize themes" in shown
    assert "ftm quarters --details" in shown
    assert "was made from other rows" not in shown
    detailed = " ".join(ftm("quarters", "--details").stdout.split())
    assert (
        "2020Q1 themes was made from other rows of firm_topics 2020Q1 to fix it, materialize themes"
        in detailed
    )


def test_quarters_that_do_not_go_with_many_earlier_ones_take_a_line_each(
    warehouse: Warehouse, topics: Callable
):
    earlier = ["2018Q4", "2019Q1", "2019Q2", "2019Q3", "2019Q4"]
    for quarter in earlier:
        warehouse.replace("firm_topics", quarter, [topics(quarter, 2)])
    read = {f"firm_topics@{q}": warehouse.quarter("firm_topics", q).provenance() for q in earlier}
    for name in ("themes", "topic_quality"):
        warehouse.replace(name, "2020Q2", [], provenance={"inputs": read})
    for quarter in earlier:
        warehouse.replace("firm_topics", quarter, [topics(quarter, 1)])
    (mixed,) = (q for q in status(warehouse) if q.mixtures)
    assert len(mixed.mixtures) == 10
    assert notes(mixed)[0] == (
        "2 tables do not go with 5 quarters (2018Q4 to 2019Q4); to fix it, materialize themes, topic_quality"
    )
    assert len(notes(mixed)) == 2, "and what is missing"
    assert [n for n in notes(mixed, details=True) if "2019Q2" in n] == [
        f"{name} was made from other rows of firm_topics@2019Q2" for name in ("themes", "topic_quality")
    ]
    for quarter in earlier[2:]:
        warehouse.replace("firm_topics", quarter, [topics(quarter, 2)])
    (mixed,) = (q for q in status(warehouse) if q.mixtures)
    assert notes(mixed)[0].startswith("2 tables do not go with 2018Q4, 2019Q1; to fix it, ")


@dg.job
def a_job() -> None: ...


def test_a_quarter_that_a_run_computes_is_not_to_be_rebuilt(warehouse: Warehouse, ftm):
    assert [state(q) for q in status(warehouse)] == ["incomplete"]
    home.prepare()
    with dg.DagsterInstance.get() as instance:
        runs = [
            instance.create_run_for_job(a_job, tags={"dagster/partition": quarter}, status=status)
            for quarter, status in (
                ("2020Q1", dg.DagsterRunStatus.STARTED),
                ("2020Q1", dg.DagsterRunStatus.SUCCESS),
                ("2020Q2", dg.DagsterRunStatus.STARTING),
                ("2020Q3", dg.DagsterRunStatus.FAILURE),
            )
        ]
    shown = " ".join(ftm("quarters").stdout.split())
    assert f"2020Q1 being computed (run {runs[0].run_id[:8]}, since 20" in shown
    assert f"2020Q2 being computed (run {runs[2].run_id[:8]}, since 20" in shown
    assert "2020Q3" not in shown
    assert "incomplete" not in shown
    assert "ftm run --quarter" not in shown


@pytest.mark.usefixtures("warehouse")
def test_an_outdated_search_index_is_named_with_its_remedy(ftm, monkeypatch: pytest.MonkeyPatch):
    remedy = "dg launch --assets search_index --partition 2020Q1"
    assert remedy not in ftm("quarters").stdout
    monkeypatch.setattr(
        "ftm_resources.retrieval.stored_indexes.index_states",
        lambda _, quarters: dict.fromkeys(quarters, "outdated"),
    )
    assert remedy in " ".join(ftm("quarters").stdout.split())


def test_themes_of_a_quarter_without_any_name_those_that_have_some(warehouse: Warehouse, ftm):
    refused = ftm("themes", "2020-Q1")
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"2020Q1 has no themes in {warehouse.root}. Quarters with themes: none.")


def test_what_is_no_quarter_is_wrong_usage(ftm):
    refused = ftm("themes", "2020Q5")
    assert refused.exit_code == 2
    assert "'2020Q5' is not a quarter such as" in " ".join(refused.stderr.replace("│", "").split())


@pytest.mark.parametrize("command", [("themes",), ("export", "tables", "--out", "unused")])
def test_a_day_without_a_state_is_refused(ftm, place: Path, command: tuple[str, ...]):
    warehouse = Warehouse(path=str(place / "warehouse"))
    warehouse.replace("themes", "2020Q1", [])
    warehouse.replace("themes", "2020Q2", [])
    first = warehouse.pin().writes("themes")["2020Q1"][0].at
    for day, said in [
        (
            "2020-05-31",
            f"2020Q1 has no state as of 2020-05-31: it was first written at {first:%Y-%m-%d %H:%M:%S}",
        ),
        ("2999-01-01", "2999-01-01 is in the future"),
    ]:
        refused = ftm(*command, "2020Q1", "--as-of", day)
        assert refused.exit_code == 1
        assert said in refused.stderr
    assert "in the future" not in ftm(*command, "2020Q1", "--as-of", f"{first:%Y-%m-%d}").stderr


def cost(usd: float | None, **other: object) -> dict[str, object]:
    return {
        "run_id": "a", "stage": "themes", "step_key": f"themes {usd}", "attempt": 0, "outcome": "succeeded",
        "started_at": datetime(2026, 1, 1, tzinfo=UTC), "seconds": 60.0, "machine": "local", "market": "local",
        "usd": usd, "priced_on": None, "tokens_in": 0, "tokens_out": 0, "tokens_usd": None, "quarter": "2020Q1",
        **other,
    }  # fmt: skip


def test_a_quarter_shows_what_it_cost_where_a_price_is_known(warehouse: Warehouse, ftm):
    assert "cost" not in ftm("quarters").stdout
    for rows, shown in (([None], None), ([1.25, 0.5], "$1.75"), ([1.25, None], "at least $1.25")):
        made = pa.Table.from_pylist([cost(usd) for usd in rows], schema=TABLES["run_costs"].arrow_schema)
        warehouse.replace("run_costs", "2020Q1", [made])
        said = " ".join(ftm("quarters").stdout.split())
        assert ("search index cost" in said) is (shown is not None)
        assert shown is None or f"none {shown}" in said or f"outdated {shown}" in said


def test_a_quarter_of_which_nothing_has_a_price_is_not_taken_for_one_that_cost_nothing(warehouse: Warehouse):
    for quarter, usd in (("2020Q1", None), ("2020Q2", 1.25)):
        row = cost(usd, quarter=quarter)
        made = pa.Table.from_pylist([row], schema=TABLES["run_costs"].arrow_schema)
        warehouse.replace("run_costs", quarter, [made])
    assert costs(warehouse) == {"2020Q1": "not known", "2020Q2": "$1.25"}


@pytest.mark.parametrize(("served", "shown"), [("a", "$1.75"), ("b", "at least $1.75")])
def test_tokens_without_a_price_make_a_cost_the_least_unless_a_server_of_the_same_run_is_counted(
    warehouse: Warehouse, served: str, shown: str
):
    rows = [cost(1.25, tokens_in=900), cost(0.5, run_id=served, stage="llm_service")]
    made = pa.Table.from_pylist(rows, schema=TABLES["run_costs"].arrow_schema)
    warehouse.replace("run_costs", "2020Q1", [made])
    assert costs(warehouse) == {"2020Q1": shown}
