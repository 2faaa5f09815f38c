"""Materializing in a process of its own, as `dagster` does it, with seconds and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.scale import memory_and_cpu

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EVERY = 0.1
"""Seconds between memory samples."""


def deployment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of processes that have a warehouse and a new Dagster home in a folder, and `more`."""
    (folder / "home").mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        **more,
        "FTM_WAREHOUSE": str(folder / "warehouse"),
        "DAGSTER_HOME": str(folder / "home"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }


def materialized(select: str, quarter: str, environment: dict[str, str], log: Path) -> dict[str, Any]:
    """Materialize assets of a quarter; return what `measured` does."""
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", select]
    return measured([*command, "--partition", quarter, "-m", "ftm_assets.definitions"], environment, log)


def measured(command: list[str], environment: dict[str, str], log: Path) -> dict[str, Any]:
    """Run a command; return its seconds, CPU seconds and peak memory (MiB), including child processes."""
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
