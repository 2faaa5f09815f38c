"""Until when a run is believed to be at work, from the last that its steps reported."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from ftm_assets.orchestration.silent_runs import believed_until

from .recorded_runs import START, Recorder

SILENT = 7_200


@pytest.fixture
def run() -> Iterator[Recorder]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Recorder(instance)


def until(run: Recorder, silent_seconds: float | None = None) -> float:
    return believed_until(run.instance, run.record, silent_seconds) - START


def test_a_run_is_believed_for_a_while_after_the_last_that_a_step_reported(
    run: Recorder, monkeypatch: pytest.MonkeyPatch
):
    assert until(run) == SILENT, "after it began"
    run.begin("themes", 100)
    assert until(run) == 100 + SILENT
    run.ask("themes", 300)
    assert until(run) == 300 + SILENT
    assert until(run, 60) == 360
    monkeypatch.setenv("FTM_SERVICE_SILENT_SECONDS", "600")
    assert until(run) == 900


def test_what_dagster_says_of_the_run_as_a_whole_is_no_sign_of_life(run: Recorder):
    run.begin("themes", 100)
    for at in range(1_000, 1_010):
        run.event("ENGINE_EVENT", None, at, EngineEventData())
    assert until(run) == 100 + SILENT


def test_a_run_of_which_nothing_but_that_is_known_is_believed_from_its_beginning(run: Recorder):
    run.event("ENGINE_EVENT", None, 1_000, EngineEventData())
    assert until(run) == SILENT
