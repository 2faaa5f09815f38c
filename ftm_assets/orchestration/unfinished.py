"""Unfinished runs of a Dagster instance: clean-up and other runs keep what they may still read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from datetime import datetime

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def unfinished_since(instance: dg.DagsterInstance, run_id: str | None = None) -> datetime | None:
    """Return when the oldest unfinished run other than `run_id` began; a retry began with its original run."""
    records = instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
    others = [r for r in records if r.dagster_run.run_id != run_id]
    roots = [instance.get_run_record_by_id(r.dagster_run.root_run_id or "") for r in others]
    return min((r.create_timestamp for r in [*others, *roots] if r is not None), default=None)


def is_over(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Return whether the instance knows the run, and that it has ended."""
    run = instance.get_run_by_id(run_id) if run_id else None
    return run is not None and run.is_finished
