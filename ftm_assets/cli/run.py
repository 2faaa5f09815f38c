"""`ftm run`: one quarter from calls to scores on this machine.

What belongs here: the command's arguments and the execution. What it prints at the end is in `run_report`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ftm_assets.cli import failing, home, preflight, run_config
from ftm_assets.cli.arguments import known_quarters, quarter_key, require_partition
from ftm_assets.cli.failing import CommandError
from ftm_assets.cli.later_panels import make_again, outdated_panels
from ftm_assets.cli.screen import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import dagster as dg
    from dagster import JobExecutionResult
    from dagster._core.instance.ref import InstanceRef

AGAIN = (
    "Run the same command again: finished steps are made again, and the step that was at work goes on after the last "
    "firms that it saved."
)
"""What `ftm run` does after an interruption."""

commands = typer.Typer()

DEFAULT_QUARTER = "2023Q1"

_NO_CAPTURE = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}
"""Progress bars need standard error to be the terminal. Dagster would capture it through a file, in a process that
ends with a traceback on Ctrl-C."""


_NO_DEBUG = {"python_log_level": "INFO"}
"""A step process reports its start at level DEBUG before it knows the run's config, with its level for the console."""


@commands.command(rich_help_panel="Run")
def run(
    ctx: typer.Context,
    quarter: Annotated[
        str | None,
        typer.Option(
            "--quarter",
            "-q",
            metavar="QUARTER",
            help="Calendar quarter of the calls, e.g. 2020Q4. Default: the only quarter in your files, else "
            f"{DEFAULT_QUARTER}.",
            callback=quarter_key,
            autocompletion=known_quarters,
        ),
    ] = None,
    calls: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Your own calls: a file (CSV, Parquet, Stata, SAS, Excel, ...) or a folder of them. Default: the "
            "source set in FTM_SOURCE, or the bundled sample.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="YAML with the config of assets (`themes: {min_firms: 5}`), or Dagster run config "
            "with `ops` and `resources`.",
        ),
    ] = None,
    replace_source: Annotated[
        bool,
        typer.Option(
            "--replace-source",
            help="Replace a quarter that was made from another source, e.g. the sample with your own calls.",
        ),
    ] = False,
    later_panels: Annotated[
        bool,
        typer.Option(
            "--later-panels/--no-later-panels",
            help="Also make again the panels and portfolios of later quarters that this run makes outdated.",
        ),
    ] = True,
) -> None:
    """Materialize every asset of one quarter on this machine and print its top themes.

    Run it again at any time: it replaces the quarter as a whole. After an interrupted run, steps that were finished are
    made again, and the step that was at work goes on after the last firms that it saved.
    FTM_EXECUTOR=multiprocess runs independent steps in parallel.
    """
    from ftm_assets.cli import run_report
    from ftm_resources import settings
    from ftm_resources.warehouse import Warehouse

    started = time.perf_counter()
    if calls:
        settings.assign("FTM_SOURCE", "files")
        settings.assign("FTM_SOURCE_PATH", str(calls.absolute()))
    Warehouse().exists()  # raises, before the source is read, if there cannot be a warehouse
    held = quarters_in_files()
    chosen = choose_quarter(quarter, held)
    asked = run_config.read(config)
    if config and asked:
        run_config.require_valid(asked, quarter_job(), config)
    if replace_source:
        asked = run_config.replacing_source(asked)
    preflight.require_ready(asked)
    folder = home.prepare()
    with _executed(chosen, asked, folder) as result:
        if not result.success:
            if run_report.was_interrupted(result):
                raise KeyboardInterrupt(AGAIN)
            if ctx.find_root().params.get("debug"):
                failing.tell(run_report.tracebacks(result))
            raise CommandError(run_report.failures(result))
        warnings, run_id = run_report.warnings(result), result.run_id
        again = run_report.linked_again(result, chosen)
    outdated = outdated_panels(Warehouse(), chosen)
    made = _made_again(outdated, folder) if later_panels else []
    run_report.show(
        Warehouse(),
        chosen,
        run_id=run_id,
        warnings=warnings,
        held=held,
        seconds=time.perf_counter() - started,
        own_calls=settings.current().ftm_source != "sample",
        linked_again=again,
        panels_again=made,
        panels_outdated=[q for q in outdated if q not in made],
    )


def quarters_in_files() -> dict[str, int]:
    """Return the quarters in the source's files, each with its number of turns; empty for any other source.

    Raises SourceError, before anything is computed, if a file cannot be used.
    """
    from ftm_resources.sources.configured import ConfiguredSource
    from ftm_resources.sources.files.transcript_files import FilesSource

    source = ConfiguredSource().open()
    return source.quarters() if isinstance(source, FilesSource) else {}


def choose_quarter(asked: str | None, held: Mapping[str, int]) -> str:
    """Return the quarter to run; raise CommandError if it is ambiguous or not in the files."""
    listed = ", ".join(f"{q} ({count(n, 'turn')})" for q, n in sorted(held.items()))
    if asked is None:
        if len(held) > 1:
            raise CommandError(f"The files hold several quarters: {listed}. Choose one with --quarter.")
        asked = next(iter(held), DEFAULT_QUARTER)
    elif held and asked not in held:
        raise CommandError(f"The files hold no calls in {asked}. They hold {listed}.")
    require_partition(asked)
    return asked


def quarter_job() -> dg.JobDefinition:
    """Return the job that materializes a quarter; step processes call this again."""
    from ftm_assets.definitions import QUARTER_JOB, build_definitions

    return build_definitions().resolve_job_def(QUARTER_JOB)


def _made_again(outdated: Mapping[str, Sequence[str]], home: Path) -> list[str]:
    """Make these tables of other quarters again, oldest first; return the quarters of which it succeeded."""
    import dagster as dg

    if not outdated:
        return []
    failing.tell(
        f"Making panels and portfolios of {', '.join(outdated)} again, which this run made outdated…"
    )
    with (
        dg.DagsterInstance.from_ref(_ref(home)) as instance,
        _interrupts_told(),
        _no_standard_output(),
    ):
        job = quarter_job()
        return [quarter for quarter, names in outdated.items() if make_again(job, instance, quarter, names)]


def _ref(home: Path) -> InstanceRef:
    from dagster._core.instance.ref import InstanceRef

    return InstanceRef.from_dir(str(home), overrides={"compute_logs": _NO_CAPTURE, "python_logs": _NO_DEBUG})


@contextlib.contextmanager
def _executed(quarter: str, config: dict[str, Any], home: Path) -> Iterator[JobExecutionResult]:
    """Execute the job under the executor of FTM_EXECUTOR, on the instance in `home`."""
    import dagster as dg
    from dagster._core.definitions.reconstruct import ReconstructableJob

    # Progress bars show how far it is; the complete event log is in the UI.
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    # What dg.reconstructable does, which drops whatever is raised while the definitions load, such as an interrupt.
    job = ReconstructableJob.for_module(__name__, quarter_job.__name__)
    tags = {"dagster/partition": quarter}
    with dg.DagsterInstance.from_ref(_ref(home)) as instance:
        try:
            with (
                _interrupts_told(),
                _no_standard_output(),
                dg.execute_job(job, instance, run_config={**quiet, **config}, tags=tags) as result,
            ):
                yield result
        except dg.DagsterInvalidConfigError as error:
            raise CommandError("\n".join(["The config is invalid:", *run_config.problems(error)])) from error


@contextlib.contextmanager
def _interrupts_told() -> Iterator[None]:
    """Say that Ctrl-C was heard: Dagster handles it, in silence, and steps take a while to end.

    Python writes the number of each signal to the pipe at once, whoever handles it. In the main thread only.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)

    def tell() -> None:
        is_told = False
        while number := os.read(heard, 1):
            if number[0] == signal.SIGINT and not is_told:
                failing.tell("\nStopping…")
                is_told = True
        os.close(heard)

    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    threading.Thread(target=tell, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(told)  # ends the thread


@contextlib.contextmanager
def _no_standard_output() -> Iterator[None]:
    """Discard standard output of this process and its children: dbt's lines are in the event log."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
