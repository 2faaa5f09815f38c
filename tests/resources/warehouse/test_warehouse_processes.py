"""The warehouse under several real processes: writers, readers and maintenance at once, and killed ones."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from ftm_resources.warehouse import MixedGenerationsWarning, Warehouse
from ftm_resources.warehouse.cleanup import Policy, maintain_table

pytestmark = pytest.mark.integration
TABLE = "firm_topics"
STRICT = Policy(keep=timedelta(days=30), keep_last=1, grace=timedelta(hours=1))

PRELUDE = """
import os, random, signal, sys, time
from datetime import timedelta
from pathlib import Path
import pyarrow as pa
import duckdb, pyiceberg.catalog.sql, pyiceberg.table.inspect
from ftm_resources.warehouse.cleanup import Policy, maintain_table
from ftm_resources.warehouse import Warehouse

warehouse = Warehouse(path=sys.argv[1])
LONG_AGO = 60 * 86400

def topics(quarter, n, label="a"):
    return pa.table({
        "topic_id": [f"{quarter}:1:{i:03d}" for i in range(n)], "firm_id": ["1"] * n,
        "local_topic": pa.array(range(n), pa.int32()), "n_sentences": pa.array([3] * n, pa.int32()),
        "keywords": [[label]] * n, "representative_sentence_ids": [["s"]] * n,
        "call_share": [0.0] * n, "embedding": [[0.6, 0.8]] * n})

def set_clock_back():
    real = time.time
    time.time = lambda: real() - LONG_AGO

def make_all_files_old():
    for path in Path(sys.argv[1], "ftm").rglob("*"):
        try:
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - LONG_AGO))
        except FileNotFoundError:
            pass  # maintenance was here

def process(work):
    # This process has run nothing yet, so that what it is copied to has no threads to miss.
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid

def status(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def seconds(work):
    started = time.perf_counter()
    assert status(process(work)) == 0
    return time.perf_counter() - started

def killed(work, times, longest):
    # Kill a process that does the work, again and again, at moments spread over its time; say when one is dead
    # and wait.
    for i in range(times):
        pid = process(work)
        time.sleep(longest * (i + random.Random(i).random()) / times)
        os.kill(pid, signal.SIGKILL)
        print(status(pid), flush=True)
        sys.stdin.readline()
    print("end", flush=True)
"""


class Process(subprocess.Popen[str]):
    def said(self) -> str:
        assert self.stdout is not None
        return self.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.stdin is not None
        self.stdin.write("\n")
        self.stdin.flush()


Start = Callable[..., Process]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


@pytest.fixture
def start(warehouse: Warehouse) -> Iterator[Start]:
    """Start a process that runs a script on the warehouse; what still runs in the end is killed."""
    started: list[Process] = []

    def start(script: str) -> Process:
        command = [sys.executable, "-c", PRELUDE + textwrap.dedent(script), warehouse.root]
        started.append(Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_sixteen_processes_that_write_first_at_once_lose_and_double_nothing(
    warehouse: Warehouse, start: Start
):
    script = """
        go = Path(sys.argv[1] + ".go")
        def write(quarter):
            while not go.exists():
                time.sleep(0.001)
            warehouse.replace("firm_topics", quarter, [topics(quarter, 5)])
        quarters = [f"{year}Q{q}" for year in range(2020, 2024) for q in (1, 2, 3, 4)]
        writers = [process(lambda q=q: write(q)) for q in quarters]
        go.touch()
        sys.exit(any([status(w) for w in writers]))
    """
    assert start(script).wait(timeout=300) == 0
    ids = warehouse.connect().execute("SELECT topic_id FROM firm_topics ORDER BY 1").fetchall()
    quarters = [f"{year}Q{q}" for year in range(2020, 2024) for q in (1, 2, 3, 4)]
    assert ids == [(f"{q}:1:{i:03d}",) for q in quarters for i in range(5)]


def test_a_reader_sees_the_old_quarter_or_the_new_never_a_mixture(warehouse: Warehouse, start: Start):
    writer = start("""
        for i in range(16):
            n, label = (3, "a") if i % 2 == 0 else (200, "b")
            warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", n, label)])
            print(i, flush=True)
    """)
    writer.said()  # the first state is there
    state = "SELECT count(*), min(keywords[1]), max(keywords[1]) FROM firm_topics"
    allowed, seen = {(3, "a", "a"), (200, "b", "b")}, set()

    def labels(rows: list[list[str]]) -> tuple[int, str, str]:
        return len(rows), *min(rows), *max(rows)

    while writer.poll() is None:
        held = warehouse.quarter(TABLE, "2020Q1")
        first = labels(held.read(["keywords"]).column("keywords").to_pylist())
        queried = warehouse.connect(tables=[TABLE], quarter="2020Q1").execute(state).fetchone()
        assert first in allowed
        assert queried in allowed
        assert held.content.startswith(f"{first[0]}-"), "its fingerprint is of the same state"
        assert labels(held.read(["keywords"]).column("keywords").to_pylist()) == first, "what is held stays"
        seen |= {first, queried}
    assert writer.returncode == 0
    assert seen == allowed, "the loop met both states"


def test_maintenance_beside_a_writer_takes_nothing_that_is_needed(warehouse: Warehouse, start: Start):
    """The writer's clock is 60 days behind and its finished files are as old: only being needed saves them."""
    writer = start("""
        set_clock_back()
        for i in range(10):
            warehouse.replace("firm_topics", f"2020Q{i % 2 + 1}", [topics(f"2020Q{i % 2 + 1}", i + 1)])
            make_all_files_old()
            print(i, flush=True)
    """)
    writer.said()
    removed = expired = 0
    while writer.poll() is None:
        found = maintain_table(warehouse, TABLE, STRICT)
        removed, expired = removed + found.files_removed, expired + found.snapshots_expired
        time.sleep(0.1)  # the writer's turn at the lock
    assert writer.returncode == 0
    assert removed
    assert expired
    counts = "SELECT quarter, count(*), count(DISTINCT topic_id) FROM firm_topics GROUP BY 1 ORDER BY 1"
    expected = {"2020Q1": 9, "2020Q2": 10}
    assert warehouse.connect().execute(counts).fetchall() == [(q, n, n) for q, n in expected.items()]
    assert {q: int(warehouse.provenance(TABLE, q)["rows"]) for q in expected} == expected


def test_maintenance_that_is_killed_leaves_every_row_and_goes_on(warehouse: Warehouse, start: Start):
    sweeper = start("""
        def write():
            set_clock_back()
            for i in range(6):
                warehouse.replace("firm_topics", f"2020Q{i % 2 + 1}", [topics(f"2020Q{i % 2 + 1}", i + 1)])
            make_all_files_old()
        assert status(process(write)) == 0
        policy = Policy(keep=timedelta(days=30), keep_last=1, grace=timedelta(hours=1))
        plan = Policy(**{**policy.__dict__, "dry_run": True})
        longest = 2 * seconds(lambda: maintain_table(warehouse, "firm_topics", plan))
        killed(lambda: maintain_table(warehouse, "firm_topics", policy), times=4, longest=longest)
    """)
    codes = []
    while (said := sweeper.said()) != "end":
        codes.append(int(said))
        assert [warehouse.read(TABLE, f"2020Q{q}").num_rows for q in (1, 2)] == [5, 6]
        sweeper.go_on()
    assert -signal.SIGKILL in codes
    maintain_table(warehouse, TABLE, STRICT)
    assert maintain_table(warehouse, TABLE, STRICT).snapshots_expired == 0
    assert len(list(Path(warehouse.root, "ftm", TABLE).rglob("*.parquet"))) == 2
    assert [warehouse.read(TABLE, f"2020Q{q}").num_rows for q in (1, 2)] == [5, 6]


def test_a_killed_replacement_leaves_the_old_quarter_or_the_new(
    warehouse: Warehouse, start: Start, topics: Callable
):
    warehouse.replace(TABLE, "2020Q1", [topics("2020Q1", 3)])
    writer = start("""
        work = lambda: warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 200)])
        killed(work, times=5, longest=seconds(work))
    """)
    codes = []
    while (said := writer.said()) != "end":
        codes.append(int(said))
        assert warehouse.read(TABLE, "2020Q1").num_rows in {3, 200}
        writer.go_on()
    assert -signal.SIGKILL in codes
    warehouse.replace(TABLE, "2020Q1", [topics("2020Q1", 4)])
    assert warehouse.read(TABLE, "2020Q1").num_rows == 4


def test_a_killed_holder_of_the_locks_holds_up_nobody(warehouse: Warehouse, start: Start, topics: Callable):
    holder = start("""
        with warehouse.lock("commit-firm_topics"), warehouse.lock("catalog"):
            print("held", flush=True)
            time.sleep(600)
    """)
    assert holder.said() == "held"
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=60)
    assert (Path(warehouse.root) / ".locks" / "commit-firm_topics.lock").exists(), "the file is left behind"
    warehouse.replace(TABLE, "2020Q1", [topics("2020Q1", 3)])
    assert warehouse.read(TABLE, "2020Q1").num_rows == 3


def test_a_catalog_writer_killed_in_mid_transaction_leaves_the_catalog_as_it_was(
    warehouse: Warehouse, start: Start, topics: Callable
):
    warehouse.replace(TABLE, "2020Q1", [topics("2020Q1", 3)])
    catalog = Path(warehouse.root) / "catalog.db"
    holder = start("""
        import sqlite3
        connection = sqlite3.connect(Path(sys.argv[1], "catalog.db"), isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")  # what is changed reaches the file before the commit
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("UPDATE iceberg_tables SET metadata_location = 'file:///nowhere'")
        connection.execute("CREATE TABLE filler (b)")
        connection.executemany("INSERT INTO filler VALUES (?)", [(b"x" * 1000,)] * 1000)
        print("held", flush=True)
        time.sleep(600)
    """)
    assert holder.said() == "held"
    with (
        closing(sqlite3.connect(catalog, timeout=0)) as connection,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        connection.execute("SELECT * FROM iceberg_tables").fetchall()
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=60)
    assert catalog.with_name("catalog.db-journal").stat().st_size, "the journal is left behind"
    assert b"file:///nowhere" in catalog.read_bytes(), "and so is the change"
    assert warehouse.read(TABLE, "2020Q1").num_rows == 3
    warehouse.replace(TABLE, "2020Q1", [topics("2020Q1", 4)])
    assert warehouse.read(TABLE, "2020Q1").num_rows == 4


def test_connections_under_a_looping_materialization_never_mix_generations(
    warehouse: Warehouse, start: Start
):
    """Two steps are made again and again, the second from the first; each generation has a number of rows."""
    writer = start("""
        def step(table, rows, run, inputs):
            made = {"run_id": run, "inputs": inputs}
            warehouse.replace(table, "2020Q1", [rows], provenance=made)
        for i in range(14):
            n, run = i % 5 + 1, f"run {i}"
            step("firm_topics", topics("2020Q1", n), run, {})
            held = warehouse.quarter("firm_topics", "2020Q1")
            members = held.read(["topic_id", "firm_id"]).append_column("theme_id", pa.array(["t"] * n))
            for column in ("reason", "detail"):
                members = members.append_column(column, pa.nulls(n, pa.string()))
            step("theme_topics", members, run, {"firm_topics": held.provenance()})
            print(i, flush=True)
    """)
    writer.said()  # the first generation is there
    counts = "SELECT (SELECT count(*) FROM firm_topics), (SELECT count(*) FROM theme_topics)"
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedGenerationsWarning)
        while writer.poll() is None:
            seen.append(warehouse.connect(quarter="2020Q1").execute(counts).fetchone())
            seen.append(warehouse.connect().execute(counts).fetchone())
    assert writer.returncode == 0
    assert [s for s in seen if s[0] != s[1]] == []
    assert len(set(seen)) > 1, "the loop met several generations"
