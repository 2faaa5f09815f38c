"""The commands that the README shows, as a user runs them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

from .conftest import SAMPLE_QUARTER, Deployment

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
README = (REPOSITORY / "README.md").read_text()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "dagster").mkdir()
    return {
        **os.environ,
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "DAGSTER_MODULE_NAME": "ftm_assets.definitions",
        "FTM_WAREHOUSE": str(tmp_path / "warehouse"),
        "FTM_SAMPLE_FIRMS": "8",
    }


def call(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    return subprocess.run(
        [BIN / program, *arguments],
        env=environment,
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        check=False,
    )


def test_asset_list_names_every_table(environment: dict[str, str]):
    listed = call("dagster asset list", environment).stdout.split()
    assert set(TABLES) <= set(listed)


def test_a_backfill_from_the_command_line_runs_the_quarters_between_two(environment: dict[str, str]):
    home = Path(environment["DAGSTER_HOME"])
    # Runs are queued there, and no daemon takes them up.
    shutil.copy(REPOSITORY / "infra" / "dagster" / "local.yaml", home / "dagster.yaml")
    done = call("dagster job backfill -j quarter --from 2020Q1 --to 2020Q4 --noprompt", environment)
    assert done.returncode == 0, done.stderr[-3000:]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs()
    assert sorted(r.tags["dagster/partition"] for r in runs) == ["2020Q1", "2020Q2", "2020Q3", "2020Q4"]


def test_the_run_command_prints_themes_and_what_next(environment: dict[str, str]):
    done = call(f"python -m ftm_assets.cli.run --quarter {SAMPLE_QUARTER}", environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Top themes of {SAMPLE_QUARTER}" in done.stdout
    assert environment["FTM_WAREHOUSE"] in done.stdout
    assert len(re.findall(r"^  \S", done.stdout, re.MULTILINE)) == 3
    assert "sentence_embeddings" in done.stderr, "progress is shown"


def test_the_plain_materialize_command_makes_one_asset_again(environment: dict[str, str]):
    call(f"python -m ftm_assets.cli.run --quarter {SAMPLE_QUARTER}", environment)
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    before = warehouse.provenance("themes", SAMPLE_QUARTER)
    done = call(f"dagster asset materialize --select themes --partition {SAMPLE_QUARTER}", environment)
    assert done.returncode == 0, done.stderr[-3000:]
    after = warehouse.provenance("themes", SAMPLE_QUARTER)
    assert after["run_id"] != before["run_id"]
    assert after["content"] == before["content"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--quarter 2020Q5", "is not one of 2000Q1 to"),
        ("--calls nowhere.csv", "'nowhere.csv' does not exist"),
    ],
)
def test_a_wrong_argument_says_what_is_right(environment: dict[str, str], arguments: str, message: str):
    done = call(f"python -m ftm_assets.cli.run {arguments}", environment)
    assert done.returncode == 2
    assert message in done.stderr


def test_bad_calls_end_in_the_list_of_problems_not_in_a_traceback(
    environment: dict[str, str], tmp_path: Path
):
    bad = tmp_path / "calls.csv"
    bad.write_text("companyid,companyname\n1,A\n")
    done = call(f"python -m ftm_assets.cli.run --quarter 2020Q4 --calls {bad}", environment)
    assert done.returncode == 1
    assert "column transcriptid" in done.stderr
    assert "Traceback" not in done.stderr


WAREHOUSE_COMMANDS = re.findall(
    r"^(python -m ftm_assets\.cli\.warehouse .*?)(?: +#.*)?$", README, re.MULTILINE
)


def test_the_readme_queries_run(sample: tuple[Deployment, object], monkeypatch: pytest.MonkeyPatch):
    warehouse = sample[0].warehouse
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    tag, _, verify = (call(command, dict(os.environ)) for command in WAREHOUSE_COMMANDS[:3])
    assert tag.stdout.strip() == f"2023Q1 as of now is paper-v1; tables: {len(TABLES)}"
    assert verify.stdout.strip() == f"2023Q1 is as it was written; tables: {len(TABLES)}"
    for python in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(python, {})  # noqa: S102 - the README is ours
    sql = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    assert sql
    for query in sql:
        assert warehouse.connect().execute(query).fetchall()


def test_the_warehouse_commands_of_the_readme_run(environment: dict[str, str]):
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    warehouse.replace("themes", SAMPLE_QUARTER, [])
    said = []
    for command in WAREHOUSE_COMMANDS:
        done = call(command, environment)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.strip())
    assert said == [
        "2023Q1 as of now is paper-v1; tables: 1",
        "2023Q1 paper-v1; tables: 1",
        "2023Q1 is as it was written; tables: 1",
        "paper-v1 of 2023Q1 is removed; tables: 1",
    ]


def test_a_table_is_restored_by_the_command_that_its_error_names(environment: dict[str, str]):
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    warehouse.replace("themes", SAMPLE_QUARTER, [])
    Path(warehouse.table("themes").metadata_location.removeprefix("file://")).unlink()
    refused = call(f"python -m ftm_assets.cli.warehouse verify {SAMPLE_QUARTER}", environment)
    assert refused.returncode == 1
    (arguments,) = re.findall(r"`ftm (restore \w+)`", refused.stderr)
    command = f"python -m ftm_assets.cli.warehouse {arguments}"
    assert "themes is back at its state of its creation" in call(command, environment).stdout
    assert "nothing to restore" in call(command, environment).stdout


def test_the_maintenance_command_of_the_readme_reports_and_changes_nothing(environment: dict[str, str]):
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    warehouse.replace("themes", SAMPLE_QUARTER, [])
    (command,) = re.findall(
        r"^dagster asset materialize --select warehouse_maintenance.*?\}'$", README, re.M | re.S
    )
    done = call(command.replace("\\\n", " "), environment)
    assert done.returncode == 0, done.stderr[-3000:]
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("warehouse_maintenance"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["dry_run"].value is True
    assert metadata["snapshots"].value == 1
