"""fundamentals, controls: what was known of each firm when its call began, from reports and from market data."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from ftm_assets.methods.returns.calendar_time import market_grid
from ftm_assets.methods.returns.call_controls import ControlParams, build_controls
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.market_reach import refuse_too_few_days
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import page_table, preview
from ftm_resources.expected import plainly
from ftm_resources.quarters import bounds
from ftm_resources.sources.base import SourceError
from ftm_resources.sources.returns.configured_fundamentals import ConfiguredFundamentals
from ftm_resources.tables.categories import CONTROLS
from ftm_resources.tables.sort_tables import FUNDAMENTALS
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)

TABLES = ("fundamentals", "controls")


@offering(ControlParams)
class ControlsConfig(dg.Config):
    """Parameters of controls."""

    replace_fundamentals: bool = Field(
        default=False,
        description="Replace fundamentals that came from another source, or from one that is no longer set",
    )


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"python"}),
    can_subset=True,
    partitions_def=QUARTERS,
    pool="wrds",
    op_tags=op_tags("controls"),
)
@plainly
def controls(
    context: dg.AssetExecutionContext,
    config: ControlsConfig,
    accounts: ConfiguredFundamentals,
    warehouse: Warehouse,
    transcripts: QuarterTable,
    abnormal_returns: QuarterTable,
    daily_returns: QuarterTable,
    factor_returns: QuarterTable,
) -> Iterator[dg.Output[Rows]]:
    """Read the fundamentals of the calls' PERMNOs, if a source is set, and join what was known to each call."""
    started, quarter = time.perf_counter(), context.partition_key
    params = params_of(config, ControlParams).checked()
    refuse_too_few_days(
        warehouse, quarter, {"days_before": params.days_before},
        of=f"controls of {quarter}", why="momentum and volatility need {n} trading days before the call",
    )  # fmt: skip
    opened = accounts.open(warehouse.provenance("transcripts", quarter).get("source", {}))
    name = "none" if opened is None else opened.name
    held = warehouse.provenance("fundamentals", quarter)
    _refuse_other_source(held, name, quarter, replacing=config.replace_fundamentals)
    columns = ["transcript_id", "firm_id", "permno", "call_date", "event_date"]
    calls = abnormal_returns.read(columns).group_by(columns).aggregate([])
    permnos = pc.unique(calls.column("permno")).drop_null().sort().to_pylist()
    first, last = bounds(quarter)
    came_from: Mapping[str, Any] = {"name": name}
    fundamentals = None
    if opened is None:
        context.log.warning(
            f"no source of fundamentals is set, so controls of {quarter} have no earnings surprise and no "
            "book-to-market. To have them, set FTM_FUNDAMENTALS_SOURCE to files or wrds and materialize controls"
        )
    else:
        try:
            fundamentals = opened.rows(permnos, first - params.oldest, last)
            came_from = opened.provenance()
        except SourceError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
    market = market_grid(
        [daily_returns.read(["permno", "date", "ret", "market_cap"])],
        [factor_returns.read()],
        until=pc.max(calls.column("event_date")).as_py(),
    )
    rows = build_controls(calls, market, fundamentals, params, quarter=quarter)
    kept = FUNDAMENTALS.empty_table() if fundamentals is None else fundamentals
    described = {**_described(rows), "source": name, "seconds": time.perf_counter() - started}
    if len(methods := described["sue_methods"]) > 1:
        calls_by = ", ".join(f"{method} {n}" for method, n in methods.items())
        context.log.warning(
            f"sue of {quarter} mixes two measures (calls: {calls_by}): surprises that the source has ready, and those "
            "made from earnings per share. Keep one sue_method in a regression"
        )
    own = (transcripts, abnormal_returns, daily_returns, factor_returns)
    reports = {
        "rows": kept.num_rows,
        "source": name,
        "without_known_date": kept.column("known_date").null_count,
    }
    made: dict[str, tuple[Rows, Mapping[str, Any]]] = {
        "fundamentals": (
            replace(Rows.of(kept, *own), source=came_from),
            {**reports, "preview": preview(kept, kept.column_names)},
        ),
        "controls": (replace(Rows.of(rows, *own), source=came_from), described),
    }
    yield from write_tables(
        context.op_execution_context,
        warehouse,
        made,
        code_version=CODE_VERSION,
        config=config.model_dump(),
    )


def _refuse_other_source(held: Mapping[str, Any], name: str, quarter: str, *, replacing: bool) -> None:
    """Raise a Failure if the quarter's fundamentals came from another kind of source, or from one no longer set."""
    before = held.get("source", {}).get("name", name)
    if before == name or not int(held["rows"]) or replacing:
        return
    now = "none is set now" if name == "none" else f"the source is now {name}"
    raise dg.Failure(
        f"fundamentals of {quarter} came from {before}, but {now}. To read them again, set "
        f"FTM_FUNDAMENTALS_SOURCE={before}. To replace them, set replace_fundamentals in the config of controls.",
        allow_retries=False,
    )


def _described(rows: pa.Table) -> dict[str, Any]:
    """Return how many calls have each control, and why the others have not."""
    n = max(rows.num_rows, 1)
    shown = []
    reasons: dict[str, dict[str, int]] = {}
    for name in CONTROLS:
        values = rows.column(name).drop_null()
        quantiles = pc.quantile(values, [0.25, 0.5, 0.75]).to_pylist() if len(values) else [None] * 3
        shown.append([name, len(values) / n, *quantiles])
        counts = rows.group_by(f"{name}_reason").aggregate([([], "count_all")]).to_pylist()
        reasons[name] = {c[f"{name}_reason"]: c["count_all"] for c in counts if c[f"{name}_reason"]}
    all_known = pc.sum(_all_known(rows)).as_py() or 0
    return {
        "calls": rows.num_rows,
        "with_all_controls": all_known / n,
        "reasons": reasons,
        "sue_methods": _sue_methods(rows),
        "controls": page_table(
            ["control", "known share", "lower quartile", "median", "upper quartile"], shown
        ),
        "preview": preview(rows, ["transcript_id", "event_date", *CONTROLS]),
    }


def _sue_methods(rows: pa.Table) -> dict[str, int]:
    """Return how many calls have a surprise by each method that occurs."""
    counts = pc.value_counts(rows.column("sue_method").drop_null()).to_pylist()
    return {c["values"]: c["counts"] for c in sorted(counts, key=lambda c: str(c["values"]))}


def _all_known(rows: pa.Table) -> pa.ChunkedArray:
    known = rows.column(CONTROLS[0]).is_valid()
    for name in CONTROLS[1:]:
        known = pc.and_(known, rows.column(name).is_valid())
    return known
