"""DAGSTER_HOME is prepared, kept up to date, and left alone once edited."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.cli import home
from ftm_assets.cli.failing import CommandError

REPOSITORY = Path(__file__).resolve().parents[2]


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


FIRST_STARTS = """
import os, sys, time
from pathlib import Path
import dagster as dg
from ftm_assets.cli import home

go = Path(os.environ["DAGSTER_HOME"] + ".go")

def start():
    while not go.exists():
        time.sleep(0.001)
    home.prepare()
    with dg.DagsterInstance.get() as instance:
        assert instance.get_runs_count() == 0
        assert instance.all_instigator_state() == []
        instance.event_log_storage.set_concurrency_slots("wrds", 1)

# What is copied has run nothing yet, so that it has no threads to miss.
started = []
for _ in range(12):
    pid = os.fork()
    if pid == 0:
        try:
            start()
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    started.append(pid)
go.touch()
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started])
"""


@pytest.mark.integration
@pytest.mark.usefixtures("folder")
def test_twelve_first_starts_at_once_all_live():
    command = [sys.executable, "-W", "ignore", "-c", FIRST_STARTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str([0] * 12), done.stderr[-3000:]


def test_a_prepared_home_is_left_alone(folder: Path):
    home.prepare()
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*.db")}
    assert len(before) >= 3, "runs, events and schedules"
    home.prepare()
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*.db")} == before


@pytest.mark.integration
def test_env_sh_prepares_the_home_for_commands_of_dagster(tmp_path: Path):
    """In a checkout whose environment is this one."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").write_text(f"PATH={Path(sys.executable).parent}:$PATH\n")
    script = f'. {REPOSITORY / "env.sh"} && printf %s "$DAGSTER_HOME"'
    environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"} | {
        "PYTHONPATH": str(REPOSITORY)
    }
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == str(tmp_path / ".dagster"), done.stderr[-3000:]
    assert (tmp_path / ".dagster" / "dagster.yaml").exists()
    assert len(list((tmp_path / ".dagster").rglob("*.db"))) >= 3
