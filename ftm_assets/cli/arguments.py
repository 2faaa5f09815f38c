"""Arguments that several commands take, with their help, their checks and their completion."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

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


def quarter_span(text: str) -> str:
    """Return a quarter or a range of quarters (2018Q1..2026Q4) in its stored form; a usage error for anything else."""
    keys = [quarter_key(part) for part in text.replace("...", "..").split("..")]
    if len(keys) > 2 or str(keys[0]) > str(keys[-1]):
        raise typer.BadParameter(
            f"{text!r} is not a range of quarters such as 2018Q1..2026Q4, from the first to the last"
        )
    return "..".join(str(key) for key in keys)


def require_partition(quarter: str) -> None:
    """Raise CommandError if no run can be of this quarter."""
    from ftm_assets.orchestration.partitions import quarter_keys
    from ftm_resources.quarters import today

    known = sorted(quarter_keys(today()))
    if quarter not in known:
        raise CommandError(f"{quarter} is not one of the quarters {known[0]} to {known[-1]}.")


def require_state(warehouse: Warehouse, quarter: str, tables: Iterable[str], as_of: str | None) -> None:
    """Raise CommandError if `as_of` is a time in the future, or before the tables' first write of the quarter."""
    from datetime import UTC, datetime

    from ftm_resources.warehouse.snapshots import moment_of

    moment = moment_of(as_of) if as_of else None
    if moment is None:
        return
    if moment.astimezone(UTC).date() > datetime.now(UTC).date():
        raise CommandError(f"{as_of} is in the future: leave out --as-of for the newest state.")
    pinned = warehouse.pin()
    first = min((w.at for t in tables for w in pinned.writes(t).get(quarter, [])), default=None)
    if first is not None and moment < first:
        raise CommandError(
            f"{quarter} has no state as of {as_of}: it was first written at {first:%Y-%m-%d %H:%M:%S} UTC."
        )


def outputs(files: Iterable[Path], *, force: bool, makes_folder: bool = False) -> list[Path]:
    """Return the absolute paths of files to write, of one folder; ~ is the home folder.

    Raises CommandError if one is there already and `force` is not given, is a folder, or if their folder is no folder,
    may not be written to, or does not exist, which is no error with `makes_folder`.
    """
    found = [file.expanduser().absolute() for file in files]
    folder = found[0].parent
    try:
        if is_folder := [str(file) for file in found if file.is_dir()]:
            raise CommandError(f"{is_folder[0]} is a folder: name a file.")
        if (taken := [str(file) for file in found if file.exists()]) and not force:
            raise CommandError(
                f"already there: {', '.join(taken)}. Choose another place, or replace with --force."
            )
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    except PermissionError as error:
        raise CommandError(f"{folder} may not be read by this user: choose another folder.") from error
    except NotADirectoryError:
        there = next(parent for parent in folder.parents if parent.is_file())
    if not there.is_dir():
        raise CommandError(f"{there} is a file, not a folder: choose another place.")
    if there != folder and not makes_folder:
        raise CommandError(f"there is no folder {folder}: create it first.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise CommandError(f"{there} may not be written to by this user: choose another folder.")
    return found


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
    """Return the name of a table; raise CommandError, with similar names, for an unknown one."""
    from difflib import get_close_matches

    from ftm_resources.tables import TABLES

    if name not in TABLES:
        near = get_close_matches(name, TABLES, n=2)
        meant = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(TABLES)}."
        raise CommandError(f"There is no table {name}. {meant}")
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
