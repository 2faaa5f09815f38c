"""Fundamentals in files: Compustat's names and units, ready surprises, Stata, and every bad value by row and column."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from ftm_resources.sources.base import SourceError
from ftm_resources.sources.returns.configured_fundamentals import ConfiguredFundamentals
from ftm_resources.sources.returns.fundamentals_files import FilesFundamentals
from ftm_resources.sources.returns.fundamentals_sample import SampleFundamentals
from ftm_resources.sources.returns.fundamentals_wrds import WrdsFundamentals
from ftm_resources.tables.sort_tables import FUNDAMENTALS

SPAN = (date(2022, 1, 1), date(2023, 12, 31))
COMPUSTAT = """LPERMNO,datadate,rdq,epspxq,prccq,ajexq,seqq,ceqq,pstkq,atq,ltq,txditcq
10107,20230331,2023-04-25,2.45,288.3,1,194683,,0,,,0.5
10107,20221231,2023-01-24,2.20,239.8,1,,183136,10,,,
10108,20230331,,.,12,2,,,,300,260,
10999,20230331,2023-05-01,1,1,1,1,1,0,1,1,0
10107,20190331,2019-04-24,1,1,1,1,1,0,1,1,0
"""


def source(folder: Path, **files: str) -> FilesFundamentals:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return FilesFundamentals(folder)


def rows(made: FilesFundamentals, *permnos: int) -> list[dict[str, Any]]:
    table = made.rows(permnos or (10107, 10108), *SPAN)
    assert table.schema.equals(FUNDAMENTALS)
    return table.to_pylist()


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SourceError) as error:
        rows(source(folder, daily=text))
    return [str(p) for p in error.value.problems]


def test_compustats_names_and_millions(tmp_path: Path):
    found = rows(source(tmp_path, fundq=COMPUSTAT))
    assert [(r["permno"], r["fiscal_date"], r["known_date"]) for r in found] == [
        (10107, date(2022, 12, 31), date(2023, 1, 24)),
        (10107, date(2023, 3, 31), date(2023, 4, 25)),
        (10108, date(2023, 3, 31), None),
    ]
    assert [r["book_equity"] for r in found] == [183_136e6, pytest.approx(194_683.5e6), 40e6]
    assert (found[1]["eps"], found[1]["price"], found[2]["eps"], found[2]["adjustment"]) == (
        2.45,
        288.3,
        None,
        2.0,
    )


def test_our_own_table_and_stata_read_back(tmp_path: Path):
    given = source(tmp_path, fundq=COMPUSTAT)
    table = given.rows((10107, 10108), *SPAN)
    (tmp_path / "own").mkdir()
    pq.write_table(table, tmp_path / "own" / "fundamentals.parquet")
    assert FilesFundamentals(tmp_path / "own").rows((10107, 10108), *SPAN) == table
    (tmp_path / "stata").mkdir()
    frame = pd.read_csv(tmp_path / "fundq.csv", na_values=".")
    frame.columns = frame.columns.str.lower()
    for name in ("datadate", "rdq"):
        frame[name] = pd.to_datetime(frame[name].astype("string"))
    formats = {"datadate": "td", "rdq": "td"}
    frame.to_stata(tmp_path / "stata" / "fundq.dta", write_index=False, convert_dates=formats)
    assert FilesFundamentals(tmp_path / "stata").rows((10107, 10108), *SPAN) == table


def test_surprises_that_are_ready_need_no_accounts(tmp_path: Path):
    (row,) = rows(source(tmp_path, ibes="permno,date,sue\n10107,2023-04-25,0.004\n"))
    assert (row["fiscal_date"], row["known_date"], row["sue"], row["eps"]) == (date(2023, 4, 25),) * 2 + (
        0.004,
        None,
    )


def test_bad_values_are_named_with_row_and_column(tmp_path: Path):
    text = "permno,datadate,rdq,epspxq,prccq\nabc,2023-03-31,2023-04-25,1,1\n10107,,2023-04-25,1,-1\n"
    text += "10107,2023-03-31,2023-03-01,x,1\n"
    found = "\n".join(problems(tmp_path, text))
    for said in (
        "row 1, column permno",
        "row 2, column fiscal_date",
        "row 2, column price",
        "row 3, column known_date",
        "row 3, column eps",
    ):
        assert said in found, found
    assert "before the end of the fiscal quarter" in found


def test_repeats_other_columns_and_other_kinds_are_refused(tmp_path: Path):
    assert (
        "is there already, in daily.csv row 1"
        in problems(tmp_path, COMPUSTAT + COMPUSTAT.splitlines()[1] + "\n")[0]
    )
    assert "missing" in problems(tmp_path, "permno,datadate\n1,2023-03-31\n")[0]
    (tmp_path / "x.xlsx").write_bytes(b"")
    with pytest.raises(SourceError, match="fundamentals are read from"):
        rows(FilesFundamentals(tmp_path))


def test_book_equity_in_millions_under_our_own_name_is_refused(tmp_path: Path):
    text = "permno,fiscal_date,known_date,book_equity\n"
    text += "".join(f"{10107 + i},2023-03-31,2023-04-25,{500 + i}\n" for i in range(60))
    assert "is not in dollars" in problems(tmp_path, text)[0]
    (tmp_path / "daily.csv").write_text(text.replace(",2023-04-25,", ",2023-04-25,9000000"))
    assert rows(FilesFundamentals(tmp_path))[0]["book_equity"] == 9_000_000_500


def test_the_setting_decides_and_the_samples_calls_have_the_samples(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    sample, own = {"name": "sample", "firms": 5, "seed": 7}, {"name": "files"}
    assert isinstance(ConfiguredFundamentals().open(sample), SampleFundamentals)
    assert ConfiguredFundamentals().open(own) is None
    with pytest.raises(ValueError, match="FTM_FUNDAMENTALS_SOURCE=sample"):
        ConfiguredFundamentals(kind="sample").open(own)
    with pytest.raises(ValueError, match="must be sample, files, wrds"):
        ConfiguredFundamentals(kind="compustat").open(own)
    monkeypatch.setenv("FTM_FUNDAMENTALS_SOURCE", "wrds")
    assert isinstance(ConfiguredFundamentals().open(own), WrdsFundamentals)
    ConfiguredFundamentals().require_usable()
    monkeypatch.setenv("FTM_FUNDAMENTALS_SOURCE", "files")
    with pytest.raises(ValueError, match="FTM_FUNDAMENTALS_PATH"):
        ConfiguredFundamentals().open(own)
    monkeypatch.setenv("FTM_FUNDAMENTALS_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(SourceError, match="no such file"):
        ConfiguredFundamentals().require_usable()


def test_the_samples_fundamentals_are_the_same_in_every_span_and_have_gaps():
    permnos = range(900_000, 900_200)
    whole = SampleFundamentals(200, 7).rows(permnos, date(2021, 1, 1), date(2023, 12, 31))
    part = SampleFundamentals(200, 7).rows(permnos, date(2022, 2, 1), date(2022, 9, 30)).to_pylist()
    assert whole.schema.equals(FUNDAMENTALS)
    kept = [r for r in whole.to_pylist() if date(2022, 2, 1) <= r["fiscal_date"] <= date(2022, 9, 30)]
    assert part == kept
    assert 0 < whole.column("known_date").null_count < 0.05 * whole.num_rows
    assert 0 < whole.column("eps").null_count < 0.05 * whole.num_rows
    lags = [(r["known_date"] - r["fiscal_date"]).days for r in whole.to_pylist() if r["known_date"]]
    assert (min(lags), max(lags)) == (15, 25)
    assert SampleFundamentals(200, 7).rows([1], *SPAN).num_rows == 0
