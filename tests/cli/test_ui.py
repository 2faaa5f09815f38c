"""`ftm ui` up to where Dagster takes over; that it serves pages is in the integration tests."""

import sys

import dagster as dg
import pytest

from ftm_assets.cli import ui


def test_dagster_is_started_with_its_home_and_one_login_to_wrds(ftm, monkeypatch: pytest.MonkeyPatch):
    started = []
    monkeypatch.setenv("DAGSTER_MODULE_NAME", "ftm_assets.definitions")
    monkeypatch.setattr(ui.os, "execve", lambda *given: started.append(given))
    done = ftm("ui", "--port", "3210")
    assert done.exit_code == 0, done.output
    ((program, command, environment),) = started
    assert program == sys.executable
    assert "DAGSTER_MODULE_NAME" not in environment, (
        "beside --module-name it keeps the services from starting"
    )
    assert "DAGSTER_HOME" in environment
    assert command[command.index("--port") + 1] == "3210"
    with dg.DagsterInstance.get() as instance:
        assert instance.event_log_storage.get_concurrency_info("wrds").slot_count == 1
