"""topic_summaries, topic_naming_audit: each topic's name, summary and embedding; cost and outcome of naming it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from ftm_assets.methods.naming.audit import audit_columns, describe_audit
from ftm_assets.methods.naming.digests import MAX_SENTENCES, topic_digests
from ftm_assets.methods.naming.rules import Named, Namer
from ftm_assets.methods.naming.summaries import embedded_label
from ftm_assets.methods.text.firm_names import known_names
from ftm_assets.methods.vectors import as_lists, unit
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.dimension import refuse_other_dimension, refuse_other_model
from ftm_assets.orchestration.fan_out import Committed, FanOut, SideBySideConfig, Task
from ftm_assets.orchestration.namer import build_namer, describe, replies_ignored
from ftm_assets.orchestration.specs import preview, with_firm_names
from ftm_resources.models.embedder import Embedder
from ftm_resources.tables import TABLES

CODE_VERSION = code_version(__name__)


class TopicSummariesConfig(SideBySideConfig):
    """What the namer sees of a topic.

    A part is a whole chunk, because requests in flight drain between parts. A killed step does not repeat
    requests: the model's replies are in the reply cache.
    """

    flush_firms: int = Field(
        default=500, ge=1, description="Firms per saved part; a killed step embeds at most one part again"
    )
    max_sentences: int = Field(
        default=MAX_SENTENCES, ge=1, description="Number of most central sentences shown to the namer"
    )


def prepare(task: Task) -> Namer:
    """Return the step's namer; refuse an embedder other than that of the quarter's sentences."""
    warehouse, resources = task.inputs["firm_topics"].warehouse, task.resources
    refuse_other_dimension(warehouse, task.quarter, resources.embedder.dimension())
    refuse_other_model(warehouse, task.quarter, resources.embedder.model_name(), "sentence_embeddings")
    return build_namer(
        resources.llm,
        warehouse,
        "topic_summaries",
        task.quarter,
        processes=task.config.processes,
        step=task.step,
    )


def summarise(task: Task) -> Mapping[str, pa.Table]:
    """Name and summarise the group's topics, and embed the summaries."""
    topics = task.read("firm_topics", ["topic_id", "firm_id", "keywords", "representative_sentence_ids"])
    digests = topic_digests(
        topics,
        task.read("sentences", ["sentence_id", "text"]),
        known_names(task.read("transcripts", ["firm_id", "firm_name", "ticker", "speaker_name"])),
        max_sentences=task.config.max_sentences,
    )
    named = task.prepared.name(digests, task.progress)
    ids = {"topic_id": topics.column("topic_id"), "firm_id": topics.column("firm_id")}
    columns = {
        **ids,
        **{
            field: pa.array([getattr(n, field) for n in named], pa.string())
            for field in ("name", "summary", "naming_method", "model", "prompt_version")
        },
        "embedding": as_lists(_embed(topics, named, task.resources.embedder)),
    }
    tables = {
        "topic_summaries": pa.table(columns),
        "topic_naming_audit": pa.table({**ids, **audit_columns(named, task.resources.llm.cost)}),
    }
    return {t: TABLES[t].conform(rows, quarter=task.quarter) for t, rows in tables.items()}


def _embed(topics: pa.Table, named: Sequence[Named], embedder: Embedder) -> NDArray[np.float32]:
    """Return one unit vector per topic: the mean of the summary's vector and that of the keywords (and a model's name).

    A summary is a sentence or two in one speaker's words; the keywords cover the whole topic.
    """
    keywords = topics.column("keywords").to_pylist()
    labels = [embedded_label(n, k) for n, k in zip(named, keywords, strict=True)]
    total = embedder.embed([n.summary for n in named]).astype(np.float64) + embedder.embed(labels)
    return unit(total).astype(np.float32)


def _describe(committed: Committed) -> Mapping[str, Mapping[str, Any]]:
    rows = committed.table("topic_summaries", ["topic_id", "firm_id", "name", "summary", "naming_method"])
    methods = {m["values"]: m["counts"] for m in rows.column("naming_method").value_counts().to_pylist()}
    return {
        "topic_summaries": {
            "topics": rows.num_rows,
            "naming_methods": methods,
            "preview": preview(
                with_firm_names(rows.slice(0, 20), committed.inputs["transcripts"]),
                ["firm_name", "topic_id", "name", "summary"],
                20,
            ),
        },
        "topic_naming_audit": describe_audit(committed.table("topic_naming_audit")),
    }


def _identity(resources: Any) -> Mapping[str, Any]:
    return {"namer": describe(resources.llm), "embedder": resources.embedder.describe()}


topic_summaries = FanOut(
    name="topic_summaries",
    tables=["topic_summaries", "topic_naming_audit"],
    inputs=["firm_topics", "sentences", "transcripts"],
    config=TopicSummariesConfig,
    code_version=CODE_VERSION,
    work=summarise,
    prepare=prepare,
    identity=_identity,
    describe=_describe,
    counts=replies_ignored,
    resources=frozenset({"embedder", "llm"}),
    kinds=frozenset({"openai"}),
    pool="llm",
).build()
