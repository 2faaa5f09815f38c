"""The Capital IQ source with a full-size quarter on a local PostgreSQL server: rows, seconds, memory.

`python -m benchmarks.capital_iq --firms 6200 --out results.json` fills WRDS's tables with generated calls, then
exports the quarter to a file and materializes `transcripts`, each in a separate process. With `--whole` it
materializes every asset and prints the coverage table; embedding and clustering take most of that time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.materializing import deployment, materialized, measured
from benchmarks.measure import markdown
from benchmarks.scale import STAGES
from benchmarks.wrds_server import Library, serve

QUARTER = "2023Q1"


def run(firms: int, folder: Path, stages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Fill the server, export the quarter and materialize the stages; return a row per measurement."""
    with serve() as server:
        library = Library(server)
        started = time.perf_counter()
        made = library.add_sample(firms, QUARTER)
        seconds = round(time.perf_counter() - started, 1)
        found = [{"what": "fixture", "seconds": seconds, "cpu_seconds": None, "peak_mib": None, **made}]
        print(json.dumps(found[-1]), flush=True)
        environment = deployment(folder, library.environment())
        export = [sys.executable, "-m", "ftm_assets.cli", "export", "transcripts", "--quarter", QUARTER]
        export += ["--out", str(folder / "calls.parquet")]
        for what in ("export", *stages):
            log = folder / f"{what}.log"
            used = (
                measured(export, environment, log)
                if what == "export"
                else materialized(what, QUARTER, environment, log)
            )
            print(json.dumps({"what": what, **used}), flush=True)
            found.append({"what": what, **used})
    return found


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capital_iq", description=__doc__)
    parser.add_argument(
        "--firms", type=int, default=6200, help="generated firms; 6200 have 7,000 transcripts"
    )
    parser.add_argument("--out", type=Path, required=True, help="file for the results, JSON")
    parser.add_argument("--whole", action="store_true", help="materialize every asset and print the coverage")
    options = parser.parse_args()
    marts = ("sentence_sentiment", "sentiment_scores", "coverage")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = run(options.firms, folder, (*STAGES, *marts) if options.whole else STAGES[:1])
        from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

        warehouse = Warehouse(path=str(folder / "warehouse"))
        results: dict[str, Any] = {"measured": rows, "tables": {}}
        for table in ("transcripts", "transcript_audit", "coverage"):
            results["tables"][table] = warehouse.read(table, QUARTER, columns=["quarter"]).num_rows
        results["coverage"] = warehouse.read("coverage", QUARTER).to_pylist()
    options.out.write_text(json.dumps(results, indent=1))
    print(markdown(rows))
    print(markdown(results["coverage"]))


if __name__ == "__main__":
    main()
