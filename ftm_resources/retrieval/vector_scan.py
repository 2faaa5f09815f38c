"""Nearest rows to a query: by signs of centred vectors, the best by 8-bit ones and of these by 12-bit ones, or exactly.

What belongs here: numbers only. A vector is stored as one sign bit per dimension, of the vector less the mean of its
level; as one signed byte per dimension with a scale per row; and as four bits per dimension of what the byte leaves: of
two million rows, the tenth and eleventh are nearer to each other than bytes can tell. A filter is a mask over rows,
applied before ranking.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    _Rated = Callable[[NDArray[np.int64]], NDArray[np.float32]]

BLOCK = 32_768
"""Rows scanned at once: their distances stay in the processor's cache (18 ms for 2 million; 46 ms by 262,144)."""

CANDIDATES = 2_000
"""Rows with the nearest signs that are rated by their bytes; for more than 50 hits, 40 times as many."""

RATE_ALL_UP_TO = 20_000
"""With no more rows than this, in all or left by a filter, each is rated by its bytes and none is missed."""

REFINED = 200
"""Rows, the best by their bytes, that are rated by all 12 bits; for more than 50 hits, 4 times as many."""

_BYTES = 127.0
_STEPS = 15
"""Of a byte's width: the most that four bits can be."""
_FARTHEST = np.iinfo(np.uint16).max


class Vectors(Protocol):
    """The vectors of a level."""

    def nearest(
        self, query: NDArray[np.float32], n: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the `n` rows nearest to a unit vector, or fewer, and their cosines, nearest first; ties by row."""

    def similarities(self, rows: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosines of rows to a unit vector."""

    def release(self) -> None:
        """Give back the memory of what was read of files, which stay open."""


@dataclass(frozen=True)
class ExactVectors:
    """Vectors in float32, each of which is compared."""

    all: NDArray[np.float32]

    def nearest(
        self, query: NDArray[np.float32], n: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See Vectors."""
        rows = np.arange(len(self.all)) if mask is None else np.flatnonzero(mask)
        found = self.all @ query if mask is None else self.similarities(rows, query)
        return _best(rows, found.astype(np.float32), n)

    def similarities(self, rows: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
        """See Vectors."""
        return _in_blocks(rows, lambda some: self.all[some] @ query)

    def release(self) -> None:
        """Nothing is of a file."""


@dataclass(frozen=True)
class ScannedVectors:
    """Vectors as signs, bytes and four bits; the arrays may be files in memory."""

    signs: NDArray[np.uint64]
    """(words, n): 64 dimensions a word."""
    codes: NDArray[np.int8]
    """(n, d)."""
    rests: NDArray[np.uint8]
    """(n, d/2 or more): see `rests_of`."""
    scales: NDArray[np.float32]
    """(n,): a row is its codes and rests times its scale."""
    mean: NDArray[np.float32]
    """(d,)."""

    def nearest(
        self, query: NDArray[np.float32], n: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See Vectors."""
        held = len(self.scales) if mask is None else int(np.count_nonzero(mask))
        if held <= RATE_ALL_UP_TO:
            rows = np.arange(len(self.scales)) if mask is None else np.flatnonzero(mask)
        else:
            rows = np.sort(self._candidates(query, max(CANDIDATES, 40 * n), mask))
        rows, _ = _best(rows, _in_blocks(rows, lambda some: self._roughly(some, query)), max(REFINED, 4 * n))
        return _best(rows, self.similarities(rows, query), n)

    def similarities(self, rows: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
        """See Vectors."""
        half = self.rests.shape[1]
        low, high = query[:half], np.pad(query[half:], (0, 2 * half - len(query)))
        # The middle of the steps is no rest.
        middle = np.float32(_STEPS / 2) * query.sum(dtype=np.float32)

        def rated(some: NDArray[np.int64]) -> NDArray[np.float32]:
            packed = self.rests[some]
            rest = (packed & 15).astype(np.float32) @ low + (packed >> 4).astype(np.float32) @ high - middle
            finer: NDArray[np.float32] = (
                self._roughly(some, query) + rest / np.float32(_STEPS) * self.scales[some]
            )
            return finer

        return _in_blocks(rows, rated)

    def release(self) -> None:
        """See Vectors."""
        for array in (self.codes, self.rests):
            held: Any = array
            while isinstance(held, np.ndarray):
                held = held.base
            if isinstance(held, memoryview):
                held = held.obj
            if isinstance(held, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                held.madvise(mmap.MADV_DONTNEED)

    def _roughly(self, rows: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return cosines by bytes alone."""
        return (self.codes[rows].astype(np.float32) @ query) * self.scales[rows]

    def _candidates(
        self, query: NDArray[np.float32], wanted: int, mask: NDArray[np.bool_] | None
    ) -> NDArray[np.int64]:
        asked = signs_of(query[None], self.mean)[:, 0]
        n, bound = len(self.scales), _FARTHEST
        rows = np.empty(0, np.int64)
        distances = np.empty(0, np.uint16)
        for start in range(0, n, BLOCK):
            end = min(n, start + BLOCK)
            found = np.zeros(end - start, np.uint16)
            for word, of in zip(self.signs, asked, strict=True):
                found += np.bitwise_count(word[start:end] ^ of)
            is_near = found <= bound
            if mask is not None:
                is_near &= mask[start:end]
            near = np.flatnonzero(is_near)
            rows, distances = np.concatenate([rows, near + start]), np.concatenate([distances, found[near]])
            if len(rows) > 4 * wanted:
                kept = np.argpartition(distances, wanted)[:wanted]
                rows, distances = rows[kept], distances[kept]
                bound = int(distances.max())
        if len(rows) > wanted:
            rows = rows[np.argpartition(distances, wanted)[:wanted]]
        return rows


def signs_of(vectors: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return the signs of vectors (n, d) less a mean: (words, n), zero beyond the last dimension."""
    n, dimension = vectors.shape
    words = -(-dimension // 64)
    signs = np.zeros((n, words * 64), np.bool_)
    signs[:, :dimension] = vectors > mean
    return np.ascontiguousarray(np.packbits(signs, axis=1, bitorder="little").view("<u8").T)


def codes_of(
    vectors: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.uint8], NDArray[np.float32]]:
    """Return vectors (n, d) as bytes, rests and a scale per row; a zero vector has scale 0.

    Rests hold, in four bits a dimension, how far a byte is from the value: the first half of the dimensions in the low
    bits, the second in the high ones.
    """
    largest = np.abs(vectors).max(axis=1, initial=0).astype(np.float32)
    scales = largest / np.float32(_BYTES)
    scaled = vectors / np.where(scales > 0, scales, np.float32(1))[:, None]
    codes = np.rint(scaled)
    half = -(-vectors.shape[1] // 2)
    steps = np.zeros((len(vectors), 2 * half), np.uint8)
    steps[:, : vectors.shape[1]] = np.rint((scaled - codes + np.float32(0.5)) * _STEPS)
    return codes.astype(np.int8), steps[:, :half] | (steps[:, half:] << 4), scales


def _in_blocks(rows: NDArray[np.int64], rated: _Rated) -> NDArray[np.float32]:
    out = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK):
        out[start : start + BLOCK] = rated(rows[start : start + BLOCK])
    return out


def _best(
    rows: NDArray[np.int64], similarities: NDArray[np.float32], n: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    if n < len(rows):
        least = np.partition(similarities, len(rows) - n)[len(rows) - n]
        kept = np.flatnonzero(similarities >= least)
        rows, similarities = rows[kept], similarities[kept]
    order = np.lexsort((rows, -similarities))[:n]
    return rows[order], similarities[order]
