import pytest

from ftm_assets.methods.naming.coverage import Texts, is_weak
from ftm_assets.methods.text.tokens import words


def texts(*said, sources=None, keywords=()):
    return Texts([words(text) for text in said], sources or [str(i) for i in range(len(said))], keywords)


SAID = ("Freight costs rose.", "Ocean freight fell.", "Wages rose.", "Rents fell.")


def test_a_phrase_covers_the_texts_that_use_its_words():
    cover = texts(*SAID).phrase(("freight", "cost"))
    assert cover.share == pytest.approx(0.5)
    assert cover.together == pytest.approx(0.25)
    assert cover.texts == {0, 1}
    assert cover.whole == {0}


def test_a_source_with_many_texts_is_heard_but_does_not_decide():
    cover = texts(*SAID, sources=["a", "a", "b", "c"]).phrase(("freight",))
    assert cover.share == pytest.approx(2**0.5 / (2**0.5 + 2))


def test_a_word_that_says_little_counts_less_and_alone_covers_no_text_for_good():
    said = texts("The market rose.", "Markets fell.", "The tire market grew.", "Tires wear.")
    market = said.phrase(("market",))
    assert said.phrase(("growth",)).score < 0
    assert is_weak("growth")
    assert not is_weak("tire")
    assert said.phrase(("tire", "market")).score > market.score - 0.1


def test_a_phrase_of_strong_keywords_scores_higher():
    alone, key = texts(*SAID), texts(*SAID, keywords=("freight costs",))
    assert key.phrase(("freight", "cost")).score > alone.phrase(("freight", "cost")).score


def test_the_score_rises_with_the_texts_covered():
    scores = [
        texts(*["Freight costs rose."] * n, *["We wait."] * (4 - n)).phrase(("freight", "cost")).score
        for n in range(5)
    ]
    assert scores == sorted(scores)
    assert scores[4] == pytest.approx(1.05)


def test_a_subject_is_known_by_words_that_no_two_texts_share():
    said = texts("The court met.", "A lawsuit was filed.", "The ruling came.", "We appeal.")
    heading, cover = said.subjects()[0]
    assert heading == "Legislation and courts"
    assert cover.share == pytest.approx(1)


def test_a_term_of_two_words_needs_both_in_a_row():
    assert "Supply chain" not in dict(texts("The chain of supply held.").subjects())
    assert "Supply chain" in dict(texts("The supply chain held.").subjects())


def test_a_wide_heading_is_financial_only_where_most_texts_are():
    figures = ("Revenue and margin rose.", "Net income fell.", "The tax expense was low.", "We hired.")
    assert texts(*figures).wide()[0] == "Financial results"
    assert texts("Revenue rose.", "Our market grew.", "The team met.").wide() == [
        "Business performance and outlook"
    ]
    assert texts("Copper.").wide() == []
