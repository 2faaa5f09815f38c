"""When servers of models run, read from the runs of a Dagster instance."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.events import AssetKey
from dagster._core.events import EngineEventData, JobCanceledData, JobFailureData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.execution.plan.objects import StepFailureData, StepSuccessData

from ftm_assets.definitions import QUARTER_JOB, build_definitions
from ftm_assets.orchestration.model_services import (
    NAME,
    USES,
    Need,
    Patience,
    look,
    model_services_sensor,
    of_backfills,
)
from ftm_assets.orchestration.service_time import kept
from ftm_resources.endpoint.ecs_service import ModelServices

PATIENCE = Patience(idle=900, silent=7200)
START = 1_700_000_000.0
MINUTE = 60.0


@dg.op(out=dg.DynamicOut(int))
def plan() -> Iterator[dg.DynamicOutput[int]]:
    """Plan chunks."""
    yield dg.DynamicOutput(0, "chunk_0")


@dg.op
def chunk(one: int) -> int:
    """Work on a chunk."""
    return one


@dg.op
def commit(chunks: list[int]) -> int:
    """Collect."""
    return len(chunks)


def chunked(name: str) -> dg.GraphDefinition:
    @dg.graph(name=name)
    def steps() -> Any:
        return commit.alias(f"{name}_commit")(
            plan.alias(f"{name}_plan")().map(chunk.alias(f"{name}_chunk")).collect()
        )

    return steps


@dg.op
def themes(_named: int) -> None:
    """Name themes."""


@dg.op
def sentences() -> None:
    """Split."""


@dg.job
def quarter() -> None:
    """The part of a quarter that the sensor looks at."""
    sentences()
    chunked("firm_topics")()
    themes(chunked("topic_summaries")())


@dg.job
def without_names() -> None:
    """A run that asks no model."""
    sentences()


@dg.job
def names_alone() -> None:
    """What is left of a quarter, whose topics are there."""
    chunked("topic_summaries")()


DATA = {
    "ENGINE_EVENT": EngineEventData(),
    "STEP_SUCCESS": StepSuccessData(duration_ms=0.0),
    "STEP_FAILURE": StepFailureData(error=None, user_failure_data=None),
    "PIPELINE_FAILURE": JobFailureData(error=None),
    "PIPELINE_CANCELED": JobCanceledData(error=None),
}
"""What Dagster wants an event of a type to have."""


class Service:
    """A service that notes what it is told."""

    cluster, name = "ftm", "ftm-vllm"

    def __init__(self) -> None:
        self.servers, self.told = 0, []

    def desired(self) -> int:
        return self.servers

    def set_desired(self, servers: int) -> None:
        self.servers = servers
        self.told.append(servers)

    def hosts(self) -> list[tuple[str, str]]:
        return [("g6.xlarge", "ftm-gpu-on-demand")] * self.servers


class Clock:
    """An instance whose events have the time that the test says, and looks of the sensor at such times."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.now, self.service, self.needed_at = instance, START, Service(), {}

    def run(
        self, job: dg.JobDefinition = quarter, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
    ) -> str:
        run = self.instance.create_run_for_job(job, status=status)
        if status == dg.DagsterRunStatus.STARTED:
            self.event(run.run_id, "PIPELINE_START", None)
        return run.run_id

    def event(self, run_id: str, kind: str, step: str | None) -> None:
        event = dg.DagsterEvent(
            kind, "quarter", step_key=step, event_specific_data=DATA.get(kind), message=kind
        )
        self.instance.report_dagster_event(event, run_id, timestamp=self.now)

    def begin(self, run_id: str, *steps: str) -> None:
        for step in steps:
            self.event(run_id, "STEP_START", step)

    def finish(self, run_id: str, *steps: str) -> None:
        for step in steps:
            self.event(run_id, "STEP_SUCCESS", step)

    def end(self, run_id: str, status: str = "RUN_SUCCESS") -> None:
        self.event(run_id, status.replace("RUN", "PIPELINE"), None)

    def look(self, minutes: float = 0.0) -> str:
        self.now += minutes * MINUTE
        return look(self.instance, "llm", self.service, self.needed_at, PATIENCE, self.now)  # type: ignore[arg-type]


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[Clock]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Clock(instance)


NAMING = ("topic_summaries.topic_summaries_plan", "topic_summaries.topic_summaries_commit", "themes")


def test_the_uses_are_the_assets_that_require_the_resources():
    job = build_definitions().resolve_job_def(QUARTER_JOB)
    for what, resource in (("llm", "llm"), ("embedding", "embedder")):
        requiring = {
            op.name.removesuffix("_plan").removesuffix("_chunk")
            for op in job.all_node_defs
            if resource in getattr(op, "required_resource_keys", ())
        }
        assert requiring == USES[what].assets


def test_a_server_starts_before_naming_and_stops_after_it(clock: Clock):
    run = clock.run()
    assert "not needed" in clock.look()
    clock.begin(run, "sentences")
    clock.finish(run, "sentences")
    assert "not needed" in clock.look(10)
    clock.begin(run, "firm_topics.firm_topics_plan")
    assert "started" in clock.look(1)
    assert "1 running" in clock.look(1)
    clock.finish(run, "firm_topics.firm_topics_plan", "firm_topics.firm_topics_commit", *NAMING[:2])
    assert "needed" in clock.look(20), "themes are to be named"
    clock.finish(run, "themes")
    assert "kept" in clock.look(1)
    assert "kept" in clock.look(13)
    assert "stopped" in clock.look(2)
    assert "not running" in clock.look(30)
    assert clock.service.told == [1, 0]


def test_it_is_kept_between_overlapping_quarters(clock: Clock):
    first, second = clock.run(), clock.run()
    clock.begin(first, "firm_topics.firm_topics_plan")
    clock.look()
    clock.finish(first, *NAMING)
    clock.end(first)
    assert "kept for a run" in clock.look(30), "longer than a server is kept that nothing needs"
    clock.begin(second, "firm_topics.firm_topics_plan")
    assert "needed" in clock.look(30)
    clock.finish(second, *NAMING)
    clock.end(second)
    clock.look(1)
    assert "stopped" in clock.look(16)
    assert clock.service.told == [1, 0]


def test_the_time_of_a_server_is_that_of_the_runs_that_it_was_kept_for(clock: Clock):
    first, second = clock.run(), clock.run()
    clock.begin(first, "firm_topics.firm_topics_plan")
    clock.look()  # started for the first; the second will need it later
    clock.look(10)
    clock.begin(second, "firm_topics.firm_topics_plan")
    clock.look(10)  # both
    clock.finish(first, *NAMING)
    clock.end(first)
    clock.look(20)  # the second alone
    clock.finish(second, *NAMING)
    clock.end(second)
    clock.look(1)
    assert "stopped" in clock.look(16)
    minutes = {run: [k.seconds / MINUTE for k in kept(clock.instance, run)] for run in (first, second)}
    assert minutes == {first: [pytest.approx(10 + 5)], second: [pytest.approx(5 + 20 + 1 + 16)]}


def test_it_is_kept_for_a_queued_quarter_but_not_started_for_one(clock: Clock):
    clock.run(status=dg.DagsterRunStatus.NOT_STARTED)
    assert "not running" in clock.look()
    clock.service.servers = 1
    assert "kept for a run" in clock.look(30)


@pytest.mark.parametrize("ends", ["RUN_FAILURE", "RUN_CANCELED"])
def test_it_stops_when_the_run_dies(clock: Clock, ends: str):
    run = clock.run()
    clock.begin(run, "firm_topics.firm_topics_plan", NAMING[0])
    clock.look()
    clock.end(run, ends)
    clock.look(1)
    assert "stopped" in clock.look(16)
    assert clock.service.told == [1, 0]


def test_it_stops_when_the_naming_of_a_run_that_goes_on_has_failed(clock: Clock):
    run = clock.run()
    clock.begin(run, "firm_topics.firm_topics_plan")
    clock.look()
    clock.event(run, "STEP_FAILURE", "topic_summaries.topic_summaries_chunk[chunk_0]")
    clock.look(1)
    assert "stopped" in clock.look(16)


def test_a_run_of_which_only_dagster_speaks_keeps_no_server(clock: Clock):
    run = clock.run()
    clock.begin(run, "firm_topics.firm_topics_plan")
    assert "started" in clock.look()
    for _ in range(5):  # such as run monitoring, which asks ECS for the run's own task
        clock.now += 30 * MINUTE
        clock.event(run, "ENGINE_EVENT", None)
    assert "stopped" in clock.look()


def test_the_watchdog_stops_it_if_a_run_hangs(clock: Clock):
    """Its host is gone, and nobody has said so: the run stays started for ever."""
    run = clock.run()
    clock.begin(run, "firm_topics.firm_topics_plan", NAMING[0])
    clock.look()
    assert "needed" in clock.look(119)
    clock.look(2)
    assert "stopped" in clock.look(16)
    assert "not running" in clock.look(600), "and is not started again for it"
    assert clock.service.told == [1, 0]
    clock.begin(run, "topic_summaries.topic_summaries_chunk[chunk_0]")
    assert "started" in clock.look(1), "the run reports again"


def test_the_watchdog_stops_it_if_the_queue_never_moves(clock: Clock):
    clock.run(status=dg.DagsterRunStatus.NOT_STARTED)
    clock.service.servers = 1
    clock.look()
    assert "kept" in clock.look(119)
    assert "stopped" in clock.look(2)


def test_one_that_somebody_started_by_hand_stops_too(clock: Clock):
    clock.service.servers = 2
    clock.look()
    assert "stopped" in clock.look(16)


def test_a_run_without_names_starts_nothing(clock: Clock):
    clock.begin(clock.run(without_names), "sentences")
    clock.look()
    assert clock.service.told == []


def test_a_backfill_that_will_launch_quarters_keeps_it(clock: Clock):
    backfill = PartitionBackfill(
        backfill_id="abc",
        status=BulkActionStatus.REQUESTED,
        from_failure=False,
        tags={},
        backfill_timestamp=START,
        asset_selection=[AssetKey("themes")],
    )
    clock.instance.add_backfill(backfill)
    assert of_backfills(clock.instance, USES["llm"]) is Need.LATER
    clock.instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED_SUCCESS))
    assert of_backfills(clock.instance, USES["llm"]) is Need.NONE


def test_a_retry_that_makes_names_alone_starts_it_at_once(clock: Clock):
    clock.run(names_alone)
    assert "started" in clock.look()


def test_without_a_service_the_sensor_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FTM_LLM_SERVICE", raising=False)
    monkeypatch.delenv("FTM_EMBEDDING_SERVICE", raising=False)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = dg.build_sensor_context(instance, resources={NAME: ModelServices()})
        said = model_services_sensor(context)
    assert isinstance(said, dg.SkipReason)
    assert "no service is FTM's to start" in str(said.skip_message)


def test_it_runs_by_itself():
    assert model_services_sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_what_fails_in_counting_costs_stops_no_other_service_and_keeps_none_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from botocore.exceptions import ReadTimeoutError

    class Slow:
        cluster = "ftm"

        def __init__(self, name: str) -> None:
            self.name, self.servers, self.looks = name, 1, 0

        def desired(self) -> int:
            self.looks += 1
            return self.servers

        def set_desired(self, servers: int) -> None:
            self.servers = servers

        def hosts(self) -> list[tuple[str, str]]:
            raise ReadTimeoutError(endpoint_url="https://ecs")

    services = {"llm": Slow("vllm"), "embedding": Slow("embedding")}
    monkeypatch.setattr(ModelServices, "configured", lambda _: services)
    monkeypatch.setattr(ModelServices, "idle", lambda _: 0.0)
    cursor = None
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        for _ in range(3):
            context = dg.build_sensor_context(instance, cursor=cursor, resources={NAME: ModelServices()})
            model_services_sensor(context)
            cursor = context.cursor
    assert [s.looks for s in services.values()] == [3, 3]
    assert [s.servers for s in services.values()] == [0, 0]
