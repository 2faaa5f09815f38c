"""What tone went with in returns, as the event study of the page's quarter found it: tests and paths by series."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftm_assets.report.cut_texts import NAME_CHARACTERS, cut
from ftm_assets.report.finite_values import refuse_not_finite
from ftm_assets.report.measure_words import MODEL_WORDS
from ftm_assets.report.payload import CarPath, ReturnsOfSeries, ReturnTest, TestedWindow, ToneAndReturns
from ftm_resources.tables.categories import LEVEL, POOLED, RETURN_MODELS, THEME_DEFINITIONS, TONES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftm_assets.report.reported_state import ReportedState
    from ftm_resources.warehouse.snapshots import Write

STUDY, PATHS = "event_study", "event_paths"

_CHOICES = "SELECT DISTINCT definition, tone, model FROM {}"

_TESTS = f"""
    SELECT series_id, series_name, n_quarters, fixed_effects, "window", sample, n_events, n_firms, n_dates,
        coefficient, std_error, t, p, q_value, p_romano_wolf, reason
    FROM {STUDY} WHERE definition = ? AND model = ? AND tone = ? AND controls = 'none'
"""  # noqa: S608 - a constant

_PATHS = f"""
    SELECT series_id, sample, tercile, day, n_events, round(1e4 * mean_car, 1), round(1e4 * car_low, 1),
        round(1e4 * car_high, 1)
    FROM {PATHS} ORDER BY series_id, sample, tercile, day
"""  # noqa: S608 - a constant


@dataclass(frozen=True)
class ReturnsTold:
    """What is said of returns."""

    returns: ToneAndReturns | None
    """None if there is no event study, or it does not go with the page."""
    warnings: tuple[str, ...] = ()
    writes: Mapping[str, Write] = field(default_factory=dict)
    """The tables that it is from."""


def told_returns(state: ReportedState) -> ReturnsTold:
    """Return what the event study of the page's quarter found, by the measure of tone that its paths are of.

    Without paths, as no series has enough returns for them, it is the plainest. Nothing if the quarter has no study, as
    the job of a quarter does not make it; nothing and why if it was made from other rows than the page shows. Raises
    ReportError if a number of it is none (see `refuse_not_finite`).
    """
    writes = {name: write for name in (STUDY, PATHS) if (write := state.write(name)) is not None}
    if STUDY not in writes:
        return ReturnsTold(None)
    if PATHS not in writes:
        made = f"event_study of {state.quarter} was made by an earlier version, without {PATHS}"
        return ReturnsTold(None, (f"Returns are not shown: {made}. Materialize it again.",))
    if why := state.outdated((STUDY, PATHS)):
        return ReturnsTold(None, (f"Returns are not shown: {why}",))
    with state.connect_to([state.quarter], STUDY, PATHS) as db:
        refuse_not_finite(db, [STUDY, PATHS])
        paths = _paths(db.execute(_PATHS).fetchall())
        choices = next(filter(None, (db.execute(_CHOICES.format(t)).fetchall() for t in (PATHS, STUDY))), [])
        if not choices:
            return ReturnsTold(
                None, (f"Returns are not shown: no call of event_study {state.quarter} has a tone.",)
            )
        definition, tone, model = min(choices, key=_plainest)
        rows = db.execute(_TESTS, [definition, model, tone]).fetchall()
        given = db.execute(_TESTS, [definition, model, GIVEN_CALL]).fetchall() if tone != GIVEN_CALL else []
    tests, given_call = _by_series(rows), _by_series(given)
    names = {series: name for series, name, *_ in rows}
    windows = sorted({t.window for of in tests.values() for t in of if t.sample == "event"}, key=_days)
    return ReturnsTold(
        ToneAndReturns(
            definition=definition,
            model=MODEL_WORDS.get(model, model),
            tone=tone,
            fixed_effects=rows[0][3],
            min_sentences=int(writes[STUDY].provenance().get("config", {}).get("min_sentences", 1)),
            n_quarters=max(n for _, _, n, *_ in rows),
            windows=tuple(_counted(window, tests) for window in windows),
            given_call=tuple(_counted(window, given_call) for window in windows if given),
            series=tuple(
                ReturnsOfSeries(
                    None if series == POOLED else series,
                    "All themes" if series == POOLED else cut(names[series], NAME_CHARACTERS),
                    tests[series],
                    paths.get(series, ()),
                    tuple(t for t in given_call.get(series, ()) if t.sample == "event"),
                )
                # All themes together first.
                for series in sorted(tests, key=lambda s: (s != POOLED, s))
            ),
        ),
        writes=writes,
    )


def _plainest(choice: tuple[str, str, str]) -> tuple[int, int, int]:
    """Return a key that puts first the quarter's own themes, the score, and the last model."""
    definition, tone, model = choice
    return THEME_DEFINITIONS.index(definition), TONES.index(tone), -RETURN_MODELS.index(model)


GIVEN_CALL = TONES[-1]
"""The measure of tone that holds the call's tone about all else constant; shown beside any other."""

_SAMPLES = ("event", "pre_event", "placebo")


def _by_series(rows: Sequence[Sequence[Any]]) -> dict[str, tuple[ReturnTest, ...]]:
    """Return the tests of each series, from rows of `_TESTS`: events first, and the shortest window of each sample."""
    found: defaultdict[str, list[ReturnTest]] = defaultdict(list)
    for series, _, _, _, *test in rows:
        found[series].append(ReturnTest(*test))
    for tests in found.values():
        tests.sort(key=lambda t: (_SAMPLES.index(t.sample), _days(t.window)))
    return {series: tuple(tests) for series, tests in found.items()}


def _days(window: str) -> tuple[int, int]:
    """Return the length of a window and its first day: the shortest first.

    Not by `event_windows.Window`: a page is not outdated by a change of how returns are computed.
    """
    first, last = (int(day) for day in window.strip("[]").split(","))
    return last - first, first


def _paths(rows: Sequence[Sequence[Any]]) -> dict[str, tuple[CarPath, ...]]:
    found: defaultdict[tuple[str, str, str], list[Sequence[Any]]] = defaultdict(list)
    for series, sample, tercile, *day in rows:
        found[series, sample, tercile].append(day)
    paths: defaultdict[str, list[CarPath]] = defaultdict(list)
    for (series, sample, tercile), days in found.items():
        _, sizes, means, lows, highs = zip(*days, strict=True)
        paths[series].append(CarPath(sample, tercile, days[0][0], sizes[0], means, lows, highs))
    return {series: tuple(of) for series, of in paths.items()}


def _counted(window: str, tests: Mapping[str, Sequence[ReturnTest]]) -> TestedWindow:
    """Return how many series are significant in a window, and how many would be by chance."""
    known = [
        t
        for series, of in tests.items()
        for t in of
        if series != POOLED and (t.window, t.sample) == (window, "event") and t.p is not None
    ]

    def below(column: str) -> int:
        return sum(getattr(t, column) is not None and getattr(t, column) < LEVEL for t in known)

    return TestedWindow(
        window, len(known), below("p"), round(LEVEL * len(known), 2), below("q_value"), below("p_romano_wolf")
    )
