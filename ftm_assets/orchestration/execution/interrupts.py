"""Interrupts that are not lost: one that arrives while Python clears objects away is raised again right after."""

import _thread
import sys
import threading

from dagster._core.errors import DagsterExecutionInterruptedError

INTERRUPTS = (KeyboardInterrupt, DagsterExecutionInterruptedError)

SOON = 0.01
"""Seconds until it is raised again, in which Python leaves the function that could not raise it."""

_before = sys.unraisablehook


def keep_interrupts() -> None:
    """Raise interrupts again that Python cannot raise, in this process and those forked from it.

    Handlers of signals raise an exception wherever the main thread is. In a destructor, or a weak reference's callback,
    Python prints it with "Exception ignored in" and goes on, so that a run that was told to stop would not.
    """
    global _before
    if sys.unraisablehook is not _raise_again:
        _before, sys.unraisablehook = sys.unraisablehook, _raise_again


def _raise_again(lost: "sys.UnraisableHookArgs") -> None:
    if not issubclass(lost.exc_type, INTERRUPTS):
        _before(lost)
    elif not sys.is_finalizing():
        # Not from here, where it would be lost once more: Python cannot raise what its own hook raises.
        again = threading.Timer(SOON, _thread.interrupt_main)
        again.daemon = True
        again.start()
