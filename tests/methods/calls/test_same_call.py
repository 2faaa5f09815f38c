"""Whether two transcripts are one call: by event, by time, by words; and that two quarters decide alike."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods.calls.same_call import (
    SAME_CALL_OVERLAP,
    UNLIKE_OVERLAP,
    Fate,
    Likeness,
    Version,
    choose,
)
from ftm_resources.quarters import of_date
from ftm_resources.tables.components import NEIGHBOUR_DAYS, rank

DAY = date(2021, 2, 3)
WORDS = [f"word{i}" for i in range(4000)]
SAFE_HARBOUR = (
    "These forward-looking statements involve risks and uncertainties that could cause actual results to differ "
    "materially from our forward-looking statements. Please refer to our SEC filings for a discussion of these "
    "risk factors. We undertake no obligation to update any forward-looking statements."
)


def turns(subject: int, n: int = 30) -> list[str]:
    """Return turns of a call; those of another subject share no passage with them."""
    made = random.Random(subject)
    return [" ".join(made.choices(WORDS, k=70)) + "." for _ in range(n)]


def changed(said: Sequence[str], share: float) -> list[str]:
    """Return the turns with a share of their words replaced."""
    made = random.Random(9)
    return [" ".join("uh" if made.random() < share else w for w in t.split()) for t in said]


A, B = turns(1), turns(2)


class Transcript:
    """A transcript of firm 1, on DAY at 21:30 unless told otherwise."""

    def __init__(self, name: str, said: Sequence[str], **facts: Any) -> None:
        self.said = said
        day = facts.pop("day", DAY)
        start = facts.pop("start", datetime.combine(day, time(21, 30), UTC))
        better = facts.pop("collection", None)
        words = " ".join(said).lower()
        known: dict[str, Any] = {"event": None, "headline": None, "firm": "1"} | facts
        self.version = Version(
            transcript=name,
            day=day,
            start=start,
            words=words,
            rank=rank(better, None, name, len(words)),
            **known,
        )


def fates(*transcripts: Transcript, quarter: str = "2021Q1") -> dict[str, Fate]:
    said = {(t.version.transcript, t.version.firm): t.said for t in transcripts}
    found = choose([t.version for t in transcripts], said, quarter)
    return {transcript: fate for (transcript, _), fate in found.items()}


def kept(*transcripts: Transcript, quarter: str = "2021Q1") -> set[str]:
    return {t for t, fate in fates(*transcripts, quarter=quarter).items() if fate.status == "kept"}


def at(clock: str, day: date = DAY) -> dict[str, Any]:
    return {"day": day, "start": datetime.combine(day, time.fromisoformat(clock), UTC)}


LATER = {
    "half an hour later": at("22:00"),
    "two days later": at("21:30", DAY + timedelta(2)),
    "on a bare date": {"start": None},
}


@pytest.mark.parametrize("when", LATER.values(), ids=LATER)
@pytest.mark.parametrize("events", [(None, None), ("7", None), (None, "7"), ("7", "7")])
def test_a_version_whose_start_was_revised_is_of_the_same_call(
    when: dict[str, Any], events: tuple[str | None, ...]
):
    one, other = (
        Transcript("1", A, event=events[0]),
        Transcript("2", changed(A, 0.05), event=events[1], **when),
    )
    assert kept(one, other) == {"2"}
    assert fates(one, other)["1"] == Fate("superseded", "transcript 2 is newer by its id")


@pytest.mark.parametrize("when", LATER.values(), ids=LATER)
def test_an_earnings_call_and_a_separate_call_of_the_same_days_stay_two(when: dict[str, Any]):
    assert kept(Transcript("1", A), Transcript("2", B, **when)) == {"1", "2"}


def test_even_at_one_start_what_shares_no_words_is_two_calls_if_there_is_enough_of_it():
    assert kept(Transcript("1", A), Transcript("2", B)) == {"1", "2"}
    assert kept(Transcript("1", ["Sales rose."]), Transcript("2", ["Sales rose, he said."])) == {"2"}


def test_two_events_are_two_calls_unless_nearly_all_words_are_the_same():
    half = [*A[:15], *B[:15]]
    assert kept(Transcript("1", A, event="7"), Transcript("2", half, event="8")) == {"1", "2"}
    assert fates(Transcript("1", A, event="7"), Transcript("2", A, event="8"))["1"] == Fate(
        "duplicate", "same text as transcript 2"
    )
    corrected = [A[0] + " Indeed.", *A[1:]]
    assert kept(Transcript("1", A, event="7"), Transcript("2", corrected, event="8")) == {"2"}


@pytest.mark.parametrize("days", [0, 2, 20])
def test_a_constant_in_the_column_of_events_unites_nothing_and_is_noted(days: int):
    found = fates(
        Transcript("1", A, event="7"), Transcript("2", B, event="7", **at("13:00", DAY + timedelta(days)))
    )
    assert {f.status for f in found.values()} == {"kept"}
    what = "other words" if days < 4 else "a call 20 days away"
    assert found["1"].reason == f"transcript 2 has the same event id 7, but is {what}"


def test_an_event_that_was_put_off_is_one_call_by_its_words():
    put_off = at("21:30", DAY + timedelta(10))
    assert kept(Transcript("1", A, event="7"), Transcript("2", changed(A, 0.05), event="7", **put_off)) == {
        "2"
    }
    assert kept(Transcript("1", ["Hello."], event="7"), Transcript("2", ["Good day."], event="7", **put_off)) == {
        "1", "2",
    }  # fmt: skip


def test_short_transcripts_are_not_united_by_what_a_firm_reads_in_every_call():
    one = Transcript("1", [SAFE_HARBOUR, "We sold nine plants in Ohio to a rival in the summer."])
    other = Transcript(
        "2", [SAFE_HARBOUR, "The merger with the pump maker will close in May."], **at("13:00")
    )
    assert kept(one, other) == {"1", "2"}
    longer = Transcript("3", [SAFE_HARBOUR, *A[:3]], **at("14:00")), Transcript("4", [SAFE_HARBOUR, *B[:3]])
    assert kept(*longer) == {"3", "4"}


def test_a_version_that_has_only_part_of_the_call_is_a_version_of_it():
    most = Transcript("2", A[:20], **at("22:00"))
    assert kept(Transcript("1", A), most) == {"2"}
    assert kept(Transcript("1", A, collection="Proofed Copy"), most) == {"1"}


@pytest.mark.parametrize("event", [None, "7"])
@pytest.mark.parametrize("part", [A[:10], ["Good day and welcome to the call."], A[-1:], []])
def test_a_small_part_never_replaces_the_whole_call_however_new_or_final(part: list[str], event: str | None):
    stub = Transcript("2", part, event=event, collection="Audited Copy")
    found = fates(Transcript("1", A, event=event), stub)
    assert found["1"] == Fate("kept", None)
    assert found["2"].reason.startswith("transcript 1 has the whole call, this one ")


def test_what_is_whole_does_not_run_in_a_circle():
    sizes = {"1": 30, "2": 18, "3": 10}
    found = fates(*(Transcript(t, A[:n], event="7") for t, n in sizes.items()))
    assert [t for t, fate in found.items() if fate.status == "kept"] == ["2"]


@pytest.mark.parametrize(
    "said", [(A[:15], B[:15]), (["We sold nine plants."], ["How did margins develop?", "They rose."])]
)
def test_two_parts_of_a_call_are_both_kept_and_noted(said: tuple[list[str], list[str]]):
    found = fates(*(Transcript(t, own, event="7") for t, own in zip("12", said, strict=True)))
    assert [f.status for f in found.values()] == ["kept", "kept"]
    assert found["1"].reason == "transcript 2 has the same event id 7, but is other words"


@pytest.mark.parametrize("when", [at("21:30"), at("22:00"), at("13:00", DAY + timedelta(2)), {"start": None}])
def test_a_noisy_copy_under_another_event_is_the_same_call(when: dict[str, Any]):
    every = [" ".join("zq" if i % 20 == 19 else w for i, w in enumerate(t.split())) for t in A]
    assert kept(Transcript("1", A, event="7"), Transcript("2", every, event="8", **when)) == {"2"}
    later = Transcript("2", every, event="8", **at("13:00", DAY + timedelta(5)))
    assert fates(Transcript("1", A, event="7"), later)["1"].reason is None


def test_two_events_that_share_what_is_read_are_noted():
    half = Transcript("2", [*A[:15], *B[:15]], event="8")
    found = fates(Transcript("1", A, event="7"), half)
    assert found["1"] == Fate("kept", "transcript 2 has another event id, but 50% of the passages")


@pytest.mark.parametrize("when", [at("22:00"), at("13:00", DAY + timedelta(1)), {"start": None}])
def test_a_short_call_with_a_word_changed_in_each_turn_is_the_same(when: dict[str, Any]):
    one = ["Sales rose in our plants.", "Margins were flat this year."]
    other = ["Sales grew in our plants.", "Margins were flat last year."]
    assert kept(Transcript("1", one), Transcript("2", other, **when)) == {"2"}
    assert kept(Transcript("1", one), Transcript("2", ["We will merge with a rival soon."], **when)) == {
        "1",
        "2",
    }
    japanese = ["売上は増加しました。利益は減少しました。"], ["売上は増加しました。利益が減少しました。"]
    assert kept(Transcript("1", japanese[0]), Transcript("2", japanese[1], **when)) == {"2"}


def test_a_transcript_without_an_event_is_of_the_event_that_it_is_most_like():
    one, other = Transcript("1", A, event="7"), Transcript("2", B, event="8", **at("13:00"))
    mixed = Transcript("3", [*A[:20], *B[:10]], **at("14:00"))
    assert kept(one, other, mixed) == {"2", "3"}


def test_the_reason_names_the_transcript_that_is_kept():
    one, two, three = (
        Transcript(n, said, collection=c)
        for n, said, c in (("1", A, None), ("2", A[:20], "Edited Copy"), ("3", A[:18], "Audited Copy"))
    )
    assert "transcript 3 is the audited copy" in fates(one, two, three)["1"].reason


def test_bare_dates_with_one_headline_are_one_call_if_there_are_too_few_words_to_tell():
    bare = {"start": None, "headline": "Firm Q4 Earnings Call"}
    assert kept(Transcript("1", ["Sales rose."], **bare), Transcript("2", ["Sales rose, too."], **bare)) == {
        "2"
    }
    assert kept(Transcript("1", ["Sales rose."], **bare), Transcript("2", ["Margins fell."], **bare)) == {
        "1",
        "2",
    }
    assert kept(Transcript("1", A, **bare), Transcript("2", B, **bare)) == {"1", "2"}


LAST = date(2021, 3, 31)


@pytest.mark.parametrize("days", [1, 5, 7])
def test_the_same_text_across_a_bound_counts_once(days: int):
    both = Transcript("1", A, **at("21:30", LAST)), Transcript("2", A, **at("13:00", LAST + timedelta(days)))
    assert fates(*both)["1"] == Fate("duplicate", "same text as transcript 2, and is of 2021Q2")
    assert kept(*both, quarter="2021Q2") == {"2"}


@pytest.mark.parametrize("better", ["1", "2"])
def test_a_call_whose_versions_lie_on_both_sides_of_a_bound_belongs_to_the_quarter_of_the_one_that_is_kept(
    better: str,
):
    copies = {t: "Proofed Copy" if t == better else "Edited Copy" for t in "12"}
    both = (
        Transcript("1", A, collection=copies["1"], **at("21:30", LAST)),
        Transcript("2", changed(A, 0.02), collection=copies["2"], **at("13:00", LAST + timedelta(2))),
    )
    first, second = fates(*both), fates(*both, quarter="2021Q2")
    assert (first.keys(), second.keys()) == ({"1"}, {"2"})
    found = first | second
    assert {t for t, f in found.items() if f.status == "kept"} == {better}
    other = "2" if better == "1" else "1"
    its = "2021Q1" if better == "1" else "2021Q2"
    assert found[other].reason == (
        f"transcript {better} is the proofed copy, this one the edited copy, and is of {its}"
    )


some = st.lists(
    st.tuples(
        st.integers(-8, 8),
        st.sampled_from([None, "7", "8"]),
        st.sampled_from([A, B, A[:20], B[5:], [*A[:15], *B[:15]]]),
        st.sampled_from([None, "Edited Copy", "Proofed Copy"]),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=30)
@given(some)
def test_two_quarters_run_apart_judge_each_transcript_once_and_lose_none(found: list[tuple[Any, ...]]):
    """What a run sees ends some days beyond its quarter; what is left out there must be kept here, or be like it."""
    offered = [
        Transcript(str(i), said, event=event, collection=copy, **at("15:00", LAST + timedelta(days)))
        for i, (days, event, said, copy) in enumerate(found)
    ]
    judged: dict[str, Fate] = {}
    for quarter, first, last in (
        ("2021Q1", date(2021, 1, 1), LAST),
        ("2021Q2", LAST + timedelta(1), date(2021, 6, 30)),
    ):
        window = timedelta(NEIGHBOUR_DAYS)
        seen = [t for t in offered if first - window <= t.version.day <= last + window]
        here = fates(*seen, quarter=quarter)
        assert here.keys() == {t.version.transcript for t in seen if of_date(t.version.day) == quarter}
        judged |= here
    assert judged.keys() == {t.version.transcript for t in offered}
    assert "kept" in {fate.status for fate in judged.values()}
    for one, other in combinations(offered, 2):
        v, w = one.version, other.version
        if v.words == w.words and abs((v.day - w.day).days) <= NEIGHBOUR_DAYS:
            assert "kept" not in {judged[min((v, w), key=lambda x: x.rank).transcript].status}


def test_different_real_calls_share_hardly_a_passage_and_a_noisy_copy_shares_most(earnings21: Path):
    rows = pq.read_table(earnings21, columns=["transcriptid", "componenttext", "speakertypename"]).to_pylist()
    said: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["speakertypename"] != "Operator":
            said.setdefault((str(row["transcriptid"]), "1"), []).append(row["componenttext"])
    names = sorted(said)[:8]
    noisy = {(t, "2"): changed(said[t, f], 0.05) for t, f in names}
    like = Likeness(said | noisy)
    assert max(like(a, b)[0] for a, b in combinations(names, 2)) < UNLIKE_OVERLAP / 10
    assert min(like(name, (name[0], "2"))[0] for name in names) > 2 * SAME_CALL_OVERLAP
