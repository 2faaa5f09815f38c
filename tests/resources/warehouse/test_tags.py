"""Tags: a quarter as it was, set, moved, listed and removed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse, tags
from ftm_resources.warehouse.errors import WarehouseError

TABLE = "firm_topics"
COUNT = "SELECT count(*) FROM firm_topics"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


@pytest.fixture
def write(warehouse: Warehouse, topics: Callable) -> Callable[[str, int], None]:
    """Replace a quarter with n rows."""

    def write(quarter: str, n: int) -> None:
        warehouse.replace(TABLE, quarter, [topics(quarter, n)])

    return write


def test_a_tagged_quarter_reads_as_it_was_after_a_replacement(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    tags.tag(warehouse, "2020Q1", "paper-v1")
    write("2020Q1", 5)
    assert warehouse.read(TABLE, "2020Q1", as_of="paper-v1").num_rows == 3
    assert warehouse.connect(quarter="2020Q1", as_of="paper-v1").execute(COUNT).fetchone() == (3,)
    assert warehouse.read(TABLE, "2020Q1").num_rows == 5


def test_without_a_quarter_a_tag_shows_each_quarter_as_it_was_tagged(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    tags.tag(warehouse, "2020Q1", "paper-v1")
    write("2020Q1", 5)
    write("2020Q2", 7)
    tags.tag(warehouse, "2020Q2", "paper-v1")
    write("2020Q3", 1)
    counts = "SELECT quarter, count(*) FROM firm_topics GROUP BY 1 ORDER BY 1"
    found = warehouse.connect(as_of="paper-v1").execute(counts).fetchall()
    assert found == [("2020Q1", 3), ("2020Q2", 7)]


def test_a_table_that_had_no_rows_when_tagged_is_empty_as_of_the_tag(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    tags.tag(warehouse, "2020Q1", "paper-v1")
    assert warehouse.read("themes", "2020Q1", as_of="paper-v1").num_rows == 0
    assert warehouse.connect(as_of="paper-v1").execute("SELECT count(*) FROM themes").fetchone() == (0,)


def test_a_tag_is_moved_only_on_request(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    tags.tag(warehouse, "2020Q1", "paper-v1")
    tags.tag(warehouse, "2020Q1", "paper-v1")  # the same state: nothing to move
    write("2020Q1", 5)
    with pytest.raises(WarehouseError, match=r"another state of firm_topics: .* --replace"):
        tags.tag(warehouse, "2020Q1", "paper-v1")
    tags.tag(warehouse, "2020Q1", "paper-v1", replace=True)
    assert warehouse.read(TABLE, "2020Q1", as_of="paper-v1").num_rows == 5


def test_tags_are_listed_and_removed(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    for name in ("b", "a.1_x"):
        tags.tag(warehouse, "2020Q1", name)
    assert [(t.quarter, t.name) for t in tags.tags(warehouse)] == [("2020Q1", "a.1_x"), ("2020Q1", "b")]
    assert tags.untag(warehouse, "2020Q1", "b") == 1
    assert [t.name for t in tags.tags(warehouse)] == ["a.1_x"]
    with pytest.raises(WarehouseError, match=r"no tag 'b' of 2020Q1. Tags: a.1_x \(2020Q1\)"):
        tags.untag(warehouse, "2020Q1", "b")


@pytest.mark.parametrize(
    "name", ["", "a b", "x'; DROP TABLE t", "../x", ".x", "2024-05-31", "ü", "a\n", "a" * 101]
)
def test_a_name_that_could_mean_something_else_is_refused(warehouse: Warehouse, write: Callable, name: str):
    write("2020Q1", 1)
    with pytest.raises(WarehouseError, match="cannot be a tag"):
        tags.tag(warehouse, "2020Q1", name)


def test_a_quarter_that_is_in_no_table_is_not_tagged(warehouse: Warehouse, write: Callable):
    write("2020Q1", 1)
    for quarter, message in [("2020Q2", "no quarter 2020Q2 in "), ("2020Q5", "is not a quarter")]:
        with pytest.raises(WarehouseError, match=message):
            tags.tag(warehouse, quarter, "paper-v1")


@pytest.mark.parametrize("as_of", ["paper-v2", "2020-13-01", "'; DROP TABLE firm_topics; --"])
def test_an_unknown_tag_is_an_error_that_lists_the_known(warehouse: Warehouse, write: Callable, as_of: str):
    write("2020Q1", 1)
    tags.tag(warehouse, "2020Q1", "paper-v1")
    for read in (
        lambda: warehouse.connect(as_of=as_of),
        lambda: warehouse.read(TABLE, "2020Q1", as_of=as_of),
        lambda: warehouse.connect(quarter="2021Q1", as_of="paper-v1"),
    ):
        with pytest.raises(WarehouseError, match=r"Tags: paper-v1 \(2020Q1\)"):
            read()


def test_a_tag_of_tables_not_made_from_each_other_says_so(warehouse: Warehouse, write: Callable):
    write("2020Q1", 1)
    stale = {"inputs": {TABLE: {"snapshot_id": "1", "content": "other"}}}
    warehouse.replace("themes", "2020Q1", [], provenance=stale)
    tagged = tags.tag(warehouse, "2020Q1", "paper-v1")
    assert list(map(str, tags.mixtures(warehouse, tagged))) == [
        "themes was made from other rows of firm_topics"
    ]
    fresh = {"inputs": {TABLE: warehouse.quarter(TABLE, "2020Q1").provenance()}}
    warehouse.replace("themes", "2020Q1", [], provenance=fresh)
    assert tags.mixtures(warehouse, tags.tag(warehouse, "2020Q1", "paper-v2")) == []
