"""What the judgment of a sentence's kind is based on: words, form, place and surroundings."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.text.sentence_features import Places, around, form, grams, tokens


def spoken(calls: list[list[int]]) -> pa.Table:
    """Calls of turns of so many sentences."""
    rows = [(c, t, s) for c, turns in enumerate(calls) for t, n in enumerate(turns) for s in range(n)]
    return pa.table(
        {
            "transcript_id": [str(c) for c, *_ in rows],
            "component_id": [f"{c}:{t}" for c, t, _ in rows],
            "text": [f"Sentence {s} of {t}." for _, t, s in rows],
        }
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("THANKS, BRIAN!", ["thanks", "brian"]),
        ("So, so um we're up 1,200.5%", ["so", "we're", "up", "0", "%"]),
        ("Compa- the company grew", ["comp", "the", "company", "grew"]),
        ("It’s 5 o'clock?", ["it's", "0", "o'clock", "?"]),
        ("売上高", ["売上高"]),
        ("", []),
    ],
)
def test_words_are_read_in_any_case_and_without_stammers(text: str, said: list[str]):
    assert tokens(text) == said


@given(st.text())
def test_any_text_has_distinct_grams(text: str):
    found = grams(text)
    assert found == sorted(set(found))
    assert found


def test_places_are_of_turns_and_calls_and_a_turn_ends_with_its_call():
    rows = spoken([[1, 2], [3]])
    rows = rows.set_column(1, "component_id", pa.array(["a", "b", "b", "b", "b", "b"]))
    places = Places.of(rows)
    assert places.turn_start.tolist() == [0, 1, 1, 3, 3, 3]
    assert places.turn_end.tolist() == [1, 3, 3, 6, 6, 6]
    assert places.call_end.tolist() == [3, 3, 3, 6, 6, 6]


def test_surroundings_are_of_the_call_without_the_sentence_itself():
    places = Places.of(spoken([[2, 1], [1]]))
    p = np.array([[0.2], [0.4], [0.6], [1.0]])
    found = around(p, places)
    assert np.allclose(found[:, 0], [0.5, 0.4, 0.3, 0.0])
    assert np.allclose(found[:, 2], [0.4, 0.2, 0.0, 0.0])


@given(st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=5), min_size=1, max_size=4))
def test_features_of_a_call_are_the_same_with_and_without_other_calls(calls: list[list[int]]):
    rows = spoken(calls)
    together = form(rows, Places.of(rows))
    apart = []
    for c in range(len(calls)):
        own = rows.filter(pa.compute.equal(rows["transcript_id"], str(c)))
        apart.append(form(own, Places.of(own)))
    assert np.array_equal(together, np.concatenate(apart))


def test_capitals_count_only_where_there_are_others():
    rows = pa.table(
        {
            "text": ["Thanks, Brian Jones.", "THANKS, BRIAN JONES.", "thanks, brian jones."],
            "transcript_id": ["1"] * 3,
            "component_id": ["1", "2", "3"],
        }
    )
    found = form(rows, Places.of(rows))
    assert not np.array_equal(found[0], found[1])
    assert np.array_equal(found[1], found[2])
