"""The plot of series over the quarters."""

from __future__ import annotations

import base64

import pytest

from ftm_assets.orchestration.series_plot import SHOWN, Curve, series_figure, series_plot, series_png

QUARTERS = ["2023Q1", "2023Q2", "2023Q3"]


def size(png: bytes) -> tuple[int, int]:
    """Width and height, from the header of a PNG."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_the_picture_is_in_the_markdown_and_the_same_for_the_same_values() -> None:
    curves = [Curve("Freight", [0.1, None, 0.3], [0.2, 0.2, 0.2])]
    shown = series_plot(QUARTERS, curves, "Series", "share").value
    assert shown.startswith("![Series](data:image/png;base64,")
    png = base64.b64decode(shown.partition("base64,")[2].rstrip(")"))
    assert size(png)[0] > 200
    assert png == series_png(QUARTERS, curves, "Series", "share")


def test_what_is_planted_is_drawn_and_a_missing_quarter_is_not_zero() -> None:
    found = Curve("Freight", [0.1, None, 0.3])
    pictures = {
        series_png(QUARTERS, [c], "Series", "share")
        for c in (found, found._replace(planted=[0.2, 0.2, 0.2]), found._replace(found=[0.1, 0.0, 0.3]))
    }
    assert len(pictures) == 3


def test_six_series_are_drawn_and_no_more() -> None:
    curves = [Curve(f"Series {i}", [0.1 * i, 0.2, 0.3]) for i in range(SHOWN + 3)]
    six = series_png(QUARTERS, curves[:SHOWN], "Series", "share")
    assert series_png(QUARTERS, curves, "Series", "share") == six
    one = series_png(QUARTERS, curves[:1], "Series", "share")
    assert size(one)[0] < size(six)[0]
    assert size(one)[1] < size(six)[1]


@pytest.mark.parametrize("low", [0.1, -0.4])
def test_every_panel_shows_the_values_of_all(low: float) -> None:
    curves = [Curve("Freight", [low, 0.1, 0.1]), Curve("Tariffs", [0.1, 0.5, 0.2], planted=[0.1, 0.9, 0.2])]
    for axes in series_figure(QUARTERS, curves, "Series", "share").axes:
        bottom, top = axes.get_ylim()
        assert bottom <= low
        assert top >= 0.9
        assert bottom == 0 or low < 0


def test_scores_below_zero_are_drawn_and_quarters_without_any_value() -> None:
    assert series_png(QUARTERS, [Curve("Freight", [-0.4, None, 0.2])], "Series", "score")
    assert series_png(QUARTERS[:1], [Curve("Freight", [None])], "Series", "score")


def test_nothing_to_draw_is_said() -> None:
    assert series_plot([], [], "Series", "share").value == "Series: none"
    assert series_plot(QUARTERS, [], "Series", "share").value == "Series: none"
    with pytest.raises(ValueError, match="no series to plot"):
        series_png(QUARTERS, [], "Series", "share")


def test_a_curve_has_a_value_per_quarter() -> None:
    with pytest.raises(ValueError, match="Freight: 2 values for 3 quarters"):
        series_plot(QUARTERS, [Curve("Freight", [0.1, 0.2])], "Series", "share")
