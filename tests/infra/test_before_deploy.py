"""What is found wrong with a file of parameters before anything is deployed."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.before_deploy import faults

from .conftest import REPOSITORY

OK = {"ImageTag": "1", "Email": "a@b.c"}


@pytest.fixture
def found(tmp_path: Path) -> Any:
    """A function that returns what is wrong with these contents of a file."""

    def of(contents: str) -> list[str]:
        file = tmp_path / "mine.json"
        file.write_text(contents)
        return [fault.replace(str(file), "mine.json") for fault in faults(file)]

    return of


def test_the_example_and_the_least_that_is_needed_are_fine(found: Any):
    assert faults(REPOSITORY / "infra" / "parameters.json") == []
    assert found(json.dumps({"Parameters": OK})) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"LlmService": "ftm/ftm-vllm"},
            "dagster, rule OtherLlm: LlmService would start a GPU that nobody asks",
        ),
        ({"CertificateArn": "arn:aws:acm:x"}, "dagster, rule PublishedUi: The UI has no login of its own"),
        ({"Imagetag": "2"}, "no stack has the parameters Imagetag"),
        ({"Source": "sampl"}, "the parameter Source is 'sampl'"),
        ({"VersionDays": ""}, "the parameter VersionDays is ''"),
        ({"ImageTag": ""}, "the parameter ImageTag is ''"),
    ],
)
def test_what_a_stack_would_refuse_later_is_refused_now(found: Any, given: dict[str, str], said: str):
    (fault,) = found(json.dumps({"Parameters": {**OK, **given}}))
    assert fault.startswith("mine.json: ")
    assert said in fault


def test_a_missing_parameter_is_named(found: Any):
    assert found('{"Parameters": {"Email": "a@b.c"}}') == ["mine.json: the parameter ImageTag has no value"]


@pytest.mark.parametrize(
    "contents",
    ["", "{", "[]", "{}", '{"Parameters": []}', '{"Parameters": {"ImageTag": 1, "Email": "a@b.c"}}', "\x00"],
)
def test_another_file_is_refused(found: Any, contents: str):
    (fault,) = found(contents)
    assert "cannot be read as JSON" in fault or "each value a text in quotes" in fault
