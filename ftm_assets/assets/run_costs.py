"""run_costs: what every attempt at a step of the quarter took, on what, and its price, from Dagster's event log."""

import time
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa

from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.priced_runs import cost_rows
from ftm_assets.orchestration.specs import NO_CONFIG, asset_attributes, page_table, readable
from ftm_resources import price_table, settings
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.expected import plainly
from ftm_resources.tables.cost_tables import PRICED_ROWS, RUN_COSTS, USD_SUM
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    import duckdb

AFTER = ("coverage", "theme_panel", "topic_quality", "theme_links", "sentiment_cells", "topic_coherence")
"""Tables after which a quarter's page can be made, so that the costs are known when it is."""

LAST = {"dagster/priority": "-10"}
"""Where steps wait for each other's processor, all others come first, so that their seconds are counted."""

_COUNTED = (
    *("runs", "attempts", "attempts_that_failed", "step_seconds", "seconds_without_price"),
    *("tokens", "tokens_without_price", "attempts_with_unknown_tokens"),
)

_WHOLE = f"""
    SELECT count(DISTINCT run_id) AS runs, count(*) AS attempts,
        count(*) FILTER (has_failed) AS attempts_that_failed,
        coalesce(sum(seconds), 0) AS step_seconds,
        coalesce(sum(seconds) FILTER (lacks_machine_usd), 0) AS seconds_without_price,
        coalesce(sum(tokens_in + tokens_out), 0)::BIGINT AS tokens,
        coalesce(sum(tokens_in + tokens_out) FILTER (lacks_tokens_usd), 0)::BIGINT AS tokens_without_price,
        count(*) FILTER (tokens_in + tokens_out IS NULL) AS attempts_with_unknown_tokens,
        {USD_SUM} AS usd, coalesce(bool_or(lacks_usd), false) AS is_at_least
    FROM {PRICED_ROWS}
"""  # noqa: S608 - a constant

_BY_STAGE = f"""
    SELECT stage, count(*) AS attempts, sum(seconds) AS seconds, {USD_SUM} AS usd, bool_or(lacks_usd) AS "at least",
        string_agg(DISTINCT market, ', ' ORDER BY market) AS market
    FROM {PRICED_ROWS} GROUP BY stage ORDER BY seconds DESC, stage
"""  # noqa: S608 - a constant


@dg.asset(
    partitions_def=QUARTERS,
    deps=list(AFTER),
    op_tags={**op_tags(RUN_COSTS), **LAST},
    config_schema=NO_CONFIG,
    **asset_attributes(RUN_COSTS, code_version=code_version(__name__), kinds={"dagster"}),
)
@plainly
def run_costs(
    context: dg.AssetExecutionContext, duckdb: ConfiguredDuckDB, warehouse: Warehouse
) -> dg.Output[Rows]:
    """Price all runs of the quarter so far, this one included as far as it has come."""
    started, quarter, prices = time.perf_counter(), context.partition_key, price_table.current()
    rows = cost_rows(context.instance, quarter, prices, _stored(warehouse, quarter), time.time())
    if said := _of_another_region(prices, settings.region(), set(rows.column("market").to_pylist())):
        context.log.warning(said)
    told = {"model": prices.name, "of": prices.span, "region": prices.regions}
    with duckdb.get_connection() as db:
        described = _described(db, rows)
    return dg.Output(
        Rows((rows,), {}, models={"prices": told}),
        metadata=readable({**described, "prices": told, "seconds": time.perf_counter() - started}),
    )


def _of_another_region(prices: price_table.Prices, region: str | None, markets: set[str]) -> str:
    """Return what is said of prices of another region than the machines'; empty if none ran on AWS."""
    elsewhere = prices.elsewhere(region) if markets - {"local"} else ""
    return (
        f"run_costs: steps ran in {region}, but prices are of {elsewhere}: set FTM_PRICES"
        if elsewhere
        else ""
    )


def _stored(warehouse: Warehouse, quarter: str) -> pa.Table | None:
    """Return the rows that the table has; None if the quarter was never written."""
    stored = warehouse.quarter(RUN_COSTS, quarter) if warehouse.exists() else None
    return stored.read() if stored is not None and stored.is_written else None


def _described(db: "duckdb.DuckDBPyConnection", rows: pa.Table) -> dict[str, Any]:
    """Return what there is to say of rows, and of each stage; sums of USD are of what has a price."""
    db.register(RUN_COSTS, rows)
    whole = db.execute(_WHOLE).to_arrow_table().to_pylist()[0]
    stages = db.execute(_BY_STAGE).to_arrow_table()
    usd = {} if whole["usd"] is None else {"usd": whole["usd"], "usd_is_at_least": whole["is_at_least"]}
    counts = {name: whole[name] for name in _COUNTED}
    return {
        **counts,
        **usd,
        "by_stage": page_table(stages.column_names, [tuple(row.values()) for row in stages.to_pylist()]),
    }
