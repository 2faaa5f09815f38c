"""What a run's events say of its tasks on ECS: where each was placed, its size, when it began to cost.

What belongs here: the shape of these facts, written by the launcher and the executor, and read by `spent_time`. They
are in the event log, which has them when the task is long gone, whatever ended it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.events import EngineEventData

from ftm_assets.orchestration.execution import ecs
from ftm_resources.price_table import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

KEY = "task"
"""Key of the facts in the metadata of an event."""

_MARKETS = {
    ecs.FARGATE.spot: "fargate-spot",
    ecs.FARGATE.on_demand: "fargate",
    ecs.GPU_HOSTS.spot: "spot",
    ecs.GPU_HOSTS.on_demand: "on-demand",
}
"""Capacity provider → how its machines are bought."""

NOT_PLACED = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})
"""States of a task that has no machine yet."""


def asked(request: Mapping[str, Any], task: Mapping[str, Any], size: ecs.Size) -> dict[str, Any]:
    """Return the facts of a task as it was asked for; `size` is that of its definition, which overrides may replace."""
    overrides = request.get("overrides", {})
    strategy = request.get("capacityProviderStrategy") or [{"capacityProvider": ecs.FARGATE.on_demand}]
    network = request.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    return {
        "arn": task["taskArn"],
        "provider": max(strategy, key=lambda p: p.get("weight", 0))["capacityProvider"],
        "cpu": int(overrides.get("cpu") or size.cpu),
        "memory": int(overrides.get("memory") or size.memory),
        "disk": int(overrides.get("ephemeralStorage", {}).get("sizeInGiB", 0)),
        "has_address": network.get("assignPublicIp") == "ENABLED",
    }


def placed(task: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the facts of a task that has a machine, from DescribeTasks and its host's instance type, if any."""
    began: datetime | None = task.get("pullStartedAt") or task.get("startedAt")
    return {
        "arn": task["taskArn"],
        **({"began": began.timestamp()} if began else {}),
        **({"kind": kind} if kind else {}),
    }


def told(facts: Mapping[str, Any]) -> EngineEventData:
    """Return facts as the data of an event."""
    return EngineEventData(metadata={KEY: dg.MetadataValue.json(dict(facts))})


def facts_of(event: dg.DagsterEvent) -> dict[str, Any]:
    """Return the facts that an event tells; none if it is of something else."""
    value = getattr(event.event_specific_data, "metadata", {}).get(KEY)
    return (
        dict(value.data) if isinstance(value, dg.JsonMetadataValue) and isinstance(value.data, dict) else {}
    )


def machine(facts: Mapping[str, Any]) -> Machine:
    """Return the machine that facts of a task describe; one of this computer if there are none."""
    if not facts:
        return Machine("local")
    market = _MARKETS.get(str(facts.get("provider")), "unknown")
    if market in {"spot", "on-demand"}:
        return Machine(market, kind=str(facts.get("kind", "")))
    return Machine(
        market,
        vcpu=facts.get("cpu", 0) / 1024,
        memory=facts.get("memory", 0) / 1024,
        disk=facts.get("disk", 0),
        has_address=bool(facts.get("has_address")),
    )


def market_of(provider: str) -> str:
    """Return how the machines of a capacity provider are bought; `unknown` for one that is not FTM's."""
    return _MARKETS.get(provider, "unknown")
