import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftm_resources.sources.base import SourceError, SourceWarning
from ftm_resources.sources.files.header import BATCH_ROWS
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.sources.values import GAPS_IN_TEXT
from ftm_resources.tables.components import COMPONENTS
from tests.calls_in_files import problems, read, row, write

OLD_EXPORT = [
    "companyid",
    "companyname",
    "transcriptid",
    "componenttext",
    "componentorder",
    "mostimportantdateutc",
    "speakertypename",
]


def test_the_real_calls_load_from_parquet(earnings21: Path):
    rows = read(earnings21)
    assert rows.num_rows == 1014 + 143
    assert rows.schema.equals(COMPONENTS)
    assert len(rows.column("transcriptid").unique()) == 18 + 2, "18 of the quarter, 2 of the week after it"


def test_the_old_csv_export_of_the_real_calls_loads_the_same(earnings21: Path, tmp_path: Path):
    table = pq.read_table(earnings21, columns=OLD_EXPORT)
    path = write(tmp_path / "old.csv", table.to_pylist())
    assert read(path).select(OLD_EXPORT).equals(read(earnings21).select(OLD_EXPORT))


def test_quotes_newlines_commas_and_a_byte_order_mark_are_read(tmp_path: Path):
    text = 'First line,\nsecond "quoted" line.'
    rows = read(write(tmp_path / "a.csv", [row(componenttext=text)], encoding="utf-8-sig"))
    assert rows.column("componenttext").to_pylist() == [text]


def test_column_names_match_in_any_case_and_gzip_is_read(tmp_path: Path):
    plain = write(tmp_path / "a.csv", [row()]).read_text().replace("companyid", "CompanyID")
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.encode()))
    assert read(packed).num_rows == 1


def test_ids_that_pandas_wrote_as_floats_are_whole_and_gvkeys_keep_their_zeros(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(companyid="18749.0", permno="10107.0", gvkey="001690")])
    (found,) = read(path).to_pylist()
    assert (found["companyid"], found["permno"], found["gvkey"]) == ("18749", 10107, "001690")


@pytest.mark.parametrize(
    ("given", "quarter"),
    [
        ("2021-01-01 02:30:00", "2020Q4"),  # 21:30 on New Year's Eve in New York
        ("2021-01-01T02:30:00Z", "2020Q4"),
        ("2021-01-01T06:30:00+01:00", "2021Q1"),
        ("2021-01-01", "2021Q1"),  # a bare date is the date in New York
        ("1/1/2021", "2021Q1"),
        ("2021-01-01 00:00:00", "2021Q1"),  # every time in the file is midnight: dates
    ],
)
def test_the_quarter_is_the_one_of_the_date_in_new_york(tmp_path: Path, given: str, quarter: str):
    path = write(tmp_path / "a.csv", [row(mostimportantdateutc=given)])
    assert FilesSource(path).quarters() == {quarter: 1}


def test_calls_within_a_week_of_the_quarter_are_yielded_too_and_count_in_their_own(tmp_path: Path):
    days = ["2020-09-23", "2020-09-24", "2020-11-05", "2021-01-07", "2021-01-08"]
    rows = [
        row(o, transcriptid=i, mostimportantdateutc=f"{day} 21:30:00")
        | ({"componenttext": ""} if (i, o) == (4, 1) else {})
        for i, day in enumerate(days, start=1)
        for o in range(2)
    ]
    source = FilesSource(write(tmp_path / "a.csv", rows))
    found = pa.concat_tables(source.components("2020Q4"))
    assert sorted(found.column("transcriptid").unique().to_pylist()) == ["2", "3", "4"]
    assert source.quarters() == {"2020Q3": 4, "2020Q4": 2, "2021Q1": 3}
    assert source.audit().num_rows == 0, "the note on transcript 4 belongs to its own quarter"


def test_turns_without_text_are_passed_over_and_noted(tmp_path: Path):
    rows = [row(0), row(1, componenttext=" "), row(2), row(3, componenttext="")]
    rows += [row(i, transcriptid=56, componenttext="\t") for i in range(2)]
    source = FilesSource(write(tmp_path / "a.csv", rows))
    done: list[tuple[int, int | None]] = []
    found = pa.concat_tables(source.components("2020Q4", lambda *moved: done.append(moved)))
    assert found.column("componentorder").to_pylist() == [0, 2]
    assert done[-1] == (2, 2)
    assert source.audit().to_pylist() == [
        {"transcriptid": "55", "companyid": "18749", "status": "kept", "reason": "2 turns without text"},
        {"transcriptid": "56", "companyid": "18749", "status": "empty", "reason": "2 turns without text"},
    ]
    assert source.quarters() == {"2020Q4": 2}


def test_rows_that_repeat_another_exactly_are_passed_over_and_noted(tmp_path: Path):
    rows = [row(0, transcriptcomponentid=1), row(1, transcriptcomponentid=2)]
    people = [r | {"proid": p} for r in rows for p in range(3)]  # a join with a table of people
    source = FilesSource(write(tmp_path / "a.csv", people))
    assert pa.concat_tables(source.components("2020Q4")).column("componentorder").to_pylist() == [0, 1]
    assert [a["reason"] for a in source.audit().to_pylist()] == ["4 repeated rows skipped"]
    assert source.quarters() == {"2020Q4": 2}


def test_the_real_calls_have_nothing_to_note(earnings21: Path):
    source = FilesSource(earnings21)
    assert sum(t.num_rows for t in source.components("2020Q4")) == 1014 + 143
    assert source.audit().num_rows == 0


def test_a_copy_of_a_file_is_refused_by_name(tmp_path: Path):
    write(tmp_path / "a.csv", [row()])
    (tmp_path / "b.csv").write_bytes((tmp_path / "a.csv").read_bytes())
    assert problems(tmp_path) == ["b.csv: is a copy of a.csv: remove one"]


def test_the_same_transcripts_in_two_formats_are_refused_by_name(tmp_path: Path):
    rows = [row(i) for i in range(2)]
    write(tmp_path / "a.csv", rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "b.parquet")
    found = problems(tmp_path)
    assert len(found) == 2
    assert found[0].startswith(
        "b.parquet row 1, column componentorder: transcript 55 already has component 0 in a.csv"
    )


def test_a_transcript_may_be_spread_over_files(tmp_path: Path):
    write(tmp_path / "a.csv", [row(0), row(1, componenttext="")])
    write(tmp_path / "b.csv", [row(2), row(3, componenttext="")])
    source = FilesSource(tmp_path)
    assert sum(t.num_rows for t in source.components("2020Q4")) == 2
    assert [a["reason"] for a in source.audit().to_pylist()] == ["2 turns without text"]


def test_a_file_that_changes_between_the_passes_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(i) for i in range(2 * BATCH_ROWS)])
    found = FilesSource(path).components("2020Q4")
    next(found)
    write(path, [row(i) for i in range(10)])
    with pytest.raises(SourceError, match="changed while"):
        list(found)


def test_a_file_whose_content_alone_changes_between_the_passes_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(i) for i in range(BATCH_ROWS + 1)])
    found = FilesSource(tmp_path).components("2020Q4")
    next(found)
    write(path, [row(i, componenttext=f"Komponent {i}.") for i in range(BATCH_ROWS + 1)])
    with pytest.raises(SourceError, match=r"the files changed while they were read: a\.csv"):
        list(found)


def test_the_provenance_is_that_of_the_files_that_were_read(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row()])
    for where in (path, tmp_path):
        write(path, [row()])
        source, before = FilesSource(where), FilesSource(where).provenance()
        list(source.components("2020Q4"))
        write(path, [row(1)])
        assert source.provenance() == before
        assert FilesSource(where).provenance() != before


def test_dates_that_a_program_moved_to_utc_are_told(tmp_path: Path):
    changes = {"mostimportantdateutc": "2021-01-01 05:00:00"}
    path = write(tmp_path / "a.csv", [row(**changes)])
    with pytest.warns(
        SourceWarning, match="a.csv: every mostimportantdateutc is 00:00:00 in New York"
    ) as told:
        (found,) = read(path, "2021Q1").to_pylist()
    assert len(told) == 1
    assert (found["mostimportantdateutc"].isoformat(), found["is_date_only"]) == (
        "2021-01-01T00:00:00+00:00",
        True,
    )


def test_midnight_among_other_times_is_a_date_only(tmp_path: Path):
    rows = [row(mostimportantdateutc="2021-01-01 00:00:00"), row(transcriptid=56)]
    path = write(tmp_path / "a.csv", rows)
    marks = {
        r["transcriptid"]: r["is_date_only"] for q in ("2020Q4", "2021Q1") for r in read(path, q).to_pylist()
    }
    assert marks == {"55": True, "56": False}
    assert FilesSource(path).quarters() == {"2020Q4": 1, "2021Q1": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"componentorder": "x"}, 'a.csv row 2, column componentorder: "x" is not a whole number'),
        ({"componentorder": "1.5"}, 'column componentorder: "1.5" is not'),
        ({"componentorder": "-1"}, 'column componentorder: "-1" is not'),
        ({"componentorder": "1_0"}, 'column componentorder: "1_0" is not'),
        ({"permno": "8" * 20}, f'column permno: "{"8" * 20}" is not a PERMNO'),
        ({"link_date": "soon"}, 'column link_date: "soon" is not a date'),
        ({"mostimportantdateutc": "31/11/2020"}, '"31/11/2020" is not a date'),
        (
            {"mostimportantdateutc": "5/11/2020"},
            '"5/11/2020" is 5 November or 11 May: no date of the column shows which',
        ),
        (
            {"mostimportantdateutc": "1900-01-01"},
            'row 2, column mostimportantdateutc: "1900-01-01" is before 1990',
        ),
        ({"mostimportantdateutc": "2020-W45-4"}, '"2020-W45-4" is not a date'),
        ({"mostimportanttimeutc": "25:30"}, 'column mostimportanttimeutc: "25:30" is not a time'),
        (
            {"mostimportantdateutc": "2020-11-06 22:00:00"},
            "column mostimportantdateutc: 2020-11-06 22:00:00+00:00 differs from 2020-11-05 22:00:00+00:00",
        ),
        ({"componenttext": "a\0b"}, "a.csv row 2, column componenttext: contains a NUL character"),
        ({"mostimportantdateutc": "soon"}, 'a.csv row 2, column mostimportantdateutc: "soon" is not a date'),
        ({"companyid": ""}, "a.csv row 2, column companyid: is empty"),
        (
            {"componentorder": 0},
            "a.csv row 2, column componentorder: transcript 55 already has component 0 in row 1",
        ),
        ({"keydevid": 8}, "a.csv row 3, column keydevid: 9 differs from 8 earlier in transcript 55"),
        (
            {"gvkey": "001690"},
            "a.csv row 3, column gvkey: 001691 differs from 001690 earlier in transcript 55",
        ),
    ],
)
def test_a_bad_value_is_refused_by_file_row_and_column(tmp_path: Path, changes: dict[str, Any], message: str):
    empty = dict.fromkeys(changes, "")
    last = {"keydevid": 9, "gvkey": "001691"}
    last = empty | {name: value for name, value in last.items() if name in changes}
    path = write(tmp_path / "a.csv", [empty | row(0), row(1) | changes, last | row(2)])
    assert any(message in p for p in problems(path))


def test_rows_are_counted_right_behind_a_quoted_newline(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(0, componenttext="a\nb\nc"), row("x")])
    assert problems(path)[0].startswith("a.csv row 2, column componentorder")


def test_twenty_problems_are_listed_at_once_and_the_rest_counted(tmp_path: Path):
    write(tmp_path / "a.csv", [row(f"x{i}") for i in range(15)])
    write(tmp_path / "b.csv", [row(f"y{i}", transcriptid=56) for i in range(15)])
    with pytest.raises(SourceError, match=r"30 problems(.|\n)*and 10 more") as error:
        next(FilesSource(tmp_path).components("2020Q4"))
    assert len(error.value.problems) == 20


def test_a_component_twice_across_files_is_named_with_both(tmp_path: Path):
    write(tmp_path / "a.csv", [row()])
    write(tmp_path / "b.csv", [row(), row(1)])
    assert problems(tmp_path) == [
        "b.csv row 1, column componentorder: transcript 55 already has component 0 in a.csv, row 1"
    ]


def test_a_component_id_twice_is_named(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(0, transcriptcomponentid=7), row(1, transcriptcomponentid=7)])
    assert problems(path) == [
        "a.csv row 2, column transcriptcomponentid: the component in row 1 has the same id"
    ]


def test_a_quote_that_is_never_closed_is_named_and_what_came_before_is_checked(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row("x"), row(1)])
    path.write_bytes(path.read_bytes().replace(b"Component 1.", b'"Component 1.'))
    first, second = problems(path)
    assert first.startswith("a.csv row 1, column componentorder")
    assert second.startswith("a.csv row 2: is not well-formed CSV")


def test_parquet_types_that_other_tools_write_are_read(tmp_path: Path):
    table = pa.table(
        {
            "companyid": pa.array([18749.0, 18749.0]),
            "companyname": pa.array(["Rookshaw, Inc."] * 2).dictionary_encode(),
            "transcriptid": pa.array([55, 55], pa.decimal128(10, 2)),
            "componenttext": pa.array(["One.", "Two."], pa.large_string()),
            "componentorder": pa.array([0.0, 1.0]),
            "mostimportantdateutc": pa.array([1604613600000000001] * 2, pa.timestamp("ns")),
            "speakertypename": pa.array([b"Executives"] * 2),
            "transcriptcomponenttypename": ["Question", "Answer"],  # its name in WRDS
            "link_date": pa.array([1604613600] * 2, pa.timestamp("s")),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    _, second = read(tmp_path).to_pylist()
    assert (second["companyid"], second["transcriptid"], second["componentorder"]) == ("18749", "55", 1)
    assert second["mostimportantdateutc"].isoformat() == "2020-11-05T22:00:00+00:00"
    assert second["componenttypename"] == "Answer"
    assert second["link_date"].isoformat() == "2020-11-05"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"componentorder": [0.0, 1.5, None]}, 'row 2, column componentorder: "1.5" is not a whole number'),
        ({"componentorder": [0.0, 1.0, None]}, "row 3, column componentorder: is empty"),
        ({"componenttext": [["a"], ["b"], ["c"]]}, "column componenttext: contains list"),
        ({"mostimportantdateutc": [20201305] * 3}, '"20201305" is not a date'),
    ],
)
def test_parquet_values_of_a_wrong_kind_are_named(tmp_path: Path, changes: dict[str, Any], message: str):
    table = pa.Table.from_pylist([row(i) for i in range(3)]).to_pydict()
    pq.write_table(pa.table(table | changes), tmp_path / "a.parquet")
    assert any(message in p for p in problems(tmp_path))


def test_a_large_file_comes_in_batches_and_is_numbered_through(tmp_path: Path):
    rows = [row(i, transcriptid=56 + i % 3) for i in range(2 * BATCH_ROWS + 5)]
    path = write(tmp_path / "a.csv", rows)
    steps: list[tuple[int, int | None]] = []
    tables = list(
        FilesSource(path).components("2020Q4", progress=lambda done, total: steps.append((done, total)))
    )
    assert [t.num_rows for t in tables] == [BATCH_ROWS, BATCH_ROWS, 5]
    assert steps[-1] == (2 * BATCH_ROWS + 5, 2 * BATCH_ROWS + 5)
    rows[-1]["componentorder"] = "x"
    assert problems(write(path, rows))[0].startswith(f"a.csv row {len(rows)}, column componentorder")


def test_a_time_of_its_own_column_joins_the_date(tmp_path: Path):
    changes = {"mostimportantdateutc": "2021-01-01", "mostimportanttimeutc": "02:30:00"}
    (found,) = read(write(tmp_path / "a.csv", [row(**changes)])).to_pylist()
    assert found["mostimportantdateutc"].isoformat() == "2021-01-01T02:30:00+00:00"
    assert not found["is_date_only"]


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30
).filter(lambda text: text.strip() and text.strip() not in GAPS_IN_TEXT)


@given(st.lists(texts, min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
def test_any_text_comes_back_as_it_was_from_both_formats(tmp_path: Path, said: list[str]):
    rows = [row(i, componenttext=text) for i, text in enumerate(said)]
    path = write(tmp_path / "a.csv", rows)
    assert read(path).column("componenttext").to_pylist() == said
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "b.parquet")
    assert read(tmp_path / "b.parquet").column("componenttext").to_pylist() == said


def test_a_missing_column_is_named(tmp_path: Path):
    without = {k: v for k, v in row().items() if k != "companyname"}
    assert "column companyname: the column is missing" in problems(write(tmp_path / "a.csv", [without]))[0]


def test_invalid_utf_8_is_named_by_row_and_column_and_the_rest_is_checked_too(tmp_path: Path):
    text = "Two\nlines, Société"
    path = write(
        tmp_path / "a.csv",
        [row(0), row(1, componenttext=text), row(2, companyname="Café Rookshaw"), row("x")],
    )
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xe9"))
    assert problems(path) == [
        'a.csv row 2, column componenttext: is not UTF-8 after "Two\nlines, Soci" (bytes e9): save the file as UTF-8',
        'a.csv row 3, column companyname: is not UTF-8 after "Caf" (bytes e9): save the file as UTF-8',
        'a.csv row 4, column componentorder: "x" is not a whole number of 0 or more',
    ]


def test_invalid_utf_8_in_parquet_is_named_by_row_and_column(tmp_path: Path):
    rows = [row(0), row(1, componenttext=b"Soci\xe9t\xe9")]
    rows[0]["componenttext"] = b"Hello."
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert problems(tmp_path)[0].startswith("a.parquet row 2, column componenttext: is not UTF-8 after")


def test_a_line_with_too_few_fields_is_named(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(0)])
    path.write_text(path.read_text() + "1,2,3\n")
    assert problems(path) == ["a.csv row 2: has 3 fields, but the header has 7"]


def test_a_folder_without_transcripts_and_a_path_that_is_not_there_are_refused(tmp_path: Path):
    assert "contains no" in problems(tmp_path)[0]
    assert "there is no such file" in problems(tmp_path / "nowhere")[0]
