"""Whether the process of a run is still there, asked of the system and of a code server that is not."""

import json
import os
import subprocess
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher.base import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from ftm_assets.orchestration.execution.local_runs import LocalRunLauncher


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    launcher = {"module": "ftm_assets.orchestration.execution.local_runs", "class": "LocalRunLauncher"}
    return dg.DagsterInstance.local_temp(str(tmp_path), overrides={"run_launcher": launcher})


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    launcher = instance.run_launcher
    assert isinstance(launcher, LocalRunLauncher)
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(run).status


def started_by_hand(instance: dg.DagsterInstance, pid: int) -> dg.DagsterRun:
    run = instance.create_run_for_job(dg.JobDefinition(name="job", graph_def=dg.GraphDefinition("graph")))
    instance.report_engine_event("in process", run, EngineEventData.in_process(pid))
    return run


def test_a_run_by_hand_is_there_as_long_as_its_process(instance: dg.DagsterInstance):
    assert health(instance, started_by_hand(instance, os.getpid())) == WorkerStatus.RUNNING
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert health(instance, started_by_hand(instance, ended.pid)) == WorkerStatus.FAILED


def test_a_run_whose_code_server_is_gone_has_failed(instance: dg.DagsterInstance, tmp_path: Path):
    run = started_by_hand(instance, os.getpid())
    server = {"host": "localhost", "socket": str(tmp_path / "gone")}
    instance.add_run_tags(run.run_id, {GRPC_INFO_TAG: json.dumps(server)})
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert health(instance, found) == WorkerStatus.FAILED
