"""What each step needs on ECS: its size, machines and task definition, as tags on its op.

Sizes are set only here. Dagster's ECS executor reads the tags; the other executors ignore them. A step without
tags, such as a check, gets `DEFAULT`. A size applies to the step alone: the run's own process, which only waits,
has the size in its task definition.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RUN_TASK_DEFINITION = "ftm-runs"
"""Family of the task definition of runs, which may start tasks; those of steps may not. All three are in
`infra/cloudformation/dagster.yaml`."""
STEP_TASK_DEFINITION = "ftm-steps"
"""Family of the steps on Fargate."""
GPU_TASK_DEFINITION = "ftm-gpu-steps"
"""Family of the steps on hosts with a GPU: an override cannot change the image."""


@dataclass(frozen=True)
class Machines:
    """Where tasks run: a Spot capacity provider of the cluster, and its On-Demand counterpart."""

    spot: str
    on_demand: str

    def strategy(self, *, on_demand: bool = False) -> list[dict[str, Any]]:
        """Return the capacityProviderStrategy that places all tasks on one of the two.

        ECS does not fall back by itself: weights divide tasks regardless of capacity. The executor falls back by
        asking again with the weights swapped (see `ecs_steps`).
        """
        return [
            {"capacityProvider": self.spot, "weight": int(not on_demand)},
            {"capacityProvider": self.on_demand, "weight": int(on_demand)},
        ]


FARGATE = Machines(spot="FARGATE_SPOT", on_demand="FARGATE")
GPU_HOSTS = Machines(spot="ftm-gpu-spot", on_demand="ftm-gpu-on-demand")
"""Auto Scaling groups of hosts with one GPU, 4 vCPU and 16 GiB (g5.xlarge, g6.xlarge); Fargate has no GPUs."""


@dataclass(frozen=True)
class Size:
    """The resources of a step's task."""

    cpu: int
    """CPU units, 1,024 per vCPU. On Fargate, CPU and memory must be a pair that Fargate offers."""
    memory: int
    """MiB."""
    storage: int | None = None
    """GiB of scratch disk if Fargate's default of 20 is too little; off Fargate, a task uses its host's disk."""
    gpus: int = 0

    @property
    def machines(self) -> Machines:
        """Where a task of this size runs."""
        return GPU_HOSTS if self.gpus else FARGATE

    @property
    def task_definition(self) -> str:
        """Family of the task definition of a step of this size."""
        return GPU_TASK_DEFINITION if self.gpus else STEP_TASK_DEFINITION

    def request(self) -> dict[str, Any]:
        """Return the arguments of RunTask that say where a step of this size runs, and from which definition."""
        return {
            "capacityProviderStrategy": self.machines.strategy(),
            "taskDefinition": self.task_definition,
        }

    def tags(self) -> dict[str, str]:
        """Return the op tags that Dagster's ECS executor reads."""
        tags = {"ecs/cpu": str(self.cpu), "ecs/memory": str(self.memory)}
        if self.storage:
            tags["ecs/ephemeral_storage"] = str(self.storage)
        if self.gpus:
            gpus = [{"type": "GPU", "value": str(self.gpus)}]
            tags["ecs/container_overrides"] = json.dumps({"resourceRequirements": gpus})
        return {**tags, "ecs/run_task_kwargs": json.dumps(self.request())}


SMALL = Size(cpu=1024, memory=4096)
"""Plans, commits and checks, which read a column or two of a quarter or stream its parts."""
MEDIUM = Size(cpu=2048, memory=16384)
"""Holds a quarter's texts or scores: 2 million sentences are about half a gigabyte of text."""
LARGE = Size(cpu=4096, memory=30720)
"""Holds and clusters 120,000 topics with their embeddings."""
WIDE = Size(cpu=8192, memory=32768, storage=50)
"""Models a chunk's firms in single-threaded processes, one per vCPU."""
GPU = Size(cpu=4096, memory=14336, gpus=1)
"""A whole host of `GPU_HOSTS`, less what its agent and system need."""

RUN = Size(cpu=1024, memory=4096)
"""A run's own task, which waits for its steps: as in its task definition."""

DEFAULT = SMALL

_STEPS: Mapping[str, Size] = {
    "transcripts": MEDIUM,
    "sentences": MEDIUM,
    "sentence_embeddings_chunk": GPU,
    "sentence_kinds_chunk": MEDIUM,
    "sentence_sentiment_chunk": GPU,
    "firm_topics_chunk": WIDE,
    "topic_summaries_chunk": MEDIUM,
    "themes": LARGE,
    "topic_quality": LARGE,
    "theme_sentences": LARGE,
    "sentiment_scores": MEDIUM,
    "daily_returns": MEDIUM,
    "abnormal_returns": MEDIUM,
    "controls": MEDIUM,
    "portfolio_sorts": LARGE,
    "event_study": LARGE,
    "marts": MEDIUM,
    "duckdb_file": MEDIUM,
    "sentiment_ready": MEDIUM,
    "search_index": MEDIUM,
    "quarter_report": MEDIUM,
    "run_costs": SMALL,
}


def size_of(step: str) -> Size:
    """Return the size of a step's task: its own, or `DEFAULT`."""
    return _STEPS.get(step, DEFAULT)


def op_tags(step: str) -> dict[str, str]:
    """Return the tags of a step's op: those of its size, or of `DEFAULT` if it has none of its own."""
    return size_of(step).tags()


def cost_tags(run_tags: Mapping[str, str], step_key: str | None = None) -> dict[str, str]:
    """Return the tags by which a task's cost is told apart: project, quarter and stage.

    The stage is the step's asset, `run` for a run's own task. The quarter is the run's partition, its first and last
    one (`2023Q1..2023Q4`) if it has several, `none` without one.
    """
    first, last = (run_tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
    quarter = run_tags.get("dagster/partition") or (f"{first}..{last}" if first and last else "none")
    stage = asset_of(step_key) if step_key else "run"
    return {"project": "ftm", "quarter": quarter, "stage": stage}


def asset_of(step_key: str) -> str:
    """Return the asset of a step.

    >>> asset_of("firm_topics.firm_topics_chunk[chunk_003]")
    'firm_topics'
    """
    return step_key.partition(".")[0].partition("[")[0]
