from typing import Any

import pyarrow as pa
import pytest

from ftm_assets.report.coverage_told import not_adding_up, told_coverage
from ftm_assets.report.payload import Loss, Report, Stage
from ftm_assets.report.reported_state import ReportedState
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests.assets.spoken_quarter import filled

from .told_quarter import QUARTER


def test_every_stage_is_what_the_one_before_leaves(report: Report):
    assert not_adding_up(list(report.stages), QUARTER) == []
    assert [(s.name, s.unit, s.n) for s in report.stages] == [
        ("offered", "calls", 6),
        ("kept", "calls", 6),
        ("linked", "calls", 6),
        ("scored", "calls", 5),
        ("sentences", "sentences", 43),
        ("topics", "sentences", 37),
        ("themes", "sentences", 32),
        ("scored", "sentences", 28),
    ]
    assert report.stages[-1].n == sum(theme.n_sentences for theme in report.themes)


def test_every_loss_has_its_reason_and_what_is_left_out_by_design_is_not_called_lost(report: Report):
    calls, sentences = (
        {
            loss.reason: (loss.n, loss.is_lost)
            for stage in report.stages
            if stage.unit == unit
            for loss in stage.losses
        }
        for unit in ("calls", "sentences")
    )
    assert calls == {"of a firm that said too little for topics": (1, True)}
    assert sentences == {
        "about the call itself, or empty": (5, False),
        "of a firm that said too little for topics": (1, True),
        "near no theme": (5, True),
        "in a theme that does not hold together": (4, True),
    }


def test_calls_without_a_permno_and_without_a_score_are_told(copied: Warehouse):
    def row(step: str, position: int, outcome: str, n: int, *, is_lost: bool = False) -> dict[str, Any]:
        return {"step": step, "position": position, "outcome": outcome, "n_calls": n, "is_lost": is_lost}

    rows = [
        *(row("seen", 0, "offered by the source", 50), row("selection", 1, "to be read", 50)),
        *(row("version", 2, "one version of each call", 50), row("link", 3, "linked", 47)),
        *(row("link", 3, "kept without a PERMNO", 3), row("sentences", 4, "has sentences", 49)),
        row("sentences", 4, "procedural", 1, is_lost=True),
        *(
            row("topics", 5, "in a topic", 49),
            row("themes", 6, "in a theme", 49),
            row("scores", 7, "scored", 49),
        ),
    ]
    copied.replace("coverage", QUARTER, [filled("coverage", rows, QUARTER)])
    with ReportedState.of(copied, QUARTER).connect() as db:
        flow = told_coverage(db, QUARTER)
    assert flow.warnings == ()
    of = {s.name: s for s in flow.stages if s.unit == "calls"}
    assert of["linked"].notes == (("kept without a PERMNO", 3), ("linked to a PERMNO", 47))
    assert sum(n for _, n in of["linked"].notes) == of["linked"].n == 50
    assert (of["scored"].n, of["scored"].losses) == (
        49,
        (Loss("about the call itself, or empty", 1, is_lost=False),),
    )


def test_stages_that_do_not_add_up_are_said():
    stages = [
        Stage("sentences", "sentences", 10, ()),
        Stage("topics", "sentences", 8, (Loss("in no topic", 1, is_lost=True),)),
    ]
    (said,) = not_adding_up(stages, QUARTER)
    assert "10 sentences before topics, of which 1 are said to be lost, and 8 after" in said


@pytest.mark.parametrize("column", ["n_sentences_lost", "n_sentences"])
def test_a_mart_that_does_not_add_up_is_said(copied: Warehouse, column: str):
    rows = copied.read("coverage", QUARTER).to_pylist()
    (row,) = [r for r in rows if r["step"] == "themes" and r["is_lost"] == (column == "n_sentences_lost")]
    row[column] += 1
    changed = pa.Table.from_pylist(rows, schema=TABLES["coverage"].arrow_schema)
    copied.replace("coverage", QUARTER, [changed])
    with ReportedState.of(copied, QUARTER).connect() as db:
        assert "does not add up" in told_coverage(db, QUARTER).warnings[0]


def test_without_the_mart_it_is_not_known(copied: Warehouse):
    copied.replace("coverage", QUARTER, [TABLES["coverage"].empty()])
    with ReportedState.of(copied, QUARTER).connect() as db:
        flow = told_coverage(db, QUARTER)
    assert flow.stages == ()
    assert "not known" in flow.warnings[0]
