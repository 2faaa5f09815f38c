"""Readers beside a writer that makes a quarter again and again; `python -m benchmarks.mixtures` does it at length."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.integration
def test_no_way_of_reading_ever_mixes_two_generations():
    command = [sys.executable, "-m", "benchmarks.mixtures", "--connections", "24", "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads(done.stdout.splitlines()[-1])
    assert sum(row["connections"] for row in rows) == 24
    assert {row["way"]: row["example"] for row in rows} == {row["way"]: "" for row in rows}
    assert sum(row["generations"] for row in rows) > len(rows), "the writer was at work"
