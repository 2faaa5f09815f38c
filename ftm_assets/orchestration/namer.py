"""Which namer a run uses, the replies that it keeps, and the account of what naming took."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.naming.by_model import PROMPT_VERSION, LlmNamer
from ftm_assets.methods.naming.extractive import RULES_VERSION, ExtractiveNamer
from ftm_assets.methods.naming.rules import DEGRADED, Digest, Named
from ftm_assets.orchestration.processes import side_by_side
from ftm_resources.endpoint.connection import EndpointUnavailableError
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.warehouse import Warehouse

WINDOW_SECONDS = 10
"""Requests per minute are counted over windows of this length with a reply in them: idle time between the
attempts at a run is not naming."""


def name_all(
    digests: Sequence[Digest],
    llm: LlmResource,
    *,
    warehouse: Warehouse,
    table: str,
    quarter: str,
    processes: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Named]:
    """Name the digests of a table's quarter, in order; a Failure that says what to fix if that is impossible.

    Without an endpoint, extractively, group by group in so many `processes` (0: one per CPU).

    What a model replied is kept and not asked for again, except where it was of no use and the quarter has been
    committed since: materializing it again names anew what was degraded.
    """
    if not llm.is_configured():
        return _extractively(digests, processes, progress)
    replies = llm.cache(warehouse, table, quarter, describe(llm))
    committed_at_ms = warehouse.provenance(table, quarter).get("committed_at_ms", 0)
    complete = partial(llm.complete, cache=replies, stale_before=committed_at_ms / 1000)
    try:
        namer = LlmNamer(complete, model=llm.model_name(), prompt_tokens=llm.prompt_tokens(replies))
        return namer.name(digests, progress)
    except EndpointUnavailableError as error:
        raise dg.Failure(str(error)) from error


def _extractively(
    digests: Sequence[Digest], processes: int, progress: Callable[[int, int], None] | None
) -> list[Named]:
    # Names are told apart within a group, so groups may be named side by side.
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        groups[digest.group].append(i)
    named: dict[int, Named] = {}
    work = [[digests[i] for i in members] for members in groups.values()]
    for members, names in zip(groups.values(), side_by_side(_group_named, work, processes), strict=True):
        named.update(zip(members, names, strict=True))
        if progress:
            progress(len(named), len(digests))
    return [named[i] for i in range(len(digests))]


def _group_named(digests: Sequence[Digest]) -> list[Named]:
    return ExtractiveNamer().name(digests)


def describe(llm: LlmResource) -> Mapping[str, Any]:
    """Return what identifies the names that this namer gives."""
    if llm.is_configured():
        return {"method": "llm", "prompt_version": PROMPT_VERSION, **llm.parameters()}
    return {"method": "extractive", "prompt_version": RULES_VERSION}


def audit_columns(named: Sequence[Named], llm: LlmResource) -> dict[str, pa.Array]:
    """Return the columns that both audit tables share, a row per name, in order."""
    audits = [n.audit for n in named]
    asked = llm.is_configured()
    costs = [0.0 if a.is_cached else llm.cost(a.tokens_in, a.tokens_out) for a in audits]
    priced = asked and llm.cost(0, 0) is not None
    return {
        "outcome": pa.array([a.outcome for a in audits], pa.string()),
        "reason": pa.array([a.reason for a in audits], pa.string()),
        "model": pa.array([llm.model_name() if asked else n.model for n in named], pa.string()),
        "prompt_version": pa.array(
            [PROMPT_VERSION if asked else n.prompt_version for n in named], pa.string()
        ),
        "is_cached": pa.array([a.is_cached for a in audits], pa.bool_()),
        "n_attempts": pa.array([a.attempts for a in audits], pa.int32()),
        "tokens_in": pa.array([a.tokens_in for a in audits], pa.int32()),
        "tokens_out": pa.array([a.tokens_out for a in audits], pa.int32()),
        "seconds": pa.array([a.seconds for a in audits], pa.float64()),
        "cost": pa.array(costs if priced else [None] * len(audits), pa.float64()),
        "answered_at": pa.array(
            [None if a.answered_at is None else datetime.fromtimestamp(a.answered_at, UTC) for a in audits],
            pa.timestamp("us", tz="UTC"),
        ),
    }


def describe_audit(rows: pa.Table) -> dict[str, Any]:
    """Return the metadata of an audit: outcomes, requests, cache hits, tokens, cost, latency, rate, share lost.

    Tokens, latency and rate are of what was asked now; replies from the cache cost nothing.
    """
    outcomes = Counter(rows.column("outcome").to_pylist())
    found: dict[str, Any] = {
        "outcomes": dict(outcomes),
        "share_degraded": sum(outcomes[o] for o in DEGRADED) / max(rows.num_rows, 1),
    }
    if set(outcomes) <= {"extractive"}:
        return found
    asked = rows.filter(pc.invert(rows.column("is_cached")))
    found |= {
        "requests": pc.sum(asked.column("n_attempts")).as_py() or 0,
        "cache_hits": rows.num_rows - asked.num_rows,
        "tokens_in": pc.sum(asked.column("tokens_in")).as_py() or 0,
        "tokens_out": pc.sum(asked.column("tokens_out")).as_py() or 0,
    }
    if rows.column("cost").null_count < rows.num_rows:
        found["cost_usd"] = round(pc.sum(rows.column("cost")).as_py(), 4)
    answered = asked.filter(pc.is_valid(asked.column("answered_at")))
    if answered.num_rows:
        p50, p95 = np.quantile(answered.column("seconds").to_numpy(), (0.5, 0.95))
        found |= {
            "latency_p50_seconds": round(float(p50), 3),
            "latency_p95_seconds": round(float(p95), 3),
            "requests_per_minute": round(_per_minute(answered), 1),
        }
    return found


def _per_minute(answered: pa.Table) -> float:
    ends = np.array([t.timestamp() for t in answered.column("answered_at").to_pylist()])
    span = float(ends.max() - (ends - answered.column("seconds").to_numpy()).min())
    windows = len(np.unique(ends // WINDOW_SECONDS)) * WINDOW_SECONDS
    requests: int = pc.sum(answered.column("n_attempts")).as_py()
    return 60.0 * requests / max(min(span, windows), 1e-3)
