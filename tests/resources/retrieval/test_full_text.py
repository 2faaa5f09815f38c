from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.retrieval.full_text import (
    NUMBERS,
    TextIndex,
    TextWriter,
    phrases_without_words,
    taken_apart,
)

TEXTS = [
    "Freight rates rose 12.5% in Q4-2023.",
    "Rates of freight fell.",
    "We don’t expect tariffs.",
    "Margins at Zürich rose by 5%.",
    "Rose rose rose rose.",
]
FIRMS = ["Acme Inc ACM", "Acme Inc ACM", "Beta", "Beta", ""]


def index(folder: Path | None = None, texts: list[str] = TEXTS) -> TextIndex:
    writer = TextWriter(folder, NUMBERS)
    numbers = {name: np.arange(len(texts)) % 2 for name in NUMBERS}
    writer.add([[text] for text in texts], FIRMS[: len(texts)], numbers)
    made = writer.close()
    return TextIndex.opened(folder, NUMBERS) if folder else made


@pytest.fixture(scope="module")
def texts() -> TextIndex:
    return index()


def found(texts: TextIndex, query: str, n: int = 10, **limits: object) -> list[int]:
    return texts.best(taken_apart(query), n, **limits)[0].tolist()  # type: ignore[arg-type]


def test_words_numbers_names_and_tickers_are_found(texts: TextIndex):
    assert sorted(found(texts, "FREIGHT")) == [0, 1]
    assert found(texts, "12.5%") == [0]
    assert found(texts, "q4-2023") == [0]
    assert found(texts, "zurich") == [3]
    assert sorted(found(texts, "ACM")) == [0, 1], "the ticker of who speaks"
    assert found(texts, "don't") == [2]
    assert found(texts, "unheard") == []


def test_what_is_said_counts_more_than_who_speaks():
    made = index(texts=["Acme sells.", "We sell.", "Beta sells."])
    assert found(made, "acme") == [0, 1]


def test_a_quoted_phrase_must_occur(texts: TextIndex):
    assert found(texts, '"freight rates"') == [0]
    assert found(texts, '"freight rates" fell') == [0]
    assert found(texts, '"rates of freight" "fell"') == [1]
    assert found(texts, '"rates freight"') == []
    mask = texts.with_phrases(taken_apart("„rose by“"), len(TEXTS))
    assert np.flatnonzero(mask).tolist() == [3]
    assert not texts.with_phrases(taken_apart('"no such words"'), len(TEXTS)).any()


WRITTEN = [
    "We opened 12, 5 of them in Texas.", "Margin rose 5 percent to 12.5.", "Revenue was 1,000 units.",
    "Fell by -7% in Rome.", "It costs $5.", "Sales of M\u0308u\u0308ller caf\u00e9 rose.", "Co\u00adoperation in Ohio.",
    "Sales of \uff11\uff12 units.",
]  # fmt: skip


@pytest.mark.parametrize(
    ("phrase", "rows"),
    [
        ("12.5", [1]), ("1000 units", [2]), ("1,000", [2]), ("7% in Rome", [3]), ("-7%", [3]), ("+7%", []),
        ("$5", [4]), ("m\u0308\u00fcller cafe\u0301", [5]), ("cooperation", [6]), ("co\u00adoperation", [6]),
        ("12 units", [7]),
    ],
)  # fmt: skip
def test_phrases_match_numbers_as_written_and_letters_in_any_form(phrase: str, rows: list[int]):
    writer = TextWriter(None)
    writer.add([[text] for text in WRITTEN], [""] * len(WRITTEN))
    made = writer.close()
    assert found(made, f'"{phrase}"') == rows
    assert np.flatnonzero(made.with_phrases(taken_apart(f'"{phrase}"'), len(WRITTEN))).tolist() == rows


def test_words_outside_of_phrases_find_numbers_without_their_signs(texts: TextIndex):
    assert 3 in found(texts, "5")
    assert 3 in found(texts, "$5")
    assert taken_apart("$ % 5%").words == (("5",),)


def test_a_quoted_name_or_ticker_finds_its_firm_s_rows(texts: TextIndex):
    for query in ('"ACM"', '"acme inc"'):
        assert sorted(found(texts, query)) == [0, 1]
        assert np.flatnonzero(texts.with_phrases(taken_apart(query), len(TEXTS))).tolist() == [0, 1]
    assert found(texts, '"acme freight"') == [], "no phrase reaches from the name into what is said"
    assert texts.best(taken_apart('"acme inc"'), 5)[1].max() <= 1


def test_a_phrase_of_signs_has_no_words():
    assert phrases_without_words('"%%%" “—” "5%" "" " "') == ["%%%", "—"]


def test_filters_hold_before_ranking(texts: TextIndex):
    assert found(texts, "rose", 1) == [4]
    assert found(texts, "rose", 1, within={"call": [1]}) == [3]
    assert found(texts, "rose", 1, mask=np.array([1, 0, 0, 0, 0], np.bool_)) == [0]
    assert found(texts, "rose", 1, mask=np.zeros(5, np.bool_)) == []
    assert found(texts, "rose", 3, within={"call": []}) == []


def test_scores_are_shares_of_the_most_possible(texts: TextIndex):
    rows, scores = texts.best(taken_apart("freight rates 2023"), 10)
    assert rows[0] == 0, "has them all"
    assert 0.2 < scores[0] <= 1
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize(
    "hostile",
    ['"', '""', '"a" "', "AND OR NOT", "text:*", "row:[0 TO 9]", "((((", "a:b:c^^2", "/.*/", "-freight", "\0", "é" * 50,
     "{}[]+!~?\\", '" unbalanced AND (OR [', "*" * 5000, "x " * 5000],
)  # fmt: skip
def test_no_character_is_an_operator(texts: TextIndex, hostile: str):
    rows, scores = texts.best(taken_apart(hostile), 3)
    assert len(rows) == len(scores) <= 3
    assert sorted(found(texts, f"freight {hostile.replace(chr(34), ' ')}"))[:1] != [2]
    assert found(texts, "-freight", 2) == found(texts, "freight", 2)


@given(st.text(max_size=60))
def test_any_text_can_be_asked_for(text: str):
    words = taken_apart(text)
    assert all(words.phrases)
    assert all(words.words)


def test_an_index_in_a_folder_is_the_same(tmp_path: Path, texts: TextIndex):
    stored = index(tmp_path / "text")
    for query in ("rose", '"freight rates"', "acm 5%"):
        (rows, scores), (others, theirs) = (i.best(taken_apart(query), 9) for i in (texts, stored))
        assert rows.tolist() == others.tolist()
        np.testing.assert_allclose(scores, theirs)


def test_no_phrase_reaches_from_one_text_of_a_row_into_the_next():
    writer = TextWriter(None)
    writer.add([["Vaccine trials", "vaccine supply"]], [""])
    made = writer.close()
    assert found(made, '"vaccine trials"') == found(made, '"vaccine supply"') == [0]
    assert found(made, '"trials vaccine"') == []


def test_an_index_without_rows_finds_nothing():
    empty = index(texts=[])
    assert found(empty, "freight") == []
    assert empty.with_phrases(taken_apart('"a b"'), 0).tolist() == []


def test_parts_of_a_run_without_spaces_are_found():
    texts = index(texts=["公司的供应链成本上升", "運賃が上がった", "成本 up 供应", "Freight"])
    assert found(texts, "供应链") == [0], "the characters in a row"
    assert sorted(found(texts, "成本")) == [0, 2]
    assert found(texts, '"が上"') == [1]
    assert found(texts, '"供应 链"') == [0]
    assert found(texts, "应供") == []
