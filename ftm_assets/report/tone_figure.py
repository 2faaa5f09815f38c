"""Tone about themes over quarters for a paper: a panel per series, with its 95% band."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ftm_assets.report.figure_style import FAINT, INK, PALE, blank, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_SERIES = 24
"""Panels that fit on a page."""
_PANEL_WIDTH, _PANEL_HEIGHT = 45.0, 30.0
"""Least width and height of a panel, in mm."""
_QUARTER_LABELS = 6
"""Most quarters that are named on an axis."""
_BAND = "#c7c7c7"


class ToneLine(NamedTuple):
    """A series; a value per quarter, None where it has no theme or nothing was scored."""

    name: str
    score: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]
    """The 95% interval; None where there is no standard error."""


def tone_figure(quarters: Sequence[str], lines: Sequence[ToneLine], *, width: float) -> Figure:
    """Return a figure, `width` mm wide, of a panel per series on one scale.

    Dots are quarters. Lines and bands join neighbouring quarters alone: a quarter without a theme is a gap. ValueError
    if there is no series or no quarter, more than MOST_SERIES, or a series without a value per quarter.
    """
    if not lines or not quarters:
        raise ValueError("there is no series to draw")
    if len(lines) > MOST_SERIES:
        raise ValueError(f"{len(lines)} series are too many for a page: choose at most {MOST_SERIES}")
    for line in lines:
        if {len(line.score), len(line.low), len(line.high)} != {len(quarters)}:
            raise ValueError(f"{line.name}: not a value for each of {len(quarters)} quarters")
    with styled():
        n_rows = math.ceil(len(lines) / max(1, int(width // _PANEL_WIDTH)))
        n_columns = math.ceil(len(lines) / n_rows)  # rows as even as can be
        figure = blank(width, _PANEL_HEIGHT * n_rows + 8)
        panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
        characters = int(width / n_columns / 1.55)
        for axes, line in zip(panels.flat, lines, strict=False):
            _panel(axes, line, characters)
        low, high = _scale(lines)
        panels.flat[0].set_ylim(low, high)
        panels.flat[0].set_xlim(-0.4, len(quarters) - 0.6)
        step = max(1, math.ceil(len(quarters) / _QUARTER_LABELS))
        at = list(range(0, len(quarters), step))
        for i, axes in enumerate(panels.flat):
            if i >= len(lines):
                axes.set_visible(False)
                continue
            axes.set_xticks(at, [_label(quarters, i) for i in at])
            axes.tick_params(labelbottom=i + n_columns >= len(lines))
        figure.supylabel("Tone: (positive − negative) / sentences", fontsize=7)
    return figure


def _panel(axes: Axes, line: ToneLine, characters: int) -> None:
    score, low, high = (
        np.array([math.nan if v is None else v for v in values], dtype=np.float64)
        for values in (line.score, line.low, line.high)
    )
    at = np.arange(len(score))
    axes.axhline(0, color=PALE, linewidth=0.5, zorder=0)
    axes.fill_between(at, low, high, color=_BAND, linewidth=0, zorder=1)
    # A quarter between two gaps has no band to be part of.
    axes.vlines(at, low, high, color=_BAND, linewidth=1.6, zorder=1)
    axes.plot(at, score, color=INK, linewidth=0.9, marker="o", markersize=2.6, zorder=2)
    shown = textwrap.wrap(line.name, max(characters, 8), max_lines=2, placeholder="…")
    axes.set_title("\n".join(shown), loc="left", pad=2.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=FAINT, linewidth=0.3)
    axes.set_axisbelow(True)


def _scale(lines: Sequence[ToneLine]) -> tuple[float, float]:
    """Return the ends of the axis: all intervals and zero, to the next tenth, within [-1, 1]."""
    known = [v for line in lines for values in line[1:] for v in values if v is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    return max(-1.05, math.floor(10 * low - 0.2) / 10), min(1.05, math.ceil(10 * high + 0.2) / 10)


def _label(quarters: Sequence[str], at: int) -> str:
    """Return how a quarter is written on the axis: the year below the first label of each year."""
    year, quarter = quarters[at][:4], quarters[at][4:]
    is_first = at == 0 or all(q[:4] != year for q in quarters[:at]) or quarter == "Q1"
    return f"{quarter}\n{year}" if is_first else quarter
