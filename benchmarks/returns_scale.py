"""Market data and abnormal returns of a full-size quarter: seconds and memory of each step.

`python -m benchmarks.returns_scale --firms 5000 --out results.json` fills a local PostgreSQL server with generated data
in CRSP's and Fama and French's tables, and materializes `daily_returns` from them and then `abnormal_returns`, each in
a separate process. Every firm has one call.
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
from ftm_resources.tables import TABLES
from ftm_resources.trading_days import exchange_days
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
SPAN = (date(2021, 12, 1), date(2023, 7, 31))


def fill(library: Library, firms: int, seed: int = 0) -> int:
    """Fill the daily file and the factors; return the number of rows."""
    rng = np.random.default_rng(seed)
    days = exchange_days(*SPAN).days.tolist()
    factors = rng.normal(0, [0.01, 0.005, 0.005, 0.006], (len(days), 4))
    library.server.copy(
        f"{library.ff}.factors_daily",
        (
            [d, *map(float, f[:3].round(6)), 0.0001, float(f[3].round(6))]
            for d, f in zip(days, factors, strict=True)
        ),
    )
    for start in range(0, firms, 500):
        rows = []
        for permno in range(10_000 + start, 10_000 + min(start + 500, firms)):
            ret = factors @ rng.normal([1, 0.3, 0.1, 0], 0.3) + rng.normal(0, 0.02, len(days))
            rows += [
                [permno, d, r, 25.0, 7000, 1000.0, 175000.0, "N"]
                for d, r in zip(days, ret.round(6).tolist(), strict=True)
            ]
        library.server.copy(f"{library.crsp}.dsf_v2", rows)
    library.server.run(f"CREATE INDEX ON {library.crsp}.dsf_v2 (permno, dlycaldt); ANALYZE")
    return firms * len(days)


def write_calls(warehouse: Warehouse, firms: int) -> None:
    """Write one call of each firm, over fifty days of the quarter."""
    rows: list[dict[str, Any]] = []
    for i in range(firms):
        at = datetime(2023, 1, 20, 13 + i % 9, 30, tzinfo=UTC) + timedelta(days=i % 50)
        rows.append(
            {
                "component_id": f"{QUARTER}:{i}:0000", "firm_id": str(i), "firm_name": f"Firm {i}",
                "permno": 10_000 + i, "transcript_id": str(i), "call_at": at, "call_date": at.date(),
                "is_after_close": at.hour >= 21, "component_order": 0, "section": "presentation",
                "speaker_type": "executive", "text": "Good day.", "verbatim_text": "Good day.", "quarter": QUARTER,
            }
        )  # fmt: skip
    made = pa.Table.from_pylist(rows, schema=TABLES["transcripts"].arrow_schema)
    warehouse.replace("transcripts", QUARTER, [made], provenance={"source": {"name": "capital_iq"}})


def run(firms: int, folder: Path) -> list[dict[str, Any]]:
    """Fill the server and materialize both steps; return a row per measurement."""
    with serve() as server:
        library = Library(server)
        started = time.perf_counter()
        n_rows = fill(library, firms)
        found: list[dict[str, Any]] = [
            {
                "what": "fixture",
                "rows": n_rows,
                "seconds": round(time.perf_counter() - started, 1),
                "cpu_seconds": None,
                "peak_mib": None,
            }
        ]
        warehouse = Warehouse(path=str(folder / "warehouse"))
        write_calls(warehouse, firms)
        environment = deployment(folder, {**library.environment(), "FTM_RETURNS_SOURCE": "wrds"})
        for tables in ("daily_returns,factor_returns", "abnormal_returns"):
            table = tables.partition(",")[0]
            used = materialized(tables, QUARTER, environment, folder / f"{table}.log")
            rows = warehouse.read(table, QUARTER, columns=["quarter"]).num_rows
            found.append({"what": table, "rows": rows, **used})
            print(json.dumps(found[-1]), flush=True)
    return found


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.returns_scale", description=__doc__)
    parser.add_argument("--firms", type=int, default=5000, help="generated firms, each with one call")
    parser.add_argument("--out", type=Path, required=True, help="file for the results, JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        rows = run(options.firms, Path(temporary))
    options.out.write_text(json.dumps(rows, indent=1))
    print(markdown(rows))


if __name__ == "__main__":
    main()
