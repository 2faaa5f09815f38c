"""pinned_theme_links, pinned_topic_links, pinned_coverage: what of the quarter belongs to a researcher's own themes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from ftm_assets.methods.time.pinning import NONE, PinParams, Pins, centred, pin, seed_sentences
from ftm_assets.methods.time.profiles import centred_centroids
from ftm_assets.methods.vectors import as_matrix, unit
from ftm_assets.methods.wording import counted
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.dimension import refuse_other_dimension, refuse_other_model
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import preview
from ftm_resources import settings
from ftm_resources.expected import plainly
from ftm_resources.models.embedder import Embedder
from ftm_resources.sources.pinned_dictionary import Dictionary, PinnedTheme, read
from ftm_resources.tables import TABLES as CONTRACTS
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)
PREVIEWED = 25
FIRMS_AT_ONCE = 200
"""Firms whose sentences are in memory together."""

TABLES = ("pinned_theme_links", "pinned_topic_links", "pinned_coverage")


@offering(PinParams)
class PinnedThemeLinksConfig(dg.Config):
    """Parameters of links to pinned themes."""

    remove: bool = Field(
        default=False,
        description="Without FTM_PINNED_THEMES, remove the links that the quarter has instead of failing",
    )


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"python"}),
    can_subset=True,
    partitions_def=QUARTERS,
    pool="cpu",
    op_tags=op_tags("pinned_theme_links"),
)
@plainly
def pinned_theme_links(
    context: dg.AssetExecutionContext,
    config: PinnedThemeLinksConfig,
    warehouse: Warehouse,
    embedder: Embedder,
    themes: QuarterTable,
    theme_topics: QuarterTable,
    topic_summaries: QuarterTable,
    firm_topics: QuarterTable,
    sentence_topics: QuarterTable,
    sentences: QuarterTable,
) -> Iterator[dg.Output[Rows]]:
    """Link the quarter's themes and topics to the themes of FTM_PINNED_THEMES; without the file, to none."""
    started, params = time.perf_counter(), params_of(config, PinParams)
    inputs = (themes, theme_topics, topic_summaries, firm_topics, sentence_topics, sentences)
    path = settings.current().ftm_pinned_themes
    dictionary = read(path) if path else Dictionary((), {})
    rows = {name: CONTRACTS[name].empty() for name in TABLES}
    models: dict[str, Any] = {}
    if not dictionary.themes and not config.remove:
        _refuse_to_remove(warehouse, context.partition_key)
    if dictionary.themes:
        refuse_other_dimension(warehouse, context.partition_key, embedder.dimension())
        refuse_other_model(warehouse, context.partition_key, embedder.model_name())
        models = {"embedder": embedder.describe()}
        rows = _linked(dictionary.themes, embedder, inputs, params)
    described: dict[str, dict[str, Any]] = {name: {"rows": rows[name].num_rows} for name in TABLES}
    described["pinned_theme_links"] |= {
        "pinned_themes": len(dictionary.themes),
        "seconds": time.perf_counter() - started,
        "preview": preview(rows["pinned_theme_links"], ["theme_id", "series_name", "similarity", "margin"]),
    }
    columns = [
        "series_name",
        "n_themes",
        "n_topics",
        "n_firms",
        "n_seed_sentences",
        "topic_coverage",
        "theme_coverage",
    ]
    described["pinned_coverage"]["preview"] = preview(rows["pinned_coverage"], columns, PREVIEWED)
    tables = {
        name: (
            replace(Rows.of(rows[name], *inputs), source=dictionary.source, models=models),
            described[name],
        )
        for name in TABLES
    }
    yield from write_tables(
        context.op_execution_context,
        warehouse,
        tables,
        code_version=CODE_VERSION,
        config=config.model_dump(),
    )


def _refuse_to_remove(warehouse: Warehouse, quarter: str) -> None:
    """Raise a Failure if the quarter has links of a dictionary, which a run without one would replace by nothing."""
    stored = warehouse.quarter("pinned_coverage", quarter)
    n = stored.read(["series_id"]).num_rows if stored.is_written else 0
    if n:
        path = warehouse.provenance("pinned_coverage", quarter).get("source", {}).get("path", "a dictionary")
        raise dg.Failure(
            f"pinned_theme_links {quarter}: FTM_PINNED_THEMES is not set, but the quarter has links to "
            f"{counted(n, 'pinned theme')} of {path}. Set it; or, to remove them, set remove: true in the config of "
            "pinned_theme_links",
            allow_retries=False,
        )


def _linked(
    pinned: Sequence[PinnedTheme], embedder: Embedder, inputs: Sequence[QuarterTable], params: PinParams
) -> dict[str, pa.Table]:
    themes, theme_topics, topic_summaries, firm_topics, sentence_topics, sentences = inputs
    named = themes.read(["theme_id", "keywords"]).sort_by("theme_id")
    placed = theme_topics.read(["topic_id", "theme_id", "firm_id"]).sort_by("topic_id")
    vectors = as_matrix(_aligned(placed, topic_summaries.read(["topic_id", "embedding"]), "embedding"))
    keywords = _aligned(placed, firm_topics.read(["topic_id", "keywords"]), "keywords")
    ids = named.column("theme_id").to_pylist()
    index = {theme: i for i, theme in enumerate(ids)}
    theme_of_topic = np.array(
        [NONE if t is None else index[t] for t in placed.column("theme_id").to_pylist()], dtype=np.int64
    )
    seeds = [t.seed_phrases for t in pinned]
    none = np.zeros((0, embedder.dimension()))
    at = centred(_embedded(pinned, embedder), vectors) if len(vectors) else none
    of_themes = pin(
        centred_centroids(vectors, theme_of_topic, len(ids)), named.column("keywords").to_pylist(), at, seeds,
        floor=params.floor, keyword_weight=params.keyword_weight,
    )  # fmt: skip
    of_topics = pin(
        centred(vectors, vectors) if len(vectors) else none, keywords.to_pylist(), at, seeds,
        floor=params.topic_floor, keyword_weight=params.keyword_weight,
    )  # fmt: skip
    by_theme = np.array([NONE, *of_themes.pinned])[theme_of_topic + 1]
    counts = _counted(pinned, placed, of_topics.pinned, by_theme, sentence_topics, sentences)
    firms = placed.column("firm_id").to_pylist()
    coverage = [
        {
            "series_id": t.series_id, "series_name": t.name, "description": t.description,
            "seed_phrases": list(t.seed_phrases), "n_themes": int((of_themes.pinned == j).sum()),
            "n_topics": int((of_topics.pinned == j).sum()),
            "n_firms": len({firms[i] for i in np.flatnonzero(of_topics.pinned == j)}),
            "n_seed_sentences": said, "n_in_topics": in_topics, "n_in_themes": in_themes,
            "topic_coverage": in_topics / said if said else None,
            "theme_coverage": in_themes / said if said else None,
        }
        for j, (t, (said, in_topics, in_themes)) in enumerate(zip(pinned, counts.tolist(), strict=True))
    ]  # fmt: skip
    quarter = themes.quarter
    schema = pa.schema([f for f in CONTRACTS["pinned_coverage"].arrow_schema if f.name != "quarter"])
    rows = {
        "pinned_theme_links": _link_rows(named.select(["theme_id"]), of_themes, pinned),
        "pinned_topic_links": _link_rows(placed.select(["topic_id", "firm_id"]), of_topics, pinned),
        "pinned_coverage": pa.Table.from_pylist(coverage, schema=schema),
    }
    return {name: CONTRACTS[name].conform(table, quarter=quarter) for name, table in rows.items()}


def _embedded(pinned: Sequence[PinnedTheme], embedder: Embedder) -> np.ndarray:
    """Return a unit vector per pinned theme, made as a topic's is: of its description, and of name and phrases."""
    described = embedder.embed([t.description for t in pinned]).astype(np.float64)
    labelled = embedder.embed([f"{t.name}: {', '.join(t.seed_phrases)}" for t in pinned])
    return np.asarray(unit(described + labelled))


def _aligned(rows: pa.Table, other: pa.Table, column: str) -> pa.ChunkedArray:
    place = pc.index_in(rows.column("topic_id"), other.column("topic_id").combine_chunks())
    return other.column(column).take(place)


def _link_rows(ids: pa.Table, pins: Pins, pinned: Sequence[PinnedTheme]) -> pa.Table:
    kept = np.flatnonzero(pins.pinned != NONE)
    chosen = [pinned[int(j)] for j in pins.pinned[kept]]
    rows = ids.take(pa.array(kept, pa.int64()))
    columns: Mapping[str, pa.Array] = {
        "series_id": pa.array([t.series_id for t in chosen], pa.string()),
        "series_name": pa.array([t.name for t in chosen], pa.string()),
        "similarity": pa.array(pins.similarity[kept], pa.float64()),
        "margin": pa.array(pins.margin[kept], pa.float64()),
    }
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    return rows


def _counted(
    pinned: Sequence[PinnedTheme],
    placed: pa.Table,
    of_topics: np.ndarray,
    by_theme: np.ndarray,
    sentence_topics: QuarterTable,
    sentences: QuarterTable,
) -> np.ndarray:
    """Return of each pinned theme's seed sentences: all, those in its topics, those in its themes' topics."""
    index = {topic: i for i, topic in enumerate(placed.column("topic_id").to_pylist())}
    found = np.zeros((len(pinned), 3), dtype=np.int64)
    firms = sentence_topics.firms()
    for start in range(0, len(firms), FIRMS_AT_ONCE):
        group = firms[start : start + FIRMS_AT_ONCE]
        rows = sentence_topics.read(["sentence_id", "topic_id"], firms=group)
        said = sentences.read(["sentence_id", "text"], firms=group)
        place = pc.index_in(rows.column("sentence_id"), said.column("sentence_id").combine_chunks())
        texts = said.column("text").take(place).to_pylist()
        topics = np.array([index.get(t, NONE) for t in rows.column("topic_id").to_pylist()], dtype=np.int64)
        for j, theme in enumerate(pinned):
            at = topics[seed_sentences(texts, theme.seed_phrases)]
            inside = at[at != NONE]
            found[j] += (len(at), (of_topics[inside] == j).sum(), (by_theme[inside] == j).sum())
    return found
