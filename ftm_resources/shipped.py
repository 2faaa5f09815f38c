"""The location of files that are beside the packages in a checkout, and inside `ftm_resources` in a wheel.

`setup.py` puts them into the wheel.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

IN_WHEEL = _PACKAGE / "_shipped"
"""Where setup.py puts them in a wheel; a checkout has no such folder."""


def shipped(path: str) -> Path:
    """Return where a file or folder of the repository is, given its path from the root: `shipped("dbt")`."""
    return (IN_WHEEL if IN_WHEEL.is_dir() else _PACKAGE.parent) / path
