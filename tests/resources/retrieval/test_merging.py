from dataclasses import replace
from math import nan

import pytest

from ftm_resources.retrieval.merging import FAR, LEAST_OF_QUERY, Candidate, folded, fused
from ftm_resources.retrieval.repetition import same_words


def c(level: str, row: int, calibrated: float = 0.0, bm25: float | None = None, **of: int) -> Candidate:
    return Candidate("2023Q1", level, row, calibrated, calibrated, bm25, **of)


def nobody(_: Candidate) -> None:
    return None


def apart(candidate: Candidate) -> tuple[str, ...]:
    return candidate.level, str(candidate.row)


def hits(ranked: list[Candidate], k: int = 10, per_theme: int | None = 3) -> list[tuple[str, int]]:
    return [(h.level, h.row) for h in folded(ranked, k, nobody, apart, per_theme=per_theme)]


def test_a_score_is_the_sum_of_reciprocal_ranks():
    both, near, worded = c("topic", 0, 2.0, 0.8), c("topic", 1, 3.0), c("topic", 2, 0.0, 0.9)
    found = fused([near, worded, both])
    assert [h.row for h in found] == [2, 0, 1]
    assert [h.score for h in found] == [1 / 61 + 1 / 63, 1 / 62 + 1 / 62, 1 / 61]


def test_levels_are_ranked_by_calibrated_scores_not_by_cosines():
    sentence, theme = replace(c("sentence", 0, 0.1), cosine=0.7), replace(c("theme", 0, 2.0), cosine=0.4)
    assert [h.level for h in fused([sentence, theme])] == ["theme", "sentence"]


def test_rows_with_the_least_of_the_words_are_not_ranked_by_words():
    most, least = c("sentence", 0, 0.0, 0.8), c("sentence", 1, 0.0, 0.1)
    assert [h.score for h in fused([most, least])] == [2 / 61, 1 / 62]
    assert [h.by_words for h in (most, least)] == [True, False]
    assert fused([]) == []


def test_the_best_row_by_words_is_not_ranked_by_them_if_it_has_too_few():
    few, near = c("sentence", 0, 0.0, LEAST_OF_QUERY - 0.01), c("sentence", 1, 1.0)
    assert [(h.row, h.score) for h in fused([few, near])] == [(1, 1 / 61), (0, 1 / 62)]
    alone = c("sentence", 0, nan, LEAST_OF_QUERY - 0.01)
    assert [(h.row, h.by_words) for h in fused([alone])] == [(0, True)], "words are all there is"


def test_a_hit_is_near_by_its_vector_or_by_its_words():
    near, far, worded = c("topic", 0, FAR), c("topic", 1, FAR - 0.1), c("topic", 2, FAR - 1, 0.9)
    assert [h.row for h in fused([near, far, worded]) if h.is_near] == [2, 0]
    assert not far.is_near


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Demand will increase in the second half.", "Demand will decrease in the second half."),
        ("We do not expect tariffs to hurt us.", "We expect tariffs to hurt us."),
        ("Sales rose from 5 to 7 million.", "Sales rose from 7 to 5 million."),
        ("Guidance for Q1 is up.", "Guidance for Q2 is up."),
        ("Guidance for FY23 is up.", "Guidance for FY24 is up."),
        ("It moved by -7%.", "It moved by +7%."),
        ("It cost $5.", "It cost €5."),
        ("It grew 1.5%.", "It grew 15%."),
        ("We can hire.", "We can't hire."),
        ("供应链停滞了", "供应链恢复了"),
    ],
)
def test_what_differs_in_more_than_fillers_is_no_repetition(one: str, other: str):
    assert same_words(one) != same_words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Well, uh, sales rose, you know, by 5%.", "Sales rose by 5%"),
        ("So the sales were 1,000 units", "And sales were 1000 units."),
        ("We don’t see it.", "we don't see it"),
        ("Cafe\u0301 sales.", "Caf\u00e9 sales"),
        ("Co\u00adoperation.", "Cooperation"),
    ],
)
def test_case_punctuation_and_fillers_do_not_count(one: str, other: str):
    assert same_words(one) == same_words(other)


def test_words_without_anything_but_fillers_are_kept():
    assert same_words("Okay, so.") == ("okay", "so")
    assert same_words("...") == ()


def test_repetitions_by_one_firm_are_folded_into_the_first_whatever_the_number_of_hits():
    words = {0: "sales rose", 1: "costs rose", 2: "sales rose", 3: "sales rose", 4: "sales rose", 5: ""}
    words[6] = ""
    firms = {3: "other"}
    for k in (1, 2, 10):
        ranked = [c("sentence", i) for i in range(7)] + [c("topic", 0)]
        ranked.append(replace(c("sentence", 0), quarter="2023Q2"))
        found = folded(ranked, k, lambda h: firms.get(h.row, "own"), lambda h: tuple(words[h.row].split()))
        assert [d.row for d in found[0].duplicates] == [2, 4]
        assert len(found) == min(k, 7), "another firm, level or quarter, or no words at all, is no repetition"


def test_a_theme_stands_for_its_topics_and_sentences():
    ranked = [c("theme", 1, theme=1), c("topic", 5, topic=5, theme=1), c("sentence", 7, topic=5, theme=1)]
    ranked += [c("sentence", 8, topic=6), c("topic", 9, topic=9, theme=2)]
    found = folded(ranked, 10, nobody, apart)
    assert [(h.level, h.row) for h in found] == [("theme", 1), ("sentence", 8), ("topic", 9)]
    assert (found[0].topics_found, found[0].sentences_found) == (1, 1)


def test_a_topic_stands_for_its_sentences_even_of_those_that_no_theme_counts():
    found = folded([c("topic", 5, topic=5), c("sentence", 7, topic=5)], 10, nobody, apart)
    assert [(h.level, h.sentences_found) for h in found] == [("topic", 1)]


def test_a_theme_s_sentences_do_not_crowd_out_others_before_it():
    ranked = [c("sentence", i, topic=i, theme=1) for i in range(8)] + [
        c("theme", 1, theme=1),
        c("sentence", 9),
    ]
    assert hits(ranked) == [*(("sentence", i) for i in range(3)), ("theme", 1), ("sentence", 9)]
    assert hits(ranked, per_theme=None) == [
        *(("sentence", i) for i in range(8)),
        ("theme", 1),
        ("sentence", 9),
    ]
    assert ranked[0].sentences_found == 5


def test_the_number_of_hits_is_kept_and_those_behind_it_still_count():
    ranked = [c("theme", 1, theme=1), c("sentence", 0), c("sentence", 1), c("sentence", 2, topic=3, theme=1)]
    assert hits(ranked, k=2) == [("theme", 1), ("sentence", 0)]
    assert ranked[0].sentences_found == 1


def test_quarters_are_kept_apart():
    other = replace(c("sentence", 7, topic=5, theme=1), quarter="2023Q2")
    assert hits([c("theme", 1, theme=1), other]) == [("theme", 1), ("sentence", 7)]
