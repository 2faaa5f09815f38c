"""How a command fails: with a message that says what to do, and an exit code; a traceback only with --debug.

What belongs here: telling an expected failure (a rejected file, an endpoint that is down) from a bug, and finding,
in a chain of errors, the message that was written for a person: the outermost of ours.
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

STOPPED = "Stopped. Run the same command again to resume."

INTERRUPTED = 130
"""Exit code after Ctrl-C, by shell convention."""

_OURS = ("ftm_assets", "ftm_resources")

_PLAIN = (ValueError, OSError, LookupError)
"""Built-in errors that our code raises with a message for a person."""


class CommandError(Exception):
    """A command cannot do what was asked; the message says why and what to do about it."""


@contextlib.contextmanager
def told(*, debug: bool = False) -> Iterator[None]:
    """Turn an exception from the block into a message on standard error and exit code 1, or 130 after Ctrl-C.

    With `debug`, errors are raised unchanged.
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
            message = (
                f"Unexpected error: {reason}\nThis is a bug in FTM. Run it again with --debug for details."
            )
        tell(message)
        raise typer.Exit(1) from error


def tell(message: str) -> None:
    """Write a message to standard error unchanged: brackets are not markup."""
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
    """Show a warning of ours as its message alone, any other as Python does."""
    if category.__module__.partition(".")[0] in _OURS:
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
    """Return the message of an expected failure, the outermost of ours; None if the error was unexpected."""
    for found in _chain(error):
        if _is_ours(found):
            return _text(found)
    if isinstance(error, OSError):  # no permission, no space, no such file: it says so, and names the file
        return _text(error)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes, outermost first; the members of a group in turn."""
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
    """Yield an error from another process and its causes, outermost first."""
    while error is not None:
        yield error
        error = error.cause or error.context


def message_of_step(error: SerializableErrorInfo | None) -> str:
    """Return the message of a failed step, like `message_of` but for an error from another process."""
    errors = list(chain(error))
    ours = tuple(f"{package}." for package in _OURS)
    written = [e for e in errors if e.message.startswith(ours) or e.cls_name == "Failure"]
    # Dagster's own errors only say which step failed, which is known.
    raised = [e for e in errors if not (e.cls_name or "").startswith("Dagster")]
    plain = {t.__name__ for t in (*_PLAIN, RuntimeError)}
    for found in (*written, *raised, *errors):
        _, _, text = found.message.partition(": ")
        return (
            text if text.strip() and (found in written or found.cls_name in plain) else found.message
        ).strip()
    return "no reason was recorded"
