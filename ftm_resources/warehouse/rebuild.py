"""Rebuilding a catalog that was lost, or that is older than the tables, from the metadata in the folder.

What belongs here: `ftm restore --from-files`. It only changes pointers: no data or metadata file is removed, and the
old catalog stays beside the new one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ftm_resources.tables import NAMESPACE, TABLES
from ftm_resources.warehouse import history
from ftm_resources.warehouse.catalog import Tables, place, sqlite_catalog
from ftm_resources.warehouse.errors import NoWarehouseError, WarehouseError
from ftm_resources.warehouse.location import CATALOG_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ftm_resources.warehouse.history import State
    from ftm_resources.warehouse.location import Location
    from ftm_resources.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class RebuiltTable:
    """What `from_files` found for a table."""

    name: str
    state: State
    """The newest state in the folder; the catalog points to it now."""
    was: str | None
    """File name of the state that the old catalog pointed to; None if it did not know the table."""
    notes: tuple[str, ...]
    """What a person should know: a newer file that cannot be read, or states that are not in this one's history."""


@dataclass(frozen=True)
class Rebuilt:
    """The result of `from_files`."""

    tables: list[RebuiltTable]
    """The tables whose pointer was wrong or missing."""
    unchanged: list[str]
    """The tables that the catalog knew as they are."""
    kept: str | None
    """Where the old catalog file is; None if there was none, or on Glue."""


def from_files(warehouse: Warehouse) -> Rebuilt:
    """Point the catalog to the newest state of every table whose metadata is in the folder.

    Newest is decided by sequence number, then by time, and not by the names of files. A table that the catalog
    knows as it is stays as it is. Raises WarehouseError if there is nothing to rebuild from.
    """
    location = warehouse.location
    location.require_folder()
    found = {name: s for name in TABLES if (s := history.states(location, name))}
    if not found:
        raise NoWarehouseError(
            f"there is no metadata of any table under {location.uri}/{NAMESPACE}: no catalog can be rebuilt. Set "
            "FTM_WAREHOUSE to the folder that holds the tables"
        )
    with contextlib.ExitStack() as locks:
        for name in found:
            locks.enter_context(warehouse.lock(f"commit-{name}"))
        locks.enter_context(warehouse.lock("catalog"))
        found = {name: history.states(location, name) for name in found}
        return _in_glue(location, found) if location.is_s3 else _in_folder(location, found)


def _in_folder(location: Location, found: dict[str, list[State]]) -> Rebuilt:
    file = Path(location.root) / CATALOG_FILE
    pointers = _pointers(location)
    tables, unchanged = _chosen(location, found, pointers)
    if not tables:
        return Rebuilt([], unchanged, None)
    for table in tables:
        _settle(location, table)
    built = file.with_name(f"{CATALOG_FILE}.rebuilt")
    built.unlink(missing_ok=True)
    catalog = sqlite_catalog(location, built, "rwc")
    catalog.create_namespace(NAMESPACE)
    for name in unchanged:
        catalog.register_table((NAMESPACE, name), pointers[name])
    for table in tables:
        catalog.register_table((NAMESPACE, table.name), _uri(location, table))
    catalog.close()
    kept = None
    if file.exists():
        kept = file.with_name(f"{CATALOG_FILE}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        shutil.copy2(file, kept)
        journal = file.with_name(f"{CATALOG_FILE}-journal")
        if journal.exists():  # SQLite would play it back into the new file
            journal.rename(kept.with_name(f"{kept.name}-journal"))
    # A link, if it is one, is replaced and not followed.
    os.replace(built, file)  # noqa: PTH105 - the name says that it is atomic
    return Rebuilt(tables, unchanged, kept and str(kept))


def _in_glue(location: Location, found: dict[str, list[State]]) -> Rebuilt:
    from pyiceberg.exceptions import NamespaceAlreadyExistsError  # noqa: PLC0415

    opened = Tables.to_read(location)
    for name in opened.names():
        opened.require_ours(name)
    pointers = {n: p for n in found if (p := opened.catalog.pointer(n)) is not None}
    tables, unchanged = _chosen(location, found, pointers)
    with contextlib.suppress(NamespaceAlreadyExistsError):
        opened.catalog.create_namespace(NAMESPACE)
    for table in tables:
        _settle(location, table)
        opened.catalog.point(table.name, _uri(location, table), pointers.get(table.name))
    return Rebuilt(tables, unchanged, None)


def _pointers(location: Location) -> dict[str, str]:
    """Return what the catalog, if it can be read, points to."""
    with contextlib.suppress(WarehouseError):
        opened = Tables.to_read(location)
        names = opened.names()
        return {name: p for name in names if (p := opened.catalog.pointer(name)) is not None}
    return {}


def _chosen(
    location: Location, found: dict[str, list[State]], pointers: dict[str, str]
) -> tuple[list[RebuiltTable], list[str]]:
    """Return the tables to point elsewhere, and the names of those that stay."""
    tables, unchanged = list[RebuiltTable](), list[str]()
    for name, states in found.items():
        pointer = pointers.get(name)
        by_name = {s.name: s for s in states}
        now = None if pointer is None else by_name.get(history.basename(pointer))
        last = history.hint(location, name)
        # What follows the last commit that was noted; a sibling of it is an attempt that lost against it.
        best = next((s for s in states if last in {s.name, *s.before}), states[0])
        if now is not None and (best is now or last in {now.name, *now.before}):
            unchanged.append(name)
        elif pointer is None and best.is_empty and last is None:
            continue  # its creation was killed before the catalog knew of it
        else:
            was = None if pointer is None else history.basename(pointer)
            tables.append(RebuiltTable(name, best, was, tuple(_notes(location, name, best, states, last))))
    return tables, unchanged


def _notes(
    location: Location, name: str, best: State, states: list[State], last: str | None
) -> Iterator[str]:
    parsed = {s.name for s in states}
    broken = [f for f in history.names(location, name) if f not in parsed]
    if newer := [f for f in broken if history.version_of(f) > best.version or f == last]:
        yield f"{newer[0]} is newer, but cannot be read: commits after {best.updated_at:%Y-%m-%d %H:%M} UTC are lost"
    known = {best.name, *best.before}
    others = (s for s in states if s.name not in known and s.snapshots - best.snapshots)
    for other in others:
        if other.before[-1:] == () or other.before[-1] not in known:
            yield f"{other} is another history of this table and is not used; it stays where it is"
            return


def _settle(location: Location, table: RebuiltTable) -> None:
    """Let the folder say what the catalog will: the note of the last commit, and no broken file after it."""
    parsed = {s.name for s in history.states(location, table.name)}
    newer = {
        f
        for f in history.names(location, table.name)
        if f not in parsed and history.version_of(f) >= table.state.version
    }
    if newer:
        history.set_aside(location, table.name, set(history.names(location, table.name)) - newer)
    history.note_commit(location, table.name, table.state.name)


def _uri(location: Location, table: RebuiltTable) -> str:
    # In a folder, as the metadata names it; on S3 the pointer must be to what is here.
    at = place(location, table.name) if location.is_s3 else table.state.location
    return f"{at}/metadata/{table.state.name}"
