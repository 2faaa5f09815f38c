from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.tables.components import (
    COLLECTION_TYPES,
    Rank,
    finality,
    is_earnings_call,
    rank,
    why_preferred,
)

DAY = datetime(2023, 2, 1, 12, tzinfo=UTC)


def test_collection_types_are_ranked_as_capital_iq_finishes_a_transcript():
    assert [finality(t) for t in COLLECTION_TYPES] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", [None, "", "Gold"])
def test_a_type_that_is_not_known_is_the_least_final(name: str | None):
    assert finality(name) == 0


def test_what_other_vendors_call_a_version_is_ranked_by_its_words():
    ranked = (
        (
            "Draft",
            "Raw",
            "Preliminary Transcript",
            "unedited",
            "Uncorrected proof",
            "Edited draft",
            "Not final",
        ),
        ("Spell-checked", "SpellChecked copy"),
        ("Corrected", "EDITED", "Revised Transcript"),
        ("Final", "Final Transcript", "Proofread"),
        ("Audited", "Audited final"),
    )
    for stage, names in enumerate(ranked[:4], start=1):
        assert {finality(name) for name in names} == {stage}
    assert finality("Audited") == 5
    assert rank("Corrected", DAY, "1", 9) > rank("Raw", DAY + timedelta(1), "2", 9)
    assert rank("Final", None, "1", 9) > rank("Preliminary", DAY, "2", 9)


def test_case_and_blanks_do_not_matter():
    assert finality(" proofed  COPY ") == finality("Proofed Copy") == finality("proofed")


def test_the_newest_of_the_most_final_versions_ranks_highest():
    best_first = [
        rank("Proofed Copy", DAY + timedelta(days=1), "9", 10),
        rank("Proofed Copy", DAY, "100", 10),
        rank("Proofed Copy", DAY, "99", 500),
        rank("Proofed Copy", DAY, "099", 400),  # the same number: the longer text wins
        rank("Proofed Copy", DAY, "a", 900),
        rank("Proofed Copy", None, "999", 900),
        rank("Edited Copy", DAY + timedelta(days=9), "999", 900),
        rank(None, DAY + timedelta(days=9), "999", 900),
    ]
    assert all(
        sorted(some, reverse=True) == [r for r in best_first if r in some]
        for some in permutations(best_first, 3)
    )


def test_a_creation_time_without_a_zone_is_in_utc():
    assert rank(None, DAY.replace(tzinfo=None), "1", 1) == rank(None, DAY, "1", 1)


@pytest.mark.parametrize(
    ("kept", "other", "why"),
    [
        (
            rank("Proofed Copy", None, "7", 1),
            rank("edited", DAY, "9", 9),
            "transcript 7 is the proofed copy, this one the edited copy",
        ),
        (
            rank("Proofed Copy", None, "7", 1),
            rank("Gold", None, "9", 9),
            "transcript 7 is the proofed copy, this one the version of no known type",
        ),
        (
            rank(None, DAY + timedelta(hours=1), "7", 1),
            rank(None, DAY, "9", 9),
            "transcript 7 was created later (2023-02-01 13:00 UTC against 2023-02-01 12:00 UTC)",
        ),
        (
            rank(None, DAY, "7", 1),
            rank(None, None, "9", 9),
            "transcript 7 was created later (2023-02-01 12:00 UTC against unknown)",
        ),
        (rank(None, None, "10", 1), rank(None, None, "9", 9), "transcript 10 is newer by its id"),
        (
            rank(None, None, "b", 9),
            rank(None, None, "c", 1),
            "transcript b has more text (9 characters against 1)",
        ),
        (rank(None, None, "b", 9), rank(None, None, "a", 9), "transcript b has the higher id"),
    ],
)
def test_the_reason_is_the_first_thing_in_which_two_versions_differ(kept: Rank, other: Rank, why: str):
    assert kept > other
    assert why_preferred(kept, other) == why


_versions = st.builds(
    rank,
    st.sampled_from([*COLLECTION_TYPES, None, "Draft"]),
    st.none() | st.datetimes(),
    st.text("0123456789ab", min_size=1, max_size=3),
    st.integers(0, 3),
)


@given(st.lists(_versions, min_size=2, max_size=6, unique_by=lambda r: r.transcript), st.randoms())
def test_the_best_version_does_not_depend_on_the_order_of_the_input(versions: list[Rank], random: object):
    best = max(versions)
    random.shuffle(versions)  # type: ignore[attr-defined]
    assert max(versions) == best
    assert all(
        why_preferred(best, v).startswith(f"transcript {best.transcript} ") for v in versions if v != best
    )


@pytest.mark.parametrize(
    "event",
    [
        None,
        "Earnings Calls",
        "earnings call",
        " EARNINGS  CALLS ",
        "EarningsCall",
        "earnings_call",
        "Earnings Conference Call",
        "Q3 2021 Earnings Call",
        "Earnings Release Call",
        "Earnings Call Transcript",
        "Earnings & M&A Call",
        "Earnings Teleconference",
        "Earning Call",
        "Conference Call - Earnings",
        "Q4 2020 Earnings",
        "Earnings Transcript",
        "Quarterly Results Call",
        "Full Year Results Conference Call",
        "Half-Year Results Presentation",
        "Q1 2021 Results Call",
        "Preliminary Earnings Call",
        "Earnings",
    ],
)
def test_an_earnings_call_is_recognised_by_meaning(event: str | None):
    assert is_earnings_call(event)


@pytest.mark.parametrize(
    "event",
    [
        "Guidance/Update Calls",
        "Shareholder/Analyst Calls",
        "Company Conference Presentations",
        "Conference Presentation Calls",
        "M&A Calls",
        "Analyst/Investor Day",
        "Special Calls",
        "Sales/Trading Statement Calls",
        "Operating Results Calls",
        "Interim Management Statement Calls",
        "Fixed Income Calls",
        "Announcements of Earnings",
        "Delayed Earnings Announcements",
        "Earnings Release Date",
        "Earnings Call Date",
        "Earnings Guidance Call",
        "Pre-Earnings Call",
        "Earnings Call Announcement",
        "Earnings Call (Cancelled)",
        "Postponed: Earnings Call",
        "Earnings and Growth Investor Conference",
        "Earnings Call/Sales Trading",
        "M&A Call (earnings accretive)",
        "Phase 3 Results Call",
        "Quarterly Results",
        "Non-Earnings Call",
        "Calls",
        "",
    ],
)
def test_other_events_are_no_earnings_calls(event: str):
    assert not is_earnings_call(event)
