"""The same search on the copy as on the warehouse, by a real PostgreSQL."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

from ftm_resources import search
from ftm_resources.postgres import copied_words
from ftm_resources.postgres.copied_quarters import OutdatedCopyWarning
from ftm_resources.postgres.database import PublishError, connected
from ftm_resources.postgres.publish import publish
from ftm_resources.postgres.quarter_state import shown_now
from ftm_resources.retrieval.query_model import QueryModelError
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests.resources.retrieval.conftest import MODEL, QUARTER, spoken, write

if TYPE_CHECKING:
    from benchmarks.wrds_server import Server

LATER = "2024Q1"
NAME = "searched"
Hits = list[dict[str, Any]]

pytestmark = pytest.mark.filterwarnings("ignore::ftm_resources.retrieval.kept_open.NoIndexWarning")


@pytest.fixture(scope="session")
def two_quarters(tmp_path_factory: pytest.TempPathFactory, wrds_server: "Server") -> tuple[Path, str]:
    """A warehouse with two quarters, and the address of a database with their copy in float32."""
    folder = tmp_path_factory.mktemp("searched") / "warehouse"
    held = Warehouse(path=str(folder))
    for quarter in (QUARTER, LATER):
        rows = spoken(quarter)
        # No two rows are equally near to a query: which comes first would be chance.
        for name in ("sentence_embeddings", "topic_summaries"):
            for i, row in enumerate(rows[name]):
                row["text"] += f" Line {i}."
        write(held, rows, quarter)
        links = [
            {"theme_id": row["theme_id"], "series_id": f"s{i}", "series_name": row["name"], "event": "born"}
            | {"n_missed": 0, "is_renamed": False, "quarter": quarter}
            for i, row in enumerate(rows["themes"])
        ]
        schema = TABLES["theme_links"].arrow_schema
        held.replace("theme_links", quarter, [pa.Table.from_pylist(links, schema=schema)])
    wrds_server.run(f"CREATE DATABASE {NAME}", database="postgres")
    url = f"postgresql://postgres@127.0.0.1:{wrds_server.port}/{NAME}?sslmode=disable"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTM_POSTGRES_URL", url)
        with connected() as connection:
            for quarter in (QUARTER, LATER):
                publish(shown_now(held), quarter, connection, vectors="vector")
                publish(shown_now(held), quarter, connection, schema="half")
    return folder, url


@pytest.fixture
def both(two_quarters: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Hits, Hits]]:
    """A function that searches the warehouse and the copy."""
    folder, url = two_quarters
    monkeypatch.setenv("FTM_POSTGRES_URL", url)

    def both(
        query: str, quarters: str | None = None, *, schema: str = "ftm", **asked: Any
    ) -> tuple[Hits, Hits]:
        asked = {"embedder": MODEL, "warehouse": Warehouse(path=str(folder)), **asked}
        copied = search(query, quarters, backend="postgres", schema=schema, **asked).to_pylist()
        return search(query, quarters, **asked).to_pylist(), copied

    return both


FLOATS = ("score", "calibrated", "similarity", "bm25", "tone")


def same(wanted: Hits, found: Hits, tolerance: float = 2e-4) -> None:
    assert [h["rank"] for h in found] == [h["rank"] for h in wanted]
    by_id = {h["id"]: h for h in found}
    assert len(by_id) == len(found)
    assert by_id.keys() == {h["id"] for h in wanted}
    # The copy's vectors are rounded: hits as near as each other may change places.
    order = [by_id[h["id"]]["calibrated"] for h in wanted]
    assert order == pytest.approx([h["calibrated"] for h in found], abs=tolerance)
    for one in wanted:
        other = by_id[one["id"]]
        for name in FLOATS:
            # The score is that of the rank.
            within = 1e-3 if name == "score" else tolerance
            assert other[name] == (None if one[name] is None else pytest.approx(one[name], abs=within)), name
        for child, twin in zip(one["children"] or [], other["children"] or [], strict=True):
            assert twin.pop("similarity") == pytest.approx(child.pop("similarity"), abs=tolerance)
        plain = {k: v for k, v in one.items() if k not in {*FLOATS, "is_exact", "rank"}}
        assert {k: other[k] for k in plain} == plain


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"levels": ["sentence"], "k": 40},
        {"levels": ["topic", "theme"], "children": 3},
        {"firms": ["copr", "3"], "children": 2},
        {"speakers": ["analyst"], "levels": ["sentence"]},
        {"speakers": ["analyst"], "levels": ["topic"], "k": 12},
        {"sections": ["presentation"], "until": "2023-01-31", "levels": ["topic", "sentence"]},
        {"permnos": [10001], "since": "2023-02-01"},
        {"with_procedural": True, "levels": ["sentence"], "k": 200, "per_theme": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("quarters", [QUARTER, None])
def test_by_vectors_the_copy_gives_the_hits_of_the_warehouse(
    both: Callable[..., tuple[Hits, Hits]], asked: dict[str, Any], quarters: str | None
):
    if "until" in asked:
        quarters = QUARTER
    wanted, found = both("shipping goods by sea gets dearer", quarters, mode="vector", **asked)
    assert wanted
    same(wanted, found)


@pytest.mark.parametrize(
    "query",
    [
        "copper area 2",
        '"ocean freight" rates',
        "COPR",
        "Müller vaccine",
        '"trials to improve" area',
        "the '\\' qzxv",
    ],
)
@pytest.mark.parametrize("mode", ["text", "hybrid"])
def test_by_words_the_copy_gives_the_scores_of_the_index(
    both: Callable[..., tuple[Hits, Hits]], query: str, mode: str
):
    wanted, found = both(query, k=200, mode=mode, per_theme=None)
    assert {h["id"] for h in found} == {h["id"] for h in wanted}
    shares = {h["id"]: h["bm25"] for h in wanted}
    for hit in found:
        assert hit["bm25"] == (
            None if shares[hit["id"]] is None else pytest.approx(shares[hit["id"]], abs=0.02)
        )


def test_half_precision_moves_no_score_by_more_than_it_rounds(both: Callable[..., tuple[Hits, Hits]]):
    wanted, found = both("shipping by sea", schema="half", mode="vector", levels=["sentence"], k=200)
    near = {h["id"]: h["similarity"] for h in found}
    assert near == pytest.approx({h["id"]: h["similarity"] for h in wanted}, abs=2e-3)
    assert not any(h["is_exact"] for h in found)


def test_common_words_need_not_be_looked_for(
    both: Callable[..., tuple[Hits, Hits]], monkeypatch: pytest.MonkeyPatch
):
    wanted, found = both("we expect copper mining", mode="text", levels=["sentence"], k=5)
    monkeypatch.setattr(copied_words, "COMMON", 10)
    _, pruned = both("we expect copper mining", mode="text", levels=["sentence"], k=5)
    assert [h["id"] for h in pruned] == [h["id"] for h in found]
    assert {h["topic_name"] for h in wanted} == {"Copper mining"} == {h["topic_name"] for h in pruned}


def test_a_walk_that_ends_early_is_replaced_by_comparing_all_that_meet_the_filter(
    two_quarters: tuple[Path, str], both: Callable[..., tuple[Hits, Hits]]
):
    """With one row scanned at most, the index finds next to nothing under a filter."""
    _, url = two_quarters
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"ALTER DATABASE {NAME} SET hnsw.max_scan_tuples = 1")
        db.execute(f"ALTER DATABASE {NAME} SET enable_seqscan = off")
        db.execute(f"ALTER DATABASE {NAME} SET enable_bitmapscan = off")
    try:
        same(*both("shipping by sea", mode="vector", levels=["sentence"], firms=["1"], k=60))
    finally:
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(f"ALTER DATABASE {NAME} RESET ALL")


def test_what_the_copy_cannot_answer_is_refused_with_what_to_do(
    two_quarters: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
):
    folder, url = two_quarters
    monkeypatch.setenv("FTM_POSTGRES_URL", url)
    asked = {"backend": "postgres", "warehouse": str(folder), "embedder": MODEL}
    with pytest.raises(
        PublishError, match=r"does not hold 2020Q1, but 2023Q1, 2024Q1: run `ftm publish postgres"
    ):
        search("freight", "2020Q1", **asked)
    with pytest.raises(
        PublishError, match="there is no copy in schema none: run `ftm publish postgres --schema none`"
    ):
        search("freight", schema="none", **asked)
    with pytest.raises(ValueError, match="no call of NOPE in 2023Q1, 2024Q1"):
        search("freight", firms="NOPE", **asked)
    with pytest.raises(ValueError, match="there is no backend 'oracle'; choose from warehouse, postgres"):
        search("freight", **{**asked, "backend": "oracle"})
    other = type(MODEL)(model="another")
    monkeypatch.setattr(type(other), "model_name", lambda _: "another")
    with pytest.raises(QueryModelError, match="but the embedder is another"):
        search("freight", **{**asked, "embedder": other})
    with psycopg.connect(url, autocommit=True) as db:
        (before,) = db.execute("SELECT stamp, levels::text FROM half.published WHERE quarter = %s", [QUARTER])
        db.execute("UPDATE half.published SET levels = NULL, stamp = 'old' WHERE quarter = %s", [QUARTER])
        try:
            with pytest.raises(
                PublishError, match="2023Q1 was copied to schema half by an earlier version of FTM"
            ):
                search("freight", QUARTER, schema="half", **{**asked, "mode": "text"})
        finally:
            db.execute(
                "UPDATE half.published SET stamp = %s, levels = %s WHERE quarter = %s", [*before, QUARTER]
            )


def test_a_copy_of_other_rows_than_the_warehouse_shows_is_said_to_be_outdated(
    two_quarters: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
):
    folder, url = two_quarters
    monkeypatch.setenv("FTM_POSTGRES_URL", url)
    held = Warehouse(path=str(shutil.copytree(folder, tmp_path / "warehouse")))
    asked = {"backend": "postgres", "mode": "text"}
    before = search("copper", warehouse=held, **asked)
    assert not [w for w in recwarn if w.category is OutdatedCopyWarning]
    rows = held.read("themes", LATER)
    names = pa.array([f"{name}!" for name in rows.column("name").to_pylist()])
    held.replace("themes", LATER, [rows.set_column(rows.column_names.index("name"), "name", names)])
    with pytest.warns(OutdatedCopyWarning, match=r"other rows of 2024Q1 than the warehouse"):
        assert search("copper", warehouse=held, **asked).equals(before)
    another = Warehouse(path=str(tmp_path / "another"))
    another.replace("themes", "2019Q1", [TABLES["themes"].empty()])
    with pytest.warns(OutdatedCopyWarning, match=r"does not hold 2023Q1, 2024Q1, which the copy has"):
        assert search("copper", warehouse=another, **asked).equals(before)
    nowhere = search("copper", warehouse=str(tmp_path / "none"), **asked)
    assert nowhere.equals(before), "the copy is searched without a warehouse too"
