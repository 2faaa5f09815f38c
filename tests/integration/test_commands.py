"""The commands that the README shows, as a user runs them."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

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


def test_the_run_command_prints_themes_and_what_next(environment: dict[str, str]):
    done = call(f"python -m ftm_assets.run --quarter {SAMPLE_QUARTER}", environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Top themes of {SAMPLE_QUARTER}" in done.stdout
    assert environment["FTM_WAREHOUSE"] in done.stdout
    assert len(re.findall(r"^  \S", done.stdout, re.MULTILINE)) == 3
    assert "sentence_embeddings" in done.stderr, "progress is shown"


def test_the_plain_materialize_command_makes_one_asset_again(environment: dict[str, str]):
    call(f"python -m ftm_assets.run --quarter {SAMPLE_QUARTER}", environment)
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
    done = call(f"python -m ftm_assets.run {arguments}", environment)
    assert done.returncode == 2
    assert message in done.stderr


def test_bad_calls_end_in_the_list_of_problems_not_in_a_traceback(
    environment: dict[str, str], tmp_path: Path
):
    bad = tmp_path / "calls.csv"
    bad.write_text("companyid,companyname\n1,A\n")
    done = call(f"python -m ftm_assets.run --quarter 2020Q4 --calls {bad}", environment)
    assert done.returncode == 1
    assert "column transcriptid" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_readme_queries_run(sample: tuple[Deployment, object], monkeypatch: pytest.MonkeyPatch):
    warehouse = sample[0].warehouse
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    (python,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(python, {})  # noqa: S102 - the README is ours
    sql = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    assert sql
    for query in sql:
        assert warehouse.connect().execute(query).fetchall()
