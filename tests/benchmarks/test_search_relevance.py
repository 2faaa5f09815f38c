"""Relevance of search: nDCG against a case worked out by hand, and labels that the documentation counts."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.membership import digest, read
from benchmarks.search_relevance import (
    FILE,
    Answered,
    Query,
    by_kind,
    by_level,
    each,
    first_hits,
    interval,
    labels_used,
    ndcg,
    queries,
    shown,
)

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "search.md").read_text()


def test_ndcg_of_a_case_worked_out_by_hand():
    # Gains 3, 0, 1 at discounts 1, log2 3, 2: 3.5. Ideal 3, 1, 1: 3 + 0.63093 + 0.5.
    assert ndcg([2, 0, 1], [0, 1, 2, 1]) == pytest.approx(3.5 / 4.13093, abs=1e-5)


def test_only_the_first_ranks_count_in_the_ranking_and_in_the_ideal():
    assert ndcg([0, 2], [2, 2, 2], k=1) == 0
    assert ndcg([2, 0], [2, 2, 2], k=1) == 1


def test_without_a_relevant_row_there_is_no_ndcg():
    assert np.isnan(ndcg([0, 0], [0, 0]))


def test_the_interval_of_two_queries_is_from_one_to_the_other():
    # A quarter of the draws have the lower value alone, a quarter the higher.
    assert interval(np.array([0.2, 0.6])) == pytest.approx((0.2, 0.6))


def answered(**hits: list[int | None]) -> Answered:
    grades = {("sentence", "a"): 2, ("sentence", "b"): 1}
    none: dict[str, list[int | None]] = {"hybrid": [], "vector": [], "text": []}
    return Answered(Query("name", "acme", grades), none | hits)


def test_an_unjudged_hit_gains_nothing_and_is_counted():
    found = answered(hybrid=[None, 2], vector=[0, 2], text=[2, 1])
    assert found.ndcg("hybrid") == found.ndcg("vector") < found.ndcg("text") == 1
    hybrid, vector, _ = first_hits([found])
    assert (hybrid["unjudged"], hybrid["is neither"], hybrid["relevant"]) == (1, 0, 1)
    assert (vector["unjudged"], vector["is neither"], vector["relevant"]) == (0, 1, 1)
    assert each([found])[0]["hybrid"].endswith(": ?2")


def test_relevant_hits_are_counted_by_level_and_by_whether_they_are_marked_near():
    hits: dict[str, list[int | None]] = {"hybrid": [2, 0, 1], "vector": [], "text": []}
    marks = [("topic", True), ("topic", False), ("sentence", False)]
    theme, topic, sentence, overall = by_level([Answered(Query("name", "acme", {}), hits, marks)])
    assert list(theme.values()) == ["theme", 0, 0, 0, 0, 0, 0]
    assert list(topic.values()) == ["topic", 2, 1, 1, 1, 1, 0]
    assert list(sentence.values()) == ["sentence", 1, 1, 0, 0, 1, 1]
    assert list(overall.values()) == ["all", 3, 2, 1, 1, 2, 1]


def test_what_the_quarter_no_longer_has_is_not_in_the_ideal():
    query = Query("name", "acme", {("topic", "renamed"): 2, ("sentence", "b"): 1, ("sentence", "c"): 0})
    hits: dict[str, list[int | None]] = {"hybrid": [1], "vector": [0], "text": []}
    assert Answered(query, hits).ndcg("hybrid") < 1
    held = query.of({("sentence", "b"), ("sentence", "c"), ("sentence", "never read")})
    assert held.grades == {("sentence", "b"): 1, ("sentence", "c"): 0}
    found = Answered(held, hits)
    assert (found.ndcg("hybrid"), found.ndcg("vector")) == (1, 0)
    assert re.match(r"2 of \d+ labels .*: 0 answer the query, 1 are about", labels_used([found]))


def test_a_query_without_hits_scores_nothing_and_one_without_relevant_rows_is_left_out():
    empty = answered(hybrid=[2, 1], vector=[2, 1])
    nothing = Answered(Query("name", "other", {("sentence", "a"): 0}), empty.hits)
    named, overall = by_kind([empty, nothing])
    assert (named["kind"], named["queries"], overall["queries"]) == ("name", 1, 1)
    assert named["text"].startswith("0.00 ")
    assert named["hybrid − text"].startswith("1.00 ")
    assert [row["no hit"] for row in first_hits([empty])] == [0, 0, 1]


def test_what_was_read_of_a_topic_is_its_name_and_summary():
    assert shown({"level": "topic", "name": "Freight", "text": "It rose."}) == (
        "topic",
        digest("Freight: It rose."),
    )
    assert shown({"level": "sentence", "name": None, "text": "It rose."}) == ("sentence", digest("It rose."))


def test_the_labels_are_graded_hashes_of_forty_queries():
    rows = read(FILE)
    assert list(rows[0]) == ["kind", "query", "level", "id", "sha1", "grade"]
    assert len(queries()) == len({(r["kind"], r["query"]) for r in rows}) == 40
    assert sum(len(q.grades) for q in queries()) == len(rows)
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{8}", row["sha1"])
        assert row["grade"] in {"0", "1", "2"}
        assert row["level"] in {"theme", "topic", "sentence"}
        assert row["id"].startswith("2020Q4:")


def test_the_documentation_counts_the_labels():
    grades = Counter(row["grade"] for row in read(FILE))
    counted = re.search(
        r"Of these (\d+)\s+pairs, (\d+) answer the query \(2\), (\d+) are about its subject", DOCUMENT
    )
    assert counted
    assert list(map(int, counted.groups())) == [grades.total(), grades["2"], grades["1"]]
