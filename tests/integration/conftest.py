"""One quarter of a small sample, materialized once with everything real, for all tests of this folder."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from filelock import FileLock

from ftm_assets.definitions import QUARTER_JOB, build_definitions
from ftm_assets.orchestration.deployment import test_resources as resources_under
from ftm_resources.models.sentiment import SentimentScorer
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.tables import QUARTERLY
from ftm_resources.warehouse import Warehouse

from .small_llm import served

SAMPLE_QUARTER = "2023Q1"
QUICK = SentimentScorer(model="word-lists")
"""The scorer of a quarter whose tone no test looks at."""

MAY_BE_EMPTY = {
    *("theme_relatives", "firm_attributes", "portfolio_returns"),
    *(t for t in QUARTERLY if "pinned" in t),
}
"""The sample has no columns of its own; a first quarter resembles nothing and has too few calls before its own to sort
them by; and nothing is pinned."""

SAMPLE_FIRMS = 12
"""As few as still make themes across firms and keep every check; a run takes time in proportion."""

SOURCE = ConfiguredSource(kind="sample", sample_firms=SAMPLE_FIRMS)


class Deployment:
    """A warehouse and a Dagster instance under a folder, and the definitions over them."""

    def __init__(self, root: Path, source: ConfiguredSource, **overrides: Any) -> None:
        (root / "dagster").mkdir(parents=True, exist_ok=True)
        self.instance = dg.DagsterInstance.local_temp(str(root / "dagster"))
        resources = resources_under(root / "warehouse", source=source, **overrides)
        self.warehouse: Warehouse = resources["warehouse"]
        self.definitions = build_definitions(resource_overrides=resources)

    def run(self, quarter: str, *, config: Mapping[str, Any] | None = None) -> dg.ExecuteInProcessResult:
        """Materialize the quarter, with its checks; whether it succeeded is the caller's to ask."""
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return self.definitions.resolve_job_def(QUARTER_JOB).execute_in_process(
            partition_key=quarter,
            instance=self.instance,
            run_config={**quiet, "ops": dict(config or {})},
            raise_on_error=False,
        )


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the messages of the steps that failed."""
    return [str(e.step_failure_data.error) for e in result.all_events if e.is_step_failure]


@dataclass(frozen=True)
class Sample:
    """A quarter of the sample as one run has materialized it, with everything real."""

    deployment: Deployment
    run_id: str

    @property
    def warehouse(self) -> Warehouse:
        return self.deployment.warehouse

    def events(self) -> list[dg.DagsterEvent]:
        """Return what Dagster has recorded of the run."""
        logged = self.deployment.instance.all_logs(self.run_id)
        return [entry.dagster_event for entry in logged if entry.dagster_event]

    def copied(self, root: Path) -> Deployment:
        """Return a deployment of the test's own under `root`, with a copy of the warehouse, to be written to."""
        shutil.copytree(self.warehouse.root, root / "warehouse")
        return Deployment(root, SOURCE)


@pytest.fixture(scope="session")
def sample(folder_of_all: Path) -> Sample:
    """The sample's quarter, made by one process for all of a test run; to be read only."""
    folder = folder_of_all / "sample"
    made = folder / "run_id"
    with FileLock(folder.with_suffix(".lock")):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a process that failed left
            result = Deployment(folder, SOURCE).run(SAMPLE_QUARTER)
            assert result.success, failures(result)
            made.write_text(result.run_id)
    return Sample(Deployment(folder, SOURCE), made.read_text())


@pytest.fixture(scope="session")
def small_llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a small real model, which may still be loading; one server for all tests."""
    with served(tmp_path_factory.mktemp("small_llm")) as url:
        yield url
