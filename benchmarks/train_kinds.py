"""Train the probe of sentence kinds: `python -m benchmarks.train_kinds --calls FILE` (Earnings-21).

Prints how well it does on calls that were left out, against both readers, and writes the weights that the package
ships; with the same libraries and labels they are the same bytes. `--check` writes nothing and fails if they differ.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.kept_vectors import kept_vectors
from ftm_assets.methods.calls.transcript_versions import build_transcripts
from ftm_assets.methods.text import kinds
from ftm_assets.methods.text.sentence_features import Places, form, gram_rows
from ftm_assets.methods.text.sentence_splitting import build_sentences
from ftm_assets.methods.tone_agreement import kappa
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.tables.categories import SENTENCE_KINDS
from ftm_resources.tables.components import COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LABELS = Path(__file__).parent / "labels" / "sentences.csv"
CALLS_PER_GRAM = 3
"""A word or pair counts if at least so many of the calls trained on use it: others belong to one firm."""
FOLDS = 5
"""Parts into which calls are divided, whole calls each, for the first pass within training and for the table."""
FORM_SCALE = 0.3
REGULARISATION = 1.0
"""scikit-learn's C, of every part of the probe."""
RESAMPLED = 1_000
"""Draws of calls for an interval."""


@dataclass(frozen=True)
class Labelled:
    """The calls' sentences in spoken order with what the readers said of each."""

    sentences: pa.Table
    vectors: NDArray[np.float32]
    first: Ints
    """Kind by the first reader, as a position in SENTENCE_KINDS; -1: none."""
    second: Ints
    call: Ints


@dataclass(frozen=True)
class Features:
    """What does not depend on which calls are trained on."""

    forms: Floats
    places: Places
    grams: NDArray[np.uint32]
    """All distinct grams, ascending."""
    words: csr_array
    """(n, all grams), scaled as `kinds.by_words` scales."""
    vectors: Floats


def load(path: Path) -> Labelled:
    """Return the sentences of the calls in `path`, with embeddings (kept in `.benchmarks`) and labels."""
    database = ConfiguredDuckDB().connect()
    tables, texts = [], {}
    for quarter in QUARTERS.get_partition_keys():
        parts = list(FilesSource(path).components(quarter))
        spoken = pa.concat_tables(parts) if parts else COMPONENTS.empty_table()
        # One call at a time: whether two are the same is decided with the weights that are to be made here.
        for call_id in sorted(spoken.column("transcriptid").unique().to_pylist()):
            own = spoken.filter(pc.equal(spoken.column("transcriptid"), call_id))
            transcripts, _ = build_transcripts(own, quarter, database=database)
            tables.append(build_sentences(transcripts, quarter))
            columns = (transcripts.column(c).to_pylist() for c in ("component_id", "text"))
            texts |= dict(zip(*columns, strict=True))
    sentences = pa.concat_tables(tables)
    said = sentences.column("text").to_pylist()
    vectors = kept_vectors("vectors", said)
    first, second = _labels(sentences, texts)
    call = np.asarray(sentences.column("transcript_id").combine_chunks().dictionary_encode().indices)
    return Labelled(sentences, vectors, first, second, call.astype(np.int64))


def _labels(sentences: pa.Table, texts: dict[str, str]) -> tuple[Ints, Ints]:
    with LABELS.open() as file:
        rows = {(r["component_id"], int(r["offset"])): r for r in csv.DictReader(file)}
    columns = (sentences.column(c).to_pylist() for c in ("component_id", "text"))
    found, end = [], dict[str, int]()
    for component, text in zip(*columns, strict=True):
        offset = texts[component].index(text, end.get(component, 0))
        end[component] = offset + len(text)
        row = rows.get((component.partition(":")[2], offset), {})
        is_same = row.get("sha1") == hashlib.sha1(text.encode()).hexdigest()[:8]  # noqa: S324 - names a text
        found.append((row["kind"], row["second_kind"]) if is_same else ("", ""))
    place = {kind: i for i, kind in enumerate(SENTENCE_KINDS)}
    first, second = np.array([[place.get(k, -1) for k in pair] for pair in found], dtype=np.int64).T
    return first, second


def features(sentences: pa.Table, vectors: NDArray[np.floating]) -> Features:
    """Return the features of sentences in spoken order."""
    from scipy.sparse import csr_array

    places = Places.of(sentences)
    found, counts = gram_rows(sentences.column("text").to_pylist())
    grams, column = np.unique(found, return_inverse=True)
    scale = kinds.by_words(np.ones((len(counts), 1)), counts)[:, 0]
    cells = (np.repeat(scale, counts), column, np.concatenate([[0], np.cumsum(counts)]))
    words = csr_array(cells, shape=(len(counts), len(grams)))
    scaled = vectors.astype(np.float64).round(6) * kinds.VECTOR_SCALE
    return Features(form(sentences, places), places, grams, words, scaled)


def train(given: Features, label: Ints, call: Ints) -> kinds.Probe:
    """Return the probe learned from the sentences with a label (others are -1)."""
    labelled = np.flatnonzero(label >= 0)
    # The judge learns from readings of calls that the readers have not seen, as it will get those.
    words, vectors = np.zeros((len(label), 2)), np.zeros((len(label), 2))
    for train_rows, rest in _split(call[labelled]):
        seen = labelled[train_rows]
        others = np.isin(call, call[labelled[rest]])
        part = _readers(given, label, call, seen)
        words[others] = _read_words(given, part)[others]
        vectors[others] = part.read_vectors(given.vectors / kinds.VECTOR_SCALE, given.forms)[others]
    readers = _readers(given, label, call, labelled)
    judges = []
    for readings in ([words, vectors], [words]):
        x = kinds.judged_on(readings, given.forms, given.places)[:, : -given.forms.shape[1]]
        judges.append(_rounded(np.vstack(_fit(x[labelled], given.forms[labelled], label[labelled]))))
    return kinds.Probe(
        readers.grams, readers.by_gram, readers.words_form, readers.vectors, readers.vectors_form, *judges
    )


def _readers(given: Features, label: Ints, call: Ints, rows: Ints) -> kinds.Probe:
    from scipy.sparse import csr_array

    used = given.words[rows]
    cells = (np.ones(len(rows)), (call[rows], np.arange(len(rows))))
    by_call = csr_array(cells, shape=(int(call.max()) + 1, len(rows))) @ (used > 0).astype(np.float64)
    known = np.flatnonzero((by_call > 0).sum(axis=0) >= CALLS_PER_GRAM)
    by_words = map(_rounded, _fit(used[:, known], given.forms[rows], label[rows]))
    by_vectors = map(_rounded, _fit(given.vectors[rows], given.forms[rows], label[rows]))
    nothing = np.zeros((0, 2))
    return kinds.Probe(given.grams[known], *by_words, *by_vectors, nothing, nothing)


def _read_words(given: Features, part: kinds.Probe) -> Floats:
    known = np.searchsorted(given.grams, part.grams)
    found: Floats = given.words[:, known] @ part.by_gram + kinds.weighed(given.forms, part.words_form)
    return found


def _fit(x: Any, forms: Floats, label: Ints) -> tuple[Floats, Floats]:
    """Return the weights (f, 2) of `x`, and those of form with the intercept last.

    They give the log-odds of `call` and `empty` to `business`.
    """
    from scipy.sparse import csr_array, hstack, issparse
    from sklearn.linear_model import LogisticRegression

    # Form at the size of the other features: the solver needs a third of the steps.
    scale = FORM_SCALE / np.maximum(forms.std(axis=0), 0.05)
    scaled = forms * scale
    x = hstack([x, csr_array(scaled)]).tocsr() if issparse(x) else np.hstack([x, scaled])
    found = LogisticRegression(C=REGULARISATION, max_iter=1000, tol=1e-3).fit(x, label)
    weights, intercept = (found.coef_[1:] - found.coef_[0]).T, found.intercept_[1:] - found.intercept_[0]
    n = x.shape[1] - forms.shape[1]
    return weights[:n], np.vstack([weights[n:] * scale[:, None], intercept])


def _rounded(weights: Floats) -> Floats:
    found: Floats = np.rint(weights / kinds.STEP) * kinds.STEP
    return found


def _split(call: Ints) -> Iterable[tuple[Ints, Ints]]:
    from sklearn.model_selection import GroupKFold

    return GroupKFold(FOLDS).split(np.zeros(len(call)), groups=call)  # type: ignore[no-any-return]


def content(probe: kinds.Probe) -> bytes:
    """Return the file of the weights."""
    whole = {
        name: np.rint(w / kinds.STEP).astype(np.int16) for name, w in vars(probe).items() if name != "grams"
    }
    with io.BytesIO() as file:
        np.savez(file, allow_pickle=False, grams=probe.grams, **whole)
        return file.getvalue()


def left_out(given: Features, data: Labelled) -> dict[str, Floats]:
    """Return the probabilities (n, 3), by method, of each sentence by a probe that did not see its call."""
    found = {m: np.zeros((len(data.call), 3)) for m in ("embeddings", "words")}
    for train_rows, rest in _split(data.call):
        label = np.full(len(data.call), -1)
        label[train_rows] = data.first[train_rows]
        probe = train(given, label, data.call)
        rows = pa.array(rest)
        found["embeddings"][rest] = kinds.judge(data.sentences.take(rows), data.vectors[rest], probe)
        found["words"][rest] = kinds.judge(data.sentences.take(rows), None, probe)
    return found


def agreement(found: NDArray[np.bool_], true: NDArray[np.bool_], call: Ints) -> list[str]:
    """Return precision, recall and Cohen's kappa, each with its 95% interval by resampling calls."""
    calls, place = np.unique(call, return_inverse=True)
    tables = np.zeros((len(calls), 2, 2))
    np.add.at(tables, (place, found.astype(np.int64), true.astype(np.int64)), 1)
    rng = np.random.default_rng(7)
    drawn = [tables[rng.integers(len(calls), size=len(calls))].sum(axis=0) for _ in range(RESAMPLED)]
    whole = np.array([tables.sum(axis=0), *drawn])
    figures = (
        whole[:, 1, 1] / whole[:, 1].sum(axis=1),
        whole[:, 1, 1] / whole[:, :, 1].sum(axis=1),
        kappa(whole),
    )
    return [
        f"{of[0]:.3f} ({low:.3f}-{high:.3f})"
        for of, (low, high) in ((f, np.quantile(f[1:], [0.025, 0.975])) for f in figures)
    ]


def table(data: Labelled, found: dict[str, Floats]) -> list[str]:
    """Return the lines of the table: not business, by method, against either reader; and the three kinds."""
    from sklearn.metrics import cohen_kappa_score

    lines = [
        "| judged by | reader | sentences | precision | recall | kappa | kappa of three kinds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    readers: Sequence[tuple[str, Ints]] = (("first", data.first), ("second", data.second))
    for method, p in found.items():
        kind = np.array([SENTENCE_KINDS.index(k) for k in kinds.kinds_of(p)])
        for name, label in readers:
            known = label >= 0
            figures = agreement(kind[known] > 0, label[known] > 0, data.call[known])
            three = cohen_kappa_score(kind[known], label[known])
            lines.append(f"| {method} | {name} | {known.sum():,} | {' | '.join(figures)} | {three:.3f} |")
    both = (data.first >= 0) & (data.second >= 0)
    figures = agreement(data.first[both] > 0, data.second[both] > 0, data.call[both])
    three = cohen_kappa_score(data.first[both], data.second[both])
    lines.append(f"| the first reader | second | {both.sum():,} | {' | '.join(figures)} | {three:.3f} |")
    return lines


def main() -> None:
    """Print the table and write the weights, or check that they are the ones shipped."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_kinds", description=__doc__)
    parser.add_argument(
        "--calls", type=Path, required=True, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the weights differ")
    parser.add_argument(
        "--no-table", action="store_true", help="skip the table, which trains five more probes"
    )
    options = parser.parse_args()
    data = load(options.calls)
    with threadpool_limits(1):  # another number of threads adds up in another order
        given = features(data.sentences, data.vectors)
        if not options.no_table:
            print("\n".join(table(data, left_out(given, data))), flush=True)
        trained = train(given, data.first, data.call)
    started = time.process_time()
    kinds.judge(data.sentences, data.vectors, trained)
    seconds = (time.process_time() - started) / len(data.call) * 100_000
    print(f"\n{seconds:.1f} s of one processor per 100,000 sentences")
    file = content(trained)
    digest = hashlib.sha256(file).hexdigest()[:12]
    if options.check:
        if file != kinds.WEIGHTS.read_bytes():
            raise SystemExit(f"{kinds.WEIGHTS} is not what these labels give ({digest})")
        print(f"\n{kinds.WEIGHTS.name} is what these labels give")
        return
    kinds.WEIGHTS.write_bytes(file)
    print(f'wrote {kinds.WEIGHTS}: {len(file):,} bytes. Set DIGEST = "{digest}" in {kinds.__file__}')


if __name__ == "__main__":
    main()
