"""What deployments need once."""

from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.cli import home
from ftm_assets.orchestration import dbt_project
from ftm_assets.orchestration.pools import LIMITS


@pytest.mark.usefixtures("warehouse")
def test_a_quarter_is_copied_for_work_with_dbt_alone(ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    done = ftm("manifest", "2020Q1")
    assert done.exit_code == 0, done.output
    built = dbt_project.built(tmp_path / "target", "firm_theme_sentiment")
    assert sum(rows.num_rows for rows in built) == 0
    assert str(dbt_project.manifest()) in done.stdout


def test_the_pools_get_their_limits(ftm):
    home.prepare()
    assert "gpu: 8 steps at once" in ftm("pools").stdout
    with dg.DagsterInstance.get() as instance:
        slots = {p: instance.event_log_storage.get_concurrency_info(p).slot_count for p in LIMITS}
    assert slots == LIMITS
