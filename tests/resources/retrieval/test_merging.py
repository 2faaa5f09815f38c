from dataclasses import replace

from ftm_resources.retrieval.merging import Candidate, alike, folded, fused


def c(level: str, row: int, calibrated: float = 0.0, bm25: float | None = None, **of: int) -> Candidate:
    return Candidate("2023Q1", level, row, calibrated, calibrated, bm25, is_near=True, **of)


def apart(candidate: Candidate) -> frozenset[str]:
    return frozenset({f"{candidate.level} {candidate.row}"})


def hits(ranked: list[Candidate], k: int = 10, per_theme: int | None = 3) -> list[tuple[str, int]]:
    return [(h.level, h.row) for h in folded(ranked, k, apart, per_theme=per_theme)]


def test_a_score_is_the_sum_of_reciprocal_ranks():
    both, near, worded = (
        c("topic", 0, 2.0, 0.8),
        c("topic", 1, 3.0),
        replace(c("topic", 2, 0.0, 0.9), is_near=False),
    )
    found = fused([near, worded, both])
    assert [h.row for h in found] == [0, 1, 2]
    assert [h.score for h in found] == [1 / 62 + 1 / 62, 1 / 61, 1 / 61]


def test_levels_are_ranked_by_calibrated_scores_not_by_cosines():
    sentence, theme = replace(c("sentence", 0, 0.1), cosine=0.7), replace(c("theme", 0, 2.0), cosine=0.4)
    assert [h.level for h in fused([sentence, theme])] == ["theme", "sentence"]


def test_rows_with_the_least_of_the_words_are_not_ranked_by_words():
    most, least = c("sentence", 0, 0.0, 0.8), replace(c("sentence", 1, 0.0, 0.1), is_near=False)
    assert [h.row for h in fused([most, least])] == [0]
    assert fused([]) == []


def test_near_duplicates_of_a_level_are_folded_into_the_first():
    words = {0: "sales rose by 5 percent in europe", 1: "sales rose by 5 percent in europe again"}
    words |= {2: "sales rose by 7 percent in europe", 3: words[0]}
    ranked = [*(c("sentence", i) for i in range(3)), c("topic", 3)]
    found = folded(ranked, 10, lambda h: frozenset(words[h.row].split()))
    assert [(h.level, h.row) for h in found] == [("sentence", 0), ("sentence", 2), ("topic", 3)]
    assert [d.row for d in found[0].duplicates] == [1]
    assert not alike(frozenset(), frozenset())


def test_a_theme_stands_for_its_topics_and_sentences():
    ranked = [c("theme", 1, theme=1), c("topic", 5, topic=5, theme=1), c("sentence", 7, topic=5, theme=1)]
    ranked += [c("sentence", 8, topic=6), c("topic", 9, topic=9, theme=2)]
    found = folded(ranked, 10, apart)
    assert [(h.level, h.row) for h in found] == [("theme", 1), ("sentence", 8), ("topic", 9)]
    assert (found[0].topics_found, found[0].sentences_found) == (1, 1)


def test_a_topic_stands_for_its_sentences_even_of_those_that_no_theme_counts():
    found = folded([c("topic", 5, topic=5), c("sentence", 7, topic=5)], 10, apart)
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
