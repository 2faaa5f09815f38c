from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from ftm_assets.assets.warehouse_maintenance import (
    NAME,
    maintenance_schedule,
    warehouse_maintenance,
)
from ftm_assets.definitions import build_definitions
from ftm_assets.orchestration.unfinished import unfinished_since
from ftm_resources.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    (tmp_path / "dagster").mkdir()
    return dg.DagsterInstance.local_temp(str(tmp_path / "dagster"))


def metadata(warehouse: Warehouse, instance: dg.DagsterInstance, **config: object) -> dict:
    result = dg.materialize(
        [warehouse_maintenance],
        resources={"warehouse": warehouse},
        instance=instance,
        run_config={"ops": {NAME: {"config": config}}},
    )
    found = result.asset_materializations_for_node(NAME)[0].metadata
    return {k: v if isinstance(v, dg.TableMetadataValue) else v.value for k, v in found.items()}


def test_it_reports_bytes_and_counts_per_table_and_removes_nothing_fresh(
    warehouse: Warehouse, instance: dg.DagsterInstance
):
    warehouse.replace("themes", "2020Q1", [])
    found = metadata(warehouse, instance)
    assert [row.data["table"] for row in found["by_table"].records] == ["themes", "staging", "runs"]
    assert found["snapshots"] == 1
    assert found["bytes"] == sum(
        p.stat().st_size for p in (Path(warehouse.root) / "ftm").rglob("*") if p.is_file()
    )
    assert found["files_removed"] == found["snapshots_expired"] == 0
    assert found["oldest_unfinished_run"] == "none"


def test_a_table_that_is_refused_fails_the_asset_with_the_reason_and_the_report(
    tmp_path: Path, instance: dg.DagsterInstance
):
    Warehouse(path=str(tmp_path / "before")).replace("themes", "2020Q1", [])
    (tmp_path / "before").rename(tmp_path / "after")
    result = dg.materialize(
        [warehouse_maintenance],
        resources={"warehouse": Warehouse(path=str(tmp_path / "after"))},
        instance=instance,
        raise_on_error=False,
    )
    assert not result.success
    (failure,) = result.get_step_failure_events()
    given = failure.step_failure_data.user_failure_data
    assert "themes: clean-up removed nothing, because its metadata names" in given.description
    assert given.metadata["files_removed"].value == 0


@pytest.mark.parametrize("config", [{"keep_days": 0}, {"keep_last": 0}, {"grace_days": 0.01}])
def test_config_that_would_endanger_a_running_quarter_is_refused(
    warehouse: Warehouse, instance: dg.DagsterInstance, config: dict
):
    with pytest.raises(ValidationError, match="greater than or equal to"):
        metadata(warehouse, instance, **config)


def test_the_oldest_unfinished_run_counts_from_the_run_it_goes_on_with(instance: dg.DagsterInstance):
    def run(run_id: str, status: dg.DagsterRunStatus, root: str | None = None) -> datetime:
        instance.add_run(
            dg.DagsterRun("quarter", run_id, status=status, root_run_id=root, parent_run_id=root)
        )
        record = instance.get_run_record_by_id(run_id)
        assert record is not None
        return record.create_timestamp

    assert unfinished_since(instance, "me") is None
    failed = run("failed", dg.DagsterRunStatus.FAILURE)
    run("me", dg.DagsterRunStatus.STARTED)
    assert unfinished_since(instance, "me") is None
    started = run("started", dg.DagsterRunStatus.STARTED)
    assert unfinished_since(instance, "me") == started
    run("again", dg.DagsterRunStatus.STARTING, root="failed")
    assert unfinished_since(instance, "me") == failed < datetime.now(UTC)


def test_the_schedule_is_off_and_its_job_is_maintenance_alone():
    definitions = build_definitions()
    assert maintenance_schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    job = definitions.resolve_job_def(maintenance_schedule.job_name)
    assert job.asset_layer.selected_asset_keys == {dg.AssetKey(NAME)}
