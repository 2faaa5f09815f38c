"""A generated quarter at increasing numbers of firms, stage by stage, run with the `dagster` command."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

STAGES = (
    *("transcripts", "sentences", "sentence_embeddings", "sentence_kinds"),
    *("firm_topics", "topic_summaries", "themes"),
)
QUARTER = "2023Q1"
_EVERY = 0.25
"""Seconds between memory samples."""


def run(
    firms: int,
    folder: Path,
    stages: tuple[str, ...] = STAGES,
    kills: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Materialize each stage of a quarter of generated firms; return seconds, CPU seconds and peak memory of each.

    `seconds` covers the whole command, including its start (about 5 s). `peak_mib` is the largest sum of the memory of
    all its processes, in MiB, sampled every quarter of a second (see `memory_and_cpu`). `rows` and `files` count the
    rows and data files of the table's quarter afterwards. A stage in `kills` is killed with SIGKILL, with all its
    processes, after the given seconds and started again; its row covers both attempts.
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
        kill_after = (kills or {}).get(stage)
        moments = [None] if kill_after is None else [kill_after, None]
        attempts = [_attempt(command, environment, log, after) for after in moments]
        if attempts[-1].status:
            raise RuntimeError(f"{stage} of {firms} firms failed; see {log}:\n{log.read_text()[-3000:]}")
        rows, files = _held(stage, environment)
        row = {
            "firms": firms,
            "stage": stage,
            "seconds": round(sum(a.seconds for a in attempts), 1),
            "killed_after": kill_after,
            "cpu_seconds": round(sum(a.cpu_seconds for a in attempts), 1),
            "peak_mib": round(max(a.peak for a in attempts) / 2**20),
            "rows": rows,
            "files": files,
            "warehouse_mib": round(
                sum(f.stat().st_size for f in (folder / "warehouse").rglob("*") if f.is_file()) / 2**20
            ),
        }
        print(json.dumps(row), flush=True)
        found.append(row)
    return found


class _Attempt(NamedTuple):
    status: int
    seconds: float
    cpu_seconds: float
    peak: int


def _attempt(
    command: Sequence[str], environment: dict[str, str], log: Path, kill_after: float | None
) -> _Attempt:
    started, peak, used = time.perf_counter(), 0, 0.0
    with log.open("w") as out:
        process = psutil.Popen(command, env=environment, stdout=out, stderr=out)
        while process.poll() is None:
            memory, cpu = memory_and_cpu(process.pid)
            peak, used = max(peak, memory), max(used, cpu)
            if kill_after and time.perf_counter() - started > kill_after:
                for doomed in [*process.children(recursive=True), process]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        doomed.kill()
                process.wait()
            time.sleep(_EVERY)
    return _Attempt(process.returncode, time.perf_counter() - started, used, peak)


def memory_and_cpu(pid: int) -> tuple[int, float]:
    """Return the bytes in memory and CPU seconds of a process and its descendants, including children that have ended.

    A page that n of them share, as a fork shares its parent's, counts a n-th for each (on Linux: PSS; elsewhere USS).
    """
    memory, cpu = 0, 0.0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            held = process.memory_full_info()
            memory += getattr(held, "pss", held.uss)
            times = process.cpu_times()
            cpu += times.user + times.system
        ended = parent.cpu_times()
        cpu += ended.children_user + ended.children_system
    except psutil.NoSuchProcess:  # it ended while we sampled; the next sample will be right
        return 0, 0.0
    return memory, cpu


def _held(table: str, environment: dict[str, str]) -> tuple[int, int]:
    """Return the numbers of rows and data files of the table's quarter."""
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    rows = warehouse.read(table, QUARTER, columns=["firm_id" if table != "themes" else "theme_id"]).num_rows
    return rows, len(warehouse.data_files(table, quarter=QUARTER))


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the growth exponent of each stage: the slope of log seconds over log firms; 1 is linear."""
    slopes = {}
    for stage in STAGES:
        own = [(r["firms"], r["seconds"]) for r in rows if r["stage"] == stage]
        if len({firms for firms, _ in own}) > 1:
            firms, seconds = np.log(np.array(own, dtype=float)).T
            slopes[stage] = float(np.polyfit(firms, seconds, 1)[0])
    return slopes


def run_all(
    sizes: Sequence[int], out: Path, folder: Path | None = None, kills: Mapping[str, float] | None = None
) -> None:
    """Run each size and append a JSON line per stage to `out`; keep the warehouses in `folder`, if given.

    `kills` apply to the largest size only.
    """
    for firms in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            rows = run(
                firms, (folder or Path(temporary)) / str(firms), kills=kills if firms == max(sizes) else None
            )
        with out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def main() -> None:
    """Run the requested sizes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--firms", type=int, nargs="+", default=[500, 1000, 2000, 5000])
    parser.add_argument("--out", type=Path, required=True, help="file to append the results to")
    parser.add_argument(
        "--folder", type=Path, help="folder to keep the warehouses in; default: a temporary one"
    )
    parser.add_argument(
        "--kill",
        nargs="*",
        default=[],
        metavar="STAGE=SECONDS",
        help="kill a stage of the largest size after SECONDS and start it again",
    )
    options = parser.parse_args()
    kills = {stage: float(seconds) for stage, _, seconds in (k.partition("=") for k in options.kill)}
    if unknown := set(kills) - set(STAGES):
        parser.error(f"unknown stage {', '.join(sorted(unknown))}; stages are {', '.join(STAGES)}")
    run_all(options.firms, options.out, options.folder, kills)


if __name__ == "__main__":
    main()
