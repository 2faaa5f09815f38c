"""sentence_sentiment: probabilities of positive, neutral and negative for each non-procedural sentence."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ftm_assets.methods.text.kinds import about_business
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.fan_out import Committed, FanOut, FanOutConfig, Task
from ftm_resources.models.sentiment import most_probable
from ftm_resources.tables import LABELS, TABLES

CODE_VERSION = code_version(__name__)


def classify(task: Task) -> Mapping[str, pa.Table]:
    """Score the group's non-procedural sentences."""
    rows = about_business(
        task.read("sentences", ["sentence_id", "text"]),
        task.read("sentence_kinds", ["sentence_id", "is_procedural"]),
    )
    scorer = task.resources.sentiment
    p = scorer.score(rows.column("text").to_pylist(), progress=task.progress)
    columns = {
        "sentence_id": rows.column("sentence_id"),
        "label": pa.array(most_probable(p), pa.string()),
        **{f"p_{label}": pa.array(p[:, i]) for i, label in enumerate(LABELS)},
        "model": pa.array([scorer.model_name()] * rows.num_rows, pa.string()),
    }
    return {
        "sentence_sentiment": TABLES["sentence_sentiment"].conform(pa.table(columns), quarter=task.quarter)
    }


def _describe(committed: Committed) -> Mapping[str, Mapping[str, Any]]:
    counts = committed.table("sentence_sentiment", ["label"]).column("label").value_counts().to_pylist()
    return {"sentence_sentiment": {"labels": {c["values"]: c["counts"] for c in counts}}}


def _identity(resources: Any) -> Mapping[str, Any]:
    return {"sentiment": resources.sentiment.describe()}


sentence_sentiment = FanOut(
    name="sentence_sentiment",
    tables=["sentence_sentiment"],
    inputs=["sentences", "sentence_kinds"],
    config=FanOutConfig,
    code_version=CODE_VERSION,
    work=classify,
    identity=_identity,
    loads="the sentiment model",
    describe=_describe,
    resources=frozenset({"sentiment"}),
    kinds=frozenset({"transformers"}),
    pool="gpu",
).build()
