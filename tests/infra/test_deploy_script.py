"""infra/deploy.sh, with a command line of AWS and a docker that note what they are asked."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.rendering import ORDER, template

from .conftest import REPOSITORY

SCRIPT = REPOSITORY / "infra" / "deploy.sh"
MINE = "my-parameters.json"
"""The user's copy of the example, named from where the user stands."""
STUB = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
echo "$AWS_REGION $AWS_DEFAULT_REGION" >> "$CALLS.regions"
case "$*" in
    "sts get-caller-identity --query Arn"*) echo "arn:aws-cn:sts::123456789012:assumed-role/admin/me" ;;
    "iam list-entities-for-policy"*/"$ATTACHED"-*) printf 'Maria\nanalysts\tresearch\n' ;;
    "iam list-entities-for-policy"*) exit "${MAY_NOT_LOOK:-0}" ;;
    "sts get-caller-identity"*) echo 123456789012 ;;
    "configure get region") [ -n "$PROFILE_REGION" ] && echo "$PROFILE_REGION" ;;
    "ecr describe-images --repository-name ftm --"*) exit "$PUSHED" ;;
    "ecr describe-images"*) exit "${GPU_PUSHED:-255}" ;;
    info) exit "${DOCKER:-0}" ;;
esac
"""


@pytest.fixture
def called(tmp_path: Path):
    """A function that runs the script and returns its exit status, output, and what it called."""
    for name in ("aws", "docker"):
        (tmp_path / name).write_text(STUB)
        (tmp_path / name).chmod(0o755)
    example = (REPOSITORY / "infra" / "parameters.json").read_text()
    (tmp_path / MINE).write_text(example.replace("you@example.org", "a@b.c"))
    calls = tmp_path / "calls"

    def run(
        *arguments: str,
        pushed: int = 255,
        stands: Path = tmp_path,
        script: Path = SCRIPT,
        **variables: str,
    ) -> tuple[int, str, list[str]]:
        calls.write_text("")
        path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            [os.path.relpath(script, stands), *arguments],
            cwd=stands,
            env={
                "PATH": path,
                "CALLS": str(calls),
                "PUSHED": str(pushed),
                "PROFILE_REGION": "eu-central-1",
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr, calls.read_text().splitlines()

    return run


def stacks(calls: list[str], what: str) -> list[str]:
    return [
        c.partition("--stack-name ftm-")[2].split()[0]
        for c in calls
        if c.startswith(f"aws cloudformation {what}")
    ]


def test_everything_is_deployed_in_an_order_in_which_each_finds_what_it_imports(called, tmp_path: Path):
    status, said, calls = called("up", MINE)
    assert status == 0, said
    order = stacks(calls, "deploy")
    assert order == ["budget", "storage", "network", "cluster", "dagster", "vllm"]
    assert sorted(order) == sorted(ORDER)
    pushed = [c for c in calls if c.startswith("docker push")]
    registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    assert pushed == [f"docker push {registry}/ftm:1", f"docker push {registry}/ftm-gpu:1"]
    assert calls.index(pushed[1]) < calls.index(next(c for c in calls if "ftm-dagster" in c))
    assert all(f"--parameter-overrides file://{tmp_path / MINE} " in c for c in calls if "deploy" in c)


def test_an_image_that_is_in_the_registry_is_not_built_again(called):
    _, said, calls = called("up", MINE, pushed=0)
    assert "ftm:1 is in the registry" in said
    (built,) = [c for c in calls if c.startswith("docker build")]
    assert " -f infra/images/gpu.Dockerfile " in built


def test_without_docker_nothing_is_pushed_or_created(called):
    status, said, calls = called("up", MINE, DOCKER="1")
    assert status == 2
    assert "Docker does not answer: start it. Nothing was pushed or created." in said
    assert stacks(calls, "deploy") == []
    assert called("up", MINE, DOCKER="1", pushed=0)[0] == 2, "one of the two images is not enough"


def test_docker_is_not_asked_for_if_both_images_are_in_the_registry(called):
    status, said, calls = called("up", MINE, DOCKER="1", pushed=0, GPU_PUSHED="0")
    assert status == 0, said
    assert not [c for c in calls if c.startswith("docker")]
    assert len(stacks(calls, "deploy")) == 6


def test_images_are_built_for_the_machines_that_the_tasks_ask_for(called):
    asked = {
        resource["Properties"]["RuntimePlatform"]["CpuArchitecture"]
        for resource in template("dagster")["Resources"].values()
        if resource["Type"] == "AWS::ECS::TaskDefinition"
    }
    assert asked == {"X86_64"}
    _, _, calls = called("up", MINE)
    built = [c for c in calls if c.startswith("docker build")]
    assert len(built) == 2
    assert all(" --platform linux/amd64 " in c for c in built)


def test_models_go_into_both_images(called):
    models = "yiyanghkust/finbert-tone@0123abc other/model@main"
    _, _, calls = called("up", MINE, MODELS=models)
    assert sum(f"--build-arg MODELS={models} -f" in c for c in calls) == 2


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "eu-central-1"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
        ({"AWS_REGION": "us-east-2", "AWS_DEFAULT_REGION": "us-west-2"}, "us-east-2"),
        ({"AWS_REGION": "us-east-2", "PROFILE_REGION": ""}, "us-east-2"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2", "PROFILE_REGION": ""}, "us-west-2"),
    ],
)
@pytest.mark.parametrize("arguments", [("up", MINE), ("down",)])
def test_one_region_holds_for_every_call(
    called, tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], expected: str
):
    """The registry's address, the stacks and the login never differ in it, whatever a tool would read by itself."""
    status, said, calls = called(*arguments, **variables)
    assert status == 0, said
    assert f"Region: {expected}" in said
    regions = (tmp_path / "calls.regions").read_text().splitlines()
    assert len(regions) == len(calls)
    looked = sum(c == "aws configure get region" for c in calls)
    assert regions[looked:] == [f"{expected} {expected}"] * (len(calls) - looked)
    assert all(f".ecr.{expected}.amazonaws.com" in c for c in calls if c.startswith("docker push"))


@pytest.mark.parametrize("arguments", [("up", MINE), ("down",)])
def test_without_a_region_nothing_is_deployed_or_deleted(called, arguments: tuple[str, ...]):
    status, said, calls = called(*arguments, PROFILE_REGION="")
    assert status == 2
    assert "set AWS_REGION" in said
    assert calls == ["aws configure get region"]


def test_without_a_service_vllm_is_left_out(called, tmp_path: Path):
    parameters = tmp_path / "parameters.json"
    parameters.write_text(json.dumps({"Parameters": {"ImageTag": "1", "Email": "a@b.c"}}))
    status, said, calls = called("up", str(parameters))
    assert status == 0, said
    assert "vllm" not in stacks(calls, "deploy")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"LlmService": "ftm/ftm-vllm"}, "rule OtherLlm: LlmService would start a GPU that nobody asks"),
        ({"Imagetag": "2"}, "no stack has the parameter Imagetag: did you mean ImageTag?"),
        ({"UiCidr": "0.0.0.0/0"}, "the parameter UiCidr is '0.0.0.0/0'"),
    ],
)
def test_parameters_that_a_stack_would_refuse_are_refused_before_anything_is_pushed_or_created(
    called, tmp_path: Path, given: dict[str, str], said: str
):
    parameters = tmp_path / "parameters.json"
    parameters.write_text(json.dumps({"Parameters": {"ImageTag": "1", "Email": "a@b.c", **given}}))
    status, told, calls = called("up", str(parameters))
    assert status == 2
    assert said in told
    assert "Nothing was pushed or created." in told
    assert calls == []


def test_without_a_way_to_check_nothing_is_deployed(called, tmp_path: Path):
    (tmp_path / "python3").write_text('#!/bin/sh\ncase "$*" in *yaml*) exit 1 ;; esac\n')
    (tmp_path / "python3").chmod(0o755)
    # A clone without the environment that `make run` makes, whose Python the script would take.
    clone = tmp_path / "clone"
    shutil.copytree(REPOSITORY / "infra", clone / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    status, told, calls = called("up", MINE, script=clone / "infra" / SCRIPT.name)
    assert (status, calls) == (2, [])
    assert "python3 -m pip install pyyaml" in told


def test_the_stacks_are_deleted_in_reverse_and_no_bucket_is(called):
    status, said, calls = called("down")
    assert status == 0
    assert stacks(calls, "delete-stack") == ["vllm", "dagster", "cluster", "network", "storage", "budget"]
    assert not [c for c in calls if " s3" in c]
    assert "are left" in said
    kept = {r["Properties"]["DatabaseInput"]["Name"] for r in of_type("AWS::Glue::Database")}
    assert kept == {"ftm", "ftm_views"}
    assert "Glue's databases ftm and ftm_views" in said


def of_type(kind: str) -> list[dict[str, Any]]:
    """The resources of a type in the stack `storage`."""
    return [r for r in template("storage")["Resources"].values() if r["Type"] == kind]


POLICIES = [
    r["Properties"]["ManagedPolicyName"]["Fn::Sub"].removesuffix("-${AWS::Region}")
    for r in of_type("AWS::IAM::ManagedPolicy")
]
"""What users attach: docs/athena.md."""


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_that_somebody_has_is_named_before_anything_is_deleted(called, policy: str):
    status, said, calls = called("down", ATTACHED=policy)
    assert status == 2
    assert f"{policy}-eu-central-1 is attached to: Maria analysts research\n" in said
    assert "Nothing was deleted." in said
    assert f"--policy-arn arn:aws-cn:iam::123456789012:policy/{policy}-eu-central-1 " in "\n".join(calls)
    assert stacks(calls, "delete-stack") == []


@pytest.mark.parametrize("refused", ["0", "254"])
def test_policies_that_nobody_has_or_that_may_not_be_looked_at_do_not_stop_it(called, refused: str):
    status, said, calls = called("down", MAY_NOT_LOOK=refused)
    assert status == 0, said
    assert sum("list-entities-for-policy" in c for c in calls) == len(POLICIES) == 2
    assert len(stacks(calls, "delete-stack")) == 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "#   infra/deploy.sh up PARAMETERS.json"),
        (("sideways",), "#   infra/deploy.sh up PARAMETERS.json"),
        (("up",), "Name your file of parameters: "),
        (("up", ""), "Name your file of parameters: "),
        (("up", "no.json"), "There is no file /"),
    ],
)
def test_a_wrong_call_says_what_is_missing_and_does_nothing(called, arguments: tuple[str, ...], says: str):
    status, said, calls = called(*arguments)
    assert status == 2
    assert says in said
    assert ": line " not in said, "bash's own words"
    assert calls == []


@pytest.mark.parametrize("folder", [".", "..", "a folder/below"])
def test_the_file_is_named_from_where_the_user_stands_or_from_the_root(called, tmp_path: Path, folder: str):
    """The script itself may be named by a relative path too."""
    stands = tmp_path / "one" / folder
    stands.mkdir(parents=True, exist_ok=True)
    (tmp_path / MINE).rename(stands / MINE)
    for named in (MINE, f"./{MINE}", str(stands / MINE)):
        status, said, calls = called("up", named, stands=stands)
        assert status == 0, said
        (file,) = {c.partition("file://")[2].partition(" --capabilities")[0] for c in calls if "file://" in c}
        assert Path(file).resolve() == (stands / MINE).resolve()


def test_the_copy_that_the_page_makes_stays_out_of_git():
    assert f"cp infra/parameters.json {MINE}" in (REPOSITORY / "docs" / "aws.md").read_text()
    assert f"/{MINE}" in (REPOSITORY / ".gitignore").read_text().splitlines()


def test_the_example_s_parameters_are_those_of_the_stacks():
    given = json.loads((REPOSITORY / "infra" / "parameters.json").read_text())["Parameters"]
    known = {p for name in ORDER for p in template(name)["Parameters"]}
    needed = {
        p for name in ORDER for p, body in template(name)["Parameters"].items() if "Default" not in body
    }
    assert needed <= set(given) <= known
