"""Reading a table without FTM: by DuckDB's `iceberg_scan`, which is no PyIceberg, and by PyIceberg alone."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_avro
import duckdb_extension_iceberg
import pyarrow as pa
import pytest
from pyiceberg.table import StaticTable

from ftm_resources.tables import PARTITION, TABLES, Column, Table
from ftm_resources.warehouse import Warehouse, repair, tags
from ftm_resources.warehouse.views import _prepare_s3

QUARTER, OTHER = "2020Q1", "2020Q2"

TYPES_OF_TRINO = {"string", "int", "long", "double", "float", "boolean", "date", "timestamptz"}
"""Types of Iceberg that Trino and Athena read."""


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that knows only DuckDB's own extensions, from their wheels."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for module in (duckdb_extension_avro, duckdb_extension_iceberg):
            (file,) = Path(module.__file__).parent.rglob("*.duckdb_extension")
            connection.execute(f"LOAD '{file}'")
        yield connection


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


def rows_of(contract: Table) -> pa.Table:
    """Return a row with every column, and one without those that may be null."""
    whole = {c.name: _value(c) for c in contract.columns}
    rest = {name: None if contract.column(name).nullable else value for name, value in whole.items()}
    return pa.Table.from_pylist([whole, rest], schema=contract.arrow_schema)


def _value(column: Column) -> Any:
    if column.name == PARTITION:
        return QUARTER
    if column.values:
        return column.values[-1]
    low, high = column.bounds or (0, 1)
    number = min(max(low, 0.25), high)
    return {
        pa.string(): "it's é",
        pa.int32(): int(min(max(low, 2), high)),
        pa.int64(): int(min(max(low, 2**40), high)),
        pa.float64(): number,
        pa.bool_(): True,
        pa.date32(): date(2020, 2, 29),
        pa.timestamp("us", "UTC"): datetime(2020, 2, 29, 21, 30, 0, 123456, tzinfo=UTC),
        pa.list_(pa.string()): ["price", "mix"],
        pa.list_(pa.float32()): [0.6, 0.8],
    }[column.type]


@pytest.fixture(scope="module")
def every_table(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(path=str(tmp_path_factory.mktemp("tables") / "warehouse"))
    for name, contract in TABLES.items():
        warehouse.replace(name, QUARTER, [rows_of(contract)])
    return warehouse


def assert_read_alike(
    db: duckdb.DuckDBPyConnection, warehouse: Warehouse, name: str, metadata: Path | str
) -> None:
    """Assert that DuckDB finds by the metadata what FTM reads: every column, value and type."""
    theirs = db.execute(f"FROM iceberg_scan('{metadata}')").to_arrow_table()
    ours = warehouse.read(name, QUARTER)
    assert theirs.column_names == ours.column_names
    assert theirs.cast(pa.schema(f.with_nullable(True) for f in ours.schema)).to_pylist() == ours.to_pylist()
    assert ours.num_rows == 2
    assert not any(value is None for value in ours.to_pylist()[0].values())


def test_another_implementation_reads_every_table_as_ftm_does(
    db: duckdb.DuckDBPyConnection, every_table: Warehouse, tmp_path: Path
):
    for name in TABLES:
        current = Path(every_table.table(name).metadata_location.removeprefix("file://"))
        assert_read_alike(db, every_table, name, current)
        # Not every engine knows mappings of names: the ids alone must do.
        metadata = json.loads(current.read_text())
        del metadata["properties"]["schema.name-mapping.default"]
        by_ids = tmp_path / f"{name}.metadata.json"
        by_ids.write_text(json.dumps(metadata))
        assert_read_alike(db, every_table, name, by_ids)


def test_another_implementation_follows_a_table_that_gained_a_column(
    db: duckdb.DuckDBPyConnection, tmp_path: Path, topics: Callable, monkeypatch: pytest.MonkeyPatch
):
    warehouse, contract = Warehouse(path=str(tmp_path / "warehouse")), TABLES["firm_topics"]
    warehouse.replace("firm_topics", QUARTER, [topics(QUARTER, 1)])
    added = Column("labels", pa.list_(pa.string()), "Labels", nullable=True)
    monkeypatch.setitem(TABLES, "firm_topics", replace(contract, own=(added, *contract.own)))
    labels = pa.array([["x", "y"]], added.type)
    warehouse.replace("firm_topics", OTHER, [topics(OTHER, 1).append_column("labels", labels)])
    found = db.execute(
        "SELECT quarter, labels[2], topic_id, keywords[1], local_topic "
        f"FROM iceberg_scan('{warehouse.root}/ftm/firm_topics') ORDER BY ALL"
    ).fetchall()
    assert found == [
        (QUARTER, None, f"{QUARTER}:1:000", "price", 0),
        (OTHER, "y", f"{OTHER}:1:000", "price", 0),
    ]


def test_every_table_keeps_to_what_trino_asks_of_iceberg(every_table: Warehouse):
    for name, contract in TABLES.items():
        file = Path(every_table.table(name).metadata_location.removeprefix("file://"))
        metadata = json.loads(file.read_text())
        assert metadata["format-version"] == 2, "the one that Athena writes and reads"
        [schema] = [s for s in metadata["schemas"] if s["schema-id"] == metadata["current-schema-id"]]
        fields = {field["name"]: field for field in schema["fields"]}
        kinds = [f["type"] if isinstance(f["type"], str) else f["type"]["element"] for f in fields.values()]
        assert set(kinds) <= TYPES_OF_TRINO
        assert [name for name in fields if name != name.lower()] == [], "Glue and Trino know lower case alone"
        [spec] = metadata["partition-specs"]
        by = {
            "source-id": fields[PARTITION]["id"],
            "field-id": 1000,
            "transform": "identity",
            "name": PARTITION,
        }
        assert spec["fields"] == [by]
        assert metadata["sort-orders"] == [{"order-id": 0, "fields": []}]
        [snapshot] = metadata["snapshots"]
        assert snapshot["manifest-list"].startswith(f"{metadata['location']}/")
        mapped = {
            entry["names"][0]: entry
            for entry in json.loads(metadata["properties"]["schema.name-mapping.default"])
        }
        assert {name: entry["field-id"] for name, entry in mapped.items()} == {
            c.name: fields[c.name]["id"] for c in contract.columns
        }


def of_all_types() -> list[str]:
    """Return a few tables that have every type of column between them."""
    chosen, seen = list[str](), set[pa.DataType]()
    for name, contract in sorted(TABLES.items(), key=lambda item: -len({c.type for c in item[1].columns})):
        if new := {c.type for c in contract.columns} - seen:
            chosen.append(name)
            seen |= new
    return chosen


def test_on_s3_another_implementation_reads_what_ftm_reads(
    db: duckdb.DuckDBPyConnection, warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]]
):
    with warehouse_on_s3() as warehouse:
        _prepare_s3(db)
        for name in of_all_types():
            warehouse.replace(name, QUARTER, [rows_of(TABLES[name])])
            assert_read_alike(db, warehouse, name, warehouse.table(name).metadata_location)
