"""What publication figures are drawn from: rows of the warehouse, as they are written beside each figure.

What belongs here: reading, and why a figure cannot be drawn. The drawing is in `map_figure` and the like. A figure
shows the state that the page of a quarter shows (see `reported_state`), and its map is the page's.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from ftm_assets.report.gathering import layout_of
from ftm_assets.report.map_figure import MapPoints, MapTheme
from ftm_assets.report.numbered_rows import number
from ftm_assets.report.points_told import told_points
from ftm_assets.report.reported_state import PANEL, ReportedState
from ftm_assets.report.tone_figure import MOST_SERIES, ToneLine
from ftm_assets.report.tone_interval import intervals
from ftm_resources.quarters import between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftm_resources.warehouse import Warehouse

DEFAULT_SERIES = 6
"""Series that are drawn if none is chosen: those with most quarters, then with most sentences."""

_FIRMS = "SELECT firm_id, name FROM told_firms ORDER BY firm"
_THEMES = "SELECT theme_id, name FROM told_themes ORDER BY theme"
_TONE = f"""
    SELECT quarter, series_id, series_name, theme_id, coherence_class, n_firms, n_sentences, attention, score, score_se,
        score_df
    FROM {PANEL} ORDER BY series_id, quarter
"""  # noqa: S608 - a constant
_NAMES = f"SELECT series_id, theme_id, series_name FROM {PANEL} ORDER BY series_id, quarter"  # noqa: S608


class FigureError(Exception):
    """A figure cannot be drawn; the message says why and what to do about it."""


class MapRows(NamedTuple):
    """What `theme_map_figure` is drawn from."""

    rows: pa.Table
    """A row per topic."""
    points: MapPoints
    themes: list[MapTheme]
    warnings: tuple[str, ...]


class ToneRows(NamedTuple):
    """What `tone_figure` is drawn from."""

    quarters: list[str]
    """All from the first to the last of the figure, stored or not."""
    missing: tuple[str, ...]
    """Those of which there is no panel."""
    rows: pa.Table
    """A row per series and quarter: columns of `theme_panel`, and the 95% interval of the score."""
    lines: list[ToneLine]
    n_left_out: int
    """Scored series of these quarters beyond those drawn."""
    warnings: tuple[str, ...]


def map_rows(warehouse: Warehouse, quarter: str) -> MapRows:
    """Return a quarter's topics with their places in the map, and the themes by which it is named.

    FigureError if the quarter has no topics; WarehouseError if its tables do not go together (see `ReportedState.of`).
    """
    state = ReportedState.of(warehouse, quarter)
    with closing(state.connect()) as db:
        number(db)
        layout = layout_of(warehouse, state, db)
        topics, reasons = told_points(db, layout.places)
        firms, themes = db.execute(_FIRMS).fetchall(), db.execute(_THEMES).fetchall()
    if not topics.topic_id:
        raise FigureError(f"{quarter} has no topics: `ftm run --quarter {quarter}` makes them")
    theme = np.array(topics.theme, dtype=np.int64)
    n_sentences = np.array(topics.n_sentences, dtype=np.int64)
    score = np.array([np.nan if s is None else s for s in topics.score], dtype=np.float64)
    sizes = np.bincount(theme + 1, weights=n_sentences, minlength=len(themes) + 1)[1:]
    rows = pa.table(
        {
            "topic_id": topics.topic_id,
            "topic_name": topics.name,
            "firm_id": [firms[k][0] for k in topics.firm],
            "firm_name": [firms[k][1] for k in topics.firm],
            "call_date": topics.call_date,
            "theme_id": pa.array([themes[k][0] if k >= 0 else None for k in topics.theme], pa.string()),
            "theme_name": pa.array([themes[k][1] if k >= 0 else None for k in topics.theme], pa.string()),
            "why_in_no_theme": pa.array([reasons[k] if k >= 0 else None for k in topics.reason], pa.string()),
            "n_sentences": n_sentences,
            "score": pa.array(topics.score, pa.float64()),
            "x": topics.x,
            "y": topics.y,
        }
    )
    return MapRows(
        rows,
        MapPoints(np.array(topics.x), np.array(topics.y), n_sentences, score, theme),
        [MapTheme(name, int(size)) for (_, name), size in zip(themes, sizes, strict=True)],
        (*state.warnings, *layout.warnings),
    )


def tone_rows(warehouse: Warehouse, first: str, last: str, chosen: Sequence[str] = ()) -> ToneRows:
    """Return the tone of series from the first to the last quarter.

    `chosen` are series_ids; by default the six series with most quarters, then with most sentences. FigureError if
    there is no series with a scored sentence, or for an unknown series; WarehouseError if the panels do not go together
    (see `ReportedState.of`).
    """
    state = ReportedState.of(warehouse, first, last)
    with state.connect_to(state.quarters, PANEL) as db:
        found = db.execute(_TONE).to_arrow_table()
    low, high = intervals(*(found.column(c).to_pylist() for c in ("score", "score_se", "score_df")))
    for name, values in (("score_low", low), ("score_high", high)):
        found = found.append_column(name, pa.array(values, pa.float64()))
    of: dict[str, list[dict[str, Any]]] = {}
    for row in found.to_pylist():
        of.setdefault(row["series_id"], []).append(row)
    drawn = _drawn(of, chosen, f"from {first} to {last}")
    quarters = between(first, last)
    n_scored = sum(any(row["score"] is not None for row in rows) for rows in of.values())
    return ToneRows(
        list(quarters),
        tuple(q for q in quarters if q not in set(found.column("quarter").to_pylist())),
        pa.Table.from_pylist([row for s in drawn for row in of[s]], found.schema),
        [_line(of[s], quarters) for s in drawn],
        n_scored - len(drawn),
        state.warnings,
    )


def _drawn(of: dict[str, list[dict[str, Any]]], chosen: Sequence[str], when: str) -> list[str]:
    """Return the series to draw, in their order."""
    scored = {s: n for s, rows in of.items() if (n := sum(row["score"] is not None for row in rows))}
    if not scored:
        raise FigureError(
            f"{when} there is no series with a scored sentence: `ftm quarters` says what was made"
        )
    if unknown := [s for s in chosen if s not in of]:
        raise FigureError(f"{when} there is no series {', '.join(unknown)}")
    if empty := [s for s in chosen if s not in scored]:
        raise FigureError(
            f"{when} no sentence counts in {', '.join(empty)}, so that there is no tone to draw"
        )
    if len(chosen) > MOST_SERIES:
        raise FigureError(f"{len(chosen)} series are too many for a page: choose at most {MOST_SERIES}")
    size = {s: sum(row["n_sentences"] or 0 for row in of[s]) for s in scored}
    longest = sorted(scored, key=lambda s: (-scored[s], -size[s], s))
    return list(dict.fromkeys(chosen)) or longest[:DEFAULT_SERIES]


def _line(rows: Sequence[dict[str, Any]], quarters: Sequence[str]) -> ToneLine:
    at = {row["quarter"]: row for row in rows}
    values = ([at.get(q, {}).get(c) for q in quarters] for c in ("score", "score_low", "score_high"))
    return ToneLine(rows[-1]["series_name"], *values)


def series_named(warehouse: Warehouse, first: str, last: str, texts: Sequence[str]) -> list[str]:
    """Return the series that these texts mean: the id of a theme, or words in the name of a series.

    FigureError if a text means none; WarehouseError as `tone_rows`.
    """
    if not texts:
        return []
    state = ReportedState.of(warehouse, first, last)
    with state.connect_to(state.quarters, PANEL) as db:
        held = db.execute(_NAMES).fetchall()
    found: list[str] = []
    for text in texts:
        own = [s for s, theme, name in held if text == theme or text.casefold() in name.casefold()]
        if not own:
            raise FigureError(
                f"from {first} to {last} no theme has the id {text!r}, or these words in its name"
            )
        found += own
    return list(dict.fromkeys(found))
