"""duckdb_file: the DuckDB file at FTM_DUCKDB_FILE, brought up to date when a quarter is done."""

import time

import dagster as dg

from ftm_assets.methods.wording import size
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG, OWNER, page_table
from ftm_resources import settings
from ftm_resources.expected import plainly
from ftm_resources.tables import QUARTERLY
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.duckdb_copy import write_duckdb

NAME = "duckdb_file"


@dg.asset(
    name=NAME,
    deps=list(QUARTERLY),
    description="The DuckDB file at FTM_DUCKDB_FILE with copies of all tables of all quarters, without embeddings, and "
    "the views topics, theme_evidence and sentiment_ready. Quarters that changed are copied, and the file is replaced "
    "in one step. Without FTM_DUCKDB_FILE, nothing is written.",
    group_name="serving",
    owners=[OWNER],
    kinds={"duckdb"},
    code_version=code_version(__name__),
    partitions_def=QUARTERS,
    op_tags=op_tags(NAME),
    config_schema=NO_CONFIG,
)
@plainly
def duckdb_file(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Copy what changed; do nothing if no file is configured."""
    target = settings.current().ftm_duckdb_file
    if target is None:
        context.log.info("FTM_DUCKDB_FILE is not set: no DuckDB file is written")
        return dg.MaterializeResult(metadata={"path": "none: FTM_DUCKDB_FILE is not set"})
    started = time.perf_counter()
    # Other quarters may be outdated until their own runs are done.
    done = write_duckdb(warehouse, target, allows_mixed=True)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(target)),
            "rows": sum(c.rows for c in done),
            "size": size(target.expanduser().stat().st_size),
            "seconds": time.perf_counter() - started,
            "by_table": page_table(
                ["table", "rows", "quarters copied"], ([c.table, c.rows, c.quarters_copied] for c in done)
            ),
        }
    )
