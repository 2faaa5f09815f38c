"""`ftm quarters` and `ftm themes`: what the warehouse holds."""

from __future__ import annotations

from typing import Annotated

import typer

from ftm_assets.cli import arguments, screen
from ftm_assets.cli.arguments import AsOf, Quarter
from ftm_assets.cli.failing import CommandError

commands = typer.Typer()

_PANEL = "Read"


@commands.command(rich_help_panel=_PANEL)
def quarters(
    details: Annotated[
        bool, typer.Option("--details", help="Name each table that does not fit, and the input that changed.")
    ] = False,
) -> None:
    """List the quarters: when each was made, from which source, and whether its tables belong together.

    A quarter is `being computed` if a run of it has not ended. Otherwise, it is `complete` if every
    table exists and was made from the current rows of its inputs, `incomplete` if tables are missing,
    and `mixed` if a table was made from rows that have since been replaced. Its search index is `current`,
    `outdated`, `none`, or `unknown` if tables are damaged; without a current one, a search reads the whole quarter.
    What its runs cost is shown where a price is known.
    """
    from ftm_assets.cli import stored_quarters as words
    from ftm_resources.retrieval.stored_indexes import index_states
    from ftm_resources.warehouse.status import status

    warehouse = arguments.warehouse()
    found = status(warehouse)
    indexes = index_states(warehouse, [q.quarter for q in found])
    costs = words.costs(warehouse)
    running = _unfinished_runs()
    console = screen.console()
    if not found and not running:
        console.print(f"{warehouse.root} has no quarters yet. Make one with `ftm run`.")
        return
    rows = [
        (
            q.quarter,
            words.source(q),
            "being computed" if q.quarter in running else words.state(q),
            screen.moment(q.made_at),
            f"{len(q.tables)}",
            indexes[q.quarter],
            *([costs.get(q.quarter, "")] if costs else []),
        )
        for q in found
    ]
    rows += [
        (quarter, "", "being computed", "", "0", "", *([""] if costs else []))
        for quarter in sorted(running.keys() - {q.quarter for q in found})
    ]
    console.print(
        screen.table(
            f"Quarters of {warehouse.root}",
            ("quarter", "source", "state", "made", "tables", "search index", *(["cost"] if costs else [])),
            rows,
            left=3,
        )
    )
    if running:
        console.print(
            screen.facts(
                (quarter, f"being computed ({run}); if that run was killed, run the quarter again")
                for quarter, run in sorted(running.items())
            )
        )
    if behind := [q.quarter for q in found if indexes[q.quarter] == "outdated" and q.quarter not in running]:
        console.print(
            f"\nThe search index of {', '.join(behind)} is outdated: a search reads the whole quarter. To renew it: "
            f"`dg launch --assets search_index --partition {behind[0]}`."
        )
    notes = [
        (q.quarter, note)
        for q in found
        if q.quarter not in running
        for note in words.notes(q, details=details)
    ]
    if notes:
        console.print(screen.facts(notes))
        if not details and any(q.mixtures for q in found if q.quarter not in running):
            console.print("\nWhich table does not go with which input: `ftm quarters --details`.")
        console.print(
            "\nTo rebuild a mixed or incomplete quarter, run `ftm run --quarter QUARTER` with the quarter's own source "
            "(--calls) and config (--config)."
        )


def _unfinished_runs() -> dict[str, str]:
    """Return quarter → its newest run that has not ended, and since when (UTC); empty without a Dagster home.

    A run that was killed may be among them: Dagster does not hear of its end.
    """
    from ftm_assets.cli import home

    if not (home.folder() / "dagster.yaml").exists():
        return {}
    import dagster as dg
    from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
    from dagster._core.storage.tags import PARTITION_NAME_TAG

    found: dict[str, str] = {}
    with dg.DagsterInstance.from_config(str(home.folder())) as instance:
        for record in instance.get_run_records(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))):
            quarter = record.dagster_run.tags.get(PARTITION_NAME_TAG)
            if quarter and quarter not in found:  # the newest comes first
                since = record.create_timestamp
                found[quarter] = f"run {record.dagster_run.run_id[:8]}, since {screen.moment(since)}"
    return found


@commands.command(rich_help_panel=_PANEL)
def themes(
    quarter: Quarter,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="Themes to show, most topics first.")
    ] = 30,
    as_of: AsOf = None,
) -> None:
    """Show the themes of a quarter with most topics, and their sentiment.

    The score is (positive − negative) / sentences, from −1 to 1.
    """
    from ftm_assets.cli.run_report import themes_table

    warehouse = arguments.warehouse()
    needed = ("themes", "theme_topics", "theme_sentiment")
    arguments.require_state(warehouse, quarter, needed, as_of)
    with warehouse.connect(quarter=quarter, as_of=as_of, tables=needed) as db:
        (n,) = db.execute("SELECT count(*) FROM theme_sentiment").fetchone() or (0,)
        if not n:
            held = ", ".join(warehouse.quarters("theme_sentiment")) or "none"
            raise CommandError(
                f"{quarter} has no themes in {warehouse.root}. Quarters with themes: {held}. Make one with "
                f"`ftm run --quarter {quarter}`."
            )
        screen.console().print(themes_table(db, quarter, limit))
