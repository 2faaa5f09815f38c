"""What is wrong with one file: collected while it is read, so that one error lists everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ftm_resources.sources.base import MAX_PROBLEMS, Problem

_SHOWN = 60
"""Most bytes of a text that a message shows."""


@dataclass(frozen=True)
class Expected:
    """The columns of a file of something other than transcripts."""

    names: Mapping[str, str]
    """A column's possible names, in lower case and without other characters than letters and digits → its name."""
    required: tuple[tuple[str, ...], ...]
    """Sets of columns; a file has all those of at least one."""


@dataclass
class Problems:
    """The problems of one file: the first 20, and the total number."""

    file: str
    listed: list[Problem] = field(default_factory=list)
    count: int = 0
    unread: list[str] = field(default_factory=list)
    """Columns of the file that are not read, but whose names sound as if they should be."""
    expected: Expected | None = None
    """The columns to look for; None for those of transcripts."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Other columns that are not kept as attributes → why not."""

    def add(self, row: int | None, column: str | None, message: str) -> None:
        """Record a problem."""
        self.count += 1
        if len(self.listed) < MAX_PROBLEMS:
            self.listed.append(Problem(self.file, row, column, message))

    def add_not_utf8(self, row: int, column: str, content: bytes, error: UnicodeDecodeError) -> None:
        """Record a text that is not UTF-8, with the bytes and the text before them."""
        found = content[error.start : error.end].hex(" ")
        before = content[max(error.start - _SHOWN // 2, 0) : error.start].decode(errors="replace")
        self.add(row, column, f'is not UTF-8 after "{before}" (bytes {found}): save the file as UTF-8')
