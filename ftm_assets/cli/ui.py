"""`ftm ui`: Dagster's web interface and daemon on this machine."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ftm_assets.cli import home
from ftm_resources import settings

commands = typer.Typer()

WRDS_POOL = "wrds"
"""The pool of the asset that logs in to WRDS: one quarter at a time, since each login needs a second factor."""


@commands.command(rich_help_panel="Run")
def ui(
    port: Annotated[
        int, typer.Option("--port", "-p", metavar="PORT", min=1, max=65535, help="Port to serve on.")
    ] = 3000,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to serve on.")] = "127.0.0.1",
) -> None:
    """Open lineage, metadata and backfills in the browser.

    Starts Dagster's web server and daemon and keeps them running until Ctrl-C. Runs and their logs are kept in
    DAGSTER_HOME (default: .dagster in the current folder).
    """
    import dagster as dg

    home.prepare()
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots(WRDS_POOL, 1)
    typer.echo(f"The UI will be at http://{host}:{port} in about 20 seconds. Stop it with Ctrl-C.")
    # With that variable, which env.sh sets, as well as --module-name, Dagster's services never start.
    environment = settings.environment_without("DAGSTER_MODULE_NAME")
    os.execve(sys.executable, command(host, port), environment)  # noqa: S606 - the same interpreter, no shell


def command(host: str, port: int) -> list[str]:
    """Return the command line that serves the definitions."""
    return [
        *(sys.executable, "-m", "dagster", "dev", "--module-name", "ftm_assets.definitions"),
        *("--host", host, "--port", str(port)),
    ]
