"""`ftm sample`: the bundled sample as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftm_assets.cli import screen
from ftm_assets.cli.arguments import quarter_key, require_partition

commands = typer.Typer()


@commands.command(rich_help_panel="Read")
def sample(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for calls/ and truth/.")],
    quarter: Annotated[
        str,
        typer.Option(
            "--quarter",
            "-q",
            metavar="QUARTER",
            help="Calendar quarter of the calls.",
            callback=quarter_key,
        ),
    ] = "2023Q1",
    firms: Annotated[
        int, typer.Option("--firms", "-n", metavar="N", min=1, help="How many firms to invent.")
    ] = 48,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Another seed gives another sample.", show_default=False)
    ] = None,
) -> None:
    """Write invented earnings calls with planted themes to files, for trying things out.

    FOLDER/calls holds the calls in Capital IQ's columns, FOLDER/truth the planted themes. All text is
    fictional. A full-size quarter has 5,000 firms.
    """
    from ftm_resources.sources.sample.generated import DEFAULT_SEED, SampleSource, write

    require_partition(quarter)
    source = SampleSource(firms, DEFAULT_SEED if seed is None else seed)
    n = write(source, quarter, out)
    typer.echo(
        f"Wrote {screen.count(n, 'sentence')}. To run them: ftm run --calls {out / 'calls'} --quarter {quarter}"
    )
