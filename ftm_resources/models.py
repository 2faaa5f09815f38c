"""What the model resources (embedder, sentiment scorer) share: loading once, device, precision, batches.

Reproducibility rests on two things. A text is padded to a width that follows from its own length alone
(`WIDTH_STEP`), never from the texts beside it; and a batch is filled up to a multiple of `ROW_STEP` rows,
as matrix products treat the odd rows at the end differently. In float32 on an x86 CPU a text's result then
has the same bits whatever else is in the call, in whatever order, with any batch size or number of
threads. That is observed, and the tests check it; PyTorch does not promise it. Another kind of processor
or another PyTorch may differ in the last bits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Precision = Literal["float32", "bfloat16", "float16", "auto"]
Progress = Callable[[int, int], None]
"""Called with (texts done, texts in all) after every batch; texts that occur twice count once."""

WIDTH_STEP = 8
"""Texts are padded to the next multiple of this many tokens: about a tenth of padding at 30 tokens a text."""

ROW_STEP = 8
"""Batches have a multiple of this many rows; measured: without it pooling layers differ in the last bit."""

BATCH_TOKENS = {"cpu": 2048, "gpu": 32768}
"""Tokens (with padding) in a batch: on a CPU what stays in its caches, on a GPU what keeps it busy."""

FALLBACK_MAX_TOKENS = 512
"""The limit of a model that states none (XLNet, T5); no sentence comes near it."""


@dataclass
class LoadedModel:
    """A model in memory; `lock` is held while it or its tokenizer works, as neither is thread-safe."""

    model: Any
    tokenizer: Any
    """A transformers tokenizer, or None where the model has none (static word vectors)."""
    max_tokens: int
    lock: threading.Lock = field(default_factory=threading.Lock)


_loaded: dict[tuple[str, ...], LoadedModel] = {}
_loading = threading.Lock()


def load_once(key: tuple[str, ...], load: Callable[[], LoadedModel]) -> LoadedModel:
    """Return what `load` made for this key in this process; steps that run in threads wait for one load."""
    with _loading:
        if key not in _loaded:
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call] # a bar over weight tensors says nothing in a run's log
            _loaded[key] = load()
        return _loaded[key]


def choose_device(device: str | None) -> str:
    """Return the torch device asked for, else the first there is of cuda, mps and cpu."""
    if device:
        return device
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def choose_precision(precision: Precision, device: str) -> str:
    """Resolve `auto`: half precision where the hardware computes in it, float32 elsewhere.

    That is float16 on a GPU (its mantissa is the longer one) and bfloat16 on a CPU with AVX512-BF16 or AMX.
    """
    if precision != "auto":
        return precision
    if not device.startswith("cpu"):
        return "float16"
    return "bfloat16" if cpu_has_bfloat16() else "float32"


def cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU multiplies in bfloat16 (AVX512-BF16 or AMX), as Linux says; False on other systems.

    torch says "AVX512" in public, but not whether that includes bfloat16.
    """
    if not cpuinfo.exists():
        return False
    flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), "")
    return bool({"avx512_bf16", "amx_bf16"} & set(flags.split()))


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    """Return the context in which torch computes products in `precision` (as resolved) and the rest in float32."""
    import torch

    if precision == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=getattr(torch, precision))


def distinct(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct texts in order of first occurrence, and for each text its place among them (int64)."""
    places: dict[str, int] = {}
    where = np.fromiter((places.setdefault(t, len(places)) for t in texts), np.int64, len(texts))
    return list(places), where


def count_tokens(loaded: LoadedModel, texts: list[str]) -> NDArray[np.int64]:
    """Return the number of tokens of each text as the model's tokenizer truncates it, int64 (n,), at least 1.

    A model without a transformers tokenizer does not pad; all its texts count as 1.
    """
    counts = np.ones(len(texts), np.int64)
    if loaded.tokenizer is None:
        return counts
    for start in range(0, len(texts), 10_000):  # the token lists of two million texts would fill gigabytes
        part = texts[start : start + 10_000]
        with loaded.lock:
            tokens = loaded.tokenizer(part, truncation=True, max_length=loaded.max_tokens)["input_ids"]
        counts[start : start + len(part)] = [max(1, len(t)) for t in tokens]
    return counts


def batches(
    n_tokens: NDArray[np.int64], max_tokens: int, batch_tokens: int | None, device: str
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield (width, rows): rows of equal padded width, the longest first, so that memory peaks at once.

    `n_tokens` is (n,) int64; `rows` index it. A batch holds at most `batch_tokens` tokens (default: by
    device), but never fewer than `ROW_STEP` rows where there are as many. Every row is in exactly one batch.
    """
    budget = batch_tokens or BATCH_TOKENS["cpu" if device.startswith("cpu") else "gpu"]
    widths = np.minimum(-(-n_tokens // WIDTH_STEP) * WIDTH_STEP, max_tokens)
    for width in np.unique(widths)[::-1].tolist():
        rows = np.flatnonzero(widths == width)
        size = max(1, budget // width // ROW_STEP) * ROW_STEP
        for start in range(0, len(rows), size):
            yield width, rows[start : start + size]


def filled(batch: list[str]) -> list[str]:
    """Return the texts of a batch, the last repeated up to a multiple of `ROW_STEP`; drop what comes of those."""
    return batch + batch[-1:] * (-len(batch) % ROW_STEP)
