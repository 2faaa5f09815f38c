import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.naming.rules import (
    NamingError,
    check_name,
    check_summary,
    cut_at_sentence,
    is_english,
    plain_text,
)


@pytest.mark.parametrize(
    ("dirty", "plain"),
    [
        ("**Freight** `costs`", "Freight costs"),
        ("# Freight costs", "Freight costs"),
        ("- Freight costs", "Freight costs"),
        ("1. Freight costs", "Freight costs"),
        ("[Freight](http://x) costs", "Freight costs"),
        ("Freight\x00 \x1b[31mcosts\u200b\n now", "Freight [31mcosts now"),
        ("same-store sales_growth", "same-store sales_growth"),
        ("3.5 million units", "3.5 million units"),
        ("We closed 2022. In 2023 we grow.", "We closed 2022. In 2023 we grow."),
        ("2022. In 2023 we grow.", "2022. In 2023 we grow."),
        ("2023) was a good year", "2023) was a good year"),
        ("5 - 6 percent", "5 - 6 percent"),
        ("- 5 percent in Asia", "- 5 percent in Asia"),
        ("12) Freight costs", "Freight costs"),
        ("Under <5% or > $3, ~4%", "Under ＜5% or ＞ $3, ~4%"),
        ("~~Old~~ <b>new</b>", "Old bnew/b"),
        ("$5 * 3 of A|B", "$5 × 3 of A B"),
    ],
)
def test_markdown_and_control_characters_go(dirty, plain):
    assert plain_text(dirty) == plain


@given(st.text())
def test_plain_text_is_one_line_of_printable_characters(text):
    plain = plain_text(text)
    assert plain.isprintable()
    assert plain_text(plain).isprintable()


@given(st.text(alphabet=" \t\nab3.)-+>#*_[]`!", max_size=12))
def test_text_that_holds_no_mark_is_left_as_it_is(text):
    """The short way of plain text: what it passes, the long way would not change."""
    plain = plain_text(text)
    if plain == text.strip():
        # A table cell makes every text go the long way; its own mark is removed.
        assert plain_text(f"{plain}|") == plain or not plain


@pytest.mark.parametrize(
    ("name", "checked"),
    [
        ('"freight cost inflation."', "Freight cost inflation"),
        ("eCommerce growth", "eCommerce growth"),
        ("**GLP-1 demand**", "GLP-1 demand"),
    ],
)
def test_names_are_tidied(name, checked):
    assert check_name(name) == checked


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("12 %", "empty"),
        ("one two three four five six seven eight nine", "at most 8"),
        ("Various cost items", "Various"),
        ("Discussion of margins", "Discussion"),
        ("Call participants and greetings", "Call participants"),
        ("Monro store traffic", "own name"),
        ("运费成本上涨", "English"),
    ],
)
def test_names_that_break_a_rule_are_refused_with_the_reason(name, reason):
    with pytest.raises(NamingError, match=reason):
        check_name(name, ("Monro",))


def test_a_summary_is_cut_at_the_second_sentence():
    assert check_summary("Costs rose 3.5% in the U.S. market. Prices followed. Demand held.") == (
        "Costs rose 3.5% in the U.S. market. Prices followed."
    )


def test_a_long_summary_is_cut_at_a_sentence_else_at_a_word():
    long = "Costs rose a lot. " + "word " * 200
    assert cut_at_sentence(long) == "Costs rose a lot."
    cut = cut_at_sentence("word " * 200)
    assert cut.endswith("word…")
    assert len(cut) <= 400


@pytest.mark.parametrize("summary", ["", "ok.", "成本上升了很多很多很多 a b c"])
def test_empty_and_foreign_summaries_are_refused(summary):
    with pytest.raises(NamingError):
        check_summary(summary)


@given(st.text(max_size=1500))
def test_no_summary_that_passes_is_too_long(text):
    try:
        summary = check_summary(text)
    except NamingError:
        return
    assert len(summary) <= 401
    assert summary.isprintable()
    assert is_english(summary)
