"""A generated quarter at growing numbers of firms, stage by stage, through Dagster's own command."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

STAGES = ("transcripts", "sentences", "sentence_embeddings", "firm_topics", "topic_summaries", "themes")
QUARTER = "2023Q1"
_EVERY = 0.25
"""Seconds between looks at memory."""


def run(firms: int, folder: Path, stages: tuple[str, ...] = STAGES) -> list[dict[str, Any]]:
    """Materialize each stage of a quarter of generated firms; return seconds, CPU seconds and peak memory of each.

    `seconds` is the whole command, its start (about 5 s) included; `peak_mib` the largest sum of the resident
    memory of all its processes, in MiB, as seen every quarter of a second; `rows` what the table then holds.
    """
    environment = os.environ | {
        "FTM_WAREHOUSE": str(folder / "warehouse"),
        "FTM_SAMPLE_FIRMS": str(firms),
        "FTM_SOURCE": "sample",
        "DAGSTER_HOME": str(folder / "home"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    (folder / "home").mkdir(parents=True, exist_ok=True)
    found = []
    for stage in stages:
        command = [
            *(sys.executable, "-m", "dagster", "asset", "materialize", "--select", stage),
            *("--partition", QUARTER, "-m", "ftm_assets.definitions"),
        ]
        log = folder / f"{stage}.log"
        started, peak, used = time.perf_counter(), 0, 0.0
        with log.open("w") as out:
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)  # noqa: S603 - our own command
            while process.poll() is None:
                memory, cpu = memory_and_cpu(process.pid)
                peak, used = max(peak, memory), max(used, cpu)
                time.sleep(_EVERY)
        if process.returncode:
            raise RuntimeError(f"{stage} of {firms} firms failed; see {log}:\n{log.read_text()[-3000:]}")
        row = {
            "firms": firms,
            "stage": stage,
            "seconds": round(time.perf_counter() - started, 1),
            "cpu_seconds": round(used, 1),
            "peak_mib": round(peak / 2**20),
            "rows": _rows(stage, environment),
            "warehouse_mib": round(
                sum(f.stat().st_size for f in (folder / "warehouse").rglob("*") if f.is_file()) / 2**20
            ),
        }
        print(json.dumps(row), flush=True)
        found.append(row)
    return found


def memory_and_cpu(pid: int) -> tuple[int, float]:
    """Return resident bytes and CPU seconds of a process and those below it, ended children included."""
    memory, cpu = 0, 0.0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            memory += process.memory_info().rss
            times = process.cpu_times()
            cpu += times.user + times.system
        ended = parent.cpu_times()
        cpu += ended.children_user + ended.children_system
    except psutil.NoSuchProcess:  # it ended while we looked: the next look is right
        return 0, 0.0
    return memory, cpu


def _rows(table: str, environment: dict[str, str]) -> int:
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    return warehouse.read(table, QUARTER, columns=["firm_id" if table != "themes" else "theme_id"]).num_rows


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the growth exponent of each stage: the slope of log seconds over log firms; 1 is linear."""
    slopes = {}
    for stage in STAGES:
        own = [(r["firms"], r["seconds"]) for r in rows if r["stage"] == stage]
        if len({firms for firms, _ in own}) > 1:
            firms, seconds = np.log(np.array(own, dtype=float)).T
            slopes[stage] = float(np.polyfit(firms, seconds, 1)[0])
    return slopes


def run_all(sizes: Sequence[int], out: Path, folder: Path | None = None) -> None:
    """Run each size and add a JSON line per stage to `out`; warehouses are kept in `folder`, if given."""
    for firms in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            rows = run(firms, (folder or Path(temporary)) / str(firms))
        with out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def main() -> None:
    """Run the sizes asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--firms", type=int, nargs="+", default=[500, 1000, 2000, 5000])
    parser.add_argument("--out", type=Path, required=True, help="file to which results are added")
    parser.add_argument("--folder", type=Path, help="keep the warehouses here; default: a temporary folder")
    options = parser.parse_args()
    run_all(options.firms, options.out, options.folder)


if __name__ == "__main__":
    main()
