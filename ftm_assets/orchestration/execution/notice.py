"""The notice that a machine gives before it shuts down: a step that gets it stops at a point where nothing is lost."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""Operating systems, ECS and Kubernetes send SIGTERM. `ecs_steps` forwards it as SIGUSR1, which, unlike SIGTERM, ends
a process that does not handle it yet and is not recorded by Dagster as a failure."""

_given = threading.Event()


def has_notice() -> bool:
    """Return whether this process has been told to stop."""
    return _given.is_set()


@contextlib.contextmanager
def notice() -> Iterator[threading.Event]:
    """Yield an event that is set once this process is told to stop; in the block, the signal does not interrupt it.

    The event stays set, because the process will end. Outside the main thread signals cannot be caught.
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
