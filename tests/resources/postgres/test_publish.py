"""What a copy in a real PostgreSQL holds, and what readers see while a quarter is replaced."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from ftm_resources.postgres import publish as module
from ftm_resources.postgres.database import PublishError, connected
from ftm_resources.postgres.layout import LAYOUT, READ
from ftm_resources.postgres.publish import publish
from ftm_resources.postgres.quarter_state import shown_now
from ftm_resources.retrieval.indexed_tables import NUMBERED
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse, WarehouseError

from .conftest import QUARTER, add_vectors, of_later

Ask = Callable[..., list[tuple[Any, ...]]]


def test_the_copy_holds_what_duckdb_shows(warehouse: Warehouse, connection: psycopg.Connection, ask: Ask):
    done = publish(shown_now(warehouse), QUARTER, connection)
    assert not done.is_unchanged
    assert done.is_indexed
    with warehouse.connect(quarter=QUARTER, tables=READ) as db:
        for statement in NUMBERED:
            db.execute(statement)
        for table in LAYOUT:
            columns = ", ".join(f'"{c}"' for c in table.columns)
            wanted = db.execute(f"SELECT {columns} FROM ({table.query}) ORDER BY {table.key}").fetchall()
            found = ask(f'SELECT {columns} FROM ftm.{table.name} ORDER BY {table.key} COLLATE "C"')
            assert found == wanted, table.name
            assert done.rows[table.name] == len(wanted) > 0
    assert ask("SELECT quarter, n_rows FROM ftm.published") == [(QUARTER, dict(done.rows))]


def test_each_member_leads_by_key_to_its_theme_and_others_to_none(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    publish(shown_now(warehouse), QUARTER, connection)
    with warehouse.connect(quarter=QUARTER) as db:
        wanted = db.execute(
            "SELECT theme_id, count(*) FROM theme_evidence WHERE is_member AND NOT is_second GROUP BY 1 ORDER BY 1"
        ).fetchall()
    joined = """
        SELECT h.theme_id, count(*) FROM ftm.sentences s
        JOIN ftm.topics t USING (quarter, topic_id) JOIN ftm.firms f ON (f.quarter, f.firm_id) = (s.quarter, t.firm_id)
        JOIN ftm.themes h ON (h.quarter, h.theme_id) = (s.quarter, s.theme_id)
        GROUP BY 1 ORDER BY 1
    """
    assert ask(joined) == wanted
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        ask(
            "INSERT INTO ftm.topics (topic_id, firm_id, n_sentences, quarter) VALUES ('x', 'nobody', 1, %s) "
            "RETURNING 1",
            QUARTER,
        )


def test_vectors_are_searched_by_the_index(warehouse: Warehouse, connection: psycopg.Connection, ask: Ask):
    publish(shown_now(warehouse), QUARTER, connection)
    asked = warehouse.read("sentence_embeddings", QUARTER).to_pylist()[5]
    order = "ORDER BY embedding <=> %s::halfvec LIMIT 1"
    nearest = ask(f"SELECT sentence_id FROM ftm.sentences {order}", str(asked["embedding"]))
    assert nearest == [(asked["sentence_id"],)]
    # So few rows are compared faster than an index is walked.
    connection.execute("SET enable_seqscan = off; SET enable_sort = off")
    plan = connection.execute(f"EXPLAIN SELECT sentence_id FROM ftm.sentences {order}", ["[1,2]"]).fetchall()
    assert any("using sentences_" in row[0] and "embedding" in row[0] for row in plan), plan


def test_the_same_rows_are_not_copied_again_and_changed_ones_take_the_old_ones_place(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    first = publish(shown_now(warehouse), QUARTER, connection)
    again = publish(shown_now(warehouse), QUARTER, connection)
    assert again.is_unchanged
    assert again.rows == first.rows
    rows = warehouse.read("sentences", QUARTER)
    texts = pa.array([f"{t} Again\x00." for t in rows.column("text").to_pylist()])
    at = rows.column_names.index("text")
    warehouse.replace("sentences", QUARTER, [rows.set_column(at, "text", texts)])
    assert not publish(shown_now(warehouse), QUARTER, connection).is_unchanged
    n = rows.num_rows
    assert ask("SELECT count(*), count(*) FILTER (WHERE text LIKE '%% Again.') FROM ftm.sentences") == [
        (n, n)
    ]
    assert ask("SELECT count(*) FROM pg_class WHERE relname LIKE '%%loading%%'") == [(0,)]


def test_quarters_lie_side_by_side(warehouse: Warehouse, connection: psycopg.Connection, ask: Ask):
    other = "2030Q4"
    of_later(warehouse, other)
    publish(shown_now(warehouse), QUARTER, connection)
    publish(shown_now(warehouse), other, connection)
    publish(shown_now(warehouse), QUARTER, connection, vectors="halfvec")
    counts = dict(ask("SELECT quarter, count(*) FROM ftm.sentences GROUP BY 1"))
    assert counts.keys() == {QUARTER, other}
    assert len(set(counts.values())) == 1


def test_readers_see_the_old_quarter_until_the_new_one_is_whole(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    publish(shown_now(warehouse), QUARTER, connection)
    rows = warehouse.read("sentences", QUARTER)
    warehouse.replace("sentences", QUARTER, [rows.slice(0, rows.num_rows - 1)])
    counts = []
    index = module._Copy.index

    def look(self: Any, *arguments: Any) -> None:
        counts.append(ask("SELECT count(*) FROM ftm.sentences")[0][0])
        index(self, *arguments)

    monkeypatch.setattr(module._Copy, "index", look)
    publish(shown_now(warehouse), QUARTER, connection)
    assert counts == [rows.num_rows] * len(LAYOUT)
    assert ask("SELECT count(*) FROM ftm.sentences") == [(rows.num_rows - 1,)]


def test_what_fails_midway_leaves_everything_as_it_was(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask, monkeypatch: pytest.MonkeyPatch
):
    publish(shown_now(warehouse), QUARTER, connection)
    before = ask("SELECT * FROM ftm.published")
    add_vectors(warehouse, {"run_id": "b"}, 2)
    rows = warehouse.read("sentences", QUARTER)
    warehouse.replace("sentences", QUARTER, [rows.slice(1)])

    def dies(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(module._Copy, "swap", dies)
    with pytest.raises(ConnectionError):
        publish(shown_now(warehouse), QUARTER, connection)
    assert ask("SELECT * FROM ftm.published") == before
    assert ask("SELECT count(*) FROM ftm.sentences") == [(rows.num_rows,)]
    assert ask("SELECT count(*) FROM pg_class WHERE relname LIKE '%%loading%%'") == [(0,)]


def test_two_publishers_of_one_quarter_take_turns(warehouse: Warehouse, database: str, ask: Ask):
    done: list[bool] = []

    def one() -> None:
        with connected() as own:
            done.append(publish(shown_now(warehouse), QUARTER, own).is_unchanged)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, True, True]
    assert database
    assert ask("SELECT count(*) FROM ftm.published") == [(1,)]


def test_vectors_that_cannot_be_compared_are_refused(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    publish(shown_now(warehouse), QUARTER, connection)
    with pytest.raises(
        PublishError, match=r"holds vectors of type halfvec\(2\), and .* would be vector\(2\)"
    ):
        publish(shown_now(warehouse), QUARTER, connection, vectors="vector")
    assert publish(shown_now(warehouse), QUARTER, connection, schema="exact", vectors="vector").is_indexed
    assert ask("SELECT count(*) FROM exact.themes") == ask("SELECT count(*) FROM ftm.themes")
    other = "2030Q4"
    for name in READ:
        rows = warehouse.read(name, QUARTER)
        at = rows.column_names.index("quarter")
        made = {"models": {"embedder": {"model": "another"}}}
        of_other = rows.set_column(at, "quarter", pa.array([other] * rows.num_rows))
        warehouse.replace(name, other, [of_other], provenance=made)
    with pytest.raises(PublishError, match=r"was embedded by another, .* by an unknown model"):
        publish(shown_now(warehouse), other, connection)


def test_a_table_of_somebody_else_is_left_alone(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    connection.execute("CREATE SCHEMA ftm")
    for name in ("firms", "published", "sentences_2023q1", "topics_2023q1_loading"):
        connection.execute(f"CREATE TABLE ftm.{name} (name text)")
        other = "has other columns than" if name == "published" else "is there, and is not"
        with pytest.raises(PublishError, match=rf"ftm\.{name} {other} FTM's \(name\)"):
            publish(shown_now(warehouse), QUARTER, connection)
        assert ask(f"SELECT count(*) FROM ftm.{name}") == [(0,)]
        connection.execute(f"DROP TABLE ftm.{name}")
    connection.execute("CREATE VIEW ftm.firms AS SELECT 1 AS firm_id")
    with pytest.raises(PublishError, match=r"ftm\.firms is there, and is not FTM's"):
        publish(shown_now(warehouse), QUARTER, connection)
    connection.execute("DROP VIEW ftm.firms")
    assert publish(shown_now(warehouse), QUARTER, connection).rows["firms"] == 3


def test_names_and_texts_are_data(warehouse: Warehouse, connection: psycopg.Connection, ask: Ask):
    schema = 'odd "name"; DROP TABLE firms; --'
    publish(shown_now(warehouse), QUARTER, connection, schema=schema)
    quoted = schema.replace('"', '""')
    assert ask(f'SELECT count(*) FROM "{quoted}".firms') == [(3,)]


def test_a_quarter_that_is_not_whole_is_refused(warehouse: Warehouse, connection: psycopg.Connection):
    with pytest.raises(WarehouseError, match="2031Q1"):
        publish(shown_now(warehouse), "2031Q1", connection)
    warehouse.replace("sentences", "2031Q1", [TABLES["sentences"].empty()])
    with pytest.raises(WarehouseError, match="2031Q1 is not published: it has no "):
        publish(shown_now(warehouse), "2031Q1", connection)


def test_what_others_may_do_with_a_quarters_tables_is_kept(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    publish(shown_now(warehouse), QUARTER, connection)
    connection.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader")
    connection.execute("GRANT SELECT ON ftm.sentences_2023q1 TO reader WITH GRANT OPTION")
    connection.execute("GRANT SELECT, UPDATE ON ftm.topics_2023q1 TO PUBLIC")
    connection.execute("GRANT SELECT (name, theme_id), UPDATE (name) ON ftm.themes_2023q1 TO reader")
    connection.execute("GRANT SELECT (firm_name) ON ftm.firms_2023q1 TO PUBLIC")
    asked = (
        "SELECT relname, attname, attacl::text, relacl::text FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE nspname = 'ftm' AND (relacl IS NOT NULL OR attacl IS NOT NULL) ORDER BY 1, 2"
    )
    before = ask(asked)
    assert {row[0] for row in before if row[3]} == {"sentences_2023q1", "topics_2023q1"}
    on_columns = {(row[0], row[1]) for row in before if row[2]}
    assert on_columns == {
        *(("themes_2023q1", "name"), ("themes_2023q1", "theme_id"), ("firms_2023q1", "firm_name"))
    }
    rows = warehouse.read("sentences", QUARTER)
    warehouse.replace("sentences", QUARTER, [rows.slice(0, rows.num_rows - 1)])
    assert not publish(shown_now(warehouse), QUARTER, connection).is_unchanged
    assert ask(asked) == before
    connection.execute("DROP OWNED BY reader; DROP ROLE reader")


def test_a_copy_of_an_earlier_version_gets_the_columns_that_it_lacks(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    publish(shown_now(warehouse), QUARTER, connection)
    connection.execute("ALTER TABLE ftm.sentences DROP COLUMN is_procedural, DROP COLUMN words")
    connection.execute("ALTER TABLE ftm.published DROP COLUMN levels")
    connection.execute("UPDATE ftm.published SET stamp = 'of another layout'")
    assert not publish(shown_now(warehouse), QUARTER, connection).is_unchanged
    assert ask("SELECT count(*) FROM ftm.sentences WHERE is_procedural IS NULL OR words IS NULL") == [(0,)]
    assert ask("SELECT levels ? 'sentence' FROM ftm.published") == [(True,)]
