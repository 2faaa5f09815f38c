"""search_index: what `search` and `ftm search` look a quarter up in, brought up to date when its tables are done."""

import time

import dagster as dg

from ftm_assets.methods.wording import size
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG, OWNER, page_table
from ftm_resources import progress
from ftm_resources.expected import plainly
from ftm_resources.retrieval.index_folder import build_index
from ftm_resources.retrieval.levels import LEVELS, TABLES_READ
from ftm_resources.warehouse import Warehouse

NAME = "search_index"


@dg.asset(
    name=NAME,
    deps=list(TABLES_READ),
    description="The index of a quarter for search: signs and bytes of the vectors of themes, topics and sentences, "
    "their full text, and what they are filtered by, in the folder search of the warehouse. Replaced in one step, and "
    "only if the rows changed.",
    group_name="serving",
    owners=[OWNER],
    kinds={"tantivy"},
    code_version=code_version(__name__),
    partitions_def=QUARTERS,
    op_tags=op_tags(NAME),
    config_schema=NO_CONFIG,
)
@plainly
def search_index(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Index the quarter as `connect` shows it."""
    started, quarter = time.perf_counter(), context.partition_key
    with progress.bar(f"{NAME} {quarter}", "rows") as move:
        done: dict[str, int] = {}

        def tell(level: str, rows: int, _: int) -> None:
            done[level] = rows
            move(sum(done.values()), None)

        built = build_index(warehouse, quarter, tell)
        n_rows = sum(built.manifest["levels"][level]["n"] for level in LEVELS)
        move(n_rows, None)  # of an index that is kept, nothing else moves it
    if not built.is_new:
        progress.note(f"{NAME} {quarter}: the rows have not changed, and its index is kept")
        context.log.info(f"the rows of {quarter} have not changed: its index is kept")
    levels = built.manifest["levels"]
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(built.folder)),
            "rows": n_rows,
            "size": size(built.n_bytes),
            "is_new": built.is_new,
            "by_level": page_table(
                ["level", "rows", "dimensions", "usual tenth cosine", "its spread"],
                ([n, *(levels[n][c] for c in ("n", "dimension", "centre", "spread"))] for n in LEVELS),
            ),
            "seconds": time.perf_counter() - started,
        }
    )
