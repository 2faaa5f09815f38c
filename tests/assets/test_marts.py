"""The marts through Dagster, dbt and the warehouse: real dbt runs on small quarters counted by hand."""

import copy
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pytest

from ftm_assets.assets.marts import build_marts
from ftm_assets.methods.scores import COLUMNS, build_scores
from ftm_assets.orchestration import dbt_project
from ftm_assets.orchestration.dbt_project import MARTS, SOURCES, dbt_resource
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.tables import LABELS, TABLES
from ftm_resources.warehouse import Warehouse

from .spoken_quarter import Call, Quarter, Turn, filled

FIRST, SECOND = "2023Q1", "2023Q2"
_SAID = {"theme_sentences", "sentences", "sentence_sentiment"}
OF_SCORES = {
    "firm_theme_sentiment": {"themes", "sentiment_scores", *_SAID},
    "theme_sentiment": {"themes", "sentiment_scores"},
}
"""Marts of sentiment_scores, and their inputs."""


def theme(quarter: str, number: int, name: str, n_topics: int) -> dict[str, Any]:
    return {
        "theme_id": f"{quarter}:theme:{number:03d}",
        "name": name,
        "n_topics": n_topics,
        "naming_method": "extractive",
    }


def call(
    number: str, firm: str, name: str, day: date, said: dict[int, tuple[int, int, int]], **other: Any
) -> Call:
    """A call in which each sentence is a turn of its own, from counts of labels by theme."""
    turns = [
        Turn([(theme, label)])
        for theme, counts in said.items()
        for label, n in zip(LABELS, counts, strict=True)
        for _ in range(n)
    ]
    return Call(number, firm, day, turns, firm_name=name, **other)


def write(warehouse: Warehouse, quarter: str, table: str, rows: Sequence[dict[str, Any]]) -> None:
    warehouse.replace(table, quarter, [filled(table, rows, quarter)])


# Acme calls twice and is renamed and linked in between; Bolt calls once.
IN_FIRST = Quarter(
    FIRST,
    [
        call("100", "1", "Acme", date(2023, 1, 20), {0: (3, 2, 1), 1: (0, 4, 0)}),
        call("101", "1", "Acme Holdings", date(2023, 3, 1), {0: (0, 1, 3)}, permno=14593, gvkey="001690"),
        call("200", "2", "Bolt", date(2023, 2, 10), {0: (5, 0, 1)}, permno=20),
    ],
)
IN_SECOND = Quarter(SECOND, [call("300", "1", "Acme Holdings", date(2023, 5, 2), {0: (1, 0, 0)})])
FIRST_SCORES = IN_FIRST.tables()["sentiment_scores"].to_pylist()


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


def why(result: dg.ExecuteInProcessResult) -> str:
    """Return what failed, as the run says it."""
    return " ".join(str(e.step_failure_data.error) for e in result.all_events if e.is_step_failure)


@pytest.fixture(scope="module")
def both_built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which two processes have made the marts of two quarters at the same time."""
    root = tmp_path_factory.mktemp("marts") / "warehouse"
    warehouse = Warehouse(path=str(root))
    IN_FIRST.write(warehouse, without=["themes"])
    write(warehouse, FIRST, "themes", [theme(FIRST, 0, "Freight", 7), theme(FIRST, 1, "Hiring", 3)])
    IN_SECOND.write(warehouse, without=["themes"])
    write(warehouse, SECOND, "themes", [theme(SECOND, 0, "Pricing", 4), theme(SECOND, 1, "Unscored", 2)])
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
            assert inputs == OF_SCORES[spec.key.path[-1]]
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
    names = ("n_calls", "n_positive", "n_neutral", "n_negative", "n_sentences", "score", "n_turns")
    assert [{k: v for k, v in row.items() if k not in {"score_se", "score_df"}} for row in rows] == [
        {**freight, **acme, **dict(zip(names, (2, 3, 3, 4, 10, -0.1, 10), strict=True))},
        {**freight, **bolt, **dict(zip(names, (1, 5, 0, 1, 6, 4 / 6, 6), strict=True))},
        {**hiring, **acme, **dict(zip(names, (1, 0, 4, 0, 4, 0.0, 4), strict=True))},
    ]
    # Each sentence is a turn of its own: the textbook's standard error of a mean.
    labels = [1] * 3 + [0] * 3 + [-1] * 4
    assert rows[0]["score_se"] == pytest.approx(statistics.stdev(labels) / math.sqrt(10), rel=1e-12)
    assert rows[0]["score_df"] == pytest.approx(9)
    assert (rows[2]["score_se"], rows[2]["score_df"]) == (None, None), "its turns do not differ"


def test_a_theme_counts_every_sentence_of_its_firms_once(warehouse: Warehouse):
    names = ("theme_name", "n_topics", "n_firms", "n_calls")
    counts = ("n_positive", "n_neutral", "n_negative", "n_sentences", "score", "score_se", "score_df")
    rows = warehouse.read("theme_sentiment", FIRST, columns=names + counts).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("Freight", 7, 2, 3, 8, 3, 5, 16, 3 / 16, None, None),
        ("Hiring", 3, 1, 1, 0, 4, 0, 4, 0.0, None, None),
    ]


def test_standard_errors_are_those_of_the_method_at_every_grain(tmp_path: Path):
    """A firm's calls as one call, and a theme's firms as turns of one call: what `build_scores` makes of them."""
    random = Random(7)
    calls = []
    for number in range(24):
        turns = [
            Turn(
                [
                    (random.choice((0, 0, 1, None)), random.choice((*LABELS, LABELS[turn % 3])))
                    for _ in range(random.randint(1, 6))
                ]
            )
            for turn in range(random.randint(1, 8))
        ]
        calls.append(Call(f"{number:02d}", f"f{number % 9}", date(2023, 2, 1), turns))
    quarter, warehouse = Quarter(FIRST, calls), Warehouse(path=str(tmp_path / "warehouse"))
    quarter.write(warehouse)
    assert run_marts(warehouse, FIRST, dg.AssetSelection.assets(*OF_SCORES)).success
    tables = {name: table.to_pandas() for name, table in quarter.tables().items() if name in COLUMNS}

    def scored(by: str, turn: str) -> dict[tuple[str, str], tuple[float, float]]:
        """Return standard errors and degrees of freedom of the method if `by` were the call and `turn` the turn."""
        changed = {name: table.copy() for name, table in tables.items()}
        for name in ("sentences", "transcripts"):
            keys = {"firm": changed[name]["firm_id"], "all": "all"}
            changed[name]["transcript_id"] = keys[by]
            if turn in keys:
                changed[name]["component_id"] = keys[turn]
        given = (
            pa.Table.from_pandas(changed[name][list(columns)], preserve_index=False)
            for name, columns in COLUMNS.items()
        )
        rows = build_scores(*given, quarter=FIRST, database=duckdb.connect()).sentiment_scores.to_pylist()
        return {(row["theme_id"], row["transcript_id"]): tone(row) for row in rows}

    def tone(row: dict[str, Any]) -> tuple[float, float]:
        return row["score_se"], row["score_df"]

    firms = warehouse.read("firm_theme_sentiment", FIRST).to_pylist()
    assert {(row["theme_id"], row["firm_id"]): tone(row) for row in firms} == scored("firm", "own")
    assert len({row["score_se"] for row in firms}) > len(firms) / 2
    themes = warehouse.read("theme_sentiment", FIRST).to_pylist()
    assert {(row["theme_id"], "all"): tone(row) for row in themes} == scored("all", "firm")


def test_scores_of_other_turns_than_the_sentences_are_refused(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    IN_FIRST.write(warehouse)
    sentences = IN_FIRST.tables()["sentences"].to_pylist()
    write(warehouse, FIRST, "sentences", [s | {"component_id": "one"} for s in sentences])
    result = run_marts(warehouse, FIRST, dg.AssetSelection.assets("firm_theme_sentiment"))
    failed = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
    assert failed == {"firm_theme_sentiment_equals_sentiment_scores"}


def test_a_marts_code_version_follows_the_models_and_macros_that_it_contains():
    found = json.loads(dbt_project.manifest().read_text())
    name = "model.ftm.firm_theme_sentiment"
    before = dbt_project.code_version(found, name)
    for part in ("macro.ftm.cluster_sums", "model.ftm.turn_tone", name):
        changed = copy.deepcopy(found)
        node = changed["macros" if part.startswith("macro") else "nodes"][part]
        node["macro_sql" if part.startswith("macro") else "raw_code"] += "-- changed"
        assert dbt_project.code_version(changed, name) != before
        assert dbt_project.code_version(changed, "model.ftm.coverage") == dbt_project.code_version(
            found, "model.ftm.coverage"
        )


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
        "firm_theme_panel": 4,
        "call_theme_panel": 6,
        "theme_panel": 2,
        "firm_pinned_panel": 0,
        "call_pinned_panel": 0,
        "coverage": own_warehouse.read("coverage", FIRST).num_rows,
    }
    assert metadata["theme_sentiment"]["quarter"].value == FIRST
    assert all(e.passed for e in result.get_asset_check_evaluations())


def test_a_quarter_that_became_empty_empties_the_marts(own_warehouse: Warehouse):
    for table in SOURCES:
        write(own_warehouse, SECOND, table, [])
    result = run_marts(own_warehouse, SECOND)
    assert result.success
    assert [own_warehouse.read(mart, SECOND).num_rows for mart in MARTS] == [0] * len(MARTS)
    assert own_warehouse.read("theme_sentiment", FIRST).num_rows == 2


def test_broken_inputs_fail_loudly_and_leave_the_old_rows(own_warehouse: Warehouse):
    before = contents(own_warehouse, FIRST)
    too_many = FIRST_SCORES[2] | {"n_positive": 50}
    write(own_warehouse, FIRST, "sentiment_scores", [*FIRST_SCORES[:2], too_many, FIRST_SCORES[3]])
    write(own_warehouse, FIRST, "themes", [theme(FIRST, 0, "Freight", 7)])
    result = run_marts(own_warehouse, FIRST, dg.AssetSelection.assets(*OF_SCORES))
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


def test_a_check_of_a_mart_that_was_never_made_is_refused(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    IN_FIRST.write(warehouse)
    result = run_marts(warehouse, FIRST, dg.AssetSelection.checks_for_assets(dg.AssetKey("theme_sentiment")))
    assert "theme_sentiment of 2023Q1 was never materialized, so there is nothing to check" in why(result)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DBT_EMPTY", "1"),
        ("DBT_QUIET", "1"),
        ("DBT_LOG_LEVEL", "none"),
        ("DBT_EXCLUDE_RESOURCE_TYPES", "test"),
    ],
)
def test_the_users_own_options_of_dbt_do_not_count(
    own_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
    """DBT_EMPTY would leave the mart without rows, DBT_QUIET without any, both in a green run."""
    monkeypatch.setenv(variable, value)
    before = own_warehouse.quarter("theme_sentiment", FIRST).content
    result = run_marts(own_warehouse, FIRST, dg.AssetSelection.assets("theme_sentiment"))
    assert result.success
    assert [e.asset_key.path[-1] for e in result.get_asset_materialization_events()] == ["theme_sentiment"]
    assert result.get_asset_check_evaluations()
    assert own_warehouse.quarter("theme_sentiment", FIRST).content == before
    assert os.environ[variable] == value


def test_a_mart_or_a_check_that_dbt_does_not_report_fails_the_run(
    own_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    """Dagster would not miss it: it takes an output that does not come for one that was not needed."""
    monkeypatch.setattr("ftm_assets.orchestration.dbt_runs.VARIABLES", "NONE_BEGINS_SO")
    monkeypatch.setenv("DBT_QUIET", "1")
    problem = why(run_marts(own_warehouse, FIRST, dg.AssetSelection.assets("theme_sentiment")))
    assert "dbt ended well, but said nothing of " in problem
    assert "theme_sentiment" in problem


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
    assert run_marts(own_warehouse, SECOND, dg.AssetSelection.assets("theme_sentiment")).success


def test_a_mart_whose_input_was_never_written_is_refused(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    write(warehouse, FIRST, "themes", [theme(FIRST, 0, "Freight", 7)])
    result = run_marts(warehouse, FIRST, dg.AssetSelection.assets("theme_sentiment"))
    problem = result.failure_data_for_node("marts").user_failure_data.description
    assert "sentiment_scores of 2023Q1 was never materialized" in problem
