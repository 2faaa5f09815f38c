"""How a command fails: in words, with what to do, and an exit code; a traceback only for those who ask.

What belongs here: telling an expected failure (a refused file, an endpoint that is down) from a fault of ours,
and finding, in a chain of errors, the message that was written for a person: the outermost of ours.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, TextIO

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_shared.error import SerializableErrorInfo

STOPPED = "Stopped; the same command goes on where it stopped."

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_OURS = ("ftm_assets", "ftm_resources")

_PLAIN = (ValueError, OSError, LookupError)
"""Built-in errors that our code raises with a message for a person."""


class CommandError(Exception):
    """A command cannot do what was asked; the message says why and what to do about it."""


@contextlib.contextmanager
def told(*, debug: bool = False) -> Iterator[None]:
    """Turn what the block raises into a message on standard error and an exit: 1, or 130 after Ctrl-C.

    With `debug`, errors are raised as they are.
    """
    try:
        yield
    except KeyboardInterrupt:
        tell(STOPPED)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if debug or _is_for_typer(error):
            raise
        message = message_of(error)
        if message is None:
            reason = "".join(traceback.format_exception_only(error)).strip()
            message = f"Unexpected: {reason}\nThis is a fault in FTM. Run the command again with --debug for details."
        tell(message)
        raise typer.Exit(1) from error


def tell(message: str) -> None:
    """Write a message to standard error as it is: brackets in it are no markup."""
    sys.stderr.write(message.rstrip("\n") + "\n")
    sys.stderr.flush()


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning of ours as its message alone, anybody else's as Python does."""
    if category.__module__.partition(".")[0] in _OURS:
        tell(f"Warning: {message}")
    else:
        (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


def _is_for_typer(error: Exception) -> bool:
    """Whether typer knows what to do with it: exits, aborts, wrong usage, a closed pipe."""
    return isinstance(error, BrokenPipeError) or type(error).__module__.partition(".")[0] in {
        "typer",
        "click",
    }


def message_of(error: BaseException) -> str | None:
    """Return what an expected failure says, the outermost message of ours; None where none was expected."""
    for found in _chain(error):
        if _is_ours(found):
            return _text(found)
    if isinstance(error, OSError):  # no permission, no space, no such file: it says so, and names the file
        return _text(error)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what it was raised from, outermost first; each of a group in turn."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from _chain(member)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_ours(error: BaseException) -> bool:
    module = type(error).__module__
    if module.partition(".")[0] in _OURS or (type(error).__name__, module.partition(".")[0]) == (
        "Failure",
        "dagster",
    ):
        return True
    frames = list(traceback.walk_tb(error.__traceback__))
    raised_in = frames[-1][0].f_globals.get("__name__", "") if frames else ""
    return isinstance(error, _PLAIN) and raised_in.partition(".")[0] in _OURS


def _text(error: BaseException) -> str:
    description = getattr(error, "description", None)  # dagster's Failure
    return str(description or error).strip() or type(error).__name__


def chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    """Yield an error that has crossed processes and what it was raised from, outermost first."""
    while error is not None:
        yield error
        error = error.cause or error.context


def message_of_step(error: SerializableErrorInfo | None) -> str:
    """Return what a failed step says, as `message_of` does for an error that has crossed processes."""
    errors = list(chain(error))
    ours = tuple(f"{package}." for package in _OURS)
    written = [e for e in errors if e.message.startswith(ours) or e.cls_name == "Failure"]
    # Dagster's own errors say which step failed, which is known.
    raised = [e for e in errors if not (e.cls_name or "").startswith("Dagster")]
    plain = {t.__name__ for t in (*_PLAIN, RuntimeError)}
    for found in (*written, *raised, *errors):
        _, _, text = found.message.partition(": ")
        return (
            text if text.strip() and (found in written or found.cls_name in plain) else found.message
        ).strip()
    return "no reason was recorded"
