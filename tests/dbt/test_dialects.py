"""The dbt project in both dialects: compiled for each without a connection, and the same rows from both.

Athena's SQL runs here on DuckDB, translated by sqlglot; what Athena itself would refuse is looked for in the text.
"""

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from ftm_assets.orchestration.dbt_project import EARLIER, LOOKBACK, MARTS, PROJECT, SOURCES, dbt_executable
from ftm_resources import connect, quarters
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.tables import LABELS, NAMESPACE, TABLES
from ftm_resources.tables.joined_views import JOINED_VIEWS
from tests import member_sentences
from tests.assets.spoken_quarter import Call, Quarter, Turn, filled

MOST_BYTES = 262_144
"""Of a statement that Athena takes."""

TAKEN_BY_TRINO = {
    *(
        "array",
        "array_agg",
        "avg",
        "bool_or",
        "cast",
        "coalesce",
        "count",
        "count_if",
        "max",
        "max_by",
        "min",
    ),
    *("nullif", "replace", "row", "row_number", "split_part", "sqrt", "stddev_samp", "substr", "sum"),
    *("abs", "greatest", "least"),
}
"""Functions of Trino that mean the same in DuckDB."""

NOT_FUNCTIONS = {
    "and",
    "as",
    "between",
    "by",
    "case",
    "else",
    "from",
    "in",
    "not",
    "on",
    "or",
    "over",
    "then",
    "timestamp",
    "when",
}

TYPES = {
    pa.string(): "varchar",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", "UTC"): "timestamp(6) with time zone",
    pa.list_(pa.string()): "array(varchar)",
    pa.list_(pa.float32()): "array(real)",
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, dict[str, Any]]]:
    """A function that returns the nodes of a target, compiled, by their names."""
    folder = tmp_path_factory.mktemp("dbt")
    kept: dict[str, dict[str, dict[str, Any]]] = {}

    def compiled(target: str) -> dict[str, dict[str, Any]]:
        if target not in kept:
            _compile(target, folder / target)
            nodes = json.loads((folder / target / "manifest.json").read_text())["nodes"].values()
            kept[target] = {node["name"]: node for node in nodes}
        return kept[target]

    return compiled


def _compile(target: str, folder: Path) -> None:
    """Compile with an address for AWS at which nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as aws:
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        own |= {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ATHENA_S3_STAGING_DIR": "s3://nowhere/athena/",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.getsockname()[1]}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        done = subprocess.run(
            [
                *(dbt_executable(), "compile", "--target", target, "--no-populate-cache", "--no-introspect"),
                *("--no-partial-parse", "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
                *("--target-path", str(folder), "--log-path", str(folder / "logs")),
            ],
            env=own, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        aws.setblocking(False)
        with pytest.raises(BlockingIOError):
            aws.accept()


@pytest.fixture(scope="module")
def athena(compiled: Callable) -> dict[str, str]:
    """The statement behind each view of Athena."""
    return {
        name: node["compiled_code"]
        for name, node in compiled("athena").items()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "view"
    }


@pytest.fixture(scope="module")
def trees(athena: dict[str, str]) -> dict[str, exp.Expression]:
    """The statements, parsed, with every column's type as Athena derives it."""
    columns = {name: {c.name: TYPES[c.type] for c in table.columns} for name, table in TABLES.items()}
    made_from = {"awsdatacatalog": {NAMESPACE: columns, "ftm_views": {m: columns[m] for m in MARTS}}}
    found = {}
    for name, sql in athena.items():
        tree = qualify(sqlglot.parse_one(sql, read="trino"), schema=made_from, dialect="trino")
        found[name] = annotate_types(tree, schema=made_from, dialect="trino")
    return found


def in_duckdb(tree: exp.Expression) -> str:
    return tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)


def test_every_mart_and_every_joined_view_is_a_view_of_athena(athena: dict[str, str], compiled: Callable):
    assert set(athena) == {*MARTS, *JOINED_VIEWS}
    made = {n["name"] for n in compiled("duckdb").values() if n["config"]["materialized"] == "table"}
    assert made == set(MARTS), "in DuckDB, a connection makes the joined views itself"


def test_dbt_compares_with_as_many_quarters_as_dagster_stages(compiled: Callable):
    [bound] = re.findall(r"between 1 and (\d+)", compiled("duckdb")["firm_theme_panel"]["compiled_code"])
    assert int(bound) == LOOKBACK


def test_statements_and_tests_say_nothing_that_athena_does_not_take(compiled: Callable):
    for name, node in compiled("athena").items():
        sql = node.get("compiled_code") or ""
        text = re.sub(r"--[^\n]*|'[^']*'", "", sql).lower()
        assert len(sql.encode()) < MOST_BYTES, name
        called = set(re.findall(r"\b([a-z_]\w*)\s*\(", text)) - NOT_FUNCTIONS
        ctes = set(re.findall(r"\b(\w+) as \($", text, re.M))
        assert called - ctes <= TAKEN_BY_TRINO, name
        assert not re.search(
            r"::|:=|\bexclude\b|\bqualify\b|\bfilter\b|\bgroup by all\b|\bwindow\b|\{", text
        ), name


def test_nothing_is_divided_as_integers_and_no_view_has_a_type_that_views_lack(
    trees: dict[str, exp.Expression],
):
    n = 0
    for name, tree in trees.items():
        for division in tree.find_all(exp.Div):
            assert any(side.is_type("double") for side in (division.left, division.right)), division.sql(
                "trino"
            )
            n += 1
        for column in tree.selects:
            assert not column.is_type("timestamptz", "null", "float"), f"{name}.{column.alias_or_name}"
    assert n > 50


# Firms 0 to 5 speak in each quarter, 6 in the first, too early to be compared with, and in the last; 7 has too few
# sentences, 8 fails in one quarter. Firm 0 calls twice, and is renamed in between.
QUARTERS = ("2022Q1", "2022Q4", "2023Q1", "2023Q2")
THEMES = ("Freight", "Hiring", "Vague")


def said_in(quarter: str) -> dict[str, pa.Table]:
    """Return the tables of a quarter that the marts read, spoken at random."""
    random, first = Random(quarter), quarters.bounds(quarter)[0]
    label = (*LABELS, LABELS[0], "procedural")
    calls = []
    for firm in range(9):
        if firm == 6 and quarter not in (QUARTERS[0], QUARTERS[-1]):
            continue
        for number in range(2 if firm == 0 else 1):
            turns = [
                Turn(
                    [
                        (random.choice((0, 0, 1, 2, None)), random.choice(label))
                        for _ in range(random.randint(1, 6))
                    ],
                    section=random.choice(("presentation", "q_and_a")),
                    speaker_type=random.choice(("executive", "analyst")),
                )
                for _ in range(random.randint(2, 8))
            ]
            calls.append(
                Call(
                    f"{quarter[2:]}{firm}{number}", f"f{firm}", first.replace(day=10 + firm + number), turns,
                    f"Firm {firm} {'of old' if number == 0 else 'renamed'}",
                    *((1000 + firm, f"{firm:06d}") if firm != 3 else ()),
                    is_after_close=random.choice((True, False, None)),
                )
            )  # fmt: skip
    before = {
        number: (f"{QUARTERS[0]}:series:{number:03d}", f"{QUARTERS[0]}:theme:{number:03d}", 0.7)
        for number in (0, 2)
    }
    made = Quarter(
        quarter, calls, THEMES, {"f7": "too_small"} | ({"f8": "failed"} if quarter == QUARTERS[2] else {}),
        continues={} if quarter == QUARTERS[0] else before,
        weak=(2,) if quarter == QUARTERS[2] else (),
        pinned={"Labour": (0, 1), "Loose": ()},
    ).tables()  # fmt: skip
    lost = {
        "excluded": None,
        "superseded": "92 is newer",
        "unlinked": "no link: none in CRSP",
        "other_event": None,
    }
    audit = [
        {"transcript_id": f"{quarter}:{status}", "firm_id": "f0", "status": status, "reason": reason}
        for status, reason in lost.items()
    ]
    made["transcript_audit"] = pa.concat_tables(
        [made["transcript_audit"], filled("transcript_audit", audit, quarter)]
    )
    return made


@pytest.fixture(scope="module")
def spoken() -> dict[str, dict[str, pa.Table]]:
    return {quarter: said_in(quarter) for quarter in QUARTERS}


def create(db: duckdb.DuckDBPyConnection, schema: str, tables: Mapping[str, pa.Table]) -> None:
    db.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for name, rows in tables.items():
        db.register("given", rows)
        db.execute(f"CREATE TABLE {schema}.{name} AS FROM given")
        db.unregister("given")


def together(spoken: Mapping[str, Mapping[str, pa.Table]], of: list[str], name: str) -> pa.Table:
    empty = TABLES[name].empty()
    return pa.concat_tables([empty, *(spoken[q][name] for q in of if name in spoken[q])])


@pytest.fixture(scope="module")
def by_quarter(spoken: dict[str, dict[str, pa.Table]], compiled: Callable) -> dict[str, list[tuple]]:
    """The rows of each mart by DuckDB's SQL, a quarter at a time over what Dagster stages of the warehouse."""
    found: dict[str, list[tuple]] = {mart: [] for mart in MARTS}
    for quarter in QUARTERS:
        earlier = [q for q in QUARTERS if quarters.shifted(quarter, -LOOKBACK) <= q < quarter]
        with ConfiguredDuckDB().connect() as db:
            db.execute("ATTACH ':memory:' AS marts")
            db.execute("USE marts")
            create(db, NAMESPACE, {name: together(spoken, [quarter], name) for name in SOURCES})
            create(db, "earlier", {name: together(spoken, earlier, name) for name in EARLIER})
            for mart in MARTS:
                db.execute(f"CREATE TABLE main.{mart} AS {compiled('duckdb')[mart]['compiled_code']}")
            for mart in MARTS:
                found[mart] += rows_of(db, f"main.{mart}", [c.name for c in TABLES[mart].columns])
    return found


@pytest.fixture(scope="module")
def at_athena(
    spoken: dict[str, dict[str, pa.Table]], trees: dict[str, exp.Expression]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Athena's views of the marts, over all quarters at once."""
    with ConfiguredDuckDB().connect() as db:
        db.execute("ATTACH ':memory:' AS awsdatacatalog")
        db.execute("USE awsdatacatalog")
        create(db, NAMESPACE, {name: together(spoken, list(QUARTERS), name) for name in SOURCES})
        db.execute("CREATE SCHEMA ftm_views")
        for mart in MARTS:
            db.execute(f"CREATE TABLE ftm_views.{mart} AS {in_duckdb(trees[mart])}")
        yield db


def rows_of(db: duckdb.DuckDBPyConnection, relation: str, columns: list[str]) -> list[tuple]:
    """Return rows in any order; a moment is its time in UTC, with or without a zone."""
    found = db.execute(f"SELECT {', '.join(columns)} FROM {relation}").fetchall()
    return [tuple(_in_utc(value) for value in row) for row in found]


def _in_utc(value: Any) -> Any:
    return (
        value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value
    )


def in_order(rows: list[tuple]) -> list[tuple]:
    return sorted(rows, key=repr)


@pytest.mark.parametrize("mart", MARTS)
def test_a_mart_has_the_same_rows_in_both_dialects(
    mart: str, by_quarter: dict[str, list[tuple]], at_athena: duckdb.DuckDBPyConnection
):
    columns = [c.name for c in TABLES[mart].columns]
    assert in_order(rows_of(at_athena, f"ftm_views.{mart}", columns)) == in_order(by_quarter[mart])
    filled_in = {
        c for row in by_quarter[mart] for c, value in zip(columns, row, strict=True) if value is not None
    }
    assert filled_in == set(columns), "every column is compared by a value"


def test_a_view_of_athena_has_the_columns_of_its_table(at_athena: duckdb.DuckDBPyConnection):
    for mart in MARTS:
        described = at_athena.execute(f"DESCRIBE ftm_views.{mart}").fetchall()
        assert {row[0] for row in described} == {c.name for c in TABLES[mart].columns}


def test_a_firm_is_compared_with_the_quarter_in_which_it_was_last_measured(
    by_quarter: dict[str, list[tuple]],
):
    names = [c.name for c in TABLES["firm_theme_panel"].columns]
    panel = [dict(zip(names, row, strict=True)) for row in by_quarter["firm_theme_panel"]]
    compared = {
        (r["quarter"], r["firm_id"], r["previous_quarter"]) for r in panel if r["status"] == "measured"
    }
    last = QUARTERS[-1]
    assert {(last, "f0", QUARTERS[2]), (last, "f8", QUARTERS[1]), (last, "f6", None)} <= compared


def test_dbts_tests_pass_in_athenas_dialect_too(compiled: Callable, at_athena: duckdb.DuckDBPyConnection):
    tests = {n: node for n, node in compiled("athena").items() if node["resource_type"] == "test"}
    assert len(tests) > 40
    for name, node in tests.items():
        sql = in_duckdb(sqlglot.parse_one(node["compiled_code"], read="trino"))
        assert at_athena.execute(sql).fetchall() == [], name


def test_a_joined_view_has_the_same_rows_in_both_dialects(tmp_path: Path, trees: dict[str, exp.Expression]):
    warehouse = member_sentences.write(tmp_path)
    with connect(warehouse.root) as db:
        db.execute("ATTACH ':memory:' AS awsdatacatalog")
        db.execute(f"CREATE SCHEMA awsdatacatalog.{NAMESPACE}")
        for name in TABLES:
            db.execute(f"CREATE VIEW awsdatacatalog.{NAMESPACE}.{name} AS FROM memory.main.{name}")
        for name, view in JOINED_VIEWS.items():
            db.execute(f"CREATE VIEW at_athena AS {in_duckdb(trees[name])}")
            columns = list(view.columns)
            assert [row[0] for row in db.execute("DESCRIBE at_athena").fetchall()] == columns
            ours = rows_of(db, name, columns)
            assert in_order(rows_of(db, "at_athena", columns)) == in_order(ours)
            assert ours
            db.execute("DROP VIEW at_athena")
