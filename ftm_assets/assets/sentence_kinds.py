"""sentence_kinds: whether each sentence is about the business, about the call, or empty; with probabilities."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.text.kinds import KindParams, is_procedural, judge, kinds_of, method_for
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.fan_out import Committed, FanOut, FanOutConfig, Task
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_resources.tables import SENTENCE_KINDS, TABLES

CODE_VERSION = code_version(__name__)

_READ = ("sentence_id", "firm_id", "transcript_id", "component_id", "position", "text")


@offering(KindParams)
class SentenceKindsConfig(FanOutConfig):
    """Parameters of the judgment of sentences, and how the asset is split into chunks."""


def judge_firms(task: Task) -> Mapping[str, pa.Table]:
    """Judge the sentences of the group's firms."""
    params = params_of(task.config, KindParams)
    rows = task.read("sentences", _READ).sort_by(
        [(c, "ascending") for c in ("transcript_id", "component_id", "position")]
    )
    embedded = task.read("sentence_embeddings", ["sentence_id", "embedding"])
    vectors = as_matrix(embedded.column("embedding"))
    place = pc.index_in(rows.column("sentence_id"), embedded.column("sentence_id").combine_chunks())
    if place.null_count:
        missing = rows.column("sentence_id").filter(place.is_null())
        raise ValueError(f"{len(missing)} sentences have no embedding, e.g. {missing[0]}")
    method = method_for(_model(task), vectors.shape[1])
    p = judge(rows, vectors[place.to_numpy()] if method == "embeddings" else None)
    columns = {
        "sentence_id": rows.column("sentence_id"),
        "firm_id": rows.column("firm_id"),
        "kind": pa.array(kinds_of(p, params.min_business), pa.string()),
        **{f"p_{kind}": pa.array(p[:, i]) for i, kind in enumerate(SENTENCE_KINDS)},
        "is_procedural": pa.array(is_procedural(p, params.min_business)),
        "method": pa.array([method] * rows.num_rows, pa.string()),
    }
    return {"sentence_kinds": TABLES["sentence_kinds"].conform(pa.table(columns), quarter=task.quarter)}


def _model(task: Task) -> str:
    """Return the model of the quarter's embeddings; for one that earlier versions embedded, the one configured now."""
    embeddings = task.inputs["sentence_embeddings"]
    recorded = embeddings.warehouse.provenance(embeddings.name, task.quarter).get("models", {})
    return str(recorded.get("embedder", {}).get("model") or task.resources.embedder.model_name())


def _describe(committed: Committed) -> Mapping[str, Mapping[str, Any]]:
    found = committed.table("sentence_kinds", ["kind", "method", "is_procedural"])
    n = found.num_rows
    counts = {c: found.column(c).value_counts().to_pylist() for c in ("kind", "method")}
    procedural = pc.sum(found.column("is_procedural")).as_py() or 0
    return {
        "sentence_kinds": {
            "kinds": {c["values"]: c["counts"] for c in counts["kind"]},
            "judged_by": {c["values"]: c["counts"] for c in counts["method"]},
            "procedural_share": procedural / n if n else 0.0,
            "business_sentences": n - procedural,
        }
    }


def _identity(resources: Any) -> Mapping[str, Any]:
    return {"embedder": resources.embedder.model_name()}


sentence_kinds = FanOut(
    name="sentence_kinds",
    tables=["sentence_kinds"],
    inputs=["sentences", "sentence_embeddings"],
    config=SentenceKindsConfig,
    code_version=CODE_VERSION,
    work=judge_firms,
    identity=_identity,
    describe=_describe,
    resources=frozenset({"embedder"}),
    kinds=frozenset({"python"}),
    pool="cpu",
).build()
