"""For how long a run that reports nothing is believed to be at work: it may hang, or its host may be gone.

What belongs here: the one rule of that, for whatever keeps a server, waits for a run or counts what it took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_resources import settings

if TYPE_CHECKING:
    import dagster as dg

_NEWEST = 20
"""Events at the end of a run's log among which its own last one is looked for."""


def believed_until(
    instance: dg.DagsterInstance, record: dg.RunRecord, silent_seconds: float | None = None
) -> float:
    """Return until when a run is taken to be at work, in seconds since 1970, unless it reports something later.

    It is `silent_seconds` (default: FTM_SERVICE_SILENT_SECONDS) after a step last reported something. What Dagster
    says of the run as a whole, such as that it is taken for lost, is no sign of its being at work.
    """
    newest = instance.get_records_for_run(record.dagster_run.run_id, limit=_NEWEST, ascending=False).records
    entries = [found.event_log_entry for found in newest]
    heard = next(
        (e for e in entries if e.step_key or e.dagster_event is None), entries[-1] if entries else None
    )
    last = heard.timestamp if heard else record.update_timestamp.timestamp()
    if silent_seconds is None:
        silent_seconds = settings.current().ftm_service_silent_seconds
    return last + silent_seconds
