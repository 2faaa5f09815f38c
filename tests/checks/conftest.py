from collections.abc import Callable

import dagster as dg
import pytest

from ftm_assets.checks.build import build_checks
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"
CHECKS = build_checks()
Evaluate = Callable[[str], dict[str, dg.AssetCheckEvaluation]]


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    return Warehouse(path=str(tmp_path))


@pytest.fixture
def evaluate(warehouse: Warehouse) -> Evaluate:
    """Run the checks of one table on the quarter; by name."""

    def run(table: str) -> dict[str, dg.AssetCheckEvaluation]:
        own = [c for c in CHECKS if next(iter(c.check_specs)).asset_key == dg.AssetKey(table)]
        job = dg.Definitions(
            asset_checks=own,
            jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.checks(*own))],
            resources={"warehouse": warehouse},
        ).resolve_job_def("checks")
        result = job.execute_in_process(tags={"dagster/partition": QUARTER}, raise_on_error=False)
        return {e.check_name: e for e in result.get_asset_check_evaluations()}

    return run


@pytest.fixture
def failed(evaluate: Evaluate) -> Callable[[str], dict[str, str]]:
    """Run the checks of one table; the descriptions of those that fail, by name."""
    return lambda table: {n: e.description for n, e in evaluate(table).items() if not e.passed}
