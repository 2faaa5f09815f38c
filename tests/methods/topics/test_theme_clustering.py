import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ftm_assets.methods.topics import theme_clustering
from ftm_assets.methods.topics.graph import OUTLIER
from ftm_assets.methods.topics.theme_clustering import ThemeClusterer


def planted(n_themes: int, size: int, *, spread: float, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Unit vectors around random centres, and the number of the centre of each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_themes, 48))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    labels = np.repeat(np.arange(n_themes), size)
    points = centres[labels] + spread * rng.normal(size=(len(labels), 48)) / np.sqrt(48)
    return points / np.linalg.norm(points, axis=1, keepdims=True), labels


def same_partition(a: NDArray, b: NDArray) -> bool:
    return len(set(zip(a.tolist(), b.tolist(), strict=True))) == len(set(a.tolist())) == len(set(b.tolist()))


def test_planted_themes_are_found():
    from sklearn.metrics import adjusted_rand_score

    points, truth = planted(20, 30, spread=0.9)
    labels = ThemeClusterer().fit_predict(points)
    assert adjusted_rand_score(truth, labels) > 0.9


def test_the_order_of_rows_changes_nothing():
    points, _ = planted(12, 20, spread=1.2)
    labels = ThemeClusterer().fit_predict(points)
    order = np.random.default_rng(1).permutation(len(points))
    assert ThemeClusterer().fit_predict(points[order]).tolist() == labels[order].tolist()


def test_neither_order_nor_threads_nor_approximate_neighbours_change_the_labels(
    monkeypatch: pytest.MonkeyPatch,
):
    """Above `EXACT_NEIGHBORS_UP_TO` rows neighbours come from NN-descent, compiled, in threads."""
    import numba
    from sklearn.metrics import adjusted_rand_score
    from threadpoolctl import threadpool_limits

    points, truth = planted(30, 100, spread=1.1)
    exact = ThemeClusterer().fit_predict(points)
    monkeypatch.setattr(theme_clustering, "EXACT_NEIGHBORS_UP_TO", 1_000)
    order = np.random.default_rng(2).permutation(len(points))
    labels = []
    threads = numba.get_num_threads()
    for n, rows in ((1, np.arange(len(points))), (threads, order)):
        numba.set_num_threads(n)
        with threadpool_limits(n):
            found = np.empty(len(points), dtype=np.int64)
            found[rows] = ThemeClusterer().fit_predict(points[rows])
            labels.append(found)
    assert np.array_equal(*labels)
    assert adjusted_rand_score(truth, labels[0]) > 0.95
    assert adjusted_rand_score(exact, labels[0]) > 0.95


def test_few_clear_themes_are_not_split_to_reach_the_number_aimed_at():
    points, truth = planted(8, 100, spread=0.9)
    labels = ThemeClusterer().fit_predict(points)
    assert same_partition(truth, labels)
    assert ThemeClusterer(merge_similarity=1.1, granularity=2.4).fit_predict(points).max() > 10


def test_vectors_that_only_the_clusterer_holds_are_freed_before_it_clusters(monkeypatch: pytest.MonkeyPatch):
    held = []
    unique = theme_clustering._distinct

    def distinct(directions: NDArray) -> object:
        held.append(given() is not None)
        return unique(directions)

    class Given(np.ndarray):
        """An array that weak references can be made to."""

    given: weakref.ref[Given]

    def vectors() -> NDArray:
        nonlocal given
        rows = planted(12, 20, spread=1.2)[0].view(Given)
        given = weakref.ref(rows)
        return rows

    monkeypatch.setattr(theme_clustering, "_distinct", distinct)
    ThemeClusterer().fit(vectors())
    assert held == [False]


def test_what_is_near_no_theme_is_in_none():
    points, _ = planted(20, 30, spread=0.9)
    stray = np.random.default_rng(7).normal(size=(40, 48))
    labels = ThemeClusterer(join_similarity=0.6).fit_predict(np.vstack([points, stray]))
    assert (labels[: len(points)] != OUTLIER).mean() > 0.95
    assert (labels[len(points) :] == OUTLIER).mean() > 0.9


def test_equal_rows_share_a_label():
    points, _ = planted(8, 15, spread=0.8)
    labels = ThemeClusterer().fit_predict(np.vstack([points, points[:7]]))
    assert labels[-7:].tolist() == labels[:7].tolist()


def test_themes_are_numbered_by_size():
    points, _ = planted(10, 25, spread=1.3, seed=3)
    sizes = np.bincount(ThemeClusterer().fit_predict(points) + 1)[1:]
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)


def test_a_lower_bound_places_more():
    points, _ = planted(10, 25, spread=1.6, seed=2)
    strict = ThemeClusterer(join_similarity=0.9).fit_predict(points)
    lenient = ThemeClusterer(join_similarity=0.2).fit_predict(points)
    assert (lenient == OUTLIER).sum() <= (strict == OUTLIER).sum()


def test_no_cluster_keeps_too_large_a_share():
    rng = np.random.default_rng(0)
    small, _ = planted(10, 20, spread=0.5)
    centres, _ = planted(5, 60, spread=0.8, seed=9)  # one continent of five lands
    continent = centres + 2.5 * np.eye(48)[0] + 0.02 * rng.normal(size=centres.shape)
    points = np.vstack([small, continent / np.linalg.norm(continent, axis=1, keepdims=True)])
    labels = ThemeClusterer().fit_predict(points)
    placed = labels[labels != OUTLIER]
    assert np.bincount(placed).max() < 0.4 * len(points)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 59, 60, 61])
def test_any_number_of_rows_is_clustered(n: int):
    rows = np.random.default_rng(n).normal(size=(n, 16))
    clusterer = ThemeClusterer().fit(rows)
    assert clusterer.labels_.shape == clusterer.similarity_.shape == (n,)


def test_identical_rows_are_one_theme_and_zero_rows_are_outliers():
    assert set(ThemeClusterer().fit_predict(np.ones((100, 8))).tolist()) == {0}
    assert set(ThemeClusterer().fit_predict(np.zeros((100, 8))).tolist()) == {OUTLIER}


def test_a_value_that_is_not_finite_is_refused_by_row():
    rows = np.ones((5, 3))
    rows[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3"):
        ThemeClusterer().fit(rows)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 40), st.integers(0, 3), st.integers(0, 1_000))
def test_labels_are_a_partition_without_gaps(n: int, n_zero: int, seed: int):
    rng = np.random.default_rng(seed)
    rows = np.vstack([rng.normal(size=(n, 6)), np.zeros((n_zero, 6))])
    labels = ThemeClusterer().fit_predict(rows)
    assert set(labels.tolist()) - {OUTLIER} == set(range(labels.max(initial=OUTLIER) + 1))


def test_every_theme_has_a_stability_and_clear_themes_come_again_in_every_subsample():
    points, truth = planted(8, 100, spread=0.9)
    clusterer = ThemeClusterer().fit(points, firms=[str(i % 40) for i in range(len(points))])
    assert same_partition(truth, clusterer.labels_)
    assert clusterer.stability_.tolist() == [1.0] * 8
    vague, _ = planted(40, 8, spread=2.4)
    found = ThemeClusterer(join_similarity=0.2).fit(vague)
    assert len(found.stability_) == found.labels_.max() + 1
    assert found.stability_.min(initial=1.0) < 0.9


def test_a_firm_more_leaves_the_others_topics_in_their_themes():
    from sklearn.metrics import adjusted_rand_score

    points, _ = planted(20, 30, spread=1.2, seed=4)
    firms = np.array([f"firm {i % 30}" for i in range(len(points))])
    others = firms != "firm 7"
    found = ThemeClusterer().fit(points, firms=firms.tolist()).labels_
    without = ThemeClusterer().fit(points[others], firms=firms[others].tolist()).labels_
    assert adjusted_rand_score(found[others], without) > 0.95


def test_a_firm_of_something_else_changes_nothing_far_away():
    points, truth = planted(12, 20, spread=0.8)
    far = -points.mean(axis=0) + 0.01 * np.random.default_rng(0).normal(size=(6, points.shape[1]))
    firms = [str(i % 20) for i in range(len(points))]
    alone = ThemeClusterer().fit(points, firms=firms).labels_
    beside = ThemeClusterer().fit(np.vstack([points, far]), firms=[*firms, *["far"] * 6]).labels_
    assert same_partition(truth, alone)
    assert same_partition(alone, beside[: len(points)])


def test_above_the_bound_themes_are_those_that_recur(monkeypatch: pytest.MonkeyPatch):
    from sklearn.metrics import adjusted_rand_score

    monkeypatch.setattr(theme_clustering, "LINKED_UP_TO", 500)
    points, truth = planted(20, 50, spread=1.0)
    firms = [str(i % 50) for i in range(len(points))]
    clusterer = ThemeClusterer().fit(points, firms=firms)
    assert adjusted_rand_score(truth, clusterer.labels_) > 0.95
    assert np.median(clusterer.stability_) == 1.0
