"""Commands for deployment: one-time preparation of images and Dagster instances."""

from __future__ import annotations

from typing import Annotated

import typer

from ftm_assets.cli import arguments

commands = typer.Typer()

_PANEL = "Set up"


@commands.command(rich_help_panel=_PANEL)
def pools() -> None:
    """Set how many steps, over all runs, may use a GPU, a WRDS login or the language model at once.

    Applies to the instance at DAGSTER_HOME. Run it after a deployment on AWS, and again when the limits in the code
    change. A single machine does not need it.
    """
    import dagster as dg

    from ftm_assets.orchestration.pools import LIMITS, set_limits

    with dg.DagsterInstance.get() as instance:
        set_limits(instance)
        for pool in LIMITS:
            info = instance.event_log_storage.get_concurrency_info(pool)
            typer.echo(f"{pool}: {info.slot_count} steps at once")


@commands.command(rich_help_panel=_PANEL)
def manifest(
    quarter: Annotated[
        str | None,
        typer.Argument(
            metavar="QUARTER",
            help="Also copy this quarter into dbt's DuckDB file, to work on a model with dbt alone.",
            callback=arguments.quarter_key,
        ),
    ] = None,
) -> None:
    """Parse the dbt project ahead of time, for when its folder is read-only later (in an image)."""
    from ftm_assets.orchestration import dbt_project
    from ftm_resources import settings

    typer.echo(f"The manifest is {dbt_project.manifest()}")
    if quarter is None:
        return
    # dbt's own variable, which profiles.yml reads too.
    folder = settings.current().dbt_target_path or dbt_project.target_folder()
    warehouse = arguments.warehouse()
    names = (*dbt_project.SOURCES, *dbt_project.MARTS)
    tables = {name: warehouse.quarter(name, quarter) for name in names}
    dbt_project.stage(folder, tables, dbt_project.earlier_tables(warehouse, quarter))
    typer.echo(
        f"Copied {quarter} into {folder / dbt_project.DATABASE}. Now: cd {dbt_project.PROJECT} && dbt build"
    )
