"""`ftm publish`: copies of quarters for other servers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ftm_assets.cli import arguments, screen
from ftm_assets.cli.failing import CommandError

commands = typer.Typer()

group = typer.Typer(no_args_is_help=True, help="Copy quarters to a server that serves them.")
commands.add_typer(group, name="publish", rich_help_panel="Read")


class VectorType(StrEnum):
    """pgvector's types of vectors."""

    halfvec = "halfvec"
    vector = "vector"


def _keys(quarters: list[str] | None) -> list[str]:
    return [key for text in quarters or () if (key := arguments.quarter_key(text))]


@group.command()
def postgres(
    quarter: Annotated[
        list[str] | None,
        typer.Option(
            "--quarter",
            "-q",
            metavar="QUARTER",
            help="Quarter to copy; may be given several times. Default: all.",
            callback=_keys,
        ),
    ] = None,
    schema: Annotated[
        str, typer.Option("--schema", metavar="NAME", help="Schema to copy to; made if it is not there.")
    ] = "ftm",
    vectors: Annotated[
        VectorType, typer.Option("--vectors", help="2 bytes per dimension (halfvec) or 4 (vector).")
    ] = VectorType.halfvec,
    allow_mixed: Annotated[
        bool,
        typer.Option(
            "--allow-mixed",
            help="Of a quarter of mixed generations, copy the last complete one instead of stopping.",
        ),
    ] = False,
) -> None:
    """Copy firms, themes, topics and sentences to PostgreSQL with pgvector, for services that search there.

    The database is FTM_POSTGRES_URL. Each quarter is replaced in one transaction, with its foreign keys and an HNSW
    index of its vectors; other quarters stay, and one whose rows are there already is left alone. The text of the calls
    goes to that server: Capital IQ's licence applies there too.
    """
    from ftm_resources.postgres.database import connected
    from ftm_resources.postgres.publish import publish

    warehouse = arguments.warehouse()
    chosen = quarter or warehouse.quarters("sentences")
    if not chosen:
        raise CommandError(f"{warehouse.root} holds no sentences yet: run a quarter first.")
    with connected() as connection:
        for key in chosen:
            done = publish(
                warehouse,
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
