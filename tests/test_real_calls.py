"""The tests that need the real calls: without them skipped by name, and failed in CI."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
NEEDS_THEM = "tests/resources/sources/files/test_transcript_files.py::test_the_real_calls_load_from_parquet"


def run(tmp_path: Path, ci: str | None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "CI" and not k.startswith("PYTEST_")}
    environment |= {"FTM_EARNINGS21": str(tmp_path / "none.parquet")} | ({"CI": ci} if ci else {})
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", NEEDS_THEM],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_real_calls_a_test_is_skipped_by_name_and_says_how_to_get_them(tmp_path: Path) -> None:
    done = run(tmp_path, None)
    assert done.returncode == 0, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert NEEDS_THEM in line
    assert "set FTM_EARNINGS21 to components.parquet" in line


def test_in_ci_it_fails(tmp_path: Path) -> None:
    done = run(tmp_path, "true")
    assert done.returncode == 1, done.stdout
    assert f"ERROR {NEEDS_THEM}" in done.stdout
    assert "set FTM_EARNINGS21 to components.parquet" in done.stdout


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
