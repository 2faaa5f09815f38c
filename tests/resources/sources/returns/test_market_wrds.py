"""Market data from a real PostgreSQL: both of CRSP's formats, their units, delisting returns, and what is refused."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from ftm_resources.sources.base import SourceError
from ftm_resources.sources.returns import market_wrds
from ftm_resources.sources.returns.market_wrds import WrdsMarket
from ftm_resources.tables.returns_tables import DAILY, FACTORS

if TYPE_CHECKING:
    from benchmarks.wrds_server import Library

SPAN = (date(2023, 1, 3), date(2023, 1, 31))
DAY = date(2023, 1, 3)


def daily(*permnos: int) -> list[dict[str, object]]:
    tables = list(WrdsMarket().daily(list(permnos), *SPAN))
    assert all(t.schema.equals(DAILY) for t in tables)
    return [row for t in tables for row in t.to_pylist()]


def test_the_current_format_holds_delisting_returns_already(library: "Library"):
    rows = [
        [10107, DAY, 0.01, 250.5, 7000, 1000, 1753500, "N"],
        [10107, DAY + timedelta(1), -0.6, 100, 7000, None, 700000, "Y"],
        [10107, date(2022, 12, 30), 0.5, 1, 1, 1, 1, "N"],  # before the days asked for
        [10108, DAY, None, None, 100, 0, None, "N"],
        [10999, DAY, 0.5, 1, 1, 1, 1, "N"],  # not asked for
    ]
    library.server.copy(f"{library.crsp}.dsf_v2", rows)
    assert daily(10107, 10108, 10109) == [
        {"permno": 10107, "date": DAY, "ret": 0.01, "price": 250.5, "shares": 7e6, "volume": 1000.0,
         "market_cap": 1_753_500_000.0},
        {"permno": 10107, "date": DAY + timedelta(1), "ret": -0.6, "price": 100.0, "shares": 7e6, "volume": None,
         "market_cap": 7e8},
        {"permno": 10108, "date": DAY, "ret": None, "price": None, "shares": 1e5, "volume": 0.0, "market_cap": None},
    ]  # fmt: skip


def test_the_legacy_format_has_them_from_its_own_table(library: "Library", monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WRDS_DAILY_TABLE", f"{library.crsp}.dsf")
    rows = [
        [10107, DAY, 0.10, -250, 7000, 1000],
        [10108, DAY, 0.10, 10, 100, -99],
        [10109, DAY, -66, 0, 100, 1],
        [10110, DAY, 0.02, 1, 1, 1],
    ]
    library.server.copy(f"{library.crsp}.dsf", rows)
    delisted = [
        [10107, DAY, -0.5, 574],
        [10108, DAY + timedelta(1), None, 520],  # dropped for performance, with no return of its own
        [10110, DAY, None, 100],  # still listed
        [10110, date(2024, 1, 2), -0.9, 574],  # after the days asked for
    ]
    library.server.copy(f"{library.crsp}.dsedelist", delisted)
    found = {(r["permno"], r["date"]): r for r in daily(10107, 10108, 10109, 10110)}
    assert {k: r["ret"] for k, r in found.items()} == {
        (10107, DAY): pytest.approx(1.1 * 0.5 - 1),
        (10108, DAY): 0.10,
        (10108, DAY + timedelta(1)): -0.30,
        (10109, DAY): None,
        (10110, DAY): 0.02,
    }
    assert found[10107, DAY]["price"] == 250.0, "negative: the middle of bid and ask"
    assert found[10107, DAY]["market_cap"] == 250 * 7e6
    assert (found[10108, DAY]["volume"], found[10109, DAY]["price"]) == (None, None)


def test_many_firms_are_read_some_at_a_time(library: "Library", monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(market_wrds, "FIRMS_AT_ONCE", 3)
    library.server.copy(
        f"{library.crsp}.dsf_v2", ([p, DAY, 0.01, 1, 1, 1, 1, "N"] for p in range(10000, 10010))
    )
    tables = list(WrdsMarket().daily(list(range(10000, 10010)), *SPAN))
    assert [t.num_rows for t in tables] == [3, 3, 3, 1]


def test_factors_are_decimals_by_date(library: "Library"):
    rows = [
        [DAY + timedelta(1), 0.005, 0.001, -0.002, 0.00017, None],
        [DAY, "-0.0123", 0.002, 0.003, 0.00017, 0.004],
        [date(2023, 2, 1), 0, 0, 0, 0, 0],
    ]
    library.server.copy(f"{library.ff}.factors_daily", rows)
    found = WrdsMarket().factors(*SPAN)
    assert found.schema.equals(FACTORS)
    assert [list(r.values()) for r in found.to_pylist()] == [
        [DAY, -0.0123, 0.002, 0.003, 0.004, 0.00017],
        [DAY + timedelta(1), 0.005, 0.001, -0.002, None, 0.00017],
    ]
    library.server.run(f"DELETE FROM {library.ff}.factors_daily")
    assert WrdsMarket().factors(*SPAN).num_rows == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[1, DAY, -1.5, 1, 1, 1, 1, "N"]], "PERMNO 1 on 2023-01-03: return -1.5 is below -1"),
        ([[1, DAY, 0.1, 1, 1, 1, 1, "N"]] * 2, "PERMNO 1 has two rows on 2023-01-03"),
    ],
)
def test_rows_that_make_no_sense_are_refused(library: "Library", rows: list[list[object]], said: str):
    library.server.copy(f"{library.crsp}.dsf_v2", rows)
    with pytest.raises(SourceError, match=said):
        daily(1)


def test_a_table_that_is_not_there_is_named_with_its_setting(
    library: "Library", monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WRDS_DAILY_TABLE", f"{library.crsp}.nothing")
    with pytest.raises(SourceError, match=r"(?s)^returns: .*no such table.*WRDS_DAILY_TABLE"):
        daily(1)
    monkeypatch.setenv("WRDS_DAILY_TABLE", f"{library.crsp}.dsedelist")
    with pytest.raises(SourceError, match="neither dlycaldt"):
        daily(1)
    monkeypatch.setenv("WRDS_FACTOR_TABLE", "factors; DROP TABLE x")
    with pytest.raises(SourceError, match="Set WRDS_FACTOR_TABLE"):
        WrdsMarket()


def test_provenance_names_the_tables(library: "Library"):
    assert WrdsMarket().provenance() == {
        "name": "wrds", "daily": f"{library.crsp}.dsf_v2", "factors": f"{library.ff}.factors_daily",
    }  # fmt: skip
