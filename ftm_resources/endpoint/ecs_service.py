"""The ECS services that serve models: which they are, how many servers they run, and setting that number.

What belongs here: requests to ECS about a service. When one is needed is decided in
`ftm_assets.orchestration.model_services`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster import ConfigurableResource
from pydantic import Field

from ftm_resources import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)


class MissingServiceError(LookupError):
    """A service that the settings name does not exist; the message names the setting and the stack that makes it."""


@dataclass(frozen=True)
class EcsService:
    """A service of ECS, by the name of its cluster and its own, and the setting that named it."""

    cluster: str
    name: str
    setting: str

    def desired(self) -> int:
        """Return how many servers ECS is to run; MissingServiceError if there is no such service."""
        described = _ecs().describe_services(cluster=self.cluster, services=[self.name])
        found = [s for s in described["services"] if s["status"] == "ACTIVE"]
        if not found:
            raise MissingServiceError(
                f"{self.setting} names {self.cluster}/{self.name}, but ECS has no such service: deploy "
                "infra/cloudformation/vllm.yaml, or unset it"
            )
        return int(found[0]["desiredCount"])

    def hosts(self) -> list[tuple[str, str]]:
        """Return instance type and capacity provider of each of its servers that has a host; empty if ECS refuses."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 - heavy, and needed on AWS only

        try:
            return list(self._hosts())
        except ClientError as error:
            _log.warning(
                "%s/%s: its hosts are not known, so it has no price: %s", self.cluster, self.name, error
            )
            return []

    def _hosts(self) -> Iterator[tuple[str, str]]:
        ecs = _ecs()
        arns = ecs.list_tasks(cluster=self.cluster, serviceName=self.name)["taskArns"]
        tasks = ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"] if arns else []
        for task in tasks:
            if host := task.get("containerInstanceArn"):
                kind = instance_type(ecs, self.cluster, host)
                yield kind, str(task.get("capacityProviderName", ""))

    def set_desired(self, servers: int) -> None:
        """Have ECS run this many servers; it starts and stops them, and their hosts, after this returns."""
        _ecs().update_service(cluster=self.cluster, service=self.name, desiredCount=servers)


class ModelServices(ConfigurableResource):
    """The services that FTM starts and stops, and for how long it keeps them: by default as the environment says."""

    llm: str | None = Field(default=None, description="Service of the LLM endpoint; default: FTM_LLM_SERVICE")
    embedding: str | None = Field(
        default=None, description="Service of the embedding endpoint; default: FTM_EMBEDDING_SERVICE"
    )
    idle_seconds: float | None = Field(
        default=None,
        ge=0,
        description="Seconds to keep one that nothing needs; default: FTM_SERVICE_IDLE_SECONDS",
    )
    silent_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Seconds to believe a run that reports nothing; default: FTM_SERVICE_SILENT_SECONDS",
    )

    def configured(self) -> dict[str, EcsService]:
        """Return the services by what they serve, `llm` or `embedding`; empty if none is FTM's to start."""
        given = settings.current()
        named = {
            "llm": (self.llm or given.ftm_llm_service, "FTM_LLM_SERVICE"),
            "embedding": (self.embedding or given.ftm_embedding_service, "FTM_EMBEDDING_SERVICE"),
        }
        services = {}
        for what, (path, setting) in named.items():
            if path:
                cluster, _, name = path.partition("/")
                services[what] = EcsService(cluster, name, setting)
        return services

    def idle(self) -> float:
        """Return the seconds that a service is kept which nothing needs."""
        return settings.current().ftm_service_idle_seconds if self.idle_seconds is None else self.idle_seconds

    def silent(self) -> float:
        """Return the seconds that a run is believed which reports nothing."""
        return (
            settings.current().ftm_service_silent_seconds
            if self.silent_seconds is None
            else self.silent_seconds
        )


def instance_type(ecs: Any, cluster: str, host: str) -> str:
    """Return the instance type of a host of a cluster, by the ARN of its container instance; empty if ECS has none."""
    described = ecs.describe_container_instances(cluster=cluster, containerInstances=[host])
    attributes = {
        a["name"]: a.get("value", "")
        for found in described["containerInstances"]
        for a in found["attributes"]
    }
    return str(attributes.get("ecs.instance-type", ""))


def _ecs() -> Any:
    import boto3  # heavy, and needed on AWS only

    return boto3.client("ecs")
