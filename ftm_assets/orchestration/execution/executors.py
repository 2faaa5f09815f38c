"""Where the steps of a run execute: in its process, in child processes, or as ECS tasks."""

import multiprocessing
from typing import Any

import dagster as dg
from dagster._core.executor.base import Executor

from ftm_resources import settings
from ftm_resources.expected import plainly
from ftm_resources.extras import require_extra


@dg.executor(
    name="ftm",
    config_schema={
        "max_concurrent": dg.Field(
            dg.Noneable(int),
            default_value=None,
            description="Maximum of step processes at once; null: one per core",
        )
    },
)
@plainly
def ftm_executor(context: dg.InitExecutorContext) -> Executor:
    """Build the executor of FTM_EXECUTOR: `in_process`, `multiprocess` or `ecs`.

    The setting is read when a run starts, not when the code is loaded. Raises ExpectedError, naming the value, if it
    is anything else, and MissingExtraError for `ecs` without the extra.
    """
    name = settings.current().ftm_executor
    config = {**context.executor_config, "retries": {"enabled": {}}}
    if name == "in_process":
        return _create(dg.in_process_executor, context, {"retries": config["retries"]})
    if name == "multiprocess":
        return _create(dg.multiprocess_executor, context, config | _quick_start())
    require_extra("aws", "FTM_EXECUTOR=ecs", "boto3", "dagster_aws")
    from ftm_assets.orchestration.execution.ecs_steps import ecs_step_executor  # noqa: PLC0415 - boto3 is loaded with it

    return ecs_step_executor(context)


def _quick_start() -> dict[str, Any]:
    """Return the config with which step processes are forked from one that has imported the code already.

    Importing takes seconds of CPU per step otherwise. Nothing heavy is imported at import, so that the forked process
    has no threads. Windows cannot fork.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return {}
    return {"start_method": {"forkserver": {"preload_modules": ["ftm_assets.definitions"]}}}


def _create(
    executor: dg.ExecutorDefinition, context: dg.InitExecutorContext, config: dict[str, Any]
) -> Executor:
    create = executor.executor_creation_fn
    assert create is not None  # noqa: S101 - Dagster's own executors have one
    return create(context._replace(executor_config=config))
