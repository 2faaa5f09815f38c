"""The measures of links, on quarters whose links are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.joined_pieces import joined
from benchmarks.lineages import Quarter, simulated
from benchmarks.links import (
    assignment,
    continued,
    cosines,
    events,
    mutual_nearest,
    one_each,
    ours,
    pairs,
    vote,
)


def quarter(key: str, *themes: tuple[str | None, tuple[float, float, float]]) -> Quarter:
    vectors = np.array([v for _, v in themes], dtype=float)
    n = len(themes)
    return Quarter(
        key,
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        [["price"]] * n,
        [["1"]] * n,
        [9] * n,
        [lineage for lineage, _ in themes],
    )


X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def test_every_rule_links_what_is_the_same_and_nothing_else() -> None:
    found = [quarter("2020Q1", ("a", X), ("b", Y)), quarter("2020Q2", ("b", Y), ("c", Z), ("a", X))]
    for rule in (mutual_nearest, assignment, vote, joined, ours, one_each):
        (a, b), (b2, c, a2) = rule(found)
        assert (a, b) == (a2, b2)
        assert len({a, b, c}) == 3


def test_a_gap_is_bridged_by_rules_with_memory() -> None:
    found = [quarter("2020Q1", ("a", X)), quarter("2020Q2", ("b", Y)), quarter("2020Q3", ("a", X))]
    for rule, is_bridged in ((mutual_nearest, False), (assignment, True), (vote, True), (ours, True)):
        series = rule(found)
        assert (series[2] == series[0]) is is_bridged
        assert continued(found, series, gap=(2, 8)).right == int(is_bridged)


def test_a_second_piece_joins_what_it_is_like_and_a_stranger_does_not() -> None:
    piece = (0.8, 0.6, 0.0)
    found = [quarter("2020Q1", ("a", X)), quarter("2020Q2", ("a", X), ("a", piece), ("b", Z))]
    (a,), (first, second, stranger) = joined(found)
    assert first == second == a != stranger
    (a,), (first, second, _) = joined(found, join=None)
    assert first == a != second


def test_precision_falls_with_a_wrong_link_and_recall_with_a_missing_one() -> None:
    found = [quarter("2020Q1", ("a", X), ("b", Y)), quarter("2020Q2", ("a", X), ("b", Y))]
    right, wrong, missing = (
        continued(found, [["s", "t"], later]) for later in (["s", "t"], ["t", "s"], ["s", "u"])
    )
    assert (right.precision, right.recall) == (1, 1)
    assert (wrong.precision, wrong.recall) == (0, 0)
    assert (missing.precision, missing.recall) == (1, 0.5)


def test_a_lineage_that_was_away_too_long_is_not_missed_and_one_without_a_lineage_is_wrong() -> None:
    found = [quarter("2020Q1", ("a", X)), quarter("2022Q2", ("a", X))]
    assert continued(found, [["s"], ["t"]]).possible == 0
    found = [quarter("2020Q1", ("a", X)), quarter("2020Q2", (None, X))]
    counts = continued(found, [["s"], ["s"]])
    assert (counts.made, counts.right, counts.possible) == (1, 0, 0)
    found = [quarter("2020Q1", (None, X)), quarter("2020Q2", (None, X))]
    assert continued(found, [["s"], ["s"]]).made == 0


def test_a_lineage_is_found_by_one_of_its_themes_and_a_merged_one_by_what_took_it_in() -> None:
    found = [quarter("2020Q1", ("a", X), ("b", Y)), quarter("2020Q2", ("a", Y), ("a", X))]
    counts = continued(found, [["s", "t"], ["u", "s"]])
    assert (counts.made, counts.right, counts.found, counts.possible) == (1, 1, 1, 1)
    assert continued(found, [["s", "t"], ["t", "s"]]).right == 1
    found[1].planted = [{"lineage_id": "b", "event": "merged_into", "related_lineage_id": "a"}]
    assert continued(found, [["s", "t"], ["t", "s"]]).right == 2


def test_pairs_are_those_of_different_quarters() -> None:
    found = [quarter("2020Q1", ("a", X), ("a", X)), quarter("2020Q2", ("a", X)), quarter("2020Q3", ("a", X))]
    whole = pairs(found, [["s", "s"], ["s"], ["s"]])
    assert (whole.right, whole.made, whole.possible) == (5, 5, 5)
    broken = pairs(found, [["s", "t"], ["s"], ["u"]])
    assert (broken.right, broken.made, broken.possible) == (1, 1, 5)


def test_events_are_counted_by_what_was_made_of_them() -> None:
    found = [quarter("2020Q1", ("a", X), ("b", Y)), quarter("2020Q2", ("a", X), ("c", Z))]
    for q, names in zip(found, (["persists"] * 2, ["persists", "born"]), strict=True):
        q.events = names
        q.planted = [
            {"lineage_id": lineage, "event": event, "related_lineage_id": None}
            for lineage, event in zip(q.lineages, names, strict=True)
        ]
    found[1].planted.append({"lineage_id": "b", "event": "dies", "related_lineage_id": None})
    rows = {row["planted"]: row for row in events(found)}
    assert rows["persists"]["continues itself"] == rows["persists"]["n"] == 1
    assert rows["born"]["born"] == 1
    assert rows["dies"]["rests"] == 1


def test_simulated_quarters_are_the_same_for_a_seed_and_hard_as_real_ones() -> None:
    found, again = simulated(3), simulated(3)
    assert all(np.array_equal(a.vectors, b.vectors) for a, b in zip(found, again, strict=True))
    centred = cosines([found])[1]
    assert centred["same 50%"] == pytest.approx(0.78, abs=0.04)
    assert centred["nearest other 50%"] == pytest.approx(0.40, abs=0.06)
    nearest, one_to_one, most = (pairs(found, rule(found)).f1 for rule in (mutual_nearest, assignment, vote))
    assert nearest < 0.35
    assert 0.55 < one_to_one < most
    assert pairs(found, one_each(found)).precision == 1
