"""Files that lie beside the packages in a checkout, and inside one where it is installed from a wheel.

What belongs here: where they are. `setup.py` puts them into the wheel.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

IN_WHEEL = _PACKAGE / "_shipped"
"""Where setup.py puts them in a wheel; a checkout has no such folder."""


def shipped(path: str) -> Path:
    """Return where a file or folder of the repository is, by its path from the top: `shipped("dbt")`."""
    return (IN_WHEEL if IN_WHEEL.is_dir() else _PACKAGE.parent) / path
