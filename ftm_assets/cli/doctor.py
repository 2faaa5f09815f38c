"""`ftm doctor`: check whether this machine and its settings can run FTM. The checks are in `examination`."""

from __future__ import annotations

from typing import Annotated

import typer

from ftm_assets.cli import screen

commands = typer.Typer()

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@commands.command(rich_help_panel="Set up")
def doctor(
    online: Annotated[
        bool,
        typer.Option("--online", help="Also log in to WRDS and ask the endpoints for their models."),
    ] = False,
) -> None:
    """Check Python, packages, models, settings, warehouse and machine, and say how to fix each problem.

    Exits with 1 if anything would make a run fail.
    """
    from rich.table import Table
    from rich.text import Text

    from ftm_assets.cli.examination import examine

    shown = Table.grid(padding=(0, 2))
    shown.add_column(no_wrap=True)
    shown.add_column(no_wrap=True, style="bold")
    shown.add_column(overflow="fold")
    findings = examine(online=online)
    for finding in findings:
        text = finding.found + (f"\n→ {finding.advice}" if finding.advice else "")
        shown.add_row(Text(finding.status, style=_STYLES[finding.status]), Text(finding.what), Text(text))
    console = screen.console()
    console.print(shown)
    counts = {s: sum(f.status == s for f in findings) for s in _STYLES}
    if counts["fail"]:
        console.print(f"\n{screen.count(counts['fail'], 'problem')} to solve before a run can succeed.")
        raise typer.Exit(1)
    warned = f", {screen.count(counts['warn'], 'warning')}" if counts["warn"] else ""
    console.print(f"\nReady to run{warned}.")
