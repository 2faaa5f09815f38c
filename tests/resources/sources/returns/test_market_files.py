"""Market data in files: the formats' columns and units, and what is refused, by file, row and column."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftm_resources.sources.base import SourceError
from ftm_resources.sources.returns.market_files import FilesMarket
from ftm_resources.tables.returns_tables import DAILY, FACTORS

SPAN = (date(2023, 1, 1), date(2023, 1, 31))

CIZ = """PERMNO,DlyCalDt,DlyRet,DlyPrc,ShrOut,DlyVol,DlyCap
10107,2023-01-03,0.01,250.5,7000,1000,1753500
10107,2023-01-04,-0.02,245.49,7000,2000,1718430
10107,2022-12-30,0.5,248,7000,10,1736000
10108,2023-01-03,,10,100,0,1000
"""
LEGACY = """permno;date;RET;PRC;SHROUT;VOL;DLRET;DLSTCD
10107;20230103;0.01;-250.5;7000;1000;;
10107;20230104;0.10;245;7000;-99;-0.5;574
10108;20230104;C;0;100;5;;
10108;20230105;;;;;;574
10109;20230105;-66.0;1;1;1;;
"""
FRENCH = """date,Mkt-RF,SMB,HML,RF,Mom
20230103,0.0101,-0.002,0.003,0.00017,0.001
20230104,-0.0050,0.001,0.000,0.00017,
"""


def market(folder: Path, **files: str) -> FilesMarket:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return FilesMarket(folder)


def daily(source: FilesMarket, permnos: tuple[int, ...] = (10107, 10108, 10109)) -> list[dict[str, object]]:
    (rows,) = source.daily(permnos, *SPAN)
    assert rows.schema.equals(DAILY)
    return rows.to_pylist()


def problems(source: FilesMarket) -> list[str]:
    with pytest.raises(SourceError) as caught:
        list(source.daily(range(10107, 10200), *SPAN))
    assert str(caught.value).startswith("returns: ")
    return [str(p) for p in caught.value.problems]


def test_ciz_columns_are_read_in_dollars_and_shares(tmp_path: Path):
    rows = daily(market(tmp_path, daily=CIZ, factors=FRENCH))
    assert rows[0] == {
        "permno": 10107, "date": date(2023, 1, 3), "ret": 0.01, "price": 250.5, "shares": 7_000_000.0,
        "volume": 1000.0, "market_cap": 1_753_500_000.0,
    }  # fmt: skip
    assert [(r["permno"], r["ret"]) for r in rows] == [(10107, 0.01), (10107, -0.02), (10108, None)]


def test_legacy_columns_have_delisting_returns_compounded_and_codes_of_missing_returns(tmp_path: Path):
    rows = {(r["permno"], r["date"].day): r for r in daily(market(tmp_path, daily=LEGACY))}  # type: ignore[attr-defined]
    assert rows[10107, 3]["price"] == 250.5, "negative: the middle of bid and ask"
    assert rows[10107, 3]["market_cap"] == 250.5 * 7_000_000, "price in dollars times shares, not thousands"
    assert rows[10107, 4]["ret"] == pytest.approx(1.1 * 0.5 - 1)
    assert rows[10107, 4]["volume"] is None
    assert (rows[10108, 4]["ret"], rows[10108, 4]["price"]) == (None, None)
    assert rows[10108, 5]["ret"] == -0.3, "dropped for performance, without a delisting return"
    assert rows[10109, 5]["ret"] is None


def test_factors_are_read_from_the_same_folder(tmp_path: Path):
    rows = market(tmp_path, daily=CIZ, factors=FRENCH).factors(*SPAN)
    assert rows.schema.equals(FACTORS)
    assert rows.to_pylist() == [
        {
            "date": date(2023, 1, 3),
            "mkt_rf": 0.0101,
            "smb": -0.002,
            "hml": 0.003,
            "umd": 0.001,
            "rf": 0.00017,
        },
        {"date": date(2023, 1, 4), "mkt_rf": -0.005, "smb": 0.001, "hml": 0.0, "umd": None, "rf": 0.00017},
    ]


def test_parquet_with_dates_and_floats_is_read_as_csv_is(tmp_path: Path):
    (tmp_path / "csv").mkdir()
    table = pa.table(
        {
            "permno": [10107.0, 10107.0, 10108.0],
            "dlycaldt": [date(2023, 1, 3), date(2023, 1, 4), date(2023, 1, 3)],
            "dlyret": pa.array([0.01, -0.02, None]),
            "dlyprc": [250.5, 245.49, 10.0],
            "shrout": pa.array([7000, 7000, 100], pa.int32()),
            "dlyvol": [1000, 2000, 0],
            "dlycap": [1753500.0, 1718430.0, 1000.0],
        }
    )
    pq.write_table(table, tmp_path / "daily.parquet")
    assert daily(FilesMarket(tmp_path / "daily.parquet")) == daily(market(tmp_path / "csv", daily=CIZ))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("10107,2023-01-05,abc,1,1,1,1", 'daily.csv row 5, column ret: "abc" is not a number'),
        ("10107,2023-01-05,-1.5,1,1,1,1", 'daily.csv row 5, column ret: "-1.5" is below -1'),
        ("10107,2023-01-05,inf,1,1,1,1", 'daily.csv row 5, column ret: "inf" is not a finite number'),
        ("10107,05/01/2023,0.1,1,1,1,1", 'daily.csv row 5, column date: "05/01/2023" is not a date'),
        ("10107,2023-02-30,0.1,1,1,1,1", 'daily.csv row 5, column date: "2023-02-30" is no day'),
        ("MSFT,2023-01-05,0.1,1,1,1,1", 'daily.csv row 5, column permno: "MSFT" is not a PERMNO'),
        (",2023-01-05,0.1,1,1,1,1", "daily.csv row 5, column permno: is missing"),
        ("10107,,0.1,1,1,1,1", "daily.csv row 5, column date: is missing"),
        (
            "10107,2023-01-03,0.1,1,1,1,1",
            "daily.csv row 5, column date: PERMNO 10107 on 2023-01-03 is there already",
        ),
        ("10107,2023-01-05,0.1", "daily.csv row 5: has 3 fields"),
    ],
)
def test_a_bad_row_is_refused_by_file_row_and_column(tmp_path: Path, row: str, said: str):
    (found,) = problems(market(tmp_path, daily=f"{CIZ}{row}\n", factors=FRENCH))
    assert found.startswith(said)


def test_all_problems_of_all_files_are_listed(tmp_path: Path):
    bad = "permno,date,ret\n10107,2023-01-05,x\n10107,2023-01-06,y\n"
    assert len(problems(market(tmp_path, one=bad, two=bad.replace("-01-", "-02-")))) == 4


def test_a_row_that_two_files_have_is_refused(tmp_path: Path):
    (*_, last) = problems(market(tmp_path, a=CIZ, b=CIZ))
    assert "is there already, in a.csv row" in last


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "permno,date,ret\n" + "".join(f"{p},2023-01-03,{p % 7 - 0.9}\n" for p in range(10107, 10167)),
            "not percent",
        ),
        (
            "permno,date,ret,prc,shrout,marketcap\n10107,2023-01-03,0.01,50,1000,50000\n",
            "market values are usually 0.001 times price times shares",
        ),
        (
            "permno,date,ret,prc,shares\n"
            + "".join(f"{p},2023-01-03,0.01,50,9000\n" for p in range(10107, 10167)),
            "half of the market values are under a million dollars",
        ),
        (
            "permno,date,ret,dlstcd\n10107,2023-01-03,0.01,574\n10107,2023-01-04,0.01,574\n",
            "PERMNO 10107 is delisted on an earlier day too",
        ),
        (
            "permno,date,ret,dlret\n10107,2023-01-03,0.01,-0.5\n10107,2023-01-04,0.01,-0.5\n",
            "PERMNO 10107 is delisted on an earlier day too",
        ),
        ("permno,date\n10107,2023-01-03\n", "the column is missing"),
        ("permno,permno,date,ret\n", "more than once"),
    ],
)
def test_a_file_that_means_something_else_is_refused(tmp_path: Path, text: str, said: str):
    assert said in problems(market(tmp_path, daily=text))[0]


def test_a_header_that_says_active_on_every_day_is_no_delisting(tmp_path: Path):
    text = "permno,date,ret,dlstcd\n10107,2023-01-03,0.01,100\n10107,2023-01-04,0.02,100\n"
    assert [r["ret"] for r in daily(market(tmp_path, daily=text))] == [0.01, 0.02]


@pytest.mark.parametrize(
    ("column", "written", "instead"),
    [
        ("mkt_rf", "0.0101", "1.01"),
        ("smb", "-0.002", "-0.6"),
        ("hml", "0.003", "0.9"),
        ("umd", "0.001\n", "0.7\n"),
        ("rf", "0.00017", "0.017"),
        ("rf", "0.00017", "0.05"),
    ],
)
def test_factors_in_percent_or_per_year_are_refused(tmp_path: Path, column: str, written: str, instead: str):
    assert written in FRENCH
    with pytest.raises(SourceError) as caught:
        market(tmp_path, factors=FRENCH.replace(written, instead)).factors(*SPAN)
    (problem,) = caught.value.problems
    assert "it must be a decimal per day" in str(problem)
    assert column in str(problem)


def test_files_without_factors_are_refused(tmp_path: Path):
    (tmp_path / "other").mkdir()
    with pytest.raises(SourceError, match="no file has factors"):
        market(tmp_path / "other", daily=CIZ).factors(*SPAN)


def test_a_file_of_another_kind_and_a_path_without_files_are_refused(tmp_path: Path):
    (tmp_path / "crsp.sas7bdat").write_bytes(b"x")
    assert "returns are read from" in problems(FilesMarket(tmp_path))[0]
    assert "no such file" in problems(FilesMarket(tmp_path / "nowhere"))[0]


def test_provenance_changes_with_the_content(tmp_path: Path):
    source = market(tmp_path, daily=CIZ)
    before = source.provenance()
    assert before["name"] == "files"
    (tmp_path / "daily.csv").write_text(CIZ.replace("0.01", "0.02"))
    assert source.provenance()["sha256"] != before["sha256"]
