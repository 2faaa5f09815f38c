import numpy as np

from ftm_assets.methods.topics.graph import OUTLIER, by_size, edges, exact_neighbors
from ftm_assets.methods.vectors import unit


def test_exact_neighbors_are_the_nearest_by_cosine_and_never_the_row_itself():
    rows = unit(np.random.default_rng(0).normal(size=(300, 8)))
    neighbors, similarity = exact_neighbors(rows, 5)
    cosine = rows @ rows.T
    np.fill_diagonal(cosine, -2)
    assert (neighbors == np.sort(np.argsort(-cosine, axis=1)[:, :5], axis=1)).all()
    assert np.abs(similarity - np.take_along_axis(cosine, neighbors, axis=1)).max() < 1e-6


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
