"""A warehouse with a small quarter, and databases of a real PostgreSQL with pgvector to copy it to."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

from ftm_resources.postgres.database import connected
from ftm_resources.postgres.layout import READ
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests import member_sentences
from tests.small_topics import rows

if TYPE_CHECKING:
    from benchmarks.wrds_server import Server

QUARTER = member_sentences.QUARTER
_databases = count()


@pytest.fixture
def warehouse(written: Path, tmp_path: Path) -> Warehouse:
    """A quarter with every table that a copy reads; vectors have two dimensions."""
    return Warehouse(path=str(shutil.copytree(written, tmp_path / "warehouse")))


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "warehouse"
    held = member_sentences.write(folder)
    add_vectors(held, {})
    sentences = held.read("sentences", QUARTER, columns=["sentence_id", "firm_id"]).to_pylist()
    kinds = [
        {**row, "kind": "business", "method": "words", "is_procedural": False, "quarter": QUARTER}
        | {"p_business": 1.0, "p_call": 0.0, "p_empty": 0.0}
        for row in sentences
    ]
    schema = TABLES["sentence_kinds"].arrow_schema
    held.replace("sentence_kinds", QUARTER, [pa.Table.from_pylist(kinds, schema=schema)])
    links = TABLES["theme_links"].arrow_schema
    linked = [
        {"theme_id": row["theme_id"], "series_id": f"s{i}", "series_name": row["name"], "event": "born"}
        | {"n_missed": 0, "is_renamed": False, "quarter": QUARTER}
        for i, row in enumerate(rows()["themes"])
    ]
    held.replace("theme_links", QUARTER, [pa.Table.from_pylist(linked, schema=links)])
    return folder


def add_vectors(warehouse: Warehouse, made: dict[str, Any], dimension: int = 2) -> None:
    """Write vectors for the quarter's sentences, each another direction."""
    ids = warehouse.read("sentences", QUARTER, columns=["sentence_id", "firm_id"]).to_pylist()
    vectors = [
        {**row, "embedding": [1.0] + [float(i)] * (dimension - 1), "quarter": QUARTER}
        for i, row in enumerate(ids)
    ]
    schema = TABLES["sentence_embeddings"].arrow_schema
    rows = pa.Table.from_pylist(vectors, schema=schema)
    warehouse.replace("sentence_embeddings", QUARTER, [rows], provenance=made)


def of_later(warehouse: Warehouse, later: str) -> None:
    """Write the quarter's rows as those of a later one too."""
    for name in READ:
        rows = warehouse.read(name, QUARTER)
        at = rows.column_names.index("quarter")
        warehouse.replace(name, later, [rows.set_column(at, "quarter", pa.array([later] * rows.num_rows))])


@pytest.fixture
def database(wrds_server: "Server", monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty database; FTM_POSTGRES_URL holds it."""
    name = f"ftm{next(_databases)}"
    wrds_server.run(f"CREATE DATABASE {name}", database="postgres")
    url = f"postgresql://postgres@127.0.0.1:{wrds_server.port}/{name}?sslmode=disable"
    monkeypatch.setenv("FTM_POSTGRES_URL", url)
    return url


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    assert database
    with connected() as opened:
        yield opened


@pytest.fixture
def ask(database: str) -> Callable[..., list[tuple[Any, ...]]]:
    """A function that asks the database, as a service would."""

    def ask(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(database) as opened:
            return opened.execute(sql, parameters).fetchall()

    return ask
