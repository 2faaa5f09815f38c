from collections import Counter

import pytest

from ftm_assets.methods.naming.candidates import Evidence, fewest_firms, may_be_name, propose
from ftm_assets.methods.naming.coverage import Texts
from ftm_assets.methods.naming.phrases import Phrase, Spoken
from ftm_assets.methods.naming.rules import Digest
from ftm_assets.methods.text.tokens import words


def proposed(sentences, keywords=(), firms=None, exclude=()):
    firms = firms or [str(i) for i in range(len(sentences))]
    evidence = tuple(zip(sentences, firms, strict=True))
    digest = Digest("t", "theme", tuple(keywords), (), exclude=exclude, evidence=evidence)
    return [c.text for c in propose(digest, Evidence.of(digest))]


def repeated(phrase, n=4):
    return [f"In region {i} we spoke about {phrase}." for i in range(n)]


@pytest.mark.parametrize(
    ("kind", "phrase", "kept"),
    [
        ("sign", "cash flow headwinds", "cash flow"),
        ("evaluation", "strong loan demand", "loan demand"),
        ("participle", "reinstated freight contracts", "freight contracts"),
        ("action", "offset freight costs", "freight costs"),
        ("range", "mid-single freight costs", "freight costs"),
        ("numeral", "II enrolment criteria", "enrolment criteria"),
        ("half of a place", "York office leases", "office leases"),
    ],
)
def test_what_is_no_subject_is_left_out_of_a_phrase(kind, phrase, kept):
    names = proposed([*repeated(phrase, 2), *repeated(kept, 4)])
    assert kept in names
    assert phrase not in names, kind


@pytest.mark.parametrize(
    "phrase",
    ["million dollars", "last quarter", "the other side", "new opportunities", "their euros", "growth"],
)
def test_money_time_and_vague_words_are_no_names(phrase):
    assert set(proposed(repeated(phrase), [phrase])) <= {"region"}


def test_a_sign_stays_if_most_sources_say_it():
    assert "price pressure" in proposed(repeated("price pressure"))


def test_a_word_that_only_describes_or_is_done_is_no_name():
    said = [
        "It is hard to be precise.",
        "It was not precise.",
        "We have to combat rust.",
        "You combat rust daily.",
    ]
    assert "precise" not in proposed(said, ["precise"])
    assert not any(name.startswith("combat") for name in proposed(said, ["combat"]))


def test_products_people_and_two_capitals_in_a_row_are_no_names_but_common_words_and_abbreviations_are():
    said = [
        f"In {i} cases the Zorvex pens and King Air engines and MRI scans sold." for i in ("some", "most")
    ] * 2
    names = proposed(said, ["Zorvex pens", "King Air engines", "MRI scans"], firms=["1", "2", "1", "2"])
    assert "MRI scans" in names
    assert not any("zorvex" in n.lower() or "king air" in n.lower() for n in names)


def test_what_three_firms_name_may_be_a_name():
    assert "Zorvex pens" in proposed(repeated("Zorvex pens"), ["Zorvex pens"])


def test_a_place_needs_half_of_the_sources():
    few = [*repeated("Texas plants", 2), *repeated("plants", 6)]
    assert not any("Texas" in name for name in proposed(few))
    assert "Texas plants" in proposed(repeated("Texas plants", 4))


def test_a_name_must_be_used_by_several_firms():
    said = [*repeated("freight costs", 3), "Brake repairs went up.", "Labor was short.", "Rents fell."]
    assert "freight costs" in proposed(said)
    assert not any("brake" in name for name in proposed(said, ["brake repairs"]))
    in_one_firm = proposed([*repeated("brake repairs", 3), *repeated("rents", 4)], firms=[*"aaa", *"bcde"])
    assert not any("brake" in name for name in in_one_firm)


@pytest.mark.parametrize(("n", "fewest"), [(2, 1), (3, 2), (9, 3), (40, 6)])
def test_the_firms_needed_grow_with_those_of_a_theme(n, fewest):
    assert fewest_firms(n) == fewest


def test_a_firms_own_name_is_no_candidate():
    assert not any(
        "monro" in n.lower() for n in proposed(repeated("Monro tires"), ["tires"], exclude=("Monro",))
    )


@pytest.mark.parametrize(("text", "is_name"), [("Freight costs rose.", True), ("Side effects rose.", False)])
def test_a_vague_opener_makes_a_fragment(text, is_name):
    first = Spoken(text.lower()).phrases[0]
    assert may_be_name(first) is is_name


@pytest.mark.parametrize(
    ("phrase", "is_name"),
    [
        ("associates customers", False),
        ("sales growth", True),
        ("business units", True),
        ("materials suppliers", True),
    ],
)
def test_a_plural_before_a_noun_is_no_phrase_unless_it_is_good_english(phrase, is_name):
    assert may_be_name(Phrase(tuple(phrase.split()), tuple(words(phrase)))) is is_name


def test_a_name_is_spelt_as_it_is_mostly_said():
    assert "lumber" in proposed([*repeated("lumbers", 1), *repeated("lumber", 4)])


def test_half_of_a_longer_phrase_is_not_the_first_candidate():
    names = proposed(repeated("real estate portfolio", 5))
    assert names.index("real estate portfolio") < names.index("estate portfolio")


@pytest.mark.parametrize(
    ("phrase", "is_name"),
    [("part of the season", False), ("size of banks", False), ("cost of labor", True)],
)
def test_a_part_of_something_is_no_name(phrase, is_name):
    stems = tuple(w for w in words(phrase) if w not in {"of", "the"})
    assert may_be_name(Phrase(tuple(phrase.split()), stems, is_linked=True)) is is_name


@pytest.mark.parametrize("word", ["fixed-cost", "operating"])
def test_a_single_word_that_describes_is_no_name(word):
    assert not may_be_name(Phrase((word,), (word,)))
    assert may_be_name(Phrase((word, "margins"), (word, "margin")))


def test_a_name_is_in_the_number_that_is_used():
    said = ["The dividend is safe.", "A dividend was paid.", "Our dividends grow.", "Their dividends grew."]
    assert "dividends" in proposed(said)
    assert "dividend" in proposed(said[:2])


def test_what_several_sentences_of_a_topic_name_in_full_may_be_its_name():
    said = ("We sell with Zimmer Biomet.", "Our partner is Zimmer Biomet.", "It is early.")
    topic = Digest("t", "topic", (), said)
    assert "Zimmer Biomet" in [c.text for c in propose(topic, Evidence.of(topic))]
    assert not proposed(said)


def test_no_phrase_is_scored_twice(monkeypatch):
    scored = Counter()
    score = Texts.phrase

    def counted(self, stems, **how):
        scored[stems] += 1
        return score(self, stems, **how)

    monkeypatch.setattr(Texts, "phrase", counted)
    said = ("Ocean freight costs rose.", "Freight costs fell.", "The new dividend policy is safe.")
    topic = Digest("t", "topic", ("freight costs",), said)
    evidence = Evidence.of(topic)
    several, once = propose(topic, evidence), propose(topic, evidence, fewest=1)
    assert {c.stems for c in several} < {c.stems for c in once}
    assert set(scored.values()) == {1}


def test_what_few_firms_use_is_not_scored(monkeypatch):
    monkeypatch.setattr(Texts, "phrase", lambda *_, **__: pytest.fail("scored"))
    topic = Digest("t", "topic", (), ("Ocean freight rose.", "Wages fell.", "Our dividend policy is safe."))
    assert propose(topic, Evidence.of(topic)) == []
