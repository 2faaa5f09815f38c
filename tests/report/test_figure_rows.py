"""The rows behind publication figures: those that the page of the quarter shows."""

import numpy as np
import pytest

from ftm_assets.report.figure_rows import FigureError, map_rows, series_named, tone_rows
from ftm_assets.report.payload import Report
from ftm_resources.warehouse import Warehouse

from .told_quarter import EARLIER, QUARTER

FREIGHT = f"{EARLIER}:series:000"


def test_the_map_is_that_of_the_page(told: Warehouse, report: Report):
    found = map_rows(told, QUARTER)
    rows = found.rows.to_pylist()
    assert [row["topic_id"] for row in rows] == list(report.points.topic_id)
    assert np.allclose(
        np.column_stack([found.points.x, found.points.y]), np.column_stack([report.points.x, report.points.y])
    )
    assert [theme.name for theme in found.themes] == [theme.name for theme in report.themes]
    for row, theme in zip(rows, report.points.theme, strict=True):
        assert row["theme_id"] == (report.themes[theme].theme_id if theme >= 0 else None)
        assert (row["why_in_no_theme"] is None) == (theme >= 0)
    sizes = [sum(row["n_sentences"] for row in rows if row["theme_id"] == t.theme_id) for t in report.themes]
    assert [theme.n_sentences for theme in found.themes] == sizes
    assert any("by their words alone" in warning for warning in found.warnings)


def test_tone_has_a_value_per_quarter_and_its_interval(told: Warehouse):
    found = tone_rows(told, EARLIER, QUARTER)
    freight = found.lines[[line.name for line in found.lines].index("Freight")]
    assert found.quarters == [EARLIER, QUARTER]
    assert freight.score[0] == 0.1
    # t(0.975, 4) is 2.776.
    assert (freight.low[0], freight.high[0]) == pytest.approx(
        (0.1 - 2.7764 * 0.05, 0.1 + 2.7764 * 0.05), abs=1e-4
    )
    tariffs = found.lines[[line.name for line in found.lines].index("Tariffs")]
    assert tariffs.score == [-0.3, None], "it has no theme in the second quarter"
    assert tariffs.low == [None, None], "nor a standard error in the first"
    assert found.missing == ()


def test_series_are_drawn_as_chosen(told: Warehouse):
    assert series_named(told, EARLIER, QUARTER, ["freight"]) == [FREIGHT]
    assert series_named(told, EARLIER, QUARTER, [f"{EARLIER}:theme:001", "FREIGHT"])[::-1] == [
        FREIGHT, f"{EARLIER}:series:001",
    ]  # fmt: skip
    found = tone_rows(told, EARLIER, QUARTER, [FREIGHT])
    assert [line.name for line in found.lines] == ["Freight"]
    assert found.n_left_out >= 1
    assert set(found.rows.column("series_id").to_pylist()) == {FREIGHT}


def test_what_is_not_there_is_named(told: Warehouse):
    with pytest.raises(FigureError, match="no theme has the id 'shipping', or these words"):
        series_named(told, EARLIER, QUARTER, ["shipping"])
    with pytest.raises(FigureError, match="there is no series 1999Q1:series:000"):
        tone_rows(told, EARLIER, QUARTER, ["1999Q1:series:000"])
    with pytest.raises(FigureError, match="2022Q4 has no topics"):
        map_rows(told, EARLIER)


def test_a_quarter_that_is_not_stored_is_a_gap(told: Warehouse):
    found = tone_rows(told, "2022Q3", QUARTER)
    assert found.missing == ("2022Q3",)
    assert all(line.score[0] is None for line in found.lines)
