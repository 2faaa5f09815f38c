"""How a command fails: with a message that says what to do, and an exit code; a traceback only with --debug.

What belongs here: what the command line makes of a failure. Which failures are expected, and what their message is,
is in `ftm_resources.expected`, which is loaded, with Dagster, only once something failed.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster_shared.error import SerializableErrorInfo

STOPPED = "Stopped."

INTERRUPTED = 130
"""Exit code after Ctrl-C, by shell convention."""

BUG = "This is a bug in FTM. Run it again with --debug for details."


class CommandError(Exception):
    """A command cannot do what was asked; the message says why and what to do about it."""


@contextlib.contextmanager
def told(*, debug: bool = False) -> Iterator[None]:
    """Turn an exception from the block into a message on standard error and exit code 1, or 130 after Ctrl-C.

    An interrupt may say, as its argument, what the same command does next time.

    With `debug`, errors are raised unchanged.
    """
    try:
        yield
    except KeyboardInterrupt as stopped:
        tell(" ".join([STOPPED, *map(str, stopped.args)]))
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if debug or _is_for_typer(error):
            raise
        message = message_of(error)
        if message is None:
            reason = "".join(traceback.format_exception_only(error)).strip()
            message = f"Unexpected error: {reason}\n{BUG}"
        tell(message)
        raise typer.Exit(1) from error


def tell(message: str) -> None:
    """Write a message to standard error unchanged: brackets are not markup."""
    sys.stderr.write(message.rstrip("\n") + "\n")
    sys.stderr.flush()


def warnings_shown_once() -> Callable[..., None]:
    """Return a function for `warnings.showwarning` that shows each warning of ours once in a command.

    A command may open the source twice: to know its quarters, and to read it.
    """
    shown: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **other: Any) -> None:
        if str(message) not in shown or not _is_ours(category):
            shown.add(str(message))
            show_warning(message, category, *place, **other)

    return show


def _is_ours(category: type[Warning]) -> bool:
    return category.__module__.partition(".")[0] in {"ftm_assets", "ftm_resources"}


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning of ours as its message alone, any other as Python does."""
    if _is_ours(category):
        tell(f"Warning: {message}")
    else:
        (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


def _is_for_typer(error: Exception) -> bool:
    """Return whether typer handles the error itself: exits, aborts, usage errors, a closed pipe."""
    return isinstance(error, BrokenPipeError) or type(error).__module__.partition(".")[0] in {
        "typer",
        "click",
    }


def message_of(error: BaseException) -> str | None:
    """Return the message of an expected failure (see `expected.message_of`); None if the error was unexpected."""
    from ftm_resources import expected

    return expected.message_of(error)


def chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    """Yield an error from another process and its causes, outermost first."""
    while error is not None:
        yield error
        error = error.cause or error.context


def message_of_step(error: SerializableErrorInfo | None) -> tuple[str, bool]:
    """Return the message of a failed step, and whether the failure was expected (see `expected`)."""
    from ftm_resources.expected import OURS, PLAIN, ExpectedError

    errors = list(chain(error))
    written = [e for e in errors if e.cls_name == ExpectedError.__name__]
    if written:
        return written[0].message.strip(), True
    # Raised outside a step, where only resources and settings are made.
    ours = tuple(f"{package}." for package in OURS)
    written = [e for e in errors if e.message.startswith(ours) or e.cls_name == "Failure"]
    # Dagster's own errors only say which step failed, which is known.
    raised = [e for e in errors if not (e.cls_name or "").startswith("Dagster")]
    plain = {t.__name__ for t in PLAIN}
    for found in (*written, *raised, *errors):
        is_expected = found in written or found.cls_name in plain
        _, _, text = found.message.partition(": ")
        return (text if is_expected and text.strip() else found.message).strip(), is_expected
    return "no reason was recorded", False
