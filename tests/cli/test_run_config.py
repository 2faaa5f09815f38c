"""The config of a run from a file, and what is said of one that is wrong."""

from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.cli import run_config
from ftm_assets.cli.failing import CommandError
from ftm_assets.cli.run import quarter_job


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

    assert run_config._unknown_names({"ops": {"themes": {}}, "resources": {"llm": {}}}, job) == []
    with pytest.raises(CommandError) as refused:
        run_config.require_valid(config, job, Path("c.yaml"))
    assert str(refused.value).startswith("c.yaml: ")
    assert said in str(refused.value)


@pytest.fixture(scope="module")
def job() -> dg.JobDefinition:
    return quarter_job()


@pytest.mark.parametrize(
    ("asset", "values", "said"),
    [
        ("themes", {"min_firm": 5}, ["themes has no setting min_firm; did you mean min_firms?"]),
        ("themes", {"min_firms": "five"}, ['themes.min_firms must be a whole number, not "five"']),
        ("themes", {"min_firms": 1.5}, ["themes.min_firms must be a whole number, not 1.5"]),
        ("themes", {"join_similarity": "x"}, ['themes.join_similarity must be a number, not "x"']),
        ("themes", {"method": "grap"}, ['themes.method must be "graph" or "bertopic", not "grap"']),
        ("themes", {"bertopic": 3}, ["themes.bertopic must be a mapping, not 3"]),
        (
            "themes",
            {"bertopic": {"n_neighbours": 3, "min_distanc": 1}},
            [
                "themes.bertopic has no setting min_distanc; did you mean min_dist?",
                "themes.bertopic has no setting n_neighbours; did you mean n_neighbors?",
            ],
        ),
        ("transcripts", {"languages": "en"}, ['transcripts.languages must be a list, not "en"']),
        ("transcripts", {"firms": ["1", 2]}, ["transcripts.firms[1] must be a text, not 2"]),
        (
            "transcripts",
            {"require_permno": "yes"},
            ['transcripts.require_permno must be true or false, not "yes"'],
        ),
        ("themes", {"min_firms": 0}, ["themes.min_firms must be at least 1, not 0"]),
        ("themes", {"max_firm_share": 0}, ["themes.max_firm_share must be more than 0, not 0"]),
        (
            "firm_topics",
            {"turn_weight": 2, "bertopic": {"n_neighbors": 1}},
            [
                "firm_topics.turn_weight must be at most 1, not 2",
                "firm_topics.bertopic.n_neighbors must be at least 2, not 1",
            ],
        ),
    ],
)
def test_a_setting_that_is_wrong_is_refused_in_the_terms_of_the_file(
    job: dg.JobDefinition, asset: str, values: dict, said: list[str]
):
    with pytest.raises(CommandError) as refused:
        run_config.require_valid({"ops": {asset: {"config": values}}}, job, Path("c.yaml"))
    assert str(refused.value).splitlines() == [f"c.yaml: {line}" for line in said]


def test_a_setting_of_a_resource_is_refused_in_the_same_way(job: dg.JobDefinition):
    with pytest.raises(CommandError, match=r"^c.yaml: llm has no setting sed; did you mean seed\?$"):
        run_config.require_valid({"resources": {"llm": {"config": {"sed": 1}}}}, job, Path("c.yaml"))


def test_a_setting_without_a_near_name_is_refused_with_all_there_are(job: dg.JobDefinition):
    with pytest.raises(CommandError, match=r"themes has no setting xyz; it has .*min_firms, .*seed"):
        run_config.require_valid({"ops": {"themes": {"config": {"xyz": 1}}}}, job, Path("c.yaml"))


def test_a_config_within_its_bounds_passes(job: dg.JobDefinition):
    config = {"themes": {"config": {"min_firms": 5}}, "transcripts": {"config": {"require_permno": False}}}
    run_config.require_valid({"ops": config}, job, Path("c.yaml"))
