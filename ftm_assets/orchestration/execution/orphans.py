"""Ending child processes with their parent: after a run is killed, its children must not go on computing.

What belongs here: noticing that the parent is gone. Not every system sends a signal then, so a thread checks.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time

from ftm_resources.locks import process_exists

LOOK_SECONDS = 1.0
"""Seconds between two checks."""

_followed: set[int] = set()


def end_with(parent: int) -> None:
    """End this process within seconds once the process `parent`, for which it works, is gone.

    It ends at once, without clean-up: whatever it was writing, it was writing for a reader that no longer exists.
    Calling this again for the same parent does nothing.
    """
    if parent not in _followed:
        _followed.add(parent)
        threading.Thread(target=_watch, args=(parent,), daemon=True, name=f"end with {parent}").start()


def end_with_run() -> None:
    """End this process with the process of the run, if it is a child that executes a single step of it."""
    run = multiprocessing.parent_process()
    if run is not None and run.pid is not None:
        end_with(run.pid)


def _watch(parent: int) -> None:
    # A killed process that nobody has waited for still exists, but no longer has children.
    is_child = os.getppid() == parent
    while os.getppid() == parent if is_child else process_exists(parent):
        time.sleep(LOOK_SECONDS)
    os._exit(1)
