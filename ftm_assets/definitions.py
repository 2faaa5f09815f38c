"""The code location, `defs`: every asset, check, job, schedule and resource."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ftm_assets.assets.abnormal_returns import abnormal_returns
from ftm_assets.assets.controls import controls
from ftm_assets.assets.daily_returns import daily_returns
from ftm_assets.assets.duckdb_file import NAME as DUCKDB_FILE
from ftm_assets.assets.duckdb_file import duckdb_file
from ftm_assets.assets.event_study import event_study
from ftm_assets.assets.firm_topics import firm_topics
from ftm_assets.assets.marts import build_marts
from ftm_assets.assets.pinned_theme_links import pinned_theme_links
from ftm_assets.assets.portfolio_sorts import portfolio_sorts
from ftm_assets.assets.quarter_report import NAME as QUARTER_REPORT
from ftm_assets.assets.quarter_report import quarter_report
from ftm_assets.assets.run_costs import run_costs
from ftm_assets.assets.search_index import NAME as SEARCH_INDEX
from ftm_assets.assets.search_index import search_index
from ftm_assets.assets.sentence_embeddings import sentence_embeddings
from ftm_assets.assets.sentence_kinds import sentence_kinds
from ftm_assets.assets.sentence_sentiment import sentence_sentiment
from ftm_assets.assets.sentences import sentences
from ftm_assets.assets.sentiment_ready import sentiment_ready
from ftm_assets.assets.sentiment_scores import sentiment_scores
from ftm_assets.assets.theme_families import theme_families
from ftm_assets.assets.theme_links import theme_links
from ftm_assets.assets.theme_sentences import theme_sentences
from ftm_assets.assets.themes import themes
from ftm_assets.assets.topic_quality import topic_quality
from ftm_assets.assets.topic_summaries import topic_summaries
from ftm_assets.assets.transcripts import transcripts
from ftm_assets.assets.warehouse_maintenance import maintenance_schedule, warehouse_maintenance
from ftm_assets.checks.build import build_checks
from ftm_assets.orchestration.deployment import resources
from ftm_assets.orchestration.execution import retries
from ftm_assets.orchestration.execution.executors import ftm_executor
from ftm_assets.orchestration.execution.interrupts import keep_interrupts
from ftm_assets.orchestration.late_costs import late_costs_sensor
from ftm_assets.orchestration.model_services import model_services_sensor
from ftm_resources.tables import QUARTERLY
from ftm_resources.tables.cost_tables import RUN_COSTS

QUARTER_JOB = "quarter"


def build_definitions(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return all definitions; tests and commands override resources here and nowhere else."""
    quarter = dg.define_asset_job(
        QUARTER_JOB,
        selection=dg.AssetSelection.assets(*QUARTERLY, DUCKDB_FILE, SEARCH_INDEX, RUN_COSTS, QUARTER_REPORT),
        description="Every asset of one quarter, with its checks",
        tags=retries.TAGS,
    )
    return dg.Definitions(
        assets=[
            transcripts,
            sentences,
            sentence_embeddings,
            sentence_kinds,
            firm_topics,
            topic_summaries,
            themes,
            topic_quality,
            theme_links,
            pinned_theme_links,
            theme_families,
            theme_sentences,
            sentence_sentiment,
            sentiment_scores,
            daily_returns,
            abnormal_returns,
            controls,
            portfolio_sorts,
            event_study,
            build_marts(),
            duckdb_file,
            search_index,
            run_costs,
            quarter_report,
            sentiment_ready,
            warehouse_maintenance,
        ],
        asset_checks=build_checks(),
        jobs=[quarter],
        schedules=[maintenance_schedule],
        sensors=[model_services_sensor, late_costs_sensor],
        executor=ftm_executor,
        resources={**resources(), **(resource_overrides or {})},
    )


# Every process that runs or lists assets loads this module, and step processes are forked from one that has.
keep_interrupts()

defs = build_definitions()
