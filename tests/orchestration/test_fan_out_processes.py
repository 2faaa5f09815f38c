"""A chunked asset whose process is killed, told to end, or re-executed from failure: nothing lost, nothing twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from ftm_resources.locks import process_exists
from ftm_resources.warehouse import Warehouse

from .fanned_out import FIRMS, QUARTER, sentences

pytestmark = pytest.mark.integration
SCRIPT = Path(__file__).with_name("fanned_out.py")
FLUSH = 2
PATIENCE = 600
"""Seconds for a run, which takes ten: machines may be busy."""
IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")


class Fanned:
    """The asset, run in processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.warehouse = Warehouse(path=str(folder / "warehouse"))
        self.warehouse.replace("sentences", QUARTER, [sentences()])

    def start(self, what: str, executor: str) -> subprocess.Popen[str]:
        told = {
            "FANNED_OUT": str(self.folder),
            "FTM_EXECUTOR": executor,
            "DAGSTER_HOME": str(self.home),
        }
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), what],
            env=os.environ | told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, what: str, executor: str) -> str:
        out, _ = self.start(what, executor).communicate(timeout=PATIENCE)
        assert out.splitlines()[-1] in {"success", "failure"}, out[-3000:]
        return out.splitlines()[-1]

    def calls(self) -> list[list[str]]:
        """Return the process and the firms of each group worked on."""
        path = self.folder / "calls"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def await_calls(self, n: int, process: subprocess.Popen[str]) -> int:
        """Wait until n groups were begun; return the process that works on the last one."""
        while len(self.calls()) < n:
            assert process.poll() is None, process.communicate()[0][-3000:]
            time.sleep(0.02)
        return int(self.calls()[-1][0])

    def stopped_at_work(self) -> subprocess.Popen[str]:
        """Return a run that is stopped while it works on its first group, when it holds no lock."""
        pause = self.folder / "pause"
        pause.write_text("5")
        process = self.start("run", "in_process")
        self.await_calls(1, process)
        process.send_signal(signal.SIGSTOP)
        pause.unlink()
        return process

    def times_worked_on(self) -> Counter[int]:
        """Return how many firms were worked on how many times."""
        return Counter(Counter(firm for _, *firms in self.calls() for firm in firms).values())

    def is_whole(self) -> bool:
        ids = self.warehouse.read("sentence_sentiment", QUARTER).column("sentence_id").to_pylist()
        return ids == [f"{QUARTER}:{f}:000" for f in FIRMS]

    def logged(self, text: str) -> bool:
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            return any(text in e.to_json() for r in instance.get_runs() for e in instance.all_logs(r.run_id))


@pytest.fixture
def fanned(tmp_path: Path) -> Fanned:
    return Fanned(tmp_path)


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_re_executed_from_failure_it_is_whole(fanned: Fanned, executor: str):
    """Dagster is known to skip mapped steps there: what fails is in the middle chunk, before its last group."""
    (fanned.folder / "fails").write_text("012")
    assert fanned.run("run", executor) == "failure"
    assert fanned.warehouse.quarters("sentence_sentiment") == []
    (fanned.folder / "fails").unlink()
    assert fanned.run("retry", executor) == "success"
    assert fanned.is_whole()
    assert fanned.times_worked_on() == {1: len(FIRMS)}


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_killed_and_re_executed_from_failure_it_fails_loudly_and_the_next_run_is_whole(
    fanned: Fanned, executor: str
):
    """Dagster passes over the chunks that had not been started. (The daemon's retries do not: see `retries`.)"""
    (fanned.folder / "pause").write_text("0.3")
    process = fanned.start("run", executor)
    working = fanned.await_calls(6, process)
    os.kill(process.pid, signal.SIGKILL)
    if working != process.pid:
        os.kill(working, signal.SIGKILL)
    process.wait()
    assert fanned.run("retry", executor) == "failure"
    assert fanned.logged("planned firms are in no part")
    assert fanned.warehouse.quarters("sentence_sentiment") == []
    assert fanned.run("run", executor) == "success"
    assert fanned.is_whole()
    repeated = sum(n for times, n in fanned.times_worked_on().items() if times > 1)
    assert repeated <= FLUSH * 2, "a group per chunk at work"


def test_a_commit_re_executed_alone_finds_the_failures_of_its_chunks(fanned: Fanned):
    odd = fanned.folder / "odd"
    odd.write_text("003 004")
    assert fanned.run("run", "in_process") == "failure"
    odd.unlink()
    before = fanned.times_worked_on()
    assert fanned.run("retry", "in_process") == "failure"
    assert fanned.times_worked_on() == before
    assert not fanned.logged("are in no part")
    assert fanned.run("run", "in_process") == "success"
    assert fanned.is_whole()


def test_a_step_that_is_told_to_end_flushes_and_another_process_goes_on(fanned: Fanned):
    (fanned.folder / "pause").write_text("0.5")
    process = fanned.start("run", "multiprocess")
    told = fanned.await_calls(2, process)
    os.kill(told, signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    assert out.splitlines()[-1] == "success"
    assert fanned.is_whole()
    assert fanned.times_worked_on() == {1: len(FIRMS)}
    assert fanned.logged("in this chunk (saved)")


def test_a_run_that_is_told_to_end_flushes_and_fails_and_the_next_goes_on(fanned: Fanned):
    (fanned.folder / "pause").write_text("0.5")
    process = fanned.start("run", "in_process")
    fanned.await_calls(2, process)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    assert out.splitlines()[-1] == "failure"
    assert len(fanned.calls()) == 2, "no group was begun after the notice"
    assert fanned.run("run", "in_process") == "success"
    assert fanned.is_whole()
    assert fanned.times_worked_on() == {1: len(FIRMS)}


def test_a_step_ends_by_itself_if_the_process_of_its_run_is_killed(fanned: Fanned):
    (fanned.folder / "pause").write_text("600")
    process = fanned.start("run", "multiprocess")
    working = fanned.await_calls(1, process)
    assert working != process.pid
    process.kill()
    process.wait()
    end = time.monotonic() + 60
    while process_exists(working):
        assert time.monotonic() < end, "it goes on without the run"
        time.sleep(0.1)


def test_of_two_runs_with_different_input_the_slower_is_told_who_came_first(fanned: Fanned):
    """It is stopped amid its work; the other run replaces its input, commits, and leaves its parts alone."""
    slower = fanned.stopped_at_work()
    rows = sentences()
    other = rows.set_column(rows.column_names.index("text"), "text", pa.array(["Other."] * rows.num_rows))
    fanned.warehouse.replace("sentences", QUARTER, [other], provenance={"run_id": "the winner"})
    assert fanned.run("run", "in_process") == "success"
    winner = fanned.warehouse.quarter("sentence_sentiment", QUARTER)
    slower.send_signal(signal.SIGCONT)
    out, _ = slower.communicate(timeout=PATIENCE)
    assert out.splitlines()[-1] == "failure"
    assert fanned.logged("another run came first. Run the winner replaced sentences")
    assert not fanned.logged("are in no part")
    assert fanned.warehouse.quarter("sentence_sentiment", QUARTER) == winner
    assert fanned.run("run", "in_process") == "success"
    assert not list((fanned.folder / "warehouse" / "staging").rglob("*.parquet")), "the dead plan is gone too"


def test_of_two_runs_with_the_same_input_the_slower_finishes_too(fanned: Fanned):
    slower = fanned.stopped_at_work()
    assert fanned.run("run", "in_process") == "success"
    slower.send_signal(signal.SIGCONT)
    out, _ = slower.communicate(timeout=PATIENCE)
    assert out.splitlines()[-1] == "success"
    assert fanned.is_whole()


def test_a_full_disk_is_named_and_the_next_run_goes_on_behind_what_was_flushed(tmp_path: Path):
    """The warehouse on a tmpfs, in a mount namespace of its own, that a group's work leaves full."""
    driver = """
import subprocess, sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
from fanned_out import FOLDER, QUARTER, fill, sentences
from ftm_resources.warehouse import Warehouse
warehouse = Warehouse(path=str(FOLDER / "warehouse"))
warehouse.replace("sentences", QUARTER, [sentences()])
(FOLDER / "fills").write_text("010")
run = [sys.executable, sys.argv[1], "run"]
first = subprocess.run(run, capture_output=True, text=True)
assert first.stdout.splitlines()[-1] == "failure", first.stdout
assert "no space left under" in first.stdout + first.stderr, first.stderr[-3000:]
assert warehouse.read("sentences", QUARTER).num_rows == 24
(FOLDER / "ballast").unlink()
(FOLDER / "fills").unlink()
second = subprocess.run(run, capture_output=True, text=True)
assert second.stdout.splitlines()[-1] == "success", second.stdout
assert warehouse.read("sentence_sentiment", QUARTER).num_rows == 24
print((FOLDER / "calls").read_text())
"""
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "home").mkdir()
    mounted = 'mount -t tmpfs -o size=4m none "$FANNED_OUT" && exec "$@"'
    done = subprocess.run(
        [*IN_A_NAMESPACE, mounted, "sh", sys.executable, "-c", driver, str(SCRIPT)],
        env=os.environ | {
            "FANNED_OUT": str(disk), "FTM_EXECUTOR": "in_process", "DAGSTER_HOME": str(tmp_path / "home"),
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    groups = [line.split()[1] for line in done.stdout.split("\n") if line]
    again = {firm for firm, times in Counter(groups).items() if times > 1}
    assert again == {"010"}, "the group that found no room; the next chunk had none even for its claim"
