import pytest

from ftm_assets.methods.text.tokens import is_hesitation, normal, normal_form, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sale", "sales"),
        ("price", "pricing"),
        ("price", "priced"),
        ("policy", "policies"),
        ("tax", "taxes"),
        ("plan", "planning"),
        ("operate", "operating"),
        ("sell", "selling"),
        ("control", "controlled"),
        ("loss", "losses"),
        ("business", "businesses"),
        ("optimize", "optimizing"),
        ("store", "storing"),
    ],
)
def test_inflections_share_a_normal_form(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("product", "production"),
        ("customer", "custom"),
        ("utility", "utilization"),
        ("organic", "organization"),
        ("plan", "plane"),
        ("care", "cars"),
        ("market", "marketing"),
        ("new", "news"),
    ],
)
def test_different_words_keep_different_normal_forms(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


def test_words_are_what_is_between_punctuation_in_their_normal_form():
    assert words("R&D, COVID-19 and the U.S. market; Monro's 3.5% — it's") == [
        *("r&d", "covid", "and", "the", "u.s.", "market", "monro", "3", "5", "it"),
    ]


def test_a_word_that_breaks_off_is_none():
    assert words("The admini- the administration") == ["the", "the", "administration"]


def test_the_normal_form_of_a_spoken_word_knows_neither_case_nor_ending():
    assert {normal(w) for w in ("Store", "STORES", "store's", "stores’")} == {"store"}


@pytest.mark.parametrize("sound", ["um", "Um", "umm", "UH", "uhh", "eh", "Er", "ah", "hm", "Hmm", "mm"])
def test_hesitations_are_no_words(sound):
    assert is_hesitation(sound)


@pytest.mark.parametrize("word", ["ER", "MM", "AH", "umbrella", "her", "m", ""])
def test_words_and_abbreviations_are_no_hesitations(word):
    assert not is_hesitation(word)
