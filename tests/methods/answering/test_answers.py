"""What is kept of a model's answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.answering.answers import NO_LINK, NOT_VERBATIM, AnswerError, Checked, checked
from ftm_assets.methods.answering.evidence import Quotation

SAID = [
    "Freight costs fell by 12% as capacity came back.",
    "We haven’t seen relief — not yet.",
    "See https://example.com/report for the [full] <list>.",
]
SHOWN = [Quotation(f"s{i}", text, "Acme", "2023Q1", "2023-02-01", "executive") for i, text in enumerate(SAID)]


def reply(*claims: object) -> str:
    return json.dumps({"claims": list(claims)})


def claim(text: str, *cites: object) -> dict[str, object]:
    return {"text": text, "cites": list(cites)}


def test_a_claim_keeps_the_quotations_that_it_cites():
    made = checked(reply(claim("Freight fell (S1, S2).", "S1", "[S2]", "s1")), SHOWN)
    assert [(c.text, [q.sentence_id for q in c.cites]) for c in made.claims] == [
        ("Freight fell.", ["s0", "s1"])
    ]
    assert (made.invented, made.unsupported, made.not_verbatim, made.links) == (0, 0, 0, 0)


@pytest.mark.parametrize("cite", ["S4", "S0", "S99999", "2023Q1:1:000", "", "S1S2", None, {"a": 1}])
def test_an_invented_citation_is_removed_and_counted(cite: object):
    made = checked(reply(claim("Freight fell.", "S1", cite)), SHOWN)
    assert [q.sentence_id for c in made.claims for q in c.cites] == ["s0"]
    assert made.invented == 1


def test_a_claim_without_a_citation_that_exists_is_left_out():
    made = checked(reply(claim("Buy now.", "S9"), claim("Buy."), claim("Freight fell.", 1)), SHOWN)
    assert [c.text for c in made.claims] == ["Freight fell."]
    assert (made.invented, made.unsupported) == (1, 2)


@pytest.mark.parametrize(
    ("text", "cites", "n"),
    [
        ('Acme said "freight costs fell by 12%".', ["S1"], 0),
        ("Acme said “Freight costs fell by 12%.”", ["S1"], 0),
        ('They "haven\'t seen relief - not yet".', ["S2"], 0),
        ('The "full list" is out.', ["S3"], 1),
        ('Acme said "freight costs fell by 13%".', ["S1"], 1),
        ('Acme said "freight costs fell by 12%".', ["S2"], 1),
        ('It "fell" and "rose".', ["S1"], 1),
    ],
)
def test_quotes_are_compared_with_the_cited_sentences_word_by_word(text: str, cites: list[str], n: int):
    made = checked(reply(claim(text, *cites)), SHOWN)
    assert made.not_verbatim == n
    assert made.claims[0].text.count(NOT_VERBATIM) == n


def test_a_link_that_no_cited_sentence_holds_is_removed():
    made = checked(
        reply(
            claim("Go to https://evil.example/x now.", "S1"), claim("See https://example.com/report", "S3")
        ),
        SHOWN,
    )
    assert made.claims[0].text == f"Go to {NO_LINK} now."
    assert made.claims[1].text == "See https://example.com/report"
    assert made.links == 1


def test_markup_and_thoughts_are_no_part_of_an_answer():
    answer = reply(claim("**Freight** [fell](http://x).", "S1"))
    text = f"<think>{reply(claim('No.', 'S1'))}</think>```json\n{answer}```"
    assert [c.text for c in checked(text, SHOWN).claims] == ["Freight fell."]


def test_of_a_reply_that_was_cut_off_the_complete_claims_are_kept():
    whole = reply(claim("Freight fell.", "S1"), claim("No relief.", "S2"), claim("See the list.", "S3"))
    assert [c.text for c in checked(whole[:-20], SHOWN).claims] == ["Freight fell.", "No relief."]


def test_a_claim_is_made_once():
    made = checked(
        reply(claim("Freight fell.", "S1"), claim("Freight fell.", "S2"), claim("Rose.", "S2")), SHOWN
    )
    assert [c.text for c in made.claims] == ["Freight fell.", "Rose."]


def test_no_claims_are_an_answer():
    assert checked(reply(), SHOWN).claims == []


@pytest.mark.parametrize(
    "text",
    ["", "Freight fell.", '{"claims": "none"}', '{"claims": [1]}', '{"claims": [{"cites": ["S1"]}]}', '{"claims": [',
     '{"name": "x"}', reply(claim("  ", "S1")), "{" * 100_000],
)  # fmt: skip
def test_a_reply_that_cannot_be_used_says_what_to_correct(text: str):
    with pytest.raises(AnswerError, match="claim"):
        checked(text, SHOWN)


@given(st.lists(st.tuples(st.text(max_size=60), st.lists(st.one_of(st.text(max_size=6), st.integers())))))
def test_whatever_is_claimed_only_what_was_shown_is_cited(claims: list[tuple[str, list[object]]]):
    try:
        made = checked(reply(*(claim(text, *cites) for text, cites in claims)), SHOWN)
    except AnswerError:
        return
    assert all(
        c.cites and c.text.isprintable() and {q.sentence_id for q in c.cites} <= {"s0", "s1", "s2"}
        for c in made.claims
    )


def cited(sentence: str, said: str) -> Checked:
    shown = [Quotation("s0", sentence, "Acme", "2023Q1", "2023-01-10", "executive")]
    return checked(reply(claim(said, "S1")), shown)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("The segment was unprofitable.", 'It was "profitable".'),
        ("A recession is unlikely this year.", 'It is "likely this year".'),
        ("Revenue rose by 12 million dollars.", 'It rose by "2 million dollars".'),
        ("Revenue rose by 1.5 percent.", 'It rose by "5 percent".'),
        ("Revenue rose by 1.5 percent.", 'It "rose by 1".'),
        ("Margins were -5% this quarter.", 'It was "5% this quarter".'),
        ("Margins were −$5 million.", 'It was "$5 million".'),
        ("Margins were 5% this quarter.", 'It was "-5% this quarter".'),
        ("Margins were <5%.", 'It was "5%".'),
    ],
)
def test_a_part_of_a_word_or_number_is_no_quote(sentence: str, said: str):
    assert cited(sentence, said).not_verbatim == 1


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Margins were -5% this quarter.", 'It was "–5% this quarter".'),
        ("We expect 5-6 percent, not 7.", 'It expects "5–6 percent".'),
        ("Margins were <5%, the CFO said.", 'They "were <5%".'),
        ("It’s the firms’ best year.", "It said ‘it's the firms' best year’."),
        ("Costs rose.", "The firms' costs rose in the '90s, and it's their clients' too."),
        ("Costs rose.", 'A 12" pipe costs more.'),
    ],
)
def test_a_quote_of_whole_words_is_kept_and_apostrophes_are_no_quotes(sentence: str, said: str):
    assert cited(sentence, said).not_verbatim == 0


@pytest.mark.parametrize(
    "quote",
    [
        "‘{}’", "'{}'", "″{}″", "＂{}＂", "‹{}›", "›{}‹", "「{}」", "『{}』", "❝{}❞", "”{}”", "„{}“", "“{}\"", "``{}''",
        '"{}', "“{}", "‘{}", "«{}",
    ],
)  # fmt: skip
def test_a_quote_in_any_marks_or_left_open_is_compared(quote: str):
    made = cited("Profits fell.", f"Acme said {quote.format('profits doubled')}")
    assert made.not_verbatim == 1
    assert made.claims[0].text.endswith(NOT_VERBATIM)
    assert cited("Profits doubled.", f"Acme said {quote.format('profits doubled')}").not_verbatim == 0


@pytest.mark.parametrize(
    "link",
    [
        "evil.example.com/x",
        "ftp://evil.example/x",
        "evil.example:80/x",
        "10.0.0.1/x",
        "javascript://x",
        "a.evil.example",
    ],
)
def test_a_link_of_any_scheme_or_none_is_removed_unless_it_is_cited(link: str):
    made = cited("Nothing here.", f"See {link}, or Booking.com.")
    assert (made.claims[0].text, made.links) == (f"See {NO_LINK}, or Booking.com.", 1)
    assert cited(f"Read {link}.", f"See {link}.").links == 0
    assert cited(f"Read {link}yz.", f"See {link}.").links == 1


def test_numbers_of_a_claim_are_kept():
    text = "Acme closed 2022. In 2023 it grew 5 - 6 percent, less than Beta at -3."
    assert cited("x", text).claims[0].text == text
