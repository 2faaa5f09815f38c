"""The curves of series beside what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.lineages import Quarter
from benchmarks.planted_curves import agreement, curves
from ftm_assets.orchestration.series_plot import Curve


def test_a_series_is_held_against_the_lineage_that_most_of_its_themes_are_of() -> None:
    found = []
    for key, sizes, lineages in (("2020Q1", [3, 1], ["a", None]), ("2020Q2", [1, 1], ["a", "b"])):
        planted = [{"lineage_id": "a", "share": 0.5}, {"lineage_id": "b", "share": 0.0}]
        found.append(
            Quarter(
                key,
                np.eye(2),
                [[], []],
                [[], []],
                sizes,
                lineages,
                names=["Prices", "Wages"],
                planted=planted,
            )
        )
    (prices, wages) = curves(found, [["s", "t"], ["s", "u"]])
    assert prices == Curve("Prices", [0.75, 0.5], [0.5, 0.5])
    assert wages == Curve("Wages", [None, 0.5], [None, None])


def test_agreement_needs_quarters_that_have_both() -> None:
    assert agreement(Curve("x", [0.1, 0.2, 0.3, None], [0.2, 0.4, 0.6, 0.8])) is None
    assert agreement(Curve("x", [0.1, 0.2, 0.3, 0.4], [0.2, 0.4, 0.6, 0.8])) == pytest.approx(1)
