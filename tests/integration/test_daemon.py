"""A backfill of two quarters at once through the real daemon, each run a process of its own."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
QUARTERS = ["2020Q1", "2021Q1"]
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
    with log.open("w") as file:
        process = subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=file, stderr=file)
        yield process
        process.terminate()
        process.wait(timeout=60)


def finished(instance: dg.DagsterInstance, daemon: subprocess.Popen, n: int) -> list[dg.DagsterRun]:
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        assert daemon.poll() is None, "the daemon died"
        runs = instance.get_runs()
        if len(runs) == n and all(run.is_finished for run in runs):
            return list(runs)
        time.sleep(2)
    pytest.fail(f"not finished in {DEADLINE_SECONDS} s: {[(r.tags, r.status) for r in instance.get_runs()]}")


def test_a_backfill_of_two_quarters_finishes_with_all_rows(environment: dict[str, str], tmp_path: Path):
    submit = ["job", "backfill", "--noprompt", "--job", "quarter", "--partitions", ",".join(QUARTERS)]
    submitted = subprocess.run(
        [BIN / "dagster", *submit],
        env=environment,
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        check=False,
    )
    assert submitted.returncode == 0, submitted.stderr[-2000:]
    with (
        daemon(environment, tmp_path / "daemon.log") as process,
        dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance,
    ):
        runs = finished(instance, process, len(QUARTERS))
        assert sorted(r.tags["dagster/partition"] for r in runs) == QUARTERS
        assert [r.status for r in runs] == [dg.DagsterRunStatus.SUCCESS] * len(QUARTERS)
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    for quarter in QUARTERS:
        assert warehouse.read("firm_status", quarter).num_rows == 2
    assert all(set(warehouse.quarters(t)) <= set(QUARTERS) for t in TABLES)
