"""Locks between real processes: one that is stopped is named to those that wait."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ftm_resources import locks

HOLD = """
import sys
from pathlib import Path
from ftm_resources import locks
locks.SAY_AFTER = 0.3
with locks.held(Path(sys.argv[1]), "the lock of a test"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def process(file: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that waits for the lock, holds it, and lets it go when it is told to."""
    command, pipe = [sys.executable, "-c", HOLD, str(file), "--config-json", "a key"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def test_a_stopped_holder_is_named_with_what_to_do_and_the_wait_goes_on(tmp_path: Path):
    with process(tmp_path / "a.lock") as holder:
        assert holder.stdout
        assert holder.stdin
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        with process(tmp_path / "a.lock") as waiting:
            assert waiting.stderr
            assert waiting.stdout
            said = waiting.stderr.readline()
            host = socket.gethostname()
            assert (
                f"waiting for the lock of a test for 0 s: process {holder.pid} on {host} has held it since 20"
                in said
            )
            assert f"(-c {tmp_path / 'a.lock'})" in said, "its command"
            assert "a key" not in (tmp_path / "a.holder").read_text()
            assert f"kill -CONT {holder.pid}" in said
            holder.send_signal(signal.SIGCONT)
            holder.stdin.write("\n")
            holder.stdin.flush()
            assert waiting.stdout.readline() == "held\n"


@pytest.mark.parametrize("left", ["", "{", "[]", '{"pid": 1}'])
def test_a_holder_that_did_not_introduce_itself_is_waited_for_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
):
    file = tmp_path / "a.lock"
    monkeypatch.setattr(locks, "SAY_AFTER", 0.1)
    with process(file) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        locks.holder_file(file).write_text(left)
        with process(file) as waiting:
            assert waiting.stderr
            assert "another process holds it" in waiting.stderr.readline()


def test_a_lock_that_was_let_go_leaves_no_holder_even_after_an_error(tmp_path: Path):
    file = tmp_path / "a.lock"
    there = []

    def fail() -> None:
        with locks.held(file, "a lock"):
            there.append(locks.holder_file(file).exists())
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()
        there.append(locks.holder_file(file).exists())
    assert there == [True, False, True, False]


def test_a_lock_is_held_where_its_holder_cannot_be_written(tmp_path: Path):
    file = tmp_path / "a.lock"
    locks.holder_file(file).mkdir()
    with locks.held(file, "a lock"):
        assert file.exists()


def test_whether_a_process_exists():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert not locks.process_exists(done.pid)
    assert locks.process_exists(1), "another user's"
