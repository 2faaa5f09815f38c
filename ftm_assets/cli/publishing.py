"""`ftm publish`: copies of quarters for other servers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ftm_assets.cli import arguments, screen
from ftm_assets.cli.failing import CommandError
from ftm_assets.cli.search_options import Quarters, spans
from ftm_resources.postgres.layout import SCHEMA

commands = typer.Typer()

group = typer.Typer(no_args_is_help=True, help="Copy quarters to a server that serves them.")
commands.add_typer(group, name="publish", rich_help_panel="Read")


class VectorType(StrEnum):
    """pgvector's types of vectors."""

    halfvec = "halfvec"
    vector = "vector"


@group.command()
def postgres(
    quarter: Quarters = None,
    schema: Annotated[
        str, typer.Option("--schema", metavar="NAME", help="Schema to copy to; made if it is not there.")
    ] = SCHEMA,
    vectors: Annotated[
        VectorType, typer.Option("--vectors", help="2 bytes per dimension (halfvec) or 4 (vector).")
    ] = VectorType.halfvec,
    allow_mixed: Annotated[
        bool,
        typer.Option(
            "--allow-mixed",
            help="If a quarter's newest rows do not go together, or not with other quarters, copy the last complete "
            "generation instead of stopping.",
        ),
    ] = False,
) -> None:
    """Copy firms, themes, topics and sentences to PostgreSQL with pgvector, for services that search there.

    The database is FTM_POSTGRES_URL. What connect() shows over all quarters is copied. Each quarter is replaced in one
    transaction, with its foreign keys and an HNSW index of its vectors; other quarters stay, and one whose rows are
    there already is left alone. The text of the calls goes to that server: Capital IQ's licence applies there too.
    """
    from ftm_resources.postgres.database import connected
    from ftm_resources.postgres.outdated_copies import differing_quarters
    from ftm_resources.postgres.publish import publish
    from ftm_resources.postgres.quarter_state import shown_now
    from ftm_resources.retrieval.quarter_spans import quarters_among

    warehouse = arguments.warehouse()
    held = warehouse.quarters("sentences")
    if not held:
        raise CommandError(f"{warehouse.root} holds no sentences yet: run a quarter first.")
    chosen = quarters_among(
        held,
        spans(quarter),
        lambda span: CommandError(f"There are no sentences of {span}; there are of {', '.join(held)}."),
    )
    with connected() as connection:
        across = shown_now(warehouse)
        for key in chosen:
            done = publish(
                across,
                key,
                connection,
                schema=schema,
                vectors=vectors.value,
                allows_mixed=allow_mixed,
                progress=lambda what: typer.echo(what, err=True),
            )
            rows = ", ".join(f"{n:,} {table}" for table, n in done.rows.items())
            how = "was there already" if done.is_unchanged else "copied"
            typer.echo(f"{key}: {rows}; {how}.")
            if not done.is_indexed:
                typer.echo(
                    f"{screen.count(done.dimension, 'dimension')} are more than an HNSW index takes: searches compare "
                    "all vectors."
                )
        found = differing_quarters(warehouse, connection, schema)
    if found.told():
        typer.echo(f"Warning: {found.told()}. They need not go with these.", err=True)
