"""What is told of a task on ECS, and the machine that follows from it."""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.events import EngineEventData

from ftm_assets.orchestration.execution import ecs, task_facts
from ftm_resources.price_table import Machine

TASK = {"taskArn": "arn:task"}
REQUEST = {
    "capacityProviderStrategy": ecs.FARGATE.strategy(),
    "overrides": {"cpu": "8192", "memory": "32768", "ephemeralStorage": {"sizeInGiB": 50}},
    "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "ENABLED"}},
}


def test_a_task_is_what_was_asked_for():
    facts = task_facts.asked(REQUEST, TASK, ecs.DEFAULT)
    assert facts["arn"] == "arn:task"
    assert task_facts.machine(facts) == Machine("fargate-spot", "", 8, 32, 50, has_address=True)
    assert task_facts.machine(facts).name == "8 vCPU, 32 GB, 50 GB disk"


def test_without_overrides_it_is_its_definition_s_and_without_a_strategy_on_demand():
    facts = task_facts.asked({}, TASK, ecs.RUN)
    assert task_facts.machine(facts) == Machine("fargate", "", 1, 4)


def test_the_fallback_to_on_demand_is_the_one_with_the_weight():
    strategy = ecs.GPU_HOSTS.strategy(on_demand=True)
    facts = task_facts.asked({**REQUEST, "capacityProviderStrategy": strategy}, TASK, ecs.GPU)
    assert task_facts.machine(facts) == Machine("on-demand"), "of a type that is not known yet"
    facts |= task_facts.placed(
        {"taskArn": "arn:task", "pullStartedAt": datetime(2026, 1, 1, tzinfo=UTC)}, "g5.xlarge"
    )
    assert task_facts.machine(facts) == Machine("on-demand", kind="g5.xlarge")
    assert facts["began"] == datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def test_a_provider_of_somebody_else_has_no_market():
    assert task_facts.machine({"provider": "theirs", "cpu": 1024, "memory": 4096}).market == "unknown"
    assert task_facts.market_of("theirs") == "unknown"
    assert task_facts.market_of(ecs.GPU_HOSTS.on_demand) == "on-demand"


def test_facts_are_read_back_from_the_event_that_told_them():
    facts = task_facts.asked(REQUEST, TASK, ecs.DEFAULT)
    told = dg.DagsterEvent("ENGINE_EVENT", "quarter", event_specific_data=task_facts.told(facts))
    assert task_facts.facts_of(told) == facts
    other = dg.DagsterEvent("ENGINE_EVENT", "quarter", event_specific_data=EngineEventData())
    assert task_facts.facts_of(other) == {}
