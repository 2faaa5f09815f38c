"""The theme map: what it draws, and names that never overlap."""

from dataclasses import replace

import numpy as np
import pytest

from ftm_assets.report.figure_style import WIDTHS
from ftm_assets.report.map_figure import MapPoints, MapTheme, theme_map_figure


def quarter(n_themes: int, seed: int = 0) -> tuple[MapPoints, list[MapTheme]]:
    """A quarter with ten topics of each theme, near each other, and topics of none."""
    rng = np.random.default_rng(seed)
    theme = np.repeat(np.arange(-1, n_themes), 10)
    centre = rng.random((n_themes + 1, 2))
    at = centre[theme + 1] + 0.03 * rng.normal(size=(len(theme), 2))
    points = MapPoints(
        at[:, 0], at[:, 1], rng.integers(3, 60, len(theme)), rng.uniform(-1, 1, len(theme)), theme
    )
    names = [f"Theme {k} of some length and $ signs" for k in range(n_themes)]
    return points, [MapTheme(name, 100 - k) for k, name in enumerate(names)]


@pytest.mark.parametrize("width", WIDTHS.values())
def test_names_overlap_neither_each_other_nor_the_frame(width: float):
    from matplotlib.text import Text

    points, themes = quarter(60)
    figure, named = theme_map_figure(points, themes, width=width)
    figure.draw_without_rendering()  # labels are placed when they are drawn
    axes = figure.axes[0]
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the line to the theme
    assert len(boxes) == len(named) > 5
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    frame = axes.get_window_extent()
    assert all(frame.contains(*corner) for box in boxes for corner in box.corners())


def test_a_topic_stands_where_the_page_of_the_quarter_has_it():
    points, themes = quarter(3)
    figure, _ = theme_map_figure(points, themes, width=90)
    to_pixels = figure.axes[0].transData.transform
    (left, top), (right, bottom) = to_pixels([(0.2, 0.2), (0.8, 0.8)])
    assert left < right
    assert top > bottom, "the page's canvas counts y downward, matplotlib's pixels upward"


def test_larger_themes_are_named_first():
    points, themes = quarter(8)
    _, named = theme_map_figure(points, themes, width=190)
    assert {0, 1, 2} <= set(named)
    _, few = theme_map_figure(points, [t._replace(n_sentences=k) for k, t in enumerate(themes)], width=190)
    assert {5, 6, 7} <= set(few)


def test_every_topic_is_drawn_in_the_shape_of_its_sign():
    from matplotlib.collections import PathCollection

    points, themes = quarter(3)
    score = np.resize([0.5, -0.5, 0.0, np.nan], len(points.x))
    figure, _ = theme_map_figure(replace(points, score=score), themes, width=90)
    drawn = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    no_theme, *of_sign = [len(c.get_offsets()) for c in drawn]
    inside = score[points.theme >= 0]
    with np.errstate(invalid="ignore"):
        assert of_sign == [
            (inside > 0.1).sum(),
            len(inside) - (abs(inside) > 0.1).sum(),
            (inside < -0.1).sum(),
        ]
    assert no_theme == 10


def test_a_quarter_without_themes_or_tone_is_drawn_and_one_without_topics_is_not():
    points, _ = quarter(0)
    nothing = np.full(len(points.x), np.nan)
    figure, named = theme_map_figure(
        MapPoints(points.x, points.y, points.n_sentences, nothing, points.theme), [], width=90
    )
    assert named == []
    assert figure.axes
    empty = np.zeros(0)
    with pytest.raises(ValueError, match="no topic"):
        theme_map_figure(MapPoints(empty, empty, empty.astype(int), empty, empty.astype(int)), [], width=90)
