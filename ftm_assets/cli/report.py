"""`ftm report`: the page of a quarter, or of several, as one file to look at and to send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftm_assets.cli import arguments, failing, screen
from ftm_assets.cli.arguments import AsOf, Quarter

commands = typer.Typer()


@commands.command(rich_help_panel="Read")
def report(
    quarter: Quarter,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="QUARTER",
            help="Last quarter: the page is of that one, with themes through time from QUARTER on.",
            callback=arguments.quarter_key,
            autocompletion=arguments.known_quarters,
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File of HTML to write.")] = Path(
        "report.html"
    ),
    as_of: AsOf = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write the page of a quarter: a map of its topics, its themes and firms, and how good they are.

    The page is one file of HTML that needs no network: open it in a browser, or send it. It shows what `connect()`
    shows. A quarter of the range that is not stored is named on the page; panels of several quarters that are outdated
    stop the command.
    """
    from ftm_assets.report.gathering import gather
    from ftm_assets.report.page import render
    from ftm_assets.report.reported_state import READ
    from ftm_resources.replaced_file import replaced

    (file,) = arguments.outputs([out], force=force)
    warehouse = arguments.warehouse()
    arguments.require_state(warehouse, to or quarter, READ, as_of)
    made = gather(warehouse, quarter, to, as_of=as_of)
    page = render(made).encode()
    with replaced(file) as partial:
        partial.write_bytes(page)
    typer.echo(
        f"{out}: {made.title}, {screen.count(len(made.themes), 'theme')}, "
        f"{screen.count(len(made.points.topic_id), 'topic')}, {screen.count(len(made.firms), 'firm')}, "
        f"{screen.size(len(page))}."
    )
    for warning in made.warnings:
        failing.tell(warning)
