"""The coverage mart: every way to lose a call, counted by hand."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.assets.marts import build_marts
from ftm_assets.orchestration.dbt_project import dbt_resource
from ftm_resources.tables import COVERAGE_STEPS, TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"

# Transcript: firm, audit status and reason, then how far a kept one gets: its sentences as
# (procedural?, topic or None), of which REFUSED says more.
OFFERED: dict[str, tuple[str, str, str | None, list[tuple[bool, str | None]]]] = {
    "1": ("a", "kept", None, [(False, "t1"), (True, None)]),
    "2": ("a", "superseded", "transcript 1 is the proofed copy", []),
    "3": ("b", "kept", "several PERMNOs on 2023-02-01: 1 taken before 2", [(False, "t2"), (False, "t1")]),
    "4": ("b", "duplicate", "same text as transcript 3", []),
    "5": ("c", "unlinked", "no GVKEY: company c has none", []),
    "6": ("c", "unlinked", "PERMNO expired: ended long ago", []),
    "7": ("d", "empty", "no component has text", []),
    "8": ("e", "kept", None, []),
    "9": ("f", "kept", None, [(True, None)]),
    "10": ("g", "kept", None, [(False, None)]),
    "11": ("h", "kept", None, [(False, None)]),
    "12": ("a", "kept", None, [(False, "t2"), (False, "t3"), (False, "t2")]),
    "13": ("i", "kept", None, [(False, "t4"), (False, "t4")]),
    "14": ("a", "other_event", "Conference Presentation Calls", []),
    "15": ("j", "excluded", "exclude_firms names the firm", []),
    "16": ("k", "other_language", "es, not en", []),
}
OTHER_LISTINGS = [
    ("1", "b", "other_company", "kept for company a, which has a PERMNO"),
    ("8", "l", "unlinked", "no GVKEY"),
]
"""Transcripts above that are listed for another company too."""

REFUSED = {"t1": None, "t2": "outlier", "t3": "few firms", "t4": None}
"""Why a topic is in no theme; None where it is in one."""
STATUS = {"a": "ok", "b": "ok", "g": "too_small", "h": "ok", "i": "ok"}


def rows(table: str, values: list[dict[str, Any]]) -> list[pa.Table]:
    """Return a table of these columns, the others being null or a zero of their type."""
    zeros = {
        pa.string(): "x",
        pa.int32(): 0,
        pa.float64(): 0.0,
        pa.bool_(): False,
        pa.date32(): date(2023, 2, 1),
        pa.timestamp("us", "UTC"): datetime(2023, 2, 1, tzinfo=UTC),
    }
    filled = [
        {
            f.name: v.get(
                f.name, None if f.nullable else QUARTER if f.name == "quarter" else zeros.get(f.type)
            )
            for f in TABLES[table].arrow_schema
        }
        for v in values
    ]
    return [pa.Table.from_pylist(filled, schema=TABLES[table].arrow_schema)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, dg.ExecuteInProcessResult]:
    warehouse = Warehouse(path=str(tmp_path_factory.mktemp("coverage")))
    audit, transcripts, sentences, kinds, topics, scores = [], [], [], [], [], []
    for transcript, (firm, status, reason, said) in OFFERED.items():
        audit.append({"transcript_id": transcript, "firm_id": firm, "status": status, "reason": reason})
        if status != "kept":
            continue
        permno = None if firm == "i" else 10
        call = {"transcript_id": transcript, "firm_id": firm, "permno": permno}
        for i in range(2):
            component = {"component_id": f"{QUARTER}:{transcript}:{i}", "component_order": i}
            transcripts.append(call | component | {"section": "q_and_a", "speaker_type": "operator"})
        for i, (is_procedural, topic) in enumerate(said):
            key = {"sentence_id": f"{QUARTER}:{transcript}:{i}", "firm_id": firm}
            place = {"section": "q_and_a", "speaker_type": "operator"}
            sentences.append(key | call | place)
            kind = {"kind": "call" if is_procedural else "business", "method": "words"}
            kinds.append(key | kind | {"is_procedural": is_procedural})
            if not is_procedural:
                topics.append(key | {"topic_id": topic})
        if transcript in ("1", "3"):
            scores.append(call | {"theme_id": f"{QUARTER}:theme:000", "n_sentences": 1, "n_neutral": 1})
    audit += [
        dict(zip(("transcript_id", "firm_id", "status", "reason"), row, strict=True))
        for row in OTHER_LISTINGS
    ]
    theme = {"theme_id": f"{QUARTER}:theme:000", "keywords": [], "embedding": [1.0], "naming_method": "llm"}
    counts = {"n_topics": 1, "n_firms": 1, "n_sentences": 1}
    made = {
        "transcript_audit": audit,
        "transcripts": transcripts,
        "sentences": sentences,
        "sentence_kinds": kinds,
        "sentence_topics": topics,
        "firm_status": [{"firm_id": firm, "status": status} for firm, status in STATUS.items()],
        "theme_topics": [
            {"topic_id": t, "firm_id": "a", "reason": why, "theme_id": None if why else theme["theme_id"]}
            for t, why in REFUSED.items()
        ],
        "themes": [theme | counts],
        "sentiment_scores": scores,
    }
    for table, values in made.items():
        warehouse.replace(table, QUARTER, rows(table, values))
    definitions = dg.Definitions(
        assets=[build_marts()],
        jobs=[dg.define_asset_job("job", selection=["coverage"])],
        resources={"dbt": dbt_resource(), "warehouse": warehouse},
    )
    result = definitions.resolve_job_def("job").execute_in_process(
        partition_key=QUARTER, raise_on_error=False
    )
    assert result.success
    return warehouse, result


def test_every_call_and_sentence_is_followed_to_where_it_was_lost(built: tuple[Warehouse, Any]):
    found = built[0].read("coverage", QUARTER).to_pylist()
    names = (
        "step",
        "outcome",
        "is_lost",
        "n_calls",
        "n_firms",
        "n_firms_lost",
        "n_sentences",
        "n_sentences_lost",
    )
    assert [tuple(r[n] for n in names) for r in found] == [
        ("seen", "offered by the source", False, 18, 12, 0, 12, 0),
        ("selection", "excluded", True, 1, 1, 1, 0, 0),
        ("selection", "other company", True, 1, 1, 0, 0, 0),
        ("selection", "other event", True, 1, 1, 0, 0, 0),
        ("selection", "other language", True, 1, 1, 1, 0, 0),
        ("selection", "to be read", False, 14, 10, 0, 12, 0),
        ("version", "duplicate", True, 1, 1, 0, 0, 0),
        ("version", "empty", True, 1, 1, 1, 0, 0),
        ("version", "one version of each call", False, 11, 9, 0, 12, 0),
        ("version", "superseded", True, 1, 1, 0, 0, 0),
        ("link", "PERMNO expired", True, 1, 1, 1, 0, 0),
        ("link", "kept without a PERMNO", False, 1, 1, 0, 2, 0),
        ("link", "linked", False, 7, 6, 0, 10, 0),
        ("link", "no GVKEY", True, 2, 2, 2, 0, 0),
        ("sentences", "has sentences", False, 6, 5, 0, 10, 0),
        ("sentences", "only the operator spoke", True, 1, 1, 1, 0, 0),
        ("sentences", "procedural", True, 1, 1, 1, 2, 2),
        ("topics", "firm too small", True, 1, 1, 1, 1, 1),
        ("topics", "in a topic", False, 4, 3, 0, 8, 0),
        ("topics", "in no topic", True, 1, 1, 1, 1, 1),
        ("themes", "few firms", True, 0, 0, 0, 1, 1),
        ("themes", "in a theme", False, 3, 3, 0, 4, 0),
        ("themes", "outlier", True, 1, 1, 0, 3, 3),
        ("scores", "no score", True, 1, 1, 1, 2, 2),
        ("scores", "scored", False, 2, 2, 0, 2, 0),
    ], "in the order of the steps"


def test_each_step_has_the_calls_that_the_one_before_did_not_lose(built: tuple[Warehouse, Any]):
    found = built[0].read("coverage", QUARTER).to_pylist()
    left, sentences = len(OFFERED) + len(OTHER_LISTINGS), sum(len(said) for *_, said in OFFERED.values())
    for step in COVERAGE_STEPS:
        here = [r for r in found if r["step"] == step]
        assert sum(r["n_calls"] for r in here) == left
        assert sum(r["n_sentences"] for r in here) == sentences
        left = sum(r["n_calls"] for r in here if not r["is_lost"])
        sentences -= sum(r["n_sentences_lost"] for r in here)
    assert {e.check_name for e in built[1].get_asset_check_evaluations()} >= {
        "coverage_accounts_for_every_call",
        "coverage_accounts_for_every_sentence",
    }
    assert all(e.passed for e in built[1].get_asset_check_evaluations())
