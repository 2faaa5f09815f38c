"""Runs in an instance whose events have the times that a test says, as Dagster and FTM's executor record them."""

from typing import Any

import dagster as dg
from dagster._core.events import EngineEventData, StepMaterializationData
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData, StepSuccessData
from dagster_shared.error import SerializableErrorInfo

from ftm_assets.orchestration.asked_tokens import Told, as_data
from ftm_assets.orchestration.execution import ecs, task_facts

START = 1_700_000_000.0
QUARTER = "2023Q1"


@dg.job
def quarter() -> None:
    """Nothing: its events are written by hand."""


class Recorder:
    """Writes the events of a run, `at` seconds after START."""

    def __init__(self, instance: dg.DagsterInstance, quarter_key: str = QUARTER) -> None:
        self.instance = instance
        run = instance.create_run_for_job(
            quarter, tags={"dagster/partition": quarter_key}, status=dg.DagsterRunStatus.STARTED
        )
        self.run_id = run.run_id
        self.event("PIPELINE_START", None, 0)

    @property
    def record(self) -> dg.RunRecord:
        (found,) = self.instance.get_run_records(dg.RunsFilter(run_ids=[self.run_id]))
        return found

    def event(self, kind: str, step: str | None, at: float, data: Any = None) -> None:
        event = dg.DagsterEvent(kind, "quarter", step_key=step, event_specific_data=data, message=kind)
        self.instance.report_dagster_event(event, self.run_id, timestamp=START + at)

    def facts(self, step: str | None, at: float, **facts: Any) -> None:
        self.event("ENGINE_EVENT", step, at, task_facts.told(facts))

    def begin(self, step: str, at: float) -> None:
        self.event("STEP_START", step, at)

    def task(self, step: str, at: float, arn: str, provider: str = ecs.FARGATE.spot, **facts: Any) -> None:
        """Start a step's task, as the executor does."""
        self.event("STEP_WORKER_STARTING", step, at, EngineEventData())
        told = {"cpu": 2048, "memory": 16384, "disk": 0, "has_address": False, **facts}
        self.facts(step, at + 0.1, arn=arn, provider=provider, **told)

    def succeed(self, step: str, at: float) -> None:
        self.event("STEP_SUCCESS", step, at, StepSuccessData(duration_ms=0.0))

    def fail(self, step: str, at: float) -> None:
        self.event("STEP_FAILURE", step, at, StepFailureData(error=None, user_failure_data=None))

    def lose(self, step: str, at: float) -> None:
        self.event("STEP_UP_FOR_RETRY", step, at, StepRetryData(SerializableErrorInfo("lost", [], None)))

    def materialize(self, step: str, at: float, **metadata: Any) -> None:
        made = StepMaterializationData(dg.AssetMaterialization(step.partition(".")[0], metadata=metadata))
        self.event("ASSET_MATERIALIZATION", step, at, made)

    def ask(self, step: str, at: float) -> None:
        """Begin to ask a language model."""
        self.event("ENGINE_EVENT", step, at, as_data(Told()))

    def asked(
        self, step: str, at: float, sent: int | None, received: int | None, usd: float | None = None
    ) -> None:
        """End a call of a language model."""
        self.event("ENGINE_EVENT", step, at, as_data(Told(True, sent, received, usd)))

    def end(self, at: float, status: str = "SUCCESS") -> None:
        from dagster._core.events import JobCanceledData, JobFailureData

        data = {"FAILURE": JobFailureData(error=None), "CANCELED": JobCanceledData(error=None)}
        self.event(f"PIPELINE_{status}", None, at, data.get(status))
