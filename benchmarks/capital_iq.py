"""The Capital IQ source with a full-size quarter on a local PostgreSQL server: rows, seconds, memory.

`python -m benchmarks.capital_iq --firms 6200 --out results.json` fills WRDS's tables with generated calls, then
exports the quarter to a file and materializes `transcripts`, each in a separate process. With `--whole` it
materializes every asset and prints the coverage table; embedding and clustering take most of that time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import markdown
from benchmarks.scale import STAGES, memory_and_cpu
from benchmarks.wrds_server import Library, serve

QUARTER = "2023Q1"
_EVERY = 0.1
"""Seconds between memory samples."""


def measured(command: list[str], environment: dict[str, str], log: Path) -> dict[str, Any]:
    """Run a command; return its seconds, CPU seconds and peak resident memory (MiB), including child processes."""
    started, peak, cpu = time.perf_counter(), 0, 0.0
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)  # noqa: S603 - our own command
        while process.poll() is None:
            memory, used = memory_and_cpu(process.pid)
            peak, cpu = max(peak, memory), max(cpu, used)
            time.sleep(_EVERY)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text()[-3000:]}")
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mib": round(peak / 2**20),
    }


def run(firms: int, folder: Path, stages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Fill the server, export the quarter and materialize the stages; return a row per measurement."""
    with serve() as server:
        library = Library(server)
        started = time.perf_counter()
        made = library.add_sample(firms, QUARTER)
        seconds = round(time.perf_counter() - started, 1)
        found = [{"what": "fixture", "seconds": seconds, "cpu_seconds": None, "peak_mib": None, **made}]
        print(json.dumps(found[-1]), flush=True)
        environment = {
            **os.environ,
            **library.environment(),
            "FTM_WAREHOUSE": str(folder / "warehouse"),
            "DAGSTER_HOME": str(folder / "home"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        (folder / "home").mkdir(parents=True)
        export = [sys.executable, "-m", "ftm_assets.cli", "export", "transcripts", "--quarter", QUARTER]
        commands = {"export": [*export, "--out", str(folder / "calls.parquet")]}
        for stage in stages:
            dagster = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", stage]
            commands[stage] = [*dagster, "--partition", QUARTER, "-m", "ftm_assets.definitions"]
        for what, command in commands.items():
            row = {"what": what, **measured(command, environment, folder / f"{what}.log")}
            print(json.dumps(row), flush=True)
            found.append(row)
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
