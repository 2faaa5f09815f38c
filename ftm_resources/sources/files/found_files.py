"""Which files of a folder are transcripts, which are left out, and which cannot be looked at."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ftm_resources.sources.base import Problem
from ftm_resources.sources.files.tabular import ENDINGS, INSTEAD

_OF_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")
"""Files that operating systems add to folders; they are left out without a warning."""

_SCHEME = re.compile(r"(?:^|/)([A-Za-z][A-Za-z0-9+.-]+):/")
"""A URI, also after `Path` has made `s3:/bucket` of `s3://bucket` and put a folder before it."""


@dataclass
class Found:
    """What a path holds."""

    files: list[Path] = field(default_factory=list)
    """Files to read, sorted."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Other files and folders, by their path below the folder, each with the reason."""
    problems: list[Problem] = field(default_factory=list)
    """What cannot be looked at."""


def find(path: Path) -> Found:
    """Return the files at a path: the file itself, or those of a folder and its subfolders, links followed.

    Hidden names (beginning with a dot or an underscore), other endings, and links to what is read anyway are left
    out. A path that does not exist, is a URI, or holds nothing that can be read is a problem.
    """
    found = Found()
    if not os.path.lexists(path) and (scheme := _SCHEME.search(str(path))):
        _refuse(found, str(path), _remote(scheme[1]))
    elif not os.path.lexists(path):
        _refuse(found, str(path), "there is no such file or folder")
    elif path.is_dir():
        _Walk(path, found).enter(path)
        found.files.sort()
        if not found.files and not found.problems:
            _refuse(found, str(path), f"contains no {', '.join(ENDINGS)} file")
    elif reason := _why_unreadable(path):
        _refuse(found, label(path), reason)
    elif not path.name.lower().endswith(ENDINGS):
        _refuse(found, label(path), _other_ending(path.name))
    else:
        found.files.append(path)
    return found


def label(path: Path, folder: Path | None = None) -> str:
    """Return a path as messages show it: below the folder, in valid UTF-8, without control characters."""
    name = path.name if folder is None else str(path.relative_to(folder))
    shown = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


class _Walk:
    """A walk through a folder, which remembers what it has seen under other names."""

    def __init__(self, folder: Path, found: Found) -> None:
        self._folder = folder
        self._found = found
        self._seen: dict[tuple[int, int], str] = {}

    def enter(self, folder: Path) -> None:
        """Look at a folder's entries: files before folders, and links last."""
        try:
            here = folder.stat()
            entries = sorted(folder.iterdir(), key=lambda p: (p.is_symlink(), p.is_dir(), p.name))
        except OSError as error:
            _refuse(self._found, self._label(folder), f"cannot be read: {error.strerror}")
            return
        self._seen.setdefault((here.st_dev, here.st_ino), self._label(folder))
        for entry in entries:
            if entry.name in _OF_SYSTEMS:
                continue
            if entry.name.startswith((".", "_")):
                self._found.left_out[self._label(entry)] = "hidden"
                continue
            self._look(entry)

    def _look(self, entry: Path) -> None:
        name = self._label(entry)
        try:
            about = entry.stat()
        except OSError as error:
            target = f"is a link to {entry.readlink()}: " if entry.is_symlink() else "cannot be read: "
            _refuse(self._found, name, target + (error.strerror or str(error)))
            return
        is_read = stat.S_ISDIR(about.st_mode) or entry.name.lower().endswith(ENDINGS)
        other = (
            self._seen.setdefault((about.st_dev, about.st_ino), name) if is_read and about.st_ino else name
        )
        if other != name:
            self._found.left_out[name] = f"the same as {other}"
        elif stat.S_ISDIR(about.st_mode):
            self.enter(entry)
        elif not is_read:
            self._found.left_out[name] = INSTEAD.get(entry.suffix.lower(), "another kind of file")
        elif reason := _why_unreadable(entry):
            _refuse(self._found, name, reason)
        else:
            self._found.files.append(entry)

    def _label(self, path: Path) -> str:
        return label(path, self._folder)


def _why_unreadable(file: Path) -> str | None:
    """Return why a file cannot be read; None if it can. A pipe is not opened: that would wait for a writer."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return "is not a regular file"
        with file.open("rb"):
            return None
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _other_ending(name: str) -> str:
    instead = INSTEAD.get(Path(name).suffix.lower())
    return f"must end in one of {', '.join(ENDINGS)}" + (f": {instead}" if instead else "")


def _remote(scheme: str) -> str:
    if scheme.lower() == "file":
        return "give the path alone, without file://"
    return f"{scheme}:// is not read: copy the files to a folder of this machine, and give that"


def _refuse(found: Found, where: str, message: str) -> None:
    found.problems.append(Problem(where, None, None, message))
