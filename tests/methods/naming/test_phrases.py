import pytest

from ftm_assets.methods.naming.phrases import Spoken, clean_speech, spoken, without_lead_in
from ftm_assets.methods.naming.word_classes import word_class
from ftm_assets.methods.text.tokens import words


@pytest.mark.parametrize(
    ("said", "clean"),
    [
        ("We see, um, demand for, uh, tires.", "We see demand for tires."),
        ("The foc- focus is on the- the margin.", "The focus is on the margin."),
        ("I, I think we, we have, we have room.", "I think we have room."),
        (
            "We grew, you know, in the mid- to high-single digits.",
            "We grew in the mid- to high-single digits.",
        ),
        ("Our um… store base", "Our store base"),
        ("The umbrella policy errs.", "The umbrella policy errs."),
    ],
)
def test_what_speech_adds_is_removed(said, clean):
    assert clean_speech(said) == clean


def test_a_lead_in_is_dropped_and_the_sentence_opens_with_a_capital():
    assert without_lead_in("And so, yeah, freight costs rose.") == "Freight costs rose."


def phrases(sentence):
    return {" ".join(p.words) for p in Spoken(sentence).phrases}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Same-store sales declined 12% in the quarter.", "same-store sales"),
        ("We continue to invest in our digital marketing platform.", "digital marketing platform"),
        ("The cost of raw materials will increase.", "cost of raw materials"),
        ("We reported adjusted EBITDA of $12 million.", "adjusted EBITDA"),
        ("Demand for COVID-19 tests remains high.", "demand for COVID-19 tests"),
        ("They bought the company's shale assets.", "shale assets"),
    ],
)
def test_noun_phrases_are_found(sentence, expected):
    assert expected in phrases(sentence)


@pytest.mark.parametrize(
    ("sentence", "broken"),
    [
        ("We expect margins to improve.", "expect margins"),
        ("Same-store sales declined 12%.", "same-store"),
        ("Revenue grew 12 percent.", "revenue grew"),
        ("It was offset by freight.", "offset"),
        ("We invest in stores.", "invest in stores"),
        ("We really like stores, trucks", "stores trucks"),
    ],
)
def test_verbs_and_cut_off_heads_are_no_phrases(sentence, broken):
    assert broken not in phrases(sentence)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("the", "x"),
        ("organically", "x"),
        ("supply", "n"),
        ("strong", "a"),
        ("impact", "v"),
        ("adjusted", "d"),
    ],
)
def test_words_have_classes(word, kind):
    assert word_class(word) == kind


@pytest.mark.parametrize(
    "filler",
    ["um", "Umm", "uh", "UH", "Uh-huh", "Mhm", "hm", "hmm", "mm", "Mmm", "er", "Er", "eh", "ah", "Ah"],
)
@pytest.mark.parametrize("said", ["{}, costs rose.", "Costs, {}, rose.", "Costs {} rose.", "Costs rose, {}."])
def test_a_filler_is_removed_wherever_it_stands(filler, said):
    words = [word.lower for word in spoken(said.format(filler)).words]
    assert words == ["costs", "rose"]


def test_repeats_end_only_with_words():
    assert clean_speech("the the the theory of a a abacus") == "the theory of a abacus"
    assert clean_speech("we have, we have we have a plan") == "we have a plan"
    assert clean_speech("I I'm sure") == "I'm sure"


def test_what_is_left_of_punctuation_is_tidied():
    assert clean_speech("Costs  rose ,, ; we know\u2026 .") == "Costs rose, we know."
    assert clean_speech("We grew,;.") == "We grew."


def test_a_sentence_is_read_once_for_all_that_ask():
    sentence = spoken("The, uh, cost of ocean freight rose.")
    assert spoken("The, uh, cost of ocean freight rose.") is sentence
    assert sentence.phrases is sentence.phrases
    assert sentence.stems == words("The cost of ocean freight rose.")
    assert [(w.text, w.opens) for w in sentence.words[:2]] == [("The", True), ("cost", False)]
