"""firm_topics, sentence_topics, firm_status: the topics of each firm's quarter, and each firm's outcome."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.text.firm_names import known_names
from ftm_assets.methods.text.kinds import about_business
from ftm_assets.methods.topics import published
from ftm_assets.methods.topics.firm_model import FirmParams, FirmResult, model_firm
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.fan_out import Committed, FanOut, SideBySideConfig, Task
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.processes import side_by_side
from ftm_assets.orchestration.specs import histogram, preview, with_firm_names
from ftm_resources.tables import TABLES

CODE_VERSION = code_version(__name__)


@offering(FirmParams)
class FirmTopicsConfig(SideBySideConfig):
    """Parameters of the topic model of a firm, and how the asset is split into chunks."""


def model(task: Task) -> Mapping[str, pa.Table]:
    """Model the topics of each firm of the group."""
    kinds = task.read("sentence_kinds", ["sentence_id", "is_procedural", "p_business"])
    spoken = task.read("sentences", ["sentence_id", "firm_id", "component_id", "position", "text"])
    sentences = about_business(spoken, kinds)
    p_business = dict(zip(*(kinds.column(c).to_pylist() for c in ("sentence_id", "p_business")), strict=True))
    embedded = task.read("sentence_embeddings", ["sentence_id", "embedding"])
    vectors = as_matrix(embedded.column("embedding"))
    row_of = {s: i for i, s in enumerate(embedded.column("sentence_id").to_pylist())}
    names = known_names(task.read("transcripts", ["firm_id", "firm_name", "ticker", "speaker_name"]))
    params = params_of(task.config, FirmParams)
    embed = None
    if params.method == "bertopic":
        published.require()
        embed = task.resources.embedder.embed if params.bertopic.embeds_words else None
    firms = []
    for firm in task.firms:
        own = sentences.filter(pc.equal(sentences.column("firm_id"), firm))
        ids = own.column("sentence_id").to_pylist()
        if missing := [s for s in ids if s not in row_of]:
            raise ValueError(f"{len(missing)} sentences have no embedding, e.g. {missing[0]}")
        firms.append(
            {
                "sentence_ids": ids,
                "texts": own.column("text").to_pylist(),
                "embeddings": vectors[np.array([row_of[s] for s in ids], dtype=np.int64)],
                "turns": own.column("component_id").to_pylist(),
                "positions": own.column("position").to_pylist(),
                "not_business": [1 - p_business[s] for s in ids],
                "firm_id": firm,
                "firm_names": names.get(firm, []),
                "quarter": task.quarter,
                "params": params,
                "embed": embed,
            }
        )
    results, statuses = [], []
    # The model that embeds keywords is loaded once, in this process.
    for result, seconds in side_by_side(_timed, firms, 1 if embed else task.config.processes):
        results.append(result)
        statuses.append({**result.status, "seconds": seconds})
        task.progress(len(results), len(firms))
    return _rows(results, statuses)


def _timed(firm: Mapping[str, Any]) -> tuple[FirmResult, float]:
    started = time.perf_counter()
    return model_firm(**firm), time.perf_counter() - started


def stand_in(task: Task, reason: str) -> Mapping[str, pa.Table]:
    """Return the rows of a failed firm: its status with the reason, and its sentences without a topic."""
    (firm,) = task.firms
    kinds = task.read("sentence_kinds", ["sentence_id", "is_procedural"])
    ids = kinds.filter(pc.invert(kinds.column("is_procedural"))).column("sentence_id")
    n = len(ids)
    columns = {
        "sentence_id": ids,
        "firm_id": [firm] * n,
        "topic_id": pa.nulls(n, pa.string()),
        "strength": [0.0] * n,
    }
    result = TABLES["sentence_topics"].conform(pa.table(columns), quarter=task.quarter)
    status = {
        "firm_id": firm, "status": "failed", "reason": reason, "n_sentences": n, "n_topics": 0,
        "outlier_share": 1.0 if n else 0.0, "seconds": 0.0, "quarter": task.quarter,
    }  # fmt: skip
    return {"sentence_topics": result, "firm_status": _statuses([status])}


def _rows(results: Sequence[FirmResult], statuses: Sequence[Mapping[str, Any]]) -> Mapping[str, pa.Table]:
    return {
        "firm_topics": pa.concat_tables([r.firm_topics for r in results]),
        "sentence_topics": pa.concat_tables([r.sentence_topics for r in results]),
        "firm_status": _statuses(statuses),
    }


def _statuses(statuses: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(statuses), schema=TABLES["firm_status"].arrow_schema)


def _describe(committed: Committed) -> Mapping[str, Mapping[str, Any]]:
    status = committed.table("firm_status", ["status", "n_sentences", "n_topics", "outlier_share", "seconds"])
    ok = status.filter(pc.equal(status.column("status"), "ok"))
    topics = committed.table("firm_topics", ["topic_id", "firm_id", "n_sentences", "keywords"])
    n = pc.sum(status.column("n_sentences")).as_py() or 0
    outliers = (
        pc.sum(pc.multiply(status.column("n_sentences"), status.column("outlier_share"))).as_py() or 0.0
    )
    statuses = {s["values"]: s["counts"] for s in status.column("status").value_counts().to_pylist()}
    per_firm = ok.column("n_topics").to_pylist()
    shared = {
        "statuses": statuses,
        "outlier_share": outliers / n if n else 0.0,
        "median_seconds_per_firm": float(np.median(ok.column("seconds"))) if len(ok) else 0.0,
    }
    return {
        "firm_topics": {
            **shared,
            "topics": topics.num_rows,
            "median_topics_per_firm": float(np.median(per_firm)) if per_firm else 0.0,
            "topics_per_firm": histogram(per_firm, "Topics per firm", "topics"),
            "preview": preview(
                with_firm_names(topics.slice(0, 20), committed.inputs["transcripts"]),
                ["firm_name", "topic_id", "n_sentences", "keywords"],
                20,
            ),
        },
        "sentence_topics": shared,
        "firm_status": shared,
    }


firm_topics = FanOut(
    name="firm_topics",
    tables=["firm_topics", "sentence_topics", "firm_status"],
    inputs=["transcripts", "sentences", "sentence_embeddings", "sentence_kinds"],
    config=FirmTopicsConfig,
    code_version=CODE_VERSION,
    work=model,
    on_failure=stand_in,
    describe=_describe,
    resources=frozenset({"embedder"}),
    kinds=frozenset({"scikitlearn"}),
    pool="cpu",
).build()
