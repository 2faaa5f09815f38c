"""Batches of token ids: texts are tokenized once and grouped by length, in bounded memory.

On a CPU all texts of a batch have the same number of tokens, so there is no padding or attention mask, and a text's
result does not depend on its neighbours. Where matrix products treat leftover rows at the end differently, a batch is
filled up to a multiple of `ROW_STEP` rows; `encoders` states the remaining differences. A GPU needs more rows at a time
than have one length: there texts of similar length are `mixed`, the shorter ones padded at their ends.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger(__name__)

T = TypeVar("T")

Tokenize = Callable[[list[str]], list[list[int]]]

ROW_STEP = 8
"""Full batches have a multiple of this many rows, and with torch so do all: measured on AMD, its products otherwise
differ in the last bit. Those of OpenVINO do not (measured in bfloat16 on AMD, in both precisions on Intel), and filling
adds a tenth to the tokens of 44 calls and a third to those of ten: a long text alone of its length is computed eight
times."""

PADDED = 0.8
"""Least share of a mixed batch's width that each of its texts has. In 12,774 sentences of real calls it adds 8% of
padding, and makes 24 batches where texts of one length make 132."""

PROBES = ("", "Gross margin rose.", "Freight, labor and raw materials cost more than planned. " * 100)
"""Texts that test whether two ways of tokenizing are the same: empty, plain, too long."""

CHUNK = 10_000
"""Texts tokenized at a time, so that only their tokens are in memory as Python lists."""


@dataclass(frozen=True)
class Batch:
    """Texts with the same number of tokens, or of similar ones; the last is repeated where the batch is filled up."""

    rows: NDArray[np.int64]
    """(n,): the positions of the texts in the call."""
    ids: NDArray[np.int64]
    """(n filled up, tokens)."""
    texts: list[str]
    """n filled up."""
    lengths: NDArray[np.int64] | None = None
    """(n filled up,): the tokens of each text, if they differ; the rest of its ids is 0."""


def batches(
    texts: Sequence[str],
    tokenize: Tokenize | None,
    budget: int,
    *,
    row_step: int = ROW_STEP,
    mixed: bool = False,
) -> Iterator[Batch]:
    """Yield every text in exactly one batch, roughly the longest first, so that memory peaks at the start.

    A batch holds at most `budget` tokens, but may always hold `ROW_STEP` rows. One that is not full is filled up to a
    multiple of `row_step` rows. Without a tokenizer every text counts as one token, id 0. If `mixed`, a batch holds
    texts of similar length (see `PADDED`).
    """
    # The next chunk is tokenized while the current one is being encoded, so that a GPU does not wait.
    for rows, chunk, widths, flat in ahead(_tokenized(texts, tokenize), 1):
        begins = np.cumsum(widths) - widths
        order = np.argsort(-widths, kind="stable")
        falling = -widths[order]
        first = 0
        while first < len(order):
            width = int(widths[order[first]])
            size = max(1, budget // width // ROW_STEP) * ROW_STEP
            least = int(np.ceil(PADDED * width)) if mixed else width
            part = order[first : min(first + size, int(np.searchsorted(falling, -least, side="right")))]
            first += len(part)
            filled = np.append(part, np.repeat(part[-1:], -len(part) % row_step))
            lengths = widths[filled]
            is_even = bool((lengths == width).all())
            at = begins[filled, None] + np.arange(width)
            ids = flat[at] if is_even else _padded(flat, at, lengths)
            yield Batch(rows[part], ids, [chunk[i] for i in filled], None if is_even else lengths)


def _padded(flat: NDArray[np.int64], at: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the tokens at these places, as far as each row has any, and 0 after its end."""
    found = flat[np.minimum(at, len(flat) - 1)]
    found[np.arange(at.shape[1]) >= lengths[:, None]] = 0
    return found


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

    def by_transformers(texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = tokenizer(
            texts,
            truncation=True,
            max_length=max_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        return found

    ids_of = _directly(tokenizer, by_transformers) or by_transformers

    def tokenize(texts: list[str]) -> list[list[int]]:
        return [row or blank for row in ids_of([prompt + t for t in texts] if prompt else texts)]

    return tokenize


def _directly(tokenizer: Any, by_transformers: Tokenize) -> Tokenize | None:
    """Return what tokenizes without transformers' own records of each text; None if that gives other tokens.

    They cost as much as the tokens, in the thread that a GPU waits for.
    """
    expected = by_transformers(list(PROBES))  # also sets the truncation
    if not getattr(tokenizer, "is_fast", False) or _has_own_python(tokenizer):
        return None
    from tokenizers import Tokenizer  # noqa: PLC0415 - only where texts are tokenized

    try:
        own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())  # nobody else sets its truncation
        own.encode_special_tokens = (
            tokenizer.backend_tokenizer.encode_special_tokens
        )  # `to_str` leaves it out
    except Exception as error:  # noqa: BLE001 - tokenizers raises no narrower one for parts written in Python
        _log.info("tokenizing by transformers: %s", error)
        return None
    own.no_padding()

    def ids_of(texts: list[str]) -> list[list[int]]:
        return [found.ids for found in own.encode_batch_fast(texts)]

    return ids_of if ids_of(list(PROBES)) == expected else None


def _has_own_python(tokenizer: Any) -> bool:
    """Whether a tokenizer's class does more to a text than transformers' own, which a copy of its core would not."""
    from transformers import PreTrainedTokenizerFast

    steps = ("__call__", "_encode_plus")
    return any(getattr(type(tokenizer), s) is not getattr(PreTrainedTokenizerFast, s) for s in steps)


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
