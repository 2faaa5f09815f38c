"""The notice that a machine gives before it goes: a step that gets it stops where nothing is lost."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""SIGTERM is what an operating system, ECS and Kubernetes send; SIGUSR1 what `ecs_steps` passes on: unlike that one,
it ends a process that does not listen yet, and Dagster does not make a failure of it."""

_given = threading.Event()


def has_notice() -> bool:
    """Tell whether this process has been told to end."""
    return _given.is_set()


@contextlib.contextmanager
def notice() -> Iterator[threading.Event]:
    """Yield an event that is set once this process has been told to end; within, that does not interrupt it.

    It stays set: a process that was told to end will. Outside the main thread signals cannot be caught.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _given
        return
    before = {s: signal.signal(s, lambda *_: _given.set()) for s in SIGNALS}
    try:
        yield _given
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
