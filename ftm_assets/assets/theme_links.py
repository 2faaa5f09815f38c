"""theme_links and the tables written with it: the series of each theme, from earlier quarters alone."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from ftm_assets.methods.time.linking import LinkParams, link_quarter
from ftm_assets.methods.time.profiles import QuarterThemes, centred_centroids, told_apart
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.methods.wording import counted
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.series_chain import (
    LINK_TABLES,
    Before,
    Mended,
    Model,
    before,
    linked_rows,
    mend,
    model_of,
    settled,
)
from ftm_assets.orchestration.series_plot import series_picture
from ftm_assets.orchestration.specs import preview
from ftm_resources.expected import plainly
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)
PREVIEWED = 25


@offering(LinkParams)
class ThemeLinksConfig(dg.Config):
    """Parameters of links between quarters."""

    allow_other_models: bool = Field(
        default=False,
        description="If earlier quarters were embedded by another model, link past them instead of failing: themes "
        "that no quarter of the same model has open new series",
    )


@dg.multi_asset(
    outs=asset_outs(LINK_TABLES, code_version=CODE_VERSION, kinds={"python"}),
    can_subset=True,
    partitions_def=QUARTERS,
    pool="cpu",
    op_tags=op_tags("theme_links"),
)
@plainly
def theme_links(
    context: dg.AssetExecutionContext,
    config: ThemeLinksConfig,
    warehouse: Warehouse,
    themes: QuarterTable,
    theme_topics: QuarterTable,
    topic_summaries: QuarterTable,
) -> Iterator[dg.Output[Rows]]:
    """Link the quarter's themes to earlier ones, then link again the later quarters that this makes outdated."""
    started, quarter, op = time.perf_counter(), context.partition_key, context.op_execution_context
    params, inputs = params_of(config, LinkParams), (themes, theme_topics, topic_summaries)
    profiles = _profiles(*inputs)
    with warehouse.lock("theme_links"):
        earlier = mend(op, warehouse, "", quarter, code_version=CODE_VERSION)
        pinned = settled(warehouse, has_turn=True)
        model = _as_measured(model_of(pinned, "topic_summaries", quarter), profiles)
        at = before(warehouse, pinned, quarter, model, others=config.allow_other_models)
        links = link_quarter(profiles, at.series, params)
        own = {f"{i.name}@{i.quarter}": i.provenance() for i in inputs}
        rows = linked_rows(links, own, model, at)
        described = _described(rows["theme_links"][1], at)
        alone = [t for t, v in zip(profiles.theme_ids, profiles.vectors, strict=True) if not v.any()]
        described["not_comparable"] = len(alone)
        described["seconds"] = time.perf_counter() - started
        made = {
            name: (of, described if name == "theme_links" else {"rows": table.num_rows})
            for name, (of, table) in rows.items()
        }
        made["theme_series"][1].update(_described_series(rows["theme_series"][1]))
        shown = {name: rows[name][1] for name in ("theme_links", "theme_profiles")}
        made["theme_series"][1]["longest_series"] = series_picture(warehouse, quarter, shown)
        yield from write_tables(op, warehouse, made, code_version=CODE_VERSION, config=config.model_dump())
        later = mend(op, warehouse, quarter, None, code_version=CODE_VERSION)
    if alone:
        context.log.warning(
            f"theme_links {quarter}: {counted(len(alone), 'theme')} of {profiles.n} cannot be compared with those of "
            f"other quarters and opens a series of its own: {', '.join(alone[:4])}{', ...' if len(alone) > 4 else ''}. "
            "Too few other themes and topics are beside it to know what all topics of the quarter share"
        )
    _say(context, earlier, later)


def _profiles(
    themes: QuarterTable, theme_topics: QuarterTable, topic_summaries: QuarterTable
) -> QuarterThemes:
    named = themes.read(["theme_id", "name", "keywords", "n_sentences"]).sort_by("theme_id")
    placed = theme_topics.read(["topic_id", "theme_id", "firm_id"]).sort_by("topic_id")
    described = topic_summaries.read(["topic_id", "embedding"])
    place = pc.index_in(placed.column("topic_id"), described.column("topic_id").combine_chunks())
    ids = named.column("theme_id").to_pylist()
    index = {theme: i for i, theme in enumerate(ids)}
    theme_of_topic = [-1 if t is None else index[t] for t in placed.column("theme_id").to_pylist()]
    firms: list[set[str]] = [set() for _ in ids]
    for i, firm in zip(theme_of_topic, placed.column("firm_id").to_pylist(), strict=True):
        if i >= 0:
            firms[i].add(firm)
    topics, placed_in = (
        as_matrix(described.column("embedding").take(place)),
        np.array(theme_of_topic, np.int64),
    )
    vectors = centred_centroids(topics, placed_in, len(ids))
    vectors[~told_apart(placed_in, len(ids))] = 0
    return QuarterThemes(
        quarter=themes.quarter,
        theme_ids=tuple(ids),
        vectors=vectors.astype(np.float32),
        firms=tuple(map(frozenset, firms)),
        keywords=tuple(map(tuple, named.column("keywords").to_pylist())),
        names=tuple(named.column("name").to_pylist()),
        n_sentences=tuple(named.column("n_sentences").to_pylist()),
    )


def _as_measured(model: Model, themes: QuarterThemes) -> Model:
    """Return what is known of a model with the dimension of the vectors themselves, whatever was recorded."""
    dimension = themes.vectors.shape[1]
    return {**model, "dimension": dimension} if dimension else model


def _described(rows: pa.Table, at: Before) -> dict[str, Any]:
    events = Counter(rows.column("event").to_pylist())
    opened = events["born"] + events["split"]
    columns = ["theme_id", "series_id", "series_name", "event", "similarity", "margin", "linked_quarter"]
    return {
        "themes": rows.num_rows,
        "events": dict(events),
        "continued_share": 1 - opened / rows.num_rows if rows.num_rows else 0.0,
        "linked_to": at.newest or "no earlier quarter",
        "renamed": pc.sum(rows.column("is_renamed")).as_py() or 0,
        "preview": preview(rows, columns, PREVIEWED),
    }


def _described_series(rows: pa.Table) -> dict[str, Any]:
    shown = rows.sort_by([("n_quarters", "descending"), ("n_sentences", "descending")])
    columns = ["series_id", "name", "first_quarter", "last_quarter", "n_quarters", "n_firms", "status"]
    return {
        "series": rows.num_rows,
        "statuses": dict(Counter(rows.column("status").to_pylist())),
        "preview": preview(shown, columns, PREVIEWED),
    }


def _say(context: dg.AssetExecutionContext, earlier: Mended, later: Mended) -> None:
    """Say which other quarters were linked again, and which ought to be and were not."""
    for quarter, why in {**earlier.rebuilt, **later.rebuilt}.items():
        context.log.info(f"theme_links {quarter}: linked again, because {why}")
    if rebuilt := sorted({**earlier.rebuilt, **later.rebuilt}):
        context.log.warning(
            f"The panels and portfolios of {', '.join(rebuilt)} are outdated, if they have any, as are event "
            "studies and families: exports refuse them until they are materialized, oldest first (`ftm run` does so by "
            "itself for panels and portfolios; `ftm quarters` lists all)"
        )
    for quarter, why in {**earlier.kept, **later.kept}.items():
        context.log.warning(
            f"theme_links {quarter}: left as it is: {why}. To link it again all the same, materialize theme_links of "
            f"{quarter}"
        )
