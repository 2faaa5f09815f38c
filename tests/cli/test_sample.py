"""The sample as files."""

from pathlib import Path

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
