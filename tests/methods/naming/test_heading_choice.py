import pytest

from ftm_assets.methods.naming.heading_choice import heading
from ftm_assets.methods.naming.rules import Digest, name_key


def topic(*said, keywords=()):
    return Digest("t", "topic", tuple(keywords), said)


def named(*said, keywords=()):
    return heading(topic(*said, keywords=keywords), set())


FILLER = ("We feel good about that.", "It is early.")


def test_a_phrase_that_most_sentences_use_is_the_name():
    said = ["Cement dispatches fell.", "Our cement dispatches rose in June.", "Cement dispatches were flat."]
    assert named(*said, *FILLER) == "Cement dispatches"


def test_sentences_that_share_no_phrase_are_named_by_their_subject():
    said = [
        "The court will rule.",
        "They filed a lawsuit.",
        "Litigation goes on.",
        "We will appeal.",
        "Legal fees.",
    ]
    assert named(*said) == "Legislation and courts"


def test_one_odd_sentence_names_nothing():
    said = [
        "Revenue was 10 million.",
        "Our margin was 8%.",
        "Net income was 5 million.",
        "The expense for tax was lower.",
        "A purple giraffe festival opened.",
    ]
    assert named(*said, keywords=("giraffe festival",)) == "Financial results"


def test_a_second_part_is_added_where_the_first_leaves_many_out():
    said = [*["Tire prices held there."] * 3, *["They paid for brake repairs."] * 3]
    assert name_key(named(*said)) == name_key("Tire prices and brake repairs")
    assert named(*said[:3], "Brake repairs.") == "Tire prices"


def test_two_subjects_with_a_word_in_common_are_joined_if_they_are_of_different_texts():
    said = [
        "We gained market share.",
        "Our market share is up.",
        "The share repurchases go on.",
        "They announced share repurchases.",
    ]
    assert name_key(named(*said)) == name_key("Market share and share repurchases")


def test_a_word_that_is_mostly_said_in_a_phrase_gives_way_to_the_phrase():
    said = ["The rate base grew.", "Our rate base is large.", "Rates were filed.", "The rate came."]
    assert named(*said) == "Rate base"


def test_a_word_is_named_by_the_subject_that_it_stands_for():
    said = ["COVID hit us.", "The virus spread.", "After COVID we hired.", "COVID cases rose."]
    assert named(*said) == "COVID-19 pandemic"


def test_the_firms_of_a_theme_decide_and_not_the_topics_of_one():
    one = [(f"Galleri tests detect it {i}.", "illumina") for i in range(6)]
    others = [("The dose cohort enrolled.", f) for f in "abcd"] + [
        ("A clinical trial began.", f) for f in "efgh"
    ]
    theme = Digest("t", "theme", (), (), evidence=(*one, *others))
    assert heading(theme, set()).startswith("Clinical trials")


def test_taken_names_are_told_apart_and_wide_ones_joined():
    said = ["Cement dispatches fell.", "Our cement dispatches rose."]
    first = topic(*said, keywords=("cement", "Panama", "tons"))
    taken: set[frozenset[str]] = set()
    for _ in range(3):
        name = heading(first, taken)
        assert name_key(name) not in taken
        taken.add(name_key(name))
    vague = topic("We expect revenue.", "They saw demand.", "The team met.", "People came.")
    one = heading(vague, set())
    assert heading(vague, {name_key(one)}).startswith(one)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0)])
def test_a_name_does_not_depend_on_the_order_of_equal_texts(order):
    said = ["The rate base grew.", "Rate base is up.", "Freight costs rose.", "Freight costs fell."]
    assert name_key(named(*(said[i] for i in order))) == name_key("Freight costs and rate base")
