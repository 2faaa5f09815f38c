"""Themes through the quarters of a range: attention and tone of each series, its beginning and its end."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ftm_assets.report.payload import SeriesCurve, Through
from ftm_assets.report.reported_state import PANEL
from ftm_assets.report.tone_interval import intervals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftm_assets.report.reported_state import ReportedState

SHOWN = 60
"""Most series that are drawn."""

_ROWS = f"""
    SELECT series_id, series_name, quarter, round(attention, 6) AS attention, round(score, 4) AS score, score_se,
        score_df, n_firms
    FROM {PANEL} ORDER BY quarter, series_id
"""  # noqa: S608 - a constant


def told_through(state: ReportedState) -> Through:
    """Return the series of the state's quarters, those with most attention first."""
    with state.connect_to(state.quarters, PANEL) as db:
        found = db.execute(_ROWS)
        columns = [c[0] for c in found.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    low, high = intervals(*([row[c] for row in rows] for c in ("score", "score_se", "score_df")))
    at: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row, lower, upper in zip(rows, low, high, strict=True):
        at[row["series_id"]][row["quarter"]] = row | {"score_low": lower, "score_high": upper}
    first_of_all = min(state.quarters_of(PANEL), default="")
    last = max((row["quarter"] for row in rows), default="")
    total = {series: sum(row["attention"] or 0.0 for row in of.values()) for series, of in at.items()}
    ordered = sorted(at, key=lambda series: (-round(total[series], 6), series))
    return Through(
        quarters=state.quarters,
        missing=state.missing,
        series=tuple(
            _curve(series, at[series], state.quarters, first_of_all, last) for series in ordered[:SHOWN]
        ),
        n_left_out=max(0, len(ordered) - SHOWN),
    )


def _curve(
    series: str, of: Mapping[str, Mapping[str, Any]], quarters: Sequence[str], first_of_all: str, last: str
) -> SeriesCurve:
    there = sorted(of)

    def values(column: str) -> tuple[Any, ...]:
        return tuple(of[q][column] if q in of else None for q in quarters)

    began = series.partition(":")[0]
    return SeriesCurve(
        series_id=series,
        name=of[there[-1]]["series_name"],
        attention=values("attention"),
        score=values("score"),
        score_low=values("score_low"),
        score_high=values("score_high"),
        n_firms=values("n_firms"),
        # What the first quarter of all holds need not have begun there: nothing is known of earlier ones.
        born=began if began in quarters and began != first_of_all else None,
        ended=there[-1] if there[-1] < last else None,
    )
