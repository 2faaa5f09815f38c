"""The stacks, deployed to moto: what it makes, what it leaves out without a word, and the latter made by API."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra import synth
from infra.rendering import ORDER, Stack, render, template

LEFT_OUT = {
    "storage": {"AWS::S3::BucketPolicy", "AWS::Glue::Database", "AWS::Athena::WorkGroup"},
    "network": set(),
    "cluster": {"AWS::ECS::CapacityProvider", "AWS::ECS::ClusterCapacityProviderAssociations"},
    "dagster": {"AWS::SecretsManager::Secret"},
    "vllm": {
        *("AWS::ServiceDiscovery::PrivateDnsNamespace", "AWS::ServiceDiscovery::Service"),
        *("AWS::Logs::MetricFilter", "AWS::CloudWatch::Alarm"),
        *("AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"),
    },
    "budget": {"AWS::Budgets::Budget"},
}
"""Types that moto reports as created with their stack, and does not create."""

UNKNOWN = (
    ("Database", "MasterUserSecret.SecretArn"),
    ("LlmName", "Arn"),
)
"""Attributes that moto cannot tell: a made-up value stands in the template that it gets."""


_deployed: list["Account"] = []


@dataclass
class Account:
    """The deployed stacks, and the same rendered with what was made in them."""

    status: dict[str, str]
    made: dict[str, set[str]]
    """Stack → logical ids of what moto made."""
    outputs: dict[str, dict[str, str]]
    stacks: dict[str, Stack]
    secrets: dict[str, str]
    """Environment variable → ARN of its secret."""

    @classmethod
    def kept(cls, reset: Callable[[], None]) -> "Account":
        """Return the account that this process deployed before, if moto still has it; else deploy one after `reset`."""
        import boto3

        names = {s["StackName"] for s in boto3.client("cloudformation").describe_stacks()["Stacks"]}
        if not _deployed or not names >= {f"ftm-{name}" for name in ORDER}:
            reset()
            _deployed[:] = [cls.deployed()]
        return _deployed[0]

    @classmethod
    def deployed(cls) -> "Account":
        """Deploy all stacks, then make by API what the next steps need: secrets, Glue's database, tasks, a host."""
        import boto3

        secrets = boto3.client("secretsmanager")
        arns = {
            name: secrets.create_secret(Name=f"ftm/{name}", SecretString=value)["ARN"]
            for name, value in {
                "database": json.dumps({"username": "ftm", "password": "plain-db-passw0rd"}),
                "service": "plain-service-k3y",  # a given value, for which the tests look
            }.items()
        }
        parameters = {**synth.NEEDED, "HostImage": "/ftm/host"}
        parameters |= {"LlmBaseUrl": "http://vllm.ftm.internal:8000/v1", "LlmService": "ftm/ftm-vllm"}
        parameters |= {"LlmModel": "Qwen/Qwen3-8B-AWQ"}
        image = boto3.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        boto3.client("ssm").put_parameter(Name="/ftm/host", Value=image, Type="String")
        status, made, outputs, exports = {}, {}, {}, {}
        cloudformation = boto3.client("cloudformation")
        for name in ORDER:
            known = template(name)["Parameters"]
            cloudformation.create_stack(
                StackName=f"ftm-{name}",
                TemplateBody=_for_moto(name, arns),
                Parameters=[
                    {"ParameterKey": p, "ParameterValue": v} for p, v in parameters.items() if p in known
                ],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
            (stack,) = cloudformation.describe_stacks(StackName=f"ftm-{name}")["Stacks"]
            status[name] = stack["StackStatus"]
            outputs[name] = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
            exports |= {
                o["ExportName"]: o["OutputValue"] for o in stack.get("Outputs", []) if "ExportName" in o
            }
            made[name] = {
                r["LogicalResourceId"]
                for r in cloudformation.list_stack_resources(StackName=f"ftm-{name}")[
                    "StackResourceSummaries"
                ]
            }
        attributes = {
            "Database.MasterUserSecret.SecretArn": arns["database"],
            "ServiceKey": arns["service"],
            "Database.Endpoint.Address": outputs["dagster"]["DatabaseHost"],
        }
        stacks = render(parameters, exports=exports, attributes=attributes)
        for name in ("dagster", "vllm"):  # with the ids that moto gave to what these import
            stacks |= render(
                {p: v for p, v in parameters.items() if p in template(name)["Parameters"]},
                [name],
                exports=exports,
                attributes=attributes,
            )
        account = cls(
            status,
            made,
            outputs,
            stacks,
            {
                "DAGSTER_POSTGRES_PASSWORD": f"{arns['database']}:password::",
                "LLM_API_KEY": arns["service"],
            },
        )
        account._make_what_moto_left_out(image)
        return account

    def environment(self, task: str) -> dict[str, str]:
        """Return the variables of the container of a task of the stack dagster."""
        (container,) = self.stacks["dagster"].resources[task]["Properties"]["ContainerDefinitions"]
        return {e["Name"]: e["Value"] for e in container["Environment"]}

    def task_definition(self, stack: str, name: str) -> dict[str, Any]:
        """Return a task definition as RegisterTaskDefinition takes it."""
        asked: dict[str, Any] = _camel(self.stacks[stack].resources[name]["Properties"])
        return asked

    def start_daemon(self) -> str:
        """Start the daemon's own task as its service does, whose cluster and network a run takes over; its ARN."""
        import boto3

        service = self.stacks["dagster"].resources["DaemonService"]["Properties"]
        started = boto3.client("ecs").run_task(
            cluster=service["Cluster"],
            taskDefinition="ftm-daemon",
            launchType="FARGATE",
            networkConfiguration=_camel(service["NetworkConfiguration"]),
        )
        arn: str = started["tasks"][0]["taskArn"]
        return arn

    def _make_what_moto_left_out(self, image: str) -> None:
        import boto3

        database = self.stacks["storage"].resources["Database"]["Properties"]
        boto3.client("glue").create_database(DatabaseInput=database["DatabaseInput"])
        bucket = self.stacks["storage"].resources["WarehouseBucket"]["Properties"]
        boto3.client("s3").put_bucket_versioning(
            Bucket=bucket["BucketName"], VersioningConfiguration=bucket["VersioningConfiguration"]
        )
        ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
        # moto ignores the network's DNS settings.
        ec2.modify_vpc_attribute(VpcId=self.outputs["network"]["Vpc"], EnableDnsHostnames={"Value": True})
        # moto makes task definitions of a stack without roles, network and size.
        for stack, name in (
            *(("dagster", n) for n in ("Runs", "Steps", "GpuSteps", "Daemon", "Webserver")),
            ("vllm", "LlmTask"),
        ):
            ecs.register_task_definition(**self.task_definition(stack, name))
        # moto places tasks that are not on Fargate on an instance that says it is in the cluster.
        (host,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
        document = json.dumps({"instanceId": host["InstanceId"]})
        ecs.register_container_instance(cluster="ftm", instanceIdentityDocument=document)


def _for_moto(name: str, secrets: Mapping[str, str]) -> str:
    """Return a template for moto, which reads no short forms within each other, nor the attributes in UNKNOWN.

    It makes no secrets either: those that were made by API, by name, stand for them.
    """
    body = json.dumps(template(name))
    for resource, attribute in UNKNOWN:
        stands = (
            secrets["database"]
            if attribute.endswith("SecretArn")
            else "arn:aws:servicediscovery:::service/made-up"
        )
        body = body.replace(json.dumps({"Fn::GetAtt": [resource, attribute]}), json.dumps(stands))
        body = body.replace(f"${{{resource}.{attribute}}}", stands)
    body = body.replace(json.dumps({"Ref": "ServiceKey"}), json.dumps(secrets["service"]))
    return body.replace(json.dumps({"Ref": "DatabaseParameters"}), json.dumps("default.postgres17"))


def _camel(value: Any) -> Any:
    """Return CloudFormation's properties in the spelling of the API: `TaskRoleArn` as `taskRoleArn`."""
    if isinstance(value, list):
        return [_camel(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {
        name if re.match(r"[a-z]", name) else name[0].lower() + name[1:]: v
        if name == "Options"
        else _camel(v)
        for name, v in value.items()
    }
