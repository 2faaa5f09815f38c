"""How batches of sentences are best computed in bfloat16: tokens per batch, streams, threads, tokenizing beside it.

`python -m benchmarks.embedding_batches --calls FILE` embeds the same real sentences in every way, in turns, and prints
medians per 3,000 of them: seconds of CPU of all threads, and of the clock. The sentences are of a few common lengths,
so that batches are full, as those of 50 firms are. *Bits* says whether the vectors are those of the first way. A way
is `tokens per batch / streams / threads / tokenized`; the platform's is `2048/n/n/beside` on n cores. The first table
counts how full batches are: only what is in small ones could gain by putting several lengths into one.
"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import calls as corpus
from benchmarks.measure import Clock, markdown, timed
from ftm_resources.models import batches
from ftm_resources.models.encoders import READY_BATCHES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

PER = 3_000


class Way(NamedTuple):
    """One way of computing."""

    budget: int = 2048
    streams: int = 1
    threads: int = 1
    beside: bool = True
    """Whether a thread of its own tokenizes ahead of the model."""

    def __str__(self) -> str:
        """Return the way as the table shows it."""
        return f"{self.budget}/{self.streams}/{self.threads}/{'beside' if self.beside else 'before'}"


WAYS = (
    *(Way(budget) for budget in (2048, 512, 1024, 4096, 8192)),
    Way(beside=False),
    Way(streams=2, threads=2),
    Way(streams=1, threads=2),
    Way(8192, streams=1, threads=2),
)


def ways_of(texts: Sequence[str], ways: Sequence[Way]) -> dict[Way, Callable[[], NDArray[np.float32]]]:
    """Return a function per way that embeds the texts: float32 (n, 384), not of unit length."""
    import openvino
    import torch

    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415

    loaded = Embedder(backend="openvino", precision="bfloat16")._load()
    module: Any = loaded.encoder._module  # type: ignore[attr-defined]
    ids = torch.ones((2, 8), dtype=torch.long)
    model = openvino.convert_model(module, example_input=(ids,), input=[[-1, -1]])

    def requests(streams: int, threads: int) -> list[Any]:
        options = {"NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": str(threads)}
        compiled = openvino.Core().compile_model(model, "CPU", options | {"INFERENCE_PRECISION_HINT": "bf16"})
        return [compiled.create_infer_request() for _ in range(streams + 1)]

    compiled = {key: requests(*key) for key in {(w.streams, w.threads) for w in ways}}

    def embed(way: Way) -> NDArray[np.float32]:
        made: Iterable[batches.Batch] = batches.batches(texts, loaded.tokenize, way.budget, row_step=1)
        made = batches.ahead(made, READY_BATCHES) if way.beside else list(made)
        vectors = np.empty((len(texts), loaded.width), np.float32)
        free, running = list(compiled[way.streams, way.threads]), []
        for batch in chain(made, [None] * way.streams):
            if batch is not None:
                request = free.pop()
                request.start_async([batch.ids], share_inputs=True)
                running.append((request, batch))
            if running and (batch is None or not free):
                request, done = running.pop(0)
                request.wait()
                vectors[done.rows] = request.get_output_tensor(0).data
                free.append(request)
        return vectors

    return {way: lambda way=way: embed(way) for way in ways}  # type: ignore[misc]


def table(texts: Sequence[str], chosen: Sequence[Way], rounds: int) -> list[dict[str, Any]]:
    """Return a row per way; the first round, which compiles for each shape, is not counted."""
    ways = ways_of(texts, chosen)
    first = next(iter(ways.values()))()
    same = {way: bool(np.array_equal(embed(), first)) for way, embed in ways.items()}
    spent: dict[Way, list[tuple[float, float]]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way, embed in ways.items():
            clock = Clock()
            with timed(clock):
                embed()
            spent[way].append((clock.cpu, clock.wall))
            print(f"round {turn}, {way}: {clock.cpu:.2f} s of CPU", file=sys.stderr, flush=True)
    base = np.array([cpu for cpu, _ in spent[chosen[0]]])
    rows = []
    for way, times in spent.items():
        cpu, wall = np.array(times).T * PER / len(texts)
        paired = np.array([c for c, _ in times]) / base
        rows.append(
            {
                "way": str(way),
                "CPU s": float(np.median(cpu)),
                "of the first, paired": f"{np.median(paired):.3f} ({paired.min():.2f}-{paired.max():.2f})",
                "clock s": float(np.median(wall)),
                "clock s, least": float(wall.min()),
                "bits": "same" if same[way] else "others",
            }
        )
    return rows


def of_lengths(
    texts: Sequence[str], tokenize: batches.Tokenize, lengths: Sequence[int], tokens: int
) -> list[str]:
    """Return texts of so many tokens: as many as make `tokens` of each length, or all that there are."""
    found: dict[int, list[str]] = {n: [] for n in lengths}
    for text, ids in zip(texts, tokenize(list(texts)), strict=True):
        own = found.get(len(ids))
        if own is not None and (len(own) + 1) * len(ids) <= tokens:
            own.append(text)
    return [t for own in found.values() for t in own]


def fullness(texts: Sequence[str], tokenize: batches.Tokenize) -> list[dict[str, Any]]:
    """Return a row per number of tokens in a batch: how many batches texts make, and how full they are."""
    rows = []
    for budget in sorted({way.budget for way in WAYS}):
        sizes = np.array([b.ids.size for b in batches.batches(texts, tokenize, budget, row_step=1)])
        rows.append(
            {
                "tokens per batch": budget,
                "batches": len(sizes),
                "tokens, mean": float(sizes.mean()),
                "share of tokens in batches less than half full": float(
                    sizes[sizes < budget / 2].sum() / sizes.sum()
                ),
            }
        )
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedding_batches", description=__doc__)
    parser.add_argument(
        "--calls", type=Path, required=True, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=[20, 28, 36, 48], help="in tokens, of the sentences taken"
    )
    parser.add_argument("--tokens", type=int, default=16_384, help="of each length")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--ways", nargs="*", default=[str(w) for w in WAYS], help="which of the ways; default: all"
    )
    options = parser.parse_args()
    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415

    tokenize = Embedder(backend="openvino", precision="bfloat16")._load().tokenize
    if tokenize is None:
        raise ValueError("the model has no tokenizer")
    every = list(dict.fromkeys(t for call in corpus.load(options.calls) for t in call.texts))
    print(markdown(fullness(every, tokenize)), "\n", flush=True)
    texts = of_lengths(every, tokenize, options.lengths, options.tokens)
    before = os.getloadavg()[0]
    print(f"{len(texts)} sentences\n", flush=True)
    print(markdown(table(texts, [w for w in WAYS if str(w) in options.ways], options.rounds)))
    print(f"\nload {before:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
