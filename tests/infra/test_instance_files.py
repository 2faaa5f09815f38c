"""The files of infra/dagster, loaded by Dagster itself."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.orchestration import pools
from ftm_assets.orchestration.execution.local_runs import LocalRunLauncher

from .conftest import REPOSITORY


@contextmanager
def instance_of(file: str, home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance that a file configures, as DAGSTER_HOME would."""
    home.mkdir()
    shutil.copy(REPOSITORY / "infra" / "dagster" / file, home / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def test_a_laptop_holds_two_sets_of_models_at_most(tmp_path: Path):
    with instance_of("local.yaml", tmp_path / "home") as instance:
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2
        assert instance.run_monitoring_enabled
        assert isinstance(instance.run_launcher, LocalRunLauncher)
        assert instance.run_retries_enabled
        assert not instance.run_retries_retry_on_asset_or_op_failure


def test_pools_get_their_limits(tmp_path: Path):
    with instance_of("local.yaml", tmp_path / "home") as instance:
        pools.set_limits(instance)
        found = {i.name: i.limit for i in instance.event_log_storage.get_pool_limits()}
    assert found == pools.LIMITS


@pytest.mark.integration
@pytest.mark.usefixtures("aws")
def test_the_instance_on_aws_opens_with_all_its_parts(tmp_path: Path):
    with instance_of("aws.yaml", tmp_path / "home") as instance:
        parts = [
            *(instance.run_storage, instance.event_log_storage, instance.schedule_storage),
            *(instance.run_launcher, instance.compute_log_manager, instance.run_coordinator),
        ]
        assert [type(p).__name__ for p in parts] == [
            *("PostgresRunStorage", "PostgresEventLogStorage", "PostgresScheduleStorage"),
            *("TaggedRunLauncher", "S3ComputeLogManager", "QueuedRunCoordinator"),
        ]
        assert instance.run_launcher.task_definition.endswith("task-definition/ftm-runs:2")
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_resume_run_attempts == 0
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 2
        assert not instance.run_retries_retry_on_asset_or_op_failure
        pooled = instance.get_concurrency_config().pool_config
        assert (pooled.pool_granularity.value, pooled.default_pool_limit) == ("op", 8)


def test_nothing_is_asked_of_aws_when_the_code_is_loaded():
    """The definitions of a warehouse on S3 load where no socket can be opened and no credential is set."""
    script = """
import socket
def refuse(*_, **__):
    raise AssertionError("a connection was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from ftm_assets.definitions import defs
assert defs.resolve_job_def("quarter")
"""
    environment = {"PATH": "/usr/bin:/bin", "FTM_WAREHOUSE": "s3://bucket/prefix", "FTM_EXECUTOR": "ecs"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
