"""What a run cost after it could count itself: on AWS, `run_costs` of its quarter is made once more when it is over.

What belongs here: the sensor that asks for it. A run counts its steps before its page is made; the last steps, a
server that is kept for a while, and a run that failed or was cancelled on the way are known only afterwards.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from ftm_assets.orchestration.silent_runs import believed_until
from ftm_resources import settings
from ftm_resources.expected import plainly
from ftm_resources.tables.cost_tables import RUN_COSTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

NAME = "late_costs"

LOOK_SECONDS = 300
"""Seconds between two looks of the sensor."""

TAG = "ftm/late_costs"
"""Tag of the runs that it asks for: of which quarter, and after which run."""

MOST_TRIES = 5
"""Runs that are asked for, if each of them fails, to count what one run cost."""

FIRST_PAUSE_SECONDS = 600
"""Seconds from the end of the first of them that failed to the next one; each further pause is twice the last."""

SPARE_SECONDS = 180
"""Seconds after a server was to be stopped, within which the sensor that stops it has noted so."""


@dg.sensor(
    name=NAME,
    target=dg.AssetSelection.assets(RUN_COSTS),
    minimum_interval_seconds=LOOK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="On AWS, makes run_costs of a quarter once more when its runs have ended, so that nothing is left out",
)
@plainly
def late_costs_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Look once. The cursor holds, by quarter, which run was the newest to end when its costs were last made."""
    given = settings.current()
    if given.ftm_executor != "ecs":
        return dg.SkipReason("FTM_EXECUTOR is not ecs: no step has a task of its own that costs")
    done: dict[str, str] = json.loads(context.cursor or "{}")
    wait = timedelta(seconds=given.ftm_service_idle_seconds + SPARE_SECONDS)
    ended = newest_ended(context.instance, datetime.now(UTC) - wait)
    requests = []
    for quarter, run in sorted(ended.items()):
        if done.get(quarter) == run:
            continue
        key = f"{NAME}/{quarter}/{run}"
        tries = context.instance.get_run_records(dg.RunsFilter(tags={TAG: key}))
        if any(made.dagster_run.is_success for made in tries):
            done[quarter] = run
        elif len(tries) < MOST_TRIES and _may_follow(tries, datetime.now(UTC)):
            # Of a run key that it has seen, Dagster would start none.
            requests.append(
                dg.RunRequest(run_key=f"{key}/{len(tries)}", partition_key=quarter, tags={TAG: key})
            )
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(done))


def _may_follow(tries: Sequence[dg.RunRecord], now: datetime) -> bool:
    """Return whether another run may follow those that failed: none of them goes on, and the pause is over."""
    if not all(made.dagster_run.is_finished for made in tries):
        return False
    ended = [made.update_timestamp.replace(tzinfo=UTC) for made in tries]
    pause = timedelta(seconds=FIRST_PAUSE_SECONDS * 2 ** (len(tries) - 1))
    return not ended or now >= max(ended) + pause


def newest_ended(instance: dg.DagsterInstance, before: datetime) -> dict[str, str]:
    """Return quarter → its newest run of more than `run_costs`, of quarters of which no run is going on or ended later.

    A run that reports nothing for FTM_SERVICE_SILENT_SECONDS counts as killed. Quarters of which no run ended within a
    week before are left out: they were looked at then.
    """
    recent = instance.get_run_records(
        dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_after=before - timedelta(days=7))
    )
    going_on = instance.get_run_records(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
    found: dict[str, str] = {}
    busy = {
        quarter
        for quarter, record in _of_quarters(going_on)
        if believed_until(instance, record) > before.timestamp()
    }
    for quarter, record in _of_quarters(recent):
        if record.update_timestamp.replace(tzinfo=UTC) > before:
            busy.add(quarter)
        found.setdefault(quarter, record.dagster_run.run_id)  # the newest comes first
    return {quarter: run for quarter, run in found.items() if quarter not in busy}


def _of_quarters(records: Iterable[dg.RunRecord]) -> Iterator[tuple[str, dg.RunRecord]]:
    """Yield (quarter, run) of the runs that make more of a quarter than its costs."""
    for record in records:
        run = record.dagster_run
        quarter = run.tags.get(PARTITION_NAME_TAG)
        if quarter and run.asset_selection != frozenset({dg.AssetKey(RUN_COSTS)}):
            yield quarter, record
