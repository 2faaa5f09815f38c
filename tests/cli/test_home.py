"""DAGSTER_HOME is prepared, kept up to date, and left alone once edited."""

import os
from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.cli import home
from ftm_assets.cli.failing import CommandError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_new_home_has_the_instance_of_one_machine(folder: Path):
    assert home.prepare() == folder
    with dg.DagsterInstance.get() as instance:
        assert instance.run_launcher.__class__.__name__ == "LocalRunLauncher"
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled


def test_without_the_variable_it_is_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.chdir(tmp_path)
    assert home.prepare() == tmp_path / ".dagster"
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / ".dagster")


def test_an_older_file_of_ours_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    older = tmp_path / "older.yaml"
    older.write_text("telemetry: {enabled: false}\n")
    with monkeypatch.context() as patched:
        patched.setattr(home, "instance_file", lambda: older)
        home.prepare()
    home.prepare()
    assert home.instance_file().read_text() in (folder / "dagster.yaml").read_text()


def test_an_edited_file_stays(folder: Path):
    home.prepare()
    file = folder / "dagster.yaml"
    file.write_text(file.read_text().replace("max_concurrent_runs: 2", "max_concurrent_runs: 8"))
    edited = file.read_text()
    home.prepare()
    assert file.read_text() == edited


def test_a_home_that_cannot_be_made_says_so(folder: Path):
    folder.write_text("a file is in the way")
    with pytest.raises(CommandError, match="Set DAGSTER_HOME to a folder"):
        home.prepare()
