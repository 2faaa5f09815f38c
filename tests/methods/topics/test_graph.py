import numpy as np

from ftm_assets.methods.topics.graph import OUTLIER, by_size, edges, exact_neighbors, sort_keys
from ftm_assets.methods.vectors import SCALE, products, unit


def test_exact_neighbors_are_the_nearest_by_cosine_and_never_the_row_itself():
    rows = np.round(unit(np.random.default_rng(0).normal(size=(300, 8))), 6)
    neighbors, similarity = exact_neighbors(rows, 5)
    cosine = rows @ rows.T
    np.fill_diagonal(cosine, -2)
    assert (neighbors == np.sort(np.argsort(-cosine, axis=1)[:, :5], axis=1)).all()
    assert np.abs(similarity - np.take_along_axis(cosine, neighbors, axis=1)).max() < 1e-6


def test_products_to_six_digits_are_those_of_whole_numbers_and_so_the_same_in_any_order_of_adding():
    rng = np.random.default_rng(0)
    rows = (
        rng.integers(-100, 101, size=(50, 384)) * 5e-4
    )  # a quarter of the products lie between two sixth digits
    found = products(rows, rows)
    whole = np.rint(rows * SCALE).astype(np.int64)
    exact = whole @ whole.T  # int64: no rounding
    assert np.mean(np.abs(exact) % SCALE == SCALE // 2) > 0.1
    assert np.array_equal(found, np.rint(exact / SCALE) / SCALE)
    shuffled = rng.permutation(384)
    assert np.array_equal(products(rows[:, shuffled], rows[:, shuffled]), found)
    assert np.array_equal(products(rows[:1], rows), found[:1])


def test_keys_sort_as_the_rows_do_and_are_equal_where_rows_are_to_six_digits():
    rows = unit(np.random.default_rng(0).normal(size=(200, 5)))
    rows[7] = rows[3] + 1e-9
    by_key = np.argsort(sort_keys(rows), kind="stable")
    assert by_key.tolist() == np.lexsort(np.round(rows, 6).T[::-1]).tolist()
    assert sort_keys(rows)[7] == sort_keys(rows)[3]
    assert len(np.unique(sort_keys(rows))) == 199


def test_an_edge_is_there_once_and_twice_as_heavy_where_both_are_neighbours():
    found = edges(np.array([[1], [0], [1]]), np.array([[0.5], [0.5], [0.25]]))
    assert found == [("0", "1", 1.0), ("1", "2", 0.25)]


def test_a_neighbour_that_was_not_found_is_no_edge():
    found = edges(
        np.array([[1, -1], [0, 2], [1, -1]]), np.array([[0.5, -np.inf], [0.5, 0.25], [0.25, -np.inf]])
    )
    assert found == [("0", "1", 1.0), ("1", "2", 0.5)]


def test_clusters_are_numbered_by_the_rows_that_their_nodes_stand_for():
    labels = np.array([7, 7, 2, OUTLIER, 4])
    assert by_size(labels, np.array([1, 1, 5, 9, 2])).tolist() == [1, 1, 0, OUTLIER, 2]
