"""Which quarters' costs are asked for once more, from the runs of a Dagster instance."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from ftm_assets.orchestration.late_costs import MOST_TRIES, late_costs_sensor, newest_ended

LATER = timedelta(hours=1)


@dg.asset
def themes() -> None: ...


@dg.asset
def run_costs() -> None: ...


QUARTER = dg.Definitions(
    assets=[themes, run_costs], jobs=[dg.define_asset_job("quarter", selection="*")]
).resolve_job_def("quarter")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def run(
    instance: dg.DagsterInstance,
    of: str | None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
    assets: list[str] | None = None,
    tags: dict[str, str] | None = None,
) -> str:
    selection = frozenset(map(dg.AssetKey, assets)) if assets else None
    tags = {**(tags or {}), **({"dagster/partition": of} if of else {})}
    job = QUARTER.get_subset(asset_selection=selection) if selection else QUARTER
    made = instance.create_run_for_job(job, tags=tags, status=status, asset_selection=selection)
    time.sleep(0.002)  # the newest is told by its time
    return made.run_id


def ended(instance: dg.DagsterInstance, later: timedelta = LATER) -> dict[str, str]:
    return newest_ended(instance, datetime.now(UTC) + later)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
def test_a_run_that_came_to_nothing_costs_too(instance: dg.DagsterInstance, status: dg.DagsterRunStatus):
    run(instance, "2023Q1")
    newest = run(instance, "2023Q1", status)
    assert ended(instance) == {"2023Q1": newest}


def test_a_quarter_is_left_alone_while_a_run_of_it_goes_on_or_has_just_ended(instance: dg.DagsterInstance):
    run(instance, "2023Q1")
    run(instance, "2023Q1", dg.DagsterRunStatus.STARTED)
    other = run(instance, "2023Q2")
    assert ended(instance) == {"2023Q2": other}
    assert ended(instance, -LATER) == {}


def test_a_run_that_was_killed_without_a_word_keeps_no_quarter_waiting(instance: dg.DagsterInstance):
    newest = run(instance, "2023Q1")
    run(instance, "2023Q1", dg.DagsterRunStatus.STARTED)
    assert ended(instance) == {}
    assert ended(instance, 3 * LATER) == {"2023Q1": newest}


def test_runs_of_no_quarter_and_of_costs_alone_count_for_nothing(instance: dg.DagsterInstance):
    run(instance, None)
    run(instance, "2023Q1", assets=["run_costs"])
    assert ended(instance) == {}
    newest = run(instance, "2023Q1", assets=["themes"])
    run(instance, "2023Q1", dg.DagsterRunStatus.STARTED, assets=["run_costs"])
    assert ended(instance) == {"2023Q1": newest}


@pytest.fixture
def looked(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that has the sensor look, as the daemon would an hour later, or some other time."""
    from ftm_assets.orchestration import late_costs

    def look(cursor: str | None = None, later: timedelta = LATER) -> Any:
        class Later(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.now(tz) + later

        monkeypatch.setattr(late_costs, "datetime", Later)
        return late_costs_sensor(dg.build_sensor_context(instance, cursor=cursor))

    return look


def test_each_is_asked_for_until_it_was_made_and_again_when_another_run_has_ended(
    instance: dg.DagsterInstance, looked: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FTM_EXECUTOR", "ecs")
    first, _ = run(instance, "2023Q1"), run(instance, "2023Q2")
    once = looked()
    assert [r.partition_key for r in once.run_requests] == ["2023Q1", "2023Q2"]
    assert once.run_requests[0].run_key.endswith(f"{first}/0")
    for asked in once.run_requests:
        run(instance, asked.partition_key, assets=["run_costs"], tags=asked.tags)
    twice = looked(once.cursor)
    assert twice.run_requests == []
    run(instance, "2023Q1")
    assert [r.partition_key for r in looked(twice.cursor).run_requests] == ["2023Q1"]


def test_a_count_that_fails_is_asked_for_again_but_not_for_ever(
    instance: dg.DagsterInstance, looked: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FTM_EXECUTOR", "ecs")
    monkeypatch.setenv("FTM_SERVICE_IDLE_SECONDS", "60")  # less than the first pause
    run(instance, "2023Q1")
    result, keys, pauses, later = looked(), [], [], LATER
    while later < timedelta(days=2):
        if result.run_requests:
            (asked,) = result.run_requests
            keys.append(asked.run_key)
            run(instance, "2023Q1", dg.DagsterRunStatus.FAILURE, ["run_costs"], asked.tags)  # ends now
            later = timedelta()
        later += timedelta(minutes=5)
        result = looked(result.cursor, later)
        if result.run_requests:
            pauses.append(later / timedelta(minutes=1))
    assert len(set(keys)) == len(keys) == MOST_TRIES
    assert pauses == [10, 20, 40, 80]


def test_nothing_more_is_asked_for_while_a_count_goes_on(
    instance: dg.DagsterInstance, looked: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FTM_EXECUTOR", "ecs")
    run(instance, "2023Q1")
    (asked,) = looked().run_requests
    run(instance, "2023Q1", dg.DagsterRunStatus.STARTED, ["run_costs"], asked.tags)
    assert looked().run_requests == []


def test_off_aws_it_asks_for_nothing(looked: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_EXECUTOR", "multiprocess")
    assert "no step has a task of its own" in str(looked().skip_message)
