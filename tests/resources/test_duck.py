"""How DuckDB is opened: within the limits of the settings, in a temporary folder of its own, and by any asset."""

import ast
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster_duckdb import DuckDBResource

from ftm_assets.definitions import build_definitions
from ftm_resources.duck import ConfiguredDuckDB, scratch_folder
from ftm_resources.settings import SettingsError

REPOSITORY = Path(__file__).resolve().parents[2]


def option(connection: duckdb.DuckDBPyConnection, name: str) -> object:
    (value,) = connection.execute(f"SELECT current_setting('{name}')").fetchone() or (None,)
    return value


def test_a_connection_has_the_limits_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("FTM_DUCKDB_MEMORY_LIMIT", "1GiB")
    monkeypatch.setenv("FTM_DUCKDB_THREADS", "1")
    monkeypatch.setenv("FTM_DUCKDB_TEMP_DIRECTORY", str(tmp_path))
    with ConfiguredDuckDB().get_connection() as connection:
        assert option(connection, "memory_limit") == "1.0 GiB"
        assert option(connection, "threads") == 1
        assert Path(str(option(connection, "temp_directory"))).parent == tmp_path
    assert scratch_folder() == str(tmp_path)


def test_without_settings_memory_is_bounded_all_the_same(monkeypatch: pytest.MonkeyPatch):
    for name in ("MEMORY_LIMIT", "THREADS", "TEMP_DIRECTORY"):
        monkeypatch.delenv(f"FTM_DUCKDB_{name}", raising=False)
    with ConfiguredDuckDB().get_connection() as connection:
        assert option(connection, "memory_limit") == "3.7 GiB"


@pytest.mark.parametrize(("name", "value"), [("MEMORY_LIMIT", "plenty"), ("THREADS", "0"), ("THREADS", "'")])
def test_a_setting_that_duckdb_refuses_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(f"FTM_DUCKDB_{name}", value)
    with pytest.raises(SettingsError, match=f"FTM_DUCKDB_{name} is "):
        ConfiguredDuckDB().connect()


def test_the_temporary_folder_is_made_and_one_that_cannot_be_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("FTM_DUCKDB_TEMP_DIRECTORY", str(tmp_path / "new" / "folder"))
    assert Path(scratch_folder()).is_dir()
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FTM_DUCKDB_TEMP_DIRECTORY", str(tmp_path / "file" / "folder"))
    with pytest.raises(SettingsError, match=r"FTM_DUCKDB_TEMP_DIRECTORY is .*cannot be used"):
        ConfiguredDuckDB().connect()


def test_what_a_user_configures_goes_before_the_settings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_DUCKDB_MEMORY_LIMIT", "1GiB")
    with ConfiguredDuckDB(connection_config={"memory_limit": "2GiB"}).get_connection() as connection:
        assert option(connection, "memory_limit") == "2.0 GiB"


def test_what_outgrows_memory_goes_to_a_folder_of_each_connection_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Connections that share a folder overwrite each other's files; here two sort at once."""
    monkeypatch.setenv("FTM_DUCKDB_MEMORY_LIMIT", "40MB")
    monkeypatch.setenv("FTM_DUCKDB_THREADS", "1")
    monkeypatch.setenv("FTM_DUCKDB_TEMP_DIRECTORY", str(tmp_path))
    used: set[Path] = set()

    def sort(seed: int) -> bool:
        with ConfiguredDuckDB().get_connection() as connection:
            connection.execute(
                f"CREATE TABLE t AS SELECT hash(range + {seed}) AS h, md5(range::TEXT) AS m FROM range(1_500_000)"
            )
            used.update(tmp_path.iterdir())
            reader = connection.execute("SELECT h FROM (SELECT h, m FROM t ORDER BY h)").to_arrow_table()
            values = reader.column("h").to_numpy()
        return bool((values[1:] >= values[:-1]).all()) and len(values) == 1_500_000

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(sort, range(2)))
    assert len(used) == 2
    assert not list(tmp_path.iterdir())


def test_times_are_utc_in_cursors_too_whatever_the_machines_zone():
    script = """
from ftm_resources.duck import ConfiguredDuckDB
connection = ConfiguredDuckDB().connect()
for c in (connection, connection.cursor()):
    print(c.execute("SELECT CAST(TIMESTAMPTZ '2023-03-31 20:00:00+00' AS VARCHAR)").fetchone()[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"TZ": "Asia/Tokyo", "PYTHONPATH": str(REPOSITORY)},
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split("\n")[:2] == ["2023-03-31 20:00:00+00"] * 2


def test_a_connection_is_closed_after_an_error(tmp_path: Path):
    database = ConfiguredDuckDB(database=str(tmp_path / "x.duckdb"))
    with pytest.raises(KeyError), database.get_connection() as connection:
        raise KeyError("a user's own")
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("SELECT 1")


def test_a_file_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def never(_seconds: float) -> None:
        raise AssertionError("it waits to try again")

    monkeypatch.setattr("time.sleep", never)
    with pytest.raises(duckdb.IOException):
        ConfiguredDuckDB(database=str(tmp_path / "no" / "such" / "x.duckdb")).connect()


def test_a_users_own_asset_asks_for_it_by_the_key_duckdb():
    @dg.asset
    def doubled(duckdb: DuckDBResource) -> int:
        with duckdb.get_connection() as connection:
            (value,) = connection.execute("SELECT 2 * 21").fetchone()
        return int(value)

    own = dg.Definitions(assets=[doubled])
    definitions = dg.Definitions.merge(build_definitions(resource_overrides={}), own)
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.get_subset(asset_selection={doubled.key}).execute_in_process(
        resources={"io_manager": dg.mem_io_manager}
    )
    assert result.output_for_node("doubled") == 42


def _opens(node: ast.AST) -> bool:
    """Whether it is `duckdb.connect` or an import of it; examples in docstrings are none."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "duckdb" and any(alias.name == "connect" for alias in node.names)
    is_connect = isinstance(node, ast.Attribute) and node.attr == "connect"
    return is_connect and isinstance(node.value, ast.Name) and node.value.id == "duckdb"


def test_nothing_else_opens_duckdb():
    """Its limits hold only where every connection is opened here."""
    opening = [
        str(module.relative_to(REPOSITORY))
        for package in ("ftm_assets", "ftm_resources")
        for module in sorted((REPOSITORY / package).rglob("*.py"))
        if any(_opens(node) for node in ast.walk(ast.parse(module.read_text())))
    ]
    assert opening == ["ftm_resources/duck.py"]
