from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftm_resources.sources.base import SourceWarning
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


PARTIAL = ": list all of them for each company of the transcript, or remove the company's rows"


def test_a_company_with_some_of_the_components_is_refused_though_another_has_them_all(tmp_path: Path):
    """It may be the one that the call is read for, by its PERMNO or its lower id."""
    write(tmp_path / "a.csv", [row(0) | OTHER, row(0), row(1)])
    write(tmp_path / "b.csv", [row(2)])
    assert problems(tmp_path) == [
        "a.csv row 1, column companyid: company 7 has 1 of the 3 components of transcript 55" + PARTIAL
    ]
    write(tmp_path / "c.csv", [row(2) | OTHER, row(1) | OTHER])
    assert read(tmp_path).num_rows == 6


def test_a_company_with_an_empty_turn_where_another_has_text_is_refused(tmp_path: Path):
    rows = [row(0), row(1), row(0) | OTHER, row(1, componenttext="NULL") | OTHER]
    assert problems(write(tmp_path / "a.csv", rows)) == [
        "a.csv row 3, column companyid: company 7 has 1 of the 2 components of transcript 55" + PARTIAL
    ]


def test_no_company_with_the_whole_transcript_is_a_broken_id(tmp_path: Path):
    rows = [row(0), row(1), row(2) | {"companyid": 18748}, row(3)]
    assert problems(write(tmp_path / "a.csv", rows)) == [
        f"a.csv row {n}, column companyid: company {c} has {k} of the 4 components of transcript 55" + PARTIAL
        for n, c, k in ((1, 18749, 3), (3, 18748, 1))
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
    calls = pq.read_table(earnings21)
    assert notes(earnings21) == []
    texts = pa.array([t[:400] for t in calls.column("componenttext").to_pylist()])
    position = calls.column_names.index("componenttext")
    pq.write_table(calls.set_column(position, "componenttext", texts), tmp_path / "a.parquet")
    found = notes(tmp_path)
    assert len(found) == 18
    assert all("of 400 characters" in n for n in found)


SPELLINGS = {
    "companyid": [row(), row(transcriptid=56)],
    "transcriptid": [row(), row(1)],
    "keydevid": [row(), row(transcriptid=56)],
    "transcriptcomponentid": [row(), row(1)],
}
"""Two rows that an id of each kind may share, or would, as one."""


def refusal(place: str, name: str, zeros: str, first: str, other: str) -> str:
    return (
        f"{place}, column {name}: is written with {zeros}, and the same id in {first} with {other}: they would be "
        "read as one; write each id in one way"
    )


@pytest.mark.parametrize("name", SPELLINGS)
def test_two_spellings_of_an_id_are_refused_in_one_file_and_in_two(tmp_path: Path, name: str):
    one, other = (values | {name: v} for values, v in zip(SPELLINGS[name], ("0012", "12"), strict=True))
    path = write(tmp_path / "a.csv", [one, other])
    expected = refusal("a.csv row 2", name, "no leading zeros", "row 1", "2 leading zeros")
    assert expected in problems(path)
    write(path, [other])
    pq.write_table(pa.Table.from_pylist([one, one | {"componentorder": 2}]), tmp_path / "b.parquet")
    expected = refusal("b.parquet row 1", name, "2 leading zeros", "a.csv, row 1", "no leading zeros")
    assert expected in problems(tmp_path)


def test_two_spellings_of_an_id_are_refused_in_batches_of_their_own_each_once(tmp_path: Path):
    n = 45_000
    columns = {k: [v] * n for k, v in row().items()} | {
        "companyid": ["12"] * 20_000 + ["012"] * 20_000 + ["0012"] * 5_000,
        "transcriptid": [str(i // 10_000 + 1) for i in range(n)],
        "componentorder": [i % 10_000 for i in range(n)],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert problems(tmp_path) == [
        refusal("a.parquet row 20001", "companyid", "1 leading zero", "row 1", "no leading zeros"),
        refusal("a.parquet row 40001", "companyid", "2 leading zeros", "row 1", "no leading zeros"),
    ]


@pytest.mark.parametrize("name", SPELLINGS)
def test_one_spelling_of_an_id_is_one_however_the_files_hold_it(tmp_path: Path, name: str):
    one, other = ({**values, name: v} for values, v in zip(SPELLINGS[name], (12, 13), strict=True))
    share = name in ("companyid", "transcriptid", "keydevid")
    write(tmp_path / "a.csv", [one | {name: "12.0"}])
    pq.write_table(pa.Table.from_pylist([other | {name: 12 if share else 13}]), tmp_path / "b.parquet")
    assert read(tmp_path).num_rows == 2


def test_two_firms_in_one_transcript_are_refused(tmp_path: Path):
    rows = [row(0), row(1, companyname="Rookshaw Holdings"), row(2, companyname="Zed plc")]
    assert problems(write(tmp_path / "a.csv", rows)) == [
        'a.csv row 3, column companyname: "Zed plc" shares no word with "Rookshaw, Inc." earlier in transcript 55, for '
        "the same company: correct the id or the name"
    ]


def test_a_company_whose_transcripts_give_names_without_a_common_word_is_told(tmp_path: Path):
    write(tmp_path / "a.csv", [row(), row(transcriptid=57, companyname="Rookshaw plc")])
    assert read(tmp_path).num_rows == 2
    write(tmp_path / "b.csv", [row(transcriptid=56, companyname="Zed plc")])
    with pytest.warns(
        SourceWarning, match=r"share no word: 18749 \(Rookshaw, Inc., Zed plc\). If they were not renamed"
    ):
        assert read(tmp_path).num_rows == 3


@pytest.mark.parametrize("name", SPELLINGS)
def test_ids_that_differ_only_by_case_are_refused_in_one_file_and_in_two(tmp_path: Path, name: str):
    one, other = (values | {name: v} for values, v in zip(SPELLINGS[name], ("ab-1", "AB-1"), strict=True))
    path = write(tmp_path / "a.csv", [one, other])
    says = f"column {name}: differs only by case from the id in"
    assert f"a.csv row 2, {says} row 1; write each id in one way" in problems(path)
    write(path, [one])
    write(tmp_path / "b.csv", [other])
    assert f"b.csv row 1, {says} a.csv, row 1; write each id in one way" in problems(tmp_path)
    write(tmp_path / "b.csv", [other | {name: "ab-1"}])
    assert not any("by case" in p for p in _problems_or_none(tmp_path))


def _problems_or_none(path: Path) -> list[str]:
    try:
        read(path)
    except ValueError as error:
        return str(error).splitlines()
    return []
