"""`ftm ui`: Dagster's web interface and daemon on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Annotated
from urllib.request import urlopen

import typer

from ftm_assets.cli import home
from ftm_assets.cli.failing import CommandError
from ftm_resources import settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

    Starts Dagster's web server and daemon and keeps them running until Ctrl-C or SIGTERM. Runs and their logs
    are kept in DAGSTER_HOME (default: .dagster in the current folder).
    """
    import dagster as dg

    _require_free(host, port)
    home.prepare()
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots(WRDS_POOL, 1)
    # With that variable, which env.sh sets, as well as --module-name, Dagster's services never start.
    environment = settings.environment_without("DAGSTER_MODULE_NAME")
    raise typer.Exit(serve(command(host, port), environment, host, port))


def command(host: str, port: int) -> list[str]:
    """Return the command line that serves the definitions."""
    # `dagster dev` warns that `dg dev` replaces it, which serves projects of another layout.
    return [
        *(sys.executable, "-W", "ignore::FutureWarning", "-m", "dagster", "dev"),
        *("--module-name", "ftm_assets.definitions", "--host", host, "--port", str(port)),
    ]


def serve(
    command: Sequence[str], environment: Mapping[str, str], host: str, port: int, *, patience: float = 5.0
) -> int:
    """Run a server until it ends, or Ctrl-C or SIGTERM ends it and all that it started; return the exit code.

    Says where the UI is once it answers. After an interrupt and, `patience` seconds later, SIGTERM, what still runs
    is killed.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - compared, not bound
    # A session of its own: its processes get one interrupt, from here, and can be ended together.
    process = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own command
    try:
        typer.echo("Starting the UI, which takes about 20 seconds. Stop it with Ctrl-C.")
        while process.poll() is None and not _answers(address):
            time.sleep(0.5)
        if process.poll() is None:
            typer.echo(f"The UI is at {address}.")
        return process.wait()
    except KeyboardInterrupt:
        typer.echo("Stopping…")
        return 0
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # it tells its services to end; they would show tracebacks
            _wait_for_end(process, patience)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not _signalled(process.pid, number):
                break
            _wait_for_end(process, patience if number == signal.SIGTERM else 0)


def _require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"the UI cannot use port {port} of {host} ({error.strerror}): stop what uses it, or choose another "
                "with --port."
            ) from error


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/server_info", timeout=5):  # noqa: S310 - on this machine
            return True
    except (OSError, HTTPException):
        return False


def _signalled(group: int, number: int) -> bool:
    """Send a signal to a group of processes; return whether any of them is left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS: only zombies are left
        return False
    return True


def _wait_for_end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until no process of the group is left, but not longer than that."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)  # reaps it: else it stays in the group
        if not _signalled(process.pid, 0) or time.monotonic() > end:
            return
        time.sleep(0.1)
