"""Reading a table without FTM, as README says: with DuckDB's `iceberg_scan` and PyIceberg on the table's folder."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import duckdb_extension_avro
import duckdb_extension_iceberg
import pytest
from pyiceberg.table import StaticTable

from ftm_resources.warehouse import Warehouse, repair, tags

QUARTER, OTHER = "2020Q1", "2020Q2"


@pytest.fixture
def db() -> duckdb.DuckDBPyConnection:
    """A connection that knows only DuckDB's own extensions, from their wheels."""
    connection = duckdb.connect()
    for module in (duckdb_extension_avro, duckdb_extension_iceberg):
        (file,) = Path(module.__file__).parent.rglob("*.duckdb_extension")
        connection.execute(f"LOAD '{file}'")
    return connection


def counts(db: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> tuple[int, int, int]:
    """Return the rows that DuckDB finds by the folder, PyIceberg by the folder, and DuckDB in all files."""
    folder = f"{warehouse.root}/ftm/firm_topics"
    found = []
    for rows in (f"iceberg_scan('{folder}')", f"read_parquet('{folder}/data/**/*.parquet')"):
        (n,) = db.execute(f"SELECT count(*) FROM {rows}").fetchone() or (0,)
        found.append(n)
    return found[0], StaticTable.from_metadata(folder).scan().to_arrow().num_rows, found[1]


def test_the_folder_of_a_table_is_its_current_state_and_the_files_in_it_are_not(
    db: duckdb.DuckDBPyConnection, tmp_path: Path, topics: Callable
):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for n in (5, 3):
        warehouse.replace("firm_topics", QUARTER, [topics(QUARTER, n)])
        assert counts(db, warehouse)[:2] == (n, n)
    warehouse.replace("firm_topics", OTHER, [topics(OTHER, 2)])
    assert counts(db, warehouse) == (5, 5, 10), "the files hold superseded rows too"
    tags.tag(warehouse, QUARTER, "paper")
    tags.untag(warehouse, QUARTER, "paper")
    assert counts(db, warehouse)[:2] == (5, 5)


def test_the_folder_follows_a_roll_back(db: duckdb.DuckDBPyConnection, tmp_path: Path, topics: Callable):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    warehouse.replace("firm_topics", QUARTER, [topics(QUARTER, 3)])
    warehouse.replace("firm_topics", OTHER, [topics(OTHER, 2)])
    Path(warehouse.table("firm_topics").metadata_location.removeprefix("file://")).write_bytes(b"{")
    repair.restore(warehouse, "firm_topics")
    assert counts(db, warehouse)[:2] == (3, 3)
