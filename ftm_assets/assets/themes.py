"""themes, theme_topics, theme_naming_audit: topics clustered into named themes; each topic's theme, or why none."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.naming.audit import audit_columns, describe_audit
from ftm_assets.methods.naming.digests import theme_digests
from ftm_assets.methods.topics.theme_model import ThemeModel, ThemeParams, model_themes
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.dimension import refuse_two_models
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.namer import build_namer, replies_ignored
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import preview
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.expected import plainly
from ftm_resources.models.embedder import Embedder
from ftm_resources.progress import bar
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)
PREVIEWED = 25
"""Rows of a preview."""

TABLES = ("themes", "theme_topics", "theme_naming_audit")


@offering(ThemeParams)
class ThemesConfig(dg.Config):
    """Parameters of the themes."""


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"python"}),
    can_subset=True,
    partitions_def=QUARTERS,
    pool="cpu",
    op_tags=op_tags("themes"),
)
@plainly
def themes(
    context: dg.AssetExecutionContext,
    config: ThemesConfig,
    llm: LlmResource,
    embedder: Embedder,
    warehouse: Warehouse,
    topic_summaries: QuarterTable,
    firm_topics: QuarterTable,
    transcripts: QuarterTable,
) -> Iterator[dg.Output[Rows]]:
    """Cluster the topics of all firms, filter the clusters, and name the themes that remain."""
    started = time.perf_counter()
    quarter = context.partition_key
    refuse_two_models(warehouse, quarter)
    topics = _topics(topic_summaries, firm_topics, transcripts)
    model = model_themes(topics, quarter, params_of(config, ThemeParams), embedder.embed)
    digests = theme_digests(model.themes, model.central_topic_ids, topics, model.theme_topics)
    with bar(f"themes {quarter}: naming", "themes", len(digests)) as move:
        namer = build_namer(llm, warehouse, "themes", quarter, step=context.op_execution_context)
        named = namer.name(digests, move)
    rows = model.themes
    audit = pa.table({"theme_id": rows.column("theme_id"), **audit_columns(named, llm.cost)})
    for field, attribute in (
        ("name", "name"),
        ("description", "summary"),
        ("naming_method", "naming_method"),
    ):
        values = pa.array([getattr(n, attribute) for n in named], pa.string())
        rows = rows.append_column(field, values)
    inputs = (topic_summaries, firm_topics, transcripts)
    tables = {
        "themes": (
            Rows.of(rows, *inputs),
            {**_describe(model, rows, config), "seconds": time.perf_counter() - started},
        ),
        "theme_topics": (Rows.of(model.theme_topics, *inputs), _describe_members(model, topics, rows)),
        "theme_naming_audit": (Rows.of(audit, *inputs), {**describe_audit(audit), **replies_ignored(namer)}),
    }
    yield from write_tables(
        context.op_execution_context,
        warehouse,
        tables,
        code_version=CODE_VERSION,
        config=config.model_dump(),
    )


def _topics(summaries: QuarterTable, topics: QuarterTable, transcripts: QuarterTable) -> pa.Table:
    """Return every topic with its firm's name, size, keywords, call_share, name, summary and embeddings, by id."""
    named = summaries.read(["topic_id", "firm_id", "name", "summary", "embedding"]).sort_by("topic_id")
    sizes = topics.read(["topic_id", "n_sentences", "keywords", "call_share", "embedding"])
    firms = transcripts.read(["firm_id", "firm_name"]).group_by("firm_id").aggregate([("firm_name", "min")])
    # Arrow cannot join tables with list columns: take the lists by position.
    position = pc.index_in(named.column("topic_id"), sizes.column("topic_id"))
    names = pc.index_in(named.column("firm_id"), firms.column("firm_id"))
    return (
        named.append_column("n_sentences", sizes.column("n_sentences").take(position))
        .append_column("keywords", sizes.column("keywords").take(position))
        .append_column("call_share", sizes.column("call_share").take(position))
        .append_column("sentence_embedding", sizes.column("embedding").take(position))
        .append_column("firm_name", firms.column("firm_name_min").take(names))
    )


def _describe(model: ThemeModel, rows: pa.Table, config: ThemesConfig) -> dict[str, Any]:
    members = model.theme_topics
    placed = members.num_rows - members.column("theme_id").null_count
    return {
        "themes": rows.num_rows,
        "topics": members.num_rows,
        "firms": pc.count_distinct(members.column("firm_id")).as_py(),
        "placed_share": placed / members.num_rows if members.num_rows else 0.0,
        "stability": pc.mean(rows.column("stability")).as_py() or 0.0,
        "config": config.model_dump(),
        "preview": preview(
            rows, ["name", "n_topics", "n_firms", "n_sentences", "stability", "keywords"], PREVIEWED
        ),
    }


def _describe_members(model: ThemeModel, topics: pa.Table, themes: pa.Table) -> dict[str, Any]:
    reasons = Counter(model.theme_topics.column("reason").drop_null().to_pylist())
    shown = model.theme_topics.slice(0, PREVIEWED)
    names = dict(zip(*(themes.column(c).to_pylist() for c in ("theme_id", "name")), strict=True))
    shown = shown.append_column(
        "theme", pa.array([names.get(t) for t in shown.column("theme_id").to_pylist()], pa.string())
    )
    place = pc.index_in(shown.column("topic_id"), topics.column("topic_id").combine_chunks())
    for column, source in (("firm", "firm_name"), ("topic", "name")):
        shown = shown.append_column(column, topics.column(source).take(place))
    return {
        "topics": model.theme_topics.num_rows,
        "left_out": reasons.total(),
        "reasons": dict(reasons),
        "preview": preview(shown, ["firm", "topic", "theme", "reason", "detail"], PREVIEWED),
    }
