"""`ftm bertopic`: a quarter's themes, or a firm's topics, as a BERTopic model on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ftm_assets.cli import arguments, screen
from ftm_assets.cli.arguments import Quarter
from ftm_assets.cli.failing import CommandError

commands = typer.Typer()


@commands.command(rich_help_panel="Read")
def bertopic(
    quarter: Quarter,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder to write to.")],
    level: Annotated[
        Literal["theme", "firm"], typer.Option(help="Themes of the quarter, or topics of one firm.")
    ] = "theme",
    firm: Annotated[
        str | None, typer.Option(metavar="FIRM_ID", help="The firm, with `--level firm`.")
    ] = None,
) -> None:
    """Save themes, or a firm's topics, as a BERTopic model with its documents.

    The model is saved as safetensors, the documents as documents.parquet. Needs the extra
    `bertopic`.
    """
    if (level == "firm") != (firm is not None):
        raise typer.BadParameter("--level firm needs --firm FIRM_ID, and --firm needs --level firm.")
    import pyarrow.parquet as pq

    from ftm_assets.orchestration.fitted_bertopic import to_bertopic

    try:
        model, documents = to_bertopic(arguments.warehouse(), quarter, level, firm=firm)
    except LookupError as error:
        raise CommandError(str(error.args[0])) from error
    model.save(out, serialization="safetensors", save_ctfidf=True)
    pq.write_table(documents, out / "documents.parquet")
    n = len({*model.topics_} - {-1})
    typer.echo(
        f"Wrote {screen.count(n, 'topic')} of {screen.count(documents.num_rows, 'document')} to {out}. "
        f"Load them with BERTopic.load({str(out)!r})."
    )
