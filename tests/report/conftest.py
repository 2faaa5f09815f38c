"""The quarter that pages are tested on, written once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ftm_assets.report.gathering import gather
from ftm_assets.report.numbered_rows import number
from ftm_assets.report.payload import Report
from ftm_assets.report.reported_state import ReportedState
from ftm_resources.warehouse import Warehouse

from .told_quarter import QUARTER, write


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse with the quarter; to be read only."""
    return write(tmp_path_factory.mktemp("told") / "warehouse")


@pytest.fixture
def copied(told: Warehouse, tmp_path: Path) -> Warehouse:
    """A copy of it, to be changed."""
    return Warehouse(path=str(shutil.copytree(told.root, tmp_path / "warehouse")))


@pytest.fixture(scope="session")
def report(told: Warehouse) -> Report:
    """Its page."""
    return gather(told, QUARTER)


@pytest.fixture
def db(told: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the quarter, its firms, themes and topics numbered."""
    with ReportedState.of(told, QUARTER).connect() as db:
        number(db)
        yield db
