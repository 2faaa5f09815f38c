"""What is found wrong with a file of parameters before anything is deployed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.before_deploy import faults

from .conftest import REPOSITORY

OK = {"ImageTag": "1", "Email": "a@b.c"}
LLM = {"LlmBaseUrl": "http://vllm.ftm.internal:8000/v1", "LlmService": "ftm/ftm-vllm"}
EMBEDDING = {
    "EmbeddingBaseUrl": "http://embedding.ftm.internal:8000/v1",
    "EmbeddingService": "ftm/ftm-embedding",
    "Embedding": "true",
}
AWQ, FP8 = "Qwen/Qwen3-8B-AWQ", "Qwen/Qwen3-8B-FP8"


@pytest.fixture
def found(tmp_path: Path) -> Any:
    """A function that returns what is wrong with these contents of a file."""

    def of(contents: str) -> list[str]:
        file = tmp_path / "mine.json"
        file.write_text(contents)
        return [fault.replace(str(file), "mine.json") for fault in faults(file)]

    return of


def test_the_example_needs_an_address_and_nothing_else(found: Any):
    example = (REPOSITORY / "infra" / "parameters.json").read_text()
    (fault,) = found(example)
    assert "the parameter Email is 'you@example.org': it must be your own address" in fault
    assert found(example.replace("you@example.org", "a@b.c")) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"LlmService": "ftm/ftm-vllm"},
            "dagster, rule OtherLlm: LlmService would start a GPU that nobody asks",
        ),
        ({"CertificateArn": "arn:aws:acm:x"}, "dagster, rule PublishedUi: The UI has no login of its own"),
        ({"Imagetag": "2"}, "no stack has the parameter Imagetag: did you mean ImageTag?"),
        ({"LLMBASEURL": "2"}, "no stack has the parameter LLMBASEURL: did you mean LlmBaseUrl?"),
        ({"Zzzz": "2"}, "no stack has the parameter Zzzz"),
        ({"Source": "sampl"}, "the parameter Source is 'sampl': it must be one of sample, capital_iq, files"),
        ({"VersionDays": ""}, "the parameter VersionDays is '': it must be a number"),
        ({"VersionDays": "0"}, "the parameter VersionDays is '0': it must be at least 1"),
        ({"NetworkNumber": "256"}, "the parameter NetworkNumber is '256': it must be at most 255"),
        ({"EmbeddingBaseUrl": "x"}, "the parameter EmbeddingBaseUrl is 'x': it must be http://embedding.ftm"),
        ({"ImageTag": ""}, "the parameter ImageTag is '': it must be a docker tag"),
        ({"ImageTag": "v1:2"}, "the parameter ImageTag is 'v1:2': it must be a docker tag"),
        ({"ImageTag": "-1"}, "the parameter ImageTag is '-1': it must be a docker tag"),
        ({"ImageTag": "1" * 129}, "it must be a docker tag"),
        ({"Source": "files"}, "dagster, rule FilesOfCalls: Source=files reads SourcePath, which is empty"),
        ({"ReturnsSource": "files"}, "ReturnsSource=files reads ReturnsPath, which is empty"),
        ({"FundamentalsSource": "files"}, "FundamentalsSource=files reads FundamentalsPath, which is empty"),
        (
            {"Source": "files", "SourcePath": "calls"},
            "SourcePath is 'calls': it must be a path in the images",
        ),
        ({"ReturnsPath": "./r"}, "the parameter ReturnsPath is './r'"),
        ({"FundamentalsPath": "f"}, "the parameter FundamentalsPath is 'f'"),
        ({"Source": "capital_iq"}, "log in to WRDS: set WrdsSecretArn"),
        ({"ReturnsSource": "wrds"}, "log in to WRDS: set WrdsSecretArn"),
        ({"FundamentalsSource": "wrds"}, "log in to WRDS: set WrdsSecretArn"),
        ({"Prices": "prices.csv"}, "the parameter Prices is 'prices.csv': it must be a path in the images"),
        ({"Prices": "/opt/ftm/prices"}, "begins with / and ends in .csv, or empty"),
        ({"LlmBaseUrl": "https://api.x.ai/v1"}, "dagster, rule NamedLlm: LlmBaseUrl needs LlmModel"),
        (
            {"EmbeddingBaseUrl": "https://e.org/v1"},
            "rule NamedEmbedding: EmbeddingBaseUrl needs EmbeddingModel",
        ),
        (LLM, "dagster, rule NamedLlm: LlmBaseUrl needs LlmModel"),
        ({**LLM, "LlmModel": FP8}, f"LlmModel is '{FP8}', but LlmService serves 'Qwen/Qwen3-8B-AWQ'"),
        ({**LLM, "LlmModel": AWQ, "ServedName": FP8}, f"LlmModel is '{AWQ}', but LlmService serves '{FP8}'"),
        (EMBEDDING, "rule NamedEmbedding: EmbeddingBaseUrl needs EmbeddingModel"),
        ({**EMBEDDING, "EmbeddingModel": "e"}, "EmbeddingModel and EmbeddingServedName must be the same"),
        ({"TaskZone": "b"}, "network, rule TwoZones: TaskZone and OtherZone are the same zone"),
        ({"OtherZone": "a"}, "network, rule TwoZones: TaskZone and OtherZone are the same zone"),
        ({"TaskZone": "c", "OtherZone": "c"}, "TaskZone and OtherZone are the same zone"),
        ({"Dtype": "bfloat16"}, "Dtype is 'bfloat16', but a T4 has no bfloat16: set OldGpus=false"),
        ({"Dtype": "bfloat16", "OldGpus": "true"}, "so that no host has one, or change Dtype"),
        ({"KvCacheDtype": "fp8"}, "KvCacheDtype is 'fp8', but a T4 has no FP8: set OldGpus=false"),
        ({"Weights": "models/Qwen3-8B-FP8"}, "Weights is 'models/Qwen3-8B-FP8', but a T4 has no FP8"),
        ({"EmbeddingWeights": "models/e-fp8"}, "EmbeddingWeights is 'models/e-fp8', but a T4 has no FP8"),
        ({"UiCidr": "any"}, "the parameter UiCidr is 'any': it must be addresses such as"),
    ],
)
def test_what_a_stack_would_refuse_later_is_refused_now(found: Any, given: dict[str, str], said: str):
    (fault,) = found(json.dumps({"Parameters": {**OK, **given}}))
    assert fault.startswith("mine.json: ")
    assert said in fault


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"TaskZone": "c"},
        {"Dtype": "auto"},
        {
            "OldGpus": "false",
            "Dtype": "bfloat16",
            "KvCacheDtype": "fp8",
            "Weights": "models/Qwen3-8B-FP8",
            "EmbeddingWeights": "models/e-fp8",
        },
        {"TaskZone": "b", "OtherZone": "a"},
        {"Source": "files", "SourcePath": "/opt/ftm/calls", "Prices": "/opt/ftm/prices.csv"},
        {"Source": "capital_iq", "ReturnsSource": "wrds", "WrdsSecretArn": "arn:aws:secretsmanager:x"},
        {**LLM, "LlmModel": FP8, "ServedName": FP8},
        {**EMBEDDING, "EmbeddingModel": "Qwen/Qwen3-Embedding-0.6B"},
        {
            "LlmBaseUrl": "https://llm.university.edu/v1",
            "LlmModel": AWQ,
        },  # another's server may have the same
        {"LlmBaseUrl": "https://api.x.ai/v1", "LlmModel": "grok-4"},  # ServedName is that of no server then
    ],
)
def test_what_goes_together_is_fine(found: Any, given: dict[str, str]):
    assert found(json.dumps({"Parameters": {**OK, **given}})) == []


def test_all_faults_are_shown_at_once(found: Any):
    faulty = {"Imagetag": "1", "Source": "sampl", "LlmService": "ftm/ftm-vllm", "MaxHosts": "0"}
    said = "\n".join(found(json.dumps({"Parameters": faulty})))
    for about in (
        "Imagetag",
        "ImageTag has no value",
        "Email has no value",
        "Source",
        "rule OtherLlm",
        "MaxHosts",
    ):
        assert about in said
    assert len(said.splitlines()) == 6


def test_a_rule_about_a_value_that_is_refused_says_nothing_besides(found: Any):
    (fault,) = found(json.dumps({"Parameters": {**OK, "LlmBaseUrl": "vllm", "LlmService": "ftm/ftm-vllm"}}))
    assert "the parameter LlmBaseUrl is 'vllm'" in fault


@pytest.mark.parametrize(
    "contents",
    [
        '{"Parameters": {"ImageTag": "1", "Email": "a@b.c", "ImageTag": "2"}}',
        '{"Parameters": {"ImageTag": "1", "Email": "a@b.c", "ImageTag": "1"}}',
        '{"Parameters": {"Email": "a@b.c"}, "Parameters": {"ImageTag": "1", "Email": "a@b.c"}}',
    ],
)
def test_a_key_that_is_there_twice_is_refused(found: Any, contents: str):
    (fault,) = found(contents)
    assert fault.startswith("mine.json: more than once in it")
    assert fault.endswith(("ImageTag", "Parameters"))


@pytest.mark.parametrize("called", [[], ["--help"], ["one.json", "two.json"]])
def test_another_call_is_told_how_to_call_it(called: list[str]):
    done = subprocess.run(
        [sys.executable, "-m", "infra.before_deploy", *called],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if called == ["--help"] else 2)
    assert "usage: python -m infra.before_deploy" in done.stdout + done.stderr


def test_a_missing_parameter_is_named(found: Any):
    assert found('{"Parameters": {"Email": "a@b.c"}}') == ["mine.json: the parameter ImageTag has no value"]


@pytest.mark.parametrize(
    "contents",
    ["", "{", "[]", "{}", '{"Parameters": []}', '{"Parameters": {"ImageTag": 1, "Email": "a@b.c"}}', "\x00"],
)
def test_another_file_is_refused(found: Any, contents: str):
    (fault,) = found(contents)
    assert "cannot be read as JSON" in fault or "each value a text in quotes" in fault
