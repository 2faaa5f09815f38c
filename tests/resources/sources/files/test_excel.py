# ruff: noqa: DTZ001 - these programs know no time zones
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.workbook import Workbook

from ftm_resources.sources.base import SourceWarning
from ftm_resources.sources.files import header
from ftm_resources.sources.files.transcript_files import FilesSource
from tests.calls_in_files import problems, read, row

AT = datetime(2020, 11, 5, 22)


def workbook(rows: list[dict[str, Any]], title: str = "calls") -> Workbook:
    book = openpyxl.Workbook()
    book.active.title = title
    fill(book.active, rows)
    return book


def fill(sheet: Any, rows: list[dict[str, Any]]) -> None:
    sheet.append(list(rows[0]))
    for values in rows:
        sheet.append(list(values.values()))


def saved(book: Workbook, path: Path) -> Path:
    book.save(path)
    return path


def test_numbers_dates_and_texts_are_read_as_they_are_meant(tmp_path: Path):
    changes = {
        "mostimportantdateutc": AT,
        "permno": 10107.0,
        "gvkey": "001690",
        "link_date": date(2020, 11, 5),
    }
    text = "société & <sons>\nsecond line"
    path = saved(workbook([row(i, componenttext=text) | changes for i in range(2)]), tmp_path / "a.xlsx")
    _, found = read(path).to_pylist()
    assert (found["companyid"], found["transcriptid"], found["componentorder"]) == ("18749", "55", 1)
    assert found["mostimportantdateutc"].isoformat() == "2020-11-05T22:00:00+00:00"
    assert (found["permno"], found["gvkey"], str(found["link_date"])) == (10107, "001690", "2020-11-05")
    assert found["componenttext"] == text
    assert not found["is_date_only"]


def test_dates_and_times_of_their_own_columns_are_joined(tmp_path: Path):
    changes = {"mostimportantdateutc": date(2021, 1, 1), "mostimportanttimeutc": time(2, 30)}
    (found,) = read(saved(workbook([row() | changes]), tmp_path / "a.xlsx")).to_pylist()
    assert found["mostimportantdateutc"].isoformat() == "2021-01-01T02:30:00+00:00"


@pytest.mark.parametrize("given", [date(2021, 1, 1), "2021-01-01"])
def test_a_bare_date_is_the_date_in_new_york(tmp_path: Path, given: object):
    (found,) = read(
        saved(workbook([row(mostimportantdateutc=given)]), tmp_path / "a.xlsx"), "2021Q1"
    ).to_pylist()
    assert found["is_date_only"]


def test_a_time_beside_bare_dates_stays_a_time(tmp_path: Path):
    rows = [row(mostimportantdateutc=date(2020, 11, 5)), row(transcriptid=56, mostimportantdateutc=AT)]
    found = read(saved(workbook(rows), tmp_path / "a.xlsx")).to_pylist()
    assert [r["is_date_only"] for r in found] == [True, False]


@pytest.mark.parametrize("is_mac", [False, True])
def test_dates_without_a_format_are_counted_as_the_workbook_does(tmp_path: Path, is_mac: bool):
    book = workbook([row(mostimportantdateutc=44140.9166666667 - is_mac * 1462)])
    if is_mac:
        book.epoch = CALENDAR_MAC_1904
    (found,) = read(saved(book, tmp_path / "a.xlsx")).to_pylist()
    assert found["mostimportantdateutc"].replace(microsecond=0).isoformat()[:16] == "2020-11-05T22:00"


def test_the_sheet_is_the_one_with_the_columns(tmp_path: Path):
    book = workbook([{"about": "Calls of 2020"}], "notes")
    fill(book.create_sheet("data"), [row(i) for i in range(3)])
    assert read(saved(book, tmp_path / "a.xlsx")).num_rows == 3


def test_two_sheets_with_the_columns_are_refused_and_none_too(tmp_path: Path):
    book = workbook([row()], "first")
    fill(book.create_sheet("second"), [row(transcriptid=56)])
    assert (
        'has several sheets of transcripts: "first", "second"'
        in problems(saved(book, tmp_path / "a.xlsx"))[0]
    )
    without = {k: v for k, v in row().items() if k != "companyname"}
    book = workbook([without], "first")
    fill(book.create_sheet("second"), [{"x": 1}])
    (found,) = problems(saved(book, tmp_path / "a.xlsx"))
    assert 'Sheets: "first", "second"; missing: companyname' in found
    (found,) = problems(saved(workbook([without]), tmp_path / "a.xlsx"))
    assert "column companyname: the column is missing" in found


def test_rows_are_counted_as_excel_shows_them_below_the_header(tmp_path: Path):
    book = workbook([row(0), row(1), row(2)])
    book.active.insert_rows(3)  # a blank row between the first and the second
    book.active["E5"] = "x"
    book.active.append([None] * 7)
    assert problems(saved(book, tmp_path / "a.xlsx")) == [
        'a.xlsx row 4, column componentorder: "x" is not a whole number of 0 or more'
    ]
    book.active.insert_rows(1, 2)  # blank rows above the header
    assert problems(saved(book, tmp_path / "a.xlsx"))[0].startswith("a.xlsx row 4, column componentorder")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("companyid", "=1+1", "=1+1 is a formula: paste its values"),
        ("componenttext", '=CONCATENATE("a", "b")', "is a formula"),
        ("componenttext", "#REF!", "#REF! is an error in Excel"),
        ("companyid", "#N/A", "#N/A is an error in Excel"),
        ("gvkey", "#VALUE!", "#VALUE! is an error in Excel"),
        ("transcriptid", 1234567890123456, "1234567890123456 has more than the 15 digits that Excel keeps"),
        ("companyid", True, "True"),
    ],
)
def test_cells_that_cannot_be_trusted_are_refused(tmp_path: Path, column: str, value: object, message: str):
    path = saved(workbook([row(0) | {column: "1"}, row(1) | {column: value}]), tmp_path / "a.xlsx")
    found = [p for p in problems(path) if p.startswith(f"a.xlsx row 2, column {column}")]
    assert message in found[0]


def test_a_link_that_was_not_found_is_a_gap(tmp_path: Path):
    (found,) = read(saved(workbook([row(permno="#N/A", gvkey="#N/A")]), tmp_path / "a.xlsx")).to_pylist()
    assert (found["permno"], found["gvkey"]) == (None, None)


def test_formulas_and_errors_in_other_columns_do_not_matter(tmp_path: Path):
    path = saved(workbook([row() | {"mine": "=1+1", "yours": "#REF!"}]), tmp_path / "a.xlsx")
    assert read(path).num_rows == 1


@pytest.mark.parametrize("name", ["companyid", "transcriptid", "gvkey", "permno", "componentorder", "ticker"])
@pytest.mark.parametrize("value", [date(2021, 3, 1), datetime(2021, 3, 1, 9, 30), time(9, 30)])
def test_a_date_where_none_belongs_is_what_excel_made_of_something_else(
    tmp_path: Path, name: str, value: object
):
    found = problems(saved(workbook([row(**{name: value})]), tmp_path / "a.xlsx"))
    assert found[0].startswith(f'a.xlsx row 1, column {name}: "')
    assert "Excel makes one of an id such as MAR1; enter or export the column as text" in found[0]


def test_merged_cells_are_refused(tmp_path: Path):
    book = workbook([row(0), row(1)])
    book.active.merge_cells("A2:A3")
    assert 'sheet "calls" has merged cells (A2:A3)' in problems(saved(book, tmp_path / "a.xlsx"))[0]


def test_hidden_rows_are_read_with_a_warning(tmp_path: Path):
    book = workbook([row(0), row(1)])
    book.active.row_dimensions[3].hidden = True
    with pytest.warns(SourceWarning, match='a.xlsx: 1 hidden or filtered row.* of sheet "calls" are read'):
        assert read(saved(book, tmp_path / "a.xlsx")).num_rows == 2


def test_characters_that_excel_escapes_come_back(tmp_path: Path):
    path = saved(workbook([row(componenttext="one_x000D_\ntwo _x005F_x000D_")]), tmp_path / "a.xlsx")
    assert read(path).column("componenttext").to_pylist() == ["one\r\ntwo _x000D_"]


def test_a_text_as_long_as_a_cell_is_noted(tmp_path: Path):
    source = FilesSource(saved(workbook([row(0, componenttext="x" * 32_767), row(1)]), tmp_path / "a.xlsx"))
    list(source.components("2020Q4"))
    assert source.audit().column("reason").to_pylist() == [
        "1 turn of 32,767 characters or bytes, where the file seems to cut texts"
    ]


def test_a_large_sheet_comes_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(header, "BATCH_ROWS", 20)
    path = saved(workbook([row(i) for i in range(43)]), tmp_path / "a.xlsx")
    assert [t.num_rows for t in FilesSource(path).components("2020Q4")] == [20, 20, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "is an old workbook or one with a password"),
        (b"PK\x03\x04....", "is not a readable Excel workbook"),
        (b"companyid,x\n", "is not a readable Excel workbook"),
        (b"", "is not a readable Excel workbook"),
    ],
)
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes, message: str):
    (tmp_path / "a.xlsx").write_bytes(content)
    assert message in problems(tmp_path)[0]


def test_a_sheet_without_rows_and_a_workbook_that_breaks_off_are_refused(tmp_path: Path):
    book = workbook([row(i) for i in range(50)])
    content = saved(book, tmp_path / "a.xlsx").read_bytes()
    (tmp_path / "a.xlsx").write_bytes(content[: len(content) // 2])
    assert "is not a readable Excel workbook" in problems(tmp_path)[0]
    book.active.delete_rows(2, 50)
    assert problems(saved(book, tmp_path / "a.xlsx")) == ["a.xlsx: the file has no rows"]
    assert "are missing; found" in problems(saved(openpyxl.Workbook(), tmp_path / "a.xlsx"))[0]
