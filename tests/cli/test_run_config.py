"""The config of a run from a file, and what is said of one that is wrong."""

from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.cli import run_config
from ftm_assets.cli.failing import CommandError


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("themes:\n  min_firms: 5\n", {"ops": {"themes": {"config": {"min_firms": 5}}}}),
        ("themes:\n", {"ops": {"themes": {"config": {}}}}),
        ("", {}),
        ("resources: {llm: {config: {seed: 1}}}\n", {"resources": {"llm": {"config": {"seed": 1}}}}),
        ("ops: {transcripts: null}\n", {"ops": {"transcripts": {}}}),
        ("ops: {transcripts: {config: null}}\n", {"ops": {"transcripts": {"config": {}}}}),
        ("ops:\n", {"ops": {}}),
    ],
)
def test_config_is_of_assets_or_of_a_run(tmp_path: Path, text: str, config: dict):
    file = tmp_path / "config.yaml"
    file.write_text(text)
    assert run_config.read(file) == config
    replacing = run_config.replacing_source(config)["ops"]["transcripts"]
    assert replacing == {"config": {"replace_source": True}}


def test_what_else_is_set_stays_when_the_source_is_replaced():
    config = {"ops": {"transcripts": {"config": {"require_permno": False}}, "themes": {}}, "resources": {}}
    values = {"require_permno": False, "replace_source": True}
    assert run_config.replacing_source(config) == {
        "ops": {"transcripts": {"config": values}, "themes": {}},
        "resources": {},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- themes\n", "must map assets to their config"),
        ("themes: 5\n", "must map assets to their config"),
        ("themes: [unclosed\n", "is not valid YAML"),
        ("ops: {transcripts: 5}\n", "ops must map names to mappings"),
        ("resources: {llm: small}\n", "resources must map names to mappings"),
        ("ops: {}\nthemes: {min_firms: 5}\n", "beside ops, write themes under ops or resources"),
    ],
)
def test_what_is_no_config_is_refused_by_name(tmp_path: Path, text: str, said: str):
    file = tmp_path / "config[1].yaml"
    file.write_text(text)
    with pytest.raises(CommandError, match=r"config\[1\].yaml") as refused:
        run_config.read(file)
    assert said in str(refused.value)


@dg.op
def themes() -> None: ...


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"ops": {"thems": {}}}, "there is no asset thems; did you mean themes?"),
        ({"ops": {"xyz": {}}}, "there is no asset xyz; it may be for themes"),
        ({"ops": {"llm": {}}}, "write it under resources, e.g. resources: {llm: {config: ...}}"),
        ({"resources": {"lm": {}}}, "there is no resource lm; did you mean llm?"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_what_was_meant(config: dict, said: str):
    @dg.job(resource_defs={"llm": dg.ResourceDefinition.none_resource()})
    def job() -> None:
        themes()

    run_config.require_names({"ops": {"themes": {}}, "resources": {"llm": {}}}, job)
    with pytest.raises(CommandError) as refused:
        run_config.require_names(config, job)
    assert said in str(refused.value)


def test_values_out_of_bounds_are_refused_before_anything_is_computed():
    config = {
        "ops": {
            "themes": {"config": {"min_firms": 0}},
            "firm_topics": {"config": {"turn_weight": 2, "bertopic": {"n_neighbors": 1}}},
            "transcripts": {"config": {"require_permno": False}},
        }
    }
    with pytest.raises(CommandError) as refused:
        run_config.require_bounds(config)
    _, *said = str(refused.value).splitlines()
    assert [line.split(":")[0] + line.split(":")[1].split(" is ")[0] for line in said] == [
        "  themes min_firms", "  firm_topics turn_weight", "  firm_topics bertopic.n_neighbors",
    ]  # fmt: skip
    run_config.require_bounds({"ops": {"themes": {"config": {"min_firms": 5}}}})
