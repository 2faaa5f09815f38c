import re
from pathlib import Path

import pytest
import yaml

from ftm_assets.report.payload import Report
from ftm_assets.report.reader_notes import ACCURACY, TITLE, citation, is_generated, names_told, tone_note
from ftm_resources.models.lexicon import scorer_name
from ftm_resources.models.tone_classifier import NAME
from ftm_resources.sources.sample.generated import SampleSource

ROOT = Path(__file__).parents[2]


def test_the_accuracies_are_those_of_the_documentation():
    told = (ROOT / "docs" / "tone.md").read_text(encoding="utf-8")
    measured = re.search(r"^\| accuracy \| ([\d.]+)", told, re.MULTILINE)
    lists = re.search(r"^\| word lists, all calls \| ([\d.]+)", told, re.MULTILINE)
    assert measured is not None
    assert lists is not None
    assert {"model": float(measured[1]), "word lists": float(lists[1])} == ACCURACY


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (NAME, "one in four"),
        (scorer_name(), "two in five"),
        ("someone/else", "by someone/else: .* not measured"),
    ],
)
def test_a_reader_is_told_how_often_a_label_is_wrong(model: str, said: str):
    assert re.search(said, tone_note([model]))


def test_without_a_score_nothing_is_said_of_labels():
    assert tone_note([]) == ""


def test_names_are_told_by_who_made_them():
    assert "rule extractive-4; no language model" in names_told({"extractive-4"}, [])
    assert names_told({"extractive-4"}, {"writer"}).startswith(
        "Names: by writer, a language model; others from"
    )


def test_the_samples_calls_are_called_generated(report: Report):
    assert is_generated(SampleSource(firms=1).provenance())
    assert not report.is_generated


def test_a_page_is_cited_by_software_quarter_and_state(report: Report):
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["title"] == TITLE
    assert (
        f"Earnings calls of {report.quarter} (calls from files), tables of {report.made_at[:10]}"
        in report.cite
    )
    assert "as of paper-v1" in citation("2023Q1", "paper-v1", "2026-01-15T08:30:00Z", {"name": "sample"})
