"""sentiment_ready: a quarter's member sentences by theme, firm and topic, as a Parquet file for scorers outside FTM."""

import time

import dagster as dg

from ftm_assets.methods.wording import size
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG, OWNER, page_table
from ftm_resources import settings
from ftm_resources.duck import literal
from ftm_resources.expected import plainly
from ftm_resources.replaced_file import replaced
from ftm_resources.tables.joined_views import JOINED_VIEWS
from ftm_resources.warehouse import Warehouse

NAME = "sentiment_ready"
_VIEW = JOINED_VIEWS[NAME]


@dg.asset(
    name=NAME,
    deps=list(_VIEW.tables),
    description=f"{_VIEW.doc}. A Parquet file per quarter in the folder sentiment_ready under FTM_EXPORTS, with the "
    "rows of the view of that name.",
    group_name="serving",
    owners=[OWNER],
    kinds={"parquet", "duckdb"},
    code_version=code_version(__name__),
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, description=doc) for name, doc in _VIEW.columns.items()]
        )
    },
    partitions_def=QUARTERS,
    op_tags=op_tags(NAME),
    config_schema=NO_CONFIG,
)
@plainly
def sentiment_ready(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Write the view's rows of the quarter, in the order of their key; the file appears once it is complete."""
    started, quarter = time.perf_counter(), context.partition_key
    folder = settings.current().ftm_exports.expanduser().absolute() / NAME
    folder.mkdir(parents=True, exist_ok=True)
    file, key = folder / f"{quarter}.parquet", ", ".join(_VIEW.key)
    with (
        warehouse.connect(quarter=quarter, tables=_VIEW.tables) as db,
        replaced(file, by=context.run.run_id) as partial,
    ):
        db.execute(
            f"COPY (FROM {NAME} ORDER BY {key}) TO {literal(str(partial))} (FORMAT parquet, COMPRESSION zstd)"
        )
        written = db.read_parquet(str(partial))
        rows, sentences, without = written.aggregate(
            "count(*), coalesce(sum(n_sentences), 0), count(*) FILTER (n_sentences = 0)"
        ).fetchone() or (0, 0, 0)
        shown = written.order(f"n_sentences DESC, {key}").limit(5)
        largest = shown.project("theme_name, firm_name, topic_summary, n_sentences").fetchall()
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(file)),
            "rows": rows,
            "sentences": int(sentences),
            "topics_without_sentences": without,
            "size": size(file.stat().st_size),
            "preview": page_table(["theme", "firm", "topic", "sentences"], largest),
            "seconds": time.perf_counter() - started,
        }
    )
