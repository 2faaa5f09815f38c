"""theme_sentences, topic_coherence, theme_coherence: which sentences of a theme's topics speak of the theme."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.topics.membership import (
    NONE,
    MembershipParams,
    Profiles,
    Sentences,
    TopicMeans,
    build_profiles,
    firm_rows,
    in_topic_context,
    strengths,
)
from ftm_assets.methods.topics.theme_coherence import without_weak_themes
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import preview
from ftm_resources.expected import plainly
from ftm_resources.progress import bar
from ftm_resources.tables import TABLES as CONTRACTS
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)
FIRMS_AT_ONCE = 100
"""Firms whose vectors are in memory together; about 40,000 sentences."""
PREVIEWED = 25

TABLES = ("theme_sentences", "topic_coherence", "theme_coherence")


@offering(MembershipParams)
class ThemeSentencesConfig(dg.Config):
    """Parameters of membership."""


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"python"}),
    can_subset=True,
    partitions_def=QUARTERS,
    pool="cpu",
    op_tags=op_tags("theme_sentences"),
)
@plainly
def theme_sentences(
    context: dg.AssetExecutionContext,
    config: ThemeSentencesConfig,
    warehouse: Warehouse,
    themes: QuarterTable,
    theme_topics: QuarterTable,
    topic_summaries: QuarterTable,
    sentence_topics: QuarterTable,
    sentences: QuarterTable,
    sentence_embeddings: QuarterTable,
) -> Iterator[dg.Output[Rows]]:
    """Measure how strongly each sentence belongs to its theme, and decide which count."""
    started = time.perf_counter()
    quarter, params = context.partition_key, params_of(config, MembershipParams)
    named = themes.read(["theme_id", "name"]).sort_by("theme_id")
    theme_ids = named.column("theme_id").to_pylist()
    topic_ids, theme_of_topic, descriptions = _topics(theme_topics, topic_summaries, theme_ids)
    inputs = (sentence_topics, sentences, sentence_embeddings)
    spoken, topics = [CONTRACTS["theme_sentences"].empty()], [CONTRACTS["topic_coherence"].empty()]
    if theme_ids:
        firms = sorted(set(theme_topics.read(["firm_id"]).column("firm_id").to_pylist()))
        groups = [firms[i : i + FIRMS_AT_ONCE] for i in range(0, len(firms), FIRMS_AT_ONCE)]
        index = {topic: i for i, topic in enumerate(topic_ids)}
        profiles = _profiles(groups, inputs, index, theme_of_topic, descriptions, params)
        with bar(f"theme_sentences {quarter}", "firms", len(firms)) as move:
            for done, group in enumerate(groups, start=1):
                said = _sentences(group, inputs, index)
                found = strengths(in_topic_context(said, params.turn_weight), said.topics, profiles)
                of_sentences, of_firms = firm_rows(said, found, profiles, topic_ids, theme_ids, params)
                spoken.append(CONTRACTS["theme_sentences"].conform(of_sentences, quarter=quarter))
                topics.append(CONTRACTS["topic_coherence"].conform(of_firms, quarter=quarter))
                move(min(done * FIRMS_AT_ONCE, len(firms)), None)
    members, of_topics, coherence = without_weak_themes(
        pa.concat_tables(spoken),
        pa.concat_tables(topics).sort_by("topic_id"),
        theme_ids,
        params.min_coherence,
    )
    of_themes = CONTRACTS["theme_coherence"].conform(coherence, quarter=quarter)
    read = (themes, theme_topics, topic_summaries, *inputs)
    tables: dict[str, tuple[Rows, Mapping[str, Any]]] = {
        "theme_sentences": (
            Rows.of(members, *read),
            {**_describe(members), "config": config.model_dump(), "seconds": time.perf_counter() - started},
        ),
        "topic_coherence": (
            Rows.of(of_topics, *read),
            {"topics": of_topics.num_rows, "mixed": pc.sum(of_topics.column("is_mixed")).as_py() or 0},
        ),
        "theme_coherence": (Rows.of(of_themes, *read), _describe_themes(of_themes, named)),
    }
    yield from write_tables(
        context.op_execution_context,
        warehouse,
        tables,
        code_version=CODE_VERSION,
        config=config.model_dump(),
    )


def _topics(
    theme_topics: QuarterTable, topic_summaries: QuarterTable, theme_ids: Sequence[str]
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the ids of all topics, sorted, the index of each one's theme, and the embedding of its description."""
    placed = theme_topics.read(["topic_id", "theme_id"]).sort_by("topic_id")
    described = topic_summaries.read(["topic_id", "embedding"])
    place = pc.index_in(placed.column("topic_id"), described.column("topic_id").combine_chunks())
    index = {theme: i for i, theme in enumerate(theme_ids)}
    of = [NONE if t is None else index[t] for t in placed.column("theme_id").to_pylist()]
    vectors = as_matrix(described.column("embedding").take(place))
    return placed.column("topic_id").to_pylist(), np.array(of, dtype=np.int64), vectors


def _profiles(
    groups: Sequence[Sequence[str]],
    inputs: tuple[QuarterTable, QuarterTable, QuarterTable],
    index: Mapping[str, int],
    theme_of_topic: np.ndarray,
    descriptions: np.ndarray,
    params: MembershipParams,
) -> Profiles:
    means = TopicMeans(len(index))
    for group in groups:
        said = _sentences(group, inputs, index)
        means.add(in_topic_context(said, params.turn_weight), said.topics)
    return build_profiles(means, descriptions, theme_of_topic, params.description_weight)


def _sentences(
    firms: Sequence[str],
    inputs: tuple[QuarterTable, QuarterTable, QuarterTable],
    index: Mapping[str, int],
) -> Sentences:
    """Return the sentences that firms' topics were made from."""
    sentence_topics, sentences, sentence_embeddings = inputs
    rows = sentence_topics.read(["sentence_id", "firm_id", "topic_id"], firms=firms)
    said = sentences.read(["sentence_id", "component_id", "position"], firms=firms)
    place = pc.index_in(rows.column("sentence_id"), said.column("sentence_id").combine_chunks())
    for column in ("component_id", "position"):
        rows = rows.append_column(column, said.column(column).take(place))
    rows = rows.sort_by([(c, "ascending") for c in ("firm_id", "component_id", "position")])
    vectors = sentence_embeddings.read(["sentence_id", "embedding"], firms=firms)
    place = pc.index_in(rows.column("sentence_id"), vectors.column("sentence_id").combine_chunks())
    topics = [NONE if t is None else index[t] for t in rows.column("topic_id").to_pylist()]
    return Sentences(
        rows.column("sentence_id").to_pylist(),
        rows.column("firm_id").to_pylist(),
        rows.column("component_id").to_pylist(),
        rows.column("position").to_numpy().astype(np.int64),
        np.array(topics, dtype=np.int64),
        as_matrix(vectors.column("embedding").take(place)),
    )


def _describe(rows: pa.Table) -> dict[str, Any]:
    own = rows.filter(pc.invert(rows.column("is_second")))
    members = pc.sum(own.column("is_member")).as_py() or 0
    return {
        "sentences": own.num_rows,
        "members": members,
        "member_share": members / own.num_rows if own.num_rows else 0.0,
        "as_near_to_another": rows.num_rows - own.num_rows,
        "reasons": dict(Counter(own.column("reason").drop_null().to_pylist())),
        "preview": preview(rows, ["theme_id", "sentence_id", "strength", "margin", "is_member", "reason"]),
    }


def _describe_themes(rows: pa.Table, named: pa.Table) -> dict[str, Any]:
    shown = rows.add_column(0, "theme", named.column("name"))
    columns = ["theme", "coherence", "coherence_class", "n_members", "n_sentences", "n_member_firms"]
    return {
        "themes": rows.num_rows,
        "classes": dict(Counter(rows.column("coherence_class").to_pylist())),
        "preview": preview(shown, columns, PREVIEWED),
    }
