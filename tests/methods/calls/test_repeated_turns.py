"""Turns that a transcript holds twice."""

import random
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from ftm_assets.methods.calls.repeated_turns import LONG_CHARACTERS, LONG_WORDS, Turn, repeated_turns
from ftm_assets.methods.calls.turn_types import speaker_type


def turn(words: str, speaker: str | None = "ann", kind: str = "executive") -> Turn:
    return Turn(words, kind, speaker)


LONG = [turn(f"plant {n} made many more pumps because orders rose in the quarter") for n in "abcdef"]
THANKS = turn("thank you", "bob", "analyst")
NEXT = turn("next question please", None, "operator")


def test_a_long_turn_counts_once_and_a_short_one_as_often_as_it_is_said():
    assert repeated_turns([LONG[0], THANKS, LONG[1], THANKS, LONG[0], LONG[2], THANKS]) == [4]


def test_short_turns_go_with_the_passage_that_is_repeated_in_order():
    passage = [LONG[0], THANKS, NEXT, LONG[1], THANKS]
    assert repeated_turns([*passage, LONG[2], *passage, NEXT, LONG[3]]) == [6, 7, 8, 9, 10]


def test_a_transcript_that_is_the_same_turns_over_again_counts_once():
    short = [
        turn("good day", None, "operator"),
        turn("sales rose"),
        turn("why", "bob", "analyst"),
        turn("demand"),
    ]
    for times in (2, 3):
        assert repeated_turns(short * times) == list(range(4, 4 * times))
    assert repeated_turns([*short, *short[:3]]) == [], "it breaks off: perhaps it was said again"


def test_a_few_words_said_over_and_over_stay():
    assert repeated_turns([turn("we did not achieve strong growth")] * 4) == []
    assert repeated_turns([THANKS, NEXT] * 5) == []


def test_the_operator_may_read_the_same_text_twice():
    text = turn(
        "ladies and gentlemen please stand by your conference will resume in a moment", None, "operator"
    )
    assert repeated_turns([text, LONG[0], text]) == []


def test_two_analysts_may_open_with_the_same_courtesy():
    greeting = "good morning everyone and thank you for taking my question congratulations"
    assert repeated_turns([turn(greeting, "bob", "analyst"), LONG[0], turn(greeting, "eve", "analyst")]) == []
    assert repeated_turns([turn(greeting, "bob", "analyst"), LONG[0], turn(greeting, None, "analyst")]) == [2]


def test_a_very_long_turn_is_a_repeat_under_another_name():
    text = " ".join(f"word{i}" for i in range(30))
    assert repeated_turns([turn(text, "bob", "analyst"), turn(text, "ann", "unknown")]) == [1]


def test_a_script_without_blanks_is_long_by_its_length():
    text = "販売台数が増えたため営業利益も増えました" * 3
    assert repeated_turns([turn(text), LONG[0], turn(text)]) == [2]


def test_in_real_calls_only_a_recorded_text_is_a_repeat_and_a_doubled_call_loses_its_second_half(
    earnings21: Path,
):
    calls = defaultdict(list)
    rows = pq.read_table(earnings21).sort_by([("transcriptid", "ascending"), ("componentorder", "ascending")])
    for row in rows.to_pylist():
        words = " ".join("".join(c if c.isalnum() else " " for c in row["componenttext"].lower()).split())
        calls[row["transcriptid"]].append(
            Turn(words, speaker_type(row["speakertypename"]), row["transcriptpersonname"])
        )
    found = {t: {turns[i].words for i in repeated_turns(turns)} for t, turns in calls.items()}
    hold_music = {text for texts in found.values() for text in texts}
    assert len(hold_music) == 4
    assert all("holding" in text or "waiting" in text for text in hold_music)
    below = [w for w in _said_twice(calls.values()) if w not in hold_music]
    assert max(len(w.split()) for w in below) < LONG_WORDS
    assert max(map(len, below)) < LONG_CHARACTERS
    for turns in random.Random(3).sample([t for name, t in calls.items() if not found[name]], 5):
        assert repeated_turns([*turns, *turns]) == list(range(len(turns), 2 * len(turns)))


def _said_twice(calls):
    for turns in calls:
        said = [t.words for t in turns if t.speaker_type != "operator"]
        yield from {w for w in said if said.count(w) > 1}
