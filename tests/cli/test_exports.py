"""Tables as files that other programs read."""

import csv
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftm_resources.warehouse import Warehouse


def test_parquet_holds_the_rows_as_they_are(warehouse: Warehouse, ftm, tmp_path: Path):
    out = tmp_path / "out"
    done = ftm("export", "tables", "2020Q1", "--out", str(out), "--table", "firm_topics")
    assert done.exit_code == 0, done.output
    stored = warehouse.read("firm_topics", "2020Q1")
    assert pq.read_table(out / "firm_topics.parquet").to_pylist() == stored.to_pylist()


@pytest.mark.usefixtures("warehouse")
def test_csv_writes_lists_as_json_and_documents_the_columns(ftm, tmp_path: Path):
    out = tmp_path / "it's out"
    done = ftm("export", "tables", "2020Q1", "-o", str(out), "-t", "firm_topics", "-f", "csv")
    assert done.exit_code == 0, done.output
    with (out / "firm_topics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [json.loads(r["keywords"]) for r in rows] == [["price", "mix"]] * 3
    with (out / "columns.csv").open() as file:
        described = list(csv.DictReader(file))
    documented = {r["column"]: r["meaning"] for r in described}
    assert {r["nullable"] for r in described} <= {"true", "false"}
    assert set(documented) == set(rows[0])
    assert all(documented.values())


HOSTILE = [
    "=HYPERLINK(1)",
    "+1",
    "-cmd|calc",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'=1",
    "'",
    "plain",
    "a=1",
    "",
    "a;=cmd|calc;",
    "a;+1;-1;@1;'1;b",
    "a\n=1\r-1\t@1",
    ";;=1",
    "\t\t=1",
    "'a;''=1",
]


def test_csv_texts_are_no_formulas_and_can_be_had_back(place: Path, ftm, tmp_path: Path):
    n = len(HOSTILE)
    rows = {
        "firm_id": [str(i) for i in range(n)],
        "status": ["failed"] * n,
        "reason": HOSTILE,
        "n_sentences": pa.array([1] * n, pa.int32()),
        "n_topics": pa.array([0] * n, pa.int32()),
        "outlier_share": [0.0] * n,
        "seconds": [-0.0] * n,
    }
    Warehouse(path=str(place / "warehouse")).replace("firm_status", "2020Q1", [pa.table(rows)])
    done = ftm("export", "tables", "2020Q1", "-o", str(tmp_path / "out"), "-t", "firm_status", "-f", "csv")
    assert done.exit_code == 0, done.output
    with (tmp_path / "out" / "firm_status.csv").open(newline="") as file:
        found = sorted(csv.DictReader(file), key=lambda r: int(r["firm_id"]))
    assert all(not r["reason"].startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for r in found)
    # As a spreadsheet reads it where cells are separated by semicolons: quotation marks inside a cell are text.
    assert not any(re.search(r"[;\t\r\n][=+@-]", r["reason"]) for r in found)
    unmarked = [re.sub(r"([;\t\r\n])'", r"\1", r["reason"].removeprefix("'")) for r in found]
    assert unmarked == HOSTILE
    assert {r["seconds"] for r in found} == {"-0.0"}, "numbers are untouched"


@pytest.mark.usefixtures("warehouse")
def test_files_that_are_there_are_kept_unless_told_otherwise(ftm, tmp_path: Path):
    export = ["export", "tables", "2020Q1", "-o", str(tmp_path), "-t", "firm_topics"]
    assert ftm(*export).exit_code == 0
    refused = ftm(*export)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert ftm(*export, "--force").exit_code == 0


@pytest.mark.usefixtures("warehouse")
def test_a_quarter_that_is_not_there_writes_nothing(ftm, tmp_path: Path):
    refused = ftm("export", "tables", "2021Q1", "-o", str(tmp_path / "out"))
    assert refused.exit_code == 1
    assert not (tmp_path / "out").exists()
    assert "no quarter 2021Q1 in " in refused.stderr


def test_calls_from_wrds_need_credentials_and_a_known_ending(
    ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("WRDS_USERNAME", "WRDS_PASSWORD", "WRDS_SECRET_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    refused = ftm("export", "transcripts", "-q", "2023Q1", "-o", str(tmp_path / "q.parquet"))
    assert refused.exit_code == 1
    assert "Set WRDS_USERNAME and WRDS_PASSWORD" in refused.stderr
    refused = ftm("export", "transcripts", "-q", "2023Q1", "-o", str(tmp_path / "q.xlsx"))
    assert refused.exit_code == 1
    assert "q.xlsx must end in one of" in refused.stderr


@pytest.mark.parametrize(
    ("name", "said"), [("theme", "Did you mean themes"), ("qqq", "There are transcripts, ")]
)
def test_an_unknown_table_is_a_plain_line(ftm, tmp_path: Path, name: str, said: str):
    refused = ftm("export", "tables", "2020Q1", "--out", str(tmp_path / "out"), "--table", name)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"There is no table {name}. {said}")
    assert "│" not in refused.stderr
