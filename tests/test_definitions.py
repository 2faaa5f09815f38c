from typing import Any

import dagster as dg
import pytest

from ftm_assets.assets.duckdb_file import NAME as DUCKDB_FILE
from ftm_assets.assets.quarter_report import NAME as QUARTER_REPORT
from ftm_assets.assets.search_index import NAME as SEARCH_INDEX
from ftm_assets.assets.sentiment_ready import NAME as SENTIMENT_READY
from ftm_assets.assets.warehouse_maintenance import NAME as MAINTENANCE
from ftm_assets.definitions import QUARTER_JOB, build_definitions
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import OWNER
from ftm_resources.expected import is_plain
from ftm_resources.tables import QUARTERLY, TABLES
from ftm_resources.tables.cost_tables import RUN_COSTS

DEFINITIONS = build_definitions()
SPECS = {spec.key.path[-1]: spec for spec in DEFINITIONS.resolve_all_asset_specs()}


def test_the_assets_are_the_tables_their_maintenance_and_what_is_written_for_others():
    assert set(SPECS) == {*TABLES, MAINTENANCE, DUCKDB_FILE, SEARCH_INDEX, SENTIMENT_READY, QUARTER_REPORT}


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_asset_has_a_description_group_owner_kinds_and_version(name: str):
    spec = SPECS[name]
    assert spec.description
    assert spec.group_name
    assert list(spec.owners) == [OWNER]
    assert spec.kinds
    assert spec.code_version


@pytest.mark.parametrize("name", TABLES)
def test_every_table_says_what_its_columns_are(name: str):
    spec = SPECS[name]
    assert spec.group_name == TABLES[name].group
    assert spec.partitions_def == QUARTERS
    columns = {c.name: c for c in spec.metadata["dagster/column_schema"].columns}
    assert set(columns) == {c.name for c in TABLES[name].columns}
    assert all(c.description for c in columns.values())


@pytest.mark.parametrize(
    ("name", "upstream"),
    [
        ("sentences", {"transcripts"}),
        ("sentence_embeddings", {"sentences"}),
        ("sentence_kinds", {"sentences", "sentence_embeddings"}),
        ("sentence_sentiment", {"sentences", "sentence_kinds"}),
        ("firm_topics", {"transcripts", "sentences", "sentence_embeddings", "sentence_kinds"}),
        ("topic_summaries", {"firm_topics", "sentences", "transcripts"}),
        ("themes", {"topic_summaries", "firm_topics", "transcripts"}),
        (
            "sentiment_scores",
            {"themes", "theme_sentences", "sentence_sentiment", "sentences", "transcripts"},
        ),
        (
            "theme_sentences",
            {
                *("themes", "theme_topics", "topic_summaries"),
                *("sentence_topics", "sentences", "sentence_embeddings"),
            },
        ),
        (
            "topic_quality",
            {
                *("sentences", "sentence_embeddings", "sentence_kinds", "firm_topics", "sentence_topics"),
                *("firm_status", "themes", "theme_topics", "theme_coherence"),
            },
        ),
        ("theme_sentiment", {"sentiment_scores", "themes"}),
        ("theme_links", {"themes", "theme_topics", "topic_summaries"}),
        ("theme_series", {"themes", "theme_topics", "topic_summaries"}),
        ("theme_families", {"theme_profiles", "theme_links"}),
        (
            "event_study",
            {
                *("abnormal_returns", "daily_returns", "factor_returns", "sentiment_scores", "theme_links"),
                *("theme_series", "sentence_sentiment", "sentence_topics", "sentences", "topic_summaries"),
                "controls",
            },
        ),
    ],
)
def test_the_lineage_is_the_designs(name: str, upstream: set[str]):
    assert {d.asset_key.path[-1] for d in SPECS[name].deps} == upstream


def test_the_job_of_a_quarter_holds_every_asset_but_those_made_on_demand():
    job = DEFINITIONS.resolve_job_def(QUARTER_JOB)
    assert {k.path[-1] for k in job.asset_layer.executable_asset_keys} == {
        *QUARTERLY,
        DUCKDB_FILE,
        SEARCH_INDEX,
        RUN_COSTS,
        QUARTER_REPORT,
    }


@pytest.mark.parametrize("name", ["transcripts", "sentences", "firm_topics", "themes", "sentiment_scores"])
def test_what_users_select_by_name_can_be_selected_alone(name: str):
    job = dg.define_asset_job("one", selection=[name])
    chosen = dg.Definitions.merge(DEFINITIONS, dg.Definitions(jobs=[job])).resolve_job_def("one")
    assert {k.path[-1] for k in chosen.asset_layer.selected_asset_keys} == {name}


def steps_with_config() -> dict[str, dg.JobDefinition]:
    """Return the job of each asset and check that a run can configure."""
    jobs = (DEFINITIONS.resolve_job_def(QUARTER_JOB), DEFINITIONS.resolve_implicit_global_asset_job_def())
    return {
        step: job
        for job in jobs
        for step in job.run_config_schema.config_type.fields["ops"].config_type.fields
    }


@pytest.mark.parametrize(("step", "job"), sorted(steps_with_config().items()))
def test_no_step_accepts_a_field_that_its_config_does_not_have(step: str, job: dg.JobDefinition):
    run_config = {"ops": {step: {"config": {"nonsense": -5}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match='unexpected config entry "nonsense"'):
        dg.validate_run_config(job, run_config)


def step_functions() -> dict[str, Any]:
    """Return the function of each step, by the names of its job and step."""
    jobs = (DEFINITIONS.resolve_job_def(QUARTER_JOB), DEFINITIONS.resolve_implicit_global_asset_job_def())
    return {
        op.name: op.compute_fn.decorated_fn
        for job in jobs
        for op in job.all_node_defs
        if hasattr(op, "compute_fn")
    }


@pytest.mark.parametrize(("step", "function"), sorted(step_functions().items()))
def test_every_step_fails_plainly(step: str, function: Any):
    """An expected error ends in its message, not in sixty lines of traceback."""
    assert is_plain(function), f"decorate {step} with expected.plainly"


@pytest.mark.parametrize("name", ["handle_output", "load_input"])
def test_reading_and_writing_tables_fails_plainly(name: str):
    assert is_plain(getattr(WarehouseIOManager, name))


def test_research_parameters_are_config_with_documented_defaults():
    job = DEFINITIONS.resolve_job_def(QUARTER_JOB)
    for asset, parameter in [
        ("firm_topics", "sentences_per_topic"),
        ("firm_topics", "min_sentences"),
        ("themes", "min_firms"),
        ("themes", "max_firm_share"),
        ("topic_summaries", "max_sentences"),
        ("topic_quality", "coherence_firms"),
    ]:
        field = job.run_config_schema.config_type.fields["ops"].config_type.fields[asset]
        parameters = field.config_type.fields["config"].config_type.fields
        assert parameters[parameter].description
        assert parameters[parameter].default_provided


def test_a_selection_downstream_of_themes_reaches_everything_made_from_them():
    job = dg.define_asset_job("downstream", selection="themes*")
    chosen = dg.Definitions.merge(DEFINITIONS, dg.Definitions(jobs=[job])).resolve_job_def("downstream")
    made = {k.path[-1] for k in chosen.asset_layer.selected_asset_keys}
    assert made >= {
        "themes",
        "theme_sentences",
        "sentiment_scores",
        "firm_theme_sentiment",
        "theme_sentiment",
        "coverage",
        "topic_quality",
    }
