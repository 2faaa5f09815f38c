"""Everything that the page of a quarter says, gathered from one state of the warehouse.

What belongs here: the order in which the parts are read, and the head of the page. Memory is bounded: DuckDB's queries
within `reported_state.MEMORY`, the vectors of the topics, and the page's own content.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.topics.map_layout import group_themes, landmark_texts, place, word_vectors
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.methods.wording import counted
from ftm_assets.report.changes_told import told_changes
from ftm_assets.report.cost_told import told_cost
from ftm_assets.report.coverage_told import told_coverage
from ftm_assets.report.finite_values import refuse_not_finite
from ftm_assets.report.firms_told import told_firms
from ftm_assets.report.made_from_told import told_made_from
from ftm_assets.report.map_landmarks import landmarks
from ftm_assets.report.numbered_rows import number
from ftm_assets.report.payload import Report
from ftm_assets.report.points_told import MOST_SENTENCES, room, told_points, vectors
from ftm_assets.report.quality_told import told_quality
from ftm_assets.report.reader_notes import GENERATED, citation, is_generated, summary, tone_note
from ftm_assets.report.reported_state import PANEL, ReportedState
from ftm_assets.report.returns_told import told_returns
from ftm_assets.report.themes_told import Places, told_themes
from ftm_assets.report.through_time import told_through
from ftm_resources.warehouse.embedded_by import embedder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb
    from numpy.typing import NDArray

    from ftm_assets.report.payload import Stage, Through
    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.snapshots import AsOf, Write

_NUMBERS = (
    *("sentence_sentiment", "topic_summaries", "themes", "topic_naming_audit", "theme_naming_audit"),
    *("theme_sentences", "theme_coherence", "firm_theme_sentiment", "theme_sentiment", "theme_panel"),
    "run_costs",
)
"""Tables whose numbers the page shows, or places things by."""

_COUNTS = """
    SELECT (SELECT count(*) FROM told_firms), (SELECT count(*) FROM told_calls), (SELECT count(*) FROM sentences),
        (SELECT count(*) FROM firm_topics), (SELECT count(*) FROM told_topics), (SELECT count(*) FROM told_themes),
        (SELECT sum(n_positive - n_negative) / sum(n_sentences) FROM theme_sentiment)
"""


_TEXTS = """
    SELECT t.name || '. ' || s.summary FROM told_topics t JOIN topic_summaries s USING (topic_id) ORDER BY t.topic
"""


def gather(
    warehouse: Warehouse,
    first: str,
    last: str | None = None,
    *,
    as_of: AsOf | None = None,
    keeps_landmarks: bool = False,
) -> Report:
    """Return the page of a quarter; with `last`, that of `last`, with the themes from `first` on through time.

    The same tables give the same page, whenever and wherever this version makes it, if the landmarks of its map were
    kept (see `map_landmarks`), as `keeps_landmarks` does. Raises ReportError or WarehouseError (see
    `ReportedState.of`), and ReportError if a number of the tables is none (see `refuse_not_finite`).
    """
    state = ReportedState.of(warehouse, first, last, as_of=as_of)
    through = None if last is None or last == first else told_through(state)
    returns = told_returns(state)
    writes = state.writes() | returns.writes
    with closing(state.connect()) as db:
        refuse_not_finite(db, _NUMBERS)
        number(db)
        n_firms, n_calls, n_sentences, n_topics, n_named, n_themes, tone = (
            db.execute(_COUNTS).fetchone() or (0,) * 7
        )
        layout = layout_of(warehouse, state, db, keeps_landmarks=keeps_landmarks)
        points, reasons = told_points(db, layout.places)
        changes = told_changes(db, state)
        flow, quality = told_coverage(db, state.quarter), told_quality(db, state)
        cost_measures, cost_facts = told_cost(db)
        config = writes["themes"].provenance().get("config", {}) if "themes" in writes else {}
        themes = told_themes(
            db,
            layout.themes,
            changes,
            config,
            is_named_by_model=quality.is_named_by_model,
        )
        source = writes["transcripts"].provenance().get("source", {}) if "transcripts" in writes else {}
        scorers = [m for (m,) in db.execute("SELECT DISTINCT model FROM sentence_sentiment").fetchall()]
        warnings = [*([GENERATED] if is_generated(source) else []), *_gaps(through), *state.warnings]
        warnings += [
            *changes.warnings,
            *flow.warnings,
            *_degraded_tone(scorers, writes),
            *quality.warnings,
            *_left_out(n_topics, n_named),
            *layout.warnings,
            *returns.warnings,
        ]
        firms = told_firms(db)
    range_ = state.quarter if through is None else f"{first} to {state.quarter}"
    as_of_text, made_at = None if as_of is None else str(as_of), _made_at(state, writes)
    return Report(
        quarter=state.quarter,
        made_at=made_at,
        title=f"Earnings calls of {range_}",
        headline=(
            ("firms", f"{n_firms:,}"),
            ("calls", f"{n_calls:,}"),
            ("sentences", f"{n_sentences:,}"),
            ("topics", f"{n_topics:,}"),
            ("themes", f"{n_themes:,}"),
            ("tone", "–" if tone is None else f"{tone:+.3f}".replace("-", "−")),
        ),
        warnings=tuple(dict.fromkeys(warnings)),
        groups=layout.groups,
        reasons=reasons,
        themes=themes,
        firms=firms,
        points=points,
        stages=flow.stages,
        measures=(*quality.measures, *cost_measures),
        made_from=(*told_made_from(writes, as_of_text, names=quality.names), *cost_facts),
        through=through,
        is_generated=is_generated(source),
        headline_of=_headline_of(state.quarter, flow.stages, is_range=through is not None),
        tone_note=tone_note(scorers),
        returns=returns.returns,
        summary=summary(flow.stages, quality.placed, themes),
        cite=citation(range_, as_of_text, made_at, source),
    )


@dataclass(frozen=True)
class Layout:
    """The map."""

    places: NDArray[np.floating]
    """Of the topics, (n, 2)."""
    themes: Places
    groups: tuple[str, ...]
    warnings: tuple[str, ...]


def layout_of(
    warehouse: Warehouse,
    state: ReportedState,
    db: duckdb.DuckDBPyConnection,
    *,
    keeps_landmarks: bool = False,
) -> Layout:
    """Return the map of the state's quarter; `db` is a connection to it in which `number` was called."""
    model = _model(state.writes())
    return _layout(db, lambda d: landmarks(warehouse, model, d, keep=keeps_landmarks))


def _layout(
    db: duckdb.DuckDBPyConnection, landmarks_of: Callable[[int], NDArray[np.float32] | str]
) -> Layout:
    """Return the map; `landmarks_of` returns the landmarks' vectors of a length, or why there are none."""
    numbered = db.execute("SELECT coalesce(theme, -1) FROM told_topics ORDER BY topic").fetchnumpy()
    of = np.asarray(next(iter(numbered.values())), dtype=np.int64)
    themes = db.execute(
        "SELECT h.name, t.embedding FROM told_themes h JOIN themes t USING (theme_id) ORDER BY h.theme"
    )
    found = themes.to_arrow_table()
    names, centres = found.column("name").to_pylist(), as_matrix(found.column("embedding"))
    group, groups = group_themes(centres, names) if names else (np.zeros(0, np.int64), ())
    places, warnings = _places(db, of, landmarks_of)
    at = np.full((len(names), 2), 0.5)
    for i in np.unique(of[of >= 0]):
        at[i] = np.median(places[of == i], axis=0)
    return Layout(places, Places(at, [int(g) for g in group]), tuple(groups), warnings)


def _places(
    db: duckdb.DuckDBPyConnection,
    theme: NDArray[np.int64],
    landmarks_of: Callable[[int], NDArray[np.float32] | str],
) -> tuple[NDArray[np.floating], tuple[str, ...]]:
    """Return the places of the topics (n, 2), and what is said of them."""
    if not len(theme):
        return np.zeros((0, 2)), ()
    rows = vectors(db)
    known = landmarks_of(rows.shape[1])
    if not isinstance(known, str):
        return place(rows, theme, known), ()
    texts = [t for (t,) in db.execute(_TEXTS).fetchall()]
    rows = word_vectors(texts)
    said = f"Topics stand in the map by their words alone, which is less exact: {known}."
    return place(rows, theme, word_vectors(landmark_texts())), (said,)


def _model(writes: Mapping[str, Write]) -> str:
    """Return the name of the model that embedded the topics; empty if it is not known."""
    made = writes["topic_summaries"].provenance() if "topic_summaries" in writes else {}
    return str(embedder_of(made).get("model", ""))


def _made_at(state: ReportedState, writes: Mapping[str, Write]) -> str:
    """Return when the newest of the tables that the page is made from was committed."""
    before, _ = state.compared()
    panels = [state.write(PANEL, q) for q in {*state.quarters, *([before] if before else [])}]
    at = [write.at for write in (*writes.values(), *panels) if write is not None]
    return f"{max(at):%Y-%m-%dT%H:%M:%SZ}"


def _gaps(through: Through | None) -> list[str]:
    """Return which quarters of a range the curves cannot show."""
    if through is None or not through.missing:
        return []
    listed, n = ", ".join(through.missing), len(through.missing)
    return [
        f"{listed} {'is' if n == 1 else 'are'} not stored or {'has' if n == 1 else 'have'} no {PANEL}: the curves "
        f"through time have {'a gap' if n == 1 else 'gaps'} there, after which no theme is said to begin."
    ]


def _headline_of(quarter: str, stages: Sequence[Stage], *, is_range: bool) -> str:
    """Return what the headline counts."""
    scored = [s.n for s in stages if (s.name, s.unit) == ("scored", "calls")]
    said = [f"All numbers are of {quarter}, the last quarter."] if is_range else []
    said += [f"Calls are those that were kept; {n:,} of them have a score." for n in scored]
    return " ".join(said)


def _degraded_tone(scorers: Sequence[str], writes: Mapping[str, Write]) -> list[str]:
    """Return what is said of the scorer: that there was none, or that it is only a substitute."""
    if not scorers:
        return ["No sentence was scored: tone is not known."]
    made = writes["sentence_sentiment"].provenance()
    if not made.get("models", {}).get("sentiment", {}).get("is_degraded"):
        return []
    return [
        f"Tone is by {', '.join(sorted(scorers))}: word lists, not a model. They miss words such as raised, beat and "
        "increased, and count question as negative."
    ]


def _left_out(n_topics: int, n_named: int) -> list[str]:
    """Return what the map does not show."""
    found = []
    if n_named < n_topics:
        verb = "is" if n_topics - n_named == 1 else "are"
        found.append(f"{counted(n_topics - n_named, 'topic')} without a summary {verb} not in the map.")
    most, characters, _ = room(n_named)
    if most < MOST_SENTENCES:
        found.append(
            f"The map shows {counted(most, 'sentence')} of each topic, cut to {characters} characters, as there are "
            f"{n_named:,} topics."
        )
    return found
