"""Themes through the quarters of a range: attention and tone of each series, its beginning and its end."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ftm_assets.report.cut_texts import NAME_CHARACTERS, cut
from ftm_assets.report.finite_values import refuse_not_finite
from ftm_assets.report.payload import SeriesCurve, Through
from ftm_assets.report.reported_state import PANEL
from ftm_assets.report.tone_interval import intervals
from ftm_resources.quarters import preceding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftm_assets.report.reported_state import ReportedState

SERIES = "theme_series"
"""The table that says what became of each series, from this quarter and earlier ones alone."""

SHOWN = 60
"""Most series that are drawn."""

_ROWS = f"""
    SELECT series_id, series_name, quarter, round(attention, 6) AS attention, round(score, 4) AS score, score_se,
        score_df, n_firms
    FROM {PANEL} ORDER BY quarter, series_id
"""  # noqa: S608 - a constant


_STATES = f"SELECT series_id, status, last_quarter FROM {SERIES}"  # noqa: S608 - a constant


def told_through(state: ReportedState) -> Through:
    """Return the series of the state's quarters, those with most attention first.

    A quarter of the range that is not stored, or has no panel, is a gap: every series is without values there, and
    none is said to begin after it. What ended is what `theme_series` of the last quarter says.

    Raises ReportError if the panel holds a number that is none (see `refuse_not_finite`).
    """
    panels = frozenset(state.quarters_of(PANEL))
    quarters = tuple(sorted({*state.quarters, *state.missing}))
    with state.connect_to(state.quarters, PANEL) as db:
        refuse_not_finite(db, [PANEL])
        found = db.execute(_ROWS)
        columns = [c[0] for c in found.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    low, high = intervals(*([row[c] for row in rows] for c in ("score", "score_se", "score_df")))
    at: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row, lower, upper in zip(rows, low, high, strict=True):
        at[row["series_id"]][row["quarter"]] = row | {"score_low": lower, "score_high": upper}
    states: dict[str, tuple[str, str]] = {}
    if state.write(SERIES) is not None:
        with state.connect_to([state.quarter], SERIES) as db:
            states = {series: (status, seen) for series, status, seen in db.execute(_STATES).fetchall()}
    total = {series: sum(row["attention"] or 0.0 for row in of.values()) for series, of in at.items()}
    ordered = sorted(at, key=lambda series: (-round(total[series], 6), series))
    return Through(
        quarters=quarters,
        missing=tuple(q for q in quarters if q not in panels),
        series=tuple(
            _curve(series, at[series], quarters, panels, *states.get(series, ("", "")))
            for series in ordered[:SHOWN]
        ),
        n_left_out=max(0, len(ordered) - SHOWN),
    )


def _curve(
    series: str,
    of: Mapping[str, Mapping[str, Any]],
    quarters: Sequence[str],
    panels: frozenset[str],
    status: str,
    seen: str,
) -> SeriesCurve:
    there = sorted(of)
    seen = seen or there[-1]

    def values(column: str) -> tuple[Any, ...]:
        return tuple(of[q][column] if q in of else None for q in quarters)

    began = series.partition(":")[0]
    return SeriesCurve(
        series_id=series,
        name=cut(of[there[-1]]["series_name"], NAME_CHARACTERS),
        attention=values("attention"),
        score=values("score"),
        score_low=values("score_low"),
        score_high=values("score_high"),
        n_firms=values("n_firms"),
        # What a quarter holds need not have begun there if nothing is known of the one before.
        born=began if began in quarters and preceding(began) in panels else None,
        ended=seen if status == "ended" and seen in quarters else None,
        status=status,
        last_seen=seen,
    )
