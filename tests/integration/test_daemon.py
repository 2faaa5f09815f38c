"""A backfill through the real daemon, two quarters at once, each run a process of its own."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.utils import make_new_backfill_id

from ftm_assets.assets.warehouse_maintenance import NAME as MAINTENANCE
from ftm_assets.definitions import defs
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
QUARTERS = {"2019Q1": 0, "2020Q1": 2, "2021Q1": 2}
"""Firms of the calls in each."""
DEADLINE_SECONDS = 600


@pytest.fixture
def environment(tmp_path: Path, earnings21: Path, quick_model: str) -> dict[str, str]:
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copy(REPOSITORY / "infra" / "dagster" / "local.yaml", home / "dagster.yaml")
    return {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "FTM_WAREHOUSE": str(tmp_path / "warehouse"),
        "FTM_SOURCE": "files",
        "FTM_SOURCE_PATH": str(earnings21),
        # Quick ones: meaning and tone are tested elsewhere.
        "FTM_EMBEDDING_MODEL": quick_model,
        "FTM_SENTIMENT_MODEL": "word-lists",
    }


@contextmanager
def daemon(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen]:
    command = [str(BIN / "dagster-daemon"), "run", "-w", str(REPOSITORY / "workspace.yaml")]
    with log.open("a") as file:
        process = subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=file, stderr=file)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


def backfill(instance: dg.DagsterInstance, quarters: list[str]) -> None:
    """Ask for all assets of some quarters, as the UI does."""
    graph = defs.resolve_asset_graph()
    instance.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id=make_new_backfill_id(),
            asset_graph=graph,
            partition_names=quarters,
            asset_selection=sorted(
                (dg.AssetSelection.all() - dg.AssetSelection.assets(MAINTENANCE)).resolve(graph)
            ),
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
    )


def wait(
    instance: dg.DagsterInstance,
    daemon: subprocess.Popen,
    is_so: Callable[[list[dg.DagsterRun]], bool],
) -> list[dg.DagsterRun]:
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        assert daemon.poll() is None, "the daemon died"
        runs = list(instance.get_runs())
        if is_so(runs):
            return runs
        time.sleep(1)
    runs = [(quarter_of(r), r.status.value, failures(instance, r)) for r in instance.get_runs()]
    pytest.fail(f"not so in {DEADLINE_SECONDS} s: {runs}")


def failures(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """Return what each failed step of a run said."""
    records = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return [
        f"{r.dagster_event.step_key}: {r.dagster_event.step_failure_data.error}"
        for r in records
        if r.dagster_event
    ]


def quarter_of(run: dg.DagsterRun) -> str:
    return run.tags["dagster/partition"]


def succeeded(runs: list[dg.DagsterRun]) -> list[str]:
    return sorted(quarter_of(r) for r in runs if r.status == dg.DagsterRunStatus.SUCCESS)


def steps_done(instance: dg.DagsterInstance, runs: list[dg.DagsterRun]) -> dict[str, int]:
    """Return how many steps each run that is started has finished."""
    done = dg.DagsterEventType.STEP_SUCCESS
    return {
        r.run_id: len(instance.all_logs(r.run_id, of_type=done))
        for r in runs
        if r.status == dg.DagsterRunStatus.STARTED
    }


def family(process: subprocess.Popen) -> list[psutil.Process]:
    """Return the process, its code server and the runs of that."""
    daemon = psutil.Process(process.pid)
    return [*daemon.children(recursive=True), daemon]


def assert_all_rows(environment: dict[str, str]) -> None:
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    for quarter, firms in QUARTERS.items():
        assert warehouse.read("firm_status", quarter).num_rows == firms
    assert all(set(warehouse.quarters(t)) <= set(QUARTERS) for t in TABLES)


def test_a_backfill_finishes_though_the_daemon_and_then_the_machine_is_restarted(
    environment: dict[str, str], tmp_path: Path
):
    """Two runs are at work and one waits when the daemon dies: they never notice. Then everything dies: the two are
    found dead, and retried behind what they had finished."""
    log = tmp_path / "daemon.log"
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        backfill(instance, list(QUARTERS))

        def are_working(runs: list[dg.DagsterRun]) -> bool:
            done = steps_done(instance, runs)
            return len(done) == 2 and min(done.values()) > 0

        with daemon(environment, log) as process:
            before = steps_done(instance, wait(instance, process, are_working))
            orphans = family(process)[:-1]
            process.kill()

        def went_on(runs: list[dg.DagsterRun]) -> bool:
            done = steps_done(instance, runs)
            return set(done) == set(before) and all(done[r] > before[r] for r in before)

        with daemon(environment, log) as process:
            wait(instance, process, went_on)
            for dead in [*orphans, *family(process)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    dead.kill()
        with daemon(environment, log) as process:
            runs = wait(instance, process, lambda runs: succeeded(runs) == sorted(QUARTERS))
        assert {r.run_id for r in runs if r.status == dg.DagsterRunStatus.FAILURE} == set(before)
        assert {r.parent_run_id for r in runs if r.parent_run_id} == set(before)
    assert_all_rows(environment)
