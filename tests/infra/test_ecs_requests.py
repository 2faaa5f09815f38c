"""What runs and steps ask of ECS: the requests of Dagster's launcher and of our executor, as they were sent.

One run on the instance of infra/dagster/aws.yaml, launched as an ECS task, its steps as ECS tasks, each a process
with the command and the environment that were asked for. The second GPU step finds no Spot capacity; the first
one's host is lost.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.launcher.base import LaunchRunContext

from ftm_assets.orchestration.execution import ecs, task_facts
from ftm_assets.orchestration.priced_runs import run_rows
from ftm_resources import price_table

from .conftest import PLAIN_SECRETS, REPOSITORY, LocalAws

pytestmark = pytest.mark.integration
DEADLINE_SECONDS = 300
GPU_STEPS = [f"sentence_embeddings_chunk[chunk_{i}]" for i in range(2)]


@dataclass(frozen=True)
class Run:
    """The run as it ended."""

    run: dg.DagsterRun
    events: list[dg.DagsterEvent]
    instance: dg.DagsterInstance


def tags(request: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in request.get("tags", [])}


def step(request: dict[str, Any]) -> str | None:
    return tags(request).get("dagster/step-key")


def strategy(request: dict[str, Any]) -> dict[str, int]:
    return {p["capacityProvider"]: p["weight"] for p in request["capacityProviderStrategy"]}


@pytest.fixture(scope="module")
def instance(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    home = tmp_path_factory.mktemp("dagster")
    shutil.copy(REPOSITORY / "infra" / "dagster" / "aws.yaml", home / "dagster.yaml")
    aws.environment["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.from_config(str(home)) as found:
        yield found


def launch(instance: dg.DagsterInstance, name: str) -> str:
    """Launch a job of fan.py as the daemon would; its run's id."""
    job = ReconstructableJob.for_file(str(Path(__file__).with_name("fan.py")), name)
    run = instance.create_run_for_job(job.get_definition(), job_code_origin=job.get_python_origin())
    instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    return run.run_id


def wait(
    instance: dg.DagsterInstance,
    run_id: str,
    done: Callable[[dg.DagsterRun, list[dg.DagsterEvent]], bool],
) -> dg.DagsterRun:
    """Return the run once it is `done`, given the run and its events."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        run = instance.get_run_by_id(run_id)
        events = [e.dagster_event for e in instance.all_logs(run_id) if e.dagster_event]
        if done(run, events):
            return run
        assert time.monotonic() < end, events
        time.sleep(1)


@pytest.fixture(scope="module")
def run(aws: LocalAws, instance: dg.DagsterInstance) -> Run:
    aws.run_tasks = True
    lost: list[str] = []

    def refuse(request: dict[str, Any]) -> str | None:
        second = step(request) == "sentence_embeddings_chunk-chunk_1"
        return "RESOURCE:GPU" if second and strategy(request)["ftm-gpu-spot"] else None

    def lose(request: dict[str, Any]) -> bool:
        first = step(request) == "sentence_embeddings_chunk-chunk_0" and not lost
        lost.extend(["chunk_0"] * first)
        return first

    aws.refuse, aws.lose = refuse, lose
    created = launch(instance, "fan")
    now = wait(instance, created, lambda run, _: run.is_finished)
    events = [e.dagster_event for e in instance.all_logs(created) if e.dagster_event]
    return Run(now, events, instance)


@pytest.fixture(scope="module")
def requests(aws: LocalAws, run: Run) -> dict[str | None, list[dict[str, Any]]]:
    """The RunTask requests by step; those of the run itself under None."""
    found: dict[str | None, list[dict[str, Any]]] = {}
    for request in aws.requests("RunTask"):
        if tags(request).get("dagster/run_id") == run.run.run_id:
            found.setdefault(step(request), []).append(request)
    return found


def test_the_run_ends_as_its_steps_did(run: Run):
    ended = {e.step_key: e.event_type for e in run.events if e.is_step_success or e.is_step_failure}
    failed = ended.pop("firm_topics_chunk")
    assert failed == dg.DagsterEventType.STEP_FAILURE
    assert set(ended) == {"sentence_embeddings_plan", *GPU_STEPS, "check"}
    assert set(ended.values()) == {dg.DagsterEventType.STEP_SUCCESS}


def test_only_the_step_whose_task_was_lost_was_started_again(run: Run):
    assert [e.step_key for e in run.events if e.is_step_up_for_retry] == [GPU_STEPS[0]]


def test_a_step_goes_on_while_its_host_gives_notice(run: Run):
    ended = [e for e in run.events if e.step_key == "check" and (e.is_step_success or e.is_step_failure)]
    assert [e.event_type for e in ended] == [dg.DagsterEventType.STEP_SUCCESS]


def test_a_gpu_step_asks_for_its_image_its_gpu_and_spot(requests: dict, run: Run):
    first = requests["sentence_embeddings_chunk-chunk_0"][0]
    (container,) = first["overrides"]["containerOverrides"]
    print(json.dumps(first, indent=2))  # noqa: T201 - what to show
    assert first["taskDefinition"] == ecs.GPU_TASK_DEFINITION
    assert first["overrides"]["cpu"] == "4096"
    assert first["overrides"]["memory"] == "14336"
    assert "ephemeralStorage" not in first["overrides"]
    assert container["name"] == "run"
    assert container["command"][-3:] == ["dagster", "api", "execute_step"]
    assert container["resourceRequirements"] == [{"type": "GPU", "value": "1"}]
    assert strategy(first) == {"ftm-gpu-spot": 1, "ftm-gpu-on-demand": 0}
    assert "launchType" not in first
    assert first["startedBy"] == run.run.run_id


def test_a_step_runs_in_the_network_of_the_run(requests: dict, aws: LocalAws):
    network = aws.account.outputs["network"]
    networks = {
        name: r["networkConfiguration"]["awsvpcConfiguration"]
        for name, sent in requests.items()
        for r in sent
    }
    assert {tuple(n["securityGroups"]) for n in networks.values()} == {(network["TaskGroup"],)}
    assert {tuple(n["subnets"]) for n in networks.values()} == {(network["TaskSubnet"],)}
    # In a public subnet a task on Fargate needs an address of its own; ECS rejects the wish for tasks on EC2.
    public = {name for name, n in networks.items() if n["assignPublicIp"] == "ENABLED"}
    assert set(networks) - public == {f"sentence_embeddings_chunk-chunk_{i}" for i in range(2)}
    assert {r["cluster"].rpartition("/")[2] for sent in requests.values() for r in sent} == {"ftm"}


def test_a_step_without_spot_capacity_is_placed_on_demand(requests: dict):
    asked = [strategy(r) for r in requests["sentence_embeddings_chunk-chunk_1"]]
    assert asked == [{"ftm-gpu-spot": 1, "ftm-gpu-on-demand": 0}, {"ftm-gpu-spot": 0, "ftm-gpu-on-demand": 1}]


def test_a_step_whose_host_was_lost_is_started_on_demand(requests: dict):
    asked = [strategy(r) for r in requests["sentence_embeddings_chunk-chunk_0"]]
    assert asked == [{"ftm-gpu-spot": 1, "ftm-gpu-on-demand": 0}, {"ftm-gpu-spot": 0, "ftm-gpu-on-demand": 1}]


@pytest.mark.parametrize(
    ("name", "cpu", "memory", "storage"),
    [
        ("sentence_embeddings_plan", "1024", "4096", None),
        ("check", "1024", "4096", None),
        ("firm_topics_chunk", "8192", "32768", {"sizeInGiB": 50}),
    ],
)
def test_a_cpu_step_runs_on_fargate_spot_at_its_size(
    requests: dict, name: str, cpu: str, memory: str, storage: dict | None
):
    (request,) = requests[name]
    overrides = request["overrides"]
    assert (overrides["cpu"], overrides["memory"]) == (cpu, memory)
    assert overrides.get("ephemeralStorage") == storage
    assert "resourceRequirements" not in overrides["containerOverrides"][0]
    assert request["taskDefinition"] == ecs.STEP_TASK_DEFINITION
    assert strategy(request) == {"FARGATE_SPOT": 1, "FARGATE": 0}


def test_the_run_itself_is_not_on_spot(requests: dict):
    (request,) = requests[None]
    assert strategy(request) == {"FARGATE": 1}
    assert "/ftm-runs:" in request["taskDefinition"]
    assert request["overrides"]["containerOverrides"][0]["command"][:3] == ["dagster", "api", "execute_run"]


def test_every_task_is_tagged_for_its_cost(requests: dict):
    """The fan's runs have no partition."""
    for name, sent in requests.items():
        stage = "run" if name is None else name.partition("-")[0]
        for request in sent:
            assert tags(request).items() >= {"project": "ftm", "quarter": "none", "stage": stage}.items()
            assert len(request["tags"]) == len(tags(request)), "ECS rejects a key that comes twice"


@pytest.fixture(scope="module")
def costs(run: Run) -> list[dict[str, Any]]:
    """The rows of run_costs of the run."""
    (record,) = run.instance.get_run_records(dg.RunsFilter(run_ids=[run.run.run_id]))
    return run_rows(run.instance, [record], price_table.read(price_table.BUNDLED), time.time())


def test_every_task_has_its_cost_also_one_that_was_lost_and_one_that_failed(costs: list[dict[str, Any]]):
    found = {(r["step_key"], r["attempt"]): (r["outcome"], r["market"]) for r in costs}
    assert found == {
        ("run", 0): ("failed", "fargate"),
        ("sentence_embeddings_plan", 0): ("succeeded", "fargate-spot"),
        (GPU_STEPS[0], 0): ("restarted", "spot"),
        (GPU_STEPS[0], 1): ("succeeded", "on-demand"),
        (GPU_STEPS[1], 0): ("succeeded", "on-demand"),
        ("check", 0): ("succeeded", "fargate-spot"),
        ("firm_topics_chunk", 0): ("failed", "fargate-spot"),
    }
    machines = {r["step_key"]: r["machine"] for r in costs if r["market"].startswith("fargate")}
    assert machines == {
        "run": "1 vCPU, 4 GB",
        "sentence_embeddings_plan": "1 vCPU, 4 GB",
        "check": "1 vCPU, 4 GB",
        "firm_topics_chunk": "8 vCPU, 32 GB, 50 GB disk",
    }
    priced = {r["step_key"]: r["usd"] for r in costs if r["market"].startswith("fargate")}
    assert all(usd > 0 for usd in priced.values())
    assert all(r["seconds"] > 0 for r in costs)


def test_hosts_are_asked_for_by_gpu_steps_alone(run: Run, aws: LocalAws):
    """Only a GPU step has a host to ask for, and each host is asked for; whether moto gives one is its own affair."""
    told = {
        event.step_key: task_facts.facts_of(event)["kind"]
        for event in run.events
        if "kind" in task_facts.facts_of(event)
    }
    asked = aws.requests("DescribeContainerInstances")
    assert len(asked) >= len(told)
    assert set(told) <= set(GPU_STEPS)


def test_every_request_has_a_token_of_its_own(requests: dict):
    tokens = [r["clientToken"] for sent in requests.values() for r in sent]
    assert all(tokens)
    assert len(set(tokens)) == len(tokens)


def test_every_override_is_short_enough_for_ecs(requests: dict):
    """ECS takes 8,192 characters, of the JSON."""
    assert max(len(json.dumps(r["overrides"])) for sent in requests.values() for r in sent) < 8192


@pytest.mark.usefixtures("run")
def test_secrets_go_by_arn_and_no_credential_is_in_any_request(aws: LocalAws):
    import boto3

    families = (ecs.RUN_TASK_DEFINITION, ecs.STEP_TASK_DEFINITION, ecs.GPU_TASK_DEFINITION)
    described = [boto3.client("ecs").describe_task_definition(taskDefinition=f) for f in families]
    definitions = {d["taskDefinition"]["family"]: d["taskDefinition"] for d in described}
    for family in families:
        (container,) = definitions[family]["containerDefinitions"]
        assert {s["name"]: s["valueFrom"] for s in container["secrets"]} == aws.secrets
    roles = {family: d["taskRoleArn"].rpartition(":")[2] for family, d in definitions.items()}
    assert roles["ftm-runs"] == "ftm-run-us-east-1"
    assert roles["ftm-steps"] == roles["ftm-gpu-steps"] == "ftm-step-us-east-1"
    sent = json.dumps(aws.asked)
    # Arguments of steps are compressed: what is in them is looked at, too.
    sent += "".join(unpacked(e["value"]) for e in compressed(aws))
    for secret in PLAIN_SECRETS.values():
        assert secret not in sent
    assert "AWS_SECRET_ACCESS_KEY" not in sent
    assert '"test"' not in sent


def compressed(aws: LocalAws) -> Iterator[dict[str, str]]:
    for request in aws.requests("RunTask"):
        for container in request.get("overrides", {}).get("containerOverrides", []):
            yield from (e for e in container.get("environment", []) if "COMPRESSED" in e["name"])


def unpacked(value: str) -> str:
    import base64
    import zlib

    return zlib.decompress(base64.b64decode(value)).decode()


def test_the_output_of_steps_is_on_s3(run: Run):
    import boto3

    listed = boto3.client("s3").list_objects_v2(
        Bucket="ftm-logs-123456789012-us-east-1", Prefix=f"dagster-logs/storage/{run.run.run_id}"
    )
    assert listed["KeyCount"]


def test_a_run_that_is_cancelled_stops_the_tasks_of_all_its_steps(
    aws: LocalAws, instance: dg.DagsterInstance, run: Run
):
    assert run.run.is_finished
    run_id = launch(instance, "waiting")
    waiting = {f"waiting_chunk[chunk_{i}]" for i in range(2)}
    wait(instance, run_id, lambda _, events: {e.step_key for e in events if e.is_step_start} >= waiting)
    assert instance.run_launcher.terminate(run_id)
    assert wait(instance, run_id, lambda run, _: run.is_finished).status == dg.DagsterRunStatus.CANCELED
    stopped = {stop["task"] for stop in aws.requests("StopTask")}
    assert {aws.started[task] for task in stopped} == {
        None,
        *(s.replace("[", "-").rstrip("]") for s in waiting),
    }


@pytest.fixture
def told(requests: dict) -> list[str]:
    """What a chunk's step is started with, up to its own command."""
    (container,) = requests["sentence_embeddings_chunk-chunk_1"][0]["overrides"]["containerOverrides"]
    return container["command"][: container["command"].index("dagster")]


LISTENS = """
import sys
from ftm_assets.orchestration.execution.notice import notice
with notice() as told:
    print("ready", flush=True)
    sys.exit(7 if told.wait(60) else 8)
"""
DOES_NOT_LISTEN = "print('ready', flush=True); import time; time.sleep(60)"


@pytest.mark.parametrize(
    ("step", "status"), [(LISTENS, 7), (DOES_NOT_LISTEN, 128 + signal.SIGUSR1)], ids=["at work", "not yet"]
)
def test_the_notice_of_a_host_reaches_the_step_of_a_chunk(told: list[str], step: str, status: int):
    """At work, it flushes and asks to be started again; before that it ends, is lost, and started again too."""
    with subprocess.Popen([*told, sys.executable, "-c", step], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(timeout=30) == status


def test_without_a_notice_a_chunk_ends_as_its_step_does(told: list[str]):
    assert subprocess.run([*told, sys.executable, "-c", "raise SystemExit(3)"], check=False).returncode == 3
