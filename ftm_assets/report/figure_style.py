"""How figures for a paper look and are written: column widths, type, colours, and the same bytes for the same data.

What belongs here: what all publication figures share. What one shows is in `map_figure`, `tone_figure`, `car_figure`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.figure import Figure

WIDTHS = {"single": 90.0, "onehalf": 140.0, "double": 190.0}
"""Widths of one, one and a half and two columns, in mm, as Elsevier's artwork instructions give them
(elsevier.com/about/policies-and-standards/author/artwork-and-media-instructions/artwork-sizing)."""
NARROWEST, WIDEST = 60.0, 400.0
"""In mm: below it, labels of 7 points do not fit; above it, no page is as wide."""
FORMATS = ("pdf", "png", "svg")
DOTS_PER_INCH = 600
"""Of PNG. Publishers ask for 500 (lines and text together) to 1,000 (lines alone)."""

MM = 1 / 25.4
"""Inches in a millimetre."""
INK, PALE, FAINT = "#1a1a1a", "#8c8c8c", "#d9d9d9"
"""Lines and text; lesser lines; what is only there for orientation."""
TONES = "RdBu"
"""The diverging scale of tone: red is negative, blue positive; told apart by those who see no red or no green."""

_RC: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # bundled with matplotlib, so that every machine draws the same
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,  # "$" in a name is a dollar
    "axes.unicode_minus": True,
    "pdf.fonttype": 42,  # TrueType inside the file: text stays text, and journals refuse Type 3
    "svg.fonttype": "path",  # outlines: no reader needs the font
    "svg.hashsalt": "ftm",
}
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


def width_mm(text: str) -> float:
    """Return a width in mm: `single`, `onehalf`, `double`, or a number of mm; ValueError for anything else.

    >>> width_mm("single"), width_mm("84"), width_mm("174mm")
    (90.0, 84.0, 174.0)
    """
    if text in WIDTHS:
        return WIDTHS[text]
    allowed = f"{', '.join(WIDTHS)} or a number of mm from {NARROWEST:g} to {WIDEST:g}"
    try:
        width = float(text.removesuffix("mm"))
    except ValueError:
        raise ValueError(f"{text!r} is not a width: give {allowed}") from None
    if not NARROWEST <= width <= WIDEST:
        raise ValueError(f"{text} is not a width that a figure can have: give {allowed}")
    return width


@contextmanager
def styled() -> Iterator[None]:
    """Draw and write figures in this context: it sets type, lines and how files are written."""
    import matplotlib as mpl

    with mpl.rc_context(_RC):
        yield


def blank(width: float, height: float) -> Figure:
    """Return an empty figure of this size, in mm, whose parts make room for each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * MM, height * MM))
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02)
    return figure


def write_figure(figure: Figure, file: Path, format_: str) -> None:
    """Write a figure to a file in one of FORMATS, at its own size, without a date or a version.

    So the same data give the same bytes, under one version of matplotlib.
    """
    with styled():
        figure.savefig(file, format=format_, dpi=DOTS_PER_INCH, metadata=_METADATA[format_])
