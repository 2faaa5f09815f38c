"""sentence_embeddings: one unit-length vector per sentence; each distinct text is embedded once.

Procedural sentences are embedded too, so that a better rule for them does not require embedding the quarter again.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ftm_assets.methods.vectors import as_lists
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.fan_out import FanOut, FanOutConfig, Task
from ftm_resources.tables import TABLES

CODE_VERSION = code_version(__name__)


def embed(task: Task) -> Mapping[str, pa.Table]:
    """Embed the group's sentences."""
    rows = task.read("sentences", ["sentence_id", "firm_id", "text"])

    def count(embedded: int, from_cache: int) -> None:
        task.prepared.update(texts_embedded=embedded, texts_from_cache=from_cache)

    texts = rows.column("text").to_pylist()
    vectors = task.resources.embedder.embed(texts, progress=task.progress, counted=count)
    columns = {
        "sentence_id": rows.column("sentence_id"),
        "firm_id": rows.column("firm_id"),
        "embedding": as_lists(vectors),
    }
    return {
        "sentence_embeddings": TABLES["sentence_embeddings"].conform(pa.table(columns), quarter=task.quarter)
    }


def _identity(resources: Any) -> Mapping[str, Any]:
    return {"embedder": resources.embedder.describe()}


sentence_embeddings = FanOut(
    name="sentence_embeddings",
    tables=["sentence_embeddings"],
    inputs=["sentences"],
    config=FanOutConfig,
    code_version=CODE_VERSION,
    work=embed,
    prepare=lambda _: Counter(),
    counts=lambda counter: counter,
    pooled=sum,
    identity=_identity,
    loads="the embedding model",
    resources=frozenset({"embedder"}),
    kinds=frozenset({"torch"}),
    pool="gpu",
).build()
