"""SQL from an assistant."""

import json
from pathlib import Path
from typing import Any

import pytest

from ftm_assets.answers.served_sql import SqlError, run_sql
from ftm_assets.answers.sql_child import MOST_REPLY, RefusedError, selected
from ftm_resources.warehouse import Warehouse, WarehouseError
from tests.resources.retrieval.conftest import QUARTER


def run_here(warehouse: Warehouse, sql: str) -> dict[str, Any]:
    """Run a statement in this process: to start one takes seconds, and is not what these tests are about."""
    return selected(warehouse, sql, quarter=QUARTER, limit=1000, seconds=60)


def test_a_select_over_tables_and_views_is_answered_with_a_limit(warehouse: Warehouse):
    made = run_sql(
        warehouse, "SELECT theme_id, name, embedding FROM themes ORDER BY 1", quarter=QUARTER, limit=2
    )
    assert made["columns"] == ["theme_id", "name", "embedding"]
    assert len(made["rows"]) == 2
    assert made["is_cut"]
    assert made["rows"][0][2][-1] == "…", "of an embedding, the beginning"
    n = run_sql(warehouse, "WITH t AS (FROM topics) SELECT count(*) FROM t -- a comment;")["rows"][0][0]
    assert n == warehouse.read("firm_topics", QUARTER).num_rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM read_text('{warehouse}/../secret.csv')",
        "SELECT * FROM read_csv('https://example.com/x.csv')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/other.db'",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW themes",
        "SET enable_external_access = true",
        "PRAGMA enable_external_access = true",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT 1; DROP VIEW themes",
        "EXPORT DATABASE '{folder}'",
        "CALL pragma_version()",
        "SELECT getenv('HOME')",
        "SELEC 1",
        "",
        "SELECT * FROM nothing",
        "SELECT * FROM enable_logging(level = 'trace', storage = 'file', storage_path = '{warehouse}/logs')",
        "SELECT 1 FROM themes, (SELECT * FROM disable_logging())",
        "SELECT 1 ORDER BY (SELECT count(*) FROM ENABLE_PROFILING())",
        "WITH t AS MATERIALIZED (SELECT * FROM query('SELECT 1')) FROM t",
        "SELECT * FROM themes, LATERAL (FROM glob('{warehouse}/*'))",
        "SELECT * FROM read_blob('{warehouse}/catalog.db')",
        "DESCRIBE '{warehouse}/x.parquet'",
        "SELECT * FROM x.csv",
        "SELECT * FROM sql",
        "SELECT json_serialize_plan('SELECT 1')",
        "SELECT current_setting('temp_directory')",
    ],
)
def test_nothing_but_one_select_over_the_warehouse_is_run(warehouse: Warehouse, tmp_path: Path, sql: str):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nTOPSECRET\n")
    filled = sql.format(secret=secret, folder=tmp_path, warehouse=warehouse.root)
    with pytest.raises(RefusedError) as said:
        run_here(warehouse, filled)
    assert "TOPSECRET" not in str(said.value)
    assert not (tmp_path / "out.csv").exists()
    assert not (Path(warehouse.root) / "logs").exists()


def test_a_refused_statement_is_an_error_of_the_caller(warehouse: Warehouse):
    with pytest.raises(SqlError, match="enable_logging may not be called"):
        run_sql(warehouse, "SELECT * FROM enable_logging()", quarter=QUARTER)


def test_a_statement_that_takes_too_long_is_interrupted(warehouse: Warehouse):
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7"
    with pytest.raises(SqlError, match=r"took more than 0\.5 seconds"):
        run_sql(warehouse, endless, seconds=0.5)


def test_a_function_that_cannot_be_interrupted_is_ended_with_its_process(warehouse: Warehouse):
    deaf = "SELECT levenshtein(repeat('a', 400000), repeat('b', 400000))"
    with pytest.raises(SqlError, match=r"took more than 0\.5 seconds"):
        run_sql(warehouse, deaf, quarter=QUARTER, seconds=0.5)


@pytest.mark.parametrize(
    "sql",
    ["SELECT list(i) FROM range(300000000) t(i)", "SELECT [repeat('x', 4000000000)]"],
    ids=["list", "text"],
)
def test_a_statement_that_needs_too_much_memory_is_an_error_and_leaves_no_files(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
):
    monkeypatch.setenv("FTM_DUCKDB_TEMP_DIRECTORY", str(tmp_path / "scratch"))
    with pytest.raises(SqlError, match="memory"):
        run_sql(warehouse, sql, quarter=QUARTER)
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 10000000)",
        "SELECT map(range(300000), range(300000))",
        "SELECT [[[x for x in range(50)] for y in range(50)] for z in range(50)] FROM range(20)",
        "SELECT repeat('x', 1500) FROM range(100000)",
        "SELECT {'a': repeat('x', 100000), 'b': [repeat('y', 100000)]} FROM range(1000)",
    ],
    ids=["text", "map", "nested", "rows", "struct"],
)
def test_a_reply_is_bounded_whatever_is_asked_for(warehouse: Warehouse, sql: str):
    made = run_here(warehouse, sql)
    assert made["rows"]
    assert len(json.dumps(made, ensure_ascii=False)) < MOST_REPLY + 1000


def test_a_reply_is_strict_json_and_says_when_rows_are_cut(warehouse: Warehouse):
    asked = "SELECT 'nan'::DOUBLE, ['inf'::DOUBLE, '-inf'::DOUBLE], 1.5::DECIMAL(3, 1), NULL"
    made = run_sql(warehouse, asked, quarter=QUARTER)
    assert made["rows"] == [["NaN", ["Infinity", "-Infinity"], "1.5", None]]
    long = run_sql(warehouse, "SELECT repeat('x', 1500) FROM range(1000)", quarter=QUARTER, limit=1000)
    assert long["is_cut"]
    assert 100 < len(long["rows"]) < 1000


@pytest.mark.parametrize(
    "sql",
    [
        "DESCRIBE themes",
        "SHOW TABLES",
        "SELECT * FROM main.themes, range(2)",
        "SELECT unnest(keywords) FROM themes",
        "SELECT column_name FROM information_schema.columns",
        "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < 3) FROM t",
    ],
)
def test_what_only_reads_the_warehouse_is_run(warehouse: Warehouse, sql: str):
    assert run_here(warehouse, sql)["rows"]


def test_a_warehouse_without_the_quarter_is_its_own_error(warehouse: Warehouse):
    with pytest.raises(WarehouseError, match="2031Q1"):
        run_sql(warehouse, "SELECT 1", quarter="2031Q1")
