from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods.topics.membership import (
    NONE,
    MembershipParams,
    Sentences,
    TopicMeans,
    build_profiles,
    in_topic_context,
    strengths,
)
from ftm_assets.methods.topics.theme_coherence import without_weak_themes
from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import MEMBERSHIP_REASONS
from tests.themed_sentences import QUARTER, THEMES, rows_of, sentences, world


def test_sentences_that_speak_of_another_theme_are_no_members():
    own, topics = rows_of(*world())
    first = [r for r in own.to_pylist() if not r["is_second"]]
    strays = [r for r in first if int(r["sentence_id"][-3:]) % 6 == 5]
    assert not any(r["is_member"] for r in strays)
    assert all(r["is_member"] for r in first if r not in strays)
    assert {r["reason"] for r in strays} <= {"weak", "nearer another"}
    assert topics.column("member_share").to_pylist() == pytest.approx([5 / 6] * topics.num_rows)


def test_a_sentence_that_another_theme_is_as_near_to_is_reported_there_and_counts_on_request():
    quarter = world()
    reported, _ = rows_of(*quarter)
    second = [r for r in reported.to_pylist() if r["is_second"]]
    assert len(second) == 60
    assert {(r["is_member"], r["reason"]) for r in second} == {(False, "second theme")}
    own = {r["sentence_id"]: r for r in reported.to_pylist() if not r["is_second"]}
    for r in second:
        assert r["theme_id"] != own[r["sentence_id"]]["theme_id"]
        assert r["strength"] >= own[r["sentence_id"]]["strength"]
        assert r["margin"] == -own[r["sentence_id"]]["margin"]
    counted, _ = rows_of(*quarter, MembershipParams(count_second=True))
    assert {(r["is_member"], r["reason"]) for r in counted.to_pylist() if r["is_second"]} == {(True, None)}


def test_every_sentence_of_a_placed_topic_has_a_row_and_a_member_no_reason():
    firms, themes, descriptions = world()
    themes = np.where(np.arange(len(themes)) % 7 == 3, NONE, themes)
    own, topics = rows_of(firms, themes, descriptions)
    first = own.filter(pa.compute.invert(own.column("is_second"))).to_pylist()
    placed = sum(int((themes[f.topics] != NONE).sum()) for f in firms)
    assert len({r["sentence_id"] for r in first}) == len(first) == placed
    assert all((r["reason"] is None) == r["is_member"] for r in first)
    assert {r["reason"] for r in own.to_pylist()} - {None} <= set(MEMBERSHIP_REASONS)
    assert topics.num_rows == (themes != NONE).sum()
    for table, rows in (("theme_sentences", own), ("topic_coherence", topics)):
        assert TABLES[table].conform(rows, quarter=QUARTER).num_rows == rows.num_rows


def test_a_topic_of_which_few_sentences_are_near_is_mixed_and_none_counts():
    own, topics = rows_of(*world(), MembershipParams(min_member_share=0.9))
    assert all(topics.column("is_mixed").to_pylist())
    assert topics.column("near_share").to_pylist() == pytest.approx([5 / 6] * topics.num_rows)
    assert set(topics.column("n_members").to_pylist()) == {0}
    assert "mixed topic" in own.column("reason").to_pylist()
    assert not any(own.column("is_member").to_pylist())


def test_the_strength_is_the_mean_of_the_cosines_to_sentences_and_descriptions():
    firms, themes, descriptions = world(n_firms=1)  # few topics: not centred
    only_spoken, _ = rows_of(firms, themes, descriptions, MembershipParams(description_weight=0))
    only_described, _ = rows_of(firms, themes, descriptions, MembershipParams(description_weight=1))
    both, _ = rows_of(firms, themes, descriptions)

    def by(rows: pa.Table) -> dict[str, float]:
        return {r["sentence_id"]: r["strength"] for r in rows.to_pylist() if not r["is_second"]}

    vectors, centroid = firms[0].embeddings, descriptions[0]
    cosine = vectors[0] @ centroid / np.linalg.norm(vectors[0]) / np.linalg.norm(centroid)
    assert by(only_described)[firms[0].ids[0]] == pytest.approx(cosine, abs=1e-5)
    for sentence, strength in by(both).items():
        mean = (by(only_spoken)[sentence] + by(only_described)[sentence]) / 2
        assert strength == pytest.approx(mean, abs=1e-5)


def test_neighbours_count_only_within_the_same_turn_and_topic():
    east, north = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    together = sentences(np.array([east, north, north]), [0, 0, 1], turn="a")
    blended = in_topic_context(together, 0.25)
    assert blended.round(2).tolist() == [[0.97, 0.24], [0.24, 0.97], [0.0, 1.0]]
    apart = sentences(np.array([east, north, north]), [0, 0, 0])
    assert in_topic_context(apart, 0.25).tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    outliers = sentences(np.array([east, north]), [NONE, NONE], turn="a")
    assert in_topic_context(outliers, 0.25).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_firm_that_speaks_more_does_not_move_the_theme():
    axes = np.eye(4)
    short, long = (
        sentences(axes[[0]] + axes[[2]], [0]),
        sentences(np.tile(axes[1] + axes[2], (50, 1)), [1] * 50),
    )
    means = TopicMeans(2)
    for firm in (short, long):
        means.add(in_topic_context(firm, 0.25), firm.topics)
    profiles = build_profiles(means, axes[[0, 1]], np.array([0, 0]), 0.0)
    assert profiles.themes[0, 0] == pytest.approx(profiles.themes[0, 1])


@pytest.mark.parametrize("size", [1, 3, 20])
def test_firms_may_come_in_groups_of_any_size(size: int):
    firms, themes, descriptions = world()
    groups = [firms[i : i + size] for i in range(0, len(firms), size)]
    joined = [
        Sentences(
            [x for f in g for x in f.ids],
            [x for f in g for x in f.firms],
            [f"{f.firms[0]} {x}" for f in g for x in f.turns],
            np.concatenate([f.positions for f in g]),
            np.concatenate([f.topics for f in g]),
            np.concatenate([f.embeddings for f in g]),
        )
        for g in groups
    ]
    for found, expected in zip(
        rows_of(joined, themes, descriptions), rows_of(firms, themes, descriptions), strict=True
    ):
        assert found.combine_chunks().equals(expected.combine_chunks())


def test_blocks_do_not_change_strengths():
    firms, themes, descriptions = world(n_firms=30)
    means = TopicMeans(len(themes))
    for firm in firms:
        means.add(in_topic_context(firm, 0.25), firm.topics)
    profiles = build_profiles(means, descriptions, themes, 0.5)
    context = in_topic_context(firms[0], 0.25)
    whole, split = (strengths(context, firms[0].topics, profiles, block=b) for b in (10_000, 4))
    for name in ("rows", "own", "other", "nearest_other", "in_topic"):
        assert getattr(whole, name).tolist() == getattr(split, name).tolist()


def test_with_one_theme_there_is_no_margin_and_no_second():
    firms, themes, descriptions = world(n_firms=2)
    own, _ = rows_of(firms, np.where(themes == 0, 0, NONE), descriptions)
    assert own.column("margin").null_count == own.num_rows == 12
    assert not any(own.column("is_second").to_pylist())
    assert any(own.column("is_member").to_pylist())


def test_no_theme_gives_no_rows():
    firms, themes, descriptions = world(n_firms=2)
    own, topics = rows_of(firms, np.full(len(themes), NONE), descriptions)
    assert own.num_rows == topics.num_rows == 0
    assert [t.num_rows for t in without_weak_themes(own, topics, [], 0.38)] == [0, 0, 0]


@settings(max_examples=30, deadline=None)
@given(st.floats(-1, 1), st.floats(-2, 0), st.floats(0, 1), st.integers(0, 5))
def test_members_of_topics_and_themes_add_up(strength: float, margin: float, share: float, seed: int):
    params = MembershipParams(min_strength=strength, min_margin=margin, min_member_share=share)
    own, topics = rows_of(*world(n_firms=4, seed=seed), params)
    members = [r for r in own.to_pylist() if r["is_member"]]
    assert not any(r["is_second"] for r in members)
    assert all(r["strength"] >= strength and r["margin"] >= margin for r in members)
    of_topic = Counter(r["topic_id"] for r in members)
    for row in topics.to_pylist():
        assert row["n_members"] == of_topic[row["topic_id"]]
        assert row["is_mixed"] == (row["near_share"] < share)
        assert row["n_members"] == (0 if row["is_mixed"] else round(row["near_share"] * row["n_sentences"]))
    _, _, made = without_weak_themes(own, topics, THEMES, -1)
    assert sum(made.column("n_members").to_pylist()) == len(members)
    assert sum(made.column("n_sentences").to_pylist()) == sum(topics.column("n_sentences").to_pylist())
