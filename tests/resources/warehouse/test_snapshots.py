"""Time travel: what a table held at a moment, also where clocks differ."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse, snapshots

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
    halves = [s for s in warehouse.table(TABLE).metadata.snapshots if snapshots.is_half(s)]
    assert len(halves) == 1
    moment = datetime.fromtimestamp(halves[0].timestamp_ms / 1000, UTC)
    assert warehouse.read(TABLE, "2020Q1", as_of=moment).num_rows in {3, 5}


def test_a_date_means_its_end_and_no_zone_means_utc():
    end = snapshots.moment_of("2024-05-31")
    assert end == snapshots.moment_of(date(2024, 5, 31)) == datetime(2024, 5, 31, 23, 59, 59, 999999, UTC)
    assert snapshots.moment_of("2024-05-31T12:00:00") == datetime(2024, 5, 31, 12, tzinfo=UTC)
    assert snapshots.moment_of("2024-05-31T12:00:00-04:00") == datetime(2024, 5, 31, 16, tzinfo=UTC)
    assert snapshots.moment_of("paper-v1") is None


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
