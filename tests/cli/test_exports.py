"""Tables as files that other programs read."""

import csv
import json
from pathlib import Path

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
        documented = {r["column"]: r["meaning"] for r in csv.DictReader(file)}
    assert set(documented) == set(rows[0])
    assert all(documented.values())


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
