from pathlib import Path

import pytest

from ftm_resources.sources.base import SourceWarning
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


def test_missing_columns_are_named_in_one_problem():
    found = Problems("a.csv")
    assert header.columns(["companyid", "x" * 400], found) is None
    (only,) = found.listed
    assert only.message.startswith(
        f"the columns {', '.join(REQUIRED[1:])} are missing; found: companyid, xxx"
    )
    assert len(only.message) < 500
    found = Problems("a.csv")
    assert header.columns(list(REQUIRED[1:]), found) is None
    assert [p.column for p in found.listed] == ["companyid"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mostImportantTime", "mostimportanttimeutc"),
        ("mostimportantdate", "mostimportantdateutc"),
        ("transcript_creation_date", "transcriptcreationdate_utc"),
        ("TranscriptCreationTime", "transcriptcreationtime_utc"),
    ],
)
def test_a_name_without_its_utc_is_known(name: str, meant: str):
    assert header.known(name) == meant


@pytest.mark.parametrize(
    ("name", "counterpart"),
    [
        ("start_time", "mostimportanttimeutc"),
        ("eventTime", "mostimportanttimeutc"),
        ("event", "keydevid"),
        ("event_type", "keydeveventtypename"),
        ("keydev", "keydeveventtypeid"),
        ("LPERMNO", "permno"),
        ("gvkey_parent", "gvkey"),
        ("Ticker Symbol", "ticker"),
        ("transcriptCollectionType", "transcriptcollectiontypename"),
        ("created_date", "transcriptcreationdate_utc"),
        ("section_type", "componenttypename"),
        ("linkdt", "link_date"),
    ],
)
def test_an_unread_column_that_may_be_meant_is_told_unless_its_counterpart_is_there(
    tmp_path: Path, name: str, counterpart: str
):
    path = write(tmp_path / "a.csv", [row() | {name: "1", "sector": "x"}])
    with pytest.warns(SourceWarning, match=f"a.csv: not read, though .*: {name}. To have") as told:
        assert read(path).num_rows == 1
    assert len(told) == 1
    found = Problems("a.csv")
    header.columns([*REQUIRED, name, counterpart], found)
    assert found.unread == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Unnamed: 0",
        "sector",
        "sentiment",
        "event_url_even",
        "date",
        "report_date",
        "company_size",
        "prevented",
    ],
)
def test_other_unread_columns_are_not_worth_a_word(name: str):
    found = Problems("a.csv")
    header.columns([*REQUIRED, name, "keydevid"], found)
    assert found.unread == []
