"""The labels of sentences in themes, and the measures that the benchmark takes from them."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.membership import LABELS, Labelled, agreement, auc, interval, read
from benchmarks.present_members import BOUNDS, over_halves, same_themes


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
    for name in [*(path.name for path in LABELS.glob("*theme*.csv")), "present_pairs.csv"]:
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


def test_the_present_pairs_stand_for_the_sentences_that_they_were_drawn_from():
    pairs = read("present_pairs.csv")
    assert Counter(p["member"] for p in pairs) == {"yes": 300, "no": 120}
    assert len({(p["component_id"], p["position"], p["theme"]) for p in pairs}) == len(pairs)
    of_members = sum(float(p["weight"]) for p in pairs if p["member"] == "yes")
    assert of_members == pytest.approx(5_360, abs=1)
    assert sum(float(p["weight"]) for p in pairs) == pytest.approx(8_221, abs=1)
    fewest = Counter(p["theme"] for p in pairs if p["member"] == "yes").most_common()[-1][1]
    assert fewest == 5
    assert {t["theme"] for t in read("present_themes.csv")} == {p["theme"] for p in pairs}


def test_a_labelled_theme_is_the_present_one_that_holds_most_of_its_sentences():
    pairs = [("a", "x"), ("a", "x"), ("a", None), ("b", "x"), ("b", "y"), ("c", None)]
    assert same_themes(pairs) == {"a": "x"}


def test_tuning_is_judged_on_the_themes_that_it_did_not_see():
    themes = np.repeat(np.arange(4), 2)
    labels = Labelled(np.arange(8), themes, np.ones(8), np.array([[1.0, 1.0], [0.0, 0.0]] * 4))
    all_of_them, strong = np.ones(8, dtype=bool), np.array([True, False] * 4)
    found = [all_of_them] * (len(BOUNDS) - 1) + [strong]
    assert over_halves(labels, found) == (0.5, 1.0)
