"""Tone over time: a panel per series on one scale, with gaps where nothing was found."""

import pytest

from ftm_assets.report.tone_figure import MOST_SERIES, ToneLine, tone_figure

QUARTERS = ["2022Q3", "2022Q4", "2023Q1", "2023Q2"]


def line(name: str = "Freight", *, gap: bool = False) -> ToneLine:
    middle = None if gap else 0.1
    return ToneLine(name, [0.2, middle, -0.1, 0.3], [0.1, None, -0.4, 0.2], [0.3, None, 0.2, 0.4])


@pytest.mark.parametrize(("width", "columns"), [(90, 2), (140, 3), (190, 3)])
def test_a_panel_per_series_in_as_many_columns_as_fit(width: float, columns: int):
    figure = tone_figure(QUARTERS, [line(f"Series {k}") for k in range(5)], width=width)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [f"Series {k}" for k in range(5)]
    assert figure.axes[0].get_gridspec().ncols == columns
    assert len({axes.get_ylim() for axes in shown}) == 1
    assert {axes.get_ylim() for axes in shown} == {(-0.5, 0.5)}


def test_a_quarter_without_a_theme_is_a_gap():
    figure = tone_figure(QUARTERS, [line(gap=True)], width=90)
    drawn = figure.axes[0].lines[-1].get_ydata()
    assert drawn == pytest.approx([0.2, float("nan"), -0.1, 0.3], nan_ok=True)


def test_every_quarter_is_named_and_each_year_once():
    labels = [t.get_text() for t in tone_figure(QUARTERS, [line()], width=90).axes[0].get_xticklabels()]
    assert labels == ["Q3\n2022", "Q4", "Q1\n2023", "Q2"]


def test_a_name_with_dollars_is_no_formula():
    (axes,) = tone_figure(QUARTERS, [line("Prices of $5 and $6")], width=90).axes
    assert not axes._left_title.get_parse_math()


@pytest.mark.parametrize(
    ("quarters", "lines", "message"),
    [
        ([], [line()], "no series"),
        (QUARTERS, [], "no series"),
        (QUARTERS[:3], [line()], "not a value for each of 3"),
        (QUARTERS, [line()] * (MOST_SERIES + 1), "at most 24"),
    ],
)
def test_what_cannot_be_drawn_is_refused(quarters: list[str], lines: list[ToneLine], message: str):
    with pytest.raises(ValueError, match=message):
        tone_figure(quarters, lines, width=90)
