"""Locks between processes on one machine; a process that waits says who holds the lock.

What belongs here: taking a lock file, and telling who holds it and whether a process still exists. What a lock protects
is up to its users.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import uuid
import warnings
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SAY_AFTER = 10.0
"""Seconds of waiting after which a process says who holds the lock; repeated each time the wait has doubled."""


class WaitingWarning(UserWarning):
    """A process waits for a lock; the message says who holds it and what to do."""


@contextlib.contextmanager
def held(file: Path, what: str) -> Iterator[None]:
    """Hold a lock file, waiting for it as long as necessary; `what` says what it protects.

    The system releases the lock of a process that dies, but not of one that is stopped (SIGSTOP, a debugger, a
    suspended machine). After SAY_AFTER seconds, a WaitingWarning names the holder's process, machine, command and when
    it took the lock.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415

    file.parent.mkdir(parents=True, exist_ok=True)
    lock, waited, patience = FileLock(file), 0.0, SAY_AFTER
    while True:
        try:
            lock.acquire(timeout=patience)
            break
        except Timeout:
            waited, patience = waited + patience, waited + patience
            warnings.warn(
                f"waiting for {what} for {waited:.0f} s: {_described(holder_file(file))}",
                WaitingWarning,
                stacklevel=3,
            )
    try:
        _introduce(holder_file(file))
        yield
    finally:
        # Before the release: afterwards the file is the next holder's.
        with contextlib.suppress(OSError):
            holder_file(file).unlink()
        lock.release()


def process_exists(pid: int) -> bool:
    """Return whether a process of this machine exists, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    return True


def holder_file(file: Path) -> Path:
    """Return the file beside a lock file that says who holds it; a lock file itself is emptied by whoever waits."""
    return file.with_suffix(".holder")


def _introduce(file: Path) -> None:
    """Write who this process is; nothing depends on it, so errors such as a full disk are ignored."""
    me = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": _command(),
    }
    temporary = file.with_name(f"{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_text(json.dumps(me))
        temporary.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _command() -> str:
    """Return this process's command up to its first option or JSON, either of which may hold a key."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    words = takewhile(lambda word: not word.startswith(("-", "{")), sys.argv[1:])
    return " ".join([name, *words])[:200]


def _described(file: Path) -> str:
    try:
        found = json.loads(file.read_text())
        pid, host = found["pid"], found["host"]
        who = f"process {pid} on {host} has held it since {found['since']} ({found['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process holds it"
    if host != socket.gethostname():
        return who
    return f"{who}. If it hangs or was stopped, resume it (kill -CONT {pid}) or end it (kill -KILL {pid})"
