"""Abnormal returns around calls for a paper: mean CAR paths by tone, and their difference with its band."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_assets.orchestration.event_plot import event_panels
from ftm_assets.report.figure_style import blank, styled
from ftm_assets.report.measure_words import MODEL_WORDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ftm_assets.methods.returns.event_curves import Curves

_SIDE_BY_SIDE = 130.0
"""Least width in mm at which the two panels stand beside each other."""


def car_figure(found: Curves, placebo: Curves, *, width: float, model: str = "") -> Figure:
    """Return a figure, `width` mm wide, of two panels: mean CAR by tercile of tone, and high less low tone.

    Bands are of 95%; grey lines are the placebo. `model` is that of expected returns, for the axis.
    ValueError if no call has a return on all days.
    """
    if not sum(found.n_events):
        raise ValueError("no call has a return on each of the days")
    with styled():
        is_stacked = width < _SIDE_BY_SIDE
        figure = blank(width, 1.5 * width if is_stacked else 0.46 * width)
        event_panels(
            figure, found, placebo, is_stacked=is_stacked, font_size=7, model=MODEL_WORDS.get(model, model)
        )
    return figure
