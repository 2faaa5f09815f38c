"""A backfill through the real daemon, two quarters at once, each run a process of its own."""

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

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
QUARTERS = {"2019Q1": 0, "2019Q2": 0, "2020Q1": 2, "2021Q1": 2}
"""Firms of the calls in each."""
DEADLINE_SECONDS = 600


@pytest.fixture
def environment(tmp_path: Path, earnings21: Path) -> dict[str, str]:
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copy(REPOSITORY / "infra" / "dagster" / "local.yaml", home / "dagster.yaml")
    return {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "FTM_WAREHOUSE": str(tmp_path / "warehouse"),
        "FTM_SOURCE": "files",
        "FTM_SOURCE_PATH": str(earnings21),
    }


@contextmanager
def daemon(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen]:
    command = [str(BIN / "dagster-daemon"), "run", "-w", str(REPOSITORY / "workspace.yaml")]
    with log.open("a") as file:
        process = subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=file, stderr=file)
        yield process
        process.terminate()
        process.wait(timeout=60)


def submit(environment: dict[str, str], quarters: list[str]) -> None:
    backfill = ["job", "backfill", "--noprompt", "--job", "quarter", "--partitions", ",".join(quarters)]
    submitted = subprocess.run(
        [BIN / "dagster", *backfill],
        env=environment,
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        check=False,
    )
    assert submitted.returncode == 0, submitted.stderr[-2000:]


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
    pytest.fail(f"not so in {DEADLINE_SECONDS} s: {[(r.tags, r.status) for r in instance.get_runs()]}")


def quarter_of(run: dg.DagsterRun) -> str:
    return run.tags["dagster/partition"]


def succeeded(runs: list[dg.DagsterRun]) -> list[str]:
    return sorted(quarter_of(r) for r in runs if r.status == dg.DagsterRunStatus.SUCCESS)


def are_working(runs: list[dg.DagsterRun], instance: dg.DagsterInstance) -> bool:
    """Tell whether two runs have each finished a step, the others waiting."""
    started = [r for r in runs if r.status == dg.DagsterRunStatus.STARTED]
    done = dg.DagsterEventType.STEP_SUCCESS
    return len(started) == 2 and all(instance.all_logs(r.run_id, of_type=done) for r in started)


def assert_all_rows(environment: dict[str, str]) -> None:
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    for quarter, firms in QUARTERS.items():
        assert warehouse.read("firm_status", quarter).num_rows == firms
    assert all(set(warehouse.quarters(t)) <= set(QUARTERS) for t in TABLES)


def test_a_backfill_finishes_though_the_daemon_is_killed_and_started_again(
    environment: dict[str, str], tmp_path: Path
):
    """Two runs are working and two wait when it dies: the working ones never notice."""
    submit(environment, list(QUARTERS))
    log = tmp_path / "daemon.log"
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        with daemon(environment, log) as process:
            before = wait(instance, process, lambda runs: are_working(runs, instance))
            process.kill()
        with daemon(environment, log) as process:
            runs = wait(instance, process, lambda runs: all(r.is_finished for r in runs))
        assert {r.run_id for r in runs} == {r.run_id for r in before}
        assert succeeded(runs) == sorted(QUARTERS)
    assert_all_rows(environment)


def test_a_backfill_finishes_though_the_machine_is_restarted(environment: dict[str, str], tmp_path: Path):
    """All processes die with two runs at work: the runs are found dead, and retried behind what they finished."""
    submit(environment, list(QUARTERS))
    log = tmp_path / "daemon.log"
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        with daemon(environment, log) as process:
            before = wait(instance, process, lambda runs: are_working(runs, instance))
            for dead in [*psutil.Process(process.pid).children(recursive=True), process]:
                dead.kill()
        working = sorted(quarter_of(r) for r in before if r.status == dg.DagsterRunStatus.STARTED)
        with daemon(environment, log) as process:
            runs = wait(instance, process, lambda runs: succeeded(runs) == sorted(QUARTERS))
        failed = [r for r in runs if r.status == dg.DagsterRunStatus.FAILURE]
        assert sorted(map(quarter_of, failed)) == working
        retried = [r for r in runs if r.parent_run_id in {f.run_id for f in failed}]
        assert sorted(map(quarter_of, retried)) == working
    assert_all_rows(environment)
