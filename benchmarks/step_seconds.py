"""CPU seconds of each step of a quarter of the generated sample, names extractive: what `ftm cost` scales.

    python -m benchmarks.step_seconds --firms 240

All steps run in this process, one after the other, so that their seconds are this process's and its children's.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import dagster as dg

from ftm_assets.definitions import QUARTER_JOB, build_definitions
from ftm_assets.orchestration.deployment import test_resources
from ftm_resources.sources.configured import ConfiguredSource

QUARTER = "2023Q1"


def cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def measure(firms: int, root: Path) -> tuple[dict[str, float], int]:
    """Return op → CPU seconds, and how many sentences there were."""
    job = build_definitions(
        resource_overrides=test_resources(root, source=ConfiguredSource(kind="sample", sample_firms=firms))
    ).resolve_job_def(QUARTER_JOB)
    began: dict[str, float] = {}
    spent: defaultdict[str, float] = defaultdict(float)

    with dg.DagsterInstance.ephemeral() as instance:
        keep = instance.handle_new_event

        def noted(event: Any, **other: Any) -> Any:
            kind = event.dagster_event.event_type if event.dagster_event else None
            if kind == dg.DagsterEventType.STEP_START:
                began[event.step_key] = cpu()
            elif kind == dg.DagsterEventType.STEP_SUCCESS:
                op = event.step_key.rpartition(".")[2].partition("[")[0]
                spent[op] += cpu() - began[event.step_key]
            return keep(event, **other)

        instance.handle_new_event = noted  # type: ignore[method-assign]
        done = job.execute_in_process(
            instance=instance,
            partition_key=QUARTER,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        failed = [e.step_key for e in done.all_events if e.is_step_failure]
        if failed:
            print(f"failed, and left out: {', '.join(failed)}")
    return dict(spent), test_resources(root)["warehouse"].quarter("sentences", QUARTER).read(
        ["position"]
    ).num_rows


def main() -> None:
    """Print a table: steps, most seconds first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, default=240)
    firms = parser.parse_args().firms
    with tempfile.TemporaryDirectory() as folder:
        spent, sentences = measure(firms, Path(folder))
    print(f"{firms} firms, {sentences:,} sentences\n\n| step | CPU seconds |\n| --- | --- |")
    for op, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"| {op} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
