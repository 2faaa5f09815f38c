import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from ftm_assets.cli.search import _shown
from ftm_resources.warehouse import Warehouse

from .conftest import Ftm


@pytest.fixture
def quarter(small_topics: Warehouse, monkeypatch: pytest.MonkeyPatch, place: Path) -> Warehouse:
    """The quarter with topics and themes, where `ftm` looks."""
    assert place.is_dir()
    monkeypatch.setenv("FTM_WAREHOUSE", small_topics.root)
    return small_topics


def listed(done: Result) -> list[dict[str, Any]]:
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.usefixtures("quarter")
def test_hits_are_written_for_people_as_json_and_as_csv(ftm: Ftm):
    query = ("search", "vaccine trials", "--quarter", "2022Q4..2023Q1", "--level", "theme,topic", "-k", "9")
    people = ftm(*query)
    assert people.exit_code == 0, people.output
    assert "theme Vaccine Trials" in people.stdout
    assert "12 sentences" in people.stdout
    hits = listed(ftm(*query, "--json"))
    assert [h["rank"] for h in hits] == list(range(1, 10))
    assert "Vaccine Trials" in {h["name"] for h in hits}
    rows = list(csv.DictReader(io.StringIO(ftm(*query, "--csv").stdout)))
    assert [r["id"] for r in rows] == [h["id"] for h in hits]
    assert all(json.loads(r["duplicates"]) == h["duplicates"] for r, h in zip(rows, hits, strict=True))


@pytest.mark.usefixtures("quarter")
def test_options_limit_what_is_searched(ftm: Ftm):
    query = ("search", "copper mining", "--json", "-l", "sentence", "-k", "50")
    every = listed(ftm(*query))
    assert {h["level"] for h in every} == {"sentence"}
    some = listed(ftm(*query, "--firm", "1,2", "--since", "2023-02-01", "--speaker", "executive"))
    assert {h["firm_id"] for h in some} <= {"1", "2"}
    assert {h["call_date"] for h in some} == {"2023-02-10"}
    assert listed(ftm(*query, "--speaker", "Analyst")) == []
    assert "no call of PERMNO 7" in ftm(*query, "--permno", "7").output
    assert ftm("search", "copper", "--section", "q_and_a").stdout == "No hits.\n"
    theme = listed(
        ftm("search", "copper", "-l", "theme", "-k", "1", "--children", "2", "--mode", "vector", "--json")
    )
    assert theme[0]["children"] == [], "no sentence counts before theme_sentences"


@pytest.mark.usefixtures("quarter")
def test_hits_that_are_not_near_are_said_to_be(ftm: Ftm):
    query = ("search", "Bach's fugues for the organ", "--level", "theme", "--mode", "vector")
    hits = listed(ftm(*query, "--json"))
    shown = ftm(*query).stdout
    assert [h["is_near"] for h in hits] == [h["calibrated"] >= -1 for h in hits]
    assert ("Nothing close; nearest:" in shown) is (not hits[0]["is_near"])
    assert ("Nothing" in shown) is (not hits[-1]["is_near"])
    assert "Nothing" not in ftm("search", "vaccine trials", "-k", "1").stdout


@pytest.mark.usefixtures("quarter")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--json", "--csv"), "exclude each other"),
        (("--level", "word"), "there is no level 'word'"),
        (("--quarter", "2019Q1"), "no quarter 2019Q1"),
        (("--quarter", "spring"), "spring"),
        (("--permno", "x"), "--permno must be a number, not x"),
        (("--mode", "magic"), "there is no mode 'magic'"),
    ],
)
def test_what_cannot_be_searched_is_said(ftm: Ftm, options: tuple[str, ...], said: str):
    done = ftm("search", "copper", *options)
    assert done.exit_code != 0
    assert said in done.output
    assert "Traceback" not in done.output


def test_without_a_warehouse_nothing_is_loaded(ftm: Ftm):
    done = ftm("search", "copper")
    assert done.exit_code == 1
    assert "nothing was ever written" in done.output or "no warehouse" in done.output.lower()


def test_texts_of_calls_are_no_markup():
    hit: dict[str, Any] = {
        "rank": 1, "level": "sentence", "id": "s", "name": None, "text": "[red]up\x1b[31m\nagain",
        "firm_name": "A [b]", "speaker_name": None, "speaker_type": "analyst", "call_date": "2023-01-01",
        "children": None, "topic_name": None, "theme_name": None, "tone": 1.0, "topics_found": 0, "sentences_found": 0,
        "duplicates": ["x"],
    }  # fmt: skip
    shown = _shown(hit).plain
    assert "[red]up" in shown
    assert "\x1b" not in shown
    assert "A [b] · analyst · 2023-01-01 · tone +1.00 · 1 repetition" in shown
