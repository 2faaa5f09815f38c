"""Stata files of every type, read by pandas and by ReadStat."""

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest

from ftm_assets.cli.stata_files import MAX_LONG, StataFile, Variable, quarter_variable, variable


def test_values_at_the_bounds_come_back(tmp_path: Path):
    schema = pa.schema(
        [
            ("t", pa.string()),
            ("w", pa.int32()),
            ("big", pa.int64()),
            ("x", pa.float64()),
            ("b", pa.bool_()),
            ("d", pa.date32()),
            ("at", pa.timestamp("us", "UTC")),
            ("q", pa.string()),
        ]
    )
    rows = [
        {
            "t": "ß" * 1022,
            "w": MAX_LONG,
            "big": 2**40,
            "x": -1e300,
            "b": True,
            "d": date(1959, 12, 31),
            "at": datetime(1999, 12, 31, 23, 59, 59, 999000, UTC),
            "q": "1959Q4",
        },
        dict.fromkeys(schema.names),
        {
            "t": "",
            "w": -5,
            "big": -1,
            "x": 0.1,
            "b": False,
            "d": date(2100, 1, 1),
            "at": datetime(1960, 1, 1, tzinfo=UTC),
            "q": "2024Q2",
        },
    ]
    variables = [
        variable(f.name, f.name.upper(), f.type, longest=2044, greatest=MAX_LONG if f.name == "w" else 2**40)
        for f in schema
        if f.name != "q"
    ]
    path = tmp_path / "x.dta"
    with StataFile(path, [*variables, quarter_variable("q", "Q")], 3, label="ü" * 90) as file:
        for row in rows:
            file.write(pa.Table.from_pylist([row], schema=schema))
    found = pd.read_stata(path)
    assert list(found["t"]) == ["ß" * 1022, "", ""]
    assert list(found["w"].dropna()) == [MAX_LONG, -5]
    assert list(found["big"].dropna()) == [2**40, -1]
    assert list(found["x"].dropna()) == [-1e300, 0.1]
    assert list(found["b"].dropna()) == [1, 0]
    assert [d.date() for d in found["d"].dropna()] == [date(1959, 12, 31), date(2100, 1, 1)]
    assert found["at"][0] == pd.Timestamp("1999-12-31 23:59:59.999")
    assert [d.date() for d in found["q"].dropna()] == [date(1959, 10, 1), date(2024, 4, 1)]
    assert all(found[c][1:2].isna().all() for c in ("w", "big", "x", "b", "d", "at", "q"))
    read, about = pyreadstat.read_dta(str(path))
    assert about.number_rows == 3
    assert about.file_label == "ü" * 80
    assert about.column_labels == ["T", "W", "BIG", "X", "B", "D", "AT", "Q"]
    assert list(read["t"]) == ["ß" * 1022, "", ""]


def test_a_file_without_rows_is_a_file(tmp_path: Path):
    with StataFile(tmp_path / "x.dta", [variable("x", "X", pa.float64())], 0) as file:
        file.write(pa.table({"x": pa.array([], pa.float64())}))
    assert list(pd.read_stata(tmp_path / "x.dta").columns) == ["x"]


def test_what_stata_cannot_hold_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="2046 bytes"):
        variable("t", "", pa.string(), longest=2046)
    with pytest.raises(ValueError, match="32"):
        Variable("x" * 33, "", "byte", "%8.0g")
    with pytest.raises(ValueError, match="no type for list"):
        variable("x", "", pa.list_(pa.string()))
    with (
        pytest.raises(ValueError, match="2 announced"),
        StataFile(tmp_path / "x.dta", [variable("x", "", pa.float64())], 2) as file,
    ):
        file.write(pa.table({"x": [1.0]}))
    with (
        pytest.raises(ValueError, match="text of 3 bytes"),
        StataFile(tmp_path / "y.dta", [variable("t", "", pa.string(), longest=2)], 1) as file,
    ):
        file.write(pa.table({"t": ["abc"]}))
