import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.checks import build_checks
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"
CHECKS = build_checks()


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
        assert spec.blocking or spec.name == "firms_without_topics"
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
