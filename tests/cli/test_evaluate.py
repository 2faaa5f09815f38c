"""`ftm evaluate sentiment` on the bundled scorer, the word lists, and calls that are not those of the labels."""

import hashlib
import json
from pathlib import Path

import pytest

from ftm_assets.methods.tone_labels import COLUMNS
from ftm_resources.models import tone_classifier

SAID = {
    "Sales grew strongly and margins improved.": "positive",
    "We opened a plant in March.": "neutral",
    "We booked a large loss and demand is weak.": "negative",
}


@pytest.fixture
def made(tmp_path: Path) -> list[str]:
    """Arguments that name a file of one call and one of its labels, each sentence read twice."""
    text, rows = "", [",".join(COLUMNS)]
    for sentence, tone in SAID.items():
        sha = hashlib.sha1(sentence.encode(), usedforsecurity=False).hexdigest()[:8]
        rows.append(f"7:0001,{len(text)},{len(sentence)},{sha},business,{tone},business,{tone}")
        text += f"{sentence} "
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    columns = (
        "companyid,companyname,transcriptid,componentorder,componenttext,mostimportantdateutc,speakertypename"
    )
    turn = f'1,Acme,7,1,"{text.strip()}",2023-02-03 14:00:00,Executives,Presenter Speech'
    (tmp_path / "calls.csv").write_text(f"{columns},componenttypename\n{turn}\n")
    return ["--labels", str(tmp_path / "labels.csv"), "--calls", str(tmp_path / "calls.csv")]


def test_the_table_and_the_json_show_the_same_figures(ftm, made: list[str]) -> None:
    shown = ftm("evaluate", "sentiment", *made, "--model", "word-lists")
    assert shown.exit_code == 0, shown.output
    assert "3 sentences of 1 call, 3 read twice" in " ".join(shown.stdout.split())
    assert "kappa of the two readers" in shown.stdout
    assert "trained" not in shown.stdout
    told = json.loads(ftm("evaluate", "sentiment", *made, "--model", "word-lists", "--json").stdout)
    assert told["model"].startswith("loughran-mcdonald")
    assert told["measures"]["accuracy"] == [1.0, 1.0, 1.0]
    assert told["sections"]["presentation"]["n"] == told["n"] == 3
    assert told["trained_on_these_calls"] is False
    assert "left_out" not in told


def test_calls_that_the_bundled_scorer_was_trained_on_are_no_evidence_and_it_says_so(
    ftm, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FTM_SENTIMENT_MODEL", raising=False)
    unseen = json.loads(ftm("evaluate", "sentiment", *made, "--json").stdout)
    assert unseen["model"] == tone_classifier.NAME
    assert unseen["trained_on_these_calls"] is False
    told = tone_classifier.left_out()
    monkeypatch.setattr(tone_classifier, "left_out", lambda: told | {"calls": [*told["calls"], "7"]})
    seen = json.loads(ftm("evaluate", "sentiment", *made, "--json").stdout)
    assert seen["trained_on_these_calls"] is True
    assert seen["left_out"] == told["table"]
    shown = " ".join(ftm("evaluate", "sentiment", *made).stdout.split())
    assert "was trained on these very labels. Only the figures of calls left out count" in shown
    assert "on the calls that it was trained on (no evidence)" in shown


def test_the_readme_s_command_measures_the_word_lists_on_the_real_calls(ftm, earnings21: Path) -> None:
    labels = Path(__file__).resolve().parents[2] / "benchmarks" / "labels" / "sentences.csv"
    calls = ("--labels", str(labels), "--calls", str(earnings21))
    told = json.loads(ftm("evaluate", "sentiment", *calls, "--model", "word-lists", "--json").stdout)
    assert (told["n"], told["n_calls"], told["n_second"]) == (12610, 44, 821)
    measures = {name: estimate for name, (estimate, _, _) in told["measures"].items()}
    # docs/labelling.md says these of the readers, docs/tone.md those of the word lists.
    assert measures["kappa_readers"] == pytest.approx(0.893, abs=5e-4)
    assert measures["f1_negative_readers"] == pytest.approx(0.936, abs=5e-4)
    assert measures["kappa_first"] == pytest.approx(0.253, abs=5e-4)


def test_other_calls_than_those_that_were_read_are_refused(ftm, made: list[str], tmp_path: Path) -> None:
    calls = tmp_path / "calls.csv"
    calls.write_text(calls.read_text().replace(",7,1,", ",8,1,"))
    done = ftm("evaluate", "sentiment", *made, "--model", "word-lists")
    assert done.exit_code == 1
    assert "holds none of the sentences" in done.stderr
    assert "3 in turns that are not there" in done.stderr


def test_a_file_that_is_not_of_labels_is_refused(ftm, made: list[str], tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("a,b\n1,2\n")
    done = ftm("evaluate", "sentiment", *made)
    assert done.exit_code == 1
    assert "the columns component_id" in done.stderr


def test_a_model_that_is_not_there_is_named_before_anything_is_read(
    ftm, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = ftm("evaluate", "sentiment", *made, "--model", "no/where")
    assert done.exit_code == 1
    assert "the model 'no/where' cannot be loaded" in done.stderr
