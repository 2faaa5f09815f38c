"""`ftm` as a test calls it: in this process, on a small warehouse."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ftm_assets.cli.main import app
from ftm_resources.warehouse import Warehouse

Ftm = Callable[..., Result]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder in which `ftm` looks for the warehouse and for Dagster's home."""
    monkeypatch.setenv("FTM_WAREHOUSE", str(tmp_path / "warehouse"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return tmp_path


@pytest.fixture
def ftm(place: Path) -> Ftm:
    """A function that runs a command line of `ftm`."""
    assert place.is_dir()

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


@pytest.fixture
def warehouse(place: Path, topics: Callable) -> Warehouse:
    """A warehouse with three topics of 2020Q1."""
    made = Warehouse(path=str(place / "warehouse"))
    made.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    return made
