import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.checks.build import COMPARED, LIMITS, SMALL_QUARTER_TOPICS, build_checks
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"
CHECKS = build_checks()
QUALITY = {limit.name for limit in LIMITS} | {f"{level}_{metric}" for level, metric in COMPARED}


def statuses(states: list[str]) -> pa.Table:
    n = len(states)
    return pa.table(
        {
            "firm_id": [str(i) for i in range(n)],
            "status": states,
            "reason": pa.nulls(n, pa.string()),
            "n_sentences": pa.array([300] * n, pa.int32()),
            "n_topics": pa.array([20] * n, pa.int32()),
            "outlier_share": [0.1] * n,
            "seconds": [0.1] * n,
        }
    )


def members(topic_ids: list[str], theme_ids: list[str | None]) -> pa.Table:
    return pa.table(
        {
            "topic_id": topic_ids,
            "theme_id": pa.array(theme_ids, pa.string()),
            "firm_id": ["1"] * len(topic_ids),
            "reason": pa.array(["why" if t is None else None for t in theme_ids], pa.string()),
        }
    )


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    return Warehouse(path=str(tmp_path))


def evaluate(table: str, warehouse: Warehouse) -> dict[str, dg.AssetCheckEvaluation]:
    """Run the checks of one table on its quarter; by name."""
    own = [c for c in CHECKS if next(iter(c.check_specs)).asset_key == dg.AssetKey(table)]
    job = dg.Definitions(
        asset_checks=own,
        jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.checks(*own))],
        resources={"warehouse": warehouse},
    ).resolve_job_def("checks")
    result = job.execute_in_process(tags={"dagster/partition": QUARTER}, raise_on_error=False)
    return {e.check_name: e for e in result.get_asset_check_evaluations()}


def failed(table: str, warehouse: Warehouse) -> dict[str, str]:
    return {n: e.description for n, e in evaluate(table, warehouse).items() if not e.passed}


def test_every_table_has_blocking_checks_of_contract_key_and_quarter():
    by_table: dict[str, set[str]] = {}
    for spec in (s for c in CHECKS for s in c.check_specs):
        by_table.setdefault(spec.asset_key.path[-1], set()).add(spec.name)
        assert spec.blocking or spec.name in {"firms_without_topics", "degraded_names", *QUALITY}
    assert set(by_table) == set(TABLES)
    for table, names in by_table.items():
        assert {"contract", "key_unique", "quarter_pure"} <= names
        assert ("references_resolve" in names) == bool(list(TABLES[table].references()))


def test_a_sound_table_passes(warehouse: Warehouse):
    warehouse.replace("firm_status", QUARTER, [statuses(["ok"] * 5)])
    assert failed("firm_status", warehouse) == {}


def test_a_key_that_occurs_twice_is_counted(warehouse: Warehouse):
    warehouse.replace("firm_status", QUARTER, [statuses(["ok"] * 3), statuses(["ok"] * 2)])
    assert failed("firm_status", warehouse)["key_unique"] == "duplicate key: 2 rows"


def test_an_id_of_another_quarter_is_counted(warehouse: Warehouse):
    warehouse.replace("theme_topics", QUARTER, [members(["2020Q2:1:000"], [None])])
    assert failed("theme_topics", warehouse)["quarter_pure"] == "topic_id is of another: 1 rows"


def test_an_id_that_does_not_exist_is_counted_by_the_table_it_is_missing_in(warehouse: Warehouse):
    warehouse.replace("theme_topics", QUARTER, [members(["2020Q1:1:000"], ["2020Q1:theme:000"])])
    found = failed("theme_topics", warehouse)["references_resolve"]
    assert found == "topic_id is not in firm_topics: 1 rows; theme_id is not in themes: 1 rows"


@pytest.mark.parametrize(
    ("states", "failing"),
    [
        (["ok"] * 99 + ["failed"], set()),
        (["ok"] * 98 + ["failed"] * 2, {"failed_firms"}),
        (["ok"] * 70 + ["too_small"] * 30, {"firms_without_topics"}),
    ],
)
def test_lost_firms_beyond_the_bound_fail_the_check(
    warehouse: Warehouse, states: list[str], failing: set[str]
):
    warehouse.replace("firm_status", QUARTER, [statuses(states)])
    assert set(failed("firm_status", warehouse)) == failing


def write_quality(
    warehouse: Warehouse, measures: dict[tuple[str, str], float | None], quarter: str = QUARTER, n: int = 500
) -> None:
    rows = [
        {"level": level, "metric": metric, "value": value, "n": n, "quarter": quarter}
        for (level, metric), value in measures.items()
    ]
    schema = TABLES["topic_quality"].arrow_schema
    warehouse.replace("topic_quality", quarter, [pa.Table.from_pylist(rows, schema=schema)])


def at_the_limits(beyond: float = 0.0) -> dict[tuple[str, str], float]:
    return {(m.level, m.metric): m.limit + (beyond if m.is_upper else -beyond) for m in LIMITS}


def test_topics_at_the_limits_of_quality_pass(warehouse: Warehouse):
    write_quality(warehouse, at_the_limits())
    assert failed("topic_quality", warehouse) == {}


def test_topics_beyond_a_limit_are_warned_of_and_one_giant_theme_is_an_error(warehouse: Warehouse):
    write_quality(warehouse, at_the_limits(beyond=0.01), n=SMALL_QUARTER_TOPICS)
    found = {n: e.severity for n, e in evaluate("topic_quality", warehouse).items() if not e.passed}
    warnings = dict.fromkeys((m.name for m in LIMITS), dg.AssetCheckSeverity.WARN)
    assert found == warnings | {"largest_theme": dg.AssetCheckSeverity.ERROR}


def test_a_giant_theme_of_a_small_quarter_is_a_warning(warehouse: Warehouse):
    write_quality(warehouse, {("themes", "largest_theme_share"): 0.9}, n=SMALL_QUARTER_TOPICS - 1)
    found = evaluate("topic_quality", warehouse)["largest_theme"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == "0.900, against a limit of 0.150"


def test_what_could_not_be_measured_passes_and_says_so(warehouse: Warehouse):
    write_quality(warehouse, dict.fromkeys(at_the_limits()), n=0)
    found = evaluate("topic_quality", warehouse)
    assert {found[name].description for name in QUALITY} == {"not measured"}
    assert all(e.passed for e in found.values())


@pytest.mark.parametrize(
    ("others", "value", "passes"),
    [
        ([0.30, 0.10], 0.11, True),
        ([0.30, 0.10], 0.09, False),
        ([0.30, 0.10, 0.30], 0.19, False),
        ([0.90], 0.10, True),
        ([], 0.10, True),
    ],
)
def test_coherence_may_not_fall_far_below_the_median_of_the_other_quarters(
    warehouse: Warehouse, others: list[float], value: float, passes: bool
):
    for i, other in enumerate(others):
        write_quality(warehouse, {("themes", "coherence_c_npmi"): other}, quarter=f"201{i}Q1")
    write_quality(warehouse, {("themes", "coherence_c_npmi"): value})
    assert set(failed("topic_quality", warehouse)) == (set() if passes else {"themes_coherence_c_npmi"})


def test_a_check_of_quality_says_what_to_do():
    docs = {s.name: s.description for c in CHECKS for s in c.check_specs if s.name in QUALITY}
    assert set(docs) == QUALITY
    assert all(" Else " in doc for doc in docs.values())
