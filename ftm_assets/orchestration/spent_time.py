"""What runs of a quarter took, read from Dagster's event log: every attempt at a step, whatever became of it.

What belongs here: from events to attempts. A step's process need not have lived to tell: the executor records where a
task was placed and that it was lost, so failed, restarted and lost attempts are here as well as good ones.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from ftm_assets.orchestration.asked_tokens import Told, told_by
from ftm_assets.orchestration.execution import task_facts
from ftm_assets.orchestration.execution.ecs import asset_of
from ftm_assets.orchestration.silent_runs import believed_until
from ftm_resources.price_table import Machine

RUN = "run"
"""Stage and step of a run's own task."""

_BEGIN = {
    dg.DagsterEventType.STEP_WORKER_STARTING,
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_RESTARTED,
}
_END = {
    dg.DagsterEventType.STEP_SUCCESS: "succeeded",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_UP_FOR_RETRY: "restarted",
}
_READ = {
    *_BEGIN,
    *_END,
    dg.DagsterEventType.ENGINE_EVENT,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}

_CHECK = "check_"
"""How the names of steps begin that make several checks; see `_is_of` for those of one."""

_TASK_TAG = "ecs/task_arn"
"""Tag of a run with a task of its own on ECS, which dagster-aws's launcher sets."""

CHECKS = "checks"
"""Stage of steps that only check tables."""

_REUSED = {
    "firms_reused": ("firms",),
    "texts_from_cache": ("texts_from_cache", "texts_embedded"),
    "cache_hits": ("cache_hits", "requests"),
}
"""What a stage did not have to compute, as a materialization's metadata counts it, and what it is a share of: firms of
saved parts, texts of the embedding cache, and kept replies of the language model."""

_FEW_REUSED = 0.1
"""Share that a run may find in these caches though it began with none: what it repeats itself (docs/embeddings.md)."""


@dataclass(frozen=True)
class Tokens:
    """What an attempt asked of a language model: the replies that arrived, whatever became of them."""

    sent: int | None = 0
    """None if it is not known: its process ended without a word while it asked, or the server did not say."""
    received: int | None = 0
    usd: float | None = None
    """None without prices of tokens."""

    @classmethod
    def of(cls, told: list[Told]) -> Tokens:
        """Return the tokens of an attempt from all that it told."""
        ends = [one for one in told if one.is_end]
        if 2 * len(ends) < len(told) or any(one.sent is None or one.received is None for one in ends):
            return cls(None, None)
        usd = [one.usd for one in ends if one.usd is not None]
        return cls(
            sum(one.sent or 0 for one in ends),
            sum(one.received or 0 for one in ends),
            sum(usd) if len(usd) == len(ends) > 0 else None,
        )


@dataclass(frozen=True)
class Spent:
    """An attempt at a step, or a run's own task."""

    run_id: str
    stage: str
    """The step's asset, CHECKS, or RUN."""
    step: str
    attempt: int
    outcome: str
    started: float
    """Seconds since 1970; on ECS, when its task began to cost."""
    seconds: float
    machine: Machine
    tokens: Tokens
    is_shortened: bool = False
    """Whether its stage took more than a tenth of its work from earlier runs; of RUN, whether any stage did."""


@dataclass
class _Open:
    """An attempt of which the end has not been read."""

    began: float
    facts: dict[str, Any] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    """What it told of its asking a language model."""
    is_check: bool = False


def runs_of(instance: dg.DagsterInstance, quarter: str) -> list[dg.RunRecord]:
    """Return the runs of a quarter that Dagster knows, oldest first."""
    return list(instance.get_run_records(dg.RunsFilter(tags={PARTITION_NAME_TAG: quarter}), ascending=True))


def spent(instance: dg.DagsterInstance, record: dg.RunRecord, now: float) -> list[Spent]:
    """Return the attempts of a run at its steps, in the order in which they ended, and its own task if it had one.

    An attempt without an end lasts until the run's, or until `now` while the run goes on, but no longer than a run is
    believed that reports nothing (FTM_SERVICE_SILENT_SECONDS): its process may have been killed.
    """
    run = record.dagster_run
    over = (record.end_time or record.update_timestamp.timestamp()) if run.is_finished else None
    until = min(now if over is None else over, believed_until(instance, record))
    is_on_aws = _TASK_TAG in run.tags
    attempts: defaultdict[str, int] = defaultdict(int)
    open_: dict[str, _Open] = {}
    found: list[Spent] = []
    reusing: set[str] = set()

    def close(step: str, outcome: str, ended: float) -> None:
        one = open_.pop(step)
        began = max(float(one.facts.get("began", 0)), one.began)
        # On AWS, what is not told of a task is not known: it was not this computer's.
        unknown = is_on_aws and not one.facts
        machine = Machine("unknown") if unknown else task_facts.machine(one.facts)
        seconds = max(ended - began, 0.0)
        stage = CHECKS if one.is_check else asset_of(step)
        found.append(
            Spent(
                run.run_id, stage, step, attempts[step], outcome, began, seconds, machine, Tokens.of(one.told)
            )
        )
        attempts[step] += 1

    for entry in instance.all_logs(run.run_id, of_type=_READ):
        event = entry.dagster_event
        if event is None:
            continue
        step, kind = event.step_key or RUN, event.event_type
        facts = task_facts.facts_of(event)
        if (kind in _BEGIN or (facts and step == RUN)) and step not in open_:
            open_[step] = _Open(entry.timestamp, is_check=step.startswith(_CHECK))
        if step not in open_:
            continue
        task = facts.get("arn")
        is_of_earlier_attempt = task != open_[step].facts.get("arn", task)
        if not is_of_earlier_attempt:
            open_[step].facts |= facts
        if (told := told_by(event)) is not None:
            open_[step].told.append(told)
        elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
            open_[step].is_check = False
            reusing |= _reusing(asset_of(step), event)
        elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            open_[step].is_check |= _is_of(step, event)  # not the marts, with which dbt tests them
        elif kind in _END:
            close(step, _END[kind], entry.timestamp)
    for step in list(open_):
        if step == RUN:
            outcome = "running" if over is None else "succeeded" if run.is_success else "failed"
        else:
            outcome = "running" if over is None else "cut_off"
        close(step, outcome, until)
    # Where an attempt of this run came to nothing, what the next one found saved is time of this run too.
    reusing -= {s.stage for s in found if s.stage in reusing and s.outcome in {"failed", "restarted"}}
    return [replace(s, is_shortened=bool(reusing) if s.stage == RUN else s.stage in reusing) for s in found]


def _reusing(stage: str, event: dg.DagsterEvent) -> set[str]:
    """Return the stage if the metadata of what it made counts much work that was done before, else nothing."""
    metadata = event.step_materialization_data.materialization.metadata

    def count(name: str) -> int:
        return int(getattr(metadata.get(name), "value", 0) or 0)

    is_much = any(count(name) > _FEW_REUSED * sum(map(count, of)) for name, of in _REUSED.items())
    return {stage} if is_much else set()


def _is_of(step: str, event: dg.DagsterEvent) -> bool:
    """Return whether a step is that of the one check whose outcome an event tells: Dagster names it after the check."""
    of = event.asset_check_evaluation_data
    return step == f"{of.asset_key.to_python_identifier()}_{of.check_name}"
