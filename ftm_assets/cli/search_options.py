"""What `ftm search` and `ftm ask` are limited by, with its help; quarters and lists as other commands take them too."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ftm_assets.cli import arguments
from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MANY = "several separated by commas, or the option several times"

Quarters = Annotated[
    list[str] | None,
    typer.Option(
        "--quarter",
        "-q",
        metavar="QUARTER",
        help=f"2023Q1 or 2023Q1..2023Q4; {_MANY}. Default: all.",
        autocompletion=arguments.known_quarters,
    ),
]
Levels = Annotated[
    list[str] | None,
    typer.Option("--level", "-l", metavar="LEVEL", help=f"theme, topic or sentence; {_MANY}. Default: all."),
]
Firms = Annotated[
    list[str] | None, typer.Option("--firm", metavar="FIRM", help=f"Firm id or ticker; {_MANY}.")
]
Permnos = Annotated[
    list[str] | None, typer.Option("--permno", metavar="PERMNO", help=f"CRSP's PERMNO; {_MANY}.")
]
Speakers = Annotated[
    list[str] | None,
    typer.Option("--speaker", metavar="KIND", help=f"Kind of speaker, e.g. analyst; {_MANY}."),
]
Sections = Annotated[
    list[str] | None, typer.Option("--section", metavar="SECTION", help="presentation or q_and_a.")
]
Since = Annotated[datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="First date of calls.")]
Until = Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last date of calls.")]

Backend = Annotated[
    str,
    typer.Option("--backend", metavar="WHERE", help="warehouse, or postgres: its copy at FTM_POSTGRES_URL."),
]
Schema = Annotated[str, typer.Option("--schema", metavar="NAME", help="Schema of that copy.")]


def place(backend: str, schema: str) -> dict[str, Any]:
    """Return where to search as `ftm_resources.search` takes it.

    Raises CommandError if that is the warehouse and there is none: before the models are loaded.
    """
    if backend == "warehouse":
        arguments.warehouse()
    return {"backend": backend, "schema": schema}


def listed(values: Sequence[str] | None) -> list[str]:
    """Return values that were given one by one or separated by commas."""
    return [part.strip() for value in values or [] for part in value.split(",") if part.strip()]


def spans(values: list[str] | None) -> list[str] | None:
    """Return quarters and ranges of quarters that were given one by one or separated by commas; None if none was."""
    return [arguments.quarter_span(span) for span in listed(values)] or None


def filters(
    level: list[str] | None,
    firm: list[str] | None,
    permno: list[str] | None,
    speaker: list[str] | None,
    section: list[str] | None,
    since: datetime | None,
    until: datetime | None,
) -> dict[str, Any]:
    """Return the options as `ftm_resources.search` takes them. Raises CommandError for a PERMNO that is no number."""
    permnos = listed(permno)
    if bad := [p for p in permnos if not p.isdecimal()]:
        raise CommandError(f"--permno must be a number, not {bad[0]}.")
    levels = listed(level)
    return {
        **({"levels": levels} if levels else {}),
        "firms": listed(firm),
        "permnos": [int(p) for p in permnos],
        "speakers": listed(speaker),
        "sections": listed(section),
        "since": since.date() if since else None,
        "until": until.date() if until else None,
    }
