"""Interrupts that arrive in a destructor, in real processes that are sent real signals."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]

CLEARED = {
    "destructor": "class Thing:\n    def __del__(self): signal.raise_signal(number)\nThing()",
    "weak reference": (
        "class Thing: pass\n"
        "thing = Thing()\n"
        "kept = weakref.ref(thing, lambda _: signal.raise_signal(number))\n"
        "del thing"
    ),
    "cycle": (
        "class Thing:\n    def __del__(self): signal.raise_signal(number)\n"
        "thing = Thing()\nthing.own = thing\ndel thing\ngc.collect()"
    ),
}


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import gc, signal, sys, time, weakref\n" + code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=REPOSITORY,
    )


def waits(kept: bool, cleared: str, number: str) -> str:
    """A program under Dagster's handler of interrupts that gets one while it clears objects away, and then waits."""
    body = "\n".join(f"        {line}" for line in CLEARED[cleared].splitlines())
    return f"""
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.interrupts import raise_interrupts_as
from ftm_assets.orchestration.execution.interrupts import keep_interrupts
number = signal.{number}
if {kept}:
    keep_interrupts()
    keep_interrupts()
try:
    with raise_interrupts_as(DagsterExecutionInterruptedError):
{body}
        for _ in range(100 if {kept} else 5):
            time.sleep(0.1)
        print("went on")
except DagsterExecutionInterruptedError:
    print("stopped")
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("cleared", CLEARED)
def test_an_interrupt_that_python_cannot_raise_is_raised_again(cleared: str, number: str):
    done = run(waits(kept=True, cleared=cleared, number=number))
    assert (done.stdout, done.stderr, done.returncode) == ("stopped\n", "", 0)


def test_without_it_such_an_interrupt_is_lost():
    done = run(waits(kept=False, cleared="weak reference", number="SIGINT"))
    assert done.stdout == "went on\n"
    assert "Exception ignored in" in done.stderr


def test_other_errors_that_cannot_be_raised_are_shown_as_before():
    done = run("""
from ftm_assets.orchestration.execution.interrupts import keep_interrupts
keep_interrupts()
class Thing:
    def __del__(self): raise ValueError("seen")
Thing()
""")
    assert done.returncode == 0
    assert "ValueError: seen" in done.stderr


def test_every_process_that_loads_the_definitions_keeps_them():
    done = run("import ftm_assets.definitions\nprint(sys.unraisablehook.__module__)")
    assert done.stdout == "ftm_assets.orchestration.execution.interrupts\n", done.stderr


def test_one_interrupt_at_the_end_does_not_cut_off_every_cleaning_up():
    """What Python runs at exit is not interruptible: an interrupt that ends one function leaves the others alone."""
    done = run("""
import atexit
from ftm_assets.orchestration.execution.interrupts import keep_interrupts
keep_interrupts()
def clean(name):
    if name == "first":
        signal.raise_signal(signal.SIGINT)
    time.sleep(0.2)
    print(name, "is clean")
for name in ("third", "second", "first"):
    atexit.register(clean, name)
""")
    assert done.stdout == "second is clean\nthird is clean\n", done.stderr


def test_hooks_of_others_may_be_set_over_it():
    done = run("""
from ftm_assets.orchestration.execution.interrupts import keep_interrupts
keep_interrupts()
before = sys.unraisablehook
sys.unraisablehook = lambda lost: before(lost)
keep_interrupts()
class Thing:
    def __del__(self): raise ValueError("seen")
Thing()
""")
    assert "ValueError: seen" in done.stderr
    assert "RecursionError" not in done.stderr
