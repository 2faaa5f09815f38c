"""What the rendered stacks must fulfil, field by field: access, encryption, exposure, retention, tags.

What belongs here: rules on resources as CloudFormation would make them. A rule looks at all resources of its types; a
type that no rule looks at must be listed in `PLAIN`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from infra.rendering import Stack

Rule = Callable[[Mapping[str, Any]], Iterator[str]]

RULES: dict[str, list[Rule]] = {}
"""Resource type → the rules for it; each yields what is wrong with the properties of a resource."""

WITHOUT_RESOURCES = frozenset(
    {
        *("ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ec2:DescribeNetworkInterfaces"),
        *("ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel"),
        *("ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"),
    }
)
"""Actions that IAM cannot limit to single resources, and that the roles need."""

PLAIN = frozenset(
    {
        *("AWS::EC2::VPC", "AWS::EC2::InternetGateway", "AWS::EC2::VPCGatewayAttachment"),
        *("AWS::EC2::RouteTable", "AWS::EC2::Route", "AWS::EC2::Subnet", "AWS::EC2::VPCEndpoint"),
        *("AWS::EC2::SubnetRouteTableAssociation", "AWS::Glue::Database", "AWS::ECS::Cluster"),
        *("AWS::ECS::ClusterCapacityProviderAssociations", "AWS::IAM::InstanceProfile"),
        *("AWS::RDS::DBSubnetGroup", "AWS::ServiceDiscovery::PrivateDnsNamespace"),
        *("AWS::ServiceDiscovery::Service", "AWS::Logs::MetricFilter", "AWS::CloudWatch::Alarm"),
        *("AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ElasticLoadBalancingV2::TargetGroup"),
    }
)
"""Types without anything that a rule could look at, apart from tags."""

UNTAGGED = frozenset(
    {
        *(
            "AWS::S3::BucketPolicy",
            "AWS::Glue::Database",
            "AWS::EC2::VPCGatewayAttachment",
            "AWS::EC2::Route",
        ),
        *("AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPCEndpoint", "AWS::IAM::InstanceProfile"),
        *(
            "AWS::IAM::ManagedPolicy",
            "AWS::EC2::LaunchTemplate",
            "AWS::ECS::ClusterCapacityProviderAssociations",
        ),
        *("AWS::Logs::MetricFilter", "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::Budgets::Budget"),
        *("AWS::ApplicationAutoScaling::ScalingPolicy", "AWS::ElasticLoadBalancingV2::Listener"),
    }
)
"""Types that cost nothing by themselves or take no tags; a launch template tags what is launched from it."""

_EVERY = re.compile(
    r":(repository|secret|role|user|key|parameter|cluster|service|task|container-instance|function|bucket)[:/]\*$"
)
"""An ARN that names a kind of resource and nothing of its name."""

_SECRET = re.compile(r"PASSWORD|SECRET(?!_ID)|TOKEN|API_KEY|ACCESS_KEY")
_ENDPOINTS = (("LLM_BASE_URL", "LLM_API_KEY"), ("FTM_EMBEDDING_BASE_URL", "FTM_EMBEDDING_API_KEY"))
_PRIVATE = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_ANYWHERE = frozenset({"0.0.0.0/0", "::/0"})
_LONGEST_LOG_DAYS = 365


@dataclass(frozen=True)
class Finding:
    """What is wrong with a resource; `high` ones must not be deployed."""

    stack: str
    resource: str
    severity: Literal["high", "low"]
    text: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.stack}.{self.resource}: {self.text}"


def findings(stacks: Mapping[str, Stack]) -> list[Finding]:
    """Return all that the rules find in rendered stacks."""
    found = []
    for stack in stacks.values():
        for name, resource in stack.resources.items():
            kind, properties = resource["Type"], resource.get("Properties", {})
            said = [text for rule in RULES.get(kind, []) for text in rule(properties)]
            if kind not in RULES and kind not in PLAIN:
                said.append(f"no rule looks at {kind}: write one, or list it as plain")
            found += [Finding(stack.name, name, "high", text) for text in said]
            if kind not in UNTAGGED and _tags(properties).get("project") != "ftm":
                found.append(
                    Finding(stack.name, name, "low", "the tag project=ftm is missing, so no budget sees it")
                )
            if kind in _KEPT and resource.get("DeletionPolicy") not in _KEPT[kind]:
                found.append(
                    Finding(stack.name, name, "high", f"must have a DeletionPolicy of {_KEPT[kind]}")
                )
    return found


_KEPT = {
    "AWS::S3::Bucket": ("Retain",),
    "AWS::Glue::Database": ("Retain",),
    "AWS::RDS::DBInstance": ("Delete", "Snapshot"),
}
"""Types that hold data: what is to become of them with their stack is said, never left to a default."""


def rule(*kinds: str) -> Callable[[Rule], Rule]:
    """Register a rule for resource types."""

    def register(function: Rule) -> Rule:
        for kind in kinds:
            RULES.setdefault(kind, []).append(function)
        return function

    return register


@rule("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::S3::BucketPolicy")
def access(properties: Mapping[str, Any]) -> Iterator[str]:
    """Refuse wildcard actions, wildcard resources where IAM has others, and open principals."""
    documents = [p["PolicyDocument"] for p in properties.get("Policies", [])]
    documents += [properties[n] for n in ("PolicyDocument", "AssumeRolePolicyDocument") if n in properties]
    for statement in (s for d in documents for s in _list(d["Statement"])):
        if statement["Effect"] == "Allow":
            yield from _allowed(statement)


def _allowed(statement: Mapping[str, Any]) -> Iterator[str]:
    actions, resources = _list(statement.get("Action", [])), _list(statement.get("Resource", []))
    if bad := {"NotAction", "NotResource", "NotPrincipal"} & set(statement):
        yield f"allows by exclusion: {sorted(bad)}"
    if wide := [a for a in actions if "*" in a]:
        yield f"allows wildcard actions: {wide}"
    if "*" in resources and (wide := sorted(set(actions) - WITHOUT_RESOURCES)):
        yield f"allows actions on every resource: {wide}"
    if wide := [r for r in resources if isinstance(r, str) and _EVERY.search(r)]:
        yield f"allows {actions} on everything of a kind: {wide}"
    principal = statement.get("Principal", {})
    named = {"AWS": principal} if isinstance(principal, str) else principal
    services = _list(named.get("Service", []))
    if "*" in _list(named.get("AWS", [])):
        yield "allows anybody"
    if "iam:PassRole" in actions and "iam:PassedToService" not in str(statement.get("Condition")):
        yield "hands roles to any service"
    conditions = str(statement.get("Condition"))
    if "ecs-tasks.amazonaws.com" in services and "aws:SourceAccount" not in conditions:
        yield "can be assumed by ECS on behalf of another account"


@rule("AWS::IAM::Role")
def managed_by_aws(properties: Mapping[str, Any]) -> Iterator[str]:
    """Refuse AWS's own policies, except the one that the ECS agent of a host needs."""
    for arn in properties.get("ManagedPolicyArns", []):
        if ":aws:policy/" in arn and not arn.endswith("AmazonEC2ContainerServiceforEC2Role"):
            yield f"has a policy of AWS: {arn}"


@rule("AWS::S3::Bucket")
def buckets(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require encryption, privacy, no ACLs, and an end to what is not needed."""
    rules = properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
    if not any(r.get("ServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for r in rules):
        yield "is not encrypted"
    block = properties.get("PublicAccessBlockConfiguration", {})
    if not all(block.get(n) is True for n in _PRIVATE):
        yield "may become public"
    if properties.get("OwnershipControls", {}).get("Rules") != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
        yield "has access control lists"
    if not properties.get("LifecycleConfiguration", {}).get("Rules"):
        yield "keeps everything for ever"


@rule("AWS::S3::BucketPolicy")
def tls_only(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require that requests without TLS are denied for the bucket and its objects."""
    for statement in _list(properties["PolicyDocument"]["Statement"]):
        insecure = statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        everything = statement.get("Principal") == "*" and statement.get("Action") == "s3:*"
        if (
            statement["Effect"] == "Deny"
            and insecure
            and everything
            and len(_list(statement["Resource"])) == 2
        ):
            return
    yield "does not deny requests without TLS"


@rule("AWS::EC2::SecurityGroup")
def security_groups(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require that nothing comes in from anywhere, and that what may go out is named."""
    for ingress in properties.get("SecurityGroupIngress", []):
        if {ingress.get("CidrIp"), ingress.get("CidrIpv6")} & _ANYWHERE:
            yield f"can be reached from anywhere at port {ingress.get('FromPort')}"
        if str(ingress["IpProtocol"]) == "-1":
            yield "can be reached at every port"
    if not properties.get("SecurityGroupEgress"):
        yield "names no way out, so that all are open"
    if any(str(e["IpProtocol"]) == "-1" for e in properties.get("SecurityGroupEgress", [])):
        yield "may call out by every protocol"


@rule("AWS::EC2::LaunchTemplate")
def hosts(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require IMDSv2 for the host alone, an encrypted gp3 disk that goes with it, tags and Spot draining."""
    data = properties["LaunchTemplateData"]
    metadata = data.get("MetadataOptions", {})
    if metadata.get("HttpTokens") != "required":
        yield "answers IMDSv1"
    if metadata.get("HttpPutResponseHopLimit") != 1:
        yield "answers containers with its metadata"
    disks = [d.get("Ebs", {}) for d in data.get("BlockDeviceMappings", [])]
    if not disks or not all(d.get("Encrypted") is True for d in disks):
        yield "has a disk that is not encrypted"
    if not all(d.get("DeleteOnTermination") is True and d.get("VolumeType") == "gp3" for d in disks):
        yield "has a disk that outlives it or is not gp3"
    if not any(_tags(t).get("project") == "ftm" for t in data.get("TagSpecifications", [])):
        yield "launches hosts without the tag project"
    for line in ("ECS_ENABLE_SPOT_INSTANCE_DRAINING=true", "ECS_AWSVPC_BLOCK_IMDS=true"):
        if line not in str(data.get("UserData")):
            yield f"lacks {line}"
    if data.get("KeyName") or data.get("NetworkInterfaces"):
        yield "has a key for SSH or network interfaces of its own"


@rule("AWS::AutoScaling::AutoScalingGroup")
def scaling_groups(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require that hosts go to zero, and that ECS decides which one goes."""
    if str(properties.get("MinSize")) != "0" or "DesiredCapacity" in properties:
        yield "does not go to zero"
    if properties.get("NewInstancesProtectedFromScaleIn") is not True:
        yield "may end a host at work"
    if len(properties["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]) < 2:
        yield "depends on one type of instance"


@rule("AWS::ECS::CapacityProvider")
def providers(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require managed scaling, draining, and protection of hosts at work."""
    group = properties["AutoScalingGroupProvider"]
    if group.get("ManagedScaling", {}).get("Status") != "ENABLED":
        yield "does not scale"
    if (group.get("ManagedTerminationProtection"), group.get("ManagedDraining")) != ("ENABLED", "ENABLED"):
        yield "may end a host at work"


@rule("AWS::ECS::TaskDefinition")
def tasks(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require a network and a role of its own, secrets by ARN, no privileges, and logs."""
    if properties.get("NetworkMode") != "awsvpc":
        yield "shares the network of its host"
    if not properties.get("TaskRoleArn") or not properties.get("ExecutionRoleArn"):
        yield "has no role of its own"
    if properties.get("PidMode") == "host" or properties.get("IpcMode") == "host":
        yield "sees its host's processes or memory"
    if any(v.get("Host", {}).get("SourcePath") for v in properties.get("Volumes", [])):
        yield "mounts a folder of its host"
    for container in properties["ContainerDefinitions"]:
        if container.get("Privileged"):
            yield f"{container['Name']} is privileged"
        if plain := [e["Name"] for e in container.get("Environment", []) if _SECRET.search(e["Name"])]:
            yield f"{container['Name']} has secrets by value: {plain}"
        if not all(str(s["ValueFrom"]).startswith("arn:") for s in container.get("Secrets", [])):
            yield f"{container['Name']} has secrets that are not given by ARN"
        if container.get("LogConfiguration", {}).get("LogDriver") != "awslogs":
            yield f"{container['Name']} has no logs"


@rule("AWS::ECS::TaskDefinition")
def keys(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require that FTM's own key goes to FTM's own servers, and no other key does."""
    for container in properties["ContainerDefinitions"]:
        told = {e["Name"]: str(e["Value"]) for e in container.get("Environment", [])}
        given = {s["Name"]: str(s["ValueFrom"]) for s in container.get("Secrets", [])}
        for address, key in _ENDPOINTS:
            host = urlsplit(told.get(address, "")).hostname or ""
            is_own = host.endswith(".ftm.internal")
            if key in given and (not host or (":ftm/service-key" in given[key]) is not is_own):
                yield f"{container['Name']} has a key in {key} that is not of {host or 'any endpoint'}"
            if is_own and key not in given:
                yield f"{container['Name']} has no key for {host}"


@rule("AWS::ECS::Service")
def services(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require that tags reach the tasks, so that costs can be told apart."""
    if properties.get("PropagateTags") != "SERVICE" or not {"quarter", "stage"} <= set(_tags(properties)):
        yield "its tasks lack the tags quarter and stage"


@rule("AWS::RDS::DBInstance")
def databases(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require encryption, privacy, backups, a single instance, which can be stopped, and a password of RDS's own."""
    if properties.get("StorageEncrypted") is not True:
        yield "is not encrypted"
    if properties.get("PubliclyAccessible") is not False:
        yield "is public"
    if properties.get("ManageMasterUserPassword") is not True or "MasterUserPassword" in properties:
        yield "has a password in the template"
    if not properties.get("BackupRetentionPeriod"):
        yield "has no backups"
    if "ReadReplica" in str(sorted(properties)) or properties.get("SourceDBInstanceIdentifier"):
        yield "cannot be stopped"


@rule("AWS::RDS::DBParameterGroup")
def database_tls(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require that connections without TLS are refused."""
    if properties.get("Parameters", {}).get("rds.force_ssl") != "1":
        yield "accepts connections without TLS"


@rule("AWS::SecretsManager::Secret")
def secrets(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require that secrets are generated, never written into a template."""
    if "SecretString" in properties or "GenerateSecretString" not in properties:
        yield "has its value in the template"


@rule("AWS::Logs::LogGroup")
def logs(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require that logs end."""
    if not 1 <= int(properties.get("RetentionInDays", 0)) <= _LONGEST_LOG_DAYS:
        yield "keeps logs for ever"


@rule("AWS::ECR::Repository")
def images(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require encryption, scans, tags that do not move, and an end to old images."""
    if not properties.get("EncryptionConfiguration", {}).get("EncryptionType"):
        yield "is not encrypted"
    if properties.get("ImageScanningConfiguration", {}).get("ScanOnPush") is not True:
        yield "is not scanned"
    if properties.get("ImageTagMutability") != "IMMUTABLE" or not properties.get("LifecyclePolicy"):
        yield "has tags that move, or images that never go"


@rule("AWS::Athena::WorkGroup")
def queries(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require a limit per query that users cannot lift, and encrypted results outside the warehouse."""
    config = properties["WorkGroupConfiguration"]
    if config.get("EnforceWorkGroupConfiguration") is not True:
        yield "lets users lift its limits"
    if not config.get("BytesScannedCutoffPerQuery"):
        yield "has no limit per query"
    result = config.get("ResultConfiguration", {})
    if not result.get("EncryptionConfiguration"):
        yield "writes results that are not encrypted"
    if not re.fullmatch(r"s3://ftm-logs-[^/]+/athena/", result.get("OutputLocation", "")):
        yield "has no prefix of its own for results"


@rule("AWS::ElasticLoadBalancingV2::Listener")
def listeners(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require TLS 1.2 or later, and a login before anything else."""
    if properties.get("Protocol") != "HTTPS" or "TLS13" not in properties.get("SslPolicy", ""):
        yield "accepts requests without TLS, or with an old one"
    first = min(properties["DefaultActions"], key=lambda a: a.get("Order", 0))
    if not first["Type"].startswith("authenticate-"):
        yield "has no login"


@rule("AWS::ElasticLoadBalancingV2::LoadBalancer")
def balancers(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require a security group, and that malformed headers are dropped."""
    attributes = {a["Key"]: a["Value"] for a in properties.get("LoadBalancerAttributes", [])}
    if attributes.get("routing.http.drop_invalid_header_fields.enabled") != "true" or not properties.get(
        "SecurityGroups"
    ):
        yield "passes malformed headers on, or has no security group"


@rule("AWS::ApplicationAutoScaling::ScalingPolicy")
def watchdogs(properties: Mapping[str, Any]) -> Iterator[str]:
    """Refuse a scaling policy that does more than stop a service."""
    steps = properties["StepScalingPolicyConfiguration"]
    if steps["AdjustmentType"] != "ExactCapacity" or any(
        s["ScalingAdjustment"] for s in steps["StepAdjustments"]
    ):
        yield "starts servers"


@rule("AWS::Budgets::Budget")
def budgets(properties: Mapping[str, Any]) -> Iterator[str]:
    """Require a limit on what is tagged, with an alert at it and one before."""
    if not float(properties["Budget"].get("BudgetLimit", {}).get("Amount", 0)):
        yield "has no limit"
    if properties["Budget"].get("CostFilters") != {"TagKeyValue": ["user:project$ftm"]}:
        yield "does not count what is tagged project=ftm"
    alerts = [
        n["Notification"]["Threshold"]
        for n in properties.get("NotificationsWithSubscribers", [])
        if n["Subscribers"]
    ]
    if not alerts or min(alerts) >= 100 or max(alerts) < 100:
        yield "has no alert before its limit, or none at it"


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    tags = properties.get("Tags", [])
    return dict(tags) if isinstance(tags, dict) else {t["Key"]: t["Value"] for t in tags}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
