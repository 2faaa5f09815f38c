"""What the embedding cache costs a first run, and what it saves a second one.

`python -m benchmarks.embedding_reruns --calls FILE` embeds real sentences without the cache, with an empty one, again,
and again after every twentieth sentence was changed, as by another splitter. `--entries 2000000` fills a cache with
that many random vectors, 19,000 at a time as a step does, and reads them again: seconds, memory, and size on disk.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import calls as corpus
from benchmarks.measure import Clock, markdown, peak_mib, reset_peak, timed
from ftm_resources.models import embedding_cache
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.embedding_cache import EmbeddingCache, digests, model_folder

AT_ONCE = 19_000
"""Sentences of 50 firms."""
WIDTH = 384


def runs(texts: list[str], folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Return a row per kind of run: the least of a few rounds, which take turns."""
    changed = [f"{t} Indeed." if i % 20 == 0 else t for i, t in enumerate(texts)]
    clocks: dict[str, list[Clock]] = {}
    told: dict[str, tuple[int, int]] = {}
    vectors: dict[str, Any] = {}
    Embedder().embed(texts[:64])
    for turn in range(rounds):
        kept = str(folder / str(turn))
        for name, said, cache in (
            ("without the cache", texts, ""), ("into an empty cache", texts, kept), ("again", texts, kept),
            ("again, one sentence in twenty changed", changed, kept),
        ):  # fmt: skip
            os.environ["FTM_EMBEDDING_CACHE"] = cache
            embedding_cache._opened.clear()  # as another process would find it
            clock = Clock()
            with timed(clock):
                vectors[name] = Embedder().embed(said, counted=lambda *n, name=name: told.update({name: n}))
            clocks.setdefault(name, []).append(clock)
    exact = vectors["without the cache"]
    return [
        {
            "run": name,
            "embedded": told[name][0],
            "from the cache": told[name][1],
            "CPU s": min(c.cpu for c in own),
            "clock s": min(c.wall for c in own),
            "bits of the unchanged": "same"
            if all(
                np.array_equal(a, b)
                for a, b, s, t in zip(vectors[name], exact, changed, texts, strict=True)
                if s == t
            )
            else "others",
        }
        for name, own in clocks.items()
    ]


def at_scale(entries: int, folder: Path) -> list[dict[str, Any]]:
    """Return a row per act on a cache of many entries."""
    dice = np.random.default_rng(0)
    model = model_folder(folder, {"model": "random"}, np.eye(1, WIDTH, dtype=np.float32))
    parts = [range(i, min(i + AT_ONCE, entries)) for i in range(0, entries, AT_ONCE)]
    vectors = dice.normal(size=(AT_ONCE, WIDTH)).astype(np.float32)

    def texts(part: range) -> list[str]:
        return [f"We said sentence {i} of so many in this quarter's calls." for i in part]

    rows = []

    def act(name: str, work: Any) -> Any:
        reset_peak()
        before, clock = peak_mib(), Clock()
        with timed(clock):
            result = work()
        rows.append(
            {
                "act": name,
                "CPU s": clock.cpu,
                "CPU µs an entry": 1e6 * clock.cpu / entries,
                "clock s": clock.wall,
                "more memory, MiB": peak_mib() - before,
            }
        )
        return result

    cache = EmbeddingCache(model, WIDTH, 10**12)

    def keep() -> None:
        for part in parts:
            cache.put(digests(texts(part)), vectors[: len(part)])

    act("keep all", keep)
    cache = act("open", lambda: EmbeddingCache(model, WIDTH, 10**12))
    n = act("read all", lambda: sum(len(cache.get(digests(texts(p)))[0]) for p in parts))
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{n:,} of {entries:,} found; {size / 1e9:.2f} GB\n")
    return rows


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedding_reruns", description=__doc__)
    parser.add_argument(
        "--calls", type=Path, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    parser.add_argument("--sentences", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--entries", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.calls:
            every = list(dict.fromkeys(t for call in corpus.load(options.calls) for t in call.texts))
            step = max(1, len(every) // options.sentences)
            print(markdown(runs(every[::step][: options.sentences], Path(folder), options.rounds)), "\n")
        if options.entries:
            print(markdown(at_scale(options.entries, Path(folder) / "scale")))


if __name__ == "__main__":
    main()
