"""Small quarters of calls with tone, topics and returns, written straight into a warehouse, and their event study."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from ftm_assets.assets.event_study import event_study
from ftm_assets.methods.returns.event_windows import ReturnsParams, build_abnormal_returns, days_needed
from ftm_assets.methods.returns.market_arrays import calendar_of
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.quarters import bounds
from ftm_resources.tables import TABLES
from ftm_resources.tables.returns_tables import DAILY, FACTOR_COLUMNS, FACTORS
from ftm_resources.trading_days import exchange_days
from ftm_resources.warehouse import Warehouse

from .quarters_of_themes import link, write_themes

SUBJECTS = ("prices", "hiring", "costs", "weather")
EFFECT = 0.04
"""What tone about prices adds to the return of day 0."""
SENTENCES = 5
RETURNS = ReturnsParams(
    models=["market_adjusted", "carhart"],
    windows=["[0,+1]"],
    estimation_first_day=-120,
    min_estimation_days=60,
)
"""Also of how far the written market data reach."""
SPAN = exchange_days(date(2019, 1, 2), date(2023, 12, 29)).days.tolist()


def call_of(quarter: str, firm: int) -> tuple[str, datetime]:
    """The id and the start of a firm's call: the firms call on twenty days, one or a few a day."""
    first = bounds(quarter)[0] + timedelta(days=21)
    day = [d for d in SPAN if d >= first][firm % 20]
    return f"{quarter}-{firm}", datetime(day.year, day.month, day.day, 15, tzinfo=UTC)


def write_events(
    warehouse: Warehouse,
    quarter: str,
    *,
    firms: int = 40,
    params: ReturnsParams = RETURNS,
    with_returns: bool = True,
) -> None:
    """Write a quarter of calls, one per firm, with a topic of each subject and returns that prices move."""
    write_themes(warehouse, quarter, SUBJECTS, topics_per_theme=firms)
    assert link(warehouse, quarter).success
    rng = np.random.default_rng([int(quarter[:4]), int(quarter[-1])])
    labels = rng.choice(["positive", "neutral", "negative"], (firms, len(SUBJECTS), SENTENCES))
    tone = (labels == "positive").mean(axis=2) - (labels == "negative").mean(axis=2)
    _write_texts(warehouse, quarter, labels)
    scores = [
        {
            "theme_id": f"{quarter}:theme:{s:03d}", "transcript_id": call_of(quarter, firm)[0], "firm_id": str(firm),
            "firm_name": f"Firm {firm}", "permno": 10_000 + firm, "call_date": call_of(quarter, firm)[1].date(),
            "n_positive": int((own == "positive").sum()), "n_neutral": int((own == "neutral").sum()),
            "n_negative": int((own == "negative").sum()), "n_sentences": SENTENCES, "score": tone[firm, s],
            "score_se": 0.1, "n_turns": 2, "expected_score": 0.6 * tone[firm, s], "mean_p_positive": 0.4,
            "mean_p_neutral": 0.3, "mean_p_negative": 0.3, "mean_strength": 0.5,
        }
        for firm in range(firms) for s in range(len(SUBJECTS)) for own in (labels[firm, s],)
    ]  # fmt: skip
    write(warehouse, quarter, "sentiment_scores", scores)
    if with_returns:
        _write_returns(warehouse, quarter, tone[:, 0], params)


def write(
    warehouse: Warehouse, quarter: str, table: str, rows: list[dict[str, Any]], **provenance: Any
) -> None:
    made = pa.Table.from_pylist([{**row, "quarter": quarter} for row in rows], TABLES[table].arrow_schema)
    warehouse.replace(table, quarter, [made], provenance=provenance)


def _write_texts(warehouse: Warehouse, quarter: str, labels: np.ndarray) -> None:
    firms = len(labels)
    said = [
        (f"{quarter}:{firm}:{s:03d}", f"{quarter}:{firm}:{s}:{j}", firm, str(labels[firm, s, j]))
        for firm in range(firms) for s in range(len(SUBJECTS)) for j in range(SENTENCES)
    ]  # fmt: skip
    of = {"section": "presentation", "speaker_type": "executive", "text": "x", "n_words": 1}
    needed = {c.name for c in TABLES["sentences"].own}
    sentences = [
        {
            "sentence_id": sid, "component_id": sid, "transcript_id": call_of(quarter, firm)[0], "firm_id": str(firm),
            **{k: v for k, v in of.items() if k in needed}, "position": 0,
        }
        for _, sid, firm, _ in said
    ]  # fmt: skip
    sentences = [{k: v for k, v in row.items() if k in needed} for row in sentences]
    write(warehouse, quarter, "sentences", sentences)
    write(
        warehouse, quarter, "sentence_topics",
        [
            {"sentence_id": sid, "firm_id": str(firm), "topic_id": topic, "strength": 0.5}
            for topic, sid, firm, _ in said
        ],
    )  # fmt: skip
    p = {"positive": (0.8, 0.1, 0.1), "neutral": (0.1, 0.8, 0.1), "negative": (0.1, 0.1, 0.8)}
    write(
        warehouse, quarter, "sentence_sentiment",
        [
            {"sentence_id": sid, "label": label, "model": "m",
             **dict(zip(("p_positive", "p_neutral", "p_negative"), p[label], strict=True))}
            for _, sid, _, label in said
        ],
    )  # fmt: skip


def _write_returns(warehouse: Warehouse, quarter: str, tone: np.ndarray, params: ReturnsParams) -> None:
    first, last = bounds(quarter)
    start = next(i for i, d in enumerate(SPAN) if d >= first) - 150
    days = SPAN[start : next(i for i, d in enumerate(SPAN) if d > last) + 30]
    # Returns of a firm and day are the same in every quarter; the calls of other quarters are left out for brevity.
    everyone = np.random.default_rng(3)
    noise = everyone.normal(0, 0.015, (len(SPAN), 200))[start : start + len(days)]
    market = everyone.normal(0, 0.01, (len(SPAN), 4))[start : start + len(days)]
    factors = pa.table(
        {"date": days, **dict(zip(FACTOR_COLUMNS, market.T, strict=True)), "rf": np.full(len(days), 0.0001)},
        schema=FACTORS,
    )
    returns = noise[:, : len(tone)] + market[:, :1] + 0.0001
    at = {d: i for i, d in enumerate(days)}
    for firm, x in enumerate(tone):
        returns[at[call_of(quarter, firm)[1].date()], firm] += EFFECT * x
    daily = pa.table(
        {
            "permno": np.repeat(np.arange(10_000, 10_000 + len(tone)), len(days)),
            "date": days * len(tone),
            "ret": returns.T.reshape(-1),
            **{
                c: pa.nulls(len(days) * len(tone), pa.float64())
                for c in ("price", "shares", "volume", "market_cap")
            },
        },
        schema=DAILY,
    )
    calls = [call_of(quarter, firm) for firm in range(len(tone))]
    events = pa.table(
        {
            "transcript_id": [t for t, _ in calls],
            "firm_id": [str(f) for f in range(len(tone))],
            "permno": pa.array([10_000 + f for f in range(len(tone))], pa.int64()),
            "call_at": pa.array([at for _, at in calls], pa.timestamp("us", tz="UTC")),
            "call_date": [at.date() for _, at in calls],
            "is_date_only": [False] * len(tone),
        }
    )
    calendar = calendar_of(daily, factors, quarter, *days_needed(params))
    abnormal = build_abnormal_returns(events, daily, factors, calendar, params, quarter=quarter)
    for name, rows in (("daily_returns", daily), ("factor_returns", factors)):
        warehouse.replace(name, quarter, [TABLES[name].conform(rows, quarter=quarter)], provenance={})
    warehouse.replace("abnormal_returns", quarter, [abnormal], provenance={"config": vars(params)})


def write_controls(
    warehouse: Warehouse, quarter: str, *, without_sue: int, without_book: int, firms: int = 40, **more: Any
) -> None:
    """Write what was known at each call: of the first firms no surprise, and of the last no book-to-market."""
    rng = np.random.default_rng(int(quarter[-1]))
    names = {c.name for c in TABLES["controls"].own}
    rows = [
        dict.fromkeys(names)
        | {"transcript_id": call_of(quarter, firm)[0], "firm_id": str(firm), "permno": 10_000 + firm}
        | {"call_date": call_of(quarter, firm)[1].date(), "event_date": call_of(quarter, firm)[1].date()}
        | {"log_size": 20 + rng.normal(), "momentum": rng.normal(), "volatility": 0.02}
        | ({} if firm < without_sue else {"sue": rng.normal(), "sue_method": "seasonal_walk"} | more)
        | ({} if firm >= firms - without_book else {"book_to_market": rng.normal()})
        for firm in range(firms)
    ]
    write(warehouse, quarter, "controls", rows)


def write_pinned(warehouse: Warehouse, quarter: str) -> None:
    """Write the links of a dictionary that has one theme, prices."""
    row = {"theme_id": f"{quarter}:theme:000", "series_id": "pinned:prices", "series_name": "Prices"}
    write(warehouse, quarter, "pinned_theme_links", [{**row, "similarity": 0.9, "margin": 0.4}])


def study(warehouse: Warehouse, quarter: str, **config: Any) -> dg.ExecuteInProcessResult:
    """Materialize the event study of a quarter."""
    upstream = sorted({k.path[-1] for k in event_study.dependency_keys})
    definitions = dg.Definitions(
        assets=[event_study, *(dg.AssetSpec(t, partitions_def=QUARTERS) for t in upstream)],
        jobs=[dg.define_asset_job("job", selection=[event_study])],
        resources={
            "warehouse": warehouse,
            "io_manager": WarehouseIOManager(warehouse=warehouse),
            "duckdb": ConfiguredDuckDB(),
        },
    )
    return definitions.resolve_job_def("job").execute_in_process(
        partition_key=quarter,
        run_config={"ops": {"event_study": {"config": config}}},
        raise_on_error=False,
    )


def rows_of(warehouse: Warehouse, table: str, quarter: str, **where: Any) -> list[dict[str, Any]]:
    """Return the rows of a table that have these values."""
    rows = warehouse.read(table, quarter).to_pylist()
    return [r for r in rows if all(r[k] == v for k, v in where.items())]


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Return the metadata of the event study's materialization."""
    (made,) = result.asset_materializations_for_node("event_study")[:1]
    return {
        name: [r.data for r in value.records] if isinstance(value, dg.TableMetadataValue) else value.value
        for name, value in made.metadata.items()
    }
