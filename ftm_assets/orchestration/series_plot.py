"""A plot of a few series over the quarters, beside what was planted in them where the calls are the sample's."""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

SHOWN = 6
"""Most series in a plot."""

_FOUND, _PLANTED = "#4f46e5", "#d97706"
_LABELS = 6
"""Most quarters named on an axis."""


class Curve(NamedTuple):
    """A series' values, one per quarter of the plot; None where it has none."""

    name: str
    found: Sequence[float | None]
    planted: Sequence[float | None] | None = None
    """None: nothing is known of the truth."""


def series_plot(quarters: Sequence[str], curves: Sequence[Curve], title: str, unit: str) -> dg.MetadataValue:
    """Return the first six curves as a picture in Markdown; a line of text if there is nothing to draw.

    ValueError if a curve does not have a value per quarter.
    """
    if not quarters or not curves:
        return dg.MetadataValue.md(f"{title}: none")
    picture = base64.b64encode(series_png(quarters, curves, title, unit)).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{picture})")


def series_png(quarters: Sequence[str], curves: Sequence[Curve], title: str, unit: str) -> bytes:
    """Return `series_figure` as a PNG."""
    picture = io.BytesIO()
    # Without the version of matplotlib, so that the same values give the same bytes under any.
    series_figure(quarters, curves, title, unit).savefig(
        picture, format="png", dpi=90, metadata={"Software": None}
    )
    return picture.getvalue()


def series_figure(quarters: Sequence[str], curves: Sequence[Curve], title: str, unit: str) -> Figure:
    """Return a figure of the first six curves, a panel each: what was found, and dashed, what was planted.

    A gap in a curve is a quarter without a value. All panels have the same scale, from zero for values that are never
    negative. ValueError if there is no curve, or one does not have a value per quarter.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = curves[:SHOWN]
    if not shown:
        raise ValueError("there is no series to plot")
    for curve in shown:
        for values in (curve.found, curve.planted):
            if values is not None and len(values) != len(quarters):
                raise ValueError(f"{curve.name}: {len(values)} values for {len(quarters)} quarters")
    n_columns = min(3, len(shown))
    n_rows = math.ceil(len(shown) / n_columns)
    figure = Figure(figsize=(3.4 * n_columns, 2.1 * n_rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    at = range(len(quarters))
    step = max(1, math.ceil(len(quarters) / _LABELS))
    known = [v for c in shown for values in (c.found, c.planted or ()) for v in values if v is not None]
    for axes, curve in zip(panels.flat, shown, strict=False):
        if curve.planted is not None:
            axes.plot(at, _floats(curve.planted), color=_PLANTED, linestyle="--", marker="|", label="planted")
        axes.plot(at, _floats(curve.found), color=_FOUND, marker=".", label="found")
        axes.set_title(curve.name, fontsize=9)
        axes.set_xticks(list(at)[::step], list(quarters)[::step], fontsize=7, rotation=45)
        axes.tick_params(axis="y", labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    # Once all are drawn: it ends the scaling of the axis that the panels share.
    if known and min(known) >= 0:
        panels.flat[0].set_ylim(bottom=0)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    if any(curve.planted is not None for curve in shown):
        first = next(i for i, curve in enumerate(shown) if curve.planted is not None)
        panels.flat[first].legend(fontsize=7, frameon=False)
    figure.supylabel(unit, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def _floats(values: Sequence[float | None]) -> list[float]:
    """Return the values with NaN for None, at which a line is broken."""
    return [math.nan if value is None else float(value) for value in values]
