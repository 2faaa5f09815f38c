"""Fixtures that more than one package of tests needs."""

import os
from pathlib import Path

import pytest

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def earnings21() -> Path:
    """The 44 real calls (Earnings-21) in Capital IQ's columns; used in place, never copied."""
    path = Path(
        os.environ.get("FTM_EARNINGS21")
        or REPOSITORY.parent / "shared" / "data" / "earnings21" / "components.parquet"
    )
    if not path.exists():
        pytest.fail(f"the real calls are not at {path}: set FTM_EARNINGS21 to components.parquet")
    return path
