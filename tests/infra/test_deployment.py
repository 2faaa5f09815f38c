"""The stacks on a local AWS: what moto makes of them, and what it leaves out while it says CREATE_COMPLETE."""

import pytest

from infra.rendering import ORDER

from .conftest import LocalAws
from .deployed_account import LEFT_OUT

pytestmark = pytest.mark.integration


def test_every_stack_is_complete(aws: LocalAws):
    assert aws.account.status == dict.fromkeys(ORDER, "CREATE_COMPLETE")


def test_everything_was_made_but_the_types_that_moto_leaves_out(aws: LocalAws):
    """If moto learns one of them, the list is to be shortened, and the step by API to go."""
    for name, stack in aws.account.stacks.items():
        missing = {
            r["Type"] for logical, r in stack.resources.items() if logical not in aws.account.made[name]
        }
        assert missing == LEFT_OUT[name], name


def test_the_outputs_are_those_that_rendering_foretells(aws: LocalAws):
    for name in ("storage", "cluster"):
        told = {n: v for n, v in aws.account.outputs[name].items() if not n.endswith("Arn")}
        assert told
        assert told.items() <= dict(aws.account.stacks[name].outputs).items()


def test_the_buckets_are_encrypted(aws: LocalAws):
    """That they are private and versioned, moto leaves out: test_policies.py looks at the template."""
    import boto3

    s3, storage = boto3.client("s3"), aws.account.outputs["storage"]
    for bucket in (storage["WarehouseBucket"], storage["LogsBucket"]):
        assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert {"Key": "project", "Value": "ftm"} in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]


def test_nothing_can_be_reached_from_outside(aws: LocalAws):
    import boto3

    groups = boto3.client("ec2").describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [aws.account.outputs["network"]["Vpc"]]}]
    )["SecurityGroups"]
    ours = [g for g in groups if g["GroupName"] != "default"]
    assert len(ours) == 5
    open_to = [r["CidrIp"] for g in ours for p in g["IpPermissions"] for r in p["IpRanges"]]
    assert open_to == []


def test_the_database_is_closed_and_encrypted(aws: LocalAws):
    import boto3

    (database,) = boto3.client("rds").describe_db_instances()["DBInstances"]
    assert database["Endpoint"]["Address"] == aws.account.outputs["dagster"]["DatabaseHost"]
    assert database["StorageEncrypted"]
    assert not database["PubliclyAccessible"]


@pytest.mark.usefixtures("aws")
def test_the_gpu_hosts_and_the_llm_are_at_zero():
    import boto3

    groups = boto3.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert {g["AutoScalingGroupName"]: (g["MinSize"], g["DesiredCapacity"]) for g in groups} == {
        "ftm-gpu-spot": (0, 0),
        "ftm-gpu-on-demand": (0, 0),
    }
    services = boto3.client("ecs").describe_services(
        cluster="ftm", services=["ftm-vllm", "ftm-daemon", "ftm-webserver"]
    )["services"]
    assert {s["serviceName"]: s["desiredCount"] for s in services} == {
        "ftm-vllm": 0,
        "ftm-daemon": 1,
        "ftm-webserver": 1,
    }
