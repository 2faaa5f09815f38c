"""The marts through Dagster, dbt and the warehouse: real dbt runs on small quarters counted by hand."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.assets.marts import build_marts
from ftm_assets.orchestration.dbt_project import MARTS, SOURCES, dbt_resource
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.tables import LABELS, TABLES
from ftm_resources.warehouse import Warehouse

FIRST, SECOND = "2023Q1", "2023Q2"
OF_SCORES = ("firm_theme_sentiment", "theme_sentiment")


def theme(quarter: str, number: int, name: str, n_topics: int) -> dict[str, Any]:
    return {
        "theme_id": f"{quarter}:theme:{number:03d}",
        "name": name,
        "description": f"About {name}.",
        "keywords": ["freight"],
        "n_topics": n_topics,
        "n_firms": 2,
        "n_sentences": 20,
        "largest_firm_share": 0.4,
        "naming_method": "extractive",
        "embedding": [1.0, 0.0],
        "quarter": quarter,
    }


def score(
    quarter: str,
    number: int,
    call: str,
    firm: str,
    name: str,
    day: date,
    counts: tuple[int, int, int],
    **other: Any,
) -> dict[str, Any]:
    positive, neutral, negative = counts
    row = {
        "theme_id": f"{quarter}:theme:{number:03d}",
        "transcript_id": call,
        "firm_id": firm,
        "firm_name": name,
        "permno": None,
        "gvkey": None,
        "call_date": day,
        "n_positive": positive,
        "n_neutral": neutral,
        "n_negative": negative,
        "n_sentences": sum(counts),
        "score": (positive - negative) / sum(counts),
        "n_turns": sum(counts),
        **dict.fromkeys(("expected_score", "mean_strength"), 0.0),
        **{f"mean_p_{label}": 0.0 for label in LABELS},
        "quarter": quarter,
    }
    return row | other


def write(warehouse: Warehouse, quarter: str, table: str, rows: Sequence[dict[str, Any]]) -> None:
    warehouse.replace(table, quarter, [pa.Table.from_pylist(list(rows), schema=TABLES[table].arrow_schema)])


# Acme calls twice and is renamed and linked in between; Bolt calls once.
FIRST_SCORES = [
    score(FIRST, 0, "100", "1", "Acme", date(2023, 1, 20), (3, 2, 1)),
    score(FIRST, 1, "100", "1", "Acme", date(2023, 1, 20), (0, 4, 0)),
    score(FIRST, 0, "101", "1", "Acme Holdings", date(2023, 3, 1), (0, 1, 3), permno=14593, gvkey="001690"),
    score(FIRST, 0, "200", "2", "Bolt", date(2023, 2, 10), (5, 0, 1), permno=20),
]
SECOND_SCORES = [score(SECOND, 0, "300", "1", "Acme Holdings", date(2023, 5, 2), (1, 0, 0))]


def run_marts(
    warehouse: Warehouse, quarter: str, selection: dg.AssetSelection | None = None
) -> dg.ExecuteInProcessResult:
    selection = selection or dg.AssetSelection.assets(*MARTS)
    definitions = dg.Definitions(
        assets=[build_marts()],
        jobs=[dg.define_asset_job("job", selection=selection, partitions_def=QUARTERS)],
        resources={"dbt": dbt_resource(), "warehouse": warehouse},
    )
    # The tag, as the UI sets it: `partition_key` refuses a run of checks alone.
    return definitions.resolve_job_def("job").execute_in_process(
        tags={"dagster/partition": quarter}, raise_on_error=False
    )


# A run in a process of its own, as Dagster starts one per quarter of a backfill.
RUN = """
import sys
import dagster as dg
from ftm_assets.assets.marts import build_marts
from ftm_assets.orchestration.dbt_project import dbt_resource
from ftm_resources.warehouse import Warehouse

dg.materialize(
    [build_marts()],
    partition_key=sys.argv[2],
    resources={"dbt": dbt_resource(), "warehouse": Warehouse(path=sys.argv[1])},
)
"""


@pytest.fixture(scope="module")
def both_built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which two processes have made the marts of two quarters at the same time."""
    root = tmp_path_factory.mktemp("marts") / "warehouse"
    warehouse = Warehouse(path=str(root))
    for quarter in (FIRST, SECOND):
        for table in SOURCES:
            write(warehouse, quarter, table, [])
    write(warehouse, FIRST, "themes", [theme(FIRST, 0, "Freight", 7), theme(FIRST, 1, "Hiring", 3)])
    write(warehouse, FIRST, "sentiment_scores", FIRST_SCORES)
    write(warehouse, SECOND, "themes", [theme(SECOND, 0, "Pricing", 4), theme(SECOND, 1, "Unscored", 2)])
    write(warehouse, SECOND, "sentiment_scores", SECOND_SCORES)
    runs = [
        subprocess.Popen([sys.executable, "-c", RUN, str(root), quarter], stderr=subprocess.PIPE, text=True)
        for quarter in (FIRST, SECOND)
    ]
    for run in runs:
        _, errors = run.communicate()
        assert run.returncode == 0, errors
    return root


@pytest.fixture
def warehouse(both_built: Path) -> Warehouse:
    return Warehouse(path=str(both_built))


@pytest.fixture
def own_warehouse(both_built: Path) -> Iterator[Warehouse]:
    """The same warehouse, put back as it was after the test; in place, for Iceberg's paths are absolute."""
    copy = both_built.with_name("copy")
    shutil.copytree(both_built, copy)
    yield Warehouse(path=str(both_built))
    shutil.rmtree(both_built)
    copy.rename(both_built)


@pytest.fixture(autouse=True)
def no_version_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    """`dbt --version` asks PyPI for the newest release; a run may not need a network."""

    def refuse(command: list[str]) -> bytes:
        raise AssertionError(f"a run called {command}")

    monkeypatch.setattr("dagster_dbt.core.resource.check_output", refuse)


def contents(warehouse: Warehouse, quarter: str) -> dict[str, str]:
    return {mart: warehouse.quarter(mart, quarter).content for mart in MARTS}


def test_marts_are_assets_that_say_what_the_others_say():
    marts = build_marts()
    assert {key.to_user_string() for key in marts.keys} == set(MARTS)
    for spec in marts.specs:
        inputs = {dep.asset_key.to_user_string() for dep in spec.deps}
        if spec.key.path[-1] in OF_SCORES:
            assert inputs == {"themes", "sentiment_scores"}
        assert (spec.group_name, spec.owners) == ("marts", ["team:research"])
        assert spec.kinds == {"dbt", "duckdb", "iceberg"}
        assert spec.code_version
        assert TABLES[spec.key.path[-1]].doc in spec.description
        columns = spec.metadata["dagster/column_schema"].columns
        assert [c.name for c in columns] == [c.name for c in TABLES[spec.key.path[-1]].columns]
    assert {check.asset_key.to_user_string() for check in marts.check_specs} == set(MARTS)
    assert all(check.description and check.blocking for check in marts.check_specs)


def test_a_firms_calls_are_summed_and_its_last_call_names_it(warehouse: Warehouse):
    rows = warehouse.read("firm_theme_sentiment", FIRST).drop_columns(["quarter"]).to_pylist()
    acme = {
        "firm_id": "1",
        "firm_name": "Acme Holdings",
        "permno": 14593,
        "gvkey": "001690",
        "first_call_date": date(2023, 1, 20),
    }
    bolt = {
        "firm_id": "2",
        "firm_name": "Bolt",
        "permno": 20,
        "gvkey": None,
        "first_call_date": date(2023, 2, 10),
    }
    freight = {"theme_id": "2023Q1:theme:000", "theme_name": "Freight"}
    hiring = {"theme_id": "2023Q1:theme:001", "theme_name": "Hiring"}
    names = ("n_calls", "n_positive", "n_neutral", "n_negative", "n_sentences", "score")
    assert rows == [
        {**freight, **acme, **dict(zip(names, (2, 3, 3, 4, 10, -0.1), strict=True))},
        {**freight, **bolt, **dict(zip(names, (1, 5, 0, 1, 6, 4 / 6), strict=True))},
        {**hiring, **acme, **dict(zip(names, (1, 0, 4, 0, 4, 0.0), strict=True))},
    ]


def test_a_theme_counts_every_sentence_of_its_firms_once(warehouse: Warehouse):
    names = ("theme_name", "n_topics", "n_firms", "n_calls")
    counts = ("n_positive", "n_neutral", "n_negative", "n_sentences", "score")
    rows = warehouse.read("theme_sentiment", FIRST, columns=names + counts).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("Freight", 7, 2, 3, 8, 3, 5, 16, 3 / 16),
        ("Hiring", 3, 1, 1, 0, 4, 0, 4, 0.0),
    ]


def test_a_theme_without_scores_has_no_row(warehouse: Warehouse):
    assert warehouse.read("theme_sentiment", SECOND).column("theme_name").to_pylist() == ["Pricing"]


def test_a_mart_records_what_it_was_made_from(warehouse: Warehouse):
    made = warehouse.provenance("theme_sentiment", FIRST)
    assert made["run_id"]
    assert made["code_version"]
    assert set(made["inputs"]) == {"themes", "sentiment_scores"}
    for source in ("themes", "sentiment_scores"):
        assert made["inputs"][source]["content"] == warehouse.quarter(source, FIRST).content


def test_a_second_run_leaves_the_same_rows_and_the_other_quarter(own_warehouse: Warehouse):
    before = contents(own_warehouse, FIRST)
    others = {mart: own_warehouse.provenance(mart, SECOND)["snapshot_id"] for mart in MARTS}
    result = run_marts(own_warehouse, FIRST)
    assert result.success
    assert contents(own_warehouse, FIRST) == before
    assert {mart: own_warehouse.provenance(mart, FIRST)["run_id"] for mart in MARTS} == dict.fromkeys(
        MARTS, result.run_id
    )
    assert {mart: own_warehouse.provenance(mart, SECOND)["snapshot_id"] for mart in MARTS} == others
    metadata = {
        m.asset_key.to_user_string(): m.materialization.metadata
        for m in result.get_asset_materialization_events()
    }
    assert {mart: metadata[mart]["dagster/partition_row_count"].value for mart in MARTS} == {
        "firm_theme_sentiment": 3,
        "theme_sentiment": 2,
        "coverage": 0,
    }
    assert metadata["theme_sentiment"]["quarter"].value == FIRST
    assert all(e.passed for e in result.get_asset_check_evaluations())


def test_a_quarter_that_became_empty_empties_the_marts(own_warehouse: Warehouse):
    write(own_warehouse, SECOND, "themes", [])
    write(own_warehouse, SECOND, "sentiment_scores", [])
    result = run_marts(own_warehouse, SECOND)
    assert result.success
    assert [own_warehouse.read(mart, SECOND).num_rows for mart in MARTS] == [0, 0, 0]
    assert own_warehouse.read("theme_sentiment", FIRST).num_rows == 2


def test_broken_inputs_fail_loudly_and_leave_the_old_rows(own_warehouse: Warehouse):
    before = contents(own_warehouse, FIRST)
    too_many = FIRST_SCORES[3] | {"n_positive": 50}
    write(own_warehouse, FIRST, "sentiment_scores", [*FIRST_SCORES[:3], too_many])
    write(own_warehouse, FIRST, "themes", [theme(FIRST, 0, "Freight", 7)])
    result = run_marts(own_warehouse, FIRST)
    assert not result.success
    assert contents(own_warehouse, FIRST) == before
    assert not result.get_asset_materialization_events()
    failed = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
    found = ("counts_add_up", "score_in_range", "theme_exists")
    assert failed == {f"{mart}_{what}" for mart in OF_SCORES for what in found}
    failure = result.failure_data_for_node("marts").user_failure_data
    assert "test firm_theme_sentiment_counts_add_up" in failure.description
    assert "nothing was written" in failure.description
    rows = failure.metadata["test firm_theme_sentiment_counts_add_up"].records
    assert "Bolt" in {row.data["firm_name"] for row in rows}
    (missing,) = failure.metadata["test theme_sentiment_theme_exists"].records
    assert missing.data["from_field"] == "2023Q1:theme:001"


def test_a_check_on_its_own_tests_the_stored_rows(own_warehouse: Warehouse):
    stored = own_warehouse.read("theme_sentiment", FIRST).to_pylist()
    wrong = [stored[0] | {"n_neutral": stored[0]["n_neutral"] + 1}, stored[1]]
    write(own_warehouse, FIRST, "theme_sentiment", wrong)
    key = dg.AssetCheckKey(dg.AssetKey("theme_sentiment"), "theme_sentiment_counts_add_up")
    result = run_marts(own_warehouse, FIRST, dg.AssetSelection.checks(key))
    assert [(e.check_name, e.passed) for e in result.get_asset_check_evaluations()] == [(key.name, False)]


def test_marts_of_themes_and_scores_that_do_not_belong_together_are_refused(own_warehouse: Warehouse):
    """The themes were made again and the marts alone after them: the scores are still of the old themes."""
    before = contents(own_warehouse, FIRST)
    rows = own_warehouse.read("sentiment_scores", FIRST)
    of_old_themes = {"inputs": {"themes": {"snapshot_id": "1", "content": "others"}}}
    own_warehouse.replace("sentiment_scores", FIRST, [rows], provenance=of_old_themes)
    result = run_marts(own_warehouse, FIRST)
    assert not result.success
    problem = result.failure_data_for_node("marts").user_failure_data.description
    assert "sentiment_scores was made from other rows of themes" in problem
    assert "Materialize sentiment_scores of 2023Q1 first" in problem
    assert contents(own_warehouse, FIRST) == before
    assert run_marts(own_warehouse, SECOND).success


def test_a_mart_whose_input_was_never_written_is_refused(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    write(warehouse, FIRST, "themes", [theme(FIRST, 0, "Freight", 7)])
    result = run_marts(warehouse, FIRST, dg.AssetSelection.assets("theme_sentiment"))
    problem = result.failure_data_for_node("marts").user_failure_data.description
    assert "sentiment_scores of 2023Q1 was never materialized" in problem
