"""The theme map of a quarter for a paper: topics by meaning, the tone of each, and the names of the largest themes."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ftm_assets.report.figure_style import FAINT, INK, TONES, blank, styled
from ftm_assets.report.map_regions import regions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NEUTRAL = 0.1
"""Tone up to which a topic is drawn as neither positive nor negative."""

_LARGEST = 110.0
"""Area of the largest topic among a hundred, in square points; of more topics, each is smaller."""
_SMALLEST = 3.0
_MM_PER_NAME = 8.0
"""Width per name, so that a narrow figure does not consist of names."""
_WRAP, _LINES = 22, 4
"""Characters in a line of a label, and lines: names have at most 80 characters, so that none is cut."""
_DISTANCE = 0.05
"""Topics that a label would rather cover than stand a point farther from its theme."""
_REGION, _OUTLINE = "#f3f3f0", "#c9c9c4"
_SHAPES = (("^", "positive"), ("o", f"within ±{NEUTRAL:g}"), ("v", "negative"))
"""Shapes say the sign, so that a print in grey does too."""


@dataclass(frozen=True)
class MapPoints:
    """The topics of a quarter; arrays are (n,)."""

    x: Floats
    y: Floats
    n_sentences: Ints
    score: Floats
    """Tone in [-1, 1]; NaN for a topic without a scored sentence."""
    theme: Ints
    """Position among the themes; -1 for none."""


class MapTheme(NamedTuple):
    """A theme and how many sentences its topics have: larger ones are named first."""

    name: str
    n_sentences: int


def theme_map_figure(
    points: MapPoints, themes: Sequence[MapTheme], *, width: float
) -> tuple[Figure, list[int]]:
    """Return a map of a quarter's topics, `width` mm wide, and the positions of the themes that it names.

    Colour is the tone, and so is the shape; area is the number of sentences; small grey dots are topics in no theme.
    Shaded regions are themes: where its topics are denser than any other theme's. A line leads from a name to the
    densest place of its theme, unless it stands there; a theme is named if there is room beside the names of larger
    ones: names never overlap. ValueError if there is no topic.
    """
    from matplotlib.colors import Normalize

    if not len(points.x):
        raise ValueError("there is no topic to draw")
    with styled():
        figure = blank(width, 0.8 * width + 14)
        axes = figure.subplots()
        inside = points.theme >= 0
        area = _areas(points.n_sentences)
        regions = regions_of(points.x, points.y, points.n_sentences, points.theme, len(themes))
        for theme in np.unique(regions.owner[regions.owner >= 0]):
            shade = regions.inside(int(theme))
            axes.contourf(regions.at, regions.at, shade, levels=[0.5, 2], colors=[_REGION], zorder=0)
            axes.contour(
                regions.at, regions.at, shade, levels=[0.5], colors=[_OUTLINE], linewidths=0.35, zorder=0
            )
        axes.scatter(
            points.x[~inside], points.y[~inside], s=_SMALLEST, c=FAINT, linewidths=0, rasterized=False
        )
        most = _rounded_up(np.abs(points.score[inside]))
        norm = Normalize(-most, most)
        for (shape, _), chosen in zip(_SHAPES, _signs(points.score), strict=True):
            of = np.flatnonzero(inside & chosen)
            of = of[np.argsort(-area[of], kind="stable")]  # small ones on top
            axes.scatter(
                points.x[of], points.y[of], s=area[of], c=points.score[of], cmap=TONES, norm=norm, marker=shape,
                linewidths=0.3, edgecolors=INK, alpha=0.9,
            )  # fmt: skip
        axes.set(xticks=[], yticks=[])
        for limit, values in ((axes.set_xlim, points.x), (axes.set_ylim, points.y)):
            limit(values.min() - 0.07 * (np.ptp(values) or 1), values.max() + 0.07 * (np.ptp(values) or 1))
        axes.yaxis.set_inverted(
            True
        )  # y grows downward, as on the page of the quarter: the same place is the same
        axes.spines[:].set(color=FAINT)
        _legend(figure, axes, points, area, norm, width)
        named = _labelled(figure, axes, points, themes, regions.middle, int(width / _MM_PER_NAME))
    return figure, named


def _areas(n_sentences: Ints) -> Floats:
    """Return areas in proportion to sentences, smaller where there are many topics."""
    largest = _LARGEST * min(1.0, (100 / len(n_sentences)) ** 0.5)
    areas: Floats = np.maximum(largest * n_sentences / max(int(n_sentences.max()), 1), _SMALLEST)
    return areas


def _signs(score: Floats) -> tuple[NDArray[np.bool_], ...]:
    with np.errstate(invalid="ignore"):
        up, down = score > NEUTRAL, score < -NEUTRAL
    return up, ~up & ~down, down


def _rounded_up(sizes: Floats) -> float:
    """Return the end of the scale: the 95th percentile, to the next tenth."""
    known = sizes[np.isfinite(sizes)]
    return float(np.ceil(10 * np.quantile(known, 0.95)) / 10) if len(known) and known.max() > 0 else 0.1


def _legend(figure: Figure, axes: Axes, points: MapPoints, area: Floats, norm: object, width: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.lines import Line2D

    bar = figure.colorbar(
        ScalarMappable(norm=norm, cmap=TONES),  # type: ignore[arg-type]
        ax=axes, location="bottom", fraction=0.035, aspect=32, pad=0.015, shrink=0.75,
    )  # fmt: skip
    bar.outline.set_linewidth(0.3)
    bar.set_label("Tone of the topic: (positive − negative) / sentences")

    def mark(shape: str, size: float, label: str, **more: Any) -> Line2D:
        look: dict[str, Any] = {
            "color": "none",
            "markeredgecolor": INK,
            "markerfacecolor": "white",
            "markeredgewidth": 0.4,
        }
        return Line2D([], [], marker=shape, markersize=size**0.5, label=label, linestyle="", **(look | more))

    handles = [mark(shape, 18, name) for shape, name in _SHAPES]
    if (points.theme < 0).any():
        handles.append(mark("o", 5, "in no theme", markerfacecolor=FAINT, markeredgecolor=FAINT))
    typical = np.quantile(points.n_sentences, (0.5, 1.0), method="nearest").astype(int)
    for n in sorted({int(n) for n in typical}):
        shown = float(area[np.flatnonzero(points.n_sentences == n)[0]])
        handles.append(mark("o", shown, f"{n:,} sentences"))
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=3 if width < 120 else len(handles),
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.0,
        borderpad=0.1,
    )


def _labelled(
    figure: Figure, axes: Axes, points: MapPoints, themes: Sequence[MapTheme], middle: Floats, most: int
) -> list[int]:
    """Write the names of at most so many themes, largest first, where they overlap neither each other nor the frame.

    `middle` is (themes, 2). A line that leads to it crosses no name.
    """
    from matplotlib.patheffects import withStroke

    figure.draw_without_rendering()  # settles where the axes are
    figure.set_layout_engine("none")
    frame = axes.get_window_extent()
    taken: list[Bbox] = []
    crossed = np.zeros((0, 2))
    named: list[int] = []
    spots = axes.transData.transform(np.column_stack([points.x, points.y]))[points.theme >= 0]
    pixels = figure.dpi / 72
    look: dict[str, Any] = {
        "textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 6.5, "linespacing": 0.95,
        "path_effects": [withStroke(linewidth=1.2, foreground="white")], "zorder": 5,
    }  # fmt: skip
    for theme in sorted(range(len(themes)), key=lambda k: (-themes[k].n_sentences, k)):
        if len(named) == most:
            break
        if np.isnan(middle[theme]).any():
            continue
        at = (float(middle[theme, 0]), float(middle[theme, 1]))
        end = axes.transData.transform(at)
        shown = "\n".join(textwrap.wrap(themes[theme].name, _WRAP, max_lines=_LINES, placeholder="…"))
        label = axes.annotate(shown, at, xytext=(0, 0), **look)
        own = label.get_window_extent()
        free = []
        for n, (distance, offset) in enumerate(_offsets()):
            box = own.translated(*(pixels * v for v in offset)).padded(1.5 * pixels)
            if not _is_inside(box, frame) or any(box.overlaps(other) for other in taken):
                continue
            line = _line(box, end)
            if _covered(box, crossed) or any(_covered(other, line) for other in taken):
                continue
            free.append((_covered(box, spots) + _DISTANCE * distance, n, offset, box, line))
        if not free:
            label.remove()
            continue
        _, _, offset, box, line = min(free, key=lambda found: found[:2])
        label.xyann = offset
        taken.append(box)
        named.append(theme)
        if len(line):
            crossed = np.vstack([crossed, line])
            (x0, y0), (x1, y1) = axes.transData.inverted().transform(line[[0, -1]])
            axes.plot([x0, x1], [y0, y1], color=INK, linewidth=0.4, zorder=4)
            axes.plot([x1], [y1], color=INK, marker="o", markersize=1.6, zorder=4)
    return sorted(named)


def _line(box: Bbox, end: Floats) -> Floats:
    """Return (n, 2) places of the line from a name to its theme, in pixels; none if the name stands on it."""
    if box.contains(*end):
        return np.zeros((0, 2))
    start = np.clip(end, [box.x0, box.y0], [box.x1, box.y1])
    return np.linspace(start, end, 12)


def _covered(box: Bbox, spots: Floats) -> int:
    """Return how many topics a label would cover."""
    x, y = spots.T
    return int(((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).sum())


def _offsets() -> Iterator[tuple[float, tuple[float, float]]]:
    """Yield where a label may stand from the middle of its theme: the distance and the place, in points."""
    yield 0.0, (0.0, 0.0)
    for distance in (7.0, 11.0, 15.0, 20.0, 26.0, 33.0, 41.0, 50.0):
        for turn in range(16):
            angle = turn * np.pi / 8
            yield distance, (1.6 * distance * float(np.cos(angle)), distance * float(np.sin(angle)))


def _is_inside(box: Bbox, frame: Bbox) -> bool:
    return bool(box.x0 > frame.x0 and box.x1 < frame.x1 and box.y0 > frame.y0 and box.y1 < frame.y1)
