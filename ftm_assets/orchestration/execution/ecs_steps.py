"""Steps as ECS tasks on Spot: dagster-aws's executor, and the handling of tasks that lose their host.

Loaded only when a run starts with FTM_EXECUTOR=ecs: dagster-aws loads boto3.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from dagster import DagsterEvent, DagsterInvariantViolationError
from dagster._core.execution.plan.objects import StepRetryData
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import StepDelegatingExecutor
from dagster_aws.ecs import EcsRunLauncher
from dagster_aws.ecs.executor import EcsStepHandler
from dagster_aws.ecs.utils import run_ecs_task

from ftm_assets.orchestration.execution import ecs, task_facts
from ftm_resources.endpoint.ecs_service import instance_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster import DagsterRun, InitExecutorContext
    from dagster._core.execution.context.system import IStepContext
    from dagster._core.execution.plan.state import KnownExecutionState
    from dagster._core.executor.step_delegating import CheckStepHealthResult, StepHandlerContext
    from dagster_aws.ecs.container_context import EcsContainerContext
    from dagster_shared.error import SerializableErrorInfo

LOST_TASK_RETRIES = 3
"""How often a step is restarted after its task was lost; a step that failed by itself is not restarted."""

_NO_CAPACITY = ("Capacity is unavailable", "RESOURCE:")
"""ECS's messages when a provider cannot place a task: Fargate Spot, and hosts without a free GPU, CPU or memory."""

_SHIELD = ("sh", "-c", 'trap "" TERM; "$@"; exit "$?"', "sh")
"""Shields a step from its task's SIGTERM, which Dagster would record as a failure of the step itself. So the step can
use a Spot host's two minutes' notice; only if it does not end in time is it lost and restarted."""

_TELL = (
    *("sh", "-c"),
    '"$@" & trap "told=1; kill -USR1 $! 2>/dev/null" TERM; status=; while :; do '
    # The signal ends a wait early, with a status of its own: wait again. 127: its status was had before.
    'told=; wait "$!"; now="$?"; [ -n "$status" ] && [ "$now" = 127 ] || status="$now"; [ -n "$told" ] || break; '
    'done; exit "$status"',
    "sh",
)
"""Forwards SIGTERM to a chunk's step as SIGUSR1: the step saves the group it is working on and asks to be restarted
(see `notice`). A step that does not handle the signal yet, or no longer does, ends; it is lost and restarted too."""


def ecs_step_executor(context: InitExecutorContext) -> EcsStepExecutor:
    """Build the executor; the run must have been launched by the EcsRunLauncher."""
    launcher = context.instance.run_launcher
    if not isinstance(launcher, EcsRunLauncher):
        raise DagsterInvariantViolationError(
            f"FTM_EXECUTOR=ecs needs the EcsRunLauncher, but this instance has {type(launcher).__name__}: use "
            "infra/dagster/aws.yaml as its dagster.yaml"
        )
    max_concurrent = context.executor_config.get("max_concurrent")
    assert max_concurrent is None or isinstance(max_concurrent, int)  # noqa: S101 - narrows the type
    handler = SpotStepHandler(
        run_launcher=launcher,
        run_task_kwargs=ecs.DEFAULT.request(),
        cpu=ecs.DEFAULT.cpu,
        memory=ecs.DEFAULT.memory,
        ephemeral_storage=ecs.DEFAULT.storage,
        task_overrides=None,
    )
    return EcsStepExecutor(
        handler,
        retries=RetryMode.ENABLED,
        max_concurrent=max_concurrent,
        should_verify_step=True,
    )


class EcsStepExecutor(StepDelegatingExecutor):
    """Restarts a step whose task was lost, but does not retry the step's own failures."""

    def log_failure_or_retry_event_after_error(
        self, step_context: IStepContext, err_info: SerializableErrorInfo, known_state: KnownExecutionState
    ) -> DagsterEvent:
        """Record a retry of a step whose process is gone, at most LOST_TASK_RETRIES times."""
        lost = known_state.get_retry_state().get_attempt_count(step_context.step.key)
        if step_context.op_retry_policy is None and lost < LOST_TASK_RETRIES:
            return DagsterEvent.step_retry_event(
                step_context,
                StepRetryData(err_info),  # type: ignore[no-untyped-call]
            )
        return super().log_failure_or_retry_event_after_error(step_context, err_info, known_state)


class SpotStepHandler(EcsStepHandler):
    """Asks for Spot first, then for On-Demand if Spot has no capacity or was taken away.

    The run's events tell of each task what it is and when it began, which its cost follows from.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._asked: dict[str, dict[str, Any]] = {}
        """ARN of a task → its facts, as it was asked for."""
        self._placed: set[str] = set()
        """The tasks of which it was told where they run."""

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Start the step's task, and tell what it is."""
        yield from super().launch_step(step_handler_context)
        arn = self._launched_tasks[self._get_step_id(step_handler_context)]
        facts = self._asked.pop(arn)
        self._tell(step_handler_context, f"Asked {facts['provider']} for its task", facts)

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Return whether the step's task is running or ended well; the first time that it runs, tell where."""
        health = super().check_step_health(step_handler_context)
        arn = self._launched_tasks.get(self._get_step_id(step_handler_context))
        if health.is_healthy and arn is not None and arn not in self._placed:
            self._tell_place(step_handler_context, arn)
        return health

    def _tell_place(self, context: StepHandlerContext, arn: str) -> None:
        tasks = self.ecs.describe_tasks(tasks=[arn], cluster=self._cluster_arn)["tasks"]
        if not tasks or tasks[0].get("lastStatus") in task_facts.NOT_PLACED:
            return
        self._placed.add(
            arn
        )  # once, even if ECS refuses to tell of its host: looking at the step's health goes on
        host = tasks[0].get("containerInstanceArn")
        kind = instance_type(self.ecs, self._cluster_arn, host) if host else ""
        self._tell(
            context, f"Its task runs{f' on {kind}' if kind else ''}", task_facts.placed(tasks[0], kind)
        )

    def _tell(self, context: StepHandlerContext, message: str, facts: Mapping[str, Any]) -> None:
        step = context.get_step_context(self._get_step_key(context))
        DagsterEvent.engine_event(step, message, task_facts.told(facts))

    def _get_run_task_kwargs(
        self,
        run: DagsterRun,
        args: Sequence[str],
        step_key: str,
        step_tags: Mapping[str, str],
        step_handler_context: StepHandlerContext,
        container_context: EcsContainerContext,
    ) -> dict[str, Any]:
        # dagster-aws writes a step's overrides into an object that all steps share: give each step a copy.
        shared, self._run_task_kwargs = self._run_task_kwargs, copy.deepcopy(self._run_task_kwargs)
        try:
            request: dict[str, Any] = super()._get_run_task_kwargs(
                run, args, step_key, step_tags, step_handler_context, container_context
            )
        finally:
            self._run_task_kwargs = shared
        # The launch type is the run's; ECS rejects a request that has both a launch type and a strategy.
        request.pop("launchType", None)
        request["startedBy"] = run.run_id
        tags = {tag["key"]: tag["value"] for tag in request["tags"]} | ecs.cost_tags(run.tags, step_key)
        request["tags"] = [{"key": key, "value": value} for key, value in tags.items()]
        if request["capacityProviderStrategy"][0]["capacityProvider"] != ecs.FARGATE.spot:
            # The run's own task may have a public address; ECS rejects the wish for one for tasks on EC2.
            request["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "DISABLED"
        for container in request["overrides"]["containerOverrides"]:
            container["command"] = [*(_TELL if _is_chunk(step_key) else _SHIELD), *container["command"]]
        known = step_handler_context.execute_step_args.known_state
        if known is not None and known.get_retry_state().get_attempt_count(step_key):
            request["capacityProviderStrategy"] = _on_demand(request["capacityProviderStrategy"])
        return request

    def _run_task(self, **request: Any) -> Mapping[str, Any]:
        try:
            return self._started(request)
        except Exception as error:
            strategy = request["capacityProviderStrategy"]
            if strategy == _on_demand(strategy) or not any(text in str(error) for text in _NO_CAPACITY):
                raise
        return self._started({**request, "capacityProviderStrategy": _on_demand(strategy)})

    def _started(self, request: dict[str, Any]) -> Mapping[str, Any]:
        task = run_ecs_task(self.ecs, request)
        self._asked[task["taskArn"]] = task_facts.asked(request, task, ecs.DEFAULT)
        return task

    def terminate_step(  # type: ignore[override]
        self, step_handler_context: StepHandlerContext
    ) -> Iterator[DagsterEvent]:
        """Stop the step's task; dagster-aws returns None, so Dagster would leave the other steps' tasks running."""
        super().terminate_step(step_handler_context)
        return iter(())


def _is_chunk(step_key: str) -> bool:
    """Return whether a step is a mapped step of a chunked asset, `firm_topics.firm_topics_chunk[chunk_003]`."""
    return step_key.partition("[")[0].endswith("_chunk")


def _on_demand(strategy: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a Spot strategy with all weight on its last provider, the On-Demand one."""
    last = len(strategy) - 1
    return [{**provider, "weight": int(i == last)} for i, provider in enumerate(strategy)]
