"""Runs on one machine: Dagster's own launcher, with a check that a run's process still exists.

Without the check, a run whose machine was restarted stays "started" for ever and blocks a place in the queue.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dagster import DagsterEventType, DefaultRunLauncher
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value
from grpc import StatusCode

from ftm_assets.orchestration.execution import retries
from ftm_resources.locks import process_exists

if TYPE_CHECKING:
    from dagster import DagsterRun
    from dagster._core.launcher.base import LaunchRunContext

_PATIENCE_SECONDS = 60
"""Timeout for a code server, which answers late if its runs use all cores."""


class LocalRunLauncher(DefaultRunLauncher):
    """DefaultRunLauncher with the health check that `run_monitoring` needs: a lost run fails and is retried."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch a run, tagged so that it is retried asset by asset if it is lost, whatever launched it."""
        if missing := {k: v for k, v in retries.TAGS.items() if k not in context.dagster_run.tags}:
            self._instance.add_run_tags(context.dagster_run.run_id, missing)
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether `check_run_worker_health` is supported."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Ask the code server that started the run whether it still executes it."""
        server = run.tags.get(GRPC_INFO_TAG)
        if server is None:
            return self._health_by_pid(run)
        client = DagsterGrpcClient(**json.loads(server))
        try:
            answer = client.can_cancel_execution(
                CanCancelExecutionRequest(run_id=run.run_id), timeout=_PATIENCE_SECONDS
            )
        except DagsterUserCodeUnreachableError as error:
            code = getattr(error.__cause__, "code", lambda: None)()
            if code == StatusCode.UNAVAILABLE:
                return CheckRunHealthResult(WorkerStatus.FAILED, "the code server that executed it is gone")
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"its code server did not answer: {error}")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "its process is gone")

    def _health_by_pid(self, run: DagsterRun) -> CheckRunHealthResult:
        """Look for the process of a run that no server started (`dagster asset materialize`)."""
        for entry in self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
            assert entry.dagster_event is not None  # noqa: S101 - narrows the type
            pid = entry.dagster_event.engine_event_data.metadata.get("pid")
            if pid is not None and not process_exists(int(str(pid.value))):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {pid.value} is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING)
