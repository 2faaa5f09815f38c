"""`ftm publish`, and searching what was published."""

import json
from pathlib import Path

import pytest

from ftm_resources.warehouse.across import Across
from tests.resources.postgres.conftest import QUARTER, ask, database, of_later, warehouse, written

from .conftest import Ftm

LATER = "2023Q2"
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


def test_quarters_are_given_as_ranges_and_with_commas(
    ftm: Ftm, warehouse, ask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    of_later(warehouse, LATER)
    done = ftm("publish", "postgres", "--quarter", "2022Q1..2023q1")
    assert done.exit_code == 0, done.output
    assert ask("SELECT quarter FROM ftm.published") == [(QUARTER,)]
    done = ftm("publish", "postgres", "-q", f"{LATER}, 2023-Q1..2023Q1")
    assert done.exit_code == 0, done.output
    assert ask("SELECT quarter FROM ftm.published ORDER BY 1") == [(QUARTER,), (LATER,)]
    none = ftm("publish", "postgres", "--quarter", "2019Q1..2020Q4")
    assert none.exit_code != 0
    assert f"there are of {QUARTER}, {LATER}" in str(none.exception) + none.output
    assert ftm("publish", "postgres", "--quarter", "2023Q4..2023Q1").exit_code != 0


@pytest.mark.usefixtures("database")
def test_a_quarter_of_the_copy_that_is_outdated_is_said(ftm: Ftm, warehouse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    of_later(warehouse, LATER)
    looks = []
    of = Across.of.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Across, "of", classmethod(lambda *given: looks.append(given) or of(*given)))
    assert "publish them again" not in ftm("publish", "postgres").output
    assert len(looks) == 2, (
        "once to copy both quarters, and once to compare the copy with what is shown after that"
    )
    rows = warehouse.read("sentences", QUARTER)
    warehouse.replace("sentences", QUARTER, [rows.slice(1)])
    assert f"other rows of {QUARTER} than" in ftm("publish", "postgres", "-q", LATER).output
    assert "publish them again" not in ftm("publish", "postgres").output


def test_without_an_address_the_variable_is_named(ftm: Ftm, warehouse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    monkeypatch.delenv("FTM_POSTGRES_URL", raising=False)
    done = ftm("publish", "postgres")
    assert done.exit_code != 0
    assert "FTM_POSTGRES_URL is not set" in str(done.exception) + done.output


def test_a_copy_is_searched_and_asked_where_there_is_no_warehouse(
    ftm: Ftm, warehouse, ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    assert ftm("publish", "postgres", "--schema", "served").exit_code == 0
    monkeypatch.setenv("FTM_WAREHOUSE", str(tmp_path / "none"))
    there = ("--backend", "postgres", "--schema", "served")
    done = ftm("search", '"copper mining"', "--mode", "text", "-l", "sentence", "-k", "50", "--json", *there)
    assert done.exit_code == 0, done.output
    hits = json.loads(done.stdout)
    (n,) = ask("SELECT count(*) FROM served.sentences WHERE text LIKE '%%copper mining%%'")[0]
    assert sum(1 + len(hit["duplicates"]) for hit in hits) == n > 0
    assert ftm("search", "copper").exit_code != 0, "the warehouse is looked in unless the copy is named"
    refused = ftm("search", "copper", *there[:2])
    assert "there is no copy in schema ftm" in str(refused.exception) + refused.output
    wrong = ftm("ask", "copper?", "--backend", "oracle")
    assert "choose from warehouse, postgres" in str(wrong.exception) + wrong.output
