from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import Result

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests.assets.spoken_quarter import filled

from .conftest import Ftm

QUARTER = "2020Q1"


@pytest.fixture
def warehouse(place: Path) -> Warehouse:
    """A warehouse with the calls of one firm in two quarters, and nothing made of them."""
    made = Warehouse(path=str(place / "warehouse"))
    for quarter in (QUARTER, "2020Q3"):
        call = {
            "component_id": f"{quarter}:c:0",
            "firm_id": "1",
            "firm_name": "<i>Acme</i>",
            "transcript_id": "c",
        }
        made.replace("transcripts", quarter, [filled("transcripts", [call], quarter)])
    return made


def test_a_page_is_written_and_what_is_not_known_is_told(ftm: Ftm, warehouse: Warehouse, place: Path):
    out = place / "page.html"
    done = ftm("report", "2020q1", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "Earnings calls of 2020Q1, 0 themes, 0 topics, 1 firm" in done.stdout
    assert "tone is not known" in done.stderr
    page = out.read_text()
    assert page.lower().startswith("<!doctype html>")
    assert "<i>Acme" not in page
    assert not (Path(warehouse.root) / "reports").exists()


def test_a_file_that_is_there_is_only_replaced_by_force(ftm: Ftm, warehouse: Warehouse, place: Path):
    assert warehouse.exists()
    out = place / "page.html"
    out.write_text("mine")
    assert "already there" in refused(ftm("report", QUARTER, "--out", str(out)))
    assert out.read_text() == "mine"
    assert ftm("report", QUARTER, "--out", str(out), "--force").exit_code == 0
    assert out.read_text() != "mine"


def test_several_quarters_name_the_one_that_is_missing(ftm: Ftm, warehouse: Warehouse, place: Path):
    assert warehouse.exists()
    done = ftm("report", QUARTER, "--to", "2020Q3", "--out", str(place / "page.html"))
    assert done.exit_code == 0, done.output
    assert "Earnings calls of 2020Q1 to 2020Q3" in done.stdout
    # Nor have the others, of which only calls are stored, anything that a curve could show.
    assert "2020Q1, 2020Q2, 2020Q3 are not stored or have no theme_panel" in " ".join(done.stderr.split())
    assert '"missing":["2020Q1","2020Q2","2020Q3"]' in (place / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("2019Q1",), "no quarter 2019Q1"),
        (("2020Q3", "--to", QUARTER), "runs backwards"),
        ((QUARTER, "--as-of", "2999-01-01"), "in the future"),
        ((QUARTER, "--as-of", "paper-v1"), "no tag 'paper-v1'"),
        ((QUARTER, "--out", "no/such/folder/page.html"), "there is no folder"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    ftm: Ftm, warehouse: Warehouse, place: Path, arguments: tuple[str, ...], said: str
):
    assert warehouse.exists()
    out = () if "--out" in arguments else ("--out", str(place / "page.html"))
    assert said in refused(ftm("report", *arguments, *out))


def test_a_page_is_of_the_state_that_was_tagged(ftm: Ftm, warehouse: Warehouse, place: Path):
    assert ftm("tag", QUARTER, "paper-v1").exit_code == 0
    none = pa.Table.from_pylist([], schema=TABLES["transcripts"].arrow_schema)
    warehouse.replace("transcripts", QUARTER, [none])
    then = ftm("report", QUARTER, "--as-of", "paper-v1", "--out", str(place / "then.html"))
    now = ftm("report", QUARTER, "--out", str(place / "now.html"))
    assert "1 firm" in then.stdout
    assert "0 firms" in now.stdout
    assert "as of paper-v1" in (place / "then.html").read_text()


def refused(done: Result) -> str:
    """Return what a command that failed said."""
    assert done.exit_code != 0
    return " ".join(done.stderr.split())
