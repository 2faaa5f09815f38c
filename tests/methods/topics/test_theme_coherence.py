from collections import Counter

import numpy as np
import pytest

from ftm_assets.methods.topics.membership import MembershipParams
from ftm_assets.methods.topics.theme_coherence import COHERENT, WEAK, coherence_class, without_weak_themes
from ftm_resources.tables import TABLES
from tests.themed_sentences import QUARTER, THEMES, rows_of, sentences, world


def test_a_theme_is_as_coherent_as_its_core_sentences_are_strong_each_topic_alike():
    own, topics = rows_of(*world())
    _, _, made = without_weak_themes(own, topics, THEMES, WEAK)
    of_topic: dict[str, list[float]] = {}
    for r in own.to_pylist():
        if r["theme_id"] == THEMES[0] and not r["is_second"] and r["margin"] >= 0:
            of_topic.setdefault(r["topic_id"], []).append(r["strength"])
    expected = np.mean([np.mean(strong) for strong in of_topic.values()])
    assert made.column("coherence")[0].as_py() == pytest.approx(expected, abs=1e-5)
    assert set(made.column("coherence_class").to_pylist()) == {"coherent"}
    assert TABLES["theme_coherence"].conform(made, quarter=QUARTER).num_rows == 3


def test_a_weak_theme_has_no_members_and_its_sentences_the_reason():
    own, topics = rows_of(*world())
    rows, of_topics, made = without_weak_themes(own, topics, THEMES, 0.999)
    assert not any(rows.column("is_member").to_pylist())
    before = sum(own.column("is_member").to_pylist())
    assert Counter(rows.column("reason").to_pylist())["weak theme"] == before > 0
    assert {*of_topics.column("n_members").to_pylist(), *of_topics.column("member_share").to_pylist()} == {0}
    assert (
        made.select(["n_members", "n_member_firms", "member_share"]).to_pylist()
        == [{"n_members": 0, "n_member_firms": 0, "member_share": 0.0}] * 3
    )
    kept, *_ = without_weak_themes(own, topics, THEMES, -1)
    assert kept.equals(own)


def test_a_theme_without_core_sentences_is_weak():
    rng = np.random.default_rng(3)
    noise = sentences(rng.normal(size=(40, 300)), np.repeat([0, 1], 20).tolist())
    own, topics = rows_of(
        [noise], np.array([0, 1]), rng.normal(size=(2, 300)), MembershipParams(turn_weight=0)
    )
    _, _, made = without_weak_themes(own, topics, THEMES[:2], WEAK)
    assert (
        made.select(["n_members", "coherence", "coherence_class"]).to_pylist()
        == [{"n_members": 0, "coherence": None, "coherence_class": "weak"}] * 2
    )


def test_coherence_classes_are_ordered_by_their_bounds():
    steps = (
        -1.0,
        WEAK - 1e-6,
        WEAK,
        COHERENT - 1e-6,
        COHERENT,
        1.0,
    )
    assert [coherence_class(c) for c in steps] == ["weak", "weak", "mixed", "mixed", "coherent", "coherent"]
