"""The same text under two firms is noted for each."""

from typing import Any

import pyarrow as pa

from ftm_assets.methods.calls.shared_texts import note_shared_texts, text_digests

LONG = "Plant number nine made more pumps because orders rose strongly in the quarter. " * 3


def rows(*calls: tuple[str, str, str]) -> pa.Table:
    return pa.Table.from_pylist([{"transcript_id": t, "firm_id": f, "text": text} for t, f, text in calls])


def noted(*calls: tuple[str, str, str]) -> list[str | None]:
    audit: list[dict[str, Any]] = [
        {"transcript_id": t, "firm_id": f, "reason": None if t == "1" else "x"} for t, f, _ in calls
    ]
    return note_shared_texts(pa.Table.from_pylist(audit), text_digests(rows(*calls)))["reason"].to_pylist()


def test_a_text_of_two_firms_is_noted_for_both_whatever_its_case_and_punctuation():
    assert noted(
        ("1", "10", LONG), ("2", "20", LONG.upper().replace(".", " -")), ("3", "30", LONG + "Bye.")
    ) == [
        "same text as transcript 2 of company 20",
        "x; same text as transcript 1 of company 10",
        "x",
    ]


def test_several_firms_are_counted():
    assert (
        noted(*((t, f"{t}0", LONG) for t in "123"))[0] == "same text as transcript 2 of company 20 and 1 more"
    )


def test_short_texts_and_two_calls_of_one_firm_are_not_noted():
    assert noted(("1", "10", "Sales rose."), ("2", "20", "Sales rose.")) == [None, "x"]
    assert noted(("1", "10", LONG), ("2", "10", LONG)) == [None, "x"]
