"""The rules that rendered stacks must fulfil: each finds the fault that it is there for."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra import synth
from infra.policies import PLAIN, RULES, findings
from infra.rendering import Stack, render

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def stacks() -> dict[str, Stack]:
    return render({**synth.NEEDED, **synth.VARIANTS["everything"]})


def statement(properties: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = properties["Policies"][0]["PolicyDocument"]["Statement"][0]
    return first


def set_at(*path: Any, to: Any) -> Change:
    """Return a change that sets the item at a path."""

    def change(properties: dict[str, Any]) -> None:
        for key in path[:-1]:
            properties = properties[key]
        properties[path[-1]] = to

    return change


def swap_key(name: str, arn: str | None) -> Change:
    """Return a change that gives a task's container another secret, or none."""

    def change(properties: dict[str, Any]) -> None:
        (container,) = properties["ContainerDefinitions"]
        others = [s for s in container["Secrets"] if s["Name"] != name]
        assert len(others) == len(container["Secrets"]) - 1
        container["Secrets"] = [*others, *([{"Name": name, "ValueFrom": arn}] if arn else [])]

    return change


def move_endpoint(name: str, address: str) -> Change:
    """Return a change that sets an address in a task's environment, and nothing else."""

    def change(properties: dict[str, Any]) -> None:
        (container,) = properties["ContainerDefinitions"]
        (variable,) = [e for e in container["Environment"] if e["Name"] == name]
        variable["Value"] = address

    return change


FAULTS: dict[str, tuple[str, str, Change, str]] = {
    "wildcard action": (
        "dagster",
        "StepRole",
        lambda p: statement(p).update(Action=["s3:*"]),
        "wildcard actions",
    ),
    "wildcard resource": (
        "dagster",
        "StepRole",
        lambda p: statement(p).update(Resource="*"),
        "on every resource",
    ),
    "every repository": (
        *("vllm", "ExecutionRole"),
        lambda p: p["Policies"][0]["PolicyDocument"]["Statement"][1].update(
            Resource="arn:aws:ecr:us-east-1:123456789012:repository/*"
        ),
        "everything of a kind",
    ),
    "all but": ("dagster", "StepRole", lambda p: statement(p).update(NotAction=["iam:*"]), "by exclusion"),
    "open role": (
        *("dagster", "StepRole"),
        lambda p: p["AssumeRolePolicyDocument"]["Statement"][0].update(Principal="*"),
        "anybody",
    ),
    "any account": (
        *("dagster", "StepRole"),
        lambda p: p["AssumeRolePolicyDocument"]["Statement"][0].pop("Condition"),
        "another account",
    ),
    "administrator": (
        *("dagster", "StepRole"),
        lambda p: p["ManagedPolicyArns"].append("arn:aws:iam::aws:policy/AdministratorAccess"),
        "policy of AWS",
    ),
    "any service": (
        *("dagster", "RunRole"),
        lambda p: [
            s.pop("Condition") for s in p["Policies"][0]["PolicyDocument"]["Statement"] if s["Sid"] == "Hand"
        ],
        "any service",
    ),
    "open bucket policy": (
        *("storage", "WarehouseBucketPolicy"),
        lambda p: p["PolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::x/*"}
        ),
        "anybody",
    ),
    "plain http": (
        "storage",
        "WarehouseBucketPolicy",
        set_at("PolicyDocument", "Statement", to=[]),
        "without TLS",
    ),
    "public bucket": (
        *("storage", "WarehouseBucket"),
        set_at("PublicAccessBlockConfiguration", "BlockPublicPolicy", to=False),
        "may become public",
    ),
    "plain bucket": ("storage", "LogsBucket", lambda p: p.pop("BucketEncryption"), "not encrypted"),
    "bucket for ever": ("storage", "LogsBucket", lambda p: p.pop("LifecycleConfiguration"), "for ever"),
    "acl": ("storage", "LogsBucket", lambda p: p.pop("OwnershipControls"), "access control lists"),
    "open port": (
        *("network", "TaskGroup"),
        set_at(
            "SecurityGroupIngress",
            to=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}],
        ),
        "from anywhere",
    ),
    "open port, IPv6": (
        *("network", "TaskGroup"),
        set_at("SecurityGroupIngress", to=[{"IpProtocol": "-1", "CidrIpv6": "::/0"}]),
        "from anywhere",
    ),
    "every way out": ("network", "TaskGroup", lambda p: p.pop("SecurityGroupEgress"), "no way out"),
    "IMDSv1": ("cluster", "Host", set_at("LaunchTemplateData", "MetadataOptions", to={}), "IMDSv1"),
    "plain disk": (
        *("cluster", "Host"),
        set_at("LaunchTemplateData", "BlockDeviceMappings", 0, "Ebs", "Encrypted", to=False),
        "not encrypted",
    ),
    "left disk": (
        *("cluster", "Host"),
        set_at("LaunchTemplateData", "BlockDeviceMappings", 0, "Ebs", "DeleteOnTermination", to=False),
        "outlives",
    ),
    "no draining": (
        "cluster",
        "Host",
        set_at("LaunchTemplateData", "UserData", to=""),
        "SPOT_INSTANCE_DRAINING",
    ),
    "host left on": ("cluster", "SpotHosts", set_at("MinSize", to="1"), "go to zero"),
    "one type": (
        *("cluster", "SpotHosts"),
        lambda p: p["MixedInstancesPolicy"]["LaunchTemplate"].update(
            Overrides=[{"InstanceType": "g5.xlarge"}]
        ),
        "one type",
    ),
    "unprotected host": (
        *("cluster", "SpotProvider"),
        set_at("AutoScalingGroupProvider", "ManagedTerminationProtection", to="DISABLED"),
        "host at work",
    ),
    "plain database": ("dagster", "Database", set_at("StorageEncrypted", to=False), "not encrypted"),
    "public database": ("dagster", "Database", set_at("PubliclyAccessible", to=True), "is public"),
    "written password": (
        "dagster",
        "Database",
        set_at("MasterUserPassword", to="x"),
        "password in the template",
    ),
    "database without TLS": ("dagster", "DatabaseParameters", set_at("Parameters", to={}), "without TLS"),
    "secret by value": (
        *("dagster", "Steps"),
        lambda p: p["ContainerDefinitions"][0]["Environment"].append({"Name": "LLM_API_KEY", "Value": "x"}),
        "secrets by value",
    ),
    "own key to a provider": (
        *("dagster", "Steps"),
        swap_key(
            "LLM_API_KEY", "arn:aws:secretsmanager:us-east-1:123456789012:secret:ftm/service-key-AbCdEf"
        ),
        "not of api.x.ai",
    ),
    "own key to a provider of embeddings": (
        *("dagster", "GpuSteps"),
        swap_key("FTM_EMBEDDING_API_KEY", "arn:aws:secretsmanager:us-east-1:123456789012:ftm/service-key"),
        "not of embeddings.example.org",
    ),
    "provider's key to an own server": (
        *("dagster", "Runs"),
        move_endpoint("LLM_BASE_URL", "http://vllm.ftm.internal:8000/v1"),
        "not of vllm.ftm.internal",
    ),
    "provider's key to an own server of embeddings": (
        *("dagster", "Steps"),
        move_endpoint("FTM_EMBEDDING_BASE_URL", "http://embedding.ftm.internal:8000/v1"),
        "not of embedding.ftm.internal",
    ),
    "key of no endpoint": ("dagster", "Steps", move_endpoint("LLM_BASE_URL", ""), "not of any endpoint"),
    "no key for an own server": (
        *("dagster", "Steps"),
        lambda p: (
            move_endpoint("LLM_BASE_URL", "http://vllm.ftm.internal:8000/v1")(p),
            swap_key("LLM_API_KEY", None)(p),
        ),
        "no key for vllm.ftm.internal",
    ),
    "privileged": (
        "dagster",
        "Steps",
        set_at("ContainerDefinitions", 0, "Privileged", to=True),
        "privileged",
    ),
    "host's network": ("vllm", "LlmTask", set_at("NetworkMode", to="host"), "network of its host"),
    "host's folder": (
        "vllm",
        "LlmTask",
        set_at("Volumes", 0, "Host", to={"SourcePath": "/"}),
        "folder of its host",
    ),
    "untold cost": ("dagster", "DaemonService", set_at("PropagateTags", to="NONE"), "quarter and stage"),
    "logs for ever": ("cluster", "Logs", lambda p: p.pop("RetentionInDays"), "for ever"),
    "moving tags": ("cluster", "Images", set_at("ImageTagMutability", to="MUTABLE"), "tags that move"),
    "free scans": (
        *("storage", "Queries"),
        lambda p: p["WorkGroupConfiguration"].pop("BytesScannedCutoffPerQuery"),
        "no limit per query",
    ),
    "plain results": (
        *("storage", "Queries"),
        lambda p: p["WorkGroupConfiguration"]["ResultConfiguration"].pop("EncryptionConfiguration"),
        "not encrypted",
    ),
    "no login": ("dagster", "Listener", lambda p: p["DefaultActions"].pop(0), "no login"),
    "http listener": ("dagster", "Listener", set_at("Protocol", to="HTTP"), "without TLS"),
    "loose headers": ("dagster", "Balancer", lambda p: p.pop("LoadBalancerAttributes"), "malformed headers"),
    "scaling up": (
        *("vllm", "LlmStop"),
        set_at("StepScalingPolicyConfiguration", "StepAdjustments", 0, "ScalingAdjustment", to=2),
        "starts servers",
    ),
    "own secret": ("vllm", "Names", set_at("Tags", to=[]), "no budget sees it"),
    "no alert": ("budget", "Budget", set_at("NotificationsWithSubscribers", to=[]), "no alert"),
    "whole account": ("budget", "Budget", lambda p: p["Budget"].pop("CostFilters"), "does not count"),
}
"""Name → stack, resource, how it is spoilt, and what the finding must say."""


def spoilt(stacks: dict[str, Stack], stack: str, resource: str, change: Change) -> dict[str, Stack]:
    resources = copy.deepcopy(dict(stacks[stack].resources))
    change(resources[resource]["Properties"])
    return {stack: replace(stacks[stack], resources=resources)}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_where_it_is(stacks: dict[str, Stack], fault: str):
    stack, resource, change, said = FAULTS[fault]
    assert findings({stack: stacks[stack]}) == []
    found = findings(spoilt(stacks, stack, resource, change))
    assert {f.resource for f in found} == {resource}
    assert any(said in f.text for f in found), found


def test_every_rule_finds_a_fault(stacks: dict[str, Stack]):
    kinds = {stacks[stack].resources[resource]["Type"] for stack, resource, _, _ in FAULTS.values()}
    without = set(RULES) - kinds
    assert without == {"AWS::IAM::ManagedPolicy", "AWS::SecretsManager::Secret"}, (
        "the first shares its rule with roles"
    )


def test_a_secret_in_a_template_is_found():
    stacks = render({**synth.NEEDED})
    found = findings(spoilt(stacks, "dagster", "ServiceKey", set_at("SecretString", to="x")))
    assert [f.resource for f in found] == ["ServiceKey"]


def test_a_type_that_nobody_has_looked_at_is_found(stacks: dict[str, Stack]):
    def change(properties: dict[str, Any]) -> None:
        properties.clear()

    broken = spoilt(stacks, "storage", "LogsBucket", change)
    broken["storage"].resources["LogsBucket"]["Type"] = "AWS::SQS::Queue"  # type: ignore[index]
    assert any("no rule looks at AWS::SQS::Queue" in f.text for f in findings(broken))


def test_data_that_would_go_with_its_stack_is_found(stacks: dict[str, Stack]):
    broken = spoilt(stacks, "storage", "WarehouseBucket", lambda _: None)
    del broken["storage"].resources["WarehouseBucket"]["DeletionPolicy"]  # type: ignore[attr-defined]
    assert [f.text.split(" of ")[0] for f in findings(broken)] == ["must have a DeletionPolicy"]


def test_no_plain_type_has_a_rule():
    assert not PLAIN & set(RULES)
