from pathlib import Path

import pyarrow as pa
import pytest

from ftm_resources.sources.files.transcript_files import FilesSource
from tests.calls_in_files import problems, read, row, write

OTHER = {"companyid": 7, "companyname": "Other plc"}


def notes(path: Path) -> list[str]:
    source = FilesSource(path)
    list(source.components("2020Q4"))
    return source.audit().column("reason").to_pylist()


def test_a_transcript_may_be_listed_for_several_companies(tmp_path: Path):
    """As a join of WRDS's tables gives it: the same component, with the same id, once for each company."""
    rows = [
        row(i, transcriptcomponentid=i + 1, gvkey=g) | c
        for i in range(3)
        for g, c in (("001690", {}), ("001691", OTHER))
    ]
    found = read(write(tmp_path / "a.csv", rows)).to_pylist()
    assert [(r["companyid"], r["gvkey"], r["componentorder"]) for r in found] == [
        (c, g, i) for i in range(3) for c, g in (("18749", "001690"), ("7", "001691"))
    ]
    assert FilesSource(tmp_path).quarters() == {"2020Q4": 6}


def test_one_of_the_companies_may_have_some_of_the_components(tmp_path: Path):
    assert read(write(tmp_path / "a.csv", [row(0) | OTHER, row(0), row(1), row(2)])).num_rows == 4


def test_no_company_with_the_whole_transcript_is_a_broken_id(tmp_path: Path):
    rows = [row(0), row(1), row(2) | {"companyid": 18748}, row(3)]
    assert problems(write(tmp_path / "a.csv", rows)) == [
        "a.csv row 3, column companyid: company 18748 has 1 of the 4 components of transcript 55, and no other company "
        "has them all"
    ]


def test_empty_turns_are_no_part_of_the_whole(tmp_path: Path):
    assert read(write(tmp_path / "a.csv", [row(0), row(1), row(2, componenttext="") | OTHER])).num_rows == 2


def test_a_component_has_one_text_for_all_companies(tmp_path: Path):
    rows = [row(0), row(0, componenttext="Another.") | OTHER]
    assert problems(write(tmp_path / "a.csv", rows)) == [
        "a.csv row 2, column componenttext: component 0 of transcript 55 has another text for company 18749, in row 1"
    ]


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"mostimportantdateutc": "2020-11-05 22:30:00"}, "mostimportantdateutc"),
        ({"mostimportantdateutc": "2020-11-05"}, "mostimportantdateutc"),
        ({"keydevid": 9}, "keydevid"),
        ({"keydeveventtypename": "Conference Presentation Calls"}, "keydeveventtypename"),
        ({"transcriptcollectiontypename": "Proofed Copy"}, "transcriptcollectiontypename"),
        ({"gvkey": "001691"}, None),
        ({"permno": 10108}, None),
    ],
)
def test_companies_agree_on_the_call_and_have_links_of_their_own(
    tmp_path: Path, changes: dict[str, object], column: str | None
):
    first = {
        "keydevid": 8,
        "keydeveventtypename": "Earnings Calls",
        "transcriptcollectiontypename": "Edited Copy",
        "gvkey": "001690",
        "permno": 10107,
    }
    path = write(tmp_path / "a.csv", [row(**first), row(**(first | changes)) | OTHER])
    if column is None:
        assert read(path).num_rows == 2
        path = write(tmp_path / "a.csv", [row(**first), row(1, **(first | changes))])
        column = next(iter(changes))
    assert problems(path)[0].startswith(f"a.csv row 2, column {column}")


def test_a_gap_contradicts_nothing(tmp_path: Path):
    rows = [row(i, keydevid=k, gvkey=g) for i, (k, g) in enumerate([("", ""), (8, "001690"), ("", "")])]
    assert read(write(tmp_path / "a.csv", rows)).num_rows == 3


@pytest.mark.parametrize(
    ("changes", "ending"),
    [({"componenttext": "Another."}, "row 1, with another text"), ({"speakertypename": "Analysts"}, "row 1")],
)
def test_two_components_in_one_place_are_refused(tmp_path: Path, changes: dict[str, object], ending: str):
    path = write(tmp_path / "a.csv", [row(0), row(0) | changes])
    assert problems(path) == [
        f"a.csv row 2, column componentorder: transcript 55 already has component 0 in {ending}"
    ]


def test_a_component_twice_in_two_files_is_refused_though_it_is_the_same(tmp_path: Path):
    write(tmp_path / "a.csv", [row(0)])
    write(tmp_path / "b.csv", [row(1), row(0), row(0)])
    assert problems(tmp_path) == [
        f"b.csv row {i}, column componentorder: transcript 55 already has component 0 in a.csv, row 1"
        for i in (2, 3)
    ]


def test_many_problems_are_counted_and_some_listed(tmp_path: Path):
    write(tmp_path / "a.csv", [row(i, transcriptid=55) for i in range(500)])
    write(tmp_path / "b.csv", [row(i, transcriptid=55, ticker="X") for i in range(500)])
    with pytest.raises(ValueError, match=r"500 problems(.|\n)*and 480 more"):
        FilesSource(tmp_path).quarters()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            ["x" * 32_767, "short"],
            ["1 turn of 32,767 characters or bytes, where the file seems to cut texts"],
        ),
        (
            ["é" * 16_383 + "e", "short"],
            ["1 turn of 32,767 characters or bytes, where the file seems to cut texts"],
        ),
        (["x" * 32_768, "short"], []),
        (
            [c * 2_045 for c in "abc"],
            ["3 turns of 2,045 characters or bytes, where the file seems to cut texts"],
        ),
        ([c * 2_045 for c in "ab"], []),
        (["a" * 2_045] * 3, []),  # a disclaimer, read out three times
        ([c * 100 for c in "abcd"], []),
        (
            ["é" + c * 253 for c in "abc"],
            ["3 turns of 254 characters or bytes, where the file seems to cut texts"],
        ),
    ],
)
def test_texts_that_something_cut_are_noted(tmp_path: Path, texts: list[str], expected: list[str]):
    path = write(tmp_path / "a.csv", [row(i, componenttext=t) for i, t in enumerate(texts)])
    assert notes(path) == expected


def test_the_real_calls_are_not_cut(earnings21: Path, tmp_path: Path):
    import pyarrow.parquet as pq

    calls = pq.read_table(earnings21)
    assert notes(earnings21) == []
    texts = pa.array([t[:400] for t in calls.column("componenttext").to_pylist()])
    position = calls.column_names.index("componenttext")
    pq.write_table(calls.set_column(position, "componenttext", texts), tmp_path / "a.parquet")
    found = notes(tmp_path)
    assert len(found) == 18
    assert all("of 400 characters" in n for n in found)
