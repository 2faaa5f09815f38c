"""Which quarter runs, with which config; what a run that goes wrong says is in the integration tests."""

import os
import signal
from pathlib import Path

import pytest

from ftm_assets.cli.failing import CommandError
from ftm_assets.cli.run import _executed, _interrupts_told, choose_quarter
from tests.calls_in_files import row, write


@pytest.mark.parametrize(
    ("asked", "held", "chosen"),
    [
        (None, {}, "2023Q1"),
        ("2020Q4", {}, "2020Q4"),
        (None, {"2019Q2": 7}, "2019Q2"),
        ("2020Q1", {"2020Q1": 1, "2020Q2": 1}, "2020Q1"),
    ],
)
def test_the_quarter_is_the_one_asked_for_or_the_only_one_there_is(asked, held, chosen):
    assert choose_quarter(asked, held) == chosen


@pytest.mark.parametrize(
    ("asked", "held", "said"),
    [
        (
            None,
            {"2020Q2": 7, "2020Q1": 1200},
            r"several quarters: 2020Q1 \(1,200 turns\), 2020Q2 \(7 turns\)",
        ),
        ("2020Q3", {"2020Q2": 1}, r"no calls in 2020Q3. They hold 2020Q2 \(1 turn\)"),
        ("1999Q4", {}, "1999Q4 is not one of the quarters 2000Q1 to"),
        (None, {"1999Q4": 3}, "1999Q4 is not one of the quarters 2000Q1 to"),
    ],
)
def test_a_quarter_that_is_not_there_is_refused_with_those_that_are(asked, held, said):
    with pytest.raises(CommandError, match=said):
        choose_quarter(asked, held)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("themes: {min_firm: 5}\n", "themes has no setting min_firm; did you mean min_firms?"),
        ("thems: {min_firms: 5}\n", "there is no asset thems; did you mean themes?"),
        ("llm: {seed: 1}\n", "llm is a resource, not an asset: write it under resources"),
    ],
)
def test_config_that_no_asset_has_is_refused_before_anything_runs(
    ftm, tmp_path: Path, config: str, said: str
):
    file = tmp_path / "config.yaml"
    file.write_text(config)
    refused = ftm("run", "--config", str(file))
    assert refused.exit_code == 1
    assert f"{file}: {said}" in refused.stderr
    assert "env: String" not in refused.stderr, "the schema"
    assert not (tmp_path / "warehouse").exists()


def test_files_without_the_quarter_are_refused_before_anything_runs(
    ftm, earnings21: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.setenv("FTM_SOURCE", "sample")  # put back what the command sets
    monkeypatch.setenv("FTM_SOURCE_PATH", "")
    refused = ftm("run", "--calls", str(earnings21), "--quarter", "2011Q1")
    assert refused.exit_code == 1
    assert "The files hold no calls in 2011Q1. They hold 2020Q1 (123 turns)" in refused.stderr
    assert not (tmp_path / "warehouse").exists()


def test_a_file_where_the_warehouse_should_be_is_refused_before_the_source_is_read(
    ftm, place: Path, monkeypatch: pytest.MonkeyPatch
):
    (place / "calls.csv").touch()
    monkeypatch.setenv("FTM_WAREHOUSE", str(place / "calls.csv"))
    monkeypatch.setenv("FTM_SOURCE", "files")
    monkeypatch.setenv("FTM_SOURCE_PATH", str(place / "missing"))
    refused = ftm("run")
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"a warehouse cannot be at {place / 'calls.csv'}: {place / 'calls.csv'} is a file. Set FTM_WAREHOUSE to a "
        "folder\n"
    )
    assert (place / "calls.csv").read_bytes() == b""


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ("s3://bucket/calls.csv", "s3:// is not read: copy the files to a folder of this machine"),
        ("gone[/red].csv", "gone[/red].csv: there is no such file or folder"),
    ],
)
def test_calls_that_cannot_be_found_are_named(ftm, monkeypatch, calls: str, message: str):
    monkeypatch.setenv("FTM_SOURCE", "sample")  # put back what the command sets
    monkeypatch.setenv("FTM_SOURCE_PATH", "")
    refused = ftm("run", "--calls", calls)
    assert refused.exit_code == 1
    assert message in refused.stderr


def test_brackets_in_names_and_cells_are_no_markup(ftm, place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_SOURCE", "sample")
    monkeypatch.setenv("FTM_SOURCE_PATH", "")
    path = write(place / "[bold]a[red].csv", [row("[/red]")])
    (place / "[green].docx").touch()
    refused = ftm("run", "--calls", str(path))
    assert refused.exit_code == 1
    assert '[bold]a[red].csv row 1, column componentorder: "[/red]" is not' in refused.stderr
    path.unlink()
    refused = ftm("run", "--calls", str(place))
    assert "[green].docx" in refused.stderr or "contains no .csv" in refused.stderr
    monkeypatch.setenv("FTM_SOURCE", "files")
    monkeypatch.setenv("FTM_SOURCE_PATH", str(path))
    doctor = ftm("doctor")
    wrapped = "".join(doctor.stdout.split())  # a long path is folded, at a place that depends on the folder
    assert "[bold]a[red].csv:thereisnosuchfileorfolder" in wrapped


def test_an_interrupt_is_answered_at_once_whoever_handles_it(capfd: pytest.CaptureFixture[str]):
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with _interrupts_told():
            assert "Stopping" not in capfd.readouterr().err
            os.kill(os.getpid(), signal.SIGINT)
            said = ""
            while "Stopping…" not in said:
                said += capfd.readouterr().err
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.set_wakeup_fd(-1) == -1, "as it was before"


def test_an_interrupt_while_the_definitions_load_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Loading them takes seconds, and `dagster.reconstructable` drops whatever is raised meanwhile."""
    raised = iter([KeyboardInterrupt()])

    def build() -> None:
        raise next(raised, RuntimeError("went on"))

    monkeypatch.setattr("ftm_assets.definitions.build_definitions", build)
    with pytest.raises(KeyboardInterrupt), _executed("2023Q1", {}, tmp_path):
        pass
