"""The labels of sentences in themes, and the measures that the benchmark takes from them."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.membership import agreement, auc, interval, read


def test_every_labelled_sentence_is_of_the_theme_that_it_was_read_with():
    theme_of = {
        (r["component_id"], r["position"], r["sha1"]): r["theme"] for r in read("theme_partition.csv")
    }
    pairs = read("theme_sentences.csv")
    assert len(pairs) >= 480
    assert all(theme_of[p["component_id"], p["position"], p["sha1"]] == p["theme"] for p in pairs)
    assert len({(p["component_id"], p["position"]) for p in pairs}) == len(pairs), "no sentence twice"
    assert {t["theme"] for t in read("themes.csv")} == {p["theme"] for p in pairs}


def test_the_pairs_of_a_theme_stand_for_all_its_sentences():
    sizes = Counter(r["theme"] for r in read("theme_partition.csv") if r["theme"])
    weights: Counter[str] = Counter()
    for pair in read("theme_sentences.csv"):
        weights[pair["theme"]] += float(pair["weight"])
    for theme, size in sizes.items():
        assert weights[theme] == pytest.approx(size, abs=0.1)


def test_the_labels_hold_no_text():
    for name in ("theme_members.csv", "theme_partition.csv", "theme_sentences.csv", "themes.csv"):
        assert all(" " not in value for row in read(name) for value in row.values())


def test_the_area_counts_pairs_in_the_right_order_and_ties_half():
    speaks, weights = np.array([1.0, 1.0, 0.0, 0.0]), np.ones(4)
    assert auc(np.array([0.9, 0.4, 0.5, 0.1]), speaks, weights) == 0.75
    assert auc(np.array([0.9, 0.8, 0.5, 0.1]), speaks, np.array([1.0, 2.0, 3.0, 1.0])) == 1.0
    assert auc(np.array([0.1, 0.2]), np.array([0.5, 0.5]), np.ones(2)) == 0.5


def test_kappa_is_agreement_beyond_chance():
    assert agreement(np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])) == (0.5, 0.0)
    assert agreement(np.array([[1.0, 1.0], [0.0, 0.0]])) == (1.0, 1.0)


def test_the_interval_resamples_whole_themes():
    themes, values = np.repeat(np.arange(4), 5), np.repeat([0.0, 1.0, 0.0, 1.0], 5)
    low, high = map(float, interval(lambda pairs: float(values[pairs].mean()), themes).split("-"))
    assert (low, high) == (0.0, 1.0), "not the narrow one of 20 independent pairs"
