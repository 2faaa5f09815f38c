"""abnormal_returns: what a firm's shares returned around each call beyond what a model expects."""

import time
from collections import Counter
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.returns.event_windows import ReturnsParams, build_abnormal_returns, days_needed
from ftm_assets.methods.returns.market_arrays import calendar_of, dates_of
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.market_reach import refuse_too_few_days
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import asset_attributes, page_table, preview, readable
from ftm_resources.expected import plainly
from ftm_resources.trading_days import TradingDays
from ftm_resources.warehouse import QuarterTable, Warehouse


@offering(ReturnsParams)
class AbnormalReturnsConfig(dg.Config):
    """Parameters of abnormal returns."""


@dg.asset(
    partitions_def=QUARTERS,
    op_tags=op_tags("abnormal_returns"),
    **asset_attributes("abnormal_returns", code_version=code_version(__name__), kinds={"numpy"}),
)
@plainly
def abnormal_returns(
    context: dg.AssetExecutionContext,
    config: AbnormalReturnsConfig,
    warehouse: Warehouse,
    transcripts: QuarterTable,
    daily_returns: QuarterTable,
    factor_returns: QuarterTable,
) -> dg.Output[Rows]:
    """Find day 0 of each call, estimate each model before it, and add up the abnormal returns of each window."""
    started, quarter = time.perf_counter(), context.partition_key
    params = params_of(config, ReturnsParams)
    before, after = days_needed(params)
    refuse_too_few_days(
        warehouse, quarter, {"days_before": before, "days_after": after + 1},
        of=f"abnormal_returns of {quarter}", why="the windows need {n} trading days",
    )  # fmt: skip
    daily, factors = daily_returns.read(["permno", "date", "ret"]), factor_returns.read()
    days = calendar_of(daily, factors, quarter, before, after)
    rows = build_abnormal_returns(_calls(transcripts), daily, factors, days, params, quarter=quarter)
    off = _rows_without_factors(daily, factors, days)
    if off:
        context.log.warning(
            f"{off} rows of daily_returns {quarter} are of days that factor_returns lack. Where the exchange was open, "
            "models with factors have no abnormal return (missing_factors); other days do not count. Look for days "
            "that the factors lack"
        )
    described = {**_described(rows), "days_off_calendar": off, "seconds": time.perf_counter() - started}
    made = Rows.of(rows, transcripts, daily_returns, factor_returns, config=config.model_dump())
    return dg.Output(made, metadata=readable(described))


def _rows_without_factors(daily: pa.Table, factors: pa.Table, days: TradingDays) -> int:
    """Return how many rows are of no trading day, or of a day between the factors' first and last that they lack."""
    dates, known = dates_of(daily), dates_of(factors)
    is_off = ~np.isin(dates, days.days)
    if len(known):
        is_off |= (dates >= known.min()) & (dates <= known.max()) & ~np.isin(dates, known)
    return int(is_off.sum())


def _calls(transcripts: QuarterTable) -> pa.Table:
    """Return one row per call."""
    columns = ["transcript_id", "firm_id", "permno", "call_at", "call_date", "is_after_close"]
    calls = transcripts.read(columns).group_by(columns).aggregate([])
    # The source of a call has its time exactly if it is known whether that is after the close.
    return calls.append_column("is_date_only", pc.is_null(calls.column("is_after_close")))


def _percent(value: object) -> object:
    return 100 * value if isinstance(value, float) else value


def _described(rows: pa.Table) -> dict[str, Any]:
    """Return counts, the share of each rule of day 0 and reason, and the mean of each model and window."""
    calls = rows.group_by(["transcript_id", "event_rule", "permno"]).aggregate([])
    n = max(calls.num_rows, 1)
    rules = Counter(calls.column("event_rule").to_pylist())
    cells = rows.group_by(["model", "window"]).aggregate(
        [("car", "mean"), ("car", "stddev"), ("bhar", "mean"), ("car", "count"), ("model", "count")]
    )
    columns = ["model", "window", "car_mean", "car_stddev", "bhar_mean", "car_count", "model_count"]
    shown = cells.sort_by([("model", "ascending"), ("window", "ascending")]).select(columns).to_pylist()
    reasons = Counter(r for r in rows.column("reason").to_pylist() if r)
    return {
        "calls": calls.num_rows,
        "linked_share": 1 - calls.column("permno").null_count / n,
        "event_rules": {rule: count / n for rule, count in sorted(rules.items())},
        "reasons": dict(reasons),
        "computed_share": 1 - reasons.total() / max(rows.num_rows, 1),
        "windows": page_table(
            ["model", "window", "mean CAR %", "sd CAR %", "mean BHAR %", "computed", "calls"],
            ([_percent(row[c]) for c in columns] for row in shown),
        ),
        "preview": preview(rows, ["transcript_id", "event_date", "model", "window", "car", "bhar", "reason"]),
    }
