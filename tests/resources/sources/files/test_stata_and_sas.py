"""Files of Stata by pandas, of SAS's transport format by pyreadstat, and one .sas7bdat by ReadStat's own writer.

`tests/fixtures/calls.sas7bdat` has four turns: the third without text, the second and fourth without a PERMNO (.A and
the plain missing value); its dates, times and timestamps have the formats DATE9, TIME8, YYMMDD10 and DATETIME20.
"""

# ruff: noqa: DTZ001 - these programs know no time zones
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from ftm_resources.sources.files import header
from ftm_resources.sources.files.transcript_files import FilesSource
from tests.calls_in_files import problems, read, row

SAS_FILE = Path(__file__).parents[3] / "fixtures" / "calls.sas7bdat"
AT = datetime(2020, 11, 5, 22)


def stata(
    path: Path, rows: list[dict[str, Any]], formats: dict[str, str] | None = None, **options: Any
) -> Path:
    dates = {"mostimportantdateutc": "tc"} if isinstance(rows[0]["mostimportantdateutc"], datetime) else {}
    table = pd.DataFrame(rows)
    table.to_stata(path, write_index=False, convert_dates=options.pop("convert_dates", dates), **options)
    content = path.read_bytes()
    for old, new in (formats or {}).items():
        assert content.count(old.encode() + b"\0") == 1
        content = content.replace(old.encode() + b"\0" * len(new), new.encode() + b"\0" * len(old), 1)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("version", [114, 117, 118, 119])
def test_every_version_of_stata_is_read(tmp_path: Path, version: int):
    rows = [
        row(i, mostimportantdateutc=AT, companyname="Société", permno=10107.0, gvkey="001690")
        for i in range(2)
    ]
    if version >= 118:
        rows[1]["componenttext"] = "“Growth” — 5 €"
    _, found = read(stata(tmp_path / "a.dta", rows, version=version)).to_pylist()
    assert (found["companyid"], found["transcriptid"], found["componentorder"]) == ("18749", "55", 1)
    assert (found["permno"], found["gvkey"], found["companyname"]) == (10107, "001690", "Société")
    assert found["mostimportantdateutc"].isoformat() == "2020-11-05T22:00:00+00:00"
    assert found["componenttext"] == rows[1]["componenttext"]


def test_long_texts_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(header, "BATCH_ROWS", 20)
    rows = [row(i, mostimportantdateutc=AT, componenttext=f"{i} " + "x" * 5000) for i in range(50)]
    path = stata(tmp_path / "a.dta", rows, version=118, convert_strl=["componenttext"])
    tables = list(FilesSource(path).components("2020Q4"))
    assert [t.num_rows for t in tables] == [20, 20, 10]
    assert [x for t in tables for x in t.column("componenttext").to_pylist()] == [
        r["componenttext"] for r in rows
    ]


def test_bare_dates_missing_values_and_empty_texts(tmp_path: Path):
    rows = [
        row(i, mostimportantdateutc=AT.replace(hour=0), link_date=AT, permno=np.nan if i else 10107.0)
        | ({"componenttext": ""} if i == 2 else {})
        for i in range(3)
    ]
    dates = {"mostimportantdateutc": "td", "link_date": "td"}
    source = FilesSource(stata(tmp_path / "a.dta", rows, convert_dates=dates))
    (found,) = [t.to_pylist() for t in source.components("2020Q4")]
    assert [r["permno"] for r in found] == [10107, None]
    assert found[0]["is_date_only"]
    assert found[0]["link_date"] == date(2020, 11, 5)
    assert source.audit().column("reason").to_pylist() == ["1 turn without text"]


@pytest.mark.parametrize(
    ("old", "new", "quarter"),
    [("%td", "%tdCCYY-NN-DD", "2021Q1"), ("%td", "%d", "2021Q1"), ("%tc", "%tcDDmonCCYY_HH:MM:SS", "2020Q4")],
)
def test_dates_in_any_picture_are_dates(tmp_path: Path, old: str, new: str, quarter: str):
    at = datetime(2021, 1, 1) if old == "%td" else datetime(2021, 1, 1, 2, 30)
    dates = {"mostimportantdateutc": old.strip("%")}
    path = stata(tmp_path / "a.dta", [row(mostimportantdateutc=at)], convert_dates=dates, formats={old: new})
    assert FilesSource(path).quarters() == {quarter: 1}


def test_a_time_of_day_of_its_own_joins_the_date(tmp_path: Path):
    rows = [row(mostimportantdateutc=datetime(2021, 1, 1), mostimportanttimeutc=datetime(1960, 1, 1, 2, 30))]
    dates = {"mostimportantdateutc": "td", "mostimportanttimeutc": "tc"}
    path = stata(tmp_path / "a.dta", rows, convert_dates=dates, formats={"%tc": "%tcHH:MM"})
    (found,) = read(path).to_pylist()
    assert found["mostimportantdateutc"].isoformat() == "2021-01-01T02:30:00+00:00"


@pytest.mark.parametrize(
    ("value", "old", "new", "message"),
    [
        (22224.0, "", "", "is a number that has the format %9.0g, which is not a date's"),
        (730.0, "%9.0g", "%tm", "is a number that has the format %tm, which is not a date's"),
        (1.9e12, "%9.0g", "%tC", "is a number that has the format %tC, which is not a date's"),
        (1.9e12, "%9.0g", "%tc", "is a %tc in 4 bytes, too few for the minute"),
        (
            9e6,
            "%9.0g",
            "%td",
            "row 1, column mostimportantdateutc: 9000000 is not a date in this column's format",
        ),
    ],
)
def test_numbers_that_may_not_be_the_date_are_refused(
    tmp_path: Path, value: float, old: str, new: str, message: str
):
    rows = [row(mostimportantdateutc=np.float32(value))]
    path = stata(tmp_path / "a.dta", rows, formats={old: new} if old else {})
    assert message in problems(path)[0]


def test_an_id_that_a_float_cut_is_refused(tmp_path: Path):
    rows = [
        row(transcriptid=i, mostimportantdateutc=AT, companyid=np.float32(16_777_213 + 2 * i)) for i in (1, 2)
    ]
    assert problems(stata(tmp_path / "a.dta", rows)) == [
        "a.dta row 2, column companyid: 16777216 has more digits than the column's type holds: store it as text or "
        "a double"
    ]


def labelled(path: Path, column: str, values: list[float], labels: dict[float, str]) -> Path:
    rows = [row(i, mostimportantdateutc="2020-11-05 22:00:00") | {column: v} for i, v in enumerate(values)]
    pyreadstat.write_dta(pd.DataFrame(rows), path, variable_value_labels={column: labels})
    return path


def test_labels_are_what_encoded_texts_mean(tmp_path: Path):
    path = labelled(tmp_path / "a.dta", "speakertypename", [2.0, 1.0], {1.0: "Analysts", 2.0: "Executives"})
    assert read(path).column("speakertypename").to_pylist() == ["Executives", "Analysts"]
    path = labelled(tmp_path / "b.dta", "transcriptid", [1.0, 1.0], {1.0: "2000055"})
    assert read(path).column("transcriptid").to_pylist() == ["2000055"] * 2


def test_labels_that_leave_the_meaning_open_are_refused(tmp_path: Path):
    path = labelled(tmp_path / "a.dta", "speakertypename", [1.0, 3.0], {1.0: "Analysts"})
    assert problems(path) == [
        "a.dta row 2, column speakertypename: 3 has no value label, though others of the column have"
    ]
    path = labelled(tmp_path / "b.dta", "companyid", [1.0, 1.0], {1.0: "Rookshaw, Inc."})
    assert "column companyid: has value labels that are not numbers" in problems(path)[0]


def test_texts_in_another_encoding_than_the_file_says_are_refused(tmp_path: Path):
    path = stata(tmp_path / "a.dta", [row(mostimportantdateutc=AT, componenttext="Soci??t")], version=118)
    path.write_bytes(path.read_bytes().replace(b"Soci??t", b"Soci\xe9\xe9t"))
    assert 'not in the encoding the file declares, after "Soci" (bytes e9)' in problems(path)[0]


def test_bad_values_are_named_by_row_and_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(header, "BATCH_ROWS", 2)
    rows = [row(i + (i == 3) / 2, mostimportantdateutc=AT) for i in range(5)]
    assert problems(stata(tmp_path / "a.dta", rows))[0].startswith(
        'a.dta row 4, column componentorder: "3.5" is not a whole number'
    )


def test_sas_is_read_with_its_dates_and_missing_values():
    source = FilesSource(SAS_FILE)
    (found,) = [t.to_pylist() for t in source.components("2020Q4")]
    assert [r["componenttext"] for r in found] == ["Component 0.", "Component 1.", "Component 3."]
    assert [r["permno"] for r in found] == [10107, None, None]
    first = found[0]
    assert (first["companyid"], first["companyname"], first["gvkey"]) == (
        "18749",
        "Société Rookshaw",
        "001690",
    )
    assert first["mostimportantdateutc"].isoformat() == "2020-11-05T22:00:00+00:00"
    assert first["link_date"] == date(2020, 11, 5)
    assert first["created_at"].isoformat() == "2020-11-05T22:00:00+00:00"
    assert [a["reason"] for a in source.audit().to_pylist()] == ["1 turn without text"]


def test_what_pandas_reads_of_the_same_sas_file_agrees():
    ours = read(SAS_FILE).to_pylist()
    theirs = pd.read_sas(SAS_FILE, encoding="utf-8").rename(columns=str.lower).dropna(subset="componenttext")
    assert [r["componenttext"] for r in ours] == theirs["componenttext"].tolist()
    assert [r["link_date"] for r in ours] == [t.date() for t in theirs["link_date"]]
    assert [r["created_at"].replace(tzinfo=None) for r in ours] == theirs[
        "transcriptcreationdate_utc"
    ].tolist()


@pytest.mark.parametrize(
    ("column", "old", "new", "message"),
    [
        (
            "MOSTIMPORTANTDATEUTC",
            b"DATE",
            b"BEST",
            "mostimportantdateutc: is a number that has the format BEST9",
        ),
        (
            "MOSTIMPORTANTTIMEUTC",
            b"TIME",
            b"COMM",
            "mostimportanttimeutc: is a number that has the format COMM8",
        ),
    ],
)
def test_a_sas_date_without_its_format_is_refused(
    tmp_path: Path, column: str, old: bytes, new: bytes, message: str
):
    content = SAS_FILE.read_bytes()
    changed = content.replace(column.encode() + old, column.encode() + new)
    (tmp_path / "a.sas7bdat").write_bytes(changed)
    assert f"{message}, which is not a date's" in problems(tmp_path)[0]


def test_a_transport_file_whose_names_fit_is_read_in_part(tmp_path: Path):
    """Version 5 cuts names to 8 characters, so the columns are missing; version 8 keeps them."""
    table = pd.DataFrame([row(i) for i in range(2)])
    pyreadstat.write_xport(table, tmp_path / "a.xpt", file_format_version=8)
    assert read(tmp_path / "a.xpt").num_rows == 2
    table.columns = [n[:8] if n != "componentorder" else "comporde" for n in table.columns]
    table = table.loc[:, ~table.columns.duplicated()]
    pyreadstat.write_xport(table, tmp_path / "a.xpt", file_format_version=5)
    assert "are missing; found" in problems(tmp_path / "a.xpt")[0]


@pytest.mark.parametrize("name", ["a.dta", "a.sas7bdat", "a.xpt"])
@pytest.mark.parametrize("content", [b"", b"companyid,x\n", b"\0" * 5000])
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    assert f"{name}: is not a readable S" in problems(tmp_path)[0]


def test_files_that_break_off_and_files_without_rows_are_refused(tmp_path: Path):
    (tmp_path / "a.sas7bdat").write_bytes(SAS_FILE.read_bytes()[:5000])
    assert "is not a readable SAS file" in problems(tmp_path / "a.sas7bdat")[0]
    path = stata(tmp_path / "a.dta", [row(mostimportantdateutc=AT)])
    path.write_bytes(path.read_bytes()[:-200])
    assert "is not a readable Stata file" in problems(path)[0]
    table = pd.DataFrame([row()]).iloc[:0].astype({"companyid": float})
    table.to_stata(path, write_index=False)
    assert problems(path) == ["a.dta: the file has no rows"]
