"""Files that some tests need and the repository does not hold: read in place, never copied."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def needed(variable: str, place: str, what: str) -> Path:
    """Return the file to which an environment variable points, by default `place` in the `shared/data` beside us.

    Without it the test is skipped, but in CI, which has the files, it fails.
    """
    path = Path(os.environ.get(variable) or REPOSITORY.parent / "shared" / "data" / place)
    if path.exists():
        return path
    how = f"set {variable} to {path.name}: {what}; there is none at {path}"
    if os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        pytest.fail(how, pytrace=False)
    pytest.skip(how)
