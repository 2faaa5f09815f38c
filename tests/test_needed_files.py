"""The tests that need a file from outside the repository: without it skipped by name, and failed in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needed_files

REPOSITORY = Path(__file__).resolve().parent.parent
NEEDS = {
    "tests/resources/sources/files/test_transcript_files.py::test_the_real_calls_load_from_parquet": "FTM_EARNINGS21",
    "tests/assets/test_faults.py::test_what_becomes_of_each_firm": "FTM_FAULTS",
}
"""A test of each file, and the variable that points to it."""


def run(tmp_path: Path, ci: str | None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "CI" and not k.startswith("PYTEST_")}
    environment |= dict.fromkeys(NEEDS.values(), str(tmp_path / "none")) | ({"CI": ci} if ci else {})
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *NEEDS],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_its_file_a_test_is_skipped_by_name_and_says_how_to_get_it(tmp_path: Path) -> None:
    done = run(tmp_path, None)
    assert done.returncode == 0, done.stdout
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    for test, variable in NEEDS.items():
        assert any(test in line and f"set {variable} to none" in line for line in skipped), done.stdout


def test_in_ci_it_fails(tmp_path: Path) -> None:
    done = run(tmp_path, "true")
    assert done.returncode == 1, done.stdout
    for test, variable in NEEDS.items():
        assert f"ERROR {test}" in done.stdout
        assert f"set {variable} to none" in done.stdout


def test_a_file_is_found_beside_the_repository_or_where_its_variable_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, beside = tmp_path / "own.csv", tmp_path / "shared" / "data" / "calls.csv"
    beside.parent.mkdir(parents=True)
    beside.touch()
    own.touch()
    monkeypatch.setattr(needed_files, "REPOSITORY", tmp_path / "repository")
    monkeypatch.delenv("FTM_CALLS", raising=False)
    assert needed_files.needed("FTM_CALLS", "calls.csv", "calls") == beside
    monkeypatch.setenv("FTM_CALLS", str(own))
    assert needed_files.needed("FTM_CALLS", "calls.csv", "calls") == own


def test_ci_tells_the_tests_that_it_is_ci(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "$CI $*"\n')
    make.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if k != "CI"}
    environment["PATH"] = f"{tmp_path}{os.pathsep}{environment['PATH']}"
    said = subprocess.run(
        [REPOSITORY / ".ci" / "run"], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout == "true test\n"
