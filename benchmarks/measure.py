"""Time and memory measurement for the benchmarks, and Markdown tables of the results."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Clock:
    """Seconds spent inside `timed`: wall time and CPU time (all threads of this process)."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed(clock: Clock) -> Iterator[None]:
    """Add the time of the block to the clock."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        clock.wall += time.perf_counter() - wall
        clock.cpu += time.process_time() - cpu


def peak_mib() -> int:
    """Return this process's peak memory in MiB. Linux only; getrusage would include the parent's memory."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) // 1024  # type: ignore[index]


def reset_peak() -> None:
    """Count this process's peak memory from now on. Linux only."""
    Path("/proc/self/clear_refs").write_text("5")


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as a Markdown table; floats get three decimals below 10, one below 100 and none above."""
    if not rows:
        return "(not run)"
    columns = list(rows[0])
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(_cell(row.get(c)) for c in columns)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if abs(value) >= 100:
            return f"{value:,.0f}"
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
