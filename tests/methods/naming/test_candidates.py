import pytest

from ftm_assets.methods.naming.candidates import Evidence, fewest_sources, is_allowed, may_be_name, propose
from ftm_assets.methods.naming.headings import GENERAL, HEADINGS
from ftm_assets.methods.naming.phrases import noun_phrases
from ftm_assets.methods.naming.rules import Digest


def proposed(sentences, keywords=(), sources=None, kind="topic", exclude=()):
    sources = sources or [str(i) for i in range(len(sentences))]
    digest = Digest(
        "t", kind, tuple(keywords), (), exclude=exclude, evidence=tuple(zip(sentences, sources, strict=True))
    )
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
    names = proposed(said, ["Zorvex pens", "King Air engines", "MRI scans"])
    assert "MRI scans" in names
    assert not any("zorvex" in n.lower() or "king air" in n.lower() for n in names)


def test_a_place_needs_half_of_the_sources():
    few = [*repeated("Texas plants", 2), *repeated("plants", 6)]
    assert not any("Texas" in name for name in proposed(few))
    assert "Texas plants" in proposed(repeated("Texas plants", 4))


def test_a_name_must_be_used_by_several_sources():
    said = [*repeated("freight costs", 3), "Brake repairs went up.", "Labor was short.", "Rents fell."]
    assert "freight costs" in proposed(said)
    assert not any("brake" in name for name in proposed(said, ["brake repairs"]))
    in_one_turn = proposed([*repeated("brake repairs", 3), *repeated("rents", 4)], sources=[*"aaa", *"bcde"])
    assert not any("brake" in name for name in in_one_turn)


@pytest.mark.parametrize(
    ("kind", "n", "fewest"), [("topic", 3, 1), ("topic", 9, 2), ("theme", 5, 2), ("theme", 40, 6)]
)
def test_the_sources_needed_grow_with_those_of_a_theme(kind, n, fewest):
    assert fewest_sources(kind, n) == fewest


def test_a_general_heading_needs_all_its_words_in_the_texts():
    said = ["Our savings on cost grew.", "The cost of it fell.", "Savings again.", "A cost."]
    assert "cost savings" in proposed(said, ["cost"])
    assert "cost inflation" not in proposed(said, ["cost"])


def test_two_subjects_that_share_a_topic_are_joined():
    said = [*repeated("tire prices", 3), *repeated("brake repairs", 3)]
    assert {"tire prices and brake repairs", "brake repairs and tire prices"} & set(proposed(said))


def test_a_firms_own_name_is_no_candidate():
    assert not any(
        "monro" in n.lower() for n in proposed(repeated("Monro tires"), ["tires"], exclude=("Monro",))
    )


def test_headings_are_names_themselves():
    for heading in (*HEADINGS, *GENERAL):
        assert is_allowed(heading, ())
        assert len(heading.split()) <= 6
        assert not heading.endswith(("s growth", "decline", "headwinds")) or heading == "organic growth"


@pytest.mark.parametrize(("text", "is_name"), [("Freight costs rose.", True), ("Side effects rose.", False)])
def test_a_vague_opener_makes_a_fragment(text, is_name):
    first = next(noun_phrases(text.lower()))
    assert may_be_name(first) is is_name
