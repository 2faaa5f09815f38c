"""SQL from an assistant."""

from pathlib import Path

import pytest

from ftm_assets.answers.served_sql import SqlError, run_sql
from ftm_resources.warehouse import Warehouse
from tests.resources.retrieval.conftest import QUARTER


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
    ],
)
def test_nothing_but_one_select_over_the_warehouse_is_run(warehouse: Warehouse, tmp_path: Path, sql: str):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nTOPSECRET\n")
    filled = sql.format(secret=secret, folder=tmp_path, warehouse=warehouse.root)
    with pytest.raises(SqlError) as said:
        run_sql(warehouse, filled)
    assert "TOPSECRET" not in str(said.value)
    assert not (tmp_path / "out.csv").exists()


def test_a_statement_that_takes_too_long_is_interrupted(warehouse: Warehouse):
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7"
    with pytest.raises(SqlError, match=r"took more than 0\.5 seconds"):
        run_sql(warehouse, endless, seconds=0.5)
