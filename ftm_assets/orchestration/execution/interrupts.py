"""Interrupts that are not lost: one that arrives while Python clears objects away is raised again right after."""

import _thread
import sys
import threading
from functools import cache

from dagster._core.errors import DagsterExecutionInterruptedError

INTERRUPTS = (KeyboardInterrupt, DagsterExecutionInterruptedError)

SOON = 0.01
"""Seconds until it is raised again, in which Python leaves the function that could not raise it."""


@cache
def keep_interrupts() -> None:
    """Raise interrupts again that Python cannot raise, in this process and those forked from it.

    Handlers of signals raise an exception wherever the main thread is. In a destructor, or a weak reference's callback,
    Python prints it with "Exception ignored in" and goes on, so that a run that was told to stop would not. What
    Python runs at exit is left alone: one interrupt ends one of these functions, as everywhere.
    """
    before = sys.unraisablehook

    def raise_again(lost: "sys.UnraisableHookArgs") -> None:
        if not issubclass(lost.exc_type, INTERRUPTS) or not threading.main_thread().is_alive():
            before(lost)
        else:
            # Not from here, where it would be lost once more: Python cannot raise what its own hook raises.
            again = threading.Timer(SOON, _thread.interrupt_main)
            again.daemon = True
            again.start()

    sys.unraisablehook = raise_again
