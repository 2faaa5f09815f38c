"""portfolio_sorts and the tables written with it: what portfolios of calls sorted by tone returned, up to this quarter.

The partition of a quarter holds what is seen from its end: the calls of this quarter and of earlier ones, never of
later ones. Returns of the days after it belong to the holding periods of its calls.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from ftm_assets.methods.returns.calendar_time import market_grid
from ftm_assets.methods.returns.tone_portfolios import (
    LONG_SHORT,
    PortfolioTables,
    build_portfolio_sorts,
    joined,
)
from ftm_assets.methods.returns.tone_sorting import SortParams
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.inputs import allows_mixed, pinned_inputs
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.known_before import READ_FOR_KNOWN, said_before
from ftm_assets.orchestration.market_reach import refuse_too_few_days
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.quarters_before import quarters_before
from ftm_assets.orchestration.series_chain import settled
from ftm_assets.orchestration.specs import page_table
from ftm_resources import quarters
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.expected import plainly
from ftm_resources.quarters import bounds
from ftm_resources.tables.categories import POOLED
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)

TABLES = ("portfolio_members", "portfolio_returns", "portfolio_sorts")
READ = ("sentiment_scores", "theme_links", "abnormal_returns", "daily_returns", "factor_returns")
"""What is read of this quarter and of each one before."""
PINNED = "pinned_theme_links"
"""What the definition pinned is made from."""

_MARGIN = timedelta(days=10)
"""The trading day before the quarter, whose market values weigh its first day, is not further away."""
_SIGNIFICANT = 0.05
_PERCENT = ("alpha", "se")
PREVIEWED = 25


@offering(SortParams)
class PortfolioSortsConfig(dg.Config):
    """Parameters of portfolios sorted by tone."""

    first_quarter: str | None = Field(
        default=None, description="First quarter whose calls count, e.g. 2015Q1; unset: all before are read"
    )


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"numpy"}),
    can_subset=True,
    partitions_def=QUARTERS,
    # Read for the definitions known_before and pinned.
    deps=[*READ_FOR_KNOWN, PINNED],
    pool="cpu",
    op_tags=op_tags("portfolio_sorts"),
)
@plainly
def portfolio_sorts(
    context: dg.AssetExecutionContext,
    config: PortfolioSortsConfig,
    warehouse: Warehouse,
    duckdb: ConfiguredDuckDB,
    sentiment_scores: QuarterTable,
    theme_links: QuarterTable,
    abnormal_returns: QuarterTable,
    daily_returns: QuarterTable,
    factor_returns: QuarterTable,
) -> Iterator[dg.Output[Rows]]:
    """Sort the calls of this quarter and all earlier ones by tone, and follow the portfolios day by day."""
    started, quarter = time.perf_counter(), context.partition_key
    params = params_of(config, SortParams).checked()
    first = "" if config.first_quarter is None else quarters.of_date(bounds(config.first_quarter)[0])
    own = [sentiment_scores, theme_links, abnormal_returns, daily_returns, factor_returns]
    more = [
        *(READ_FOR_KNOWN if "known_before" in params.definitions else ()),
        *((PINNED,) if "pinned" in params.definitions else ()),
    ]
    pinned = settled(warehouse)
    added = (
        pinned_inputs(
            warehouse,
            pinned,
            quarter,
            [*READ, *more],
            run=context.run,
            log=context.log,
            is_chain_judged=False,
        )
        if more
        else {}
    )
    own += [added[name] for name in more]
    before = quarters_before(
        warehouse, quarter, (*READ, *more), first=first, is_mixing=allows_mixed(context.run)
    )
    read = {**before.tables, quarter: {t.name: t for t in own}}
    for of_quarter in read:
        refuse_too_few_days(
            warehouse, of_quarter, {"days_after": params.days_after + 1}, of=f"portfolio_sorts of {quarter}",
            why=f"shares are held for {params.holding_days} trading days from day {params.first_day}, which needs "
            "{n} after the quarter",
        )  # fmt: skip
    inputs = {**{f"{t.name}@{quarter}": t.provenance() for t in own}, **before.inputs}
    names: dict[str, str] = {}
    calls: dict[str, list[pa.Table]] = {definition: [] for definition in params.definitions}
    notes: list[str] = []
    for of_quarter, held in read.items():
        for definition, parts in calls.items():
            if definition != "known_before":
                parts.append(_calls(held, names, PINNED if definition == "pinned" else "theme_links"))
                continue
            said = said_before(
                warehouse,
                pinned,
                duckdb,
                of_quarter,
                held,
                floor=params.known_floor,
                reader="portfolio_sorts",
                without=before.left_out,
            )
            parts.append(_calls_known(said.rows, held))
            names = {**said.names, **names}
            notes += [said.note] if said.note else []
            for table in said.read:
                # A quarter that was left out stays recorded so.
                inputs.setdefault(f"{table.name}@{table.quarter}", table.provenance())
    grid = market_grid(*_market(read))
    sorted_by = {
        definition: build_portfolio_sorts(
            pa.concat_tables(parts), names, grid, params, quarter=quarter, definition=definition
        )
        for definition, parts in calls.items()
    }
    made = joined(list(sorted_by.values()))
    for note in notes:
        context.log.info(f"portfolio_sorts {quarter}: {note}")
    described = {
        **_described(sorted_by, pa.concat_tables(calls[params.definitions[0]]), params),
        "notes": notes,
        "quarters": list(read),
        "left_out": dict(before.left_out),
        "themes_known": f"The themes of a quarter are made from all its calls. So the tone of a call of {quarter} is "
        "of themes that were not all known on its day, although the days and breakpoints were",
        "seconds": time.perf_counter() - started,
    }
    _say(context, before.left_out, _ended_early(read, params))
    rows = {
        "portfolio_members": made.members,
        "portfolio_returns": made.returns,
        "portfolio_sorts": made.sorts,
    }
    tables: dict[str, tuple[Rows, Mapping[str, Any]]] = {
        name: (
            replace(Rows.of(table), inputs=inputs),
            described if name == "portfolio_sorts" else {"rows": table.num_rows},
        )
        for name, table in rows.items()
    }
    yield from write_tables(
        context.op_execution_context,
        warehouse,
        tables,
        code_version=CODE_VERSION,
        config=config.model_dump(),
    )


def _calls_known(said: pa.Table, tables: Mapping[str, QuarterTable]) -> pa.Table:
    """Return a row per series known before and call of a quarter, as `_calls` does per theme."""
    columns = ["transcript_id", "firm_id", "permno", "event_date"]
    events = tables["abnormal_returns"].read(columns).group_by(columns).aggregate([])
    counts = ["n_positive", "n_negative", "n_sentences"]
    rows = said.select(["series_id", "transcript_id", *counts]).join(
        events, "transcript_id", join_type="inner"
    )
    quarter = pa.array([tables["theme_links"].quarter] * rows.num_rows, pa.string())
    return rows.append_column("quarter", quarter)


def _calls(tables: Mapping[str, QuarterTable], names: dict[str, str], links_table: str) -> pa.Table:
    """Return a row per theme and call of a quarter with its series and day 0, and add the series' names to `names`.

    `links_table` says which series a theme belongs to: theme_links, or pinned_theme_links.
    """
    counts = ["n_positive", "n_negative", "n_sentences"]
    scores = tables["sentiment_scores"].read(["theme_id", "transcript_id", "firm_id", "permno", *counts])
    links = tables[links_table].read(["theme_id", "series_id", "series_name"])
    names.update(zip(*(links.column(c).to_pylist() for c in ("series_id", "series_name")), strict=True))
    events = tables["abnormal_returns"].read(["transcript_id", "event_date"])
    events = events.group_by(["transcript_id", "event_date"]).aggregate([])
    rows = scores.join(links.select(["theme_id", "series_id"]), "theme_id", join_type="inner")
    rows = rows.join(events, "transcript_id", join_type="inner")
    return rows.append_column(
        "quarter", pa.array([tables["theme_links"].quarter] * rows.num_rows, pa.string())
    )


def _market(read: Mapping[str, Mapping[str, QuarterTable]]) -> tuple[list[pa.Table], list[pa.Table]]:
    """Return the daily returns and the factors of each quarter's days and those after it, oldest first."""
    found: dict[str, list[pa.Table]] = {"daily_returns": [], "factor_returns": []}
    columns = {"daily_returns": ["permno", "date", "ret", "market_cap"], "factor_returns": None}
    for quarter, tables in read.items():
        first = bounds(quarter)[0] - _MARGIN
        for name, parts in found.items():
            rows = tables[name].read(columns[name])
            parts.append(rows.filter(pc.greater_equal(rows.column("date"), first)))
    return found["daily_returns"], found["factor_returns"]


def _ended_early(read: Mapping[str, Mapping[str, QuarterTable]], params: SortParams) -> list[str]:
    """Return the quarters before this one whose market data end within their holding periods."""
    found = []
    for quarter in list(read)[:-1]:
        days = pc.unique(read[quarter]["factor_returns"].read(["date"]).column("date"))
        after = pc.sum(pc.greater(days, bounds(quarter)[1])).as_py() or 0
        if after < params.days_after + 1:
            found.append(quarter)
    return found


def _say(context: dg.AssetExecutionContext, left_out: Mapping[str, str], ended: Sequence[str]) -> None:
    quarter = context.partition_key
    for before, why in left_out.items():
        context.log.warning(
            f"portfolio_sorts {quarter} has no calls of {before}: {why}. Materialize what is missing or outdated (see "
            f"`ftm quarters`), and then portfolio_sorts of {quarter} again"
        )
    if ended:
        context.log.warning(
            f"daily_returns of {', '.join(ended)} end within the holding periods of their calls. If later returns are "
            "there by now, materialize daily_returns, factor_returns and abnormal_returns of them again"
        )


def _described(parts: Mapping[str, PortfolioTables], calls: pa.Table, params: SortParams) -> dict[str, Any]:
    """Return counts, the pooled portfolios, and how many differences are significant beside how many by chance.

    `calls`, and all but the latter, are of the first definition.
    """
    made = next(iter(parts.values()))
    sorts = made.sorts.to_pylist()
    by_definition = {
        definition: [
            r for r in part.sorts.to_pylist() if r["portfolio"] == LONG_SHORT and r["series_id"] != POOLED
        ]
        for definition, part in parts.items()
    }
    differences = by_definition[params.definitions[0]]
    tested: dict[str, Any] = {}
    for definition, weighting, model in product(parts, params.weightings, params.models):
        p = [
            r["p_value"]
            for r in by_definition[definition]
            if (r["weighting"], r["model"]) == (weighting, model) and r["p_value"] is not None
        ]
        n = sum(value < _SIGNIFICANT for value in p)
        of = "" if definition == "quarter" else f"{definition}: "
        tested[f"{of}{weighting}, {model}"] = (
            f"{n} of {len(p)} series at 5%; {_SIGNIFICANT * len(p):.1f} are to be expected by chance"
        )
    shown = [
        "weighting",
        "portfolio",
        "model",
        "alpha",
        "se",
        "t",
        "n_days",
        "mean_stocks",
        "n_calls",
        "reason",
    ]
    pooled = [r for r in sorts if r["series_id"] == POOLED]
    members = Counter(r or "sorted" for r in made.members.column("reason").to_pylist())
    return {
        "calls": len(pc.unique(calls.column("transcript_id"))),
        "series": len(pc.unique(calls.column("series_id"))),
        "members": dict(members),
        "reasons": dict(Counter(r["reason"] for r in sorts if r["reason"])),
        "significant": tested,
        "pooled": page_table(
            [f"{c} % a day" if c in _PERCENT else c for c in shown],
            ([_shown(r, c) for c in shown] for r in pooled),
        ),
        "preview": page_table(
            ["series_name", *(f"{c} % a day" if c in _PERCENT else c for c in shown)],
            ([r["series_name"], *(_shown(r, c) for c in shown)] for r in differences[:PREVIEWED]),
        ),
    }


def _shown(row: Mapping[str, Any], column: str) -> Any:
    return 100 * row[column] if column in _PERCENT and row[column] is not None else row[column]
