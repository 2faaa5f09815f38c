import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.methods.vectors import BLOCK, as_lists, as_matrix, centred, finite_rows, products, unit


def test_rows_have_unit_length_however_large_or_small_and_zeros_stay():
    rows = unit(np.array([[3e200, 4e200], [3e-200, -4e-200], [0.0, 0.0]]))
    assert np.allclose(rows, [[0.6, 0.8], [0.6, -0.8], [0, 0]])


def test_a_row_that_is_not_finite_and_a_vector_of_one_dimension_are_refused():
    with pytest.raises(ValueError, match="row 2 is not finite"):
        finite_rows([[0, 1], [1, 0], [np.inf, 0]])
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        finite_rows([1.0, 2.0, 3.0])


@pytest.mark.parametrize("shape", [(0, 0), (1, 3), (5, 384)])
def test_a_matrix_comes_back_from_arrow_as_it_went(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert np.array_equal(as_matrix(pa.chunked_array([as_lists(matrix)])), matrix)


def test_a_column_in_chunks_and_in_double_precision_is_one_matrix_of_float32():
    column = pa.chunked_array([[[1.0, 2.0]], [[3.0, 4.0]]], pa.list_(pa.float64()))
    matrix = as_matrix(column)
    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("n", [1, BLOCK, 2 * BLOCK + 3])
def test_rows_may_be_scaled_and_multiplied_where_they_are(n: int):
    rows = np.random.default_rng(n).normal(size=(n, 5))
    square = unit(np.random.default_rng(0).normal(size=(5, 5)))
    directions = unit(rows)
    found = products(directions, square)
    assert unit(rows, out=rows) is rows
    assert rows.tobytes() == directions.tobytes()
    assert products(rows, square, out=rows) is rows
    assert rows.tobytes() == found.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_centring_leaves_what_it_is_given(dtype: type):
    rows = np.random.default_rng(0).normal(size=(100, 5)).astype(dtype)
    before = rows.copy()
    assert not np.allclose(centred(rows), unit(rows))
    assert np.array_equal(rows, before)


def test_many_rows_are_centred_with_little_memory_beside_the_result():
    rows = np.random.default_rng(0).normal(size=(12 * BLOCK, 16)).astype(np.float32)
    tracemalloc.start()
    found = centred(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * found.nbytes


def test_products_of_many_rows_take_little_memory_beside_the_result():
    rows = np.full((8 * BLOCK + 1, 64), 0.125, np.float32)
    tracemalloc.start()
    found = products(rows, rows[:4])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < rows.nbytes
    assert found.shape == (len(rows), 4)
    assert (found == 1).all()
