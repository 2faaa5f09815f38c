"""What the files of a table prove about its history, whatever the catalog says.

What belongs here: reading the metadata files in a table's folder, and comparing them with the catalog's pointer.
The argument: a commit is always based on a committed state, and each state lists those before it. So a metadata file
that is not in the history of the catalog's state is either an attempt that was never committed or proof that the
catalog has lost something. `HINT`, written after each commit, names the last one. An attempt is noted before its
metadata is written, and the note is removed after the commit: what has no note was committed, whatever the hint says.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ftm_resources.tables import NAMESPACE, TABLES
from ftm_resources.warehouse import metadata_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.location import Location

HINT = "version-hint.text"
"""File in a table's metadata folder that names the last commit; Iceberg's convention, which DuckDB reads too."""

REBUILD = "ftm restore --from-files"
"""The command that rebuilds the catalog."""

_ATTEMPT = "attempt-"
"""Prefix of the names of the notes of attempts; the rest is the name of the metadata file."""
_ABANDONED = "abandoned-"
"""Prefix of the names of metadata files that a roll-back left behind."""


@dataclass(frozen=True)
class State:
    """A metadata file of a table that can be parsed."""

    name: str
    """File name, which is unique."""
    location: str
    """URI of the table's folder when it was written."""
    table_id: str
    sequence_number: int
    updated_ms: int
    current: int | None
    """The current snapshot; None if nothing was ever committed."""
    snapshots: frozenset[int]
    before: tuple[str, ...]
    """File names of the states before it, oldest first; at most 100."""

    @property
    def version(self) -> int:
        """Number of the commit."""
        return metadata_files.version_of(self.name)

    @property
    def age(self) -> tuple[int, int, int]:
        """Sort key: the state with the largest is the newest. Clocks can be wrong; the number of commits cannot."""
        return (self.sequence_number, self.updated_ms, self.version)

    @property
    def updated_at(self) -> datetime:
        """Time of the commit, by the writer's clock."""
        return datetime.fromtimestamp(self.updated_ms / 1000, UTC)

    @property
    def is_empty(self) -> bool:
        """Whether the table was created and nothing was ever committed to it."""
        return self.current is None

    def __str__(self) -> str:
        """Describe it for a message."""
        return f"{self.name} (commit {self.sequence_number}, {self.updated_at:%Y-%m-%d %H:%M} UTC)"


def note_commit(location: Location, name: str, uri: str) -> None:
    """Write which metadata file of a table was committed last.

    A failure is ignored: the commit has succeeded, and a hint that lags behind the catalog proves nothing wrong.
    """
    filesystem, folder = metadata_files.folder_of(location, name)
    path, content = (
        f"{folder}/{HINT}",
        metadata_files.basename(uri).removesuffix(metadata_files.SUFFIX).encode(),
    )
    with contextlib.suppress(OSError):
        # By renaming: readers see all of it or the one before, and a hard link's other name keeps its content.
        temporary = path if location.is_s3 else f"{path}.{uuid.uuid4().hex}"
        with filesystem.open_output_stream(temporary) as stream:
            stream.write(content)
        if temporary != path:
            filesystem.move(temporary, path)


def note_attempt(location: Location, name: str, file: str) -> None:
    """Note that a metadata file is about to be written, which may never be committed."""
    filesystem, folder = metadata_files.folder_of(location, name)
    with filesystem.open_output_stream(f"{folder}/{_ATTEMPT}{file}") as stream:
        stream.write(b"")


def forget_attempt(location: Location, name: str, file: str, *, discard: bool = False) -> None:
    """Remove the note of an attempt that was committed, or with `discard` failed: then its metadata goes first.

    A failure is ignored: a note proves nothing against a state that the catalog knows.
    """
    filesystem, folder = metadata_files.folder_of(location, name)
    with contextlib.suppress(OSError):
        if discard:
            with contextlib.suppress(FileNotFoundError):
                filesystem.delete_file(f"{folder}/{file}")
        filesystem.delete_file(f"{folder}/{_ATTEMPT}{file}")


def attempts(location: Location, name: str) -> set[str]:
    """Return the names of the metadata files that are noted as attempts."""
    return {n.removeprefix(_ATTEMPT) for n in metadata_files.listed(location, name) if n.startswith(_ATTEMPT)}


def finished(location: Location, name: str) -> list[str]:
    """Return the names of the metadata files that are no attempts, newest version first.

    Each was committed before this returns: the notes are listed after the files, and written before them.
    """
    found = metadata_files.names(location, name)
    noted = attempts(location, name)
    return [n for n in found if n not in noted]


def hint(location: Location, name: str) -> str | None:
    """Return the name of the metadata file that was committed last; None if there is no usable hint."""
    filesystem, folder = metadata_files.folder_of(location, name)
    try:
        with filesystem.open_input_stream(f"{folder}/{HINT}") as stream:
            found = stream.read(200).decode(errors="replace").strip() + metadata_files.SUFFIX
    except OSError:
        return None
    return found if metadata_files.NAME.fullmatch(found) else None


def beside(location: Location, table: IcebergTable) -> list[str]:
    """Return the names of the metadata files that are not in the history of the catalog's state."""
    name, _, known = _known(table)
    others = (n for n in metadata_files.listed(location, name) if n not in known)
    return [n for n in others if metadata_files.NAME.fullmatch(n) or is_abandoned(n)]


def read(location: Location, name: str, file: str) -> State | None:
    """Return a state by the name of its metadata file; None if the file is missing or cannot be parsed."""
    filesystem, folder = metadata_files.folder_of(location, name)
    try:
        with filesystem.open_input_stream(f"{folder}/{file}") as stream:
            found = json.loads(stream.read())
        current = found.get("current-snapshot-id", -1)
        return State(
            name=file,
            location=found["location"],
            table_id=found["table-uuid"],
            sequence_number=int(found["last-sequence-number"]),
            updated_ms=int(found["last-updated-ms"]),
            current=None if current == -1 else current,
            snapshots=frozenset(s["snapshot-id"] for s in found.get("snapshots", ())),
            before=tuple(metadata_files.basename(e["metadata-file"]) for e in found.get("metadata-log", ())),
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        # Not JSON, JSON of something else, or nested too deeply.
        return None


def states(location: Location, name: str) -> list[State]:
    """Return the states of a table that can be parsed, newest first, by sequence number and not by name."""
    found = [s for f in metadata_files.names(location, name) if (s := read(location, name, f)) is not None]
    return sorted(found, key=lambda s: s.age, reverse=True)


def committed(location: Location) -> list[str]:
    """Return the tables, in catalogue order, to which something was committed, as their folders prove."""
    return [name for name in TABLES if is_committed(location, name)]


def is_committed(location: Location, name: str) -> bool:
    """Return whether the folder proves that something was committed to a table, or that it was created."""
    # A creation that was killed leaves version 0 and no hint.
    versions = map(metadata_files.version_of, metadata_files.names(location, name))
    return hint(location, name) is not None or any(version > 0 for version in versions)


def lag(location: Location, table: IcebergTable, last: str | None, found: Sequence[str]) -> str | None:
    """Return why the catalog's pointer cannot be the newest commit; None if it can be.

    `last` is the hint and `found` is `finished`, both read before the table was loaded, so that a commit in between
    does not contradict them.
    """
    name, pointer, known = _known(table)
    if last is not None and last not in known:
        return f"its last commit was {last}, but the catalog is at {pointer} and does not know it"
    for file in found:
        if metadata_files.version_of(file) <= metadata_files.version_of(pointer):
            break
        if last is None:
            return f"its folder holds {file}, but the catalog is at {pointer}"
        later = read(location, name, file)
        # Earlier versions of FTM did not note attempts. Of one that failed, they removed the data.
        if later is not None and pointer in later.before and is_whole(location, later, name):
            return f"{later} follows the catalog's state, {pointer}, and all its data is here"
    return None


def unknown(location: Location, table: IcebergTable) -> str | None:
    """Return which metadata files hold states that the catalog has lost; None if there are none.

    A thorough check: it reads every metadata file that is not in the history of the catalog's state.
    """
    name, pointer, known = _known(table)
    found = finished(location, name)
    if behind := lag(location, table, hint(location, name), found):
        return behind
    oldest = min(map(metadata_files.version_of, known))
    for file in found:
        if file in known or (state := read(location, name, file)) is None:
            continue
        if state.table_id != str(table.metadata.table_uuid):
            if not state.is_empty:
                return f"{state} belongs to another table of that name, which the catalog does not know"
        # One as old as the oldest known state is not judged: its parent would no longer be listed in any case.
        elif state.before and state.before[-1] not in known and state.version > oldest:
            return f"{state} is not in the history of the catalog's state, {pointer}"
    return None


def set_aside(location: Location, name: str, kept: Iterable[str]) -> list[str]:
    """Rename the metadata files that are not in `kept`, so that they no longer count; return their new names.

    They and what they refer to stay until the grace period of the clean-up has passed.
    """
    from pyarrow import fs as pafs  # noqa: PLC0415

    filesystem, folder = metadata_files.folder_of(location, name)
    wanted = set(kept)
    moved = [(n, f"{_ABANDONED}{n}") for n in metadata_files.names(location, name) if n not in wanted]
    for old, new in moved:
        if filesystem.get_file_info(f"{folder}/{old}").type == pafs.FileType.Directory:
            filesystem.move(f"{folder}/{old}", f"{folder}/{new}")
            continue
        # Copied rather than renamed: the grace period counts from now.
        with filesystem.open_input_stream(f"{folder}/{old}") as stream:
            content = stream.read()
        with filesystem.open_output_stream(f"{folder}/{new}") as stream:
            stream.write(content)
        filesystem.delete_file(f"{folder}/{old}")
    return [new for _, new in moved]


def is_whole(location: Location, found: State, name: str) -> bool:
    """Return whether the metadata and all data files of a state are here."""
    from ftm_resources.warehouse.damage import can_be_read, state, unusable_data  # noqa: PLC0415

    table = state(location, f"{location.uri}/{NAMESPACE}/{name}/metadata/{found.name}")
    return table is not None and can_be_read(table) and not unusable_data(table)


def is_rolled_back(location: Location, name: str, file: str) -> bool:
    """Return whether a roll-back set this metadata file aside."""
    return f"{_ABANDONED}{file}" in metadata_files.listed(location, name)


def is_abandoned(name: str) -> bool:
    """Return whether a roll-back left this metadata file behind."""
    return name.startswith(_ABANDONED) and name.endswith(metadata_files.SUFFIX)


def is_attempt_note(name: str) -> bool:
    """Return whether a file is the note of an attempt."""
    return name.startswith(_ATTEMPT)


def _known(table: IcebergTable) -> tuple[str, str, set[str]]:
    """Return a table's name, the file name of its state, and that with those of the states before it."""
    pointer = metadata_files.basename(table.metadata_location)
    return (
        table.name()[-1],
        pointer,
        {pointer, *(metadata_files.basename(e.metadata_file) for e in table.metadata.metadata_log)},
    )
