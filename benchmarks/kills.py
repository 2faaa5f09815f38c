"""Stages killed with SIGKILL at random moments and run again: rows lost, rows duplicated, work repeated.

`python -m benchmarks.kills --kills 50` prints a row per stage. Each attempt is a forked process that materializes the
stage on a real instance and warehouse; forking avoids several seconds of imports. With `--remake`, all stages of an
existing quarter are made again with other calls each time, and killed, while readers look for mixtures of generations.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import mixtures
from benchmarks.measure import markdown

if TYPE_CHECKING:
    from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
FIRMS = 12
CHUNKED = {
    "sentence_embeddings": ("sentence_embeddings",),
    "sentence_kinds": ("sentence_kinds",),
    "firm_topics": ("firm_topics", "sentence_topics", "firm_status"),
    "topic_summaries": ("topic_summaries", "topic_naming_audit"),
    "sentence_sentiment": ("sentence_sentiment",),
}
STAGES: dict[str, tuple[str, ...]] = {
    "transcripts": ("transcripts", "transcript_audit"),
    "sentences": ("sentences",),
    **CHUNKED,
    "themes": ("themes", "theme_topics", "theme_naming_audit"),
    "theme_sentences": ("theme_sentences", "topic_coherence", "theme_coherence"),
    "sentiment_scores": ("sentiment_scores", "sentiment_cells"),
}
"""Stages in the order of the pipeline, and the tables of each."""
NEEDS = {
    "transcripts": (),
    "sentences": ("transcripts",),
    "sentence_embeddings": ("sentences",),
    "sentence_kinds": ("sentence_embeddings",),
    "firm_topics": ("sentence_kinds",),
    "topic_summaries": ("firm_topics",),
    "sentence_sentiment": ("sentence_kinds",),
    "themes": ("topic_summaries",),
    "theme_sentences": ("themes",),
    "sentiment_scores": ("theme_sentences", "sentence_sentiment"),
}
"""Stages that must be complete before a stage can run."""
SPLIT = {"chunk_firms": 6, "flush_firms": 2}


@dataclass
class Row:
    """The outcome for one stage."""

    stage: str
    kills: int = 0
    in_commit: int = 0
    completions: int = 0
    rows_lost: int = 0
    rows_doubled: int = 0
    firms_repeated: int = 0
    """Firms whose results were already saved when the process was killed, but were computed again."""
    wrong_contents: int = 0
    """Completions whose tables differ from those of the undisturbed run."""
    problems: list[str] = field(default_factory=list)


class Killer:
    """Runs stages on one warehouse in child processes and kills them."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root = root
        self._random = random.Random(seed)
        os.environ |= {
            "FTM_WAREHOUSE": str(root / "warehouse"),
            "FTM_SAMPLE_FIRMS": str(FIRMS),
            "FTM_SOURCE": "sample",
            "DAGSTER_HOME": str(root / "home"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "OMP_NUM_THREADS": "1",
        }
        (root / "home").mkdir(parents=True, exist_ok=True)
        _import_all()

    def undisturbed(self, stages: Sequence[str]) -> dict[str, tuple[float, float, dict[str, str]]]:
        """Run the stages once; return for each its seconds, seconds of the commit, and its tables' contents."""
        found = {}
        for stage in stages:
            started = time.perf_counter()
            status, commits = self._run(stage, None)
            if status:
                raise RuntimeError(f"{stage} failed without being killed; see {self._root / 'attempt.log'}")
            seconds = time.perf_counter() - started
            found[stage] = (
                seconds,
                started + seconds - commits[0] if commits else 0.0,
                self._contents(stage),
            )
        return found

    def kill(
        self, stage: str, kills: int, in_commit: int, expected: tuple[float, float, dict[str, str]]
    ) -> Row:
        """Kill a stage `kills` times at random moments, and `in_commit` more times during its commit."""
        seconds, commit_seconds, contents = expected
        row = Row(stage)
        self._reset(stage)
        while row.kills < kills or row.in_commit < in_commit:
            inside = row.kills >= kills
            after = self._random.uniform(0, commit_seconds if inside else seconds)
            before = self._parts(stage)
            status, _ = self._run(stage, after, from_commit=inside)
            if status == -signal.SIGKILL:
                row.kills += not inside
                row.in_commit += inside
                self._compare_killed(row, before)
            elif status == 0:
                self._completed(row, contents)
                self._reset(stage)
            else:
                row.problems.append(f"exit status {status}: see {self._root / 'attempt.log'}")
                break
        before = self._parts(stage)
        self._run(stage, None)
        self._completed(row, contents)
        return row

    def _run(self, stage: str, after: float | None, *, from_commit: bool = False) -> tuple[int, list[float]]:
        return self.attempt(partial(_make, stage), after, from_commit=from_commit)

    def attempt(
        self, work: Callable[[], None], after: float | None, *, from_commit: bool = False
    ) -> tuple[int, list[float]]:
        """Work in a forked process, killed after `after` seconds; return its exit status and commit starts."""
        ready, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            _child(work, tell, self._root / "attempt.log")
        os.close(tell)
        commits: list[float] = []
        if from_commit and os.read(ready, 1):
            commits.append(time.perf_counter())
        if after is not None:
            # The process may finish before the deadline.
            deadline = time.perf_counter() + after
            while time.perf_counter() < deadline:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    os.close(ready)
                    return os.waitstatus_to_exitcode(status), commits
                time.sleep(0.002)
            os.kill(pid, signal.SIGKILL)
        elif not from_commit and os.read(ready, 1):
            commits.append(time.perf_counter())
        _, status = os.waitpid(pid, 0)
        os.close(ready)
        return os.waitstatus_to_exitcode(status), commits

    def _warehouse(self) -> Warehouse:
        from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

        return Warehouse(path=str(self._root / "warehouse"))

    def _contents(self, stage: str) -> dict[str, str]:
        warehouse = self._warehouse()
        return {t: warehouse.quarter(t, QUARTER).content for t in STAGES[stage]}

    def _completed(self, row: Row, expected: dict[str, str]) -> None:
        row.completions += 1
        found = self._contents(row.stage)
        if found == expected:
            return
        row.wrong_contents += 1
        for table in STAGES[row.stage]:
            # The content string starts with the number of rows.
            difference = int(found[table].partition("-")[0]) - int(expected[table].partition("-")[0])
            row.rows_lost += max(-difference, 0)
            row.rows_doubled += max(difference, 0)

    def _compare_killed(self, row: Row, before: dict[str, float]) -> None:
        after = self._parts(row.stage)
        again = [p for p, written in before.items() if after.get(p, written) != written]
        row.firms_repeated += len(again) * SPLIT["flush_firms"]

    def _parts(self, stage: str) -> dict[str, float]:
        """Return the finished parts of a stage and the time each was written."""
        folder = self._root / "warehouse" / "staging" / stage
        return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*.json")}

    def _reset(self, stage: str) -> None:
        """Empty the stage's tables, so that they hold only the next completion's rows."""
        from ftm_resources.tables import TABLES  # noqa: PLC0415

        warehouse = self._warehouse()
        for table in STAGES[stage]:
            warehouse.replace(table, QUARTER, [TABLES[table].empty()])


def _import_all() -> None:
    # Importing torch before the fork is safe: its threads start with the first matrix product.
    import torch  # noqa: F401
    from sentence_transformers import SentenceTransformer  # noqa: F401

    from ftm_assets import definitions  # noqa: F401, PLC0415


def _child(work: Callable[[], None], tell: int, log: Path) -> None:
    """Do the work and exit; write a byte to `tell` when a commit begins."""
    code = 1
    try:
        out = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

        _announce(Warehouse, tell)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - the process ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _make(stage: str) -> None:
    """Materialize a stage. RuntimeError if it fails."""
    import dagster as dg  # noqa: PLC0415

    from ftm_assets.definitions import build_definitions  # noqa: PLC0415

    job = build_definitions().resolve_implicit_global_asset_job_def()
    config = {"ops": {stage: {"config": SPLIT}}} if stage in CHUNKED else {}
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            partition_key=QUARTER,
            instance=instance,
            asset_selection=[dg.AssetKey(t) for t in STAGES[stage]],
            run_config=config,
            raise_on_error=False,
        )
    if not result.success:
        raise RuntimeError(f"{stage} failed")


def _announce(warehouse: Any, tell: int) -> None:
    replace: Callable[..., Any] = warehouse.replace

    def announced(*args: Any, **kwargs: Any) -> Any:
        os.write(tell, b".")
        return replace(*args, **kwargs)

    warehouse.replace = announced


def table(kills: int, seed: int, root: Path, stages: Sequence[str] = tuple(STAGES)) -> list[Row]:
    """Return a row per stage. Up to five of the `kills` fall into commits; chunked stages get twice as many others."""
    killer = Killer(root, seed)
    needed = set(stages)
    for stage in reversed(STAGES):
        needed |= set(NEEDS[stage]) if stage in needed else set()
    expected = killer.undisturbed([s for s in STAGES if s in needed])
    plain = [s for s in stages if s not in CHUNKED]
    chunked = [s for s in stages if s in CHUNKED]
    commits = dict.fromkeys(stages, 0)
    for i in range(min(5, kills)):
        commits[(chunked or plain)[i % len(chunked or plain)]] += 1
    left = kills - sum(commits.values())
    share = {s: (2 if s in chunked else 1) for s in stages}
    each = {s: left * share[s] // sum(share.values()) for s in stages}
    for s in sorted(stages, key=lambda s: -share[s])[: left - sum(each.values())]:
        each[s] += 1
    return [killer.kill(s, each[s], commits[s], expected[s]) for s in stages]


def remake(kills: int, seed: int, root: Path) -> list[dict[str, Any]]:
    """Return a row per way of reading: what it met while making the quarter again was killed `kills` times."""
    killer, files, seconds = Killer(root, seed), mixtures.other_calls(root), 0.0
    for n in range(2):  # the second without what happens only once
        started = time.perf_counter()
        if killer.attempt(partial(_remake, files[n], n), None)[0]:
            raise RuntimeError(f"a run failed without being killed: {_end(root)}")
        seconds = time.perf_counter() - started
    command = [sys.executable, "-m", "benchmarks.mixtures", "--read", str(root), "--pause", "0.2"]
    killed, completed, at = 0, 0, random.Random(seed)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as readers:  # noqa: S603
        try:
            while killed < kills:
                n += 1
                # Beside readers it takes longer than alone: some attempts are to complete.
                after = at.uniform(0, 2 * seconds)
                status, _ = killer.attempt(partial(_remake, files[n % len(files)], n), after)
                if status not in {0, -signal.SIGKILL}:
                    raise RuntimeError(f"exit status {status}: {_end(root)}")
                killed, completed = killed + (status != 0), completed + (status == 0)
                print(f"{killed} killed, {completed} completed", file=sys.stderr, flush=True)
                if readers.poll() is not None:
                    raise RuntimeError(f"the readers ended with {readers.returncode}")
        finally:
            (root / "stop").touch()
        said, _ = readers.communicate()
    return [{**row, "kills": killed, "completions": completed} for row in json.loads(said)]


def _end(root: Path) -> str:
    return (root / "attempt.log").read_text(errors="replace")[-3000:]


def _remake(calls: Path, n: int) -> None:
    """Make the quarter again from these calls, with the config of the n-th time."""
    import dagster as dg  # noqa: PLC0415

    from ftm_assets.definitions import build_definitions  # noqa: PLC0415

    job = build_definitions().resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.get() as instance:
        selection = [dg.AssetKey(t) for tables in STAGES.values() for t in tables]
        mixtures.run_for_real(job, instance, calls, n, selection)


def main() -> None:
    """Print the kill table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument(
        "--remake", action="store_true", help="kill runs that make a quarter again; look for mixtures"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        if options.remake:
            rows = remake(options.kills, options.seed, Path(root))
        else:
            rows = [row.__dict__ for row in table(options.kills, options.seed, Path(root), options.stages)]
    print(
        json.dumps(rows)
        if options.json
        else markdown([r | {"problems": "; ".join(r.get("problems", ()))} for r in rows])
    )


if __name__ == "__main__":
    main()
