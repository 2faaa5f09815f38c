"""The report at the end of `ftm run`: the top themes and, below them, the quarter's limitations."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftm_assets.cli import failing, screen
from ftm_assets.cli.later_panels import ACROSS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb
    from dagster import AssetCheckEvaluation, JobExecutionResult
    from dagster._core.events import JobFailureData
    from dagster._core.execution.plan.objects import StepFailureData
    from rich.table import Table

    from ftm_resources.warehouse import Warehouse

TOP_THEMES = """
    SELECT theme_id, t.name, s.n_firms, s.n_topics, s.n_sentences, s.score
    FROM theme_sentiment s JOIN themes t USING (theme_id) ORDER BY theme_id LIMIT ?
"""

SHOWN_THEMES = 15

LOST = """
    SELECT outcome, n_calls FROM coverage WHERE is_lost AND n_calls > 0 ORDER BY position, n_calls DESC, outcome
"""

UNPLACED = """
    SELECT split_part(reason, ':', 1) AS kind, count(*) AS n FROM theme_topics
    WHERE theme_id IS NULL GROUP BY kind ORDER BY n DESC, kind
"""
"""Quarters of older versions have the detail after a colon."""


@dataclass(frozen=True)
class CheckWarning:
    """A check that did not pass and did not stop the run."""

    name: str
    asset: str
    measured: str
    advice: str


def was_interrupted(result: JobExecutionResult) -> bool:
    """Return whether the run was interrupted (Ctrl-C), rather than failed."""
    errors = [
        event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error
        for event in result.all_events
        if event.is_step_failure or event.is_run_failure
    ]
    return any(
        found.cls_name == "DagsterExecutionInterruptedError"
        for error in errors
        for found in failing.chain(error)
    )


def failures(result: JobExecutionResult) -> str:
    """Return what failed, step by step, each reason once."""
    steps: dict[str, list[str]] = {}
    for data, step in _failed(result):
        reason, is_expected = failing.message_of_step(data.error)
        steps.setdefault(reason if is_expected else f"{reason}\n{failing.BUG}", []).extend(step)
    # A run's own failure event only repeats that a step failed.
    named = {r: s for r, s in steps.items() if s} or steps
    return "\n".join(f"✗ {', '.join(s) or 'run'}\n{r}" for r, s in named.items()) or "The run failed."


def tracebacks(result: JobExecutionResult) -> str:
    """Return the tracebacks of what failed: from its metadata if it was expected, else as Dagster recorded it."""
    from ftm_resources.expected import TRACEBACK

    found: dict[str, None] = {}
    for data, _ in _failed(result):
        told = getattr(data, "user_failure_data", None)
        lines = told.metadata.get(TRACEBACK) if told else None
        found["\n".join(lines.value) if lines else str(data.error)] = None
    return "\n".join(found)


def _failed(result: JobExecutionResult) -> Iterator[tuple[StepFailureData | JobFailureData, list[str]]]:
    """Yield what is recorded of each failure, with the step that failed; with none, for the run itself."""
    for event in result.all_events:
        if event.is_step_failure:
            yield event.step_failure_data, [event.step_key or ""]
        elif event.is_run_failure and event.job_failure_data.error:
            yield event.job_failure_data, []


def warnings(result: JobExecutionResult) -> list[CheckWarning]:
    """Return the checks of a run that did not pass, in the order in which they ran."""
    found = []
    for event in result.all_events:
        if event.event_type_value != "ASSET_CHECK_EVALUATION":
            continue
        checked = event.asset_check_evaluation_data
        if not checked.passed:
            found.append(
                CheckWarning(
                    checked.check_name,
                    checked.asset_key.path[-1],
                    checked.description or "",
                    _advice(result, checked),
                )
            )
    return found


def _advice(result: JobExecutionResult, checked: AssetCheckEvaluation) -> str:
    """Return what a check advises for what it found, else its description: its limit, and what to do beyond it."""
    if "advice" in checked.metadata:
        return str(checked.metadata["advice"].value)
    return result.job_def.asset_layer.asset_graph.get_check_spec(checked.asset_check_key).description or ""


def show(
    warehouse: Warehouse,
    quarter: str,
    *,
    run_id: str,
    warnings: Sequence[CheckWarning],
    held: Mapping[str, int],
    seconds: float,
    own_calls: bool,
    linked_again: Sequence[str] = (),
    panels_again: Sequence[str] = (),
    panels_outdated: Sequence[str] = (),
) -> None:
    """Print the themes that a run made of a quarter and what a reader must know before using them.

    `own_calls`: not the sample's. `linked_again`: see the function of that name; `panels_again` and `panels_outdated`:
    later quarters whose panels were made again, and that are outdated still. Raises CommandError if another run has
    replaced the themes.
    """
    from ftm_assets.cli import returns_report
    from ftm_resources.tables import QUARTERLY

    console, study = screen.console(), returns_report.event_study(warehouse, quarter)
    # Without what is made on demand, which would show the run's own tables as they were when it was last made.
    with warehouse.connect(quarter=quarter, tables=QUARTERLY) as db:
        _require_own(warehouse, quarter, run_id)  # what is replaced from here on, `db` does not show
        console.print(themes_table(db, quarter, SHOWN_THEMES))
        console.print(
            screen.facts(
                [
                    ("Sentiment", sentiment(db)),
                    ("Names", naming(db)),
                    ("Calls", calls(db)),
                    ("Sentences", sentences(db)),
                    ("Coherence", coherence(db)),
                    ("Series", series(db)),
                    *([("Pinned", said)] if (said := pinned_themes(db)) else []),
                    *([("Linked again", _linked(linked_again))] if linked_again else []),
                    *([("Panels", said)] if (said := panels(panels_again, panels_outdated)) else []),
                    ("Returns", returns_report.returns(db)),
                    *([("Portfolios", said)] if (said := returns_report.portfolios(db)) else []),
                    *([("Event study", study)] if study else []),
                    *([("Other quarters", _others(held, quarter))] if len(held) > 1 else []),
                    ("Checks", _checks(warnings)),
                    ("Took", f"{_minutes(seconds)}; peak memory {screen.size(peak_memory())}"),
                    ("Warehouse", warehouse.root),
                ]
            )
        )
    console.print("\nNext", style="bold")
    steps = [
        ("ftm themes " + quarter, "these themes again; --limit 100 for more"),
        (
            f"ftm report {quarter} --out report.html",
            "a page to look at and to send: map, themes, firms, quality",
        ),
        ("ftm ui", "lineage, metadata and backfills in the browser"),
        *([] if own_calls else [("ftm run --calls PATH", "your own calls")]),
    ]
    console.print(screen.facts((f"  {command}", what) for command, what in steps))


def _require_own(warehouse: Warehouse, quarter: str, run_id: str) -> None:
    """Raise CommandError unless a reader of the quarter is shown what this run made."""
    from ftm_assets.orchestration.inputs import taken_over
    from ftm_resources import settings
    from ftm_resources.tables import QUARTERLY

    if settings.current().ftm_allow_mixed_generations:
        return
    shown = warehouse.together(quarter, [n for n in warehouse.pin().names if n in QUARTERLY])
    if problem := taken_over(warehouse.pin(), shown, {run_id}):
        raise failing.CommandError(f"This run's themes are not shown: {problem}.")


def themes_table(db: duckdb.DuckDBPyConnection, quarter: str, limit: int) -> Table:
    """Return the themes of a quarter with most topics and their sentiment, and how many topics are in none.

    Reads themes, theme_topics and theme_sentiment.
    """
    (n,) = db.execute("SELECT count(*) FROM themes").fetchone() or (0,)
    rows = db.execute(TOP_THEMES, [limit]).fetchall()
    title = f"Themes of {quarter}: {n}" if len(rows) == n else f"Top {len(rows)} of {n} themes of {quarter}"
    unplaced = db.execute(UNPLACED).fetchall()
    if unplaced:
        (topics,) = db.execute("SELECT count(*) FROM theme_topics").fetchone() or (0,)
        lost = sum(count for _, count in unplaced)
        title += f"; {lost:,} of {screen.count(topics, 'topic')} in no theme{_reasons(unplaced)}"
    return screen.table(
        title,
        ("theme_id", "theme", "firms", "topics", "sentences", "score"),
        [
            (theme_id, name, f"{firms:,}", f"{topics:,}", f"{sentences:,}", f"{score:+.3f}")
            for theme_id, name, firms, topics, sentences, score in rows
        ],
        left=2,
    )


def sentiment(db: duckdb.DuckDBPyConnection) -> str:
    """Return which scorer classified the sentences, with advice if it was only the word lists."""
    from ftm_resources.models.lexicon import scorer_name

    models = [m for (m,) in db.execute("SELECT DISTINCT model FROM sentence_sentiment ORDER BY 1").fetchall()]
    if scorer_name() not in models:
        return ", ".join(models) or "no sentence was scored"
    return (
        f"degraded: {', '.join(models)}. Word lists miss words such as raised and beat; for a paper, unset "
        "FTM_SENTIMENT_MODEL (the bundled classifier), or set it, e.g. to yiyanghkust/finbert-tone"
    )


def coherence(db: duckdb.DuckDBPyConnection) -> str:
    """Return how many themes are coherent, mixed and weak. Reads theme_coherence."""
    from ftm_resources.tables.categories import COHERENCE_CLASSES

    counts = dict(db.execute("SELECT coherence_class, count(*) FROM theme_coherence GROUP BY 1").fetchall())
    if not counts:
        return "no theme"
    said = ", ".join(f"{counts.get(kind, 0):,} {kind}" for kind in COHERENCE_CLASSES)
    weak = " (no sentence counts in a weak theme)" if counts.get("weak") else ""
    return f"{said}{weak}; by theme in theme_coherence"


def pinned_themes(db: duckdb.DuckDBPyConnection) -> str:
    """Return which pinned themes the quarter has, and which no theme of it belongs to; "" if none is pinned.

    Reads pinned_coverage.
    """
    rows = db.execute(
        "SELECT series_name, n_themes, n_topics FROM pinned_coverage ORDER BY series_name"
    ).fetchall()
    if not rows:
        return ""
    found = [f"{name} ({screen.count(n, 'theme')}, {screen.count(m, 'topic')})" for name, n, m in rows if n]
    lost = [f"{name} ({screen.count(m, 'topic')})" for name, n, m in rows if not n]
    without = f"no theme belongs to {', '.join(lost)}, whose attention is null" if lost else ""
    return f"{'; '.join(filter(None, [', '.join(found), without]))}; by theme in pinned_theme_links"


def series(db: duckdb.DuckDBPyConnection) -> str:
    """Return how the quarter's themes came to their series. Reads theme_links."""
    from ftm_resources.tables.categories import LINK_EVENTS

    counts = dict(db.execute("SELECT event, count(*) FROM theme_links GROUP BY 1").fetchall())
    said = ", ".join(f"{counts[event]:,} {event}" for event in LINK_EVENTS if event in counts)
    return f"{said}; by theme in theme_links" if said else "no theme"


def linked_again(result: JobExecutionResult, quarter: str) -> list[str]:
    """Return the other quarters whose themes the run linked again, because it changed what they follow from."""
    made = (e for e in result.all_events if e.event_type_value == "ASSET_MATERIALIZATION")
    others = {e.partition for e in made if e.asset_key and e.asset_key.path[-1] == "theme_links"}
    return sorted(q for q in others if q and q != quarter)


def _linked(quarters: Sequence[str]) -> str:
    return (
        f"the themes of {', '.join(quarters)}, as they follow this quarter: their series may have other ids"
    )


def panels(again: Sequence[str], outdated: Sequence[str]) -> str:
    """Return what became of later quarters' panels and portfolios that it made outdated; empty if it made none so."""
    said = [f"those of {', '.join(again)} were made again, as they follow this quarter"] if again else []
    if outdated:
        said.append(
            f"those of {', '.join(outdated)} are outdated: exports refuse them until you materialize "
            f"{', '.join(ACROSS)} of each, oldest first"
        )
    return "; ".join(said)


def naming(db: duckdb.DuckDBPyConnection) -> str:
    """Return what named the topics and themes, and how many names are only substitutes."""
    from ftm_assets.methods.naming.rules import DEGRADED

    sql = (
        "SELECT outcome, model, count(topic_id), count(theme_id) FROM naming_audit GROUP BY outcome, model "
        "ORDER BY outcome, model"
    )
    rows = [(outcome, model, n + m, n, m) for outcome, model, n, m in db.execute(sql).fetchall()]
    total, topics, themes = (sum(row[i] for row in rows) for i in (2, 3, 4))
    named = f"{screen.count(topics, 'topic')} and {screen.count(themes, 'theme')}"
    models = sorted({model for outcome, model, *_ in rows if model and outcome != "extractive"})
    if not models:
        by_a_model = "For names by a language model, set LLM_BASE_URL"
        return f"degraded: all {named} have extractive names, made of their keywords. {by_a_model}"
    lost = sum(n for outcome, _, n, *_ in rows if outcome in DEGRADED)
    if not lost:
        return f"{', '.join(models)}, for all {named}"
    return (
        f"degraded: {', '.join(models)}, but {lost:,} of {total:,} names are extractive because the model gave no "
        "usable name; naming_audit says why. Run again to request only these"
    )


def calls(db: duckdb.DuckDBPyConnection) -> str:
    """Return how many transcripts were offered and calls scored, and where the others were lost."""
    counts = dict(db.execute("SELECT step, sum(n_calls) FROM coverage GROUP BY step").fetchall())
    scored = db.execute(
        "SELECT coalesce(sum(n_calls), 0) FROM coverage WHERE step = 'scores' AND NOT is_lost"
    )
    (n_scored,) = scored.fetchone() or (0,)
    offered = screen.count(int(counts.get("seen", 0)), "transcript")
    lost = [f"{n:,} {outcome}" for outcome, n in db.execute(LOST).fetchall()]
    left_out = f". Left out: {', '.join(lost)}" if lost else ""
    return f"{offered} offered, {screen.count(int(n_scored), 'call')} scored{left_out}"


def sentences(db: duckdb.DuckDBPyConnection) -> str:
    """Return how many sentences were spoken and scored, and where and why the others were lost."""
    sql = "SELECT step, sum(n_sentences), sum(n_sentences_lost) FROM coverage GROUP BY step"
    found = {step: (int(n), int(lost)) for step, n, lost in db.execute(sql).fetchall()}
    spoken, _ = found.get("seen", (0, 0))
    parts = []
    for step, where in (
        ("sentences", "about the call or empty"),
        ("topics", "in no topic"),
        ("themes", "in topics without a theme"),
        ("scores", "in a theme of which they do not speak"),
    ):
        _, lost = found.get(step, (0, 0))
        if not lost:
            continue
        why = ""
        if step in {"topics", "scores"}:
            why = _reasons(
                db.execute(
                    "SELECT outcome, n_sentences_lost FROM coverage WHERE step = ? AND n_sentences_lost > 0 "
                    "AND outcome <> 'in no topic' ORDER BY ALL",
                    [step],
                ).fetchall()
            )
        elif step == "themes":
            why = _reasons(db.execute(UNPLACED).fetchall(), "topics")
        parts.append(f"{lost:,} {where}{why}")
    n, lost = found.get("scores", (0, 0))
    return f"{spoken:,} spoken: {', '.join([*parts, f'{n - lost:,} scored'])}"


def _reasons(counts: Sequence[tuple[str, int]], things: str = "") -> str:
    """Return reasons and their counts in brackets, the first with what is counted; empty without any."""
    listed = [f"{n:,} {reason or 'without a reason'}" for reason, n in counts]
    if listed and things:
        listed[0] = f"{counts[0][1]:,} {things} {counts[0][0] or 'without a reason'}"
    return f" ({', '.join(listed)})" if listed else ""


def _others(held: Mapping[str, int], quarter: str) -> str:
    listed = ", ".join(f"{q} ({screen.count(n, 'turn')})" for q, n in sorted(held.items()) if q != quarter)
    return f"your files also hold {listed}"


def _checks(warnings: Sequence[CheckWarning]) -> str:
    if not warnings:
        return "all passed"
    lines = []
    for w in warnings:
        lines.append(f"{w.asset}, {w.name}: {w.measured}" if w.measured else f"{w.asset}: {w.name}")
        if w.advice:
            lines.append(f"  {w.advice}")
    return "\n".join([screen.count(len(warnings), "warning"), *lines])


def _minutes(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def peak_memory() -> int:
    """Return the peak memory of this process or of its largest finished child, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in users) * unit
