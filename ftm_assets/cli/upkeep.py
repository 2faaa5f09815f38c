"""Commands that keep, verify and restore states of the warehouse, and remove what nothing needs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from ftm_assets.cli import arguments, screen
from ftm_assets.cli.arguments import Quarter
from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from datetime import datetime

commands = typer.Typer()

_PANEL = "Keep and repair"

_CENTURY = 36_525
"""Days; a bound on options in days, below what a timedelta holds."""

TagName = Annotated[str, typer.Argument(metavar="TAG", help="Name of the state, e.g. paper-v1.")]


@commands.command(rich_help_panel=_PANEL)
def tag(
    quarter: Quarter,
    name: TagName,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Move the tag if it is on another state, which may then expire."),
    ] = False,
) -> None:
    """Keep every table of a quarter as it is now, under a name.

    Read it with `--as-of TAG`, or in Python with connect(as_of="TAG"). Clean-up never removes it.
    """
    from ftm_resources.warehouse import tags as stored

    warehouse = arguments.warehouse()
    tagged = stored.tag(warehouse, quarter, name, replace=replace)
    typer.echo(f"Tagged {quarter} as {name}: {screen.count(len(tagged.tables), 'table')}.")
    for text in stored.mixtures(warehouse, tagged):
        typer.echo(f"Note: {text}")


@commands.command(rich_help_panel=_PANEL)
def tags() -> None:
    """List the tags."""
    from ftm_resources.warehouse import tags as stored

    found = stored.tags(arguments.warehouse())
    if not found:
        typer.echo("There are no tags. Set one with `ftm tag QUARTER TAG`.")
        return
    rows = [(t.quarter, t.name, f"{len(t.tables)}") for t in found]
    screen.console().print(screen.table("Tags", ("quarter", "tag", "tables"), rows, left=2))


@commands.command(rich_help_panel=_PANEL)
def untag(quarter: Quarter, name: TagName) -> None:
    """Remove a tag; the data that only it kept may then expire."""
    from ftm_resources.warehouse import tags as stored

    n = stored.untag(arguments.warehouse(), quarter, name)
    typer.echo(f"Removed tag {name} of {quarter}: {screen.count(n, 'table')}.")


@commands.command(rich_help_panel=_PANEL)
def verify(quarter: Quarter) -> None:
    """Check that the stored rows of a quarter are unchanged since they were written.

    Reads every table of the quarter; if anything differs, names the tables and exits with 1.
    """
    from ftm_resources.warehouse import repair

    n, problems = repair.verify(arguments.warehouse(), quarter)
    if problems:
        raise CommandError("\n".join(problems))
    typer.echo(f"{quarter} is unchanged: {screen.count(n, 'table')} checked.")


@commands.command(rich_help_panel=_PANEL)
def restore(
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE",
            help="Table whose metadata is damaged, e.g. themes.",
            callback=lambda name: None if name is None else arguments.table_name(name),
            autocompletion=arguments.known_tables,
        ),
    ] = None,
    from_files: Annotated[
        bool,
        typer.Option(
            "--from-files",
            help="Instead of one table, rebuild a lost or outdated catalog from the metadata in the folder.",
        ),
    ] = False,
    to_nothing: Annotated[
        bool,
        typer.Option("--to-nothing", help="Also go back to the empty table if no other state can be read."),
    ] = False,
) -> None:
    """Roll a damaged table back to its newest readable state, or rebuild the catalog.

    Does nothing if the table can be read and the catalog knows every table. Removes no file; a catalog that is
    replaced stays beside the new one.
    """
    if from_files == (table is not None):
        raise typer.BadParameter("give either a TABLE or --from-files.")
    if table is None:
        _rebuild()
        return
    from ftm_resources.warehouse import repair

    restored = repair.restore(arguments.warehouse(), table, to_nothing=to_nothing)
    if not restored.went_back:
        typer.echo(f"{table} can be read; there is nothing to restore.")
        return
    when = screen.moment(restored.committed_at) if restored.committed_at else "creation, without any rows"
    typer.echo(f"Rolled {table} back to its state at {when} ({restored.metadata_file}).")
    typer.echo("Quarters written to it after that must be materialized again.")


def _rebuild() -> None:
    from ftm_resources.warehouse import Warehouse, rebuild

    found = rebuild.from_files(Warehouse())  # not checked first: it cannot be opened
    if not found.tables:
        typer.echo(
            f"The catalog knows all {screen.count(len(found.unchanged), 'table')}; there is nothing to restore."
        )
        return
    rows = [
        (t.name, screen.moment(t.state.updated_at) if t.state else "damaged", t.was or "not in the catalog")
        for t in found.tables
    ]
    screen.console().print(screen.table("Restored", ("table", "state of", "catalog before"), rows, left=3))
    for t in found.tables:
        for note in t.notes:
            typer.echo(f"Note: {t.name}: {note}.")
    if found.unchanged:
        typer.echo(f"Unchanged: {', '.join(found.unchanged)}.")
    if found.kept:
        typer.echo(f"The old catalog is kept at {found.kept}.")
    typer.echo("Check each quarter with `ftm quarters` and `ftm verify`.")


def _number(value: float) -> float:
    if math.isnan(value):  # which is within any bounds
        raise typer.BadParameter("it must be a number.")
    return value


@commands.command(rich_help_panel=_PANEL)
def cleanup(
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove; without this, only show what would be removed.")
    ] = False,
    keep_days: Annotated[
        int,
        typer.Option(
            metavar="DAYS",
            min=1,
            max=_CENTURY,
            help="Days a superseded snapshot is kept, i.e. how far back `--as-of DATE` reaches.",
        ),
    ] = 30,
    keep_last: Annotated[
        int, typer.Option(metavar="N", min=1, help="Newest writes kept per table, whatever their age.")
    ] = 10,
    grace_days: Annotated[
        float,
        typer.Option(
            metavar="DAYS",
            min=0,
            max=_CENTURY,
            help="Days to keep unreferenced files and unfinished work.",
            callback=_number,
        ),
    ] = 7,
    max_removed_share: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=1,
            help="Refuse a table if more of its data than this would be removed although no metadata mentions it; "
            "expired snapshots do not count.",
            callback=_number,
        ),
    ] = 0.5,
) -> None:
    """Remove old snapshots and files that nothing needs; by default, only show what would be removed.

    Search indexes of quarters that are gone go too. It never touches a current or tagged state, nor anything newer
    than the oldest unfinished run. A table whose files and catalog do not agree is refused and loses nothing. The
    asset warehouse_maintenance does the same on a schedule.
    """
    from datetime import timedelta

    from ftm_resources.retrieval.stored_indexes import maintain_all
    from ftm_resources.warehouse.cleanup import Kept, Policy
    from ftm_resources.warehouse.errors import RefusedCleanupError

    policy = Policy(
        keep=timedelta(days=keep_days),
        keep_last=keep_last,
        grace=timedelta(days=grace_days),
        running_since=oldest_unfinished_run(),
        max_removed_share=max_removed_share,
        dry_run=not yes,
    )
    refused, warehouse = None, arguments.warehouse()
    try:
        found = maintain_all(warehouse, policy)
    except RefusedCleanupError as error:
        refused, found = error, dict(error.found)
    total = sum(found.values(), Kept())
    console = screen.console()
    touched = {name: kept for name, kept in found.items() if kept.snapshots_expired or kept.files_removed}
    if touched:
        rows = [
            (name, f"{k.snapshots_expired:,}", f"{k.files_removed:,}", screen.size(k.bytes_removed))
            for name, k in [*touched.items(), ("total", total)]
        ]
        title = "Removed" if yes else "Would be removed"
        console.print(screen.table(title, ("", "snapshots", "files", "size"), rows))
    else:
        console.print("There is nothing to remove.")
    console.print(f"Kept: {screen.count(total.files, 'file')}, {screen.size(total.bytes)}.")
    if touched and not yes:
        console.print("This was a preview. To remove it: ftm cleanup --yes")
    if refused is not None:
        raise CommandError(str(refused))


def oldest_unfinished_run() -> datetime | None:
    """Return when the oldest unfinished run of this machine's Dagster instance began; None if there is none."""
    import dagster as dg

    from ftm_assets.cli import home
    from ftm_assets.orchestration.unfinished import unfinished_since

    home.prepare()
    with dg.DagsterInstance.get() as instance:
        return unfinished_since(instance)
