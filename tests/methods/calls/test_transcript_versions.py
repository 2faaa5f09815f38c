import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods.calls import transcript_versions
from ftm_assets.methods.text.firm_names import firm_name_forms
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.tables.components import AUDIT, COMPONENTS

QUARTER = "2020Q4"
build_transcripts = partial(transcript_versions.build_transcripts, database=duckdb.connect())
CALLED = datetime(2020, 11, 5, 22, 0, tzinfo=UTC)


def call(
    transcript: str, texts: Sequence[str] = ("Good day.", "Sales rose."), **changes: Any
) -> list[dict[str, Any]]:
    return [
        {
            "companyid": "1",
            "companyname": "Rookshaw",
            "transcriptid": transcript,
            "componentorder": i,
            "componenttext": text,
            "mostimportantdateutc": CALLED,
            "is_date_only": False,
            "speakertypename": "Executives",
        }
        | changes
        for i, text in enumerate(texts)
    ]


def build(*calls: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, tuple[str, str | None]]]:
    rows = [r for c in calls for r in c]
    kept, audit = build_transcripts(pa.Table.from_pylist(rows, schema=COMPONENTS), QUARTER)
    return kept.to_pylist(), {a["transcript_id"]: (a["status"], a["reason"]) for a in audit.to_pylist()}


def test_a_component_becomes_a_row_with_its_quarter_in_the_id():
    rows, audit = build(call("55", ["Hello."]))
    assert rows[0]["component_id"] == "2020Q4:55:0000"
    assert rows[0]["text"] == "Hello."
    assert rows[0]["speaker_type"] == "executive"
    assert rows[0]["call_date"] == date(2020, 11, 5)
    assert audit == {"55": ("kept", None)}


def test_the_most_final_version_of_an_event_is_kept_and_the_audit_says_so():
    rows, audit = build(
        call("55", ["Longer text here."], keydevid="9", transcriptcollectiontypename="Edited Copy"),
        call("54", ["Longer text."], keydevid="9", transcriptcollectiontypename="Proofed Copy"),
    )
    assert {r["transcript_id"] for r in rows} == {"54"}
    assert audit["55"] == ("superseded", "transcript 54 is the proofed copy, this one the edited copy")


def test_without_event_ids_versions_share_firm_and_time_and_the_newer_is_kept():
    rows, audit = build(call("54", ["Text and more."]), call("53", ["Text and so on."]))
    assert {r["transcript_id"] for r in rows} == {"54"}
    assert audit["53"] == ("superseded", "transcript 54 is newer by its id")


def test_the_same_words_under_another_event_are_a_duplicate():
    _, audit = build(call("9", keydevid="1"), call("10", keydevid="2"))
    assert audit == {"9": ("duplicate", "same text as transcript 10"), "10": ("kept", None)}


def test_a_transcript_with_the_words_of_another_event_leaves_a_version_of_each_event():
    _, audit = build(
        call("1", ["Same words."], keydevid="2"),
        call("2", ["Other words."], keydevid="2"),
        call("3", ["Same words."], keydevid="1"),
    )
    assert {t: status for t, (status, _) in audit.items()} == {"1": "duplicate", "2": "kept", "3": "kept"}


def test_a_version_without_event_belongs_to_the_event_at_its_time():
    _, audit = build(call("1", ["Text."], keydevid="9"), call("2", ["Text and more."]))
    assert audit["1"][0] == "superseded"


def test_a_version_without_event_does_not_join_two_events_at_its_time():
    _, audit = build(call("1", ["a"], keydevid="8"), call("2", ["b"], keydevid="9"), call("3", ["c"]))
    assert {status for status, _ in audit.values()} == {"kept"}


EARNINGS = (
    "Revenue rose by nine percent in the quarter. Margins held up well in both segments. We paid down debt."
)
MERGER = "We agreed to buy a maker of bottling plants. The price is four hundred million. We expect to close in May."


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        ((EARNINGS, None), (EARNINGS.replace("nine", "[ nine ]"), None), {"2"}),
        ((EARNINGS, None), (MERGER, None), {"1", "2"}),
        ((EARNINGS, "Third quarter"), (MERGER, "Merger"), {"1", "2"}),
        ((EARNINGS, "Third quarter"), ("Revenue rose.", "Third quarter"), {"1"}),
        ((EARNINGS, "Third quarter"), (EARNINGS + " Bye.", "Quarter, third"), {"2"}),
    ],
)
def test_on_a_bare_date_versions_share_the_headline_or_most_of_the_text(
    one: tuple[str, str | None], other: tuple[str, str | None], kept: set[str]
):
    bare = {"mostimportantdateutc": datetime(2020, 11, 5, tzinfo=UTC), "is_date_only": True}
    rows, _ = build(
        *(call(str(i), [t], headline=h, **bare) for i, (t, h) in enumerate([one, other], start=1))
    )
    assert {r["transcript_id"] for r in rows} == kept


def test_on_a_bare_date_events_tell_calls_apart_whatever_the_headline():
    bare = {
        "mostimportantdateutc": datetime(2020, 11, 5, tzinfo=UTC),
        "is_date_only": True,
        "headline": "Call",
    }
    _, audit = build(call("1", ["a"], keydevid="8", **bare), call("2", ["b"], keydevid="9", **bare))
    assert {status for status, _ in audit.values()} == {"kept"}


def test_the_highest_id_by_number_decides_between_equals():
    _, audit = build(
        call("9", ["Sales rose in our plants."], keydevid="1"),
        call("10", ["Sales grew in our plants."], keydevid="1"),
    )
    assert audit == {"9": ("superseded", "transcript 10 is newer by its id"), "10": ("kept", None)}


def test_two_calls_of_a_firm_are_both_kept():
    later = datetime(2020, 12, 5, 22, 0, tzinfo=UTC)
    _, audit = build(call("1", ["Earnings."]), call("2", ["Merger."], mostimportantdateutc=later))
    assert {status for status, _ in audit.values()} == {"kept"}


def test_two_firms_may_call_at_the_same_time_with_the_same_words():
    _, audit = build(call("1"), call("2", companyid="2"))
    assert {status for status, _ in audit.values()} == {"kept"}


def test_a_bare_date_is_the_date_in_new_york_and_starts_at_its_midnight():
    bare = datetime(2020, 10, 1, tzinfo=UTC)
    rows, _ = build(call("1", ["Hello."], mostimportantdateutc=bare, is_date_only=True))
    assert rows[0]["call_date"] == date(2020, 10, 1)
    assert rows[0]["call_at"] == datetime(2020, 10, 1, 4, 0, tzinfo=UTC)


def test_a_late_call_has_the_date_of_new_york():
    late = datetime(2021, 1, 1, 2, 0, tzinfo=UTC)
    rows, _ = build(call("1", ["Hello."], mostimportantdateutc=late))
    assert rows[0]["call_date"] == date(2020, 12, 31)
    assert rows[0]["call_at"] == late


@pytest.mark.parametrize(
    ("component_type", "section"),
    [
        ("Presenter Speech", "presentation"),
        ("Presentation Operator Message", "presentation"),
        ("Question", "q_and_a"),
        ("Answer", "q_and_a"),
        ("Question and Answer Operator Message", "q_and_a"),
    ],
)
def test_the_section_follows_the_component_type(component_type: str, section: str):
    rows, _ = build(call("1", ["Hello."], componenttypename=component_type))
    assert rows[0]["section"] == section


def test_without_component_types_questions_begin_where_the_operator_opens_them():
    turns = call(
        "1",
        [
            "Welcome. A question-and-answer session will follow.",
            "Sales rose.",
            "We will now begin the question-and-answer session.",
            "Why?",
        ],
    )
    for turn, speaker in zip(turns, ["Operator", "Executives", "Operator", "Analysts"], strict=True):
        turn["speakertypename"] = speaker
    rows, _ = build(turns)
    assert [r["section"] for r in rows] == ["presentation", "presentation", "q_and_a", "q_and_a"]


def test_a_welcome_that_announces_questions_does_not_open_them(earnings21: Path):
    table = pa.concat_tables(FilesSource(earnings21).components(QUARTER))
    position = table.schema.get_field_index("componenttypename")
    untyped = table.set_column(position, "componenttypename", pa.nulls(table.num_rows, pa.string()))
    given, inferred = (build_transcripts(t, QUARTER)[0].column("section") for t in (table, untyped))
    wrong = sum(a != b for a, b in zip(given.to_pylist(), inferred.to_pylist(), strict=True))
    assert wrong <= 0.03 * table.num_rows


def test_an_unheard_of_speaker_type_is_unknown():
    rows, _ = build(call("1", ["Hello."], speakertypename="Robot"))
    assert rows[0]["speaker_type"] == "unknown"


def test_no_components_give_empty_tables():
    kept, audit = build_transcripts(COMPONENTS.empty_table(), QUARTER)
    assert kept.num_rows == audit.num_rows == 0


calls = st.lists(
    st.tuples(
        st.sampled_from(["1", "2"]),
        st.sampled_from([None, "7", "8"]),
        st.sampled_from([None, "Edited Copy", "Proofed Copy"]),
        st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=10)
@given(calls, st.randoms())
def test_each_transcript_has_one_audit_row_and_no_order_matters(found: list[tuple[Any, ...]], random: Any):
    offered = [
        call(str(i), texts, companyid=firm, keydevid=event, transcriptcollectiontypename=kind)
        for i, (firm, event, kind, texts) in enumerate(found)
    ]
    rows, audit = build(*offered)
    assert set(audit) == {str(i) for i in range(len(found))}
    kept = {t for t, (status, _) in audit.items() if status == "kept"}
    assert {r["transcript_id"] for r in rows} == kept
    assert len(rows) == sum(len(found[int(t)][3]) for t in kept)
    shuffled = [r for c in offered for r in c]
    random.shuffle(shuffled)
    assert build(shuffled) == (rows, audit)


OPERATOR, EXECUTIVE, ANALYST = "Operator", "Corporate Participants", "Conference Call Participants"


@pytest.mark.parametrize(
    ("turns", "sections"),
    [
        # A type that does not say, in mid-Q&A: the vendor's sixth, and a word that nobody knows.
        (
            "O:Presenter Speech E:Presenter Speech A:Question E:Unknown_Question_and_Answer_Message E:Answer",
            "ppqqq",
        ),
        ("O:Presenter Speech E:Presenter Speech A:Question E:Fireside E:- E:Answer", "ppqqqq"),
        ("O:- E:- O!:- A:- E:-", "ppqqq"),
        ("O:Presenter Speech E:- O!:- A:- E:Answer", "ppqqq"),
        ("O:- E:Presenter Speech A:- E:-", "ppqq"),
        ("O:- E:- O!:- E:Presenter Speech E:- A:Question E:-", "pppppqq"),
        ("O:- E:- O!:- A:- E:- E:Presenter Speech", "ppqqqp"),
    ],
)
def test_a_turn_whose_type_does_not_say_is_of_the_section_in_which_it_stands(turns: str, sections: str):
    who = {"O": OPERATOR, "E": EXECUTIVE, "A": ANALYST}
    said = re.findall(r"([OEA])(!?):(.+?)(?= [OEA]!?:|$)", turns)
    rows = call("1", ["We will take the first question." if opens else "Sales rose." for _, opens, _ in said])
    for row, (speaker, _, kind) in zip(rows, said, strict=True):
        row |= {"speakertypename": who[speaker], "componenttypename": None if kind == "-" else kind}
    kept, _ = build(rows)
    assert "".join(row["section"][0] for row in kept) == sections


SPANISH = [
    "Las ventas crecieron un cinco por ciento gracias a la demanda de los clientes en todos los mercados.",
    "Esperamos que los márgenes se mantengan estables durante el resto del año por los costes más bajos.",
]


def test_a_call_in_another_language_is_left_out_before_versions_are_chosen():
    offered = [
        *call("1", keydevid="7"),
        *call("2", SPANISH, keydevid="7"),
        *call("3", SPANISH, companyid="2"),
    ]
    table = pa.Table.from_pylist(offered, schema=COMPONENTS)
    found = build_transcripts(table, QUARTER, languages=["en"])[1].to_pylist()
    assert {a["transcript_id"]: (a["status"], a["reason"]) for a in found} == {
        "1": ("kept", None),
        "2": ("other_language", "es, not en"),
        "3": ("other_language", "es, not en"),
    }
    both = build_transcripts(table, QUARTER, languages=["en", "es"])[1].to_pylist()
    assert {a["transcript_id"]: a["status"] for a in both} == dict.fromkeys("123", "kept")


def test_turns_that_a_transcript_repeats_count_once_and_the_audit_says_how_many():
    long = [f"Plant {n} made more pumps because orders rose strongly in the quarter." for n in "abc"]
    again = ["\u00a0".join(t.replace('"', "").split(" ")) for t in long[:2]]
    rows, audit = build(call("1", [*long, "Thank you.", *again, "Thank you."]))
    assert [r["component_order"] for r in rows] == [0, 1, 2, 3, 6]
    assert audit["1"] == ("kept", "without 2 turns that repeat an earlier one")


def test_a_transcript_of_nothing_but_marks_is_empty():
    _, audit = build(
        call("1", ["[Foreign Language]", "(inaudible)"]), call("2", ["Sales rose."], companyid="2")
    )
    assert audit == {"1": ("empty", "no turn has words"), "2": ("kept", None)}


def test_a_source_says_why_it_left_out_what_it_did_and_notes_on_the_rest():
    offered = pa.Table.from_pylist(
        [
            {"transcriptid": "1", "companyid": "1", "status": "kept", "reason": "starts at 00:00:00"},
            {"transcriptid": "1", "companyid": "2", "status": "unlinked", "reason": "no GVKEY: none"},
            {"transcriptid": "5", "companyid": "1", "status": "kept", "reason": "of another quarter"},
        ],
        schema=AUDIT,
    )
    table = pa.Table.from_pylist(call("1"), schema=COMPONENTS)
    found = build_transcripts(table, QUARTER, offered)[1].to_pylist()
    assert [(a["transcript_id"], a["firm_id"], a["status"], a["reason"]) for a in found] == [
        ("1", "1", "kept", "starts at 00:00:00"),
        ("1", "2", "unlinked", "no GVKEY: none"),
    ]


def test_types_that_are_not_known_are_counted_by_name():
    rows = [
        *call("1", speakertypename="Robot", transcriptcollectiontypename="Gold"),
        *call("2", ["Hi."], componenttypename="Fireside", transcriptcollectiontypename="Corrected"),
    ]
    assert transcript_versions.unknown_types(pa.Table.from_pylist(rows, schema=COMPONENTS)) == {
        "speakertypename": {"Robot": 2},
        "componenttypename": {"Fireside": 1},
        "transcriptcollectiontypename": {"Gold": 1},
    }


def test_what_only_some_rows_of_a_call_say_holds_for_all_of_them():
    rows = call("1", ["Sales rose.", "Margins fell.", "Costs did too."])
    facts = {
        "permno": 10107,
        "gvkey": "001690",
        "link_date": date(2020, 11, 1),
        "ticker": "ROOK",
        "headline": "Q3 Call",
    }
    rows[1] |= facts
    other = call("2", ["Plants were sold."], companyid="2")
    kept, _ = build(rows, other)
    told = [{name: row[name] for name in facts} for row in kept]
    assert told == [facts] * 3 + [dict.fromkeys(facts)]


def test_names_and_headlines_are_normalised_like_texts():
    (row,), _ = build(
        call(
            "1",
            ["Sales rose."],
            companyname="Macy&#39;s, Inc.&nbsp;",
            transcriptpersonname="<b>Se&ntilde;or</b>  O&#39;Neil",
            headline="AT&amp;T â€“ Q4",
        )
    )
    assert (row["firm_name"], row["speaker_name"], row["headline"]) == (
        "Macy's, Inc.",
        "Señor O'Neil",
        "AT&T – Q4",
    )
    assert firm_name_forms(row["firm_name"]) == firm_name_forms("Macy's, Inc.")


@pytest.mark.parametrize(
    ("headline", "kind", "is_noted"),
    [
        ("Rookshaw Presents at Goldman Technology Conference", None, True),
        ("Rookshaw M&amp;A Call", None, True),
        ("Rookshaw Shareholder Meeting", None, True),
        ("Rookshaw Q3 2020 Earnings Call", None, False),
        ("Rookshaw Presents at Goldman Technology Conference", "Earnings Calls", False),
        (None, None, False),
    ],
)
def test_a_headline_of_another_event_is_noted_if_the_source_does_not_name_the_kind(
    headline: str | None, kind: str | None, is_noted: bool
):
    _, audit = build(call("1", headline=headline, keydeveventtypename=kind))
    assert audit["1"] == ("kept", transcript_versions.OTHER_HEADLINE if is_noted else None)
