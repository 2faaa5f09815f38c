"""The CloudFormation templates: linted, rendered in every variant, and agreeing with the code about names and sizes."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from ftm_assets.cli.cost_forecast import Plan
from ftm_assets.orchestration import pools
from ftm_assets.orchestration.execution import ecs
from ftm_resources import settings
from infra import synth
from infra.rendering import FOLDER, ORDER, Stack, render, template

TASKS = {"Runs", "Steps", "GpuSteps"}
PRICES = "/opt/ftm/prices.csv"
XAI = "https://api.x.ai/v1"
KEY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key"
OWN = {
    "Llm": ("http://vllm.ftm.internal:8000/v1", "ftm/ftm-vllm"),
    "Embedding": ("http://embedding.ftm.internal:8000/v1", "ftm/ftm-embedding"),
}
"""FTM's own servers: their addresses, and the services that the sensor starts."""


def rendered(variant: str) -> dict[str, Stack]:
    return render({**synth.NEEDED, **synth.VARIANTS[variant]})


@pytest.fixture(scope="module")
def stacks() -> dict[str, Stack]:
    return rendered("everything")


def definition(stack: Stack, name: str) -> dict[str, Any]:
    properties: dict[str, Any] = stack.resources[name]["Properties"]
    return properties


def environment(stack: Stack, name: str) -> dict[str, str]:
    (container,) = definition(stack, name)["ContainerDefinitions"]
    return {e["Name"]: e["Value"] for e in container["Environment"]}


def strategy(stack: Stack, service: str) -> dict[str, dict[str, int]]:
    asked = stack.resources[service]["Properties"]["CapacityProviderStrategy"]
    return {p["CapacityProvider"]: {"base": p["Base"], "weight": p["Weight"]} for p in asked}


def test_the_command_finds_nothing_in_any_variant(capsys: pytest.CaptureFixture[str], tmp_path: Any):
    status = synth.main(tmp_path)
    said = capsys.readouterr().out
    assert status == 0, said
    assert said.startswith("cfn-lint: clean\n")
    assert said.count("policy findings: 0 high, 0 low") == len(synth.VARIANTS)
    made = json.loads((tmp_path / "default" / "cluster.json").read_text())
    assert made["Outputs"]["Cluster"] == "ftm"


def test_every_template_is_rendered_and_no_other_is_there():
    assert {p.stem for p in FOLDER.iterdir()} == set(ORDER)


def test_every_condition_is_met_in_one_variant_and_not_in_another():
    made = [{(n, r) for n, s in rendered(v).items() for r in s.resources} for v in synth.VARIANTS]
    conditional = {
        (name, resource)
        for name in ORDER
        for resource, body in template(name)["Resources"].items()
        if "Condition" in body
    }
    assert conditional
    for item in conditional:
        assert {item in m for m in made} == {True, False}, item


def test_every_template_fits_into_one_request():
    """`aws cloudformation deploy` needs a bucket for templates of more than 51,200 bytes."""
    assert max(p.stat().st_size for p in FOLDER.iterdir()) < 51_200


def test_every_parameter_says_what_it_is():
    assert [
        (n, p) for n in ORDER for p, body in template(n)["Parameters"].items() if not body.get("Description")
    ] == []


def test_a_value_s_pattern_is_said_in_words():
    patterns = [
        (name, body)
        for n in ORDER
        for name, body in template(n)["Parameters"].items()
        if "AllowedPattern" in body
    ]
    assert patterns
    assert [
        name for name, body in patterns if not body.get("ConstraintDescription", "").startswith("must ")
    ] == []


@pytest.mark.parametrize("called", [["--help"], ["-h"], ["--no-such-option"]])
def test_an_option_is_not_taken_for_the_folder(called: list[str], tmp_path: Any):
    done = subprocess.run(
        [sys.executable, "-m", "infra.synth", *called],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "usage: python -m infra.synth" in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_published_ui_without_a_login_is_refused():
    parameters = {**synth.NEEDED, **synth.LOGIN, "OidcClientId": ""}
    with pytest.raises(ValueError, match="no login of its own"):
        render(parameters)


@pytest.mark.parametrize(
    "wrong", [{"UiCidr": "0.0.0.0/0"}, {"Subnets": "secret"}, {"MaxHosts": "0"}, {"Typo": "1"}]
)
def test_a_wrong_parameter_is_refused(wrong: dict[str, str]):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        render({**synth.NEEDED, **wrong})


def test_anchors_are_refused_because_cloudformation_does_not_read_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
):
    from infra import rendering

    (tmp_path / "anchored.yaml").write_text("Resources: {A: &a {Type: X}, B: *a}\n")
    monkeypatch.setattr(rendering, "FOLDER", tmp_path)
    with pytest.raises(yaml.YAMLError, match="anchor"):
        rendering.template("anchored")


def test_the_executor_s_names_are_those_of_the_stacks(stacks: dict[str, Stack]):
    dagster, cluster = stacks["dagster"], stacks["cluster"]
    families = {n: definition(dagster, n)["Family"] for n in TASKS}
    assert families == {
        "Runs": ecs.RUN_TASK_DEFINITION,
        "Steps": ecs.STEP_TASK_DEFINITION,
        "GpuSteps": ecs.GPU_TASK_DEFINITION,
    }
    providers = cluster.resources["Providers"]["Properties"]["CapacityProviders"]
    machines = (ecs.FARGATE, ecs.GPU_HOSTS)
    assert set(providers) == {name for m in machines for name in (m.spot, m.on_demand)}
    launcher = yaml.safe_load((FOLDER.parent / "dagster" / "aws.yaml").read_text())["run_launcher"]["config"]
    assert launcher["task_definition"] == families["Runs"]
    assert {definition(dagster, n)["ContainerDefinitions"][0]["Name"] for n in TASKS} == {
        launcher["container_name"]
    }


def test_a_host_has_what_a_gpu_step_asks_for(stacks: dict[str, Stack]):
    """A whole host of 4 vCPU and 16 GiB; vLLM's tasks take as much, so one host holds one of them."""
    assert (ecs.GPU.cpu, ecs.GPU.memory) == (4096, 14336)
    for task in ("LlmTask", "EmbeddingTask"):
        asked = definition(stacks["vllm"], task)
        assert (asked["Cpu"], asked["Memory"]) == (str(ecs.GPU.cpu), str(ecs.GPU.memory))
    for group in ("SpotHosts", "OnDemandHosts"):
        properties = stacks["cluster"].resources[group]["Properties"]
        types = [o["InstanceType"] for o in properties["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]]
        assert types == ["g6.xlarge", "g5.xlarge", "g4dn.xlarge"]
        assert properties["MaxSize"] == str(pools.LIMITS["gpu"])
    newer = rendered("private subnets, buckets of an earlier deployment, stopped")["cluster"]
    overrides = newer.resources["SpotHosts"]["Properties"]["MixedInstancesPolicy"]["LaunchTemplate"][
        "Overrides"
    ]
    assert {"InstanceType": "g4dn.xlarge"} not in overrides


def test_the_quotas_to_ask_for_are_those_of_the_pools():
    page = (FOLDER.parents[1] / "docs" / "aws.md").read_text()
    asked = {quota: int(n) for quota, n in re.findall(r"\| \"([^\"]+)\" \| (\d+) \|", page)}
    hosts, steps = pools.LIMITS["gpu"] * ecs.GPU.cpu // 1024, pools.LIMITS["cpu"] * 8
    assert template("cluster")["Parameters"]["MaxHosts"]["Default"] == pools.LIMITS["gpu"]
    assert asked == {
        "All G and VT Spot Instance Requests": hosts,
        "Running On-Demand G and VT instances": hosts,
        "Fargate Spot vCPU resource count": steps,
        "Fargate On-Demand vCPU resource count": steps,
    }


def test_spot_hosts_are_spot_and_the_others_are_not(stacks: dict[str, Stack]):
    share = {
        group: stacks["cluster"].resources[group]["Properties"]["MixedInstancesPolicy"][
            "InstancesDistribution"
        ]["OnDemandPercentageAboveBaseCapacity"]
        for group in ("SpotHosts", "OnDemandHosts")
    }
    assert share == {"SpotHosts": 0, "OnDemandHosts": 100}


def test_hosts_that_are_not_spot_are_of_the_type_that_the_forecast_counts(stacks: dict[str, Stack]):
    """By price alone, vLLM would get a T4, at half the speed."""
    policy = stacks["cluster"].resources["OnDemandHosts"]["Properties"]["MixedInstancesPolicy"]
    assert policy["InstancesDistribution"]["OnDemandAllocationStrategy"] == "prioritized"
    assert policy["LaunchTemplate"]["Overrides"][0] == {"InstanceType": Plan(firms=1, quarters=1).gpu}


def test_runs_and_steps_have_the_same_environment_of_known_variables(stacks: dict[str, Stack]):
    runs, *others = ({**environment(stacks["dagster"], n)} for n in sorted(TASKS))
    assert all(other == runs for other in others)
    tools = {
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "DAGSTER_POSTGRES_HOST",
        "DAGSTER_POSTGRES_DB",
        "DAGSTER_POSTGRES_USER",
    }
    for task in (*TASKS, "Daemon", "Webserver"):
        ours = set(environment(stacks["dagster"], task)) - tools
        assert ours <= {*settings.NAMES, *settings.ELSEWHERE}, task
    assert (runs["FTM_PRICES"], environment(rendered("default")["dagster"], "Steps")["FTM_PRICES"]) == (
        PRICES,
        "",
    )
    assert runs["FTM_WAREHOUSE"] == stacks["storage"].outputs["Warehouse"]
    assert runs["FTM_LOGS_BUCKET"] == stacks["storage"].outputs["LogsBucket"]


def test_each_task_has_the_rights_that_it_needs_and_no_others(stacks: dict[str, Stack]):
    def allowed(role: str) -> set[str]:
        (policy,) = stacks["dagster"].resources[role]["Properties"]["Policies"]
        return {a for s in policy["PolicyDocument"]["Statement"] for a in s["Action"]}

    roles = {
        n: definition(stacks["dagster"], n)["TaskRoleArn"].rpartition(":")[2]
        for n in (*TASKS, "Daemon", "Webserver")
    }
    assert roles["Steps"] == roles["GpuSteps"] == "ftm-step-us-east-1"
    assert len(set(roles.values())) == 4
    launches = {"ecs:RunTask", "iam:PassRole"}
    assert {
        r: bool(launches & allowed(r)) for r in ("StepRole", "RunRole", "DaemonRole", "WebserverRole")
    } == {
        "StepRole": False,
        "RunRole": True,
        "DaemonRole": True,
        "WebserverRole": False,
    }
    assert [
        r for r in ("StepRole", "RunRole", "DaemonRole", "WebserverRole") if "ecs:UpdateService" in allowed(r)
    ] == ["DaemonRole"]
    managed = {
        r: stacks["dagster"].resources[r]["Properties"].get("ManagedPolicyArns")
        for r in ("DaemonRole", "WebserverRole")
    }
    assert set(managed.values()) == {None}, "neither reads the warehouse"


def test_the_views_have_the_database_that_dbt_asks_for(stacks: dict[str, Stack]):
    profile = yaml.safe_load((FOLDER.parents[1] / "dbt" / "profiles.yml").read_text())["ftm"]["outputs"][
        "athena"
    ]
    made = stacks["storage"].resources["Views"]["Properties"]["DatabaseInput"]["Name"]
    assert made == profile["schema"]


def test_who_queries_reads_and_who_makes_views_writes_views_alone(stacks: dict[str, Stack]):
    """What they allow is what docs/athena.md lists."""
    storage = stacks["storage"].resources
    account = "us-east-1:123456789012"
    allowed = {
        policy: {
            (action, resource)
            for statement in storage[policy]["Properties"]["PolicyDocument"]["Statement"]
            for action in statement["Action"]
            for resource in statement["Resource"]
        }
        for policy in ("QueryAccess", "ViewAccess")
    }
    reads = re.compile(r":(Get|List|Start|Stop)\w+")
    assert {(a, r) for a, r in allowed["QueryAccess"] if not reads.search(a)} == {
        (f"s3:{action}", "arn:aws:s3:::ftm-logs-123456789012-us-east-1/athena/*")
        for action in ("PutObject", "AbortMultipartUpload")
    }
    assert {r for _, r in allowed["ViewAccess"]} == {
        f"arn:aws:glue:{account}:catalog",
        f"arn:aws:glue:{account}:database/ftm_views",
        f"arn:aws:glue:{account}:table/ftm_views/*",
    }
    page = (FOLDER.parents[1] / "docs" / "athena.md").read_text()
    assert [a for of in allowed.values() for a, _ in of if f"`{a.partition(':')[2]}`" not in page] == []
    assert "CreateDatabase" not in page


def secrets(stack: Stack, name: str) -> dict[str, str]:
    return {
        s["Name"]: s["ValueFrom"]
        for c in definition(stack, name)["ContainerDefinitions"]
        for s in c.get("Secrets", [])
    }


@pytest.mark.parametrize("variant", synth.VARIANTS)
def test_ftm_s_own_services_get_their_own_key_and_never_a_provider_s(variant: str):
    stacks = rendered(variant)
    own = stacks["dagster"].outputs["ServiceKeyArn"]
    foreign = {stacks["dagster"].parameters[p] for p in ("LlmApiKeyArn", "EmbeddingApiKeyArn")} - {""}
    for task in ("LlmTask", "EmbeddingTask"):
        if task in stacks["vllm"].resources:
            assert secrets(stacks["vllm"], task) == {"VLLM_API_KEY": own}
    (role,) = stacks["vllm"].resources["ExecutionRole"]["Properties"]["Policies"]
    read = [s["Resource"] for s in role["PolicyDocument"]["Statement"] if s["Sid"] == "Secrets"]
    assert read == [own]
    assert own not in foreign


def test_a_provider_s_key_goes_to_its_endpoint_alone(stacks: dict[str, Stack]):
    given = stacks["dagster"].parameters
    for task in TASKS:
        told = secrets(stacks["dagster"], task)
        assert told["LLM_API_KEY"] == given["LlmApiKeyArn"]
        assert told["FTM_EMBEDDING_API_KEY"] == given["EmbeddingApiKeyArn"]


def test_ftm_s_own_key_goes_to_its_own_servers_alone():
    dagster = rendered("own services")["dagster"]
    for task in TASKS:
        told = secrets(dagster, task)
        own = dagster.outputs["ServiceKeyArn"]
        assert (told["LLM_API_KEY"], told["FTM_EMBEDDING_API_KEY"]) == (own, own)
    (role,) = dagster.resources["ExecutionRole"]["Properties"]["Policies"]
    (read,) = [s["Resource"] for s in role["PolicyDocument"]["Statement"] if s["Sid"] == "Secrets"]
    assert own in read
    assert len(read) == 2, "the database's and that one"


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {  # servers of yours without a key
            "LlmBaseUrl": XAI,
            "LlmModel": "m",
            "EmbeddingBaseUrl": "http://10.20.1.9:8080/v1",
            "EmbeddingModel": "e",
        },
    ],
)
def test_without_a_key_of_its_own_an_endpoint_gets_none(parameters: dict[str, str]):
    dagster = render({**synth.NEEDED, **parameters})["dagster"]
    for task in TASKS:
        assert set(secrets(dagster, task)) == {"DAGSTER_POSTGRES_PASSWORD"}
        assert environment(dagster, task)["LLM_BASE_URL"] == parameters.get("LlmBaseUrl", "")


def test_one_endpoint_may_be_ftm_s_own_and_the_other_not():
    own = {"LlmBaseUrl": OWN["Llm"][0], "LlmService": OWN["Llm"][1], "LlmModel": "m"}
    other = {"EmbeddingBaseUrl": XAI, "EmbeddingModel": "e", "EmbeddingApiKeyArn": KEY}
    dagster = render({**synth.NEEDED, **own, **other})["dagster"]
    for task in TASKS:
        told = secrets(dagster, task)
        assert told["LLM_API_KEY"] == dagster.outputs["ServiceKeyArn"]
        assert told["FTM_EMBEDDING_API_KEY"] == KEY


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"BaseUrl": "own", "Service": "own", "ApiKeyArn": KEY}, "has a key of its own"),
        ({"BaseUrl": "own", "ApiKeyArn": KEY}, "Nobody would start|has a key of its own"),
        ({"BaseUrl": "own"}, "Nobody would start"),
        ({"Service": "own"}, "a GPU that nobody asks"),
        ({"BaseUrl": XAI, "Service": "own"}, "a GPU that nobody asks"),
        ({"BaseUrl": XAI, "Service": "own", "ApiKeyArn": KEY}, "a GPU that nobody asks"),
        ({"ApiKeyArn": KEY}, "is the key of an endpoint"),
        ({"BaseUrl": "own/"}, "it must be http://"),
        ({"BaseUrl": "https://VLLM.FTM.internal/v1"}, "it must be http://"),
        ({"BaseUrl": "other own", "Service": "own"}, "it must be http://"),
        ({"BaseUrl": "api.x.ai/v1"}, "it must be http://"),
    ],
)
def test_an_address_a_service_and_a_key_that_do_not_go_together_are_refused(
    kind: str, given: dict[str, str], said: str
):
    address, service = OWN[kind]
    other = next(a for k, (a, _) in OWN.items() if k != kind)
    values = {"own": address, "own/": address + "/", "other own": other}
    parameters = {
        f"{kind}{name}": service if name == "Service" else values.get(value, value)
        for name, value in given.items()
    }
    with pytest.raises(ValueError, match=said):
        render({**synth.NEEDED, "Embedding": "true", **parameters})


def test_the_services_that_the_address_needs_are_made_and_the_rules_know_their_names():
    stacks = rendered("own services")
    assert (stacks["vllm"].outputs["LlmBaseUrl"], stacks["vllm"].outputs["LlmService"]) == OWN["Llm"]
    made = {
        f"ftm/{stacks['vllm'].resources[n]['Properties']['ServiceName']}"
        for n in ("LlmService", "EmbeddingService")
    }
    assert made == {service for _, service in OWN.values()}
    assert stacks["vllm"].outputs["EmbeddingBaseUrl"] == OWN["Embedding"][0]
    with pytest.raises(ValueError, match="makes with Embedding=true"):
        render({**synth.NEEDED, **synth.VARIANTS["own services"], "Embedding": "false"})


@pytest.mark.parametrize(
    ("url", "key"), [("LlmBaseUrl", "LLM_API_KEY"), ("EmbeddingBaseUrl", "FTM_EMBEDDING_API_KEY")]
)
def test_the_key_of_ftm_s_own_services_is_not_sent_to_a_provider(url: str, key: str):
    model = url.replace("BaseUrl", "Model")
    stack = render({**synth.NEEDED, url: "https://api.example.com/v1", model: "m"})["dagster"]
    assert {secrets(stack, task).get(key) for task in TASKS} == {None}


def test_models_are_pulled_from_repositories_of_one_prefix(stacks: dict[str, Stack]):
    (role,) = stacks["vllm"].resources["ExecutionRole"]["Properties"]["Policies"]
    (pulled,) = [s["Resource"] for s in role["PolicyDocument"]["Statement"] if s["Sid"] == "Pull"]
    assert pulled.endswith(":repository/ftm-*")
    own = render({**synth.NEEDED, "RegistryPrefix": "mirror/"})["vllm"].resources["ExecutionRole"]
    assert ":repository/mirror/*" in json.dumps(own)
    with pytest.raises(ValueError, match="RegistryPrefix"):
        render({**synth.NEEDED, "RegistryPrefix": ""})


def test_runs_and_the_daemon_may_ask_what_a_host_is(stacks: dict[str, Stack]):
    """What a task costs follows from its host's type."""
    for role in ("RunRole", "DaemonRole"):
        (policy,) = stacks["dagster"].resources[role]["Properties"]["Policies"]
        (hosts,) = [s for s in policy["PolicyDocument"]["Statement"] if s["Sid"] == "Hosts"]
        assert "ecs:DescribeContainerInstances" in hosts["Action"]
        assert [r.rpartition(":")[2] for r in hosts["Resource"]] == ["container-instance/ftm/*"]
    assert environment(stacks["dagster"], "Daemon")["FTM_EXECUTOR"] == "ecs", (
        "the sensor late_costs looks at it"
    )


def test_the_llm_starts_at_zero_on_an_on_demand_host_and_takes_four_fifths_of_more_from_spot(
    stacks: dict[str, Stack],
):
    for service in ("LlmService", "EmbeddingService"):
        assert stacks["vllm"].resources[service]["Properties"]["DesiredCount"] == 0
        assert strategy(stacks["vllm"], service) == {
            ecs.GPU_HOSTS.on_demand: {"base": 1, "weight": 1},
            ecs.GPU_HOSTS.spot: {"base": 0, "weight": 4},
        }


def test_vllm_loads_from_the_bucket_and_is_believed_healthy_only_once_it_answers(stacks: dict[str, Stack]):
    weights, vllm = definition(stacks["vllm"], "LlmTask")["ContainerDefinitions"]
    bucket = stacks["storage"].outputs["WarehouseBucket"]
    assert weights["Command"][:4] == ["s3", "sync", f"s3://{bucket}/models/Qwen3-8B-AWQ", "/weights"]
    assert vllm["DependsOn"] == [{"ContainerName": "weights", "Condition": "SUCCESS"}]
    assert {"Name": "HF_HUB_OFFLINE", "Value": "1"} in vllm["Environment"]
    assert vllm["EntryPoint"] == ["vllm", "serve"]
    flags = dict(zip(vllm["Command"][1:-1:2], vllm["Command"][2:-1:2], strict=True))
    own = environment(rendered("own services")["dagster"], "Steps")
    assert flags["--served-model-name"] == own["LLM_MODEL"]
    assert flags["--max-model-len"] == "8192"
    assert vllm["Command"][-1] == "--enable-prefix-caching"
    health = vllm["HealthCheck"]
    assert "/health" in health["Command"][1]
    grace = health["StartPeriod"] + health["Interval"] * health["Retries"]
    assert grace >= 900, "loading takes 5 to 10 minutes"


def test_deleting_the_stacks_keeps_the_warehouse_and_its_catalog(stacks: dict[str, Stack]):
    kept = {n for n, r in stacks["storage"].resources.items() if r.get("DeletionPolicy") == "Retain"}
    assert kept >= {"WarehouseBucket", "WarehouseBucketPolicy", "Database", "Views"}
    again = rendered("private subnets, buckets of an earlier deployment, stopped")["storage"]
    assert set(again.resources) == {"Queries", "QueryAccess", "ViewAccess"}
    assert again.outputs == stacks["storage"].outputs


def test_unfinished_work_outlives_the_grace_of_clean_up(stacks: dict[str, Stack]):
    rules = stacks["storage"].resources["WarehouseBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {r["Prefix"]: int(r["ExpirationInDays"]) for r in rules if "Prefix" in r}
    assert days == {"warehouse/staging/": 14, "warehouse/runs/": 14}
    assert min(days.values()) > 7
