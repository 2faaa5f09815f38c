"""Fundamentals from a real PostgreSQL: links as of the fiscal date, Compustat's formats, units, and what is refused."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from ftm_resources.sources.base import SourceError
from ftm_resources.sources.returns import fundamentals_wrds
from ftm_resources.sources.returns.fundamentals_wrds import WrdsFundamentals
from ftm_resources.tables.sort_tables import FUNDAMENTALS

if TYPE_CHECKING:
    from benchmarks.wrds_server import Library

SPAN = (date(2022, 1, 1), date(2023, 12, 31))
MARCH, REPORT = date(2023, 3, 31), date(2023, 4, 25)


def add(library: "Library", *rows: dict[str, Any]) -> None:
    usual = {
        "gvkey": "000001", "datadate": MARCH, "rdq": REPORT, "indfmt": "INDL", "datafmt": "STD", "popsrc": "D",
        "consol": "C", "epspxq": 1.5, "prccq": 30.0, "ajexq": 1.0, "seqq": 400.0, "ceqq": None, "pstkq": 50.0,
        "atq": None, "ltq": None, "txditcq": 5.0,
    }  # fmt: skip
    library.server.copy(f"{library.comp}.fundq", ([*{**usual, **row}.values()] for row in rows))


def rows(*permnos: int) -> list[dict[str, Any]]:
    table = WrdsFundamentals().rows(permnos or (10107,), *SPAN)
    assert table.schema.equals(FUNDAMENTALS)
    return table.to_pylist()


def test_accounts_are_linked_and_in_dollars(library: "Library"):
    library.add_link(10107)
    add(library, {}, {"datadate": date(2021, 12, 31)}, {"gvkey": "000002"})
    assert rows() == [
        {"permno": 10107, "fiscal_date": MARCH, "known_date": REPORT, "eps": 1.5, "price": 30.0, "adjustment": 1.0,
         "book_equity": 355e6, "sue": None},
    ]  # fmt: skip


def test_the_link_is_as_of_the_end_of_the_fiscal_quarter(library: "Library"):
    library.add_link(10107, end=date(2022, 12, 31))
    library.add_link(10108, start=date(2023, 1, 1))
    add(library, {}, {"datadate": date(2022, 12, 31), "rdq": date(2023, 2, 1)})
    found = {(r["permno"], r["fiscal_date"]) for r in rows(10107, 10108)}
    assert found == {(10107, date(2022, 12, 31)), (10108, MARCH)}


def test_other_formats_and_other_links_do_not_count(library: "Library"):
    library.add_link(10107)
    library.add_link(10109, gvkey="000009", linktype="NR")
    library.add_link(10110, gvkey="000010", primary="J")
    other = ({"indfmt": "FS"}, {"datafmt": "SUMM_STD"}, {"popsrc": "I"}, {"consol": "P"})
    add(library, *({**o, "epspxq": 99.0} for o in other), {"gvkey": "000009"}, {"gvkey": "000010"})
    assert rows(10107, 10109, 10110) == []


def test_of_several_rows_of_a_quarter_the_better_link_and_the_earliest_report_counts(library: "Library"):
    library.add_link(10107, gvkey="000002", linktype="LU")
    library.add_link(10107, gvkey="000003", primary="C")
    library.add_link(10107)
    add(library, {"gvkey": "000002", "epspxq": 2.0}, {"gvkey": "000003", "epspxq": 3.0})
    add(library, {"epspxq": 4.0, "rdq": None}, {"epspxq": 5.0, "rdq": date(2023, 5, 2)}, {"epspxq": 6.0})
    (row,) = rows()
    assert (row["eps"], row["known_date"]) == (6.0, REPORT)


def test_a_report_before_the_end_of_its_quarter_is_of_an_unknown_day(library: "Library"):
    library.add_link(10107)
    add(library, {"rdq": date(2023, 1, 25), "epspxq": None, "seqq": None})
    (row,) = rows()
    assert (row["known_date"], row["eps"], row["book_equity"]) == (None, None, None)


def test_many_firms_are_read_some_at_a_time(library: "Library", monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fundamentals_wrds, "FIRMS_AT_ONCE", 3)
    for i in range(7):
        library.add_link(10100 + i, gvkey=f"{i:06d}")
    add(library, *({"gvkey": f"{i:06d}"} for i in range(7)))
    assert [r["permno"] for r in rows(*range(10100, 10107))] == list(range(10100, 10107))
    assert WrdsFundamentals().rows([], *SPAN).num_rows == 0


def test_a_table_that_is_not_there_is_named_with_its_setting(
    library: "Library", monkeypatch: pytest.MonkeyPatch
):
    assert WrdsFundamentals().provenance() == {
        "name": "wrds", "fundamentals": f"{library.comp}.fundq", "links": f"{library.crsp}.ccmxpf_linktable",
    }  # fmt: skip
    monkeypatch.setenv("WRDS_FUNDAMENTALS_TABLE", f"{library.comp}.nothing")
    with pytest.raises(SourceError, match=r"(?s)^fundamentals: .*no such table.*WRDS_FUNDAMENTALS_TABLE"):
        rows()
    monkeypatch.setenv("WRDS_FUNDAMENTALS_TABLE", "fundq; DROP TABLE x")
    with pytest.raises(SourceError, match="Set WRDS_FUNDAMENTALS_TABLE"):
        WrdsFundamentals()
