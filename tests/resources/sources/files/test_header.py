from pathlib import Path

import pytest

from ftm_resources.sources.files import header
from ftm_resources.sources.files.columns import REQUIRED
from ftm_resources.sources.files.problems import Problems
from tests.calls_in_files import problems, read, row, write


@pytest.mark.parametrize(
    "spelling",
    [
        str.upper,
        str.title,
        lambda n: f" {n} ",
        lambda n: f'"{n}"',
        lambda n: f"\ufeff{n}",
        lambda n: n.replace("id", "_id"),
    ],
)
def test_columns_are_known_under_the_spellings_of_other_programs(tmp_path: Path, spelling):
    renamed = [
        {spelling(name): value for name, value in row(i, link_date="2020-11-05").items()} for i in range(2)
    ]
    rows = read(write(tmp_path / "a.csv", renamed)).to_pylist()
    assert [(r["transcriptid"], str(r["link_date"])) for r in rows] == [("55", "2020-11-05")] * 2


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("companyId", "companyid"),
        ("Company ID", "companyid"),
        ("transcript.id", "transcriptid"),
        ("linkDate", "link_date"),
        ("TranscriptComponentTypeName", "componenttypename"),
        ("Unnamed: 0", None),
        ("", None),
        ("is_date_only", None),
        ("id", None),
        ("company", None),
    ],
)
def test_a_name_means_one_column_or_none(name: str, meant: str | None):
    assert header.known(name) == meant


def test_an_index_column_of_pandas_is_ignored(tmp_path: Path):
    assert (
        read(write(tmp_path / "a.csv", [{"": i, "Unnamed: 0": i} | row(i) for i in range(2)])).num_rows == 2
    )


def test_two_spellings_of_one_column_are_refused_with_both(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(company_id=7)])
    assert problems(path) == [
        "a.csv, column companyid: the column occurs more than once: companyid, company_id"
    ]


def test_each_missing_column_is_named():
    found = Problems("a.csv")
    assert header.columns(["companyid", "x" * 400], found) is None
    assert [p.column for p in found.listed] == list(REQUIRED)[1:]
    assert len(found.listed[0].message) < 400
