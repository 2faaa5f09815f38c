"""The plot of series over the quarters."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from ftm_assets.orchestration import series_plot as module
from ftm_assets.orchestration.series_plot import SHOWN, Curve, series_figure, series_plot, series_png
from ftm_resources.sources.sample.planted_series import Lineage

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


@pytest.mark.parametrize("name", ["5% at $1 #1 $2", "$x_{ cost$", r"\\frac{$a$", "价格", ""])
def test_any_name_is_drawn(name: str) -> None:
    """A dollar is no mathematics: a name that cannot be parsed must not fail the links."""
    assert size(series_png(QUARTERS, [Curve(name, [0.1, 0.2, 0.3])], "Series", "share"))[0] > 200


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


# stored series

THEMES = {"2023Q1": ("a", "b"), "2023Q2": ("a",), "2023Q3": ("a", "b")}


def rows_of(quarter: str, themes: tuple[str, ...]) -> dict[str, pa.Table]:
    ids = [f"{quarter}:theme:{i:03d}" for i in range(len(themes))]
    return {
        "theme_links": pa.table(
            {"theme_id": ids, "series_id": list(themes), "series_name": [f"Series {t}" for t in themes]}
        ),
        "theme_profiles": pa.table(
            {
                "theme_id": ids,
                "firm_ids": [[f"9{t}", f"8{t}"] for t in themes],
                "n_sentences": [30 - 20 * i for i in range(len(themes))],
            }
        ),
    }


class Stored:
    """A warehouse whose quarters are `THEMES`, made from `source`."""

    def __init__(self, source: dict[str, Any] | None = None) -> None:
        self.source = source

    def pin(self) -> Stored:
        return self

    def quarters(self, names: list[str]) -> list[str]:
        return [] if names == ["transcripts"] and self.source is None else [*THEMES, "2024Q1"]

    def quarter(self, name: str, quarter: str, *, pinned: Stored) -> Any:
        assert pinned is self
        if name == "transcripts":
            return SimpleNamespace(provenance=lambda: {"source": self.source})
        return SimpleNamespace(read=rows_of(quarter, THEMES[quarter])[name].select)


def curves_shown(monkeypatch: pytest.MonkeyPatch, warehouse: Stored) -> tuple[list[str], list[Curve]]:
    shown: list[Any] = []
    monkeypatch.setattr(module, "series_plot", lambda quarters, curves, *_: shown.extend((quarters, curves)))
    module.series_picture(warehouse, "2023Q3", rows_of("2023Q3", THEMES["2023Q3"]))
    return shown[0], shown[1]


def test_stored_series_are_drawn_up_to_the_quarter_and_none_that_is_later(monkeypatch) -> None:
    quarters, curves = curves_shown(monkeypatch, Stored())
    assert quarters == list(THEMES)
    assert curves == [
        Curve("Series a", [0.75, 1.0, 0.75], None),
        Curve("Series b", [0.25, None, 0.25], None),
    ]


def test_beside_the_sample_s_series_is_the_lineage_of_the_same_firms(monkeypatch) -> None:
    lineages = {
        "freight": Lineage(0.5, frozenset({"9a", "8a", "7"})),
        "tariffs": Lineage(0.3, frozenset({"9b", "8b", "9a"})),
    }
    made: list[tuple[int, int]] = []

    class Sample:
        name = "sample"

        def __init__(self, firms: int, seed: int) -> None:
            made.append((firms, seed))

        def lineages(self, quarter: str) -> dict[str, Lineage]:
            return lineages if quarter != "2023Q2" else {"freight": lineages["freight"]}

    monkeypatch.setattr(module, "SampleSource", Sample)
    _, curves = curves_shown(monkeypatch, Stored({"name": "sample", "firms": 500, "seed": 7}))
    assert [c.planted for c in curves] == [[0.5, 0.5, 0.5], [0.3, None, 0.3]]
    assert made == [(module.SAMPLED_FIRMS, 7)]
    _, curves = curves_shown(monkeypatch, Stored({"name": "files"}))
    assert [c.planted for c in curves] == [None, None]
