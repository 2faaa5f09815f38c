from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob

JOB = """
import dagster as dg
from ftm_assets.orchestration.execution.executors import ftm_executor

@dg.op
def step() -> int:
    return 1

@dg.job(executor_def=ftm_executor)
def one_step():
    step()
"""


def messages(root: Path) -> tuple[bool, str]:
    """Run a job of one step under the executor; whether it succeeded, and what its engine said."""
    (root / "job.py").write_text(JOB)
    (root / "dagster").mkdir()
    job = ReconstructableJob.for_file(str(root / "job.py"), "one_step")
    with (
        dg.DagsterInstance.local_temp(str(root / "dagster")) as instance,
        dg.execute_job(job, instance, raise_on_error=False) as result,
    ):
        said = [e.message or "" for e in result.all_events]
        causes = [
            str(e.engine_event_data.error)
            for e in result.all_events
            if e.is_engine_event and e.engine_event_data.error
        ]
        failed = [
            str(e.job_failure_data.error) for e in result.all_events if e.is_job_failure if e.job_failure_data
        ]
        return result.success, "\n".join([*said, *causes, *failed])


def test_steps_run_in_the_runs_process_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FTM_EXECUTOR", raising=False)
    success, said = messages(tmp_path)
    assert success
    assert "Executing steps in process" in said


def test_multiprocess_gives_each_step_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_EXECUTOR", "multiprocess")
    success, said = messages(tmp_path)
    assert success, said
    assert "multiprocess executor" in said.lower()


def test_an_unknown_executor_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_EXECUTOR", "threads")
    success, said = messages(tmp_path)
    assert not success
    assert "FTM_EXECUTOR is 'threads': it must be 'in_process', 'multiprocess' or 'ecs'" in said


def test_steps_on_ecs_need_the_launcher_of_ecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_EXECUTOR", "ecs")
    success, said = messages(tmp_path)
    assert not success
    assert "infra/dagster/aws.yaml" in said
