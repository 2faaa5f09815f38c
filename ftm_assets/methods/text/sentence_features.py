"""Features of a sentence for judging its kind: its words, its form and place, and what surrounds it.

Belongs here: everything about a sentence that `kinds` weighs, except its embedding. Features are computed alike in
training and in use, and do not depend on the processor: counts are whole numbers, and means are of whole millionths.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.vectors import SCALE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

WINDOWS = (4, 10)
"""Sentences on either side, within the call, whose mean judgment is a feature."""

_TOKEN = re.compile(r"\d[\d.,]*|[^\W\d_]+(?:'[^\W\d_]+)*(?!-+(?:\s|$|[,…]))|[?%$€£]")
_HESITATION = frozenset({"um", "umm", "uh", "uhm", "eh", "er", "ah", "hm", "hmm", "mm", "mhm"})
_NUMBER = r"\d ?%|[$€£] ?\d|\d (?:million|billion|percent|basis points|bps|cents?)\b"
_CAPITALISED = re.compile(r"(?<=\s)(?!I\b)[A-Z][\w'’]*")
_FEW_WORDS = (1, 2, 3, 5, 8, 12)


@dataclass(frozen=True)
class Places:
    """Where each of n sentences stands, in rows: the first row of its turn and call, and the row behind the last."""

    turn_start: Ints
    turn_end: Ints
    call_start: Ints
    call_end: Ints

    @classmethod
    def of(cls, sentences: pa.Table) -> Places:
        """Return the places of sentences in spoken order (columns transcript_id and component_id, calls in a row)."""
        call = _runs(sentences.column("transcript_id"))
        turn = _runs(sentences.column("component_id"))
        return cls(*_bounds(turn | call), *_bounds(call))


def tokens(text: str) -> list[str]:
    """Return the words of `text` in lower case, every number as "0", without hesitations and repeats.

    Of a word that the speaker cuts off, the last letter is dropped, so that it is not taken for a whole word.

    >>> tokens("Um, we, we grew 12.5%, uh, in the U.S., didn't we?")
    ['we', 'grew', '0', '%', 'in', 'the', 'u', 's', "didn't", 'we', '?']
    """
    said: list[str] = []
    for found in _TOKEN.findall(text.lower().replace("’", "'")):
        word = "0" if found[0].isdigit() else found
        if word not in _HESITATION and (not said or said[-1] != word):
            said.append(word)
    return said


def grams(text: str) -> list[int]:
    """Return the CRC-32 of every distinct word and pair of words; the text's bounds count as words in pairs."""
    said = tokens(text)
    found = {_crc(w) for w in said}
    found.update(_crc(f"{a} {b}") for a, b in pairwise(["^", *said, "$"]))
    return sorted(found)


@lru_cache(maxsize=200_000)
def _crc(gram: str) -> int:
    return zlib.crc32(gram.encode())


def gram_rows(texts: Iterable[str]) -> tuple[NDArray[np.uint32], Ints]:
    """Return the grams of all texts in a row, and how many each has."""
    found = [grams(text) for text in texts]
    counts = np.array([len(g) for g in found], dtype=np.int64)
    return np.fromiter((g for own in found for g in own), np.uint32, int(counts.sum())), counts


def form(sentences: pa.Table, places: Places) -> Floats:
    """Return features of form and place, float64 (n, f): length, marks, figures, capitals, position in the turn.

    The section, the kind of speaker and the position in the call are left out: they add nothing on calls left out, and
    mislead where a source does not know them or has only a part of a call.
    """
    text = sentences.column("text").combine_chunks()
    n = len(text)
    rows = np.arange(n)
    n_words = np.array([sum(w[0].isalnum() for w in tokens(t)) for t in text.to_pylist()], dtype=np.int64)
    capitals = np.array([len(_CAPITALISED.findall(t)) for t in text.to_pylist()]) / np.maximum(n_words - 1, 1)
    is_shouted = np.asarray(pc.equal(text, pc.utf8_upper(text)), dtype=bool)
    capitals = np.where(is_shouted, 0.0, np.minimum(capitals, 1.0))
    before, after = rows - places.turn_start, places.turn_end - 1 - rows
    columns = [
        np.log1p(n_words),
        *(n_words <= k for k in _FEW_WORDS),
        n_words > 30,
        _matches(text, r"\?"),
        _matches(text, r"\d"),
        _matches(text, _NUMBER),
        capitals,
        capitals > 0.3,
        before == 0,
        after == 0,
        np.log1p(before),
        np.log1p(after),
        before + after == 0,
    ]
    found: Floats = np.rint(np.stack([np.asarray(c, dtype=np.float64) for c in columns], axis=1) * 1e4) / 1e4
    return found


def around(p: Floats, places: Places) -> Floats:
    """Return the means of `p` (n, k), six decimals, over what surrounds each sentence: float64 (n, 3 k).

    Means are over up to `WINDOWS` sentences on either side within the call, and over the rest of the turn, without the
    sentence itself; 0 where there are none.
    """
    whole = np.rint(p * SCALE).astype(np.int64)
    sums = np.concatenate([np.zeros((1, p.shape[1]), np.int64), np.cumsum(whole, axis=0)])
    rows = np.arange(len(p))
    bounds = [
        (np.maximum(places.call_start, rows - w), np.minimum(places.call_end, rows + w + 1)) for w in WINDOWS
    ]
    bounds.append((places.turn_start, places.turn_end))
    means = [
        (sums[high] - sums[low] - whole) / np.maximum(high - low - 1, 1)[:, None] / SCALE
        for low, high in bounds
    ]
    found: Floats = np.concatenate(means, axis=1)
    return found


def _runs(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return whether each row's value differs from the one before it."""
    values = np.asarray(column.combine_chunks().dictionary_encode().indices)
    return np.concatenate([np.ones(min(len(values), 1), dtype=bool), values[1:] != values[:-1]])


def _bounds(is_first: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    starts = np.flatnonzero(is_first)
    ends = np.append(starts[1:], len(is_first))
    run = np.cumsum(is_first) - 1
    return starts[run], ends[run]


def _matches(text: pa.Array, pattern: str) -> NDArray[np.bool_]:
    return np.asarray(pc.match_substring_regex(text, pattern=pattern, ignore_case=True), dtype=bool)
