"""The Capital IQ source on a real PostgreSQL: which calls, versions, links and components it takes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from ftm_assets.methods.calls.transcript_versions import build_transcripts
from ftm_resources.sources.base import SourceError
from ftm_resources.sources.moments import MIDNIGHT_NOTE
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.sources.wrds.capital_iq import CapitalIqSource
from ftm_resources.sources.wrds.links import GvkeySpan, Links, PermnoSpan
from ftm_resources.tables.components import COMPONENTS

if TYPE_CHECKING:
    from benchmarks.wrds_server import Library

QUARTER = "2023Q1"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


CALLED = utc(2023, 2, 1, 14, 30)


def read(
    quarter: str = QUARTER, **options: Any
) -> tuple[list[dict[str, Any]], dict[str, tuple[str, str | None]]]:
    """Return the components of a quarter, and the audit's status and reason by transcript."""
    source = CapitalIqSource(**options)
    tables = list(source.components(quarter))
    assert all(t.schema.equals(COMPONENTS) for t in tables)
    rows = source.audit().to_pylist()
    assert len({(a["transcriptid"], a["companyid"]) for a in rows}) == len(rows)
    audit = {a["transcriptid"]: (a["status"], a["reason"]) for a in rows}
    return [row for t in tables for row in t.to_pylist()], audit


def calls(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["transcriptid"] for row in rows))


@pytest.fixture
def linked(library: "Library") -> "Library":
    """Company 1 has one GVKEY and one PERMNO, for ever."""
    library.add_gvkey()
    library.add_link(10107)
    return library


def test_a_call_becomes_components_with_links_as_of_its_date(linked: "Library"):
    linked.add_call(55, at=CALLED, event=7)
    rows, audit = read()
    assert rows[0] == {
        "companyid": "1",
        "companyname": "Firm 1",
        "transcriptid": "55",
        "componentorder": 0,
        "componenttext": "Good day.",
        "mostimportantdateutc": CALLED,
        "is_date_only": False,
        "speakertypename": "Executives",
        "gvkey": "000001",
        "permno": 10107,
        "link_date": date(2023, 2, 1),
        "ticker": None,
        "headline": "Firm 1, Earnings Call",
        "componenttypename": "Presenter Speech",
        "transcriptpersonname": "Ann Lee",
        "keydevid": "7",
        "keydeveventtypename": "Earnings Calls",
        "transcriptcollectiontypename": "Proofed Copy",
        "created_at": utc(2023, 3, 1, 12),
    }
    assert audit == {}


def test_a_link_that_expired_before_the_call_leaves_the_firm_out_and_says_when_it_ended(library: "Library"):
    library.add_gvkey()
    library.add_link(10107, end=date(2023, 1, 31))
    library.add_call(55, at=CALLED)
    rows, audit = read()
    assert rows == []
    ended = "the last link of GVKEY 000001 ended on 2023-01-31, the call is of 2023-02-01"
    assert audit == {"55": ("unlinked", f"PERMNO expired: {ended}")}


def test_a_link_is_valid_on_its_first_and_on_its_last_day(library: "Library"):
    library.add_gvkey()
    library.add_link(10107, start=date(2023, 2, 1), end=date(2023, 2, 1))
    for transcript, day in ((54, 31), (55, 1), (56, 2)):
        library.add_call(transcript, at=utc(2023, 1 if day == 31 else 2, day, 14, 0))
    rows, audit = read()
    assert calls(rows) == ["55"]
    assert audit["54"][1].startswith(
        "PERMNO not yet valid: the first link of GVKEY 000001 starts on 2023-02-01"
    )
    assert audit["56"][1].startswith("PERMNO expired")


def test_without_require_permno_an_unlinked_firm_stays_with_its_gvkey(library: "Library"):
    library.add_gvkey()
    library.add_call(55, at=CALLED)
    library.add_call(56, at=CALLED, company=2)
    rows, audit = read(require_permno=False)
    assert [(r["companyid"], r["gvkey"], r["permno"], r["link_date"]) for r in rows[::2]] == [
        ("1", "000001", None, None),
        ("2", None, None, None),
    ]
    assert audit["55"] == ("kept", "no PERMNO: GVKEY 000001 has none in CRSP")
    assert audit["56"] == ("kept", "no GVKEY: company 2 has none")


def test_of_two_permnos_the_confirmed_primary_one_wins_and_the_tie_is_recorded(linked: "Library"):
    linked.add_link(20000, linktype="LU", primary="P", start=date(2020, 1, 1))
    linked.add_link(30000, linktype="LC", primary="C", start=date(2022, 1, 1))
    linked.add_link(40000, linktype="LS", primary="P")
    linked.add_link(50000, linktype="LC", primary="N")
    linked.add_call(55, at=CALLED)
    rows, audit = read()
    assert {r["permno"] for r in rows} == {10107}
    assert audit["55"] == (
        "kept",
        "several PERMNOs on 2023-02-01: 10107 (LC P from 1990-01-01) preferred to "
        "30000 (LC C from 2022-01-01), 20000 (LU P from 2020-01-01)",
    )


def test_between_equal_links_the_newest_wins_and_between_those_the_lowest_permno():
    spans = [
        PermnoSpan(3, date(2001, 1, 1), None, "LC", "P"),
        PermnoSpan(2, date(2002, 1, 1), None, "LC", "P"),
        PermnoSpan(1, date(2002, 1, 1), None, "LC", "P"),
    ]
    links = Links({1: [GvkeySpan("a", None, None)]}, {"a": spans})
    assert links.at(1, date(2023, 2, 1)).permno == 1


def test_the_same_permno_by_two_links_is_no_tie(linked: "Library"):
    linked.add_link(10107, linktype="LU")
    linked.add_call(55, at=CALLED)
    assert read()[1] == {}


def test_a_company_whose_gvkey_changed_is_linked_by_the_one_of_the_day(library: "Library"):
    library.add_gvkey("000001", end=date(2023, 1, 31))
    library.add_gvkey("000002", start=date(2023, 2, 1))
    library.add_link(10107, "000001")
    library.add_link(20000, "000002")
    library.add_call(54, at=utc(2023, 1, 31, 14, 30))
    library.add_call(55, at=CALLED)
    rows, _ = read()
    assert [(r["transcriptid"], r["gvkey"], r["permno"]) for r in rows[::2]] == [
        ("54", "000001", 10107),
        ("55", "000002", 20000),
    ]


def test_a_call_on_a_day_without_gvkey_says_which_the_company_has_had(library: "Library"):
    library.add_gvkey("000001", end=date(2022, 12, 31))
    library.add_link(10107)
    library.add_call(55, at=CALLED)
    reason = "no GVKEY: company 1 has GVKEY 000001, but not on 2023-02-01"
    assert read()[1] == {"55": ("unlinked", reason)}


def test_an_evening_call_on_the_last_day_belongs_to_the_quarter_of_new_york(linked: "Library"):
    linked.add_call(55, at=utc(2023, 4, 1, 0, 30))  # 20:30 on 31 March in New York
    linked.add_call(56, at=utc(2023, 4, 1, 4, 0))  # midnight there
    linked.add_call(54, at=utc(2023, 1, 1, 4, 59))  # still 2022 there
    assert [calls(read(q)[0]) for q in ("2022Q4", "2023Q1", "2023Q2")] == [
        ["54"],
        ["54", "55", "56"],
        ["55", "56"],
    ]
    days = {row["transcriptid"]: row["link_date"] for row in read()[0]}
    assert days == {"54": date(2022, 12, 31), "55": date(2023, 3, 31), "56": date(2023, 4, 1)}


def test_a_call_after_the_close_is_marked_by_the_clock_of_new_york(linked: "Library"):
    linked.add_call(54, ["Before."], at=utc(2023, 2, 1, 20, 59))
    linked.add_call(55, ["At the bell."], at=utc(2023, 2, 1, 21, 0))  # 16:00 in winter
    linked.add_call(56, ["In summer."], at=utc(2023, 3, 31, 20, 0))  # 16:00 there again
    linked.add_call(57, ["Some time."], on=date(2023, 2, 2))
    table = pa.concat_tables(CapitalIqSource().components(QUARTER))
    kept, _ = build_transcripts(table, QUARTER, database=duckdb.connect())
    marks = {r["transcript_id"]: r["is_after_close"] for r in kept.to_pylist()}
    assert marks == {"54": False, "55": True, "56": True, "57": None}


def test_of_five_versions_the_most_final_then_the_newest_is_read_and_the_others_are_superseded(
    linked: "Library",
):
    for transcript, collection, hour in (
        (51, "Spellchecked Copy", 20),
        (52, "Edited Copy", 21),
        (59, "Proofed Copy", 9),
        (54, "Proofed Copy", 10),
        (55, "Draft", 23),
    ):
        linked.add_call(transcript, at=CALLED, event=7, collection=collection, created=utc(2023, 2, 2, hour))
    rows, audit = read()
    assert calls(rows) == ["54"]
    assert audit == {
        "51": ("superseded", "transcript 54 is the proofed copy, this one the spellchecked copy"),
        "52": ("superseded", "transcript 54 is the proofed copy, this one the edited copy"),
        "59": (
            "superseded",
            "transcript 54 was created later (2023-02-02 10:00 UTC against 2023-02-02 09:00 UTC)",
        ),
        "55": ("superseded", "transcript 54 is the proofed copy, this one the draft"),
    }


def test_two_events_of_a_firm_in_a_quarter_are_both_kept(linked: "Library"):
    linked.add_call(55, at=CALLED, event=7)
    linked.add_call(56, ["Merger."], at=utc(2023, 3, 1, 15, 0), event=8)
    assert calls(read()[0]) == ["55", "56"]


def test_components_come_in_the_order_of_the_vendor_whatever_that_of_the_table(linked: "Library"):
    linked.add_call(55, ["Third.", "First.", "Second."], at=CALLED, orders=[2, 0, 1])
    assert [(r["componentorder"], r["componenttext"]) for r in read()[0]] == [
        (0, "First."),
        (1, "Second."),
        (2, "Third."),
    ]


def test_components_whose_order_is_missing_or_twice_there_are_counted(linked: "Library"):
    linked.add_call(55, ["Last.", "First.", "Second."], at=CALLED, orders=[None, 4, 4])
    assert [(r["componentorder"], r["componenttext"]) for r in read()[0]] == [
        (0, "First."),
        (1, "Second."),
        (2, "Last."),
    ]


def test_a_component_without_text_is_passed_over_and_a_call_without_any_is_in_the_audit(linked: "Library"):
    linked.add_call(55, ["Good day.", None, " \n", "Bye."], at=CALLED)
    linked.add_call(56, [None, ""], at=utc(2023, 3, 1, 15, 0))
    rows, audit = read()
    assert [(r["transcriptid"], r["componentorder"]) for r in rows] == [("55", 0), ("55", 3)]
    assert audit == {"55": ("kept", "2 turns without text"), "56": ("empty", "no component has text")}


def test_a_component_without_a_person_has_an_unknown_speaker(linked: "Library"):
    linked.add_call(55, at=CALLED, people=[None, ("Answer", "", "")])
    rows, _ = read()
    assert [(r["speakertypename"], r["transcriptpersonname"]) for r in rows] == [("Unknown", None)] * 2


def test_a_component_with_two_persons_is_one_component(linked: "Library"):
    linked.add_call(55, ["Good day."], at=CALLED)
    linked.server.copy(f"{linked.ciq}.wrds_transcript_person", [[55000, "Answer", "Bob Ray", "Executives"]])
    assert len(read()[0]) == 1


def test_people_are_searched_by_transcript_where_their_table_has_it(linked: "Library"):
    linked.add_call(55, ["One.", "Two."], at=CALLED)
    people = f"{linked.ciq}.wrds_transcript_person"
    linked.server.run(f"ALTER TABLE {people} ADD COLUMN transcriptid double precision")
    linked.server.run(f"UPDATE {people} SET transcriptid = 55 WHERE transcriptcomponentid = 55000")
    # The other's stays empty, and so it is not found.
    assert [r["transcriptpersonname"] for r in read()[0]] == ["Ann Lee", None]


def test_events_that_are_no_earnings_calls_are_passed_over(linked: "Library"):
    linked.add_call(55, at=CALLED, kind=51)
    linked.add_call(56, at=CALLED, company=1)
    rows, audit = read()
    assert calls(rows) == ["56"]
    assert "55" not in audit


def test_a_call_without_a_time_of_day_is_on_its_bare_date(linked: "Library"):
    linked.add_call(55, on=date(2023, 3, 31))
    rows, _ = read()
    assert rows[0]["is_date_only"]
    assert rows[0]["link_date"] == date(2023, 3, 31)


def list_for_another(library: "Library", transcript: int, company: int) -> None:
    """List a transcript for another company too."""
    library.server.run(
        f"INSERT INTO {library.ciq}.wrds_transcript_detail SELECT {company}, 'Firm {company}', keydevid, transcriptid, "
        "headline, mostimportantdateutc, mostimportanttimeutc, keydeveventtypeid, transcriptcollectiontypeid, "
        "transcriptcollectiontypename, transcriptpresentationtypename, transcriptcreationdate_utc, "
        f"transcriptcreationtime_utc FROM {library.ciq}.wrds_transcript_detail WHERE transcriptid = {transcript}"
    )


def both_companies(**options: Any) -> tuple[list[tuple[str, int | None]], list[tuple[str, str, str | None]]]:
    """Return the companies and PERMNOs of the calls read, and the audit's company, status and reason."""
    source = CapitalIqSource(**options)
    rows = [row for t in source.components(QUARTER) for row in t.to_pylist()]
    keys = [(r["transcriptid"], r["companyid"], r["componentorder"]) for r in rows]
    assert len(set(keys)) == len(keys)
    audit = [(a["companyid"], a["status"], a["reason"]) for a in source.audit().to_pylist()]
    return list(dict.fromkeys((r["companyid"], r["permno"]) for r in rows)), sorted(audit)


def test_a_call_listed_for_two_companies_is_kept_for_the_one_with_a_permno(library: "Library"):
    library.add_gvkey("000002", company=2)
    library.add_link(20000, "000002")
    library.add_call(55, at=CALLED)
    list_for_another(library, 55, 2)
    assert both_companies() == (
        [("2", 20000)],
        [
            ("1", "other_company", "kept for company 2, which has a PERMNO"),
            ("2", "kept", "also listed for company 1"),
        ],
    )


def test_a_call_of_two_linked_companies_is_read_for_both(linked: "Library"):
    linked.add_gvkey("000002", company=2)
    linked.add_link(20000, "000002")
    linked.add_call(55, at=CALLED)
    list_for_another(linked, 55, 2)
    assert both_companies() == (
        [("1", 10107), ("2", 20000)],
        [("1", "kept", "also listed for company 2"), ("2", "kept", "also listed for company 1")],
    )


def test_a_call_of_two_companies_without_a_permno_is_unlinked_for_both_or_read_for_both(library: "Library"):
    library.add_call(55, at=CALLED)
    list_for_another(library, 55, 2)
    found, audit = both_companies()
    assert (found, [a[:2] for a in audit]) == ([], [("1", "unlinked"), ("2", "unlinked")])
    assert both_companies(require_permno=False)[0] == [("1", None), ("2", None)]


@pytest.mark.parametrize("gap", ["NULL", "'NaN'", "0", "-1"])
def test_calls_without_an_event_stay_apart(linked: "Library", gap: str):
    linked.add_call(55, at=CALLED)
    linked.add_call(56, ["Merger."], at=utc(2023, 3, 1, 15, 0))
    linked.server.run(f"UPDATE {linked.ciq}.wrds_transcript_detail SET keydevid = {gap}")
    rows, audit = read()
    assert calls(rows) == ["55", "56"]
    assert {r["keydevid"] for r in rows} == {None}
    assert audit == {}


@pytest.mark.parametrize("table", ["varchar(6)", "integer", "double precision"])
def test_a_gvkey_gets_its_zeros_whatever_its_type(library: "Library", table: str):
    for name in (f"{library.ciq}.wrds_gvkey", f"{library.crsp}.ccmxpf_linktable"):
        library.server.run(f"ALTER TABLE {name} ALTER COLUMN gvkey TYPE {table} USING gvkey::{table}")
    library.add_gvkey("1690")
    library.add_link(10107, "1690")
    library.add_call(55, at=CALLED)
    rows, _ = read()
    assert {(r["gvkey"], r["permno"]) for r in rows} == {("001690", 10107)}


def test_a_start_at_midnight_is_a_date_only_in_the_quarter_of_its_date(linked: "Library"):
    linked.add_call(55, at=utc(2023, 4, 1, 0, 0))  # if it were a time: 20:00 on 31 March in New York
    linked.add_call(56, at=CALLED)
    rows, audit = read("2023Q2")
    assert [(r["transcriptid"], r["is_date_only"], r["link_date"]) for r in rows[::2]] == [
        ("55", True, date(2023, 4, 1))
    ]
    assert audit == {"55": ("kept", MIDNIGHT_NOTE)}
    assert read()[1] == {}  # it is a neighbour of the quarter before


def test_calls_near_the_quarter_are_yielded_but_only_its_own_are_audited(library: "Library"):
    library.add_gvkey()
    library.add_link(10107, end=date(2023, 3, 31))
    for transcript, day in ((54, 31), (55, 7), (56, 8)):
        library.add_call(transcript, at=utc(2023, 3 if day == 31 else 4, day, 15, 0))
    assert (calls(read()[0]), read()[1]) == (["54"], {})  # 55 is not linked, but of another quarter
    rows, _ = read(require_permno=False)
    assert calls(rows) == ["54", "55"]
    assert set(read("2023Q2")[1]) == {"55", "56"}


def test_if_the_best_version_has_no_text_the_next_best_is_read(linked: "Library"):
    linked.add_call(51, ["Draft."], at=CALLED, event=7, collection="Spellchecked Copy")
    linked.add_call(52, ["Edited."], at=CALLED, event=7, collection="Edited Copy")
    linked.add_call(53, [None, ""], at=CALLED, event=7, collection="Proofed Copy")
    rows, audit = read()
    assert [r["componenttext"] for r in rows] == ["Edited."]
    assert audit == {
        "51": ("superseded", "transcript 52 is the edited copy, this one the spellchecked copy"),
        "53": ("empty", "no component has text"),
    }


def test_a_collection_type_is_known_by_its_number_if_the_name_is_missing(linked: "Library"):
    linked.add_call(51, at=CALLED, collection=None)
    details = f"{linked.ciq}.wrds_transcript_detail"
    linked.server.run(
        f"UPDATE {details} SET transcriptcollectiontypeid = 8, transcriptcreationdate_utc = '1960-01-01'"
    )
    rows, _ = read()
    assert {(r["transcriptcollectiontypename"], r["created_at"]) for r in rows} == {("Audited Copy", None)}
    linked.server.run(f"UPDATE {details} SET transcriptcollectiontypeid = 2")
    with pytest.raises(SourceError, match=r"transcript 51: .*not a known collection type"):
        read()


def test_names_that_programs_write_for_gaps_are_gaps(linked: "Library"):
    linked.add_call(55, ["NULL", "None."], at=CALLED, people=[("nan", "NaN", "null")] * 2)
    linked.server.run(f"UPDATE {linked.ciq}.wrds_transcript_detail SET companyname = 'NA', headline = 'NULL'")
    (row,), _ = read()
    assert (row["companyname"], row["headline"], row["componenttext"]) == ("Company 1", None, "None.")
    assert (row["componenttypename"], row["transcriptpersonname"], row["speakertypename"]) == (
        None,
        None,
        "Unknown",
    )


def test_a_row_without_a_company_is_an_error_that_names_the_transcript(linked: "Library"):
    linked.add_call(55, at=CALLED)
    linked.server.run(f"UPDATE {linked.ciq}.wrds_transcript_detail SET companyid = 'NaN'")
    with pytest.raises(SourceError, match=r"transcript 55.*is not an id"):
        read()


@pytest.mark.usefixtures("linked")
def test_a_quarter_without_calls_yields_nothing():
    assert read("2001Q1") == ([], {})


def test_a_few_hundred_firms_come_as_the_sample_made_them_firm_by_firm(library: "Library"):
    library.add_sample(300, QUARTER)
    progress: list[tuple[int, int | None]] = []
    source = CapitalIqSource(require_permno=False, batch_calls=40)
    found = pa.concat_tables(source.components(QUARTER, lambda done, total: progress.append((done, total))))
    superseded = [a["transcriptid"] for a in source.audit().to_pylist() if a["status"] == "superseded"]
    key = [("companyid", "ascending"), ("mostimportantdateutc", "ascending"), ("componentorder", "ascending")]
    made = pa.concat_tables(SampleSource(300).components(QUARTER)).to_pylist()
    expected = [
        {
            **row,
            "ticker": None,
            "keydeveventtypename": "Earnings Calls",
            "created_at": row["mostimportantdateutc"].replace(hour=23, minute=0),
        }
        for row in made
        if row["transcriptid"] not in superseded
    ]
    assert found.sort_by(key).to_pylist() == sorted(
        expected, key=lambda r: (r["companyid"], r["mostimportantdateutc"], r["componentorder"])
    )
    assert found.column("companyid").to_pylist() == sorted(found.column("companyid").to_pylist())
    assert len(progress) > 5
    assert progress[-1] == (found.num_rows, found.num_rows)
