"""Columns of any type to those of COMPONENTS: what each value means, and how a bad one is reported."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.sources.files.columns import normalise
from ftm_resources.sources.files.file_conventions import conventions
from ftm_resources.sources.files.problems import Problems
from ftm_resources.sources.files.tabular import batches
from ftm_resources.sources.values import GAPS
from ftm_resources.tables.components import COMPONENTS, rank

REPOSITORY = Path(__file__).resolve().parents[4]

EVENING = datetime(2021, 2, 3, 21, 30, tzinfo=UTC)
DAY = datetime(2021, 2, 3, tzinfo=UTC)


def table(**columns: Any) -> pa.Table:
    """Return a file's batch; a column is a list, an array, or one value for all rows."""
    n = max((len(c) for c in columns.values() if isinstance(c, list | pa.Array | np.ndarray)), default=1)
    given_ = {
        "companyid": "18749",
        "companyname": "Rookshaw, Inc.",
        "transcriptid": "55",
        "componenttext": "Sales rose.",
        "componentorder": list(range(n)),
        "mostimportantdateutc": "2021-02-03 21:30:00",
        "speakertypename": "Executives",
        **columns,
        "row": list(range(1, n + 1)),
    }
    return pa.table(
        {k: v if isinstance(v, list | pa.Array | np.ndarray) else [v] * n for k, v in given_.items()}
    )


def read(**columns: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows and the problems of a file of one batch."""
    raw, problems = table(**columns), Problems("a.csv")
    rows = normalise(raw, problems, conventions([raw]))
    assert rows.num_rows == raw.num_rows
    assert rows.select(COMPONENTS.names).schema.types == COMPONENTS.types
    return rows.to_pylist(), [str(p) for p in problems.listed]


def column(name: str, values: Any, **others: Any) -> list[Any]:
    """Return a column, of which every value can be read."""
    rows, problems = read(**{name: values}, **others)
    assert problems == []
    return [row[name] for row in rows]


@pytest.mark.parametrize(
    "name",
    [
        "keydevid",
        "gvkey",
        "permno",
        "transcriptcomponentid",
        "link_date",
        "keydeveventtypename",
        "componenttypename",
    ],
)
def test_a_gap_is_null_in_every_column(name: str):
    written = [*sorted(GAPS), "NA", "NaN", "None", "NULL", "N/A", "NaT", "<NA>", r"\N", " NA ", "#N/A", None]
    assert set(column(name, written)) == {None}


@pytest.mark.parametrize("name", ["keydevid", "gvkey", "permno"])
@pytest.mark.parametrize(
    "values",
    [
        [0, -1, -99],
        ["0", "-1", "0.0"],
        np.array([np.nan, 0, -1]),
        pa.nulls(3),
        pa.array([0, None, -1], pa.int8()),
        pa.array([Decimal("0.00"), None, Decimal("-1.00")]),
        pa.array(["NA", None, "nan"]).dictionary_encode(),
        pa.array([b"NA", None, b"."]),
    ],
)
def test_an_id_that_is_a_gap_is_null_in_every_type(name: str, values: Any):
    assert column(name, values) == [None] * 3


def test_texts_keep_what_is_said_and_names_that_look_like_gaps():
    said = ["None.", "No.", "N/A.", "NULL", "NaN", "Null"]
    assert column("componenttext", said) == ["None.", "No.", "N/A.", None, None, "Null"]
    assert column("transcriptpersonname", said) == ["None.", "No.", "N/A.", None, None, "Null"]
    assert column("ticker", ["NAN", "TRUE", "ON", "A", "NA"]) == ["NAN", "TRUE", "ON", "A", None]


@pytest.mark.parametrize("name", ["companyid", "transcriptid"])
@pytest.mark.parametrize("gap", ["nan", "NA", "0", "-1", "", None])
def test_an_id_that_every_row_needs_is_refused_if_it_is_a_gap(name: str, gap: str | None):
    _, problems = read(**{name: ["7", gap]})
    says = f'"{gap}" stands for a missing value; every row needs one' if gap else "is empty"
    assert problems == [f"a.csv row 2, column {name}: {says}"]


def test_a_company_without_a_name_is_refused_and_a_turn_without_text_or_speaker_type_is_not():
    _, problems = read(companyname=["Rookshaw", "NULL"])
    assert problems == [
        'a.csv row 2, column companyname: "NULL" stands for a missing value; every row needs one'
    ]
    assert column("componenttext", ["Hello.", "", None]) == ["Hello.", None, None]
    assert column("speakertypename", ["Executives", "", "NA", None]) == ["Executives", *["Unknown"] * 3]


@pytest.mark.parametrize(
    "name", ["companyid", "transcriptid", "keydevid", "transcriptcomponentid", "permno", "gvkey"]
)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([7, True], None),
        (["7", "TRUE"], '"TRUE" is a boolean, not an id'),
        (["7", "1.23457E+09"], '"1.23457E+09" is a number that lost digits'),
        (["7", "1.23E+05"], "export the column as text"),
        ([7.0, 2.0**53], "is a number that lost digits"),
        (pa.array([7.0, 2.0**24], pa.float32()), "is a number that lost digits"),
        ([7.0, float("inf")], "is a number that lost digits"),
        (["7", "1,690"], '"1,690" is not a whole number'),
        ([7.0, 1.5], '"1.5" is not a whole number'),
    ],
)
def test_a_broken_id_is_refused_by_row_in_every_id_column(name: str, values: Any, message: str | None):
    if message is None:  # a column of booleans
        values, message = [True, False], '"true" is a boolean'
    _, problems = read(**{name: values})
    assert any(f"column {name}: " in p and message in p for p in problems)


@pytest.mark.parametrize("name", ["companyid", "keydevid", "gvkey"])
def test_a_column_of_dates_is_no_column_of_ids(name: str):
    _, problems = read(**{name: pa.array([date(2021, 2, 3)])})
    assert (
        f"a.csv, column {name}: contains date32[day], a date or time: export the column as text"[1:]
        in problems[0]
    )


@pytest.mark.parametrize("name", ["companyid", "transcriptid", "keydevid", "transcriptcomponentid"])
def test_an_id_loses_its_leading_zeros_and_says_how_many(name: str):
    written = ["0012", " 012.0", "12", "7", "00AB", "10"]
    rows, problems = read(**{name: written})
    assert problems == []
    assert [r[name] for r in rows] == ["12", "12", "12", "7", "00AB", "10"]
    assert [r[f"{name}_zeros"] for r in rows] == [2, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("name", ["keydevid", "transcriptcomponentid"])
def test_no_id_has_no_leading_zeros(name: str):
    rows, _ = read(**{name: ["000", "NA", None]})
    assert [(r[name], r[f"{name}_zeros"]) for r in rows] == [(None, None)] * 3
    assert [r[f"{name}_zeros"] for r in read()[0]] == [None]


@pytest.mark.parametrize(
    "values",
    [
        [1690, 14489],
        [1690.0, 14489.0],
        pa.array([1690, 14489], pa.uint16()),
        pa.array([1690, 14489], pa.float32()),
        pa.array([Decimal("1690.0"), Decimal("14489.0")]),
        ["1690", "014489"],
        ["001690", "14489.0"],
        pa.array(["1690", "14489"]).dictionary_encode(),
        pa.array([1690, 14489]).dictionary_encode(),
    ],
)
def test_a_gvkey_has_six_characters_in_every_type(values: Any):
    assert column("gvkey", values) == ["001690", "014489"]


@given(st.lists(st.none() | st.integers(1, 999_998), min_size=1, max_size=8))
def test_gvkeys_and_gaps_survive_a_round_trip_through_every_type(keys: list[int | None]):
    expected = [None if k is None else f"{k:06d}" for k in keys]
    for written in (
        pa.array(keys, pa.int64()),
        pa.array([float("nan") if k is None else float(k) for k in keys]),
        pa.array(["NA" if k is None else str(k) for k in keys]),
        pa.array(expected, pa.string()),
    ):
        assert column("gvkey", written) == expected


def test_events_are_known_by_number_and_by_name():
    numbers = ["48", "51", None, "NA", "52.0", None]
    names = ["Earnings Calls", "Conference Presentation Calls", "earnings call", "", None, "Roadshow"]
    assert column("keydeveventtypename", names, keydeveventtypeid=numbers) == [
        "Earnings Calls",
        "Company Conference Presentations",
        "Earnings Calls",
        None,
        "M&A Calls",
        "Roadshow",
    ]


def test_an_unknown_or_contradictory_event_is_refused_by_row():
    rows, problems = read(
        keydeveventtypeid=[48.0, 999.0, 51.0], keydeveventtypename=["Earnings Calls", None, "Earnings Call"]
    )
    assert [r["keydeveventtypename"] for r in rows] == ["Earnings Calls", None, None]
    assert [p.partition(": ")[0] for p in problems] == [
        "a.csv row 2, column keydeveventtypeid",
        "a.csv row 3, column keydeveventtypeid",
    ]


def test_collection_types_are_known_by_number_and_by_name():
    assert column("transcriptcollectiontypename", [None] * 3, transcriptcollectiontypeid=[1, 7, 8]) == [
        "Proofed Copy",
        "Spellchecked Copy",
        "Audited Copy",
    ]
    assert column("transcriptcollectiontypename", ["proofed copy", "Edited"]) == [
        "Proofed Copy",
        "Edited Copy",
    ]
    _, problems = read(transcriptcollectiontypeid=[2])
    assert '"2" is not a known collection type' in problems[0]


def test_the_time_of_creation_is_joined_from_its_columns():
    made = {"transcriptcreationdate_utc": ["2021-02-04", "04FEB2021", "NA"]}
    rows, problems = read(**made, transcriptcreationtime_utc=["23:00:00", "11:00 PM", "10:00"])
    assert problems == []
    at = datetime(2021, 2, 4, 23, tzinfo=UTC)
    assert [r["created_at"] for r in rows] == [at, at, None]
    rows, _ = read(**made)
    assert [r["created_at"] for r in rows] == [at.replace(hour=0)] * 2 + [None]
    rows, _ = read()
    assert rows[0]["created_at"] is None


@pytest.mark.parametrize(
    "values",
    [
        ["2021-02-03 21:30:00"],
        ["03FEB2021:21:30:00"],
        [datetime(2021, 2, 3, 21, 30)],  # noqa: DTZ001 - a column without a zone
        [EVENING],
        pa.array([EVENING], pa.timestamp("s", tz="America/New_York")),
        pa.array([EVENING], pa.timestamp("ns", tz="Asia/Tokyo")),
    ],
)
def test_a_start_is_read_in_every_type(values: Any):
    rows, problems = read(mostimportantdateutc=values)
    assert problems == []
    assert (rows[0]["mostimportantdateutc"], rows[0]["is_date_only"]) == (EVENING, False)
    assert not rows[0]["is_midnight"]


@pytest.mark.parametrize(
    "values",
    [
        ["2021-02-03"],
        [20210203],
        [20210203.0],
        ["20210203"],
        [date(2021, 2, 3)],
        pa.array([date(2021, 2, 3)], pa.date64()),
        pa.array([1612387800000]).view(pa.date64()),
    ],
)
def test_a_bare_date_is_read_in_every_type(values: Any):
    rows, problems = read(mostimportantdateutc=values)
    assert problems == []
    assert (rows[0]["mostimportantdateutc"], rows[0]["is_date_only"], rows[0]["is_midnight"]) == (
        DAY,
        True,
        False,
    )


@pytest.mark.parametrize(
    "clocks",
    [
        ["21:30:00"],
        ["9:30 PM"],
        [77400],
        [77400.0],
        [time(21, 30)],
        pa.array([time(21, 30)], pa.time32("s")),
        [timedelta(hours=21, minutes=30)],
        [datetime(1960, 1, 1, 21, 30)],  # noqa: DTZ001
        pa.array([213000]),
    ],
)
def test_a_time_of_day_is_joined_to_its_date_in_every_type(clocks: Any):
    for dates in (
        ["2021-02-03"],
        [date(2021, 2, 3)],
        ["2021-02-03 00:00:00"],
        [20210203],
        ["2021-02-03 21:30:17"],
    ):
        rows, problems = read(mostimportantdateutc=dates, mostimportanttimeutc=clocks)
        assert problems == []
        assert rows[0]["mostimportantdateutc"].replace(second=0) == EVENING
        assert not rows[0]["is_date_only"]


@pytest.mark.parametrize("clock", ["NA", "", ".", None])
def test_without_a_time_of_day_there_is_a_date_only(clock: str | None):
    rows, problems = read(
        mostimportantdateutc=["2021-02-03"], mostimportanttimeutc=pa.array([clock], pa.string())
    )
    assert problems == []
    assert (rows[0]["is_date_only"], rows[0]["is_midnight"]) == (True, False)


@pytest.mark.parametrize(
    "columns",
    [
        {"mostimportantdateutc": ["2021-02-03 00:00:00", "2021-02-03 21:30:00"]},
        {"mostimportantdateutc": [DAY, EVENING]},
        {"mostimportantdateutc": ["2021-02-03"] * 2, "mostimportanttimeutc": ["00:00:00", "21:30"]},
        {"mostimportantdateutc": ["2021-02-03"] * 2, "mostimportanttimeutc": [0, 77400]},
        {"mostimportantdateutc": ["2021-02-03T00:00:00-05:00", "2021-02-03T16:30:00-05:00"]},
        {
            "mostimportantdateutc": pa.array(
                [DAY + timedelta(hours=5), EVENING], pa.timestamp("us", tz="America/New_York")
            )
        },
    ],
)
def test_a_start_at_midnight_is_a_date_only_and_marked(columns: dict[str, Any]):
    rows, problems = read(**columns)
    assert problems == []
    assert [(r["mostimportantdateutc"], r["is_date_only"], r["is_midnight"]) for r in rows] == [
        (DAY, True, True),
        (EVENING, False, False),
    ]


def test_a_time_of_day_that_contradicts_the_date_is_refused():
    _, problems = read(mostimportantdateutc=["2021-02-03 21:30:00"], mostimportanttimeutc=["22:30:00"])
    assert problems == [
        "a.csv row 1, column mostimportanttimeutc: differs from the time of day in mostimportantdateutc"
    ]


@pytest.mark.parametrize("name", ["mostimportantdateutc", "link_date"])
@pytest.mark.parametrize(
    "values", [["1900-01-01"], [date(1900, 1, 1)], [datetime(1900, 1, 1, tzinfo=UTC)], ["01JAN1960"]]
)
def test_a_date_before_there_were_transcripts_is_refused_by_row(name: str, values: Any):
    _, problems = read(**{name: values})
    assert len(problems) == 1
    assert problems[0].startswith(f'a.csv row 1, column {name}: "19')
    assert "is before 1990" in problems[0]


def test_a_date_in_the_future_is_refused_by_row():
    _, problems = read(mostimportantdateutc=["2099-01-01"])
    assert problems[0].startswith('a.csv row 1, column mostimportantdateutc: "2099-01-01" is in the future')


@pytest.mark.parametrize(
    "written",
    ["1900-01-01", "9999-12-31", "31DEC9999", "01JAN1960", "1900-01-01 00:00:00", date(9999, 12, 31)],
)
def test_a_date_of_creation_that_stands_for_none_is_a_gap(written: Any):
    assert column("created_at", None, transcriptcreationdate_utc=[written]) == [None]


def test_the_order_of_day_and_month_is_proven_by_any_date_of_the_column():
    assert [d.date() for d in column("mostimportantdateutc", ["03/02/2021", "13/02/2021"])] == [
        date(2021, 2, 3),
        date(2021, 2, 13),
    ]
    _, problems = read(mostimportantdateutc=["03/02/2021", "02/03/2021"])
    assert len(problems) == 2
    assert '"03/02/2021" is 3 February or 2 March' in problems[0]


@pytest.mark.parametrize("other", ["transcriptcreationdate_utc", "mostimportantdateutc"])
def test_another_column_proves_nothing(other: str):
    """A file may join Stata's dates with those of a spreadsheet of another country."""
    _, problems = read(link_date=["02/03/2021"], **{other: ["02/13/2021"]})
    assert [p.partition(": ")[0] for p in problems] == ["a.csv row 1, column link_date"]
    rows, problems = read(
        link_date=["02/03/2021", "02/13/2021"], transcriptcreationdate_utc=["02/03/2021", "13/03/2021"]
    )
    assert problems == []
    assert (rows[0]["link_date"], rows[0]["created_at"].date()) == (date(2021, 2, 3), date(2021, 3, 2))


def test_another_columns_clock_proves_nothing():
    _, problems = read(
        mostimportantdateutc="2021-02-03",
        mostimportanttimeutc=["53000"],
        transcriptcreationdate_utc="2021-02-03",
        transcriptcreationtime_utc=["77400"],
    )
    assert any("column mostimportanttimeutc" in p for p in problems)


@pytest.mark.parametrize("first", ["03/02/2021", "02/02/2021", "2021-02-03", "NA"])
def test_the_proof_may_come_in_a_later_batch_and_reading_stops_at_it(first: str):
    unread = iter([table(mostimportantdateutc=[first]), table(mostimportantdateutc=["13/02/2021"]), "unread"])
    assert conventions(unread).of("mostimportantdateutc").day_first is True  # type: ignore[arg-type]
    assert next(unread) == "unread"
    unread = iter([table(mostimportantdateutc=[EVENING]), "unread"])
    assert conventions(unread).of("mostimportantdateutc").day_first is None  # type: ignore[arg-type]
    assert next(unread) == "unread"


@pytest.mark.parametrize(
    "values",
    [
        ["2021-02-03 05:00:00", "2021-07-01 04:00:00"],
        [datetime(2021, 2, 3, 5), datetime(2021, 7, 1, 4)],  # noqa: DTZ001
        [datetime(2021, 2, 3, 5, tzinfo=UTC), datetime(2021, 7, 1, 4, tzinfo=UTC)],
    ],
)
def test_a_file_whose_starts_are_all_midnight_in_new_york_has_dates_only(values: Any):
    raw = table(mostimportantdateutc=values)
    assert conventions([raw]).is_dated_in_new_york
    rows, problems = read(mostimportantdateutc=values)
    assert problems == []
    assert [(r["mostimportantdateutc"], r["is_date_only"], r["is_midnight"]) for r in rows] == [
        (DAY, True, True),
        (datetime(2021, 7, 1, tzinfo=UTC), True, True),
    ]
    for others in (["2021-02-03 21:30:00"], ["2021-02-03"], ["2021-02-03T00:00:00-05:00"], ["soon"]):
        assert not conventions([raw, table(mostimportantdateutc=others)]).is_dated_in_new_york
    timed = raw.append_column("mostimportanttimeutc", pa.array(["05:00", "04:00"]))
    assert not conventions([timed]).is_dated_in_new_york
    rows, _ = read(
        mostimportantdateutc=[*values[:1], EVENING.isoformat()] if isinstance(values[0], str) else [EVENING]
    )
    assert not rows[0]["is_date_only"]


@pytest.mark.parametrize(
    "values",
    [
        ["2021-03-31T20:00:00-04:00"],
        ["2021-04-01 09:00:00+09:00"],
        pa.array([datetime(2021, 4, 1)], pa.timestamp("us")).cast(pa.timestamp("us", "America/New_York")),  # noqa: DTZ001
        pa.array([1617235200], pa.timestamp("s", tz="Asia/Tokyo")),
        pa.array([1617235200 * 10**9], pa.timestamp("ns", tz="-04:00")),
    ],
)
def test_midnight_in_utc_that_is_another_time_as_written_is_a_time(values: Any):
    for clocks in ({}, {"mostimportanttimeutc": ["NA"]}, {"mostimportanttimeutc": ["00:00:00"]}):
        (found,), problems = read(mostimportantdateutc=values, **clocks)
        assert problems == []
        assert (found["mostimportantdateutc"], found["is_date_only"], found["is_midnight"]) == (
            datetime(2021, 4, 1, tzinfo=UTC),
            False,
            False,
        )
    _, problems = read(mostimportantdateutc=values, mostimportanttimeutc=["21:30"])
    assert problems == [
        "a.csv row 1, column mostimportanttimeutc: differs from the time of day in mostimportantdateutc"
    ]


@pytest.mark.parametrize("name", ["companyid", "transcriptid", "gvkey", "permno", "componentorder"])
def test_half_a_float_holds_no_id_from_2048_on(name: str):
    _, problems = read(**{name: np.array([7, 2047, 2048], np.float16)})
    assert any("row 3" in p and "lost digits" in p for p in problems)
    assert not any("row 1" in p or "row 2" in p for p in problems)


def test_numbers_of_days_are_read_in_a_workbook_only():
    _, problems = read(mostimportantdateutc=[44230.8958333333])
    assert "is a number, and Excel, SAS, Stata and R count from different dates" in problems[0]
    raw = table(mostimportantdateutc=[44230.8958333333]).replace_schema_metadata({"serials": "excel"})
    problems_ = Problems("a.xlsx")
    rows = normalise(raw, problems_, conventions([raw]))
    assert problems_.count == 0
    assert rows.column("mostimportantdateutc").to_pylist() == [EVENING]


def test_a_nul_character_is_refused_in_every_text():
    _, problems = read(componenttext=["a\0b"], companyname=["c\0d"])
    assert [p.partition(": ")[2] for p in problems] == ["contains a NUL character"] * 2


def test_values_of_another_type_are_read_as_text():
    assert column("componenttext", [1, 2]) == ["1", "2"]
    assert column("ticker", pa.nulls(1)) == [None]


@pytest.fixture(scope="module")
def field_faults() -> dict[str, dict[str, Any]]:
    """The first row of each transcript of the file of faults found in the field, as it is read."""
    path = REPOSITORY.parent / "shared" / "data" / "faults" / "calls.csv"
    if not path.exists():
        pytest.skip(f"there is no {path}")
    problems = Problems(path.name)
    raw = list(batches(path, problems))
    rows = pa.concat_tables(normalise(batch, problems, conventions(raw)) for batch in raw)
    assert problems.listed == []
    return {row["transcriptid"]: row for row in reversed(rows.to_pylist())}


def test_the_faults_found_in_the_field_are_read_right(field_faults: dict[str, dict[str, Any]]):
    def found(transcript: str, *names: str) -> tuple[Any, ...]:
        return tuple(field_faults[transcript][name] for name in names)

    assert found("3011", "keydevid") == found("3012", "keydevid") == (None,)  # NA
    assert found("3021", "gvkey") == ("001690",)
    assert found("3031", "keydevid", "keydeveventtypename") == ("51", "Earnings Calls")
    assert found("3032", "keydevid", "keydeveventtypename") == ("52", "Company Conference Presentations")
    ranked = {
        t: rank(*found(t, "transcriptcollectiontypename", "created_at", "transcriptid"), characters)
        for t, characters in (("3061", 2000), ("3062", 1000))
    }
    assert max(ranked, key=ranked.__getitem__) == "3062"  # the newer, not the longer
    assert found("3141", "mostimportantdateutc", "is_date_only", "is_midnight") == (
        datetime(2021, 4, 1, tzinfo=UTC),
        True,
        True,
    )
