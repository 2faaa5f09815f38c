"""Expected failures: which errors they are, and how a run shows them, with the message and without a traceback.

What belongs here: telling an expected failure (a rejected file, an endpoint that is down) from a bug, finding in a
chain of errors the message that was written for a person, and failing a step of a run with that message alone.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import logging
import traceback
from typing import TYPE_CHECKING, Any, TypeVar, cast

import dagster as dg
from dagster._core.errors import DagsterUserCodeProcessError
from dagster_shared.error import SerializableErrorInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = TypeVar("F", bound="Callable[..., Any]")

_log = logging.getLogger(__name__)

OURS = ("ftm_assets", "ftm_resources")

PLAIN = (ValueError, OSError, LookupError)
"""Built-in errors that our code raises with a message for a person."""

TRACEBACK = "traceback"
"""Key of the traceback in the metadata of an expected failure, which the UI shows on request."""

_MARK = "_fails_plainly"


class _WithoutStackError(DagsterUserCodeProcessError):
    """An error that the event log shows as its message alone.

    Dagster records an error of this type as it was serialized elsewhere, instead of with the stack of this process.
    """

    def __init__(self, message: str) -> None:
        info = SerializableErrorInfo(message=f"{message}\n", stack=[], cls_name=ExpectedError.__name__)
        super().__init__(message, user_code_process_error_infos=[info])  # type: ignore[no-untyped-call]


class ExpectedError(dg.Failure, _WithoutStackError):
    """A step or a run cannot go on; the message says why and what to do. Recorded and printed without a stack.

    A step's retry policy does not apply to it: trying again would fail in the same way.
    """


def plainly(function: F) -> F:
    """Let a function that Dagster calls fail with an ExpectedError where it would fail with an expected error.

    Bugs, requests to retry and interruptions are raised unchanged. The traceback of an expected failure goes to the
    debug log and to the failure's metadata.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if (plain := _plain(error)) is error:
                raise  # with its cause, which says why a retry was asked for
            raise plain from None

    @functools.wraps(function)
    def generate(*args: Any, **kwargs: Any) -> Any:
        try:
            return (yield from function(*args, **kwargs))
        except Exception as error:
            if (plain := _plain(error)) is error:
                raise  # with its cause, which says why a retry was asked for
            raise plain from None

    made = generate if inspect.isgeneratorfunction(function) else call
    setattr(made, _MARK, True)
    return cast("F", made)


def is_plain(function: Callable[..., Any]) -> bool:
    """Return whether a function was decorated with `plainly`."""
    return bool(getattr(function, _MARK, False))


def _plain(error: Exception) -> Exception:
    """Return the ExpectedError for an expected error, and any other error itself."""
    if isinstance(error, ExpectedError | dg.RetryRequested):
        return error
    message = message_of(error)
    if message is None:
        return error
    _log.debug("%s", message, exc_info=error)
    failure = next((e for e in chain(error) if isinstance(e, dg.Failure)), None)
    lines = "".join(traceback.format_exception(error)).splitlines()
    metadata = {**(failure.metadata if failure else {}), TRACEBACK: dg.MetadataValue.json(lines)}
    return ExpectedError(message, metadata=metadata, allow_retries=False)


def message_of(error: BaseException) -> str | None:
    """Return the message of the outermost error that FTM raised; None if the error was unexpected."""
    for found in chain(error):
        if _is_ours(found):
            return _text(found)
    if isinstance(error, OSError):  # no permission, no space, no such file: it says so, and names the file
        return _text(error)
    return None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes, outermost first; the members of a group in turn."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from chain(member)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_ours(error: BaseException) -> bool:
    module = type(error).__module__
    if module.partition(".")[0] in OURS or isinstance(error, dg.Failure):
        return True
    return isinstance(error, PLAIN) and _is_raised_by_us(error)


def _is_raised_by_us(error: BaseException) -> bool:
    """Return whether a `raise` of our code made the error, rather than, say, a key that is not in a dict."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return False
    frame, line = frames[-1]
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package in OURS and linecache.getline(frame.f_code.co_filename, line).lstrip().startswith("raise ")


def _text(error: BaseException) -> str:
    description = getattr(error, "description", None)  # dagster's Failure
    return str(description or error).strip() or type(error).__name__
