"""Kernels: how CPU instruction sets and thread counts change vectors, topics and themes.

`python -m benchmarks.kernels --calls components.parquet` prints three tables: the vectors of 200 real speaker turns
under each setting, compared with this machine's defaults; topics and themes from the vectors of some settings; and
topics and themes from the same vectors under settings of numpy. Each setting runs in a separate process, because
libraries read environment variables when they are loaded. The variables simulate other processors; a setting that a
library ignores on this one changes nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import calls as corpus
from benchmarks.measure import markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.calls import Call

    Vectors = NDArray[np.float32]
    Labels = NDArray[np.int64]

AS_IT_IS = "as it is"
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
FLOAT32, BFLOAT16, OPENVINO = "torch float32", "torch bfloat16", "openvino bfloat16"
OPENVINO32 = "openvino float32"
WAYS = {
    FLOAT32: {"backend": "torch", "precision": "float32"},
    BFLOAT16: {"backend": "torch", "precision": "bfloat16"},
    OPENVINO: {"backend": "openvino", "precision": "bfloat16"},
    OPENVINO32: {"backend": "openvino", "precision": "float32"},
}
SETTINGS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    AS_IT_IS: ({}, tuple(WAYS)),
    "one thread": ({"OMP_NUM_THREADS": "1"}, tuple(WAYS)),
    "MKL: COMPATIBLE": ({"MKL_CBWR": "COMPATIBLE"}, (FLOAT32,)),
    "all: AVX2": (AVX2, (FLOAT32, OPENVINO32)),
    "oneDNN: AVX2": ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, tuple(WAYS)),
    "oneDNN: AVX512_CORE": ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, (BFLOAT16, OPENVINO, OPENVINO32)),
    "torch: AVX2": ({"ATEN_CPU_CAPABILITY": "avx2"}, (FLOAT32, BFLOAT16)),
    "MKL: AVX2": ({"MKL_CBWR": "AVX2"}, (FLOAT32,)),
    "MKL: AVX512": ({"MKL_CBWR": "AVX512"}, (FLOAT32,)),
    "MKL: instructions AVX2": ({"MKL_ENABLE_INSTRUCTIONS": "AVX2"}, (FLOAT32,)),
    "MKL: instructions AVX512": ({"MKL_ENABLE_INSTRUCTIONS": "AVX512"}, (FLOAT32,)),
    "oneDNN: AVX512_CORE_BF16": ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, (BFLOAT16, OPENVINO)),
    "all: AVX2, one thread": ({**AVX2, "OMP_NUM_THREADS": "1"}, (FLOAT32,)),
}
"""Environment variables of each setting, and the backends and precisions that it can affect."""
TOPIC_SETTINGS = (AS_IT_IS, "MKL: COMPATIBLE", "all: AVX2")
"""Settings whose vectors are clustered."""
NUMPY_SETTINGS: dict[str, dict[str, str]] = {
    AS_IT_IS: {},
    "BLAS: one thread": {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    "BLAS: two threads": {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
    "BLAS: Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "BLAS: Sandybridge": {"OPENBLAS_CORETYPE": "Sandybridge"},
    "BLAS: Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "BLAS: SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "numpy: no AVX512": {"NPY_DISABLE_CPU_FEATURES": "X86_V4"},
    "numpy: no AVX2": {"NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3"},
    "BLAS: Nehalem, numpy: no AVX2": {
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3",
    },
}
DEFAULT = FLOAT32
TIMEOUT = 600
"""Maximum seconds per setting; bfloat16 without hardware instructions can take hours."""


@dataclass(frozen=True)
class Names:
    """The topics of a quarter, named once, and the texts that are embedded."""

    topics: Any
    """The input table of `model_themes`, without embedding."""
    summaries: list[str]
    labels: list[str]


def vectors(texts: Sequence[str], ways: Sequence[str], env: dict[str, str]) -> dict[str, Vectors] | None:
    """Return the vectors of the texts, float32 (n, d), by way, from a process with these environment variables.

    None if the process fails or takes longer than `TIMEOUT`.
    """
    found = _process("embed", {"texts": np.array(texts), "ways": np.array(ways)}, env)
    return found and {way: found[way] for way in ways}


def table(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row per setting and way: how many rows differ from this machine's defaults, and by how much."""
    rows, reference, default = [], {}, None
    for setting, (env, ways) in SETTINGS.items():
        found = vectors(texts, ways, env)
        if found is None:
            rows.append({"setting": setting, "way": ", ".join(ways), "rows that differ": "not run"})
            continue
        for way in ways:
            ours = found[way].astype(np.float64)
            theirs = reference.setdefault(way, ours)
            default = ours if default is None else default
            rows.append(
                {
                    "setting": setting,
                    "way": way,
                    "rows that differ": int((ours != theirs).any(axis=1).sum()),
                    "greatest difference": f"{np.abs(ours - theirs).max():.1e}",
                    "1 - least cosine": f"{_apart(ours, theirs):.1e}",
                    f"1 - least cosine to {DEFAULT}": f"{_apart(ours, default):.1e}",
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def topics_and_themes(
    calls: Sequence[Call], quarter: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return two tables: changes due to kernels in embedding, and changes due to numpy's kernels."""
    texts = [t for c in calls for t in c.texts]
    variants = {
        (setting, way): found[way]
        for setting in TOPIC_SETTINGS
        for way in WAYS
        if (setting == AS_IT_IS or way == DEFAULT)
        and (found := vectors(texts, [way], SETTINGS[setting][0])) is not None
    }
    reference = variants[AS_IT_IS, DEFAULT]
    names = _named(calls, reference, quarter)
    expected = _topics(calls, reference), _themes(names, quarter, DEFAULT, {})
    rows = []
    for (setting, way), found in variants.items():
        topics = _topics(calls, found)
        themes = _themes(names, quarter, way, SETTINGS[setting][0])
        rows.append(
            {
                "setting": setting,
                "way": way,
                "sentences": len(texts),
                "sentences whose topic changes": changed(expected[0], topics),
                "topics": len(names.labels),
                "topics whose theme changes": changed([expected[1]], [themes]),
            }
        )
        print(rows[-1], file=sys.stderr, flush=True)
    return rows, _clustered_again(calls, reference, names)


def _clustered_again(calls: Sequence[Call], sentences: Vectors, names: Names) -> list[dict[str, Any]]:
    given = {
        "sentences": sentences,
        "counts": np.array([len(c.texts) for c in calls]),
        "turns": np.array([t for c in calls for t in c.turns]),
        "topics": _topic_vectors(names, DEFAULT, {}),
    }
    rows: list[dict[str, Any]] = []
    expected: dict[str, Any] = {}
    for setting, env in NUMPY_SETTINGS.items():
        found = _process("cluster", given, env)
        if found is None:
            rows.append({"setting": setting, "other topics": "not run"})
            continue
        expected = expected or found
        differ = {k: int((found[k] != expected[k]).sum()) for k in expected}
        rows.append(
            {
                "setting": setting,
                "other topics": differ["topic"],
                "other strengths": differ["strength"],
                "other themes": differ["theme"],
                "other similarities": differ["similarity"],
            }
        )
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _topics(calls: Sequence[Call], found: Vectors) -> list[Labels]:
    from ftm_assets.methods.topics.firm_model import FirmParams, cluster  # noqa: PLC0415

    parts = np.split(found, np.cumsum([len(c.texts) for c in calls])[:-1])
    return [
        cluster(part, c.turns, range(len(c.turns)), FirmParams())
        for c, part in zip(calls, parts, strict=True)
    ]


def _named(calls: Sequence[Call], found: Vectors, quarter: str) -> Names:
    from ftm_assets.methods.naming.extractive import ExtractiveNamer  # noqa: PLC0415
    from ftm_assets.methods.naming.rules import Digest  # noqa: PLC0415
    from ftm_assets.methods.naming.summaries import embedded_label  # noqa: PLC0415
    from ftm_assets.methods.text.firm_names import firm_name_forms  # noqa: PLC0415
    from ftm_assets.methods.topics.firm_model import model_firm  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    digests = []
    parts = np.split(found, np.cumsum([len(c.texts) for c in calls])[:-1])
    for call, part in zip(calls, parts, strict=True):
        result = model_firm(
            call.sentence_ids,
            call.texts,
            part,
            turns=call.turns,
            positions=range(len(call.turns)),
            firm_id=call.firm_id,
            firm_names=call.names,
            quarter=quarter,
        )
        said = dict(zip(call.sentence_ids, call.texts, strict=True))
        exclude = tuple(sorted({form for name in call.names for form in firm_name_forms(name)}))
        for topic in result.firm_topics.to_pylist():
            rows.append({**topic, "firm_name": call.names[0]})
            sentences = tuple(said[i] for i in topic["representative_sentence_ids"])
            digests.append(
                Digest(
                    topic["topic_id"],
                    "topic",
                    tuple(topic["keywords"]),
                    sentences,
                    exclude=exclude,
                    group=call.firm_id,
                )
            )
    named = ExtractiveNamer().name(digests)
    labels = [embedded_label(n, r["keywords"]) for n, r in zip(named, rows, strict=True)]
    columns = ("topic_id", "firm_id", "firm_name", "n_sentences", "keywords")
    table = {c: [r[c] for r in rows] for c in columns} | {"name": [n.name for n in named]}
    return Names(pa.table(table), [n.summary for n in named], labels)


def _topic_vectors(names: Names, way: str, env: dict[str, str]) -> Vectors:
    found = vectors([*names.summaries, *names.labels], [way], env)
    if found is None:
        raise RuntimeError(f"{way} under {env} embedded the sentences but failed on the names")
    total = sum(np.split(found[way].astype(np.float64), 2))
    unit: Vectors = (total / np.linalg.norm(total, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _themes(names: Names, quarter: str, way: str, env: dict[str, str]) -> Labels:
    from ftm_assets.methods.topics.theme_model import model_themes  # noqa: PLC0415

    embedding = pa.array(list(_topic_vectors(names, way, env)))
    themes = model_themes(names.topics.append_column("embedding", embedding), quarter).theme_topics
    ids = themes.column("theme_id").to_pylist()
    return np.array([-1 if i is None else int(i.rpartition(":")[2]) for i in ids])


def changed(expected: Sequence[Labels], found: Sequence[Labels]) -> int:
    """Return how many rows have a different label after the best possible matching of labels."""
    from scipy.optimize import linear_sum_assignment

    n = 0
    for ours, theirs in zip(expected, found, strict=True):
        inside = (ours >= 0) & (theirs >= 0)
        shared = np.zeros((ours.max(initial=0) + 1, theirs.max(initial=0) + 1))
        np.add.at(shared, (ours[inside], theirs[inside]), 1)
        matched = int(shared[linear_sum_assignment(-shared)].sum()) + int(((ours < 0) & (theirs < 0)).sum())
        n += len(ours) - matched
    return n


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    # From the distance, because one minus a cosine near one loses most digits.
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    return float(((unit[0] - unit[1]) ** 2).sum(axis=1).max() / 2)


def _process(job: str, given: dict[str, Any], env: dict[str, str]) -> dict[str, Any] | None:
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "given.npz", **given)
        command = [sys.executable, "-m", "benchmarks.kernels", "--job", job, folder]
        try:
            done = subprocess.run(  # noqa: S603 - ourselves
                command,
                env={**os.environ, **env},
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        if done.returncode:
            print(done.stderr.strip().splitlines()[-1], file=sys.stderr)
            return None
        with np.load(Path(folder) / "found.npz") as found:
            return dict(found)


def _embed(given: dict[str, Any]) -> dict[str, Any]:
    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415

    texts = given["texts"].tolist()
    return {way: Embedder(device="cpu", **WAYS[way]).embed(texts) for way in given["ways"].tolist()}  # type: ignore[arg-type]


def _cluster(given: dict[str, Any]) -> dict[str, Any]:
    from ftm_assets.methods.topics.clustering import centrality  # noqa: PLC0415
    from ftm_assets.methods.topics.firm_model import FirmParams, cluster  # noqa: PLC0415
    from ftm_assets.methods.topics.theme_clustering import ThemeClusterer  # noqa: PLC0415

    cuts = np.cumsum(given["counts"])[:-1]
    topics, strengths = [], []
    for part, turns in zip(np.split(given["sentences"], cuts), np.split(given["turns"], cuts), strict=True):
        topics.append(cluster(part, turns.tolist(), range(len(turns)), FirmParams()))
        strengths.append(centrality(part, topics[-1]))
    themes = ThemeClusterer().fit(given["topics"])
    return {
        "topic": np.concatenate(topics),
        "strength": np.concatenate(strengths),
        "theme": themes.labels_,
        "similarity": themes.similarity_,
    }


JOBS = {"embed": _embed, "cluster": _cluster}


def _do(job: str, folder: Path) -> None:
    with np.load(folder / "given.npz") as given:
        np.savez(folder / "found.npz", **JOBS[job](dict(given)))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument(
        "--calls", type=Path, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    parser.add_argument("--turns", type=int, default=200, help="speaker turns in the first table; 0 skips it")
    parser.add_argument("--quarter", default="2020Q4", help="quarter used for the other tables")
    parser.add_argument("--job", nargs=2, metavar=("JOB", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        _do(options.job[0], Path(options.job[1]))
        return
    if not options.calls:
        parser.error("--calls is required")
    turns = pq.read_table(options.calls, columns=["componenttext"]).column(0).to_pylist()
    if options.turns:
        print(markdown(table(turns[:: max(1, len(turns) // options.turns)][: options.turns])), end="\n\n")
    vectors_changed, numpy_changed = topics_and_themes(
        corpus.load(options.calls, [options.quarter]), options.quarter
    )
    print(markdown(vectors_changed), markdown(numpy_changed), sep="\n\n")


if __name__ == "__main__":
    main()
