import pyarrow as pa
import pytest

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


@pytest.mark.parametrize(
    ("states", "failing"),
    [
        (["ok"] * 99 + ["failed"], set()),
        (["ok"] * 98 + ["failed"] * 2, {"failed_firms"}),
        (["ok"] * 70 + ["too_small"] * 30, {"firms_without_topics"}),
    ],
)
def test_lost_firms_beyond_the_bound_fail_the_check(
    warehouse: Warehouse, states: list[str], failing: set[str], failed
):
    warehouse.replace("firm_status", QUARTER, [statuses(states)])
    assert set(failed("firm_status")) == failing


@pytest.mark.parametrize(
    ("n", "n_failed", "share", "passes"),
    [
        (53, 1, 0.01, True),
        (53, 2, 0.01, False),
        (53, 5, 0.1, True),
        (53, 6, 0.1, False),
        (53, 1, 0.0, False),
        (1, 1, 0.01, False),
    ],
)
def test_how_many_firms_may_fail_is_what_the_quarter_was_materialized_with(
    warehouse: Warehouse, evaluate, n: int, n_failed: int, share: float, passes: bool
):
    rows = statuses(["ok"] * (n - n_failed) + ["failed"] * n_failed)
    warehouse.replace("firm_status", QUARTER, [rows], provenance={"config": {"max_failed_share": share}})
    found = evaluate("firm_status")["failed_firms"]
    assert found.passed is passes
    assert f"max_failed_share={share:g}" in found.description
