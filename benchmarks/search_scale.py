"""Search over quarters of generated sentences: latency, recall, size, and what an index costs to build.

`python -m benchmarks.search_scale --sentences 500000 --quarters 4 --out results.json` builds the index of each quarter
in a process of its own, then searches: exactly, by the index, by words, and by both. Vectors are those of the sample's
sentences, mixed in pairs and blurred, so that they lie as sentences do; no table is written, as reading them is not
what is measured.

`python -m benchmarks.search_scale --calibration 2020Q4 --warehouse DIR` prints, for a quarter that was made, how many
of the ten best candidates of each query are of each level by raw cosines and by calibrated ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import markdown, peak_mib
from ftm_resources.models.embedder import Embedder
from ftm_resources.retrieval.building import MANIFEST, open_index, write_index
from ftm_resources.retrieval.kept_open import opened_quarter
from ftm_resources.retrieval.levels import CALLS, LEVELS, STRINGS, Rows
from ftm_resources.retrieval.searching import asked_for, retrieve
from ftm_resources.retrieval.vector_scan import ExactVectors
from ftm_resources.retrieval.wanted import Wanted
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ftm_resources.retrieval.opened_quarter import OpenQuarter

BATCH = 16_384
CALLS_OF = 5_000
TOPICS, THEMES = 100_000, 500
QUERIES = 40
SUBJECTS = (
    "supply chain disruption", "capital allocation and share buybacks", "digital transformation",
    "free cash flow guidance", "impact of the pandemic on demand", "pricing and margins", "cost of raw materials",
    "new product launches", "dividend increase", "debt and leverage", "advertising revenue", "e-commerce growth",
    "oil prices", "housing demand", "regulatory rate case", "hiring and labor costs", "exports to China",
    "inventory levels", "customer retention", "working from home",
)  # fmt: skip
"""Queries of the calibration: subjects of earnings calls, chosen before any result was seen."""


@cache
def real(file: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Return sentences of the sample and their vectors (n, 384), kept in a file for the processes that build."""
    if not file.exists():
        source = SampleSource(12)
        turns = [t for rows in source.components("2023Q1") for t in rows.column("componenttext").to_pylist()]
        texts = sorted({s.strip() for t in turns for s in t.split(". ") if len(s) > 20})[::4][:1500]
        np.savez(file, texts=np.array(texts), vectors=Embedder().embed(texts))
    held = np.load(file)
    return held["texts"].tolist(), held["vectors"]


class Generated:
    """A quarter's rows (see `levels.QuarterRows`)."""

    def __init__(self, quarter: str, sentences: int, kept: Path) -> None:
        self.quarter, self.kept = quarter, kept
        self.cpu = 0.0
        """Seconds that generating took, which are not the index's."""
        self._n = {"sentence": sentences, "topic": min(TOPICS, sentences // 20), "theme": THEMES}
        self.made_from: dict[str, str] = {}
        self.models: dict[str, dict[str, Any]] = {level: {} for level in LEVELS}

    def calls(self) -> pa.Table:
        """Return calls, one per firm."""
        n = range(CALLS_OF)
        day = np.datetime64("2023-01-10") + np.arange(CALLS_OF) % 60
        columns = [
            [f"c{i}" for i in n],
            [str(i) for i in n],
            [f"Firm {i} Inc" for i in n],
            [f"F{i}" for i in n],
        ]
        return pa.table([*columns, list(n), day], schema=CALLS)

    def count(self, level: str) -> int:
        """Return how many rows a level has."""
        return self._n[level]

    def vectors(self, level: str) -> Iterator[NDArray[np.float32]]:
        """Yield vectors."""
        for start, end in self._batches(level):
            began = time.process_time()
            made, _ = self._vectors(level, start, end)
            self.cpu += time.process_time() - began
            yield made

    def rows(self, level: str) -> Iterator[Rows]:
        """Yield rows."""
        texts, _ = real(self.kept)
        for start, end in self._batches(level):
            began = time.process_time()
            vectors, of = self._vectors(level, start, end)
            numbers = np.arange(start, end)
            said = [f"{texts[a]}, and {texts[b]}" for a, b in of.tolist()]
            ids = [f"{self.quarter}:{level}:{i:07d}" for i in numbers.tolist()]
            own: dict[str, Any] = {"id": ids, "text": said}
            if level == "sentence":
                own["speaker_name"] = ["Chief"] * len(ids)
                columns = {
                    "call": (numbers * CALLS_OF // self._n[level]).astype(np.int32),
                    "topic": (numbers * self._n["topic"] // self._n[level]).astype(np.int32),
                    "section": (numbers % 2).astype(np.uint8), "speaker": (1 + numbers % 2).astype(np.uint8),
                    "is_procedural": (numbers % 5 == 0).astype(np.uint8),
                    "is_member": (numbers % 3 == 0).astype(np.uint8), "label": np.zeros(len(ids), np.int8),
                }  # fmt: skip
            else:
                ones = np.ones(len(ids), np.int32)
                own |= {
                    "name": [t[:40] for t in said],
                    "keywords": ["one, two"] * len(ids),
                    "n_topics": ones,
                    "n_sentences": ones,
                }
                columns = {"tone": np.zeros(len(ids))}
            if level == "topic":
                columns |= {
                    "call": (numbers * CALLS_OF // self._n[level]).astype(np.int32),
                    "theme": (numbers % THEMES).astype(np.int32),
                }
            strings = pa.RecordBatch.from_pydict(
                {f.name: own[f.name] for f in STRINGS[level]}, STRINGS[level]
            )
            self.cpu += time.process_time() - began
            yield Rows(strings, columns, vectors)

    def _batches(self, level: str) -> Iterator[tuple[int, int]]:
        for start in range(0, self._n[level], BATCH):
            yield start, min(self._n[level], start + BATCH)

    def _vectors(self, level: str, start: int, end: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        _, held = real(self.kept)
        rng = np.random.default_rng(
            [LEVELS.index(level), int(self.quarter[:4]), int(self.quarter[-1]), start]
        )
        of = rng.integers(0, len(held), (end - start, 2))
        share = rng.random((end - start, 1), np.float32)
        mixed = share * held[of[:, 0]] + (1 - share) * held[of[:, 1]]
        mixed += 0.015 * rng.standard_normal(mixed.shape, np.float32)
        return mixed / np.linalg.norm(mixed, axis=1, keepdims=True), of


def build(quarter: str, sentences: int, folder: Path, kept: Path) -> dict[str, Any]:
    """Build an index; return seconds, gigabytes and size. For a process of its own."""
    real(kept)
    source, before, began = Generated(quarter, sentences, kept), peak_mib(), time.process_time()
    started = time.perf_counter()
    write_index(source, folder)
    return {
        "quarter": quarter,
        "sentences": sentences,
        "CPU s": round(time.process_time() - began - source.cpu, 1),
        "s with generating": round(time.perf_counter() - started, 1),
        "peak MiB": peak_mib(),
        "MiB before": before,
        "MB on disk": round(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6),
    }


def queries(kept: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Return queries that are in no quarter as they are: real sentences, blurred."""
    texts, held = real(kept)
    rng = np.random.default_rng(7)
    of = rng.choice(len(held), QUERIES, replace=False)
    blurred = held[of] + 0.02 * rng.standard_normal((QUERIES, held.shape[1])).astype(np.float32)
    return [" ".join(texts[i].split()[:6]) for i in of], blurred / np.linalg.norm(
        blurred, axis=1, keepdims=True
    )


def timed(call: Callable[[int], Any]) -> dict[str, float]:
    """Return milliseconds of the first query, and of the others: median, 95th percentile, mean of the CPU."""
    taken, cpu = [], 0.0
    for i in range(QUERIES):
        started, began = time.perf_counter(), time.process_time()
        call(i)
        taken.append(1e3 * (time.perf_counter() - started))
        cpu += 1e3 * (time.process_time() - began) if i else 0.0
    others = taken[1:]
    return {
        "first": taken[0],
        "p50": float(np.median(others)),
        "p95": float(np.percentile(others, 95)),
        "CPU": cpu / len(others),
    }


def recall(opened: OpenQuarter, source: Generated) -> tuple[float, float, dict[str, float]]:
    """Return recall@10 of the index against every vector compared, without a filter and under one, and exact times."""
    _, asked = queries(source.kept)
    vectors = np.concatenate(list(source.vectors("sentence")))
    exact, scan = ExactVectors(vectors), opened.levels["sentence"].vectors
    mask = opened.levels["sentence"].columns["speaker"] == 1
    shares = []
    for limit in (None, mask):
        both = [
            ({*scan.nearest(q, 10, limit)[0].tolist()}, {*exact.nearest(q, 10, limit)[0].tolist()})
            for q in asked
        ]
        shares.append(float(np.mean([len(a & b) / 10 for a, b in both])))
    return shares[0], shares[1], timed(lambda i: exact.nearest(asked[i], 10))


def measured(folders: list[Path], sentences: int, kept: Path, *, with_exact: bool) -> list[dict[str, Any]]:
    """Return the latency of each way to search, over one quarter and over all."""
    started = time.perf_counter()
    opened = [open_index(f, json.loads((f / MANIFEST).read_text())) for f in folders]
    opening = 1e3 * (time.perf_counter() - started)
    texts, asked = queries(kept)
    rows: list[dict[str, Any]] = []
    for n in sorted({1, len(opened)}):
        some = opened[:n]

        def full(i: int, mode: Any, wanted: Wanted, some: list[OpenQuarter] = some) -> None:
            query = asked_for(texts[i], LEVELS, 10, mode)
            retrieve(query, some, wanted, k=10, mode=mode, vector=None if mode == "text" else asked[i])

        for name, call in (
            (
                "index: sentences alone",
                lambda i, s=some: [q.levels["sentence"].vectors.nearest(asked[i], 50) for q in s],
            ),
            ("words, all levels", lambda i: full(i, "text", Wanted())),
            ("vectors, all levels", lambda i: full(i, "vector", Wanted())),
            ("hybrid, all levels", lambda i: full(i, "hybrid", Wanted())),
            ("hybrid, of analysts", lambda i: full(i, "hybrid", Wanted(speakers=("analyst",)))),
            ("hybrid, of a firm", lambda i: full(i, "hybrid", Wanted(firms=("77",)))),
        ):
            rows.append({"search": name, "quarters": n, "sentences": sentences, **timed(call)})
    if with_exact:
        plain, filtered, exact = recall(opened[0], Generated(opened[0].quarter, sentences, kept))
        rows.append({"search": "exact: sentences alone", "quarters": 1, "sentences": sentences, **exact})
        print(f"recall@10 {plain:.3f}, under a filter {filtered:.3f}")
    print(f"opening {len(opened)} indexes: {opening:.0f} ms; peak {peak_mib()} MiB")
    return rows


def calibration(warehouse: Warehouse, quarter: str) -> list[dict[str, Any]]:
    """Return, for each way to rank, how many of the ten best candidates of all SUBJECTS are of each level."""
    opened, embedder = [opened_quarter(warehouse, quarter)], Embedder()
    found: dict[str, Counter[str]] = {
        "raw cosine": Counter(),
        "calibrated": Counter(),
        "hybrid": Counter(),
        "hits": Counter(),
    }
    for subject in SUBJECTS:
        near = retrieve(
            asked_for(subject, LEVELS, 10, "vector"), opened, Wanted(), k=10, mode="vector", embedder=embedder
        )
        both = retrieve(asked_for(subject, LEVELS, 10, "hybrid"), opened, Wanted(), k=10, embedder=embedder)
        raw = sorted(near.candidates, key=lambda c: -c.cosine)
        for name, ranked in (
            ("raw cosine", raw), ("calibrated", near.candidates), ("hybrid", both.candidates), ("hits", both.hits),
        ):  # fmt: skip
            found[name].update(c.level for c in ranked[:10])
    held = {level: opened[0].levels[level].n for level in LEVELS}
    scales = {level: opened[0].levels[level].scale for level in LEVELS}
    rows: list[dict[str, Any]] = [
        {"ranking": name, **{level: of[level] for level in LEVELS}} for name, of in found.items()
    ]
    rows.append({"ranking": "rows in the quarter", **held})
    rows.append(
        {"ranking": "centre of the scale", **{level: round(scales[level].centre, 3) for level in LEVELS}}
    )
    rows.append(
        {"ranking": "spread of the scale", **{level: round(scales[level].spread, 3) for level in LEVELS}}
    )
    return rows


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=500_000)
    parser.add_argument("--quarters", type=int, default=4)
    parser.add_argument(
        "--without-exact", action="store_true", help="Compare with no exact search, which needs 1.5 KB a row."
    )
    parser.add_argument("--calibration", metavar="QUARTER")
    parser.add_argument("--warehouse")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--build", nargs=3, metavar=("QUARTER", "FOLDER", "TEXTS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        print(json.dumps(build(given.build[0], given.sentences, *map(Path, given.build[1:]))))
        return
    if given.calibration:
        rows = calibration(Warehouse(path=given.warehouse), given.calibration)
        print(markdown(rows))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folders, built, kept = [], [], Path(scratch, "sentences.npz")
        real(kept)
        for i in range(given.quarters):
            quarter = f"2023Q{i % 4 + 1}"
            folders.append(Path(scratch, quarter))
            command = [sys.executable, "-m", "benchmarks.search_scale", "--sentences", str(given.sentences)]
            done = subprocess.run(  # noqa: S603 - this module
                [*command, "--build", quarter, str(folders[-1]), str(kept)],
                capture_output=True,
                text=True,
                check=True,
            )
            built.append(json.loads(done.stdout.splitlines()[-1]))
            print(built[-1], flush=True)
        rows = measured(folders, given.sentences, kept, with_exact=not given.without_exact)
        print(markdown(rows))
    if given.out:
        given.out.write_text(json.dumps({"built": built, "searched": rows}, indent=1))


if __name__ == "__main__":
    main()
