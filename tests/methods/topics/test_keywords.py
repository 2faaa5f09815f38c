"""Keywords: readable, of the class, without inflected doubles, names and words of calls."""

import itertools
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods.text.firm_names import firm_name_forms
from ftm_assets.methods.text.tokens import normal_form
from ftm_assets.methods.topics.keywords import class_keywords, ctfidf

TIRES = [
    "We opened new stores and sold more tires than last quarter.",
    "Tire sales in our stores grew, and the price of a tire rose.",
    "Pricing of tires follows the prices of rubber.",
    "Each tire sold brings a customer to the store.",
]
CHAIN = [
    "Our supply chain was disrupted by port congestion.",
    "Supply chain costs rose with freight.",
    "The supply chain team found new freight carriers.",
    "Freight and port congestion will ease.",
]


def words_of(keywords: list[str]) -> list[str]:
    return [word for keyword in keywords for word in keyword.lower().split()]


def test_the_most_telling_word_of_a_class_comes_first() -> None:
    tires, chain = class_keywords([TIRES, CHAIN])
    assert tires[0] == "tire"
    assert chain[0] in {"supply chain", "freight"}


def test_a_phrase_stands_for_its_words() -> None:
    _, chain = class_keywords([TIRES, CHAIN])
    assert "supply chain" in chain
    assert "supply" not in chain
    assert "chain" not in chain


def test_a_phrase_said_once_is_no_keyword() -> None:
    (keywords,) = class_keywords([["Freight carriers raised rates.", "Freight is costly."]])
    assert "freight carriers" not in keywords


def test_phrases_do_not_cross_punctuation_or_sentences() -> None:
    texts = [
        "We make bread, butter and jam.",
        "We sell bread,butter too.",
        "We like bread",
        "butter is fine",
    ]
    (keywords,) = class_keywords([texts])
    assert {"bread", "butter"} <= set(keywords)
    assert "bread butter" not in keywords


def test_inflections_appear_once_in_their_most_common_form() -> None:
    tires, _ = class_keywords([TIRES, CHAIN])
    assert "tires" not in tires
    forms = [normal_form(word) for word in words_of(tires)]
    assert max(forms.count(form) for form in forms) <= 2  # once alone and once in a phrase, at most
    singles = [normal_form(k) for k in tires if " " not in k]
    assert len(singles) == len(set(singles))


def test_fillers_words_of_calls_and_figures_are_no_keywords() -> None:
    texts = [
        "Uh, yeah, thank you for the question on the fourth quarter call.",
        "I guess, um, you know, kind of a lot: 12% or $1.2 billion in Q3 2020, tires.",
    ]
    assert class_keywords([texts]) == [["tires"]]


def test_names_with_digits_are_words() -> None:
    (keywords,) = class_keywords([["5G and COVID-19 and B2B."]])
    assert {k.lower() for k in keywords} == {"5g", "covid-19", "b2b"}


def test_upper_case_stays_where_it_is_usual() -> None:
    (keywords,) = class_keywords(
        [["The FDA approved it.", "Vaccines of Pfizer.", "We met the FDA on vaccines."]]
    )
    assert {"FDA", "Pfizer", "vaccines"} <= set(keywords)


def test_a_broken_off_word_is_none() -> None:
    (keywords,) = class_keywords([["The admini- the administration and its legis- legislature."]])
    assert set(keywords) == {"administration", "legislature"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Monro Inc", "At Monro we sell tires, and Monro's is open."),
        ("Lands End Inc", "At Lands' End we sell tires, as Lands' End does."),
        ("Bed Bath and Beyond Inc", "At Bed Bath & Beyond we sell tires; Bed Bath and Beyond does."),
        ("NextEra Energy Inc", "Here NextEra Energy sells tires."),
        ("The Hershey Company", "At Hershey we sell tires; Hershey's tires."),
        ("General Electric", "At GE and General Electric we sell tires."),
    ],
)
def test_a_firms_name_is_no_keyword(name: str, text: str) -> None:
    assert class_keywords([[text]], exclude=firm_name_forms(name)) == [["tires"]]


def test_a_word_of_business_in_a_name_remains_a_keyword() -> None:
    texts = ["Demand for energy and gas is up.", "Our gas and energy prices.", "We at One Gas sell gas."]
    (keywords,) = class_keywords([texts], exclude=["One Gas Inc", "NextEra Energy Inc"])
    assert {"energy", "gas"} <= set(keywords)


def test_a_name_that_is_spoken_as_a_word_remains_a_keyword() -> None:
    texts = ["We gave a target to them.", "Every spire of that church has a spire at the top."]
    assert "spire" in class_keywords([texts], exclude=["Spire Inc"])[0]


def test_a_name_is_dropped_from_texts_without_case() -> None:
    assert class_keywords([["at monro we sell tires"]], exclude=["Monro Inc"]) == [["tires"]]


def test_a_class_of_stop_words_falls_back_to_them_and_one_without_words_to_nothing() -> None:
    assert class_keywords([["Yes, yes.", "Okay."], ["... 12!", ""], []]) == [["yes", "okay"], [], []]


def test_no_class_gives_no_keywords() -> None:
    assert class_keywords([]) == []


def test_at_most_top_n() -> None:
    assert all(len(k) == 2 for k in class_keywords([TIRES, CHAIN], top_n=2))


def test_unigrams_only_on_request() -> None:
    assert all(" " not in k for ks in class_keywords([TIRES, CHAIN], ngram_range=(1, 1)) for k in ks)


def test_the_order_of_texts_and_classes_does_not_matter() -> None:
    expected = class_keywords([TIRES, CHAIN])
    for tires in itertools.permutations(TIRES):
        assert class_keywords([list(tires), CHAIN]) == expected
    assert class_keywords([CHAIN, TIRES]) == expected[::-1]


@given(st.lists(st.lists(st.text(), max_size=4), max_size=4), st.lists(st.text(), max_size=3))
def test_any_text_gives_a_list_of_distinct_keywords_per_class(
    documents: list[list[str]], names: list[str]
) -> None:
    keywords = class_keywords(documents, exclude=names)
    assert len(keywords) == len(documents)
    for of_class in keywords:
        assert len(of_class) == len(set(of_class)) <= 10
        assert all(of_class)


@given(st.lists(st.sampled_from([*TIRES, *CHAIN, "So.", "Thank you.", "12%"]), min_size=1))
def test_a_class_with_a_content_word_has_a_keyword(texts: list[str]) -> None:
    (keywords,) = class_keywords([texts])
    assert bool(keywords) == (set(texts) != {"12%"})


def test_real_calls_give_each_passage_distinct_keywords_without_the_firms_name(earnings21: Path) -> None:
    calls: dict[str, list[str]] = {}
    for row in pq.read_table(earnings21, columns=["companyname", "componenttext"]).to_pylist():
        calls.setdefault(row["companyname"], []).append(row["componenttext"])
    for name, turns in calls.items():
        passages = [turns[i : i + 8] for i in range(0, len(turns), 8)]
        for keywords in class_keywords(passages, exclude=[name]):
            assert keywords
            singles = [normal_form(k.lower()) for k in keywords if " " not in k]
            assert len(singles) == len(set(singles))
            spoken = words_of(keywords)
            assert not {"quarter", "question", "uh", "thank", "million"} & set(spoken)
            assert max(map(spoken.count, spoken)) <= 2
            if name in {"Monro Inc", "Illumina", "Danaher Corp", "Yeti Holdings"}:
                assert name.split()[0].lower() not in spoken


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([(w,) for w in "abcdefgh"]), st.integers(1, 9), min_size=1),
        min_size=1,
        max_size=6,
    )
)
def test_weights_are_those_of_bertopic(classes: list[dict[tuple[str, ...], int]]) -> None:
    import numpy as np
    from bertopic.vectorizers import ClassTfidfTransformer
    from scipy.sparse import csr_matrix

    terms = sorted({("y",), ("z",)}.union(*classes))  # theirs wants two terms at least
    matrix = csr_matrix(np.array([[c.get(t, 0) for t in terms] for c in classes], dtype=float))
    theirs = ClassTfidfTransformer(bm25_weighting=True).fit(matrix).transform(matrix.copy()).toarray()
    ours = ctfidf([Counter(c) for c in classes])
    assert np.allclose([[c.get(t, 0.0) for t in terms] for c in ours], theirs)


def test_a_phrase_does_not_go_on_after_a_possessive() -> None:
    tires, freight = ["Our tire's price rose."] * 3, ["Our freight price fell."] * 3
    assert class_keywords([tires, freight])[0] == ["price rose", "tire"]
    assert "freight price" in class_keywords([tires, freight])[1]
