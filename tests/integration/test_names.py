"""Two ways of naming compared on the sample's quarter: the extractive one, and a model that says one thing."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ftm_assets.cli.main import app

from .conftest import SAMPLE_QUARTER, Sample

pytestmark = pytest.mark.integration


def test_a_model_that_says_one_thing_of_everything_is_found_out(
    sample: Sample,
    scripted_llm,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    page = tmp_path / "sheet.html"
    monkeypatch.setenv("FTM_WAREHOUSE", sample.copied(tmp_path).warehouse.root)
    monkeypatch.setenv("LLM_BASE_URL", scripted_llm.url)
    compare = ["compare", SAMPLE_QUARTER, "extractive", "test-model", "--firms", "3"]
    rows = [re.split(r" {2,}", line.strip()) for line in names(*compare, "--sheet", str(page)).splitlines()]
    (header,) = [row for row in rows if row[0] == "naming"]
    measured = {row[0]: dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header)}
    ours, theirs = measured["extractive"], measured["test-model"]
    assert float(ours["AUC"]) > 0.8
    assert 0.3 < float(theirs["AUC"]) < 0.7
    assert (float(ours["rules broken"]), float(theirs["duplicates"])) == (0, 1)
    assert float(ours["duplicates"]) == 0
    topics = int(ours["topics"])
    assert page.read_text().count("<article>") == topics
    (tmp_path / "answers.csv").write_text(
        "topic_id,choice\n" + "".join(f"{row.partition(',')[0]},equal\n" for row in _key(page)[1:])
    )
    assert f"Undecided: {topics}" in names("score", str(page), str(tmp_path / "answers.csv"))
    asked = len(scripted_llm.bodies)
    assert asked == topics
    names(*compare)
    assert len(scripted_llm.bodies) == asked, "what a model replied is kept"


def names(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["names", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def _key(page: Path) -> list[str]:
    return page.with_suffix(".key.csv").read_text().splitlines()
