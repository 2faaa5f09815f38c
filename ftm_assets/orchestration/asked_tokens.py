"""What a step asked of a language model, told in its run's events: tokens of every reply that arrived, kept or not.

What belongs here: the shape of what is told, by the step that asks, and read by `spent_time`. A step says that it asks
before it does, so that of one that is killed meanwhile it is known that its tokens are not.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.events import EngineEventData

from ftm_resources.endpoint.chat import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "tokens"
"""Key of what is told in the metadata of an event."""


@dataclass(frozen=True)
class Told:
    """What one event tells: that a step begins to ask, or what its asking took."""

    is_end: bool = False
    sent: int | None = None
    """Tokens of the prompts of all replies that arrived; None if the server did not report some."""
    received: int | None = None
    """Tokens of these replies; None likewise."""
    usd: float | None = None
    """None without prices of tokens."""


@contextlib.contextmanager
def telling(step: dg.OpExecutionContext | None, cost: Callable[[int, int], float | None]) -> Iterator[Usage]:
    """Yield the count of a call's tokens; tell the run's events when it begins, and at its end, however it ends.

    `cost` returns the price in USD of (tokens sent, received). Without a step, nothing is told.
    """
    usage = Usage()
    if step is not None:
        _tell(step, "Asks a language model", Told())
    try:
        yield usage
    finally:
        if step is not None:
            _tell(step, *_end(usage, cost))


def _end(usage: Usage, cost: Callable[[int, int], float | None]) -> tuple[str, Told]:
    if not usage.is_reported:
        return "The model did not say how many tokens it took", Told(is_end=True)
    said = f"The model took {usage.sent:,} tokens and gave {usage.received:,} in {usage.replies:,} replies"
    return said, Told(
        is_end=True, sent=usage.sent, received=usage.received, usd=cost(usage.sent, usage.received)
    )


def told_by(event: dg.DagsterEvent) -> Told | None:
    """Return what an event tells of tokens; None if it is of something else."""
    value = getattr(event.event_specific_data, "metadata", {}).get(KEY)
    if not isinstance(value, dg.JsonMetadataValue) or not isinstance(value.data, dict):
        return None
    return Told(**value.data)


def as_data(told: Told) -> EngineEventData:
    """Return what is told as the data of an event."""
    return EngineEventData(metadata={KEY: dg.MetadataValue.json(vars(told))})


def _tell(step: dg.OpExecutionContext, message: str, told: Told) -> None:
    dg.DagsterEvent.engine_event(step.get_step_execution_context(), message, as_data(told))
