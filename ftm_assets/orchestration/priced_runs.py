"""The rows of `run_costs`: what the runs of a quarter took, each attempt with its price.

What belongs here: from attempts and shares of servers to rows. A price that is not known is null, never 0.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES

from ftm_assets.orchestration import service_time, spent_time
from ftm_resources.price_table import charged
from ftm_resources.tables import TABLES
from ftm_resources.tables.cost_tables import RUN_COSTS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ftm_assets.orchestration.spent_time import Spent
    from ftm_resources.price_table import Machine, Prices


def cost_rows(
    instance: dg.DagsterInstance, quarter: str, prices: Prices, before: pa.Table | None, now: float
) -> pa.Table:
    """Return the rows of a quarter, as the contract has them, sorted by run, step and attempt.

    They are of all runs of the quarter that the instance knows, priced with `prices`, and those rows of `before` that
    are of runs which it does not know any more. The same log, prices and time give the same rows.
    """
    records = spent_time.runs_of(instance, quarter)
    known = {record.dagster_run.run_id for record in records}
    rows = run_rows(instance, records, prices, now)
    columns = [c.name for c in TABLES[RUN_COSTS].own]
    if before is not None:
        rows += [row for row in before.select(columns).to_pylist() if row["run_id"] not in known]
    rows.sort(key=lambda r: (r["run_id"], r["step_key"], r["attempt"]))
    schema = pa.schema([TABLES[RUN_COSTS].arrow_schema.field(name) for name in columns])
    return TABLES[RUN_COSTS].conform(pa.Table.from_pylist(rows, schema=schema), quarter=quarter)


def run_rows(
    instance: dg.DagsterInstance, records: Sequence[dg.RunRecord], prices: Prices, now: float
) -> list[dict[str, Any]]:
    """Return the rows of runs: their steps, their own tasks, their shares of servers of models."""
    spent = [s for record in records for s in spent_time.spent(instance, record, now)]
    shortened = {s.run_id for s in spent if s.is_shortened}
    local = [s for s in spent if s.machine.market == "local"]
    if local and prices.per_hour(local[0].machine) is not None:
        local += _beside(instance, local, {record.dagster_run.run_id for record in records}, now)
    shared = shared_seconds(local)
    rows = [
        {
            "run_id": s.run_id,
            "stage": s.stage,
            "step_key": s.step,
            "attempt": s.attempt,
            "outcome": s.outcome,
            "started_at": datetime.fromtimestamp(s.started, UTC),
            "seconds": s.seconds,
            **_priced(prices, s.machine, shared.get((s.run_id, s.step, s.attempt), s.seconds)),
            "tokens_in": s.tokens.sent,
            "tokens_out": s.tokens.received,
            "tokens_usd": s.tokens.usd,
            "is_shortened": s.is_shortened,
        }
        for s in spent
    ]
    rows += [
        {
            "run_id": record.dagster_run.run_id,
            "stage": f"{k.what}_service",
            "step_key": f"{k.what}_service",
            "attempt": 0,
            "outcome": "succeeded" if record.dagster_run.is_finished else "running",
            "started_at": datetime.fromtimestamp(k.started, UTC),
            "seconds": k.seconds,
            **_priced(prices, k.machine, k.seconds),
            "tokens_in": 0,
            "tokens_out": 0,
            "tokens_usd": None,
            "is_shortened": record.dagster_run.run_id in shortened,
        }
        for record in records
        for k in service_time.kept(instance, record.dagster_run.run_id)
    ]
    return rows


def _beside(
    instance: dg.DagsterInstance, local: Sequence[Spent], known: Collection[str], now: float
) -> list[Spent]:
    """Return the attempts of runs that are not `known`, such as of other quarters, on this computer meanwhile."""
    since = datetime.fromtimestamp(min(s.started for s in local), UTC)
    records = [
        *instance.get_run_records(dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_after=since)),
        *instance.get_run_records(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))),
    ]
    found = []
    for record in records:
        began, ended = record.start_time, record.end_time or now
        if record.dagster_run.run_id in known or began is None:
            continue
        if any(s.started < ended and s.started + s.seconds > began for s in local):
            found += [s for s in spent_time.spent(instance, record, now) if s.machine.market == "local"]
    return found


def shared_seconds(spent: Sequence[Spent]) -> dict[tuple[str, str, int], float]:
    """Return by (run, step, attempt) the seconds of one machine that it is charged: attempts side by side share them.

    The sum is the time in which any of them ran, so that two steps at once on one computer cost what one does.
    """
    begins = [(s.started, True, (s.run_id, s.step, s.attempt)) for s in spent]
    ends = [(s.started + s.seconds, False, (s.run_id, s.step, s.attempt)) for s in spent]
    shares: defaultdict[tuple[str, str, int], float] = defaultdict(float)
    at_work: set[tuple[str, str, int]] = set()
    # An attempt of no length begins before it ends.
    moments = sorted([*begins, *ends], key=lambda m: (m[0], not m[1]))
    for (since, is_begin, key), (until, _, _) in pairwise(moments):
        (at_work.add if is_begin else at_work.discard)(key)
        for one in at_work:
            shares[one] += (until - since) / len(at_work)
    return dict(shares)


def _priced(prices: Prices, machine: Machine, seconds: float) -> dict[str, Any]:
    """Return the columns of a machine and its price."""
    hour = prices.per_hour(machine)
    return {
        "machine": machine.name or None,
        "market": machine.market,
        "usd": None if hour is None else hour * charged(seconds, machine.market) / 3600,
        "priced_on": None if hour is None else prices.as_of(machine),
    }
