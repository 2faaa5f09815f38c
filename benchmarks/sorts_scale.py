"""Portfolio sorts and controls at full size: seconds and memory of each step.

`python -m benchmarks.sorts_scale --firms 5000 --quarters 8 --out results.json` writes generated scores, links, returns
and calls of several quarters into a warehouse, and Compustat's table into a local PostgreSQL server, and materializes
`controls` and `portfolio_sorts` of the last quarter, each in a separate process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.materializing import deployment, materialized
from benchmarks.measure import markdown
from benchmarks.wrds_server import Library, serve
from ftm_resources import quarters
from ftm_resources.tables import TABLES
from ftm_resources.trading_days import exchange_days, reach
from ftm_resources.warehouse import Warehouse

LAST = "2023Q4"
THEMES = 150
"""Themes of a quarter, each of the same series in all."""
PER_CALL = 20
"""Themes that a call speaks about."""
FIRST_PERMNO = 10_000


def write_quarter(warehouse: Warehouse, quarter: str, firms: int) -> int:
    """Write what the two steps read of a quarter; return the number of rows."""
    rng = np.random.default_rng([int(quarter[:4]), int(quarter[-1])])
    first, last = quarters.bounds(quarter)
    days = exchange_days(*reach(first, last, 260, 65)).days
    begin = int(np.searchsorted(days, np.datetime64(first)))
    zero = days[begin + rng.integers(5, 50, firms)]
    permnos = np.arange(FIRST_PERMNO, FIRST_PERMNO + firms)
    ids = [f"{quarter}{i}" for i in range(firms)]
    written = 0

    def write(name: str, columns: dict[str, Any], **provenance: Any) -> None:
        nonlocal written
        n = len(next(iter(columns.values())))
        contract = TABLES[name]
        filled = {c.name: columns.get(c.name, pa.nulls(n, c.type)) for c in contract.own}
        rows = contract.conform(pa.table(filled), quarter=quarter)
        written += n
        slices = [rows.slice(i, 200_000) for i in range(0, n, 200_000)]
        warehouse.replace(name, quarter, slices, provenance={"run_id": "made", **provenance})

    at = [datetime.combine(d, datetime.min.time(), UTC) + timedelta(hours=15) for d in zero.tolist()]
    named = {
        "transcript_id": ids,
        "firm_id": [str(i) for i in range(firms)],
        "permno": permnos,
        "call_date": zero,
    }
    write(
        "transcripts",
        {**named, "component_id": [f"{t}:0" for t in ids], "firm_name": ["F"] * firms, "call_at": at}
        | {"component_order": [0] * firms, "section": ["presentation"] * firms, "text": ["x"] * firms}
        | {"speaker_type": ["executive"] * firms, "verbatim_text": ["x"] * firms},
        source={"name": "capital_iq"},
    )
    counts = {c: np.zeros(firms, np.int32) for c in ("first_day", "last_day", "n_days", "n_estimation")}
    texts = {"event_rule": "same_day", "model": "ff3", "window": "[0,+1]"}
    write(
        "abnormal_returns",
        {**named, **counts, "event_date": zero} | {k: [v] * firms for k, v in texts.items()},
    )
    n = firms * PER_CALL
    of = np.repeat(np.arange(firms), PER_CALL)
    theme = np.argsort(rng.random((firms, THEMES)), axis=1)[:, :PER_CALL].ravel()
    positive, negative = rng.poisson(2, n), rng.poisson(1.5, n)
    scores = {c: np.array(v)[of] if isinstance(v, list) else v[of] for c, v in named.items()}
    write(
        "sentiment_scores",
        scores
        | {"theme_id": [f"{quarter}:theme:{t:03d}" for t in theme], "firm_name": ["F"] * n}
        | {"n_positive": positive, "n_negative": negative, "n_neutral": np.full(n, 2)}
        | {"n_sentences": positive + negative + 2, "n_turns": np.ones(n, np.int32)}
        | dict.fromkeys(("score", "expected_score", "mean_p_positive", "mean_p_neutral"), np.full(n, 0.1))
        | dict.fromkeys(("mean_p_negative", "mean_strength"), np.full(n, 0.1)),
    )
    write(
        "theme_links",
        {
            "theme_id": [f"{quarter}:theme:{t:03d}" for t in range(THEMES)],
            "series_id": [f"2000Q1:series:{t:03d}" for t in range(THEMES)],
            "series_name": [f"Theme {t}" for t in range(THEMES)],
            "event": ["continued"] * THEMES,
            "is_renamed": [False] * THEMES,
        },
    )
    factors = rng.normal(0, 0.01, (len(days), 4))
    names = ("mkt_rf", "smb", "hml", "umd")
    write(
        "factor_returns",
        {"date": days, "rf": np.full(len(days), 1e-4), **dict(zip(names, factors.T, strict=True))},
    )
    returns = rng.normal(0, 0.02, (firms, len(days))).clip(-0.5)
    caps = np.exp(rng.normal(21, 1.5, (firms, 1))) * np.cumprod(1 + returns, axis=1)
    write(
        "daily_returns",
        {
            "permno": np.repeat(permnos, len(days)),
            "date": np.tile(days, firms),
            "ret": returns.ravel(),
            "market_cap": caps.ravel(),
        },
        config={"days_before": 260, "days_after": 65},
    )
    return written


def fill(library: Library, firms: int) -> None:
    """Fill Compustat's table and the links."""
    library.server.copy(
        f"{library.crsp}.ccmxpf_linktable",
        ([f"{i:06d}", FIRST_PERMNO + i, date(1990, 1, 1), None, "LC", "P"] for i in range(firms)),
    )
    ends = [quarters.bounds(q)[1] for q in quarters.between("2020Q1", LAST)]
    for end in ends:
        library.server.copy(
            f"{library.comp}.fundq",
            (
                [
                    *(f"{i:06d}", end, end + timedelta(25), "INDL", "STD", "D", "C", 1 + i % 7 / 10, 50.0, 1),
                    *(500.0, None, 0, None, None, 3.0),
                ]
                for i in range(firms)
            ),
        )
    library.server.run(f"CREATE INDEX ON {library.comp}.fundq (gvkey, datadate); ANALYZE")


def run(firms: int, n_quarters: int, folder: Path) -> list[dict[str, Any]]:
    """Write the warehouse and materialize both steps; return a row per measurement."""
    warehouse = Warehouse(path=str(folder / "warehouse"))
    started = time.perf_counter()
    n_rows = sum(
        write_quarter(warehouse, q, firms)
        for q in quarters.between(quarters.shifted(LAST, 1 - n_quarters), LAST)
    )
    seconds = round(time.perf_counter() - started, 1)
    found: list[dict[str, Any]] = [
        {"what": "fixture", "rows": n_rows, "seconds": seconds, "cpu_seconds": None, "peak_mib": None}
    ]
    with serve() as server:
        library = Library(server)
        fill(library, firms)
        environment = deployment(folder, {**library.environment(), "FTM_FUNDAMENTALS_SOURCE": "wrds"})
        for tables in ("fundamentals,controls", "portfolio_members,portfolio_returns,portfolio_sorts"):
            table = tables.rpartition(",")[2]
            used = materialized(tables, LAST, environment, folder / f"{table}.log")
            rows = warehouse.read(table, LAST, columns=["quarter"]).num_rows
            found.append({"what": table, "rows": rows, **used})
            print(json.dumps(found[-1]), flush=True)
    return found


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sorts_scale", description=__doc__)
    parser.add_argument(
        "--firms", type=int, default=5000, help="generated firms, each with one call a quarter"
    )
    parser.add_argument("--quarters", type=int, default=8, help="quarters up to 2023Q4")
    parser.add_argument("--out", type=Path, required=True, help="file for the results, JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        rows = run(options.firms, options.quarters, Path(temporary))
    options.out.write_text(json.dumps(rows, indent=1))
    print(markdown(rows))


if __name__ == "__main__":
    main()
