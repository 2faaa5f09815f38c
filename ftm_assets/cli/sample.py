"""`ftm sample`: the bundled sample as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftm_assets.cli import screen
from ftm_assets.cli.arguments import quarter_span, require_partition

commands = typer.Typer()


@commands.command(rich_help_panel="Read")
def sample(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for calls/ and truth/.")],
    quarter: Annotated[
        str,
        typer.Option(
            "--quarter",
            "-q",
            metavar="QUARTER|FIRST..LAST",
            help="Calendar quarter of the calls, or several: 2018Q1..2026Q4.",
            callback=quarter_span,
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

    FOLDER/calls holds the calls in Capital IQ's columns, FOLDER/truth the planted themes: of each sentence
    (truth/sentences), and through the quarters (truth/series: themes are born, drift, split, merge, pause and
    die). All text is fictional. A full-size quarter has 5,000 firms.
    """
    from ftm_resources import quarters
    from ftm_resources.sources.sample.generated import DEFAULT_SEED, SampleSource, write

    first, last = quarter.split("..")[0], quarter.split("..")[-1]
    require_partition(first)
    require_partition(last)
    source = SampleSource(firms, DEFAULT_SEED if seed is None else seed)
    n = write(source, quarters.between(first, last), out)
    said = f"Wrote {screen.count(n, 'sentence')}. To run them:"
    if first == last:
        typer.echo(f"{said} ftm run --calls {out / 'calls'} --quarter {quarter}")
    else:
        environment = f"FTM_SOURCE=files FTM_SOURCE_PATH={out / 'calls'}"
        typer.echo(
            f"{said} {environment} dagster job backfill -j quarter --from {first} --to {last} --noprompt"
        )
