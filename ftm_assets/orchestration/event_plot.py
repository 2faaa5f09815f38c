"""The picture of a theme in an event study: how returns develop around calls of low, middle and high tone."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ftm_assets.methods.returns.event_curves import Curves

_COLOURS = ("#c2410c", "#0f766e", "#1d4ed8")
"""Low, middle and high tone; told apart in grey and by those who see no red, by their lines too."""
_LINES = ("--", ":", "-")
_NAMES = ("low tone", "middle", "high tone")
_DIFFERENCE, _PLACEBO = "#15803d", "#a1a1aa"


def event_picture(title: str, said: str, found: Curves, placebo: Curves) -> dg.MetadataValue:
    """Return `event_figure` as a picture in Markdown."""
    picture = io.BytesIO()
    # Without the version of matplotlib, so that the same values give the same bytes under any.
    event_figure(title, said, found, placebo).savefig(
        picture, format="png", dpi=110, metadata={"Software": None}
    )
    shown = base64.b64encode(picture.getvalue()).decode()
    alternative = title.replace("[", "(").replace("]", ")")
    return dg.MetadataValue.md(f"![{alternative}](data:image/png;base64,{shown})")


def event_figure(title: str, said: str, found: Curves, placebo: Curves) -> Figure:
    """Return a figure of two panels: mean CAR of each tercile of tone, and that of high less low tone.

    Bands are of 95%. The placebo is grey. `said` is the line above the legend.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    figure = Figure(figsize=(8.6, 4.3), layout="constrained")
    FigureCanvasAgg(figure)
    event_panels(figure, found, placebo)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left", parse_math=False)
    (legend,) = figure.legends
    legend.set_title(said, prop=FontProperties(size=7.5))
    legend.get_title().set_parse_math(False)
    return figure


def event_panels(
    figure: Figure,
    found: Curves,
    placebo: Curves,
    *,
    is_stacked: bool = False,
    font_size: float = 8,
    model: str = "",
) -> None:
    """Draw the two panels of `event_figure` into a figure, beside each other or one below the other.

    `font_size` is that of the axes, in points; titles are a point larger, legends one smaller, but at least 7. `model`
    is that of expected returns, in words, for the axis.
    """
    n_rows, n_columns = (2, 1) if is_stacked else (1, 2)
    left, right = figure.subplots(n_rows, n_columns, sharey=True, sharex=True, squeeze=False).flat
    large, small = font_size + 1, max(font_size - 1, 7)
    for k in range(3):
        left.plot(placebo.days, 100 * placebo.mean[k], color=_PLACEBO, linestyle=_LINES[k], linewidth=0.9)
    for k in range(3):
        label = f"{_NAMES[k]} (n = {found.n_events[k]:,})"
        _curve(left, found, k, _COLOURS[k], _LINES[k], label, has_band=k != 1)  # three bands hide each other
    left.plot([], [], color=_PLACEBO, linewidth=0.9, label="placebo: days without a call")
    _curve(right, placebo, 3, _PLACEBO, "-", "")
    _curve(right, found, 3, _DIFFERENCE, "-", "high less low tone")
    left.set_title("By tone of the call; bands: 95%, of low and high", fontsize=large, loc="left")
    right.set_title("High less low tone; bands: 95%", fontsize=large, loc="left")
    for axes in (left, right):
        axes.axhline(0, color="black", linewidth=0.6)
        axes.axvline(0, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
        if axes is right or not is_stacked:
            axes.set_xlabel("trading days from the call (day 0)", fontsize=font_size)
        axes.tick_params(labelsize=font_size)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    drawn = [axes.get_legend_handles_labels() for axes in (left, right)]
    by_name = dict(zip(drawn[0][1] + drawn[1][1], drawn[0][0] + drawn[1][0], strict=True))
    names = sorted(by_name, key=lambda name: "placebo" in name)
    figure.legend(
        [by_name[name] for name in names],
        names,
        fontsize=small,
        frameon=False,
        loc="outside lower left",
        alignment="left",
        ncols=2 if is_stacked else len(names),
        handlelength=2.4,
        columnspacing=1.2,
    )
    since = str(found.days[0]).replace("-", "−")
    unit = "mean abnormal return" + (f" ({model})" if model else "")
    unit += f",\ncumulated from day {since}, %"
    if is_stacked:
        figure.supylabel(unit, fontsize=font_size)
    else:
        left.set_ylabel(unit, fontsize=font_size)


def _curve(
    axes: Axes, curves: Curves, k: int, colour: str, line: str, label: str, *, has_band: bool = True
) -> None:
    mean, half = 100 * curves.mean[k], 100 * curves.half_width[k]
    if has_band:
        axes.fill_between(curves.days, mean - half, mean + half, color=colour, alpha=0.15, linewidth=0)
    if np.isfinite(mean).any():
        axes.plot(curves.days, mean, color=colour, linestyle=line, linewidth=1.6, label=label or None)
