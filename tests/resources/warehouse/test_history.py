"""Time travel: tags, dates and what a quarter was made from, also after expiry."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse, history
from ftm_resources.warehouse.history import WarehouseError

TABLE = "firm_topics"
COUNT = "SELECT count(*) FROM firm_topics"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


@pytest.fixture
def write(warehouse: Warehouse, topics: Callable) -> Callable[[str, int], datetime]:
    """Replace a quarter with n rows; return a moment at which it is the newest state."""

    def write(quarter: str, n: int) -> datetime:
        warehouse.replace(TABLE, quarter, [topics(quarter, n)])
        snapshot = warehouse.table(TABLE).current_snapshot()
        return datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)

    return write


def test_a_tagged_quarter_reads_as_it_was_after_a_replacement(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    history.tag(warehouse, "2020Q1", "paper-v1")
    write("2020Q1", 5)
    assert warehouse.read(TABLE, "2020Q1", as_of="paper-v1").num_rows == 3
    assert warehouse.connect(quarter="2020Q1", as_of="paper-v1").execute(COUNT).fetchone() == (3,)
    assert warehouse.read(TABLE, "2020Q1").num_rows == 5


def test_without_a_quarter_a_tag_shows_each_quarter_as_it_was_tagged(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    history.tag(warehouse, "2020Q1", "paper-v1")
    write("2020Q1", 5)
    write("2020Q2", 7)
    history.tag(warehouse, "2020Q2", "paper-v1")
    write("2020Q3", 1)
    counts = "SELECT quarter, count(*) FROM firm_topics GROUP BY 1 ORDER BY 1"
    found = warehouse.connect(as_of="paper-v1").execute(counts).fetchall()
    assert found == [("2020Q1", 3), ("2020Q2", 7)]


def test_a_table_that_had_no_rows_when_tagged_is_empty_as_of_the_tag(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    history.tag(warehouse, "2020Q1", "paper-v1")
    assert warehouse.read("themes", "2020Q1", as_of="paper-v1").num_rows == 0
    assert warehouse.connect(as_of="paper-v1").execute("SELECT count(*) FROM themes").fetchone() == (0,)


def test_a_tag_is_moved_only_on_request(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    history.tag(warehouse, "2020Q1", "paper-v1")
    history.tag(warehouse, "2020Q1", "paper-v1")  # the same state: nothing to move
    write("2020Q1", 5)
    with pytest.raises(WarehouseError, match=r"another state of firm_topics: .* --replace"):
        history.tag(warehouse, "2020Q1", "paper-v1")
    history.tag(warehouse, "2020Q1", "paper-v1", replace=True)
    assert warehouse.read(TABLE, "2020Q1", as_of="paper-v1").num_rows == 5


def test_tags_are_listed_and_removed(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    for name in ("b", "a.1_x"):
        history.tag(warehouse, "2020Q1", name)
    assert [(t.quarter, t.name) for t in history.tags(warehouse)] == [("2020Q1", "a.1_x"), ("2020Q1", "b")]
    assert history.untag(warehouse, "2020Q1", "b") == 1
    assert [t.name for t in history.tags(warehouse)] == ["a.1_x"]
    with pytest.raises(WarehouseError, match=r"no tag 'b' of 2020Q1. Tags: a.1_x \(2020Q1\)"):
        history.untag(warehouse, "2020Q1", "b")


@pytest.mark.parametrize(
    "name", ["", "a b", "x'; DROP TABLE t", "../x", ".x", "2024-05-31", "ü", "a\n", "a" * 101]
)
def test_a_name_that_could_mean_something_else_is_refused(warehouse: Warehouse, write: Callable, name: str):
    write("2020Q1", 1)
    with pytest.raises(WarehouseError, match="cannot be a tag"):
        history.tag(warehouse, "2020Q1", name)


def test_a_quarter_that_is_in_no_table_is_not_tagged(warehouse: Warehouse, write: Callable):
    write("2020Q1", 1)
    for quarter, message in [("2020Q2", "is in no table"), ("2020Q5", "is not a quarter")]:
        with pytest.raises(WarehouseError, match=message):
            history.tag(warehouse, quarter, "paper-v1")


@pytest.mark.parametrize("as_of", ["paper-v2", "2020-13-01", "'; DROP TABLE firm_topics; --"])
def test_an_unknown_tag_is_an_error_that_lists_the_known(warehouse: Warehouse, write: Callable, as_of: str):
    write("2020Q1", 1)
    history.tag(warehouse, "2020Q1", "paper-v1")
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
    tagged = history.tag(warehouse, "2020Q1", "paper-v1")
    assert history.mixed(warehouse, tagged) == ["themes was made from other firm_topics than these"]
    fresh = {"inputs": {TABLE: warehouse.quarter(TABLE, "2020Q1").provenance()}}
    warehouse.replace("themes", "2020Q1", [], provenance=fresh)
    assert history.mixed(warehouse, history.tag(warehouse, "2020Q1", "paper-v2")) == []


def test_a_moment_reads_what_was_current_then(warehouse: Warehouse, write: Callable):
    first = write("2020Q1", 3)
    second = write("2020Q1", 5)
    third = write("2020Q1", 7)
    for moment, rows in [
        (first - timedelta(days=1), 0),
        (first, 3),
        (second - timedelta(milliseconds=1), 3),
        (second, 5),
        (third, 7),
        (third + timedelta(days=1), 7),
    ]:
        assert warehouse.read(TABLE, "2020Q1", as_of=moment).num_rows == rows
        assert warehouse.connect(as_of=moment.isoformat()).execute(COUNT).fetchone() == (rows,)


def test_a_replacement_never_shows_its_half_that_has_deleted(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    write("2020Q1", 5)
    snapshots = warehouse.table(TABLE).metadata.snapshots
    halves = [s for s in snapshots if history.is_half(s)]
    assert len(halves) == 1
    moment = datetime.fromtimestamp(halves[0].timestamp_ms / 1000, UTC)
    assert warehouse.read(TABLE, "2020Q1", as_of=moment).num_rows in {3, 5}


def test_a_date_means_its_end_and_no_zone_means_utc():
    end = history.moment_of("2024-05-31")
    assert end == history.moment_of(date(2024, 5, 31)) == datetime(2024, 5, 31, 23, 59, 59, 999999, UTC)
    assert history.moment_of("2024-05-31T12:00:00") == datetime(2024, 5, 31, 12, tzinfo=UTC)
    assert history.moment_of("2024-05-31T12:00:00-04:00") == datetime(2024, 5, 31, 16, tzinfo=UTC)
    assert history.moment_of("paper-v1") is None


def test_history_goes_by_order_where_clocks_differ(
    warehouse: Warehouse, topics: Callable, at_clock: Callable
):
    """A writer whose clock is an hour behind, and two writes in the same millisecond."""
    noon = datetime(2024, 5, 31, 12, tzinfo=UTC)
    for n, moment in [(1, noon), (2, noon - timedelta(hours=1)), (3, noon), (4, noon)]:
        with at_clock(moment):
            warehouse.replace(TABLE, "2020Q1", [topics("2020Q1", n)])
    table = warehouse.table(TABLE)
    assert len({s.timestamp_ms for s in table.metadata.snapshots}) == 2
    assert warehouse.read(TABLE, "2020Q1").num_rows == 4
    assert warehouse.provenance(TABLE, "2020Q1")["rows"] == "4"
    for moment, rows in [(noon - timedelta(hours=2), 0), (noon - timedelta(minutes=1), 2), (noon, 4)]:
        assert warehouse.read(TABLE, "2020Q1", as_of=moment).num_rows == rows
