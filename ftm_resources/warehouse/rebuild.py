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
from ftm_resources.warehouse import history, metadata_files
from ftm_resources.warehouse.catalog import Tables, place, reporting_unusable, sqlite_catalog
from ftm_resources.warehouse.errors import NoWarehouseError, WarehouseError
from ftm_resources.warehouse.full_disk import reporting_full_disk
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
    file: str
    """File name of the newest state in the folder; the catalog points to it now."""
    state: State | None
    """That state; None if it cannot be read, so that the table must be rolled back by `repair.restore`."""
    was: str | None
    """File name of the state that the old catalog pointed to; None if it did not know the table."""
    notes: tuple[str, ...]
    """What a person should know: that it cannot be read, or that there are states not in its history."""


@dataclass(frozen=True)
class Rebuilt:
    """The result of `from_files`."""

    tables: list[RebuiltTable]
    """The tables whose pointer was wrong or missing."""
    unchanged: list[str]
    """The tables whose pointer was right."""
    kept: str | None
    """Where the old catalog file is; None if there was none, or on Glue."""


def from_files(warehouse: Warehouse) -> Rebuilt:
    """Point the catalog to the newest state of every table whose metadata is in the folder.

    Sequence number, then time, decide which is newest, not the names of files. A pointer that is right stays. No table
    is rolled back: if its last commit cannot be read, it stays damaged. Raises WarehouseError if there is nothing to
    rebuild from.
    """
    location = warehouse.location
    location.require_folder()
    names = [n for n in TABLES if metadata_files.names(location, n) or history.hint(location, n)]
    if not names:
        raise NoWarehouseError(
            f"there is no metadata of any table under {location.uri}/{NAMESPACE}: no catalog can be rebuilt. Set "
            "FTM_WAREHOUSE to the folder that holds the tables"
        )
    with contextlib.ExitStack() as locks:
        for name in names:
            locks.enter_context(warehouse.lock(f"commit-{name}"))
        locks.enter_context(warehouse.lock("catalog"))
        locks.enter_context(reporting_full_disk(location.root, "the catalog"))
        locks.enter_context(reporting_unusable(location))
        found = {name: history.states(location, name) for name in names}
        return _in_glue(location, found) if location.is_s3 else _in_folder(location, found)


def _in_folder(location: Location, found: dict[str, list[State]]) -> Rebuilt:
    file = Path(location.root) / CATALOG_FILE
    # Before it is opened: SQLite removes a journal that it cannot use.
    if file.is_dir():
        file.rename(file.with_name(f"{CATALOG_FILE}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"))
    copies = _copies(file)
    pointers = _pointers(location)
    tables, unchanged = _chosen(location, found, pointers)
    if not tables:
        for copy in copies:
            copy.unlink()
        return Rebuilt([], unchanged, None)
    for table in tables:
        history.note_commit(location, table.name, table.file)
    built = file.with_name(f"{CATALOG_FILE}.rebuilt")
    built.unlink(missing_ok=True)
    try:
        catalog = sqlite_catalog(location, built, "rwc")
        catalog.create_namespace(NAMESPACE)
        for name in unchanged:
            catalog.insert(name, pointers[name])
        for table in tables:
            catalog.insert(table.name, _uri(location, table, found[table.name]))
        catalog.close()
    except BaseException:
        # Such as a full disk: the old catalog is still in its place.
        for left in (built, built.with_name(f"{built.name}-journal"), *copies):
            left.unlink(missing_ok=True)
        raise
    # SQLite would play an old journal back into the new file.
    file.with_name(f"{file.name}-journal").unlink(missing_ok=True)
    # A link, if it is one, is replaced and not followed.
    os.replace(built, file)  # noqa: PTH105 - the name says that it is atomic
    return Rebuilt(tables, unchanged, str(copies[0]) if copies else None)


def _copies(file: Path) -> list[Path]:
    """Copy the catalog and its journal, as far as they exist, to a name with the time; return the copies."""
    kept = f"{CATALOG_FILE}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    return [
        Path(shutil.copy2(file.with_name(f"{CATALOG_FILE}{end}"), file.with_name(f"{kept}{end}")))
        for end in ("", "-journal")
        if file.with_name(f"{CATALOG_FILE}{end}").exists()
    ]


def _in_glue(location: Location, found: dict[str, list[State]]) -> Rebuilt:
    from pyiceberg.exceptions import NamespaceAlreadyExistsError  # noqa: PLC0415

    opened = Tables.to_read(location)
    for name in opened.names():
        opened.require_ours(name)
    pointers = {n: p for n in found if (p := opened.catalog.pointer(n)) is not None}
    tables, unchanged = _chosen(location, found, pointers)
    with contextlib.suppress(NamespaceAlreadyExistsError):
        opened.catalog.create_namespace(NAMESPACE)
    if broken := [t for t in tables if t.state is None]:  # Glue needs a table's columns
        raise WarehouseError(
            f"{broken[0].name}: {broken[0].notes[0]}; nothing was changed. Restore that object from a backup or an "
            "earlier version, then try again"
        )
    for table in tables:
        uri = _uri(location, table, found[table.name])
        opened.catalog.point(table.name, uri, pointers.get(table.name))
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
    tables, unchanged = list[RebuiltTable](), [n for n in pointers if n not in found]
    for name, states in found.items():
        was = metadata_files.basename(pointers[name]) if name in pointers else None
        last = history.hint(location, name)
        noted = history.attempts(location, name)
        file = _newest(location, name, states, last, noted)
        if was is not None and not _is_behind(was, file, states, last):
            unchanged.append(name)
            continue
        state = next((s for s in states if s.name == file), None)
        if was is None and not history.is_committed(location, name):
            continue  # its creation was killed before the catalog knew of it
        tables.append(RebuiltTable(name, file, state, was, tuple(_notes(name, file, state, states, noted))))
    return tables, unchanged


def _newest(location: Location, name: str, states: list[State], last: str | None, noted: set[str]) -> str:
    """Return the file name of the newest commit; its state may be unreadable.

    What follows the last commit that was noted is a later commit if it is no attempt; a sibling of it is an attempt
    that lost against it.
    """
    followed = {n for s in states for n in s.before}

    def is_commit(found: State) -> bool:
        # Earlier versions of FTM did not note attempts. Of one that failed, they removed the data.
        return found.name in {last, *followed} or (
            found.name not in noted and history.is_whole(location, found, name)
        )

    if last is not None:
        return next((s.name for s in states if last in {s.name, *s.before} and is_commit(s)), last)
    if found := next((s for s in states if not s.is_empty and is_commit(s)), None):
        return found.name
    if states and not states[0].is_empty and states[0].name not in noted:
        return states[0].name
    return metadata_files.names(location, name)[0]  # better a damaged table than an empty one


def _is_behind(was: str, newest: str, states: list[State], last: str | None) -> bool:
    """Return whether something newer was committed than the state that the catalog points to."""
    now = next((s for s in states if s.name == was), None)
    if now is None and was != last and any(s.name == last for s in states):
        return True  # the catalog is not that of this folder
    if now is None:  # damaged; only a later commit makes the pointer wrong
        return metadata_files.version_of(newest) > metadata_files.version_of(was)
    later = next((s for s in states if s.name == newest), None)
    if later is not None and was in later.before:
        return True  # even if the hint is as old as the catalog: both may come from a backup
    return newest != was and last not in {now.name, *now.before}


def _notes(name: str, file: str, state: State | None, states: list[State], noted: set[str]) -> Iterator[str]:
    if state is None:
        yield f"its last commit, {file}, is missing or cannot be read; `ftm restore {name}` rolls the table back"
        return
    known = {state.name, *state.before}
    for other in (s for s in states if s.name in noted and s.before[-1:] == (state.name,)):
        yield f"{other} is an attempt whose writer was killed, and is not used; materialize what it wrote again"
    for other in (s for s in states if s.name not in known and s.snapshots - state.snapshots):
        if other.before[-1:] == () or other.before[-1] not in known:
            yield f"{other} is another history of this table and is not used; it stays where it is"
            return


def _uri(location: Location, table: RebuiltTable, states: list[State]) -> str:
    # In a folder, as the metadata names it; on S3 the pointer must be to what is here.
    if location.is_s3 or not states:
        return f"{place(location, table.name)}/metadata/{table.file}"
    return f"{(table.state or states[0]).location}/metadata/{table.file}"
