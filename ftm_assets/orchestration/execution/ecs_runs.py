"""Runs as ECS tasks: dagster-aws's launcher, with the tags by which costs are told apart.

Loaded only by an instance on AWS (infra/dagster/aws.yaml): dagster-aws loads boto3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_aws.ecs import EcsRunLauncher

from ftm_assets.orchestration import pools
from ftm_assets.orchestration.execution import ecs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import DagsterRun
    from dagster._core.launcher.base import LaunchRunContext
    from dagster_aws.ecs.container_context import EcsContainerContext


class TaggedRunLauncher(EcsRunLauncher):
    """EcsRunLauncher that tags each task with project, quarter and stage; the executor sets the stage of steps."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch a run, once the pools that its steps wait in are known."""
        pools.make_known(self._instance)
        super().launch_run(context)

    def build_ecs_tags_for_run_task(
        self, run: DagsterRun, container_context: EcsContainerContext
    ) -> Sequence[dict[str, Any]]:
        """Return the tags of a task of this run."""
        ours = [{"key": key, "value": value} for key, value in ecs.cost_tags(run.tags).items()]
        return [*super().build_ecs_tags_for_run_task(run, container_context), *ours]
