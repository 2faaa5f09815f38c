import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods.topics.consensus import (
    Likeness,
    apart,
    cosine_distances,
    kept,
    linked,
    recurring,
    stability,
    within,
)
from ftm_assets.methods.vectors import products, unit

FIRMS = [str(i) for i in range(200)]


def test_a_firm_more_leaves_the_others_subsamples_as_they_were():
    before, after = kept(FIRMS, 10, 0.8, seed=1), kept(["another", *FIRMS], 10, 0.8, seed=1)
    assert np.array_equal(before, after[:, 1:])


def test_subsamples_hold_about_their_share_and_differ_by_number_and_seed():
    held = kept(FIRMS, 20, 0.8, seed=1)
    assert held.mean() == pytest.approx(0.8, abs=0.02)
    assert len({row.tobytes() for row in (*held, *kept(FIRMS, 20, 0.8, seed=2))}) == 40


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 12), st.integers(0, 1_000))
def test_pairs_are_as_far_apart_as_the_share_of_subsamples_that_separate_them(n: int, seed: int):
    rng = np.random.default_rng(seed)
    draws = [(part := np.flatnonzero(rng.random(n) < 0.7), rng.integers(3, size=len(part))) for _ in range(5)]
    found = iter(apart(draws, n).tolist())
    for i in range(n):
        for j in range(i + 1, n):
            both = [
                dict(zip(p.tolist(), g.tolist(), strict=True)) for p, g in draws if {i, j} <= set(p.tolist())
            ]
            expected = np.mean([g[i] != g[j] for g in both]) if both else 1.0
            assert next(found) == pytest.approx(expected)


def test_a_theme_comes_again_where_a_centroid_is_near_enough():
    themes = np.eye(3)[:2]
    found = [np.eye(3), np.eye(3)[1:], np.zeros((0, 3)), np.array([[0.8, 0.6, 0.0]])]
    assert stability(themes, found, 0.85).tolist() == [0.25, 0.5]
    assert stability(themes, found, 0.80).tolist() == [0.5, 0.5]
    assert stability(themes[:0], found, 0.85).tolist() == []


def test_what_recurs_is_in_half_of_the_subsamples():
    found = [np.eye(4)[[0, 1]], np.eye(4)[[0, 1, 2]], np.eye(4)[[0]], np.eye(4)[[0, 3]]]
    assert recurring(found, 0.85).tolist() == np.eye(4)[[0, 1]].tolist()


def test_a_part_is_smoothed_by_its_own_points():
    points = np.random.default_rng(0).normal(size=(20, 6))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    likeness, part = Likeness(points, 4), np.arange(10)
    both = np.triu_indices(20, 1)
    inside = (both[0] < 10) & (both[1] < 10)
    assert not np.allclose(likeness.distances(np.arange(20))[inside], likeness.distances(part))
    assert linked(likeness.distances(np.arange(1)), 0.5).tolist() == [0]


def test_a_part_of_a_graph_has_its_own_edges_only():
    inner, near = within(np.array([[1, 2], [0, 3], [0, 1], [2, 1]]), np.array([0, 1, 3]))
    assert inner.tolist() == [0, 1, 2]
    assert near.tolist() == [[1, -1], [0, 2], [-1, 1]]
    assert within(np.array([[1], [0], [1]]), np.array([0, 2]))[0].tolist() == []


@pytest.mark.parametrize("n", [0, 1, 2, 1_025])
def test_distances_of_pairs_are_those_of_the_square_matrix(n: int):
    rows = unit(np.random.default_rng(n).normal(size=(n, 4)))
    square = 1 - products(rows, rows)
    assert cosine_distances(rows).tobytes() == square[np.triu_indices(n, 1)].tobytes()


def test_distances_of_many_rows_take_little_memory_beside_the_result():
    rows = unit(np.random.default_rng(0).normal(size=(5_000, 4)))
    tracemalloc.start()
    found = cosine_distances(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.7 * found.nbytes
