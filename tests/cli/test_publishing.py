"""`ftm publish`."""

import pytest

from tests.resources.postgres.conftest import QUARTER, ask, database, warehouse, written

from .conftest import Ftm

__all__ = ["ask", "database", "warehouse", "written"]


def test_all_quarters_are_copied_and_then_left_alone(
    ftm: Ftm, warehouse, ask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    done = ftm("publish", "postgres")
    assert done.exit_code == 0, done.output
    assert f"{QUARTER}: 3 firms, " in done.output
    assert "copied." in done.output
    assert ask("SELECT count(*) FROM ftm.firms") == [(3,)]
    again = ftm("publish", "postgres", "--quarter", QUARTER.lower())
    assert "was there already." in again.output


def test_without_an_address_the_variable_is_named(ftm: Ftm, warehouse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    monkeypatch.delenv("FTM_POSTGRES_URL", raising=False)
    done = ftm("publish", "postgres")
    assert done.exit_code != 0
    assert "FTM_POSTGRES_URL is not set" in str(done.exception) + done.output
