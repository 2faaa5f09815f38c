"""The DuckDB file, read as other programs read it: by DuckDB alone, without the warehouse."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.duckdb_copy import STATE, WARNINGS, write_duckdb
from ftm_resources.warehouse.errors import WarehouseError

QUARTERS = ("2020Q1", "2020Q2")


@pytest.fixture
def warehouse(tmp_path: Path, topics: Callable) -> Warehouse:
    made = Warehouse(path=str(tmp_path / "warehouse"))
    for n, quarter in enumerate(QUARTERS, 3):
        made.replace("firm_topics", quarter, [topics(quarter, n)])
    return made


def rows(file: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(file), read_only=True) as db:
        return db.execute(query).fetchall()


def copied(warehouse: Warehouse, file: Path) -> dict[str, int]:
    return {c.table: c.quarters_copied for c in write_duckdb(warehouse, file) if c.quarters_copied}


def test_it_holds_every_table_with_its_documentation_and_every_view(warehouse: Warehouse, tmp_path: Path):
    file = tmp_path / "o'ne.duckdb"
    assert copied(warehouse, file) == {"firm_topics": 2}
    shutil.rmtree(warehouse.root)
    assert rows(file, "SELECT quarter, count(*) FROM firm_topics GROUP BY ALL ORDER BY 1") == [
        ("2020Q1", 3), ("2020Q2", 4),
    ]  # fmt: skip
    assert {t for (t,) in rows(file, "SELECT table_name FROM duckdb_tables()")} == {*TABLES, STATE, WARNINGS}
    assert rows(file, "SELECT keywords FROM firm_topics LIMIT 1") == [(["price", "mix"],)]
    docs = dict(
        rows(file, "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'firm_topics'")
    )
    assert docs == {c.name: c.doc for c in TABLES["firm_topics"].columns if c.name != "embedding"}
    for view in ("topics", "theme_evidence", "sentiment_ready", "naming_audit"):
        rows(file, f"SELECT * FROM {view}")
    with duckdb.connect() as other:  # attached under another name
        moved = shutil.move(file, tmp_path / "moved.duckdb")
        other.execute(f"ATTACH '{moved}' AS mine (READ_ONLY)")
        assert len(other.execute("SELECT * FROM mine.topics").fetchall()) == 7


def test_embeddings_are_copied_on_request(tmp_path: Path, small_topics: Warehouse):
    file = tmp_path / "f.duckdb"
    for with_embeddings in (False, True, False):
        write_duckdb(small_topics, file, tables=["themes"], with_embeddings=with_embeddings)
        columns = {
            c for (c,) in rows(file, "SELECT column_name FROM duckdb_columns() WHERE table_name = 'themes'")
        }
        assert ("embedding" in columns) == with_embeddings
        assert columns >= {"theme_id", "name"}


def test_only_what_changed_is_copied_again(warehouse: Warehouse, topics: Callable, tmp_path: Path):
    file = tmp_path / "f.duckdb"
    write_duckdb(warehouse, file)
    assert copied(warehouse, file) == {}
    warehouse.replace("firm_topics", "2020Q2", [topics("2020Q2", 2)])
    warehouse.replace("firm_topics", "2020Q3", [topics("2020Q3", 1)])
    assert copied(warehouse, file) == {"firm_topics": 2}
    counts = "SELECT quarter, count(*) FROM firm_topics GROUP BY ALL ORDER BY 1"
    assert rows(file, counts) == [("2020Q1", 3), ("2020Q2", 2), ("2020Q3", 1)]
    warehouse.replace("firm_topics", "2020Q1", [])
    assert copied(warehouse, file) == {}
    assert rows(file, counts) == [("2020Q2", 2), ("2020Q3", 1)]
    assert copied(warehouse, file) == {}, "what is gone is gone from the record too"


def test_quarters_that_do_not_go_together_are_refused_or_marked(
    warehouse: Warehouse, topics: Callable, tmp_path: Path
):
    file = tmp_path / "f.duckdb"
    made = {"inputs": {"firm_topics": warehouse.quarter("firm_topics", "2020Q2").provenance()}}
    warehouse.replace("theme_links", "2020Q2", [TABLES["theme_links"].empty()], provenance=made)
    write_duckdb(warehouse, file)
    assert rows(file, f"FROM {WARNINGS}") == []
    before = file.read_bytes()
    warehouse.replace("firm_topics", "2020Q2", [topics("2020Q2", 2)])
    with pytest.raises(WarehouseError, match=r"quarters do not go together\. 2020Q2 is of mixed generations"):
        write_duckdb(warehouse, file)
    assert file.read_bytes() == before
    write_duckdb(warehouse, file, allows_mixed=True)
    ((said,),) = rows(file, f"FROM {WARNINGS}")
    assert said.startswith(
        "2020Q2 is of mixed generations: theme_links was made from other rows of firm_topics"
    )
    assert rows(file, "SELECT count(*) FROM firm_topics WHERE quarter = '2020Q2'") == [(4,)], (
        "the last whole one"
    )


def test_a_moved_warehouse_has_nothing_new(warehouse: Warehouse, tmp_path: Path):
    file = tmp_path / "f.duckdb"
    write_duckdb(warehouse, file)
    shutil.copytree(warehouse.root, tmp_path / "elsewhere")
    shutil.rmtree(warehouse.root)
    assert copied(Warehouse(path=str(tmp_path / "elsewhere")), file) == {}


def test_a_reader_keeps_what_it_sees_while_the_file_is_replaced(
    warehouse: Warehouse, topics: Callable, tmp_path: Path
):
    file = tmp_path / "f.duckdb"
    write_duckdb(warehouse, file)
    with duckdb.connect(str(file), read_only=True) as db:
        warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 1)])
        write_duckdb(warehouse, file)
        assert db.execute("SELECT count(*) FROM firm_topics").fetchone() == (7,)
    assert rows(file, "SELECT count(*) FROM firm_topics") == [(5,)]


@pytest.mark.parametrize("what", ["text", "database"])
def test_another_programs_file_is_kept(warehouse: Warehouse, tmp_path: Path, what: str):
    file = tmp_path / "f.duckdb"
    if what == "text":
        file.write_text("mine")
    else:
        with duckdb.connect(str(file)) as db:
            db.execute("CREATE TABLE mine (x INTEGER)")
    before = file.read_bytes()
    with pytest.raises(WarehouseError, match="not a file that `ftm duckdb` wrote, so it is kept"):
        write_duckdb(warehouse, file)
    assert file.read_bytes() == before


def test_nothing_is_written_into_the_warehouse_or_without_one(warehouse: Warehouse, tmp_path: Path):
    with pytest.raises(WarehouseError, match="is inside the warehouse"):
        write_duckdb(warehouse, Path(warehouse.root) / "f.duckdb")
    with pytest.raises(WarehouseError):
        write_duckdb(Warehouse(path=str(tmp_path / "none")), tmp_path / "f.duckdb")
    assert not (tmp_path / "f.duckdb").exists()


def test_a_failure_leaves_the_file_as_it_was(warehouse: Warehouse, topics: Callable, tmp_path: Path):
    file = tmp_path / "f.duckdb"
    write_duckdb(warehouse, file)
    before = file.read_bytes()
    warehouse.replace("firm_topics", "2020Q2", [topics("2020Q2", 1)])

    def stop(name: str) -> None:
        if name == "themes":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_duckdb(warehouse, file, progress=stop)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []
