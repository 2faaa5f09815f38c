"""Commands for a warehouse that moves, or was moved or copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ftm_assets.cli import arguments, screen, upkeep
from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from ftm_resources.warehouse.adoption import Adopted

commands = typer.Typer()

_PANEL = "Keep and repair"


@commands.command(rich_help_panel=_PANEL)
def adopt() -> None:
    """Make a moved or copied warehouse independent of where it was.

    FTM reads and writes a moved or copied folder as it is, and never touches the original. Other programs, such as
    DuckDB's iceberg_scan and Athena, follow the paths in Iceberg's metadata, which name the old place: this rewrites
    them. Clean-up requires it. No data is written or removed; history and tags stay. If it is interrupted, run it
    again.
    """
    from ftm_resources.warehouse import adoption

    warehouse = arguments.warehouse()
    _report(adoption.adopt(warehouse), warehouse.root)


@commands.command(rich_help_panel=_PANEL)
def move(
    destination: Annotated[
        str,
        typer.Argument(metavar="DEST", help="The new folder; it must not exist yet, nor be on another disk."),
    ],
) -> None:
    """Move the warehouse to another folder, and adopt it there.

    Refused while a run is unfinished. If it is interrupted, set FTM_WAREHOUSE to DEST and run `ftm adopt`.
    """
    from ftm_resources.warehouse import adoption

    warehouse = arguments.warehouse()
    if (since := upkeep.oldest_unfinished_run()) is not None:
        raise CommandError(
            f"a run that started at {screen.moment(since)} is unfinished. Wait until it ends, or cancel it, then move."
        )
    target, adopted = adoption.move(warehouse, destination)
    typer.echo(f"Moved {warehouse.root} to {target.root}.")
    _report(adopted, target.root)
    typer.echo(f"Set FTM_WAREHOUSE to {target.root}.")


def _report(adopted: Adopted, root: str) -> None:
    for text in adopted.damaged:
        typer.echo(f"Note: {text}.")
    if not adopted.tables:
        typer.echo(f"All {screen.count(len(adopted.unchanged), 'table')} name {root} already.")
        return
    named = ", ".join(sorted(set(adopted.tables.values())))
    typer.echo(f"Adopted {screen.count(len(adopted.tables), 'table')} into {root}; they named {named}.")
