"""The work is `eval`: the other processes can import a built-in function, but not this module."""

import os
import subprocess
import sys
import time

import pytest

from ftm_assets.orchestration.processes import FEWEST_ITEMS, n_processes, side_by_side
from ftm_resources.locks import process_exists

PROCESS = "__import__('os').getpid()"


def test_results_come_in_the_order_of_items():
    assert list(side_by_side(eval, [f"{i} * {i}" for i in range(20)], 2)) == [i * i for i in range(20)]


def test_many_items_are_worked_on_in_other_processes():
    assert os.getpid() not in set(side_by_side(eval, [PROCESS] * 20, 2))


def test_few_items_or_one_process_stay_here():
    assert set(side_by_side(eval, [PROCESS] * (FEWEST_ITEMS - 1), 4)) == {os.getpid()}
    assert set(side_by_side(eval, [PROCESS] * 20, 1)) == {os.getpid()}
    assert list(side_by_side(eval, [], 2)) == []


def test_the_processes_have_one_thread_each():
    found = side_by_side(eval, ["__import__('os').environ['OMP_NUM_THREADS']"] * 20, 2)
    assert set(found) == {"1"}


@pytest.mark.parametrize("processes", [1, 2])
def test_an_exception_is_raised_here(processes: int):
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(eval, [*["1"] * 10, "1 / 0"], processes))


def test_one_per_cpu_unless_steps_are_side_by_side(monkeypatch: pytest.MonkeyPatch):
    assert n_processes(3) == 3
    monkeypatch.setenv("FTM_EXECUTOR", "in_process")
    assert n_processes(0) == len(os.sched_getaffinity(0))
    monkeypatch.setenv("FTM_EXECUTOR", "multiprocess")
    assert n_processes(0) == 1


WORKERS = """
from ftm_assets.orchestration.processes import side_by_side

pids = "(print(__import__('os').getpid(), flush=True), __import__('time').sleep(600))"
list(side_by_side(eval, [pids] * 8, 2))
"""


@pytest.mark.integration
def test_the_processes_end_if_only_their_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", WORKERS], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.wait()
    end = time.monotonic() + 60
    while any(map(process_exists, workers)):
        assert time.monotonic() < end, "they go on without it"
        time.sleep(0.1)
