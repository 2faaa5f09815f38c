"""Arguments that several commands take, with their help, their checks and their completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ftm_resources.warehouse import Warehouse


def quarter_key(text: str | None) -> str | None:
    """Return a quarter in its stored form; 2023q1 and 2023-Q1 are accepted, anything else is a usage error."""
    if text is None:
        return None
    from ftm_resources import quarters

    try:
        return quarters.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def warehouse() -> Warehouse:
    """Return the warehouse at FTM_WAREHOUSE; raise WarehouseError if nothing was ever written to it."""
    from ftm_resources.warehouse import Warehouse

    found = Warehouse()
    found.pin()
    return found


def known_quarters(incomplete: str) -> list[str]:
    """Return the stored quarters that complete the text typed so far."""
    try:
        found = warehouse().quarters("transcripts")
    except Exception:  # noqa: BLE001 - completion must not disturb the line that is being typed
        return []
    return [q for q in found if q.startswith(incomplete.upper())]


def known_tables(incomplete: str) -> list[str]:
    """Return the tables that complete the text typed so far."""
    from ftm_resources.tables import TABLES

    return [t for t in TABLES if t.startswith(incomplete)]


def table_name(name: str) -> str:
    """Return the name of a table; an unknown one is a usage error that suggests similar names."""
    from difflib import get_close_matches

    from ftm_resources.tables import TABLES

    if name not in TABLES:
        near = get_close_matches(name, TABLES, n=2) or TABLES
        raise typer.BadParameter(f"there is no table {name!r}. Did you mean {' or '.join(near)}?")
    return name


Quarter = Annotated[
    str,
    typer.Argument(
        metavar="QUARTER",
        help="Calendar quarter of the calls, e.g. 2023Q1.",
        callback=quarter_key,
        autocompletion=known_quarters,
    ),
]

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TAG|DATE",
        help="Read the state kept by a tag (paper-v1) or at the end of a day (2024-05-31, UTC).",
    ),
]
