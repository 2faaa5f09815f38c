import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks import scale
from benchmarks.kept_results import Made, Results
from benchmarks.scale import memory_and_cpu

HELD = 2**26
FORKED = f"""
import os, time
held = b"x" * {HELD}
if os.fork():
    print("forked", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say which pages are shared")
def test_what_a_fork_shares_with_its_parent_counts_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKED], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"forked\n"
        time.sleep(0.1)
        memory, _ = memory_and_cpu(parent.pid)
        for child in (*psutil.Process(parent.pid).children(), parent):
            child.kill()
    assert HELD < memory < 1.6 * HELD


MADE = Made("abc", "2026-11-28", "processor, 2 cores", "full")
SIX = ("start", "transcripts", "sentences", "themes", "sentiment_scores", "floors")


class KilledError(Exception):
    """Stands for a kill of the benchmark itself."""


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that were run, in order; `themes` is killed the first time."""
    stages: list[str] = []

    def run(
        firms: int,
        folder: Path,
        wanted: list[str],
        _kills: object,
        keep: Any,
        _before: Any,
        *,
        stand_ins: bool,
    ) -> None:
        (folder / "warehouse" / scale.FOLDER).mkdir(parents=True)
        for stage in wanted:
            stages.append(stage)
            if stage == "themes" and stages.count(stage) == 1:
                raise KilledError
            keep({"firms": firms, "stage": stage, "stand_ins": stand_ins})

    monkeypatch.setattr(scale, "run", run)
    return stages


def test_a_quarter_that_was_killed_goes_on_with_the_stage_it_lacks(tmp_path: Path, ran: list[str]) -> None:
    results, folder = Results(tmp_path / "results"), tmp_path / "quarters"
    with pytest.raises(KilledError):
        scale.run_all([5], results, MADE, folder, stages=SIX)
    assert (folder / "5" / "warehouse" / scale.FOLDER).exists()
    scale.run_all([5], results, MADE, folder, stages=SIX)
    assert ran == [*SIX[:4], *SIX[3:]]
    assert [r["stage"] for r in results.rows(MADE)] == list(SIX)
    assert list(folder.iterdir()) == []
    scale.run_all([5], results, MADE, folder, stages=SIX)
    assert len(ran) == 7, "a finished quarter is not run again"


def test_a_quarter_of_another_commit_is_begun_anew(tmp_path: Path, ran: list[str]) -> None:
    results, folder = Results(tmp_path / "results"), tmp_path / "quarters"
    with pytest.raises(KilledError):
        scale.run_all([5], results, MADE, folder, stages=SIX)
    scale.run_all([5], results, replace(MADE, commit="abd"), folder, stages=SIX)
    assert ran == [*SIX[:4], *SIX]


def test_without_its_quarter_a_row_is_measured_again(tmp_path: Path, ran: list[str]) -> None:
    results = Results(tmp_path / "results")
    with pytest.raises(KilledError):
        scale.run_all([5], results, MADE, tmp_path / "gone", stages=SIX)
    scale.run_all([5], results, MADE, tmp_path / "quarters", stages=SIX)
    assert ran == [*SIX[:4], *SIX]


def test_a_quarter_with_stand_ins_does_not_count_as_one_with_the_models(
    tmp_path: Path, ran: list[str]
) -> None:
    results, folder = Results(tmp_path / "results"), tmp_path / "quarters"
    stages = ("start", "transcripts")
    scale.run_all([5, 9], results, MADE, folder, stages=stages, stand_ins_from=9)
    assert [(r["firms"], r["stand_ins"]) for r in results.rows(MADE)] == [(5, False)] * 2 + [(9, True)] * 2
    scale.run_all([9], results, MADE, folder, stages=stages)
    assert ran == [*stages] * 3
