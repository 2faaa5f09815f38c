"""The dbt project apart from Dagster: its manifest, its executable, and what goes in and out of its database."""

import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import yaml

from ftm_assets.orchestration import dbt_project
from ftm_assets.orchestration.dbt_project import EARLIER, MARTS, PROJECT, SOURCES, DbtProjectError
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"


def firm_rows(theme: str, firm: str) -> dict[str, object]:
    return {
        "theme_id": theme,
        "theme_name": "Freight",
        "firm_id": firm,
        "firm_name": "Acme",
        "permno": None,
        "gvkey": "001",
        "first_call_date": date(2023, 2, 1),
        "n_calls": 1,
        "n_positive": 1,
        "n_neutral": 0,
        "n_negative": 0,
        "n_sentences": 1,
        "score": 1.0,
        "score_se": None,
        "score_df": None,
        "n_turns": 1,
        "quarter": QUARTER,
    }


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project that a test may change."""
    return shutil.copytree(PROJECT, tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs"))


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stand in for `dbt parse`: the folders that were parsed into."""
    folders: list[Path] = []

    def parse(_project_dir: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "manifest.json").write_text("{}")
        folders.append(folder)

    monkeypatch.setattr(dbt_project, "_parse", parse)
    return folders


def test_one_of_several_callers_parses_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    commands = []
    run = subprocess.run

    def counted(command: list[str], **options: object) -> subprocess.CompletedProcess:
        commands.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: dbt_project.manifest(target=tmp_path / "target"), range(4)))
    [path] = paths
    found = json.loads(path.read_text())
    assert len(commands) == 1
    models = [n for n in found["nodes"].values() if n["resource_type"] == "model"]
    assert {n["name"] for n in models if n["config"]["materialized"] == "table"} == set(MARTS)
    named = {(s["source_name"], s["name"]) for s in found["sources"].values()}
    assert named == {("ftm", name) for name in SOURCES} | {("earlier", name) for name in EARLIER}


def test_a_manifest_serves_until_a_file_of_the_project_changes(project: Path, parses: list[Path]):
    first = dbt_project.manifest(project)
    model = project / "models" / "theme_sentiment.sql"
    model.touch()
    assert dbt_project.manifest(project) == first
    model.write_text(model.read_text() + "\n-- changed\n")
    second = dbt_project.manifest(project)
    assert second != first
    (project / "models" / "third.sql").write_text("select 1 as one")
    assert dbt_project.manifest(project) not in {first, second}
    assert len(parses) == 3


def test_a_project_that_changed_since_it_was_loaded_is_not_built(
    project: Path, tmp_path: Path, parses: list[Path]
):
    """Rows of the new files would be recorded as those of the old ones' code version."""
    manifest = dbt_project.manifest(project)
    assert dbt_project.working_copy(manifest, tmp_path / "one", project).is_dir()
    model = project / "models" / "theme_sentiment.sql"
    model.write_text(model.read_text() + "\n-- changed\n")
    with pytest.raises(DbtProjectError, match="changed since they were loaded: reload"):
        dbt_project.working_copy(manifest, tmp_path / "two", project)
    assert len(parses) == 1


def test_what_is_parsed_does_not_depend_on_the_users_own_options_of_dbt(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DBT_WRITE_JSON", "false")
    left = project / "target" / dbt_project._folder_name(project)
    left.mkdir(parents=True)
    (left / "partial_parse.msgpack").write_bytes(b"left without a manifest")
    assert json.loads(dbt_project.manifest(project).read_text())["nodes"]


def test_what_dbt_writes_into_its_target_does_not_count_as_a_change(project: Path, parses: list[Path]):
    first = dbt_project.manifest(project)
    (project / "target" / "run_results.json").write_text("{}")
    assert dbt_project.manifest(project) == first
    assert len(parses) == 1


def test_a_project_that_does_not_parse_says_why_and_leaves_no_manifest(project: Path):
    (project / "models" / "broken.sql").write_text("select * from {{ ref('no_such_model') }}")
    with pytest.raises(DbtProjectError, match="no_such_model"):
        dbt_project.manifest(project)
    assert not list((project / "target").glob("**/manifest.json"))


def test_a_target_that_cannot_be_written_says_what_to_do(tmp_path: Path):
    (tmp_path / "target").write_text("a file where the folder should be")
    with pytest.raises(DbtProjectError, match=r"ftm manifest"):
        dbt_project.manifest(target=tmp_path / "target")


def test_dbt_is_that_of_the_running_interpreter_whatever_the_path(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert os.access(dbt_project.dbt_executable(), os.X_OK)
    assert dbt_project.dbt_resource().dbt_executable == dbt_project.dbt_executable()


def test_dbts_own_connection_has_the_memory_that_every_other_one_has(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FTM_DUCKDB_MEMORY_LIMIT", raising=False)
    profile = yaml.safe_load((PROJECT / "profiles.yml").read_text())["ftm"]["outputs"]["duckdb"]
    limit = profile["settings"]["memory_limit"]
    [default] = re.findall(r"^\{\{ env_var\('FTM_DUCKDB_MEMORY_LIMIT', ''\) or '(\w+)' \}\}$", limit)
    dbts = duckdb.connect(config={"memory_limit": default})
    others = ConfiguredDuckDB().connect()
    asked = "SELECT current_setting('memory_limit')"
    assert dbts.execute(asked).fetchone() == others.execute(asked).fetchone()


def test_a_project_in_a_wheel_leaves_dbts_products_in_the_users_cache(
    project: Path, parses: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dbt_project, "IN_WHEEL", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert "ftm" in dbt_project.manifest(project).relative_to(tmp_path).parts
    assert len(parses) == 1
    assert not (project / "target").exists()


def test_rows_come_back_as_they_went_in_sorted_by_key(warehouse: Warehouse, tmp_path: Path):
    name = "firm_theme_sentiment"
    rows = [firm_rows("b", "1"), firm_rows("a", "2"), firm_rows("a", "1")]
    warehouse.replace(name, QUARTER, [pa.Table.from_pylist(rows, schema=TABLES[name].arrow_schema)])
    dbt_project.stage(tmp_path / "work", {t: warehouse.quarter(t, QUARTER) for t in (*SOURCES, *MARTS)})
    read = pa.concat_tables(dbt_project.built(tmp_path / "work", name))
    assert read.to_pylist() == [rows[2], rows[1], rows[0]]
    assert read.schema.types == TABLES[name].arrow_schema.types


def test_staging_takes_the_quarter_as_it_was_when_it_was_opened(warehouse: Warehouse, tmp_path: Path):
    name, schema = "firm_theme_sentiment", TABLES["firm_theme_sentiment"].arrow_schema
    warehouse.replace(name, QUARTER, [pa.Table.from_pylist([firm_rows("a", "1")], schema=schema)])
    opened = {t: warehouse.quarter(t, QUARTER) for t in (*SOURCES, *MARTS)}
    warehouse.replace(name, QUARTER, [pa.Table.from_pylist([firm_rows("b", "1")], schema=schema)])
    dbt_project.stage(tmp_path / "work", opened)
    read = pa.concat_tables(dbt_project.built(tmp_path / "work", name))
    assert read.column("theme_id").to_pylist() == ["a"]


def test_earlier_quarters_lie_together_in_a_schema_of_their_own(warehouse: Warehouse, tmp_path: Path):
    for quarter in ("2021Q4", "2022Q1", "2022Q4", QUARTER):
        row = {"firm_id": "1", "status": "ok", "n_sentences": 9, "n_topics": 1, "outlier_share": 0.0}
        rows = [row | {"reason": None, "seconds": 0.0, "quarter": quarter}]
        schema = TABLES["firm_status"].arrow_schema
        warehouse.replace("firm_status", quarter, [pa.Table.from_pylist(rows, schema=schema)])
    earlier = dbt_project.earlier_tables(warehouse, QUARTER)
    assert len(earlier) == dbt_project.LOOKBACK * len(EARLIER)
    dbt_project.stage(tmp_path / "work", {t: warehouse.quarter(t, QUARTER) for t in SOURCES}, earlier)
    with duckdb.connect(str(tmp_path / "work" / dbt_project.DATABASE)) as connection:
        found = connection.execute("SELECT quarter FROM earlier.firm_status ORDER BY ALL").fetchall()
        assert found == [("2022Q1",), ("2022Q4",)]
        assert connection.execute("SELECT DISTINCT quarter FROM ftm.firm_status").fetchall() == [(QUARTER,)]


def test_what_failed_is_told_with_the_rows_that_a_test_found(tmp_path: Path):
    with duckdb.connect(str(tmp_path / dbt_project.DATABASE)) as connection:
        connection.execute("CREATE TABLE theme_sentiment AS SELECT range AS n FROM range(9)")
    results = [
        {"unique_id": "model.ftm.theme_sentiment", "status": "success", "message": "OK", "compiled_code": ""},
        {"unique_id": "model.ftm.other", "status": "error", "message": "no column x", "compiled_code": "?"},
        {
            "unique_id": "test.ftm.small.abc",
            "status": "fail",
            "message": "Got 6 results",
            "compiled_code": "select * from theme_sentiment where n > 2",
        },
    ]
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))
    broken, failed = dbt_project.failed_nodes(tmp_path)
    assert (broken.name, broken.message, broken.rows) == ("model other", "no column x", None)
    assert (failed.name, failed.message) == ("test small", "Got 6 results")
    assert failed.rows.to_pylist() == [{"n": n} for n in range(3, 9)]
