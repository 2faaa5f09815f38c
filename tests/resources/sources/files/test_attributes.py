"""Columns that FTM does not know, in every format: what the calls say in them is kept."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.feather as pf
import pyarrow.parquet as pq
import pyreadstat
import pytest

from ftm_resources.sources.files.attributes import MAX_CHARACTERS
from ftm_resources.sources.files.header import MAX_ATTRIBUTES
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.tables.components import Attributes
from tests.calls_in_files import row, write


def attributes(path: Path, quarter: str = "2020Q4") -> Attributes:
    source = FilesSource(path)
    assert sum(table.num_rows for table in source.components(quarter))
    return source.attributes()


def said(path: Path) -> dict[tuple[str, str], str | None]:
    return {(r["transcriptid"], r["name"]): r["value"] for r in attributes(path).rows.to_pylist()}


def rows(**changes: Any) -> list[dict[str, Any]]:
    return [row(i, **changes) for i in range(3)]


OTHERS: dict[str, Any] = {"Sector": 'Energy; "oil" & gas\'--', "country": "Côte d'Ivoire", "employees": 1200}
EXPECTED = {
    ("55", "sector"): 'Energy; "oil" & gas\'--',
    ("55", "country"): "Côte d'Ivoire",
    ("55", "employees"): "1200",
}


def in_format(ending: str, path: Path, given: list[dict[str, Any]]) -> Path:
    file, frame = path / f"calls{ending}", pd.DataFrame(given)
    if ending == ".csv":
        return write(file, given)
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(given), file)
    elif ending == ".feather":
        pf.write_feather(pa.Table.from_pylist(given), file)
    elif ending == ".xlsx":
        book = openpyxl.Workbook()
        book.active.append(list(given[0]))
        for values in given:
            book.active.append(list(values.values()))
        book.save(file)
    elif ending == ".dta":
        pyreadstat.write_dta(frame, str(file))
    elif ending == ".xpt":
        pyreadstat.write_xport(frame, str(file), file_format_version=8)
    return file


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".feather", ".xlsx", ".dta", ".xpt"])
def test_other_columns_are_kept_in_every_format(tmp_path: Path, ending: str):
    given = rows(**OTHERS)
    if ending in (".dta", ".xpt"):  # dates have formats there; the text is read as one
        given = [r | {"mostimportantdateutc": "2020-11-05 22:00:00"} for r in given]
    assert said(in_format(ending, tmp_path, given)) == EXPECTED


@pytest.mark.parametrize("ending", [".parquet", ".feather"])
def test_values_of_any_type_are_texts_and_nested_ones_are_left_out(tmp_path: Path, ending: str):
    types: dict[str, tuple[pa.DataType, Any, str | None]] = {
        "float": (pa.float64(), 12.0, "12"),
        "half": (pa.float32(), 0.5, "0.5"),
        "bool": (pa.bool_(), True, "true"),
        "day": (pa.date32(), date(2020, 1, 31), "2020-01-31"),
        "bytes": (pa.binary(), b"caf\xe9", "caf\ufffd"),
        "code": (pa.dictionary(pa.int8(), pa.string()), "x", "x"),
        "large": (pa.large_string(), "y", "y"),
        "gap": (pa.string(), "n/a", None),
        "null": (pa.null(), None, None),
        "list": (pa.list_(pa.string()), ["z"], None),
    }
    base = pa.Table.from_pylist(rows())
    for name, (kind, value, _) in types.items():
        base = base.append_column(name, pa.array([value] * 3, kind))
    file = tmp_path / f"calls{ending}"
    (pq.write_table if ending == ".parquet" else pf.write_feather)(base, file)
    found = attributes(file)
    kept = {r["name"]: r["value"] for r in found.rows.to_pylist()}
    assert kept == {name: text for name, (_, _, text) in types.items() if text is not None}
    assert set(found.left_out) == {"null", "list"}


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_days_that_a_program_holds_as_moments_are_days(tmp_path: Path, unit: str):
    def said_of(*moments: str) -> set[str | None]:
        given = [
            {**r, "listed": datetime.fromisoformat(m) if m else None}
            for r, m in zip(rows(), moments, strict=True)
        ]
        table = pa.Table.from_pylist(given)
        table = table.set_column(
            table.column_names.index("listed"), "listed", table.column("listed").cast(pa.timestamp(unit))
        )
        pq.write_table(table, tmp_path / "calls.parquet")
        return set(said(tmp_path / "calls.parquet").values())

    assert said_of("2020-01-05", "", "2020-01-05") == {"2020-01-05"}
    (moment,) = said_of("2020-01-05T09:30", "", "")
    assert moment is not None
    assert moment.startswith("2020-01-05 09:30")


def test_a_value_on_some_rows_counts_and_rows_that_disagree_do_not(tmp_path: Path):
    given = [
        row(0, sector="", mood="calm"),
        row(1, sector="Energy", mood="tense"),
        row(2, sector="NA", mood="calm"),
        row(0, transcriptid=56, sector="Utilities", mood="calm"),
    ]
    assert said(write(tmp_path / "a.csv", given)) == {
        ("55", "sector"): "Energy",
        ("55", "mood"): None,
        ("56", "sector"): "Utilities",
        ("56", "mood"): "calm",
    }


def test_the_files_of_a_folder_agree_whatever_the_case_of_names(tmp_path: Path):
    write(tmp_path / "a.csv", [row(0, Sector="Energy", own="1")])
    write(tmp_path / "b.csv", [row(1, **{" SECTOR ": "Energy"}), row(2, **{" SECTOR ": "Oil"})])
    assert said(tmp_path) == {("55", "sector"): None, ("55", "own"): "1"}


def test_long_texts_and_columns_beyond_the_bounds_are_left_out_by_name(tmp_path: Path):
    many = {f"x{i}": i for i in range(MAX_ATTRIBUTES + 5)}
    long = {"notes": "w " * MAX_CHARACTERS, "just": "w" * MAX_CHARACTERS}
    found = attributes(write(tmp_path / "a.csv", [row(0, **long, **many)]))
    names = set(found.rows.column("name").to_pylist())
    assert len(names) == MAX_ATTRIBUTES - 1
    assert "just" in names
    assert found.left_out["notes"] == f"a value has more than {MAX_CHARACTERS} characters"
    assert f"more than {MAX_ATTRIBUTES}" in found.left_out[f"x{MAX_ATTRIBUTES + 4}"]
    assert len(found.left_out) == 8


def test_a_huge_text_that_repeats_on_every_row_costs_no_memory(tmp_path: Path):
    """50 KB on each of 20,000 rows is a gigabyte if it is not left as codes."""
    n = 20_000
    base = pa.Table.from_pylist([row(i) for i in range(n)])
    text = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array(["w" * 50_000]))
    pq.write_table(base.append_column("whole_call", text.cast(pa.string())), tmp_path / "a.parquet")
    before = pa.default_memory_pool().max_memory()
    found = attributes(tmp_path / "a.parquet")
    assert "whole_call" in found.left_out
    assert pa.default_memory_pool().max_memory() - before < 300_000_000


def test_a_column_that_occurs_twice_or_has_no_name_is_no_attribute(tmp_path: Path):
    plain = write(tmp_path / "a.csv", [row(0, a=1, b=2, c=3)]).read_text()
    (tmp_path / "a.csv").write_text(plain.replace(",a,b,c", ",x,X,"))
    found = attributes(tmp_path / "a.csv")
    assert found.rows.num_rows == 0
    assert found.left_out == {"x": "the column occurs more than once"}


def test_bytes_that_are_not_utf_8_in_another_column_refuse_no_file(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(0, sector="Caf?")])
    path.write_bytes(path.read_bytes().replace(b"Caf?", b"Caf\xe9"))
    assert said(path) == {("55", "sector"): "Caf\ufffd"}


def test_what_is_wrong_in_another_column_of_a_workbook_refuses_no_file(tmp_path: Path):
    given = [row(0, a="#REF!", b="=1+1", c=date(2020, 1, 2), d="Oil")]
    assert said(in_format(".xlsx", tmp_path, given))["55", "d"] == "Oil"


def test_calls_of_other_quarters_have_their_own(tmp_path: Path):
    later = row(0, transcriptid=57, mostimportantdateutc="2021-03-05 22:00:00", sector="Later")
    path = write(tmp_path / "a.csv", [row(0, sector="Now"), later])
    assert said(path) == {("55", "sector"): "Now"}


def test_the_real_calls_have_a_sector_and_an_empty_column(earnings21: Path):
    found = attributes(earnings21).rows
    assert set(found.column("name").to_pylist()) == {"sector"}
    assert found.column("value").null_count == 0
    assert "Basic Materials" in found.column("value").to_pylist()
