"""When servers of models run: started before a run needs one, kept between quarters, stopped when nothing needs it.

What belongs here: reading from Dagster's runs which service is needed, and the sensor that acts on it each minute. A
run counts only while it reports something, so that one which hangs or whose host is gone keeps no server running.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES, NOT_FINISHED_STATUSES, RunsFilter

from ftm_assets.orchestration import service_time
from ftm_assets.orchestration.execution.ecs import asset_of
from ftm_assets.orchestration.silent_runs import believed_until
from ftm_resources.endpoint.ecs_service import EcsService, ModelServices
from ftm_resources.expected import plainly

_log = logging.getLogger(__name__)

NAME = "model_services"
"""Name of the sensor and of its resource."""

LOOK_SECONDS = 60
"""Seconds between two looks of the sensor."""

_STEP_EVENTS = {
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
}


@dataclass(frozen=True)
class Use:
    """What a service is used for."""

    assets: frozenset[str]
    """Assets whose steps ask it."""
    announced_by: frozenset[str]
    """Assets before them in a run: once one has begun, a server that starts now is ready in time."""


USES = {
    "llm": Use(frozenset({"topic_summaries", "themes"}), frozenset({"firm_topics"})),
    "embedding": Use(
        frozenset(
            {
                *("sentence_embeddings", "sentence_kinds", "firm_topics"),
                *("topic_summaries", "themes", "pinned_theme_links"),
            }
        ),
        frozenset({"sentences"}),
    ),
}
"""Service → its use; the assets are those that require the resource which asks it."""


class Need(IntEnum):
    """How much something needs a service."""

    NONE = 0
    LATER = 1
    """It will, but not yet: a server that runs is kept, none is started."""
    NOW = 2


@dg.sensor(
    name=NAME,
    minimum_interval_seconds=LOOK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the ECS services of models before a run needs them, and stops them when nothing needs them",
)
@plainly
def model_services_sensor(
    context: dg.SensorEvaluationContext, model_services: ModelServices
) -> dg.SkipReason:
    """Look once; never starts a run. The cursor holds when each service was last needed."""
    services = model_services.configured()
    if not services:
        return dg.SkipReason(
            "FTM_LLM_SERVICE and FTM_EMBEDDING_SERVICE are not set: no service is FTM's to start"
        )
    needed_at: dict[str, float] = json.loads(context.cursor or "{}")
    done = []
    for what, service in services.items():
        patience = Patience(model_services.idle(), model_services.silent())
        said = look(context.instance, what, service, needed_at, patience, time.time())
        done.append(f"{service.cluster}/{service.name}: {said}")
    context.update_cursor(json.dumps(needed_at))
    return dg.SkipReason("; ".join(done))


@dataclass(frozen=True)
class Patience:
    """For how many seconds a service is kept that nothing needs, and a run believed that reports nothing."""

    idle: float
    silent: float


def look(
    instance: dg.DagsterInstance,
    what: str,
    service: EcsService,
    needed_at: dict[str, float],
    patience: Patience,
    now: float,
) -> str:
    """Start, keep or stop one service as runs need it; return what was done and why.

    `needed_at` holds, by service, when it was last needed, in seconds since 1970; it is updated. Raises
    MissingServiceError if ECS does not have the service.
    """
    by_run = needs(instance, USES[what], patience.silent, now)
    most = max(by_run.values(), default=Need.NONE)
    need = max(most, of_backfills(instance, USES[what]))
    running = service.desired()
    said, servers = _act(what, service, need, running, needed_at, patience, now)
    wanting = [run for run, need in by_run.items() if need is most and need is not Need.NONE]
    try:
        hosts = service.hosts() if running else []
        service_time.note(instance, what, wanting, hosts, servers, now, ran=running > 0)
    except Exception:  # noqa: BLE001 - whatever it is, servers are started and stopped all the same
        _log.exception("%s/%s: its time was not noted for run_costs", service.cluster, service.name)
    return said


def _act(
    what: str,
    service: EcsService,
    need: Need,
    running: int,
    needed_at: dict[str, float],
    patience: Patience,
    now: float,
) -> tuple[str, int]:
    """Start, keep or stop a service; return what was done, and how many servers are to run now."""
    if need is Need.NOW:
        needed_at[what] = now
        if running:
            return f"needed, {running} running", running
        service.set_desired(1)
        return "started, as a run is about to need it", 1
    if not running:
        needed_at.pop(what, None)
        return "not needed, not running", 0
    idle = now - needed_at.setdefault(what, now)
    if need is Need.LATER and idle < patience.silent:
        return f"kept for a run that will need it; not needed for {idle:.0f} s", running
    if idle < patience.idle:
        return f"kept; not needed for {idle:.0f} s of {patience.idle:.0f}", running
    service.set_desired(0)
    needed_at.pop(what)
    return f"stopped; not needed for {idle:.0f} s", 0


def needs(instance: dg.DagsterInstance, use: Use, silent_seconds: float, now: float) -> dict[str, Need]:
    """Return how much each unfinished run of an instance needs a service, by the run's id."""
    records = instance.get_run_records(RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
    return {r.dagster_run.run_id: _needed_by(instance, r, use, silent_seconds, now) for r in records}


def of_backfills(instance: dg.DagsterInstance, use: Use) -> Need:
    """Return how much the backfills of an instance need a service that will launch more runs."""
    return Need.LATER if any(True for _ in _waiting_backfills(instance, use)) else Need.NONE


def _needed_by(
    instance: dg.DagsterInstance, record: dg.RunRecord, use: Use, silent_seconds: float, now: float
) -> Need:
    run = record.dagster_run
    if run.execution_plan_snapshot_id is None:
        return Need.NONE
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute
    if not any(asset_of(step) in use.assets for step in plan):
        return Need.NONE
    if run.status not in IN_PROGRESS_RUN_STATUSES or run.status == dg.DagsterRunStatus.STARTING:
        return Need.LATER
    if now > believed_until(instance, record, silent_seconds):
        return Need.NONE
    return _progress(plan, _steps(instance, run.run_id), use)


def _progress(plan: Collection[str], events: Iterable[tuple[Any, str]], use: Use) -> Need:
    """Return the need of a run at work, from its planned steps and what became of them."""
    begun, failed, done = set(), set(), set()
    for kind, step in events:
        begun.add(asset_of(step))
        if kind == dg.DagsterEventType.STEP_FAILURE:
            failed.add(asset_of(step))
        elif kind == dg.DagsterEventType.STEP_SUCCESS:
            done.add(step)
    if failed & (use.assets | use.announced_by):
        return Need.NONE  # what needs it comes after these, and does not come any more
    # A mapped step is planned as `…_chunk[?]`; the step that collects them is not done before they are.
    left = {s for s in plan if asset_of(s) in use.assets and s not in done and not s.endswith("[?]")}
    if not left:
        return Need.NONE
    announcing = {asset_of(step) for step in plan} & use.announced_by
    return Need.NOW if not announcing or begun & (announcing | use.assets) else Need.LATER


def _steps(instance: dg.DagsterInstance, run_id: str) -> Iterable[tuple[Any, str]]:
    for entry in instance.all_logs(run_id, of_type=_STEP_EVENTS):
        if entry.dagster_event is not None and entry.step_key is not None:
            yield entry.dagster_event.event_type, entry.step_key


def _waiting_backfills(instance: dg.DagsterInstance, use: Use) -> Iterable[str]:
    """Yield the backfills that will still launch runs which need the service."""
    for backfill in instance.get_backfills(status=BulkActionStatus.REQUESTED):
        assets = {key.path[-1] for key in backfill.asset_selection or ()}
        if not assets or assets & use.assets:  # without a selection of assets, it is of a job, the quarter's
            yield backfill.backfill_id
