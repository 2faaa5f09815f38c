"""sentiment_scores, sentiment_cells: per theme and call, and by section and speaker, the tone of member sentences."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.scores import COLUMNS, build_scores
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG, preview
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.expected import plainly
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)

TABLES = ("sentiment_scores", "sentiment_cells")


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"duckdb"}),
    can_subset=True,
    partitions_def=QUARTERS,
    op_tags=op_tags("sentiment_scores"),
    config_schema=NO_CONFIG,
)
@plainly
def sentiment_scores(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    themes: QuarterTable,
    theme_sentences: QuarterTable,
    sentence_sentiment: QuarterTable,
    sentences: QuarterTable,
    transcripts: QuarterTable,
    duckdb: ConfiguredDuckDB,
) -> Iterator[dg.Output[Rows]]:
    """Count the member sentences of each theme and call by sentiment; `themes` only names them."""
    started = time.perf_counter()
    inputs = (theme_sentences, sentence_sentiment, sentences, transcripts)
    with duckdb.get_connection() as database:
        scores, cells = build_scores(
            *(table.read(COLUMNS[table.name]) for table in inputs),
            quarter=context.partition_key,
            database=database,
        )
    names = themes.read(["theme_id", "name"])
    tables: dict[str, tuple[Rows, Mapping[str, Any]]] = {
        "sentiment_scores": (
            Rows.of(scores, *inputs),
            {"seconds": time.perf_counter() - started, **_describe(scores, names)},
        ),
        "sentiment_cells": (Rows.of(cells, *inputs), _describe_cells(cells, names)),
    }
    yield from write_tables(
        context.op_execution_context, warehouse, tables, code_version=CODE_VERSION, config={}
    )


def _describe(rows: pa.Table, themes: pa.Table) -> dict[str, Any]:
    total = pc.sum(rows.column("n_sentences")).as_py() or 0
    net = pc.sum(pc.subtract(rows.column("n_positive"), rows.column("n_negative"))).as_py() or 0
    shown = _with_names(rows.slice(0, 10), themes)
    return {
        "firms": pc.count_distinct(rows.column("firm_id")).as_py(),
        "themes": pc.count_distinct(rows.column("theme_id")).as_py(),
        "sentences": total,
        "mean_score": net / total if total else 0.0,
        "linked_share": 1 - rows.column("permno").null_count / max(rows.num_rows, 1),
        "preview": preview(shown, ["theme", "firm_name", "call_date", "n_sentences", "score", "score_se"]),
    }


def _describe_cells(rows: pa.Table, themes: pa.Table) -> dict[str, Any]:
    shown = _with_names(rows.slice(0, 10), themes)
    columns = ["theme", "transcript_id", "section", "speaker_type", "n_sentences", "score"]
    return {"cells": rows.num_rows, "preview": preview(shown, columns)}


def _with_names(scores: pa.Table, themes: pa.Table) -> pa.Table:
    place = pc.index_in(scores.column("theme_id"), themes.column("theme_id").combine_chunks())
    return scores.append_column("theme", themes.column("name").take(place))
