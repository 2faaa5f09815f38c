"""Files and programs that some tests need and the repository does not hold: used in place, never copied."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def needed(variable: str, place: str, what: str) -> Path:
    """Return the file to which an environment variable points, by default `place` in the `shared/data` beside us.

    Without it the test is skipped, but in CI, which has the files, it fails.
    """
    path = Path(os.environ.get(variable) or REPOSITORY.parent / "shared" / "data" / place)
    if path.exists():
        return path
    return _absent(f"set {variable} to {path.name}: {what}; there is none at {path}")


def needed_program(*names: str, package: str) -> Path:
    """Return the first of these programs that is installed; without any, skip the test, or fail in CI."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found:
        return Path(found)
    return _absent(f"install {package}: none of {', '.join(names)} is on the path")


def _absent(how: str) -> NoReturn:
    if os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        pytest.fail(how, pytrace=False)
    pytest.skip(how)
