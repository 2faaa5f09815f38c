"""Two ways of naming compared on the sample's quarter: the extractive one, and a model that says one thing."""

from pathlib import Path

import dagster as dg
import pytest
from ftm_assets.cli.naming_comparison import main

from .conftest import SAMPLE_QUARTER, Deployment

pytestmark = pytest.mark.integration


def test_a_model_that_says_one_thing_of_everything_is_found_out(
    sample: tuple[Deployment, dg.ExecuteInProcessResult],
    scripted_llm,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
):
    page = tmp_path / "sheet.html"
    monkeypatch.setenv("FTM_WAREHOUSE", sample[0].warehouse.root)
    monkeypatch.setenv("LLM_BASE_URL", scripted_llm.url)
    compare = ["--quarter", SAMPLE_QUARTER, "--firms", "3", "--namings", "extractive", "test-model"]
    assert main([*compare, "--sheet", str(page)]) == 0
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    measured = {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows if len(row) == len(rows[0])}
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
    assert main(["--sheet", str(page), "--answers", str(tmp_path / "answers.csv")]) == 0
    assert f"undecided: {topics}" in capsys.readouterr().out
    asked = len(scripted_llm.bodies)
    assert asked == topics
    assert main(compare) == 0
    assert len(scripted_llm.bodies) == asked, "what a model replied is kept"


def _key(page: Path) -> list[str]:
    return page.with_suffix(".key.csv").read_text().splitlines()
