"""Files that appear once they are complete: written beside their place, then renamed into it."""

from __future__ import annotations

import glob
import secrets
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEFT_AFTER = 24 * 3600
"""Seconds after which a file that nobody writes to was left by a killed process."""


@contextmanager
def replaced(file: Path, *, by: str = "") -> Iterator[Path]:
    """Yield the path to write to; it takes the place of `file` at the end, or is removed after an error.

    No two writers share a path, unless both give the same `by`, which is for runs: one that is started again removes
    what its killed process left at once. Without it, what killed processes left is removed after a day.
    """
    partial = file.with_name(f".{file.name}.{by or secrets.token_hex(4)}.partial")
    if by:
        partial.unlink(missing_ok=True)
    else:
        _remove_left(file)
    try:
        yield partial
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _remove_left(file: Path) -> None:
    for left in file.parent.glob(f".{glob.escape(file.name)}.*partial"):
        # Another process may remove it too, or be another user's.
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - _LEFT_AFTER:
                left.unlink()
