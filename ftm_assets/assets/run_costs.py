"""run_costs: what every attempt at a step of the quarter took, on what, and its price, from Dagster's event log."""

import time
from collections import defaultdict
from typing import Any

import dagster as dg
import pyarrow as pa

from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.priced_runs import cost_rows, total
from ftm_assets.orchestration.specs import NO_CONFIG, asset_attributes, page_table, readable
from ftm_resources import price_table
from ftm_resources.expected import plainly
from ftm_resources.tables.cost_tables import RUN_COSTS
from ftm_resources.warehouse import Warehouse

AFTER = ("coverage", "theme_panel", "topic_quality", "theme_links", "sentiment_cells", "topic_coherence")
"""Tables after which a quarter's page can be made, so that the costs are known when it is."""

LAST = {"dagster/priority": "-10"}
"""Where steps wait for each other's processor, all others come first, so that their seconds are counted."""


@dg.asset(
    partitions_def=QUARTERS,
    deps=list(AFTER),
    op_tags={**op_tags(RUN_COSTS), **LAST},
    config_schema=NO_CONFIG,
    **asset_attributes(RUN_COSTS, code_version=code_version(__name__), kinds={"dagster"}),
)
@plainly
def run_costs(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.Output[Rows]:
    """Price all runs of the quarter so far, this one included as far as it has come."""
    started, quarter, prices = time.perf_counter(), context.partition_key, price_table.current()
    rows = cost_rows(context.instance, quarter, prices, _stored(warehouse, quarter), time.time())
    told = {"model": prices.name, "of": prices.span, "region": prices.regions}
    return dg.Output(
        Rows((rows,), {}, models={"prices": told}),
        metadata=readable({**_described(rows), "prices": told, "seconds": time.perf_counter() - started}),
    )


def _stored(warehouse: Warehouse, quarter: str) -> pa.Table | None:
    """Return the rows that the table has; None if the quarter was never written."""
    stored = warehouse.quarter(RUN_COSTS, quarter) if warehouse.exists() else None
    return stored.read() if stored is not None and stored.is_written else None


def _described(rows: pa.Table) -> dict[str, Any]:
    listed = rows.to_pylist()
    usd, without = total(listed)
    by_stage = defaultdict(list)
    for row in listed:
        by_stage[row["stage"]].append(row)
    table = (
        [
            stage,
            len(of),
            sum(r["seconds"] for r in of),
            total(of)[0],
            ", ".join(sorted({r["market"] for r in of})),
        ]
        for stage, of in sorted(by_stage.items(), key=lambda item: -sum(r["seconds"] for r in item[1]))
    )
    return {
        "runs": len({row["run_id"] for row in listed}),
        "attempts": len(listed),
        "attempts_that_failed": sum(r["outcome"] in {"failed", "restarted", "cut_off"} for r in listed),
        "step_seconds": sum(r["seconds"] for r in listed),
        **({} if usd is None else {"usd": usd}),
        "seconds_without_price": without,
        "by_stage": page_table(["stage", "attempts", "seconds", "usd", "market"], table),
    }
