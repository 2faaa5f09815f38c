"""Files that appear once they are complete: written beside their place, then renamed into it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replaced(file: Path, *, by: str = "") -> Iterator[Path]:
    """Yield the path to write to; it takes the place of `file` at the end, or is removed after an error.

    `by` tells writers of the same file apart, such as runs.
    """
    partial = file.with_name(".".join(["", file.name, *([by] if by else []), "partial"]))
    partial.unlink(missing_ok=True)  # what a killed process left
    try:
        yield partial
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
