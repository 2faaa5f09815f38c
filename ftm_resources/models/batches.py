"""Batches of token ids: texts are tokenized once and grouped by exact length, in bounded memory.

All texts of a batch have the same number of tokens, so there is no padding or attention mask, and a text's result
does not depend on its neighbours. Where matrix products treat leftover rows at the end differently, a batch is filled
up to a multiple of `ROW_STEP` rows; `encoders` states the remaining differences.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

Tokenize = Callable[[list[str]], list[list[int]]]

ROW_STEP = 8
"""Full batches have a multiple of this many rows, and with torch so do all: measured on AMD, its products otherwise
differ in the last bit. Those of OpenVINO do not (measured in bfloat16 on AMD, in both precisions on Intel), and filling
adds a tenth to the tokens of 44 calls and a third to those of ten: a long text alone of its length is computed eight
times."""

CHUNK = 10_000
"""Texts tokenized at a time, so that only their tokens are in memory as Python lists."""


@dataclass(frozen=True)
class Batch:
    """Texts with the same number of tokens; the last is repeated where the batch is filled up."""

    rows: NDArray[np.int64]
    """(n,): the positions of the texts in the call."""
    ids: NDArray[np.int64]
    """(n filled up, tokens)."""
    texts: list[str]
    """n filled up."""


def batches(
    texts: Sequence[str], tokenize: Tokenize | None, budget: int, *, row_step: int = ROW_STEP
) -> Iterator[Batch]:
    """Yield every text in exactly one batch, roughly the longest first, so that memory peaks at the start.

    A batch holds at most `budget` tokens, but may always hold `ROW_STEP` rows. One that is not full is filled up to a
    multiple of `row_step` rows. Without a tokenizer every text counts as one token, id 0.
    """
    # The next chunk is tokenized while the current one is being encoded, so that a GPU does not wait.
    for rows, chunk, widths, flat in ahead(_tokenized(texts, tokenize), 1):
        begins = np.cumsum(widths) - widths
        for width in np.unique(widths)[::-1].tolist():
            members = np.flatnonzero(widths == width)
            size = max(1, budget // width // ROW_STEP) * ROW_STEP
            for first in range(0, len(members), size):
                part = members[first : first + size]
                filled = np.append(part, np.repeat(part[-1:], -len(part) % row_step))
                ids = flat[begins[filled, None] + np.arange(width)]
                yield Batch(rows[part], ids, [chunk[i] for i in filled])


def _tokenized(
    texts: Sequence[str], tokenize: Tokenize | None
) -> Iterator[tuple[NDArray[np.int64], list[str], NDArray[np.int64], NDArray[np.int64]]]:
    # Yields positions, texts, token counts and concatenated tokens, `CHUNK` texts at a time. Texts are sorted by
    # characters first, so that a chunk has few distinct token counts and little filling up.
    order = np.argsort(np.fromiter((-len(t) for t in texts), np.int64, len(texts)), kind="stable")
    for start in range(0, len(texts), CHUNK):
        rows = order[start : start + CHUNK]
        chunk = [texts[i] for i in rows]
        tokens = tokenize(chunk) if tokenize else [[0]] * len(chunk)
        widths = np.fromiter(map(len, tokens), np.int64, len(tokens))
        flat = np.fromiter(chain.from_iterable(tokens), np.int64, int(widths.sum()))
        yield rows, chunk, widths, flat


def tokenizer_call(tokenizer: Any, max_tokens: int, prompt: str = "") -> Tokenize:
    """Return a function that tokenizes with a transformers tokenizer: prompt first, truncated to `max_tokens`.

    A text without tokens (empty, and no special tokens) becomes one padding token.
    """
    blank = [tokenizer.pad_token_id or 0]

    def tokenize(texts: list[str]) -> list[list[int]]:
        ids = tokenizer(
            [prompt + t for t in texts] if prompt else texts,
            truncation=True,
            max_length=max_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        return [row or blank for row in ids]

    return tokenize


def ahead(items: Iterable[T], depth: int) -> Iterator[T]:
    """Yield the items, produced up to `depth` ahead in a background thread; its errors are raised here.

    Closing the iterator early waits for the item in progress and produces no more.
    """
    source, end = iter(items), object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        waiting = deque(pool.submit(next, source, end) for _ in range(depth))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(next, source, end))
                yield item  # type: ignore[misc] # what is not `end` came from `items`
        finally:
            pool.shutdown(cancel_futures=True)
