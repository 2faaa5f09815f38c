"""daily_returns, factor_returns: the market data that the event windows of the quarter's calls need."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import preview
from ftm_resources import quarters
from ftm_resources.expected import plainly
from ftm_resources.sources.base import SourceError
from ftm_resources.sources.returns.configured_market import ConfiguredMarket
from ftm_resources.tables.returns_tables import DAILY
from ftm_resources.trading_days import reach
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)

TABLES = ("daily_returns", "factor_returns")


class DailyReturnsConfig(dg.Config):
    """How many days around the quarter to read, and when to replace stored market data."""

    days_before: int = Field(
        default=260,
        ge=1,
        description="Trading days before the quarter: at least as many as the estimation window reaches back",
    )
    days_after: int = Field(
        default=65,
        ge=1,
        description="Trading days after the quarter: more than the longest event window reaches, as day 0 of a call "
        "may follow the quarter's last day",
    )
    replace_market: bool = Field(
        default=False,
        description="Replace market data that came from another source, e.g. CRSP's with those of files",
    )


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"python"}),
    can_subset=True,
    partitions_def=QUARTERS,
    pool="wrds",
    op_tags=op_tags("daily_returns"),
)
@plainly
def daily_returns(
    context: dg.AssetExecutionContext,
    config: DailyReturnsConfig,
    market: ConfiguredMarket,
    warehouse: Warehouse,
    transcripts: QuarterTable,
) -> Iterator[dg.Output[Rows]]:
    """Read the returns of the calls' PERMNOs and the factors; without a source of them, skip both tables."""
    started, quarter = time.perf_counter(), context.partition_key
    opened = market.open(warehouse.provenance("transcripts", quarter).get("source", {}))
    held = warehouse.provenance("daily_returns", quarter)
    if opened is None:
        kept = (
            f"; those stored from {held['source']['name']} are kept as they are" if held.get("source") else ""
        )
        context.log.warning(
            f"no source of market data is set, so {quarter} has no new {', '.join(TABLES)}, nor what is made of "
            f"them: abnormal_returns, controls and portfolio_sorts{kept}. To have them, set FTM_RETURNS_SOURCE to "
            "files or wrds and materialize daily_returns and everything downstream"
        )
        return
    _refuse_other_market(held, opened.name, quarter, replacing=config.replace_market)
    permnos = pc.unique(transcripts.read(["permno"]).column("permno")).drop_null().sort()
    first, last = reach(*quarters.bounds(quarter), config.days_before, config.days_after)
    try:
        factors = opened.factors(first, last)
        daily = pa.concat_tables([DAILY.empty_table(), *opened.daily(permnos.to_pylist(), first, last)])
        came_from = opened.provenance()
    except SourceError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    described = _described(daily, len(permnos), factors)
    if described["firms_without_returns"]:
        context.log.warning(
            f"{described['firms_without_returns']} of {len(permnos)} PERMNOs of {quarter} have no returns in "
            f"{opened.name} between {first} and {last}; abnormal_returns gives the reason for each call"
        )
    read = {"source": opened.name, "first_day": str(first), "last_day": str(last)}
    described |= {**read, "seconds": time.perf_counter() - started}
    made: dict[str, tuple[Rows, Mapping[str, Any]]] = {
        "daily_returns": (replace(Rows.of(daily, transcripts), source=came_from), described),
        "factor_returns": (
            replace(Rows.of(factors, transcripts), source=came_from),
            {**read, "days": factors.num_rows, "preview": preview(factors, factors.column_names)},
        ),
    }
    yield from write_tables(
        context.op_execution_context, warehouse, made, code_version=CODE_VERSION, config=config.model_dump()
    )


def _refuse_other_market(held: Mapping[str, Any], name: str, quarter: str, *, replacing: bool) -> None:
    """Raise a Failure if the quarter's market data came from another kind of source."""
    before = held.get("source", {}).get("name", name)
    if before == name or not int(held["rows"]) or replacing:
        return
    raise dg.Failure(
        f"daily_returns of {quarter} came from {before}, but the source is now {name}. To read them again, set "
        f"FTM_RETURNS_SOURCE={before}. To replace them, set replace_market in the config of daily_returns.",
        allow_retries=False,
    )


def _described(daily: pa.Table, asked: int, factors: pa.Table) -> dict[str, Any]:
    firms = pc.count_distinct(daily.column("permno")).as_py()
    days = pc.unique(daily.column("date"))
    off = pc.invert(pc.is_in(days, factors.column("date").combine_chunks()))
    return {
        "firms": firms,
        "firms_without_returns": asked - firms,
        "days": len(days),
        "days_without_factors": pc.sum(off).as_py() or 0,
        "missing_return_share": daily.column("ret").null_count / max(daily.num_rows, 1),
        "preview": preview(daily, ["permno", "date", "ret", "price", "market_cap"]),
    }
