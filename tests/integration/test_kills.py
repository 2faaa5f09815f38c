"""Stages killed for real; `python -m benchmarks.kills` does the same at length."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.integration
def test_a_killed_stage_goes_on_and_leaves_what_an_undisturbed_run_leaves():
    # In a process of its own: forking one in which OpenMP has worked would hang.
    command = [sys.executable, "-m", "benchmarks.kills", "--kills", "6", "--json"]
    done = subprocess.run(
        [*command, "--stages", "sentences", "sentence_sentiment"],
        env={**os.environ, "FTM_SENTIMENT_MODEL": "word-lists"},  # kills are tested here, not models
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads(done.stdout.splitlines()[-1])
    assert sum(row["kills"] + row["in_commit"] for row in rows) == 6
    assert sum(row["in_commit"] for row in rows) == 5
    for row in rows:
        assert not row["problems"]
        assert row["completions"]
        assert {k: row[k] for k in ("rows_lost", "rows_doubled", "wrong_contents", "firms_repeated")} == {
            "rows_lost": 0, "rows_doubled": 0, "wrong_contents": 0, "firms_repeated": 0,
        }  # fmt: skip
