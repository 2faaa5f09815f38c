"""Contracts as Iceberg schemas, and tables that an earlier version of a contract made."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.io.pyarrow import pyarrow_to_schema
from pyiceberg.schema import Schema
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.types import IntegerType, ListType, MapType, NestedField, StringType, StructType

from ftm_resources.tables import TABLES, Column, ContractError
from ftm_resources.warehouse import Warehouse, WarehouseError, data_files, repair, snapshots, tags
from ftm_resources.warehouse.schemas import iceberg_schema, with_field_ids

TABLE, OLD, NEW = "firm_topics", "2020Q1", "2020Q2"
ADDED = (
    Column("label", pa.string(), "A label", nullable=True),
    Column("weight", pa.float64(), "A weight that every topic has", bounds=(0, 1)),
    Column("words", pa.list_(pa.string()), "Words", nullable=True),
)


@pytest.mark.parametrize("name", TABLES)
def test_columns_keep_their_order_their_nullability_and_their_documentation(name: str):
    columns, fields = TABLES[name].columns, iceberg_schema(TABLES[name]).fields
    assert [(f.name, not f.required, f.doc) for f in fields] == [(c.name, c.nullable, c.doc) for c in columns]
    assert [f.field_id for f in fields] == list(range(1, len(columns) + 1))


def with_columns(monkeypatch: pytest.MonkeyPatch, own: tuple[Column, ...]) -> None:
    """Give the table other columns, as another version of FTM does."""
    monkeypatch.setitem(TABLES, TABLE, replace(TABLES[TABLE], own=own))


@pytest.fixture
def grow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give the table more columns, amid those that it has."""

    def grow() -> None:
        first, *rest = TABLES[TABLE].own
        with_columns(monkeypatch, (first, *ADDED, *rest))

    return grow


@pytest.fixture
def warehouse(
    tmp_path: Path, topics: Callable[[str, int], pa.Table], monkeypatch: pytest.MonkeyPatch
) -> Warehouse:
    """A warehouse that an earlier version wrote, whose data files had no ids of fields."""
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    with monkeypatch.context() as patch:
        patch.setattr(data_files, "with_field_ids", lambda columns, _stored: columns)
        warehouse.replace(TABLE, OLD, [topics(OLD, 3)])
    assert set(ids_in_files(warehouse, OLD).values()) == {None}
    tags.tag(warehouse, OLD, "paper")
    return warehouse


def ids_in_files(warehouse: Warehouse, quarter: str) -> dict[str, str | None]:
    """Return the ids in the data files of a quarter, by the fields' paths."""
    found = {}
    for uri in warehouse.data_files(TABLE, quarter=quarter):
        for field in pq.read_schema(uri.removeprefix("file://")):
            found[field.name] = _id(field)
            if pa.types.is_list(field.type):
                found[f"{field.name}.element"] = _id(field.type.value_field)
    return found


def _id(field: pa.Field) -> str | None:
    return (field.metadata or {}).get(b"PARQUET:field_id", b"").decode() or None


def test_a_data_file_has_the_ids_of_the_stored_schema_whatever_columns_came_later(
    warehouse: Warehouse, grow: Callable[[], None], topics: Callable[[str, int], pa.Table]
):
    grow()
    warehouse.replace(TABLE, NEW, [grown(topics(NEW, 2))])
    stored = warehouse.table(TABLE).schema()
    found = ids_in_files(warehouse, NEW)
    assert found == {path: str(stored.find_field(path).field_id) for path in found}
    assert {"topic_id": "1", "quarter": "9"}.items() <= found.items(), "as they were before"
    assert len(set(found.values())) == len(found) == len(TABLES[TABLE].columns) + 4


def test_fields_within_fields_have_their_ids_too():
    text, number = pa.string(), pa.int32()
    inner = pa.struct([pa.field("a", text), pa.field("b", pa.list_(number))])
    columns = pa.schema(
        [pa.field("all", pa.list_(inner), nullable=False), pa.field("of", pa.map_(text, inner))]
    )

    def stored(first: int) -> StructType:
        kinds = ListType(first + 2, IntegerType(), element_required=False)
        return StructType(NestedField(first, "a", StringType()), NestedField(first + 1, "b", kinds))

    schema = Schema(
        NestedField(1, "all", ListType(3, stored(4), element_required=False), required=True),
        NestedField(2, "of", MapType(10, StringType(), 11, stored(20), value_required=False)),
    )
    given = with_field_ids(columns, schema)
    assert given.equals(columns), "types, names and nullability stay"
    assert pyarrow_to_schema(given) == schema
    with pytest.raises(ValueError, match="other"):
        with_field_ids(pa.schema([pa.field("other", text)]), schema)


def grown(rows: pa.Table) -> pa.Table:
    n = rows.num_rows
    new = {"label": ["x"] * n, "weight": [0.5] * n, "words": [["a", "b"]] * n}
    for name, values in new.items():
        rows = rows.append_column(name, pa.array(values))
    return rows


def assert_old_rows_are_read(warehouse: Warehouse) -> None:
    rows = warehouse.read(TABLE, OLD)
    assert rows.column_names == TABLES[TABLE].arrow_schema.names
    assert rows.num_rows == 3
    assert [rows.column(c.name).null_count for c in ADDED] == [3, 3, 3]
    assert rows.column("topic_id").null_count == 0
    assert warehouse.read(TABLE, OLD, columns=["weight"], as_of="paper").column("weight").null_count == 3
    counts = "SELECT count(*), count(label), count(weight), count(words), count(topic_id) FROM firm_topics"
    for as_of in (None, "paper", datetime.now(UTC)):
        assert warehouse.connect(quarter=OLD, as_of=as_of).execute(counts).fetchone() == (3, 0, 0, 0, 3)
    assert repair.verify(warehouse, OLD) == (1, [])
    for columns in (None, ["weight"]):
        with pytest.raises(
            WarehouseError, match=f"{TABLE} {OLD} was written by an earlier.*without weight: materialize"
        ):
            warehouse.quarter(TABLE, OLD).read(columns)
    assert warehouse.quarter(TABLE, OLD).read(["topic_id", "label"]).num_rows == 3


def test_a_warehouse_of_an_earlier_version_is_read_and_written(
    warehouse: Warehouse, grow: Callable[[], None], topics: Callable[[str, int], pa.Table]
):
    before = warehouse.table(TABLE).metadata_location
    grow()
    assert_old_rows_are_read(warehouse)
    assert warehouse.table(TABLE).metadata_location == before, "reading changes nothing"
    warehouse.replace(TABLE, NEW, [grown(topics(NEW, 2))])
    assert_old_rows_are_read(warehouse)
    fields = warehouse.table(TABLE).schema()
    assert [(fields.find_field(c.name).required, fields.find_field(c.name).doc) for c in ADDED] == [
        (False, c.doc) for c in ADDED
    ], "a new column is optional in the file, as old rows lack it"
    rows = warehouse.quarter(TABLE, NEW).read()
    assert rows.schema == TABLES[TABLE].arrow_schema
    assert (
        rows.select([c.name for c in ADDED]).to_pylist()
        == [{"label": "x", "weight": 0.5, "words": ["a", "b"]}] * 2
    )
    everything = (
        warehouse.connect()
        .execute("SELECT quarter, weight, words[2] FROM firm_topics ORDER BY ALL")
        .fetchall()
    )
    assert everything == [(OLD, None, None)] * 3 + [(NEW, 0.5, "b")] * 2
    assert repair.verify(warehouse, NEW) == (1, [])


def test_a_quarter_of_an_earlier_version_is_whole_once_it_is_made_again(
    warehouse: Warehouse, grow: Callable[[], None], topics: Callable[[str, int], pa.Table]
):
    grow()
    for n in (2, 4):
        warehouse.replace(TABLE, OLD, [grown(topics(OLD, n))])
        assert warehouse.quarter(TABLE, OLD).read().column("weight").to_pylist() == [0.5] * n
    assert warehouse.read(TABLE, OLD, as_of="paper").column("weight").null_count == 3
    assert repair.verify(warehouse, OLD) == (1, [])
    counts = "SELECT count(*), count(weight) FROM firm_topics"
    assert warehouse.connect().execute(counts).fetchone() == (4, 4)
    assert warehouse.connect(as_of="paper").execute(counts).fetchone() == (3, 0)


def test_a_write_without_a_new_required_column_is_refused(
    warehouse: Warehouse, grow: Callable[[], None], topics: Callable[[str, int], pa.Table]
):
    grow()
    whole = grown(topics(OLD, 2))
    place = whole.column_names.index("weight")
    for rows in (topics(OLD, 2), whole.set_column(place, "weight", pa.nulls(2, pa.float64()))):
        with pytest.raises(ContractError, match=r"'(label|weight)' (is missing|has 2 null)"):
            warehouse.replace(TABLE, OLD, [rows])
    assert warehouse.read(TABLE, OLD).num_rows == 3


def test_what_was_written_before_versions_recorded_their_columns_is_verified(
    warehouse: Warehouse,
    grow: Callable[[], None],
    topics: Callable[[str, int], pa.Table],
    monkeypatch: pytest.MonkeyPatch,
):
    recorded = snapshots._write

    def not_recorded(snapshot: Snapshot) -> snapshots.Write | None:
        write = recorded(snapshot)
        if write is None or write.properties["quarter"] != OLD:
            return write
        return replace(write, properties={k: v for k, v in write.properties.items() if k != "columns"})

    monkeypatch.setattr(snapshots, "_write", not_recorded)
    grow()
    assert repair.verify(warehouse, OLD) == (1, [])
    warehouse.replace(TABLE, NEW, [grown(topics(NEW, 2))])
    for quarter in (OLD, NEW):
        assert repair.verify(warehouse, quarter) == (1, [])


def test_a_column_that_is_no_longer_required_may_be_null(
    warehouse: Warehouse, topics: Callable[[str, int], pa.Table], monkeypatch: pytest.MonkeyPatch
):
    own = tuple(replace(c, nullable=True) if c.name == "n_sentences" else c for c in TABLES[TABLE].own)
    with_columns(monkeypatch, own)
    rows = topics(NEW, 2)
    rows = rows.set_column(rows.column_names.index("n_sentences"), "n_sentences", pa.nulls(2, pa.int32()))
    warehouse.replace(TABLE, NEW, [rows])
    assert warehouse.quarter(TABLE, NEW).read().column("n_sentences").null_count == 2
    assert warehouse.quarter(TABLE, OLD).read().column("n_sentences").null_count == 0


def test_columns_that_the_contract_retired_are_left_to_the_rows_that_have_them(
    warehouse: Warehouse, topics: Callable[[str, int], pa.Table], monkeypatch: pytest.MonkeyPatch
):
    own, retired = TABLES[TABLE].own[:-2], TABLES[TABLE].own[-2:]
    gone = [c.name for c in retired]
    monkeypatch.setitem(TABLES, TABLE, replace(TABLES[TABLE], own=own, retired=retired))

    def assert_read(quarter: str, n: int) -> None:
        rows = warehouse.read(TABLE, quarter)
        assert (rows.num_rows, set(gone) & set(rows.column_names)) == (n, set())
        assert repair.verify(warehouse, quarter) == (1, [])

    assert_read(OLD, 3)
    warehouse.replace(TABLE, NEW, [topics(NEW, 2).drop_columns(gone)])
    warehouse.replace(TABLE, "2020Q3", [])
    for quarter, n in ((OLD, 3), (NEW, 2)):
        assert_read(quarter, n)
    count = f"SELECT count(*) FROM {TABLE}"
    assert warehouse.connect(tables=[TABLE]).execute(count).fetchone() == (5,)
    assert warehouse.connect(tables=[TABLE], quarter=OLD, as_of="paper").execute(count).fetchone() == (3,)
    warehouse.replace(TABLE, OLD, [topics(OLD, 1).drop_columns(gone)])
    assert_read(OLD, 1)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (lambda c: None if c.name == "keywords" else c, "has a column 'keywords', which this version"),
        (
            lambda c: replace(c, type=pa.int64()) if c.name == "n_sentences" else c,
            "has 'n_sentences' as int, which is long in this version",
        ),
        (
            lambda c: replace(c, type=pa.list_(pa.float32())) if c.name == "keywords" else c,
            "has 'keywords' as list<string>, which is list<float> in this version",
        ),
    ],
    ids=["removed", "another type", "another type of items"],
)
def test_a_column_that_was_removed_or_changed_is_an_error_in_every_read_and_write(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, own: Callable, said: str
):
    with_columns(monkeypatch, tuple(c for old in TABLES[TABLE].own if (c := own(old)) is not None))
    for use in (
        lambda: warehouse.read(TABLE, OLD),
        warehouse.connect,
        lambda: warehouse.connect(as_of="paper"),
        lambda: warehouse.quarter(TABLE, OLD),
        lambda: warehouse.replace(TABLE, NEW, []),
    ):
        with pytest.raises(WarehouseError, match=f"{said}.*nothing was read or changed"):
            use()


def test_a_table_grows_on_s3(
    warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]],
    grow: Callable[[], None],
    topics: Callable[[str, int], pa.Table],
):
    with warehouse_on_s3() as warehouse:
        warehouse.replace(TABLE, OLD, [topics(OLD, 3)])
        tags.tag(warehouse, OLD, "paper")
        grow()
        assert_old_rows_are_read(warehouse)
        warehouse.replace(TABLE, NEW, [grown(topics(NEW, 2))])
        assert_old_rows_are_read(warehouse)
