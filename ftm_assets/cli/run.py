"""The `make run` command: materialize every asset of one quarter here and print what was found."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

    from ftm_resources.warehouse import Warehouse

DEFAULT_QUARTER = "2023Q1"

TOP_THEMES = """
    SELECT t.name, s.n_firms, s.n_topics, s.n_sentences, s.score
    FROM theme_sentiment s JOIN themes t USING (theme_id) ORDER BY theme_id LIMIT 15
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the quarter; return 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m ftm_assets.cli.run", description=__doc__)
    parser.add_argument("--quarter", default=DEFAULT_QUARTER, help="e.g. 2020Q4 (default: %(default)s)")
    parser.add_argument(
        "--calls", help="CSV or Parquet file of transcripts, or a folder; default: the sample"
    )
    options = parser.parse_args(arguments)
    from ftm_assets.orchestration.partitions import QUARTERS  # noqa: PLC0415 - after --help
    from ftm_resources import quarters, settings  # noqa: PLC0415

    with contextlib.suppress(ValueError):
        options.quarter = quarters.parse(options.quarter)
    if options.quarter not in QUARTERS.get_partition_keys():
        first, last = QUARTERS.get_first_partition_key(), QUARTERS.get_last_partition_key()
        parser.error(f"quarter {options.quarter!r} is not one of {first} to {last}, e.g. {DEFAULT_QUARTER}")
    if options.calls:
        if not Path(options.calls).exists():
            parser.error(f"calls {options.calls!r} does not exist")
        settings.assign("FTM_SOURCE", "files")
        settings.assign("FTM_SOURCE_PATH", options.calls)
    return run(options.quarter)


def run(quarter: str) -> int:
    """Materialize the quarter in this process on the instance of DAGSTER_HOME, and print the outcome."""
    import dagster as dg  # noqa: PLC0415

    from ftm_assets.definitions import QUARTER_JOB, build_definitions  # noqa: PLC0415
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    started = time.perf_counter()
    job = build_definitions().resolve_job_def(QUARTER_JOB)
    # dbt prints a line per model and test; they are in the run's event log too.
    with (
        dg.DagsterInstance.get() as instance,
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        result = job.execute_in_process(
            partition_key=quarter,
            instance=instance,
            raise_on_error=False,
            # Progress bars say how it goes; the event log, with everything, is in the UI.
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
    if not result.success:
        _report_failures(result)
        return 1
    _report(Warehouse(), quarter, time.perf_counter() - started)
    return 0


def _report_failures(result: dg.ExecuteInProcessResult) -> None:
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            message = error.message.strip() if error else "no reason given"
            console.print(f"[red]✗ {event.step_key}[/red]", message, sep="\n", highlight=False, markup=True)


def _report(warehouse: Warehouse, quarter: str, seconds: float) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    rows = warehouse.connect(quarter=quarter).execute(TOP_THEMES).fetchall()
    shown = Table(title=f"Top themes of {quarter}", title_justify="left")
    shown.add_column("theme", max_width=60)
    for name in ("firms", "topics", "sentences", "score"):
        shown.add_column(name, justify="right")
    for name, firms, topics, n_sentences, score in rows:
        shown.add_row(name, str(firms), str(topics), f"{n_sentences:,}", f"{score:+.3f}")
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(shown)
    console.print(f"{quarter} done in {seconds:.0f} s. The warehouse is {warehouse.root}\n", highlight=False)
    console.print("Next:", highlight=False)
    for line in (
        f"make run QUARTER={quarter} CALLS=path/to/transcripts   # your own calls (CSV or Parquet)",
        "make ui                                              # lineage, metadata and backfills in the browser",
        f'.venv/bin/python -c "from ftm_resources.warehouse import Warehouse; '
        f"Warehouse().connect(quarter='{quarter}').sql('FROM firm_theme_sentiment LIMIT 20').show()\"",
    ):
        console.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
