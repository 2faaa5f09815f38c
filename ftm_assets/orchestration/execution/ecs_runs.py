"""Runs as ECS tasks: dagster-aws's launcher, with the tags and the facts by which costs are told apart.

Loaded only by an instance on AWS (infra/dagster/aws.yaml): dagster-aws loads boto3.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagster_aws.ecs import EcsRunLauncher

from ftm_assets.orchestration import pools
from ftm_assets.orchestration.execution import ecs, task_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster import DagsterRun
    from dagster._core.launcher.base import LaunchRunContext
    from dagster_aws.ecs.container_context import EcsContainerContext


class TaggedRunLauncher(EcsRunLauncher):
    """EcsRunLauncher that tags each task with project, quarter and stage; the executor sets the stage of steps."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch a run, once the pools that its steps wait in are known."""
        pools.make_known(self._instance)
        super().launch_run(context)

    @cached_property
    def _asked(self) -> dict[str, dict[str, Any]]:
        """ARN of a task that was just started → its facts, which its run's events are to tell."""
        return {}

    def _run_task(self, **request: Any) -> Mapping[str, Any]:
        task: Mapping[str, Any] = super()._run_task(**request)  # type: ignore[no-untyped-call]
        self._asked[task["taskArn"]] = task_facts.asked(request, task, ecs.RUN)
        return task

    def report_launch_events(
        self, run: DagsterRun, arn: str | None = None, cluster: str | None = None
    ) -> None:
        """Record in the run's events that its task was started, and what it is, which its cost follows from."""
        super().report_launch_events(run, arn, cluster)
        if facts := self._asked.pop(arn or "", None):
            self._instance.report_engine_event(
                f"The run's task was asked of {facts['provider']}",
                run,
                task_facts.told(facts),
                cls=type(self),
            )

    def build_ecs_tags_for_run_task(
        self, run: DagsterRun, container_context: EcsContainerContext
    ) -> Sequence[dict[str, Any]]:
        """Return the tags of a task of this run."""
        ours = [{"key": key, "value": value} for key, value in ecs.cost_tags(run.tags).items()]
        return [*super().build_ecs_tags_for_run_task(run, container_context), *ours]
