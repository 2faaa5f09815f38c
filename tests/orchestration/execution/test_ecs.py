import json

import dagster as dg
import pytest

from ftm_assets.checks.build import build_checks
from ftm_assets.definitions import QUARTER_JOB, build_definitions
from ftm_assets.orchestration import pools
from ftm_assets.orchestration.execution import ecs

_JOBS = (
    build_definitions().resolve_job_def(QUARTER_JOB),
    build_definitions().resolve_implicit_global_asset_job_def(),  # and what is made on demand
)
OPS: dict[str, dg.OpDefinition | dg.GraphDefinition] = {
    node.name: node for job in _JOBS for node in job.all_node_defs
}
FARGATE_GIB = {256: (0.5, 2), 512: (1, 4), 1024: (2, 8), 2048: (4, 16), 4096: (8, 30), 8192: (16, 60)}
"""CPU units → least and most memory, from Fargate's documentation."""


@pytest.mark.parametrize("name", [n for n in dir(ecs) if isinstance(getattr(ecs, n), ecs.Size)])
def test_a_size_is_one_that_its_machines_have(name: str):
    size: ecs.Size = getattr(ecs, name)
    if size.gpus:
        assert size.storage is None, "a host's disk is not the task's to size"
        assert (size.cpu, size.gpus) <= (4096, 1)
        assert size.memory < 16 * 1024
        return
    least, most = FARGATE_GIB[size.cpu]
    assert least <= size.memory / 1024 <= most
    assert size.memory % 1024 == 0
    assert size.storage is None or 21 <= size.storage <= 200


@pytest.mark.parametrize("name", ecs._STEPS)
def test_a_step_with_a_size_is_an_op_that_has_it(name: str):
    assert ecs.op_tags(name).items() <= OPS[name].tags.items()


def test_every_step_but_the_checks_says_what_it_takes():
    without = {name for name, op in OPS.items() if "ecs/cpu" not in op.tags}
    graphs = {name.removesuffix("_chunk") for name in OPS if name.endswith("_chunk")}
    checks = {d.node_def.name for d in build_checks()}
    assert without - checks == graphs


def test_only_the_steps_with_a_gpu_hold_one():
    on_gpu = {
        name
        for name, op in OPS.items()
        if "resourceRequirements" in op.tags.get("ecs/container_overrides", "")
    }
    assert on_gpu == {name for name, op in OPS.items() if getattr(op, "pool", None) == "gpu"}


@pytest.mark.parametrize("machines", [ecs.FARGATE, ecs.GPU_HOSTS])
def test_a_strategy_puts_all_weight_on_one_provider(machines: ecs.Machines):
    assert [p["weight"] for p in machines.strategy()] == [1, 0]
    assert [p["weight"] for p in machines.strategy(on_demand=True)] == [0, 1]


def test_every_pool_has_a_limit():
    assert {op.pool for op in OPS.values() if getattr(op, "pool", None)} == set(pools.LIMITS)


def test_tags_are_what_the_executor_parses():
    for op in OPS.values():
        for key in ("ecs/run_task_kwargs", "ecs/container_overrides"):
            assert isinstance(json.loads(op.tags.get(key, "{}")), dict)


@pytest.mark.parametrize(
    ("run_tags", "step", "quarter", "stage"),
    [
        ({"dagster/partition": "2023Q1"}, None, "2023Q1", "run"),
        (
            {"dagster/partition": "2023Q1"},
            "firm_topics.firm_topics_chunk[chunk_003]",
            "2023Q1",
            "firm_topics",
        ),
        ({"dagster/partition": "2023Q1"}, "themes", "2023Q1", "themes"),
        (
            {
                "dagster/asset_partition_range_start": "2023Q1",
                "dagster/asset_partition_range_end": "2023Q4",
            },
            "marts",
            "2023Q1..2023Q4",
            "marts",
        ),
        ({}, "warehouse_maintenance", "none", "warehouse_maintenance"),
    ],
)
def test_a_task_is_tagged_with_project_quarter_and_stage(
    run_tags: dict[str, str], step: str | None, quarter: str, stage: str
):
    assert ecs.cost_tags(run_tags, step) == {"project": "ftm", "quarter": quarter, "stage": stage}
