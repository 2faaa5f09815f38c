"""topic_quality: quality measures of the quarter's topics and themes, with their trend over quarters.

Shares are computed over all firms; coherence, stability and recovery read sentences and use a sample of firms.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from ftm_assets.methods.text.kinds import MAX_CALL_SHARE, about_business
from ftm_assets.methods.text.tokens import words
from ftm_assets.methods.topics.firm_model import FirmParams
from ftm_assets.methods.topics.quality import (
    LARGE_TOPIC_SENTENCES,
    Measure,
    coherence,
    firm_measures,
    planted_themes,
    recovery,
    seed_stability,
    theme_measures,
)
from ftm_assets.methods.topics.sampling import sampled_firms
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.params_config import recorded
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import asset_attributes, page_table, readable
from ftm_resources.expected import plainly
from ftm_resources.sources.sample.generated import TRUTH, SampleSource
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)
TREND_QUARTERS = 12
"""Newest quarters shown in the trend on the asset's page."""

_Measures = Mapping[str, Mapping[str, Measure]]


class TopicQualityConfig(dg.Config):
    """How many firms are sampled for the measures that read sentences."""

    coherence_firms: int = Field(default=40, ge=1, description="Firms sampled to measure coherence")
    stability_firms: int = Field(
        default=20, ge=1, description="Firms clustered again with other seeds to measure stability"
    )
    recovery_firms: int = Field(
        default=100,
        ge=1,
        description="Firms of the bundled sample used to measure recovery of planted themes",
    )
    seed: int = Field(default=42, ge=0, description="Seed for sampling firms")


@dg.asset(
    partitions_def=QUARTERS,
    pool="cpu",
    op_tags=op_tags("topic_quality"),
    **asset_attributes("topic_quality", code_version=CODE_VERSION, kinds={"scikitlearn"}),
)
@plainly
def topic_quality(
    context: dg.AssetExecutionContext,
    config: TopicQualityConfig,
    warehouse: Warehouse,
    sentences: QuarterTable,
    sentence_embeddings: QuarterTable,
    sentence_kinds: QuarterTable,
    firm_topics: QuarterTable,
    sentence_topics: QuarterTable,
    firm_status: QuarterTable,
    themes: QuarterTable,
    theme_topics: QuarterTable,
    theme_coherence: QuarterTable,
) -> dg.Output[Rows]:
    """Measure the topics and themes of the quarter."""
    started = time.perf_counter()
    quarter = context.partition_key
    status = firm_status.read(["firm_id", "n_sentences", "n_topics", "outlier_share"])
    topics = firm_topics.read(["firm_id", "n_sentences", "keywords", "call_share"])
    members = theme_topics.read(["topic_id", "theme_id"])
    own_themes = themes.read(["keywords", "stability"])
    classes = theme_coherence.read(["coherence_class"]).column("coherence_class").to_pylist()
    theme_keywords, stabilities = (own_themes.column(c).to_pylist() for c in ("keywords", "stability"))
    some = sampled_firms(status, config.coherence_firms, config.seed)
    again = sampled_firms(status, config.stability_firms, config.seed, at_least=LARGE_TOPIC_SENTENCES)
    documents = _documents(sentences, sentence_kinds, some)
    own = topics.filter(pc.is_in(topics.column("firm_id"), pa.array(some, pa.string())))
    own_keywords = own.column("keywords").to_pylist()
    coherent = coherence(documents, [*own_keywords, *theme_keywords])
    vectors = _vectors(sentences, sentence_kinds, sentence_embeddings, again)
    truth = _truth(warehouse.provenance("transcripts", quarter), quarter, config.recovery_firms)
    # The parameters that the topics were made with, which may differ from the defaults.
    params = recorded(FirmParams, warehouse.provenance("firm_topics", quarter).get("config", {}))
    of_themes = warehouse.provenance("themes", quarter).get("config", {})
    measures = {
        "firm_topics": {
            **firm_measures(status, topics, of_themes.get("max_procedural_share", MAX_CALL_SHARE)),
            **coherent[: len(own_keywords)].measures(),
            "seed_stability": seed_stability(vectors, params),
        },
        "themes": {
            **theme_measures(members, theme_keywords, stabilities, classes),
            **coherent[len(own_keywords) :].measures(),
            **_recovery(truth, sentences, sentence_topics, members),
        },
    }
    measures = measures if status.num_rows else {}  # a quarter without calls has nothing to measure
    read = (
        *(sentences, sentence_embeddings, sentence_kinds, firm_topics, sentence_topics),
        *(firm_status, themes, theme_topics, theme_coherence),
    )
    return dg.Output(
        Rows.of(_rows(measures, quarter), *read, config=config.model_dump()),
        metadata=readable(
            {
                **_plain(measures),
                "trend": _trend(warehouse, measures, quarter),
                "firms_read": len({*some, *again}),
                "config": config.model_dump(),
                "firm_topics_config": asdict(params),
                "seconds": time.perf_counter() - started,
            }
        ),
    )


def _spoken(
    sentences: QuarterTable, kinds: QuarterTable, firms: Sequence[str], columns: Sequence[str]
) -> pa.Table:
    """Return the firms' non-procedural sentences."""
    rows = sentences.read(["sentence_id", *columns], firms=firms)
    return about_business(rows, kinds.read(["sentence_id", "is_procedural"], firms=firms))


def _documents(sentences: QuarterTable, kinds: QuarterTable, firms: Sequence[str]) -> list[list[str]]:
    """Return the words of each speaker turn."""
    rows = _spoken(sentences, kinds, firms, ["component_id", "position", "text"])
    rows = rows.sort_by([("component_id", "ascending"), ("position", "ascending")])
    turns: defaultdict[str, list[str]] = defaultdict(list)
    for turn, text in zip(
        rows.column("component_id").to_pylist(), rows.column("text").to_pylist(), strict=True
    ):
        turns[turn] += words(text)
    return list(turns.values())


def _vectors(
    sentences: QuarterTable, kinds: QuarterTable, sentence_embeddings: QuarterTable, firms: Sequence[str]
) -> list[tuple[np.ndarray, list[str], list[int]]]:
    """Return, per firm, the embeddings of its non-procedural sentences, their turns and positions in them."""
    if not firms:
        return []
    spoken = _spoken(sentences, kinds, firms, ["component_id", "position"])
    rows = sentence_embeddings.read(["sentence_id", "firm_id", "embedding"], firms=firms)
    place = pc.index_in(rows.column("sentence_id"), spoken.column("sentence_id").combine_chunks())
    rows = rows.filter(place.is_valid())
    place = place.drop_null()
    rows = rows.append_column("turn", spoken.column("component_id").take(place))
    rows = rows.append_column("position", spoken.column("position").take(place)).sort_by("sentence_id")
    own = [rows.filter(pc.equal(rows.column("firm_id"), firm)) for firm in firms]
    return [
        (as_matrix(f.column("embedding")), f.column("turn").to_pylist(), f.column("position").to_pylist())
        for f in own
    ]


def _truth(made_from: Mapping[str, Any], quarter: str, n_firms: int) -> pa.Table:
    """Return the themes planted in the first firms of the sample; no rows if the calls are not the sample's.

    `made_from` is the provenance of the quarter's transcripts.
    """
    source = made_from.get("source", {})
    if source.get("name") != SampleSource.name:
        return TRUTH.empty_table()
    return pa.concat_tables(SampleSource(min(source["firms"], n_firms), source["seed"]).truth(quarter))


def _recovery(
    truth: pa.Table, sentences: QuarterTable, sentence_topics: QuarterTable, theme_topics: pa.Table
) -> dict[str, Measure]:
    """Return how well the themes recover the planted ones; no values if nothing was planted."""
    planted: dict[str, str] = {}
    if firms := truth.column("companyid").unique().to_pylist():
        planted = planted_themes(
            truth,
            sentences.read(["sentence_id", "component_id", "text"], firms=firms),
            sentence_topics.read(["sentence_id", "topic_id"], firms=firms),
        )
    topics, themes = (theme_topics.column(c).to_pylist() for c in ("topic_id", "theme_id"))
    return recovery(planted, dict(zip(topics, themes, strict=True)))


def _rows(measures: _Measures, quarter: str) -> pa.Table:
    rows = [
        # Summation order affects only digits after the ninth, so the same input gives the same rows.
        {"level": level, "metric": metric, "value": None if m.value is None else round(m.value, 9), "n": m.n}
        for level, own in measures.items()
        for metric, m in sorted(own.items())
    ]
    schema = pa.schema(
        [TABLES["topic_quality"].arrow_schema.field(c) for c in ("level", "metric", "value", "n")]
    )
    return TABLES["topic_quality"].conform(pa.Table.from_pylist(rows, schema=schema), quarter=quarter)


def _plain(measures: _Measures) -> dict[str, float]:
    """Return the values by level and metric, as numbers that the UI can plot over quarters."""
    return {
        f"{level}_{metric}": m.value
        for level, own in measures.items()
        for metric, m in own.items()
        if m.value is not None
    }


def _trend(warehouse: Warehouse, measures: _Measures, quarter: str) -> dg.TableMetadataValue:
    """Return the measures of the newest quarters, this one included, a column per quarter."""
    stored = warehouse.connect(tables={"topic_quality"}, newest=True).execute(
        "SELECT quarter, level || '_' || metric, value FROM topic_quality WHERE value IS NOT NULL AND quarter <> ?",
        [quarter],
    )
    values: dict[str, dict[str, float]] = {quarter: _plain(measures)}
    for of, metric, value in stored.fetchall():
        values.setdefault(of, {})[metric] = value
    quarters = sorted(values)[-TREND_QUARTERS:]
    metrics = list(dict.fromkeys([*values[quarter], *sorted({m for q in quarters for m in values[q]})]))
    rows = ([metric, *(values[q].get(metric) for q in quarters)] for metric in metrics)
    return page_table(["measure", *quarters], rows)
