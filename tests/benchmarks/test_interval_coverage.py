"""Coverage of intervals: the truth they are held against, and that turns matter."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import interval_coverage as method


def test_the_truth_is_what_many_draws_average_to() -> None:
    rng = np.random.default_rng(1)
    turns = [np.arange(4000)]
    table = method.draw(turns, [0.4], 0.7, rng)
    label = np.array(table["label"].to_pylist())
    found = (label == "positive").mean() - (label == "negative").mean()
    assert found == pytest.approx(method.expected(0.4, 0.7), abs=0.04)


def test_the_jackknife_is_what_leaving_out_each_turn_gives() -> None:
    turns = [np.array([0, 0, 0, 1, 1, 2])]
    table = method.draw(turns, [0.0], 1.0, np.random.default_rng(3))
    label = np.array(table["label"].to_pylist())
    x = (label == "positive").astype(float) - (label == "negative")
    left = np.array([x[turns[0] != g].mean() for g in range(3)])
    # Around the score of all sentences, as CR3 is.
    assert method.others([table])["0:0"][1] == pytest.approx(np.sqrt(2 / 3 * ((left - x.mean()) ** 2).sum()))


def test_with_moods_intervals_by_turn_hold_the_truth_more_often_than_naive_ones() -> None:
    rows = {(row["mood"], row["turns"]): row for row in method.coverage(firms=6, n_draws=20)}
    strong, none = rows[1.4, "2 or more"], rows[0.0, "2 or more"]
    ours = "score_se, t of score_df"
    assert strong[ours] > strong["CR1"] > strong["naive"] + 0.1
    assert none["naive"] > 0.85
    assert none[ours] > none["t of turns - 1"] > none["1.96"]


def test_intervals_of_themes_of_few_firms_are_wide() -> None:
    two, three, *_ = method.coverage_of_themes(firms=12, n_draws=20)
    assert (two["firms"], three["firms"]) == (2, 3)
    assert two["half width"] > 1.5 * three["half width"]
    assert three["score_se, t of score_df"] > three["CR1"]
