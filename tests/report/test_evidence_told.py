from collections import Counter

from ftm_assets.report.cut_texts import cut
from ftm_assets.report.evidence_told import CHARACTERS, OF_A_FIRM, SHOWN
from ftm_assets.report.payload import Report
from ftm_resources.retrieval.repetition import same_words

from .told_quarter import FREIGHT, HIRING, NAMES


def test_only_sentences_that_raise_a_score_are_said_to_drive_it_up(report: Report):
    theme = report.themes[FREIGHT]
    assert {e.label for e in theme.up} == {"positive"}
    assert {e.label for e in theme.down} == {"negative"}
    assert {e.strength for e in theme.up} == {1.0}
    assert (report.themes[HIRING].up, len(report.themes[HIRING].down)) == ((), 3)


def test_no_firm_has_more_than_its_part_and_nothing_is_said_twice(report: Report):
    for theme in report.themes:
        for shown in (theme.up, theme.down):
            assert len(shown) <= SHOWN
            assert max(Counter(e.firm for e in shown).values(), default=0) <= OF_A_FIRM
            said = [same_words(e.text) for e in shown]
            assert len(said) == len(set(said))


def test_a_repetition_leaves_its_place_to_another_sentence(report: Report):
    theme = report.themes[FREIGHT]
    firms = Counter(report.firms[e.firm].firm_id for e in theme.up)
    assert firms["1"] == firms["2"] == OF_A_FIRM
    assert len([e for e in theme.up if "freight costs fell" in e.text.lower()]) == 1


def test_a_sentence_says_who_spoke_and_when(report: Report):
    (one,) = [e for e in report.themes[FREIGHT].down if report.firms[e.firm].name == NAMES["5"]]
    assert (one.call_date, one.speaker_type, one.section) == ("2023-02-05", "analyst", "q_and_a")
    assert one.sentence_id == "2023Q1:c5:0001:000"


def test_long_texts_are_cut_between_words_and_one_long_word_within():
    assert cut("a b", 3) == "a b"
    assert cut("x" * 40, 10) == "x" * 9 + "…"
    long = "costs of moving goods, " * 60
    assert len(cut(long, CHARACTERS)) <= CHARACTERS
    assert cut(long, CHARACTERS).endswith("goods…")
