"""sentence_embeddings: one unit-length vector per sentence, procedural ones too, each distinct text once.

Procedural sentences are embedded as well: a better rule for them must not cost a new embedding of the quarter.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from ftm_assets.methods.vectors import as_lists
from ftm_assets.orchestration.fan_out import FanOut, FanOutConfig, Task
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

CODE_VERSION = "1"


def embed(task: Task) -> Mapping[str, pa.Table]:
    """Embed the group's sentences."""
    rows = task.read("sentences", ["sentence_id", "firm_id", "text"])
    vectors = task.resources.embedder.embed(rows.column("text").to_pylist(), progress=task.progress)
    columns = {
        "sentence_id": rows.column("sentence_id"),
        "firm_id": rows.column("firm_id"),
        "embedding": as_lists(vectors),
    }
    return {
        "sentence_embeddings": TABLES["sentence_embeddings"].conform(pa.table(columns), quarter=task.quarter)
    }


def refuse_other_dimension(warehouse: Warehouse, quarter: str, dimension: int) -> None:
    """Raise a Failure where the quarter's sentences were embedded by a model of another dimension."""
    held = warehouse.dimension("sentence_embeddings", quarter)
    if held not in {None, dimension}:
        raise dg.Failure(
            f"sentence_embeddings of {quarter} hold vectors of {held} dimensions, the embedder now gives "
            f"{dimension}: the model was changed. Materialize sentence_embeddings of {quarter} again, and what "
            "follows from it, or set the former model (FTM_EMBEDDING_MODEL, FTM_EMBEDDING_BASE_URL).",
            allow_retries=False,
        )


def _identity(resources: Any) -> Mapping[str, Any]:
    return {"embedder": resources.embedder.describe()}


sentence_embeddings = FanOut(
    name="sentence_embeddings",
    tables=["sentence_embeddings"],
    inputs=["sentences"],
    config=FanOutConfig,
    code_version=CODE_VERSION,
    work=embed,
    identity=_identity,
    resources=frozenset({"embedder"}),
    kinds=frozenset({"torch"}),
    pool="gpu",
).build()
