import pyarrow as pa

from ftm_assets.checks.build import build_checks
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"


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
            "reason": pa.array(["outlier" if t is None else None for t in theme_ids], pa.string()),
            "detail": pa.nulls(len(topic_ids), pa.string()),
        }
    )


def test_every_table_has_blocking_checks_of_contract_key_and_quarter():
    by_table: dict[str, set[str]] = {}
    for spec in (s for c in build_checks() for s in c.check_specs):
        by_table.setdefault(spec.asset_key.path[-1], set()).add(spec.name)
        if spec.name in {"contract", "key_unique", "quarter_pure", "references_resolve"}:
            assert spec.blocking
    assert set(by_table) == set(TABLES)
    for table, names in by_table.items():
        assert {"contract", "key_unique", "quarter_pure"} <= names
        assert ("references_resolve" in names) == bool(list(TABLES[table].references()))


def test_a_sound_table_passes(warehouse: Warehouse, failed):
    warehouse.replace("firm_status", QUARTER, [statuses(["ok"] * 5)])
    assert failed("firm_status") == {}


def test_a_key_that_occurs_twice_is_counted(warehouse: Warehouse, failed):
    warehouse.replace("firm_status", QUARTER, [statuses(["ok"] * 3), statuses(["ok"] * 2)])
    assert failed("firm_status")["key_unique"] == "duplicate key: 2 rows"


def test_an_id_of_another_quarter_is_counted(warehouse: Warehouse, failed):
    warehouse.replace("theme_topics", QUARTER, [members(["2020Q2:1:000"], [None])])
    assert failed("theme_topics")["quarter_pure"] == "topic_id belongs to another quarter: 1 row"


def test_an_id_that_does_not_exist_is_counted_by_the_table_it_is_missing_in(warehouse: Warehouse, failed):
    warehouse.replace("theme_topics", QUARTER, [members(["2020Q1:1:000"], ["2020Q1:theme:000"])])
    found = failed("theme_topics")["references_resolve"]
    assert found == "topic_id is not in firm_topics: 1 row; theme_id is not in themes: 1 row"
