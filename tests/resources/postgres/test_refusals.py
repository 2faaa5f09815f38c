"""What cannot be copied, or not to this database: each is said, with what to do, and changes nothing."""

import math
from collections.abc import Callable
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from ftm_resources.postgres.database import PublishError, connected
from ftm_resources.postgres.publish import publish
from ftm_resources.postgres.quarter_state import shown_now
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

from .conftest import QUARTER, add_vectors

Ask = Callable[..., list[tuple[Any, ...]]]


def edit(warehouse: Warehouse, table: str, change: Callable[[int, dict[str, Any]], None]) -> None:
    rows = warehouse.read(table, QUARTER).to_pylist()
    for i, row in enumerate(rows):
        change(i, row)
    schema = TABLES[table].arrow_schema
    warehouse.replace(table, QUARTER, [pa.Table.from_pylist(rows, schema=schema)])


def renamed(warehouse: Warehouse) -> None:
    """Make the quarter one to copy again."""
    edit(warehouse, "themes", lambda _, row: row.update(name=row["name"] + "!"))


def made_by(model: str) -> dict[str, Any]:
    return {"models": {"embedder": {"model": model}}}


def test_nul_characters_are_left_out_of_lists_too(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    edit(warehouse, "themes", lambda i, row: row.update(keywords=["a\x00b", "c"] if i else []))
    publish(shown_now(warehouse), QUARTER, connection)
    found = {tuple(of) for (of,) in ask("SELECT keywords FROM ftm.themes")}
    assert found == {(), ("ab", "c")}


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        ([70000.0, 0.0], "too large for halfvec; pass --vectors vector"),
        ([math.nan, 0.0], "no finite numbers; materialize"),
        ([math.inf, 0.0], "no finite numbers; materialize"),
        ([1.0, 0.0, 0.0], "has 3 dimensions, others 2; materialize"),
    ],
)
def test_a_vector_that_cannot_be_compared_is_named(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask, vector: list[float], why: str
):
    ids = sorted(warehouse.read("themes", QUARTER).column("theme_id").to_pylist())

    def spoil(_: int, row: dict[str, Any]) -> None:
        row["embedding"] = vector if row["theme_id"] == ids[-1] else [1.0, 0.0]

    edit(warehouse, "themes", spoil)
    with pytest.raises(PublishError, match=f"themes: the vector of {ids[-1]} has .*{why}|{ids[-1]} {why}"):
        publish(shown_now(warehouse), QUARTER, connection)
    assert ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'ftm'") == [(0,)]
    if "--vectors" in why:
        assert publish(shown_now(warehouse), QUARTER, connection, vectors="vector").rows["themes"] == len(ids)


@pytest.mark.parametrize(
    ("schema", "why"),
    [("", "no name"), ("pg_mine", "PostgreSQL's own"), ("é" * 40, "80 bytes"), ("a\x00b", "no name")],
)
def test_a_name_that_is_no_schemas_is_refused(
    warehouse: Warehouse, connection: psycopg.Connection, schema: str, why: str
):
    with pytest.raises(PublishError, match=why):
        publish(shown_now(warehouse), QUARTER, connection, schema=schema)


def test_what_depends_on_a_quarters_table_is_named(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    publish(shown_now(warehouse), QUARTER, connection)
    before = ask("SELECT * FROM ftm.published")
    renamed(warehouse)
    connection.execute("CREATE VIEW mine AS SELECT * FROM ftm.sentences_2023q1")
    with pytest.raises(
        PublishError, match=r"2023Q1 is not published: .* view mine depends on .* Drop it, or"
    ):
        publish(shown_now(warehouse), QUARTER, connection)
    connection.execute("DROP VIEW mine")
    connection.execute("CREATE TABLE own (q text, s text, FOREIGN KEY (q, s) REFERENCES ftm.sentences)")
    connection.execute("INSERT INTO own SELECT quarter, sentence_id FROM ftm.sentences LIMIT 1")
    with pytest.raises(PublishError, match="Your table own refers to rows of the quarter"):
        publish(shown_now(warehouse), QUARTER, connection)
    assert ask("SELECT * FROM ftm.published") == before
    connection.execute("DROP TABLE own")
    assert not publish(shown_now(warehouse), QUARTER, connection).is_unchanged


def test_a_row_that_refers_to_none_is_named(warehouse: Warehouse, connection: psycopg.Connection):
    edit(warehouse, "theme_topics", lambda i, row: row.update(theme_id="nowhere") if i == 0 else None)
    with pytest.raises(PublishError, match=r"topics_2023q1 refers to a row .* `ftm verify`") as said:
        publish(shown_now(warehouse), QUARTER, connection)
    assert "nowhere" in str(said.value)


def test_pgvector_may_be_in_a_schema_of_its_own(warehouse: Warehouse, database: str, ask: Ask):
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute("CREATE SCHEMA ext")
        opened.execute("CREATE EXTENSION vector SCHEMA ext")
    for is_unchanged in (False, True):
        with connected() as connection:
            assert publish(shown_now(warehouse), QUARTER, connection).is_unchanged is is_unchanged
    assert ask("SELECT count(*) FROM ftm.firms") == [(3,)]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM ftm.sentences WHERE sentence_id = (SELECT min(sentence_id) FROM ftm.sentences)",
        "DROP TABLE ftm.sentences_2023q1",
    ],
)
def test_a_damaged_copy_is_not_taken_for_a_whole_one(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask, damage: str
):
    whole = publish(shown_now(warehouse), QUARTER, connection).rows
    connection.execute(damage)
    again = publish(shown_now(warehouse), QUARTER, connection)
    assert not again.is_unchanged
    assert again.rows == whole
    assert ask("SELECT count(*) FROM ftm.sentences") == [(whole["sentences"],)]
    assert publish(shown_now(warehouse), QUARTER, connection).is_unchanged


def test_vectors_of_two_models_are_not_published_together(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    add_vectors(warehouse, made_by("A"))
    publish(shown_now(warehouse), QUARTER, connection)
    assert ask("SELECT model FROM ftm.published") == [("A",)], "what did not record a model is not compared"
    topics = warehouse.read("topic_summaries", QUARTER)
    warehouse.replace("topic_summaries", QUARTER, [topics], provenance=made_by("B"))
    with pytest.raises(PublishError, match=r"\(sentence_embeddings by A, topic_summaries by B\)"):
        publish(shown_now(warehouse), QUARTER, connection)


def test_the_model_is_that_of_the_vectors_that_are_shown(
    warehouse: Warehouse, connection: psycopg.Connection, ask: Ask
):
    add_vectors(warehouse, made_by("A"))
    inputs = {"sentence_embeddings": warehouse.quarter("sentence_embeddings", QUARTER).provenance()}
    topics = warehouse.read("firm_topics", QUARTER)
    warehouse.replace("firm_topics", QUARTER, [topics], provenance={"inputs": inputs})
    edit(warehouse, "sentence_embeddings", lambda _, row: row.update(embedding=[0.0, 9.0]))
    rows = warehouse.read("sentence_embeddings", QUARTER)
    warehouse.replace("sentence_embeddings", QUARTER, [rows], provenance=made_by("B"))
    publish(shown_now(warehouse), QUARTER, connection, allows_mixed=True)
    assert ask("SELECT model FROM ftm.published") == [("A",)]
    assert ask("SELECT count(*) FROM ftm.sentences WHERE embedding::text = '[0,9]'") == [(0,)]
