"""Vectors: validation, unit length, rounding, and conversion to and from Arrow.

Belongs here: the first steps of every method that takes embeddings. Arrays are (n, d), one row per sentence,
topic or theme. Here a zero vector stays zero; the embedder (`ftm_resources.models`) rejects zero vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

DIGITS = 6
"""Vectors and similarities are rounded to six decimals: BLAS threading changes only later ones."""
SCALE = 10**DIGITS

BLOCK = 8192
"""Rows converted at a time: what is made of many rows takes little memory beside the result."""

FEWEST_TO_CENTRE = 60
"""With fewer topics their mean is not what all share but the themes themselves: vectors are compared as they are."""


def finite_rows(x: ArrayLike) -> Floats:
    """Return the rows of `x` (n, d), n ≥ 0, in float64.

    Raises ValueError if `x` is not two-dimensional or a row is not finite; the message names the first such row.
    """
    rows = np.asarray(x, dtype=np.float64)
    if rows.size == 0 and rows.ndim < 2:
        rows = rows.reshape(0, 0)
    if rows.ndim != 2:
        raise ValueError(f"expected a two-dimensional array with one vector per row, got shape {rows.shape}")
    if not (finite := np.isfinite(rows).all(axis=1)).all():
        raise ValueError(
            f"row {int(finite.argmin())} is not finite (NaN or inf): embed it again or leave it out"
        )
    return rows


def unit(rows: Floats, *, out: Floats | None = None) -> Floats:
    """Return the rows (n, d) scaled to unit length; zero rows stay zero.

    `out` takes the result and may be `rows` itself, which then needs no memory beside it.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    if rows.size == 0:
        return rows
    found: Floats = np.empty_like(rows) if out is None else out
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        largest = np.maximum(part.max(axis=1), -part.min(axis=1))[:, None]
        scaled = np.divide(
            part, largest, out=np.zeros_like(part), where=largest > 0
        )  # squares cannot overflow
        norms = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None]
        found[start : start + BLOCK] = np.divide(scaled, norms, out=scaled, where=norms > 0)
    return found


def centred(rows: ArrayLike) -> Floats:
    """Return the rows (n, d) less their mean, at unit length: float64 (n, d). What all share says nothing of each.

    Of fewer than `FEWEST_TO_CENTRE` rows the directions themselves are returned. Raises ValueError if a row is not
    finite.
    """
    finite = finite_rows(rows)
    directions = unit(finite, out=None if np.may_share_memory(finite, rows) else finite)
    if len(directions) < FEWEST_TO_CENTRE:
        return directions
    directions -= directions.mean(axis=0)
    return unit(np.round(directions, DIGITS, out=directions), out=directions)


def products(a: NDArray[np.floating], b: NDArray[np.floating], *, out: Floats | None = None) -> Floats:
    """Return the inner products of the rows of `a` (n, d) and `b` (m, d), to six decimals: float64 (n, m).

    `out` takes the result; if there are as many products as dimensions, it may be `a` itself.

    The result is bit-identical for any BLAS, thread count and processor: rows are converted to integer millionths,
    and float64 adds integers exactly in any order. Rows must have roughly unit length, because sums must stay
    below 2^53 (in squared millionths).
    """
    right = np.rint(b.astype(np.float64) * SCALE).T
    found: Floats = np.empty((len(a), len(b))) if out is None else out
    for start in range(0, len(a), BLOCK):
        part = slice(start, start + BLOCK)
        np.matmul(np.rint(a[part].astype(np.float64) * SCALE), right, out=found[part])
    found /= SCALE
    np.rint(found, out=found)
    found /= SCALE
    return found


def as_lists(vectors: NDArray[np.floating]) -> pa.ListArray:
    """Return the rows of `vectors` (n, d) as n Arrow lists of float32, without copying value by value.

    >>> as_lists(np.eye(2, dtype=np.float32)).to_pylist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    n, d = vectors.shape
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * d)
    return pa.ListArray.from_arrays(offsets, pa.array(vectors.reshape(-1), pa.float32()))


def as_matrix(lists: pa.ChunkedArray) -> NDArray[np.float32]:
    """Return an Arrow column of n lists of equal length as float32 (n, d); (0, 0) for an empty column.

    >>> as_matrix(pa.chunked_array([[[1.0, 0.0], [0.0, 1.0]]])).shape
    (2, 2)
    """
    values = lists.combine_chunks()
    flat = values.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return flat.reshape(len(values), -1) if len(values) else np.zeros((0, 0), np.float32)
