"""How good the quarter is as far as it goes: from what the source offered to what is scored, each loss with its reason.

What belongs here: the mart `coverage` as a flow, whose numbers add up. Each stage is what is left of the one before;
where they do not add up, a warning says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ftm_assets.report.payload import Loss, Stage
from ftm_assets.report.points_told import REASONS

if TYPE_CHECKING:
    import duckdb

_BY_DESIGN = frozenset(
    {
        *("procedural", "other event", "other language", "other company", "excluded"),
        *("superseded", "duplicate"),
    }
)
"""Outcomes that were meant to be left out: they are no evidence that is missing."""

_WORDS = {
    **REASONS,
    "other event": "not an earnings call",
    "other company": "listed for another company too, which keeps it",
    "other language": "in another language",
    "excluded": "of a firm that the configuration leaves out",
    "superseded": "another version of the call was kept",
    "duplicate": "the same text as another transcript",
    "empty": "without text",
    "only the operator spoke": "only the operator spoke",
    "in no topic": "near no topic of the firm",
    "firm too small": "of a firm that said too little for topics",
    "firm failed": "of a firm whose topics failed",
    "firm not modelled": "of a firm whose topics were not made",
    "in no theme": "in no theme",
    "weak": "too little like the theme of its topic",
    "nearer another": "clearly more like another theme",
    "mixed topic": "in a topic too mixed to count",
    "weak theme": "in a theme that does not hold together",
    "no member": "in a theme, of which it does not speak",
    "no score": "a member of a theme without a score",
}
"""Outcome of `coverage` → in words; one of a step of its own is said there."""

_LINKS = {"linked": "linked to a PERMNO", "kept without a PERMNO": "kept without a PERMNO"}

_AFTER_LINK = ("sentences", "topics", "themes", "scores")
"""Steps at which a linked call is lost before it has a score."""

_PROCEDURAL = {"sentences": "about the call itself, or empty", "themes": "in a topic about the call itself"}
_BY_DESIGN_AT = {"sentences", "selection", "version"}
"""Steps at which such an outcome is by design: a topic about the call should have been none."""

_ROWS = """
    SELECT step, outcome, is_lost, n_calls, n_sentences, n_sentences_lost FROM coverage ORDER BY position, outcome
"""


@dataclass(frozen=True)
class Flow:
    """The stages, and what does not add up."""

    stages: tuple[Stage, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    step: str
    outcome: str
    is_lost: bool
    n_calls: int
    n_sentences: int
    n_lost: int


def told_coverage(db: duckdb.DuckDBPyConnection, quarter: str) -> Flow:
    """Return the flow of calls, then of their sentences; no stage, and a warning, if `coverage` was not made."""
    rows = [_Row(*row) for row in db.execute(_ROWS).fetchall()]
    if not rows:
        return Flow((), (f"{quarter} has no rows in coverage: what was lost on the way is not known.",))
    spoken = sum(r.n_sentences for r in rows if r.step == "seen")
    stages = [
        Stage("offered", "calls", _calls_at(rows, "seen"), ()),
        Stage(
            "kept",
            "calls",
            _calls_at(rows, "version"),
            (*_calls(rows, "selection"), *_calls(rows, "version")),
        ),
        Stage("linked", "calls", _calls_at(rows, "link"), _calls(rows, "link"), _links(rows)),
        Stage(
            "scored",
            "calls",
            _calls_at(rows, "scores"),
            tuple(loss for step in _AFTER_LINK for loss in _calls(rows, step)),
        ),
        # Of all linked calls: what those without a score said is lost, with its reasons, below.
        Stage("sentences", "sentences", spoken, ()),
        Stage(
            "topics",
            "sentences",
            _sentences_at(rows, "topics"),
            (*_sentences(rows, "sentences"), *_sentences(rows, "topics")),
        ),
        Stage("themes", "sentences", _sentences_at(rows, "themes"), _sentences(rows, "themes")),
        Stage("scored", "sentences", _sentences_at(rows, "scores"), _sentences(rows, "scores")),
    ]
    return Flow(tuple(stages), tuple(not_adding_up(stages, quarter)))


def not_adding_up(stages: list[Stage], quarter: str) -> list[str]:
    """Return a warning for each stage that is not what the stage before less its losses leaves, in the same unit."""
    found = []
    for before, stage in pairwise(stages):
        left = before.n - sum(loss.n for loss in stage.losses)
        if before.unit == stage.unit and left != stage.n:
            found.append(
                f"coverage of {quarter} does not add up: {before.n:,} {before.unit} before {stage.name}, of which "
                f"{before.n - left:,} are said to be lost, and {stage.n:,} after. Materialize coverage again."
            )
    return found


def _calls_at(rows: list[_Row], step: str) -> int:
    return sum(r.n_calls for r in rows if r.step == step and not r.is_lost)


def _sentences_at(rows: list[_Row], step: str) -> int:
    return sum(r.n_sentences for r in rows if r.step == step and not r.is_lost)


def _links(rows: list[_Row]) -> tuple[tuple[str, int], ...]:
    """Return what the linked calls were linked to."""
    kept = (r for r in rows if r.step == "link" and not r.is_lost and r.n_calls)
    return tuple((_LINKS.get(r.outcome, r.outcome), r.n_calls) for r in kept)


def _calls(rows: list[_Row], step: str) -> tuple[Loss, ...]:
    return _losses(step, {r.outcome: r.n_calls for r in rows if r.step == step and r.is_lost})


def _sentences(rows: list[_Row], step: str) -> tuple[Loss, ...]:
    return _losses(step, {r.outcome: r.n_lost for r in rows if r.step == step and r.is_lost})


def _losses(step: str, counts: dict[str, int]) -> tuple[Loss, ...]:
    """Return the outcomes that anything had, most first."""
    found = sorted(((n, outcome) for outcome, n in counts.items() if n), key=lambda c: (-c[0], c[1]))
    return tuple(
        Loss(
            (_PROCEDURAL.get(step) if outcome == "procedural" else None) or _WORDS.get(outcome, outcome),
            n,
            is_lost=not (outcome in _BY_DESIGN and step in _BY_DESIGN_AT),
        )
        for n, outcome in found
    )
