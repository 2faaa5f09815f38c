"""The cost and outcomes of naming: audit rows and their totals."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.naming.rules import DEGRADED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ftm_assets.methods.naming.rules import Named

WINDOW_SECONDS = 10
"""Requests per minute are counted over windows of this length that contain a reply, which leaves out idle time
between attempts at a run."""


def audit_columns(named: Sequence[Named], cost: Callable[[int, int], float | None]) -> dict[str, pa.Array]:
    """Return the columns shared by both audit tables, one row per name, in order.

    `cost` returns the price in USD of (tokens in, tokens out), or None if no price is known.
    """
    audits = [n.audit for n in named]
    asked = [a.asked or (n.model, n.prompt_version) for n, a in zip(named, audits, strict=True)]
    costs = [cost(0, 0) if a.is_cached else cost(a.tokens_in, a.tokens_out) for a in audits]
    return {
        "outcome": pa.array([a.outcome for a in audits], pa.string()),
        "reason": pa.array([a.reason for a in audits], pa.string()),
        "model": pa.array([model for model, _ in asked], pa.string()),
        "prompt_version": pa.array([version for _, version in asked], pa.string()),
        "is_cached": pa.array([a.is_cached for a in audits], pa.bool_()),
        "n_attempts": pa.array([a.attempts for a in audits], pa.int32()),
        "tokens_in": pa.array([a.tokens_in for a in audits], pa.int32()),
        "tokens_out": pa.array([a.tokens_out for a in audits], pa.int32()),
        "seconds": pa.array([a.seconds for a in audits], pa.float64()),
        "cost": pa.array([c if a.asked else None for c, a in zip(costs, audits, strict=True)], pa.float64()),
        "answered_at": pa.array(
            [None if a.answered_at is None else datetime.fromtimestamp(a.answered_at, UTC) for a in audits],
            pa.timestamp("us", tz="UTC"),
        ),
    }


def describe_audit(rows: pa.Table) -> dict[str, Any]:
    """Return the metadata of an audit: outcomes, degraded share, requests, cache hits, tokens, cost, latency, rate.

    Tokens, latency and rate cover only requests sent now; replies from the cache cost nothing.
    """
    outcomes = Counter(rows.column("outcome").to_pylist())
    found: dict[str, Any] = {
        "outcomes": dict(outcomes),
        "share_degraded": sum(outcomes[o] for o in DEGRADED) / max(rows.num_rows, 1),
    }
    if set(outcomes) <= {"extractive"}:
        return found
    asked = _sent(rows)
    found |= usage(rows)
    answered = asked.filter(pc.is_valid(asked.column("answered_at")))
    if answered.num_rows:
        p50, p95 = np.quantile(answered.column("seconds").to_numpy(), (0.5, 0.95))
        found |= {
            "latency_p50_seconds": round(float(p50), 3),
            "latency_p95_seconds": round(float(p95), 3),
            "requests_per_minute": round(_per_minute(answered), 1),
        }
    return found


def usage(rows: pa.Table) -> dict[str, Any]:
    """Return requests, cache_hits, tokens_in and tokens_out of an audit, and its cost_usd if any cost is known.

    Only requests sent now count; replies from the cache cost nothing. `names_without_cost`, where there is a cost: the
    names that were asked for now at an unknown price, above 0 only; the cost is then more than `cost_usd`. Reads the
    columns outcome, is_cached, n_attempts, tokens_in, tokens_out and cost.
    """
    asked = _sent(rows)
    found: dict[str, Any] = {
        "requests": pc.sum(asked.column("n_attempts")).as_py() or 0,
        "cache_hits": rows.num_rows - asked.num_rows,
        "tokens_in": pc.sum(asked.column("tokens_in")).as_py() or 0,
        "tokens_out": pc.sum(asked.column("tokens_out")).as_py() or 0,
    }
    if rows.column("cost").null_count < rows.num_rows:
        found["cost_usd"] = round(pc.sum(rows.column("cost")).as_py(), 4)
        by_model = asked.filter(pc.not_equal(asked.column("outcome"), "extractive"))
        if unpriced := by_model.column("cost").null_count:
            found["names_without_cost"] = unpriced
    return found


def _sent(rows: pa.Table) -> pa.Table:
    """Return the rows of an audit whose replies are not from the cache."""
    return rows.filter(pc.invert(rows.column("is_cached")))


def _per_minute(answered: pa.Table) -> float:
    ends = np.array([t.timestamp() for t in answered.column("answered_at").to_pylist()])
    span = float(ends.max() - (ends - answered.column("seconds").to_numpy()).min())
    windows = len(np.unique(ends // WINDOW_SECONDS)) * WINDOW_SECONDS
    requests: int = pc.sum(answered.column("n_attempts")).as_py()
    return 60.0 * requests / max(min(span, windows), 1e-3)
