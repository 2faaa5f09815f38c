"""`ftm ask`."""

import json
from pathlib import Path

import pytest

from ftm_assets.answers.asking import Answer
from ftm_assets.cli.ask import _claims, _grouped
from ftm_assets.methods.answering.answers import Checked, Claim
from ftm_assets.methods.answering.evidence import Evidence, Quotation
from ftm_resources.retrieval.hits import HITS
from tests.resources.retrieval.conftest import nothing_is_open, template, warehouse
from tests.scripted_llm import Reply, ScriptedLlm

from .conftest import Ftm

__all__ = ["nothing_is_open", "template", "warehouse"]
pytestmark = pytest.mark.filterwarnings("ignore::ftm_resources.retrieval.kept_open.NoIndexWarning")


@pytest.fixture(autouse=True)
def here(warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    monkeypatch.setenv("FTM_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setenv("FTM_EMBEDDING_PRECISION", "float32")
    monkeypatch.delenv("LLM_BASE_URL", raising=False)


def test_without_an_endpoint_the_evidence_is_shown_by_theme_and_topic(ftm: Ftm):
    done = ftm("ask", "What about ocean freight?", "--level", "topic", "-k", "2")
    assert done.exit_code == 0, done.output
    assert "Ocean Freight Rates\n  Ocean freight rates\n    - " in done.output
    assert "set LLM_BASE_URL" in done.output


def test_an_answer_shows_its_claims_then_what_they_cite_and_what_was_removed(
    ftm: Ftm, scripted_llm: ScriptedLlm, monkeypatch: pytest.MonkeyPatch
):
    claims = [
        {"text": "Rates [bold]rose[/bold].", "cites": ["S1", "S2"]},
        {"text": "Again.", "cites": ["S2", "S77"]},
        {"text": "Buy.", "cites": []},
    ]
    scripted_llm.script = lambda *_: Reply(content=json.dumps({"claims": claims}))
    monkeypatch.setenv("LLM_BASE_URL", scripted_llm.url)
    monkeypatch.setenv("LLM_MODEL", "test-model")
    done = ftm("ask", "What about ocean freight?")
    assert done.exit_code == 0, done.output
    assert "Rates [bold]rose[/bold]. [1][2]\nAgain. [2]\n\n[1] " in done.output
    assert "1 × citation of nothing that was shown; 1 × claim without a citation, left out" in " ".join(
        done.output.split()
    )
    found = json.loads(ftm("ask", "What about ocean freight?", "--json").output)
    cited = found["claims"][1]["cites"]
    assert cited == [found["shown"][1]["sentence_id"]]
    assert {e["sentence_id"] for e in found["evidence"]} >= set(cited)


def test_an_endpoint_that_gives_nothing_usable_is_said(
    ftm: Ftm, scripted_llm: ScriptedLlm, monkeypatch: pytest.MonkeyPatch
):
    scripted_llm.script = lambda *_: Reply(content="No.")
    monkeypatch.setenv("LLM_BASE_URL", scripted_llm.url)
    monkeypatch.setenv("LLM_MODEL", "test-model")
    done = ftm("ask", "What about ocean freight?")
    assert done.exit_code != 0
    assert "no answer: unusable reply after one repair" in str(done.exception) + done.output


def test_the_filters_of_search_narrow_the_evidence(ftm: Ftm):
    def firms(*options: str) -> set[str]:
        done = ftm("ask", "What about freight?", "--json", "--level", "sentence,topic", *options)
        assert done.exit_code == 0, done.output
        return {e["firm"] for e in json.loads(done.stdout)["evidence"]}

    assert len(firms()) > 1
    assert firms("--firm", "FRTX") == {"Freight Lines Inc"}
    assert firms("--since", "2099-01-01") == set()
    assert firms("--until", "1999-01-01") == set()
    assert ftm("ask", "x", "--permno", "abc").exit_code != 0
    for unknown in (("--permno", "1"), ("--section", "nowhere"), ("--speaker", "nobody")):
        assert ftm("ask", "x", *unknown).exit_code != 0


def test_what_a_terminal_would_obey_is_not_printed():
    bad = "\x1b[2J\x1b]0;pwned\x07 costs\n\u202e rose"
    said = Quotation(f"s{bad}", bad, bad, "2023Q1", bad, bad, topic=bad, theme=bad)
    evidence = Evidence([said], [])
    checked = Checked([Claim(bad, (said,))])
    answer = Answer("?", HITS.empty_table(), evidence, [said], checked, f"model{bad}")
    for line in [*_claims(answer), *_grouped(answer)]:
        assert all(part.isprintable() for part in line.split("\n"))
        assert len(line.split("\n")) <= 2
