"""The sample as files."""

from pathlib import Path

import pytest

from ftm_resources.sources.files.transcript_files import FilesSource


def test_the_files_are_calls_that_the_files_source_reads(ftm, tmp_path: Path):
    done = ftm("sample", "--firms", "2", "--quarter", "2021q3", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert f"ftm run --calls {tmp_path / 'calls'} --quarter 2021Q3" in done.stdout
    assert list(FilesSource(tmp_path / "calls").quarters()) == ["2021Q3"]
    refused = ftm("sample", "--firms", "2", "--out", str(tmp_path))
    assert refused.exit_code == 1
    assert "is not empty" in refused.stderr


def test_a_quarter_that_no_run_can_be_of_is_refused(ftm, tmp_path: Path):
    refused = ftm("sample", "--firms", "2", "--quarter", "2099Q1", "--out", str(tmp_path / "x"))
    assert refused.exit_code == 1
    assert "2099Q1 is not one of the quarters 2000Q1 to" in refused.stderr
    assert not (tmp_path / "x").exists()


def test_a_range_is_written_with_the_command_that_runs_it(ftm, tmp_path: Path):
    done = ftm("sample", "--firms", "2", "--quarter", "2021q3..2022Q1", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert f"FTM_SOURCE=files FTM_SOURCE_PATH={tmp_path / 'calls'} " in done.stdout
    assert "--from 2021Q3 --to 2022Q1" in done.stdout
    assert list(FilesSource(tmp_path / "calls").quarters()) == ["2021Q3", "2021Q4", "2022Q1"]
    assert len(list((tmp_path / "truth" / "series").iterdir())) == 3


@pytest.mark.parametrize("wrong", ["2022Q1..2021Q3", "2021Q3..", "2021Q3..2021Q4..2022Q1", "2021..2022"])
def test_what_is_no_range_is_refused(ftm, tmp_path: Path, wrong: str):
    refused = ftm("sample", "--firms", "2", "--quarter", wrong, "--out", str(tmp_path / "x"))
    assert refused.exit_code == 2
    assert not (tmp_path / "x").exists()
