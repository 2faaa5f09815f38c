"""What becomes of each firm of the faults file: invented firms, one per kind of fault."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.assets.sentences import sentences
from ftm_assets.assets.transcripts import transcripts
from ftm_assets.methods.text.kinds import is_procedural, judge
from ftm_assets.orchestration.deployment import test_resources as resources_under
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.moments import MIDNIGHT_NOTE
from ftm_resources.warehouse import Warehouse
from tests.needed_files import needed

BECAME: dict[str, dict[str, tuple[str, str | None, int, int]]] = {
    "2021Q1": {
        "3011": ("kept", None, 1, 1),
        "3012": ("kept", None, 1, 1),
        "3021": ("kept", None, 1, 1),
        "3031": ("kept", "same text as transcript 3062 of company 306 and 1 more", 12, 12),
        "3032": ("other_event", "Company Conference Presentations", 0, 0),
        "3041": ("superseded", "transcript 3042 is newer by its id", 0, 0),
        "3042": ("kept", None, 12, 12),
        "3061": (
            "superseded",
            "transcript 3062 was created later (2021-02-05 00:00 UTC against 2021-02-04 00:00 UTC)",
            0,
            0,
        ),
        "3062": ("kept", "same text as transcript 3031 of company 303 and 1 more", 12, 12),
        "3091": ("kept", None, 5, 3),
        "3101": ("kept", None, 5, 3),
        "3111": (
            "kept",
            "without 12 turns that repeat an earlier one; same text as transcript 3031 of company 303 and 1 more",
            12,
            12,
        ),
        "3171": ("kept", "without 6 turns that repeat an earlier one", 2, 2),
        "3181": ("kept", None, 1, 9),
        "3191": ("other_language", "ja, not en", 0, 0),
        "3201": ("kept", None, 3, 1),
        "3211": ("kept", None, 3, 3),
    },
    "2021Q2": {"3141": ("kept", MIDNIGHT_NOTE, 1, 1)},
}
"""Quarter → transcript → its status and reason in the audit, its turns and its sentences."""


@pytest.fixture(scope="module")
def faults() -> Path:
    return needed("FTM_FAULTS", "faults/calls.csv", "the file of faulty calls")


@pytest.fixture(scope="module")
def loaded(faults: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    root = tmp_path_factory.mktemp("faults")
    for quarter in BECAME:
        dg.materialize(
            [transcripts, sentences],
            partition_key=quarter,
            resources=resources_under(root, source=ConfiguredSource(kind="files", path=str(faults))),
        )
    return Warehouse(path=str(root))


@pytest.mark.parametrize("quarter", BECAME)
def test_what_becomes_of_each_firm(loaded: Warehouse, quarter: str):
    turns = Counter(loaded.read("transcripts", quarter).column("transcript_id").to_pylist())
    said = Counter(loaded.read("sentences", quarter).column("transcript_id").to_pylist())
    found = {
        a["transcript_id"]: (a["status"], a["reason"], turns[a["transcript_id"]], said[a["transcript_id"]])
        for a in loaded.read("transcript_audit", quarter).to_pylist()
    }
    assert found == BECAME[quarter]


@pytest.fixture(scope="module")
def by_firm(loaded: Warehouse) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in loaded.read("transcripts", "2021Q1").to_pylist():
        found[row["firm_id"]].append(row)
    return found


def test_a_gvkey_has_six_characters(by_firm: dict[str, list[dict[str, Any]]]):
    assert {row["gvkey"] for row in by_firm["302"]} == {"001690"}


@pytest.mark.parametrize("firm", ["309", "310"])
def test_vendors_words_give_the_section_and_who_speaks(by_firm: dict[str, list[dict[str, Any]]], firm: str):
    assert [(row["section"], row["speaker_type"]) for row in by_firm[firm]] == [
        ("presentation", "operator"),
        ("presentation", "executive"),
        ("q_and_a", "operator"),
        ("q_and_a", "analyst"),
        ("q_and_a", "executive"),
    ]


def test_texts_are_normalised_and_kept_as_they_were(
    by_firm: dict[str, list[dict[str, Any]]], loaded: Warehouse
):
    assert {row["text"] for row in by_firm["321"]} == {"We didn't achieve strong growth."}
    assert len({row["verbatim_text"] for row in by_firm["321"]}) == 3
    assert [row["text"] for row in by_firm["320"]] == ["", "", "demand rose."]
    said = loaded.read("sentences", "2021Q1").to_pylist()
    thanks = pa.Table.from_pylist([s for s in said if s["firm_id"] == "317"])
    assert is_procedural(judge(thanks)).all()
    assert max(len(s["text"]) for s in said if s["firm_id"] == "318") < 40
