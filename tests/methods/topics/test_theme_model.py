import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods.topics.published import BertopicParams
from ftm_assets.methods.topics.theme_model import ThemeModel, ThemeParams, model_themes
from ftm_resources.tables.categories import THEME_REASONS

QUARTER = "2023Q1"
SUBJECTS = {
    "freight": ["ocean freight", "containers", "port congestion"],
    "dividend": ["dividend", "payout ratio", "special dividend"],
    "cloud": ["cloud migration", "workloads", "hosting"],
    "question": ["question", "next question", "thanks"],
}


def topics(plan: list[tuple[str, str]], seed: int = 0) -> pa.Table:
    """One topic per (firm, subject): vectors near their subject's."""
    rng = np.random.default_rng(seed)
    centres = {s: np.eye(16)[i] for i, s in enumerate(SUBJECTS)}
    vectors = [centres[s] + 0.05 * rng.normal(size=16) for _, s in plan]
    return pa.table(
        {
            "topic_id": [f"{QUARTER}:{firm}:{i:03d}" for i, (firm, _) in enumerate(plan)],
            "firm_id": [firm for firm, _ in plan],
            "firm_name": [f"Firm {firm} Inc" for firm, _ in plan],
            "n_sentences": pa.array([5 + i % 3 for i in range(len(plan))], pa.int32()),
            "keywords": pa.array([SUBJECTS[s] for _, s in plan], pa.list_(pa.string())),
            "name": [SUBJECTS[s][0] for _, s in plan],
            "summary": ["A sentence."] * len(plan),
            "call_share": [0.4 if s == "question" else 0.1 for _, s in plan],
            "embedding": pa.array([v.astype(np.float32) for v in vectors], pa.list_(pa.float32())),
        }
    )


def of(model: ThemeModel) -> dict[str, dict[str, Any]]:
    return {t["topic_id"]: t for t in model.theme_topics.to_pylist()}


def test_topics_of_several_firms_about_one_subject_are_a_theme():
    model = model_themes(topics([(f, s) for f in "abcde" for s in ("freight", "dividend")]), QUARTER)
    assert model.themes.column("theme_id").to_pylist() == ["2023Q1:theme:000", "2023Q1:theme:001"]
    assert model.themes.column("n_firms").to_pylist() == [5, 5]
    assert {k[0] for k in model.themes.column("keywords").to_pylist()} <= {
        *SUBJECTS["freight"],
        *SUBJECTS["dividend"],
    }
    assert model.theme_topics.column("theme_id").null_count == 0


def test_the_means_of_sentences_must_be_there_if_they_have_a_weight():
    given = topics([(f, s) for f in "abcde" for s in ("freight", "dividend")])
    unknown = given.append_column("sentence_embedding", pa.nulls(10, pa.list_(pa.float32())))
    with pytest.raises(ValueError, match="no embedding of 10 of 10 topics"):
        model_themes(unknown, QUARTER)
    assert model_themes(unknown, QUARTER, ThemeParams(sentence_weight=0)).themes.num_rows == 2


def test_themes_are_ordered_by_their_topics():
    plan = [(f, "freight") for f in "abcde"] + [(f, "dividend") for f in "abcdefgh"]
    model = model_themes(topics(plan), QUARTER)
    assert model.themes.column("n_topics").to_pylist() == [8, 5]


def test_a_cluster_of_one_firm_is_no_theme_and_says_so():
    plan = [("a", "freight")] * 6 + [(f, "dividend") for f in "abcde"]
    model = model_themes(topics(plan), QUARTER)
    assert model.themes.num_rows == 1
    reasons = [(t["reason"], t["detail"]) for t in of(model).values() if t["theme_id"] is None]
    assert reasons == [("few firms", "cluster of 6 topics from 1 firm")] * 6


def test_a_dominant_firm_is_trimmed_to_its_share_and_the_rest_remains():
    plan = [("a", "freight")] * 6 + [(f, "freight") for f in "bcde"]
    model = model_themes(topics(plan), QUARTER)
    assert model.themes.column("n_firms").to_pylist() == [5]
    assert model.themes.column("largest_firm_share").to_pylist()[0] <= 0.40
    trimmed = [t for t in of(model).values() if t["theme_id"] is None]
    assert {t["firm_id"] for t in trimmed} == {"a"}
    assert {t["reason"] for t in trimmed} == {"dominated"}
    assert all(t["detail"].startswith("firm a holds") for t in trimmed)


def test_talk_about_the_call_is_no_theme():
    plan = [(f, s) for f in "abcdef" for s in ("question", "freight")]
    model = model_themes(topics(plan), QUARTER)
    assert model.themes.num_rows == 1
    left = [(t["reason"], t["detail"]) for t in of(model).values() if t["theme_id"] is None]
    assert left == [("procedural", "40% about the call or empty, above 20%")] * 6


def test_talk_about_the_call_shapes_no_theme():
    plan = [(f, s) for f in "abcdef" for s in ("question", "freight", "dividend")]
    with_talk = model_themes(topics(plan), QUARTER)
    given = topics(plan)
    without = model_themes(given.filter(pa.compute.less(given["call_share"], 0.25)), QUARTER)
    assert with_talk.themes.equals(without.themes)
    assert with_talk.central_topic_ids == without.central_topic_ids


def test_topics_of_a_version_before_sentence_kinds_all_take_part():
    given = topics([(f, s) for f in "abcdef" for s in ("question", "freight")])
    unknown = given.set_column(given.column_names.index("call_share"), "call_share", pa.nulls(12))
    for known in (unknown, given.drop_columns(["call_share"])):
        assert model_themes(known, QUARTER).themes.num_rows == 2


def test_central_topics_come_from_different_firms_first():
    plan = [(f, "freight") for f in "aabbccdd"]
    model = model_themes(topics(plan), QUARTER, ThemeParams(n_central=4))
    assert sorted(t.split(":")[1] for t in model.central_topic_ids[0]) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("plan", [[], [("a", "freight")], [("a", "freight"), ("b", "freight")]])
def test_too_few_topics_give_no_theme_and_a_row_each(plan: list[tuple[str, str]]):
    model = model_themes(topics(plan), QUARTER)
    assert model.themes.num_rows == 0
    assert model.theme_topics.num_rows == len(plan)
    assert all(t["reason"] for t in of(model).values())


def stored(model: ThemeModel) -> bytes:
    sink = io.BytesIO()
    for table in (model.themes, model.theme_topics):
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
    return sink.getvalue() + repr(model.central_topic_ids).encode()


plans = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(list(SUBJECTS))), max_size=50)


@settings(deadline=None, max_examples=40)
@given(plans, st.integers(2, 4), st.floats(0.2, 1.0), st.randoms())
def test_themes_keep_every_filter_lose_no_topic_and_ignore_order(
    plan: list[tuple[str, str]], min_firms: int, max_share: float, random: Any
):
    params = ThemeParams(min_firms=min_firms, max_firm_share=max_share)
    given_topics = topics(plan)
    model = model_themes(given_topics, QUARTER, params)
    assert all(n >= min_firms for n in model.themes.column("n_firms").to_pylist())
    assert all(s <= max_share for s in model.themes.column("largest_firm_share").to_pylist())
    rows = of(model)
    assert set(rows) == set(given_topics.column("topic_id").to_pylist())
    assert all((r["theme_id"] is None) == (r["reason"] is not None) for r in rows.values())
    assert all((r["detail"] is None) == (r["reason"] is None) for r in rows.values())
    assert {r["reason"] for r in rows.values()} <= {None, *THEME_REASONS}
    placed = [r["theme_id"] for r in rows.values() if r["theme_id"]]
    counted = dict(
        zip(
            model.themes.column("theme_id").to_pylist(),
            model.themes.column("n_topics").to_pylist(),
            strict=True,
        )
    )
    assert {t: placed.count(t) for t in set(placed)} == counted
    order = list(range(len(plan)))
    random.shuffle(order)
    assert stored(model_themes(given_topics.take(pa.array(order, pa.int64())), QUARTER, params)) == stored(
        model
    )


BERTOPIC = ThemeParams(method="bertopic", bertopic=BertopicParams(stop_words="english"))


def test_the_published_method_finds_the_same_themes_by_its_own_keywords_and_through_the_same_filters():
    subjects = ("freight", "dividend", "cloud", "question")
    given = topics([(f, s) for f in "abcdefghijklmnop" for s in subjects])
    model = model_themes(given, QUARTER, BERTOPIC)
    theme_of = {t["topic_id"]: t["theme_id"] for t in model.theme_topics.to_pylist()}
    subject_of = {t: subjects[i % 4] for i, t in enumerate(given["topic_id"].to_pylist())}
    found = {(subject_of[t], theme) for t, theme in theme_of.items() if theme}
    assert {s for s, _ in found} == {"freight", "dividend", "cloud"}
    assert len(found) == model.themes.num_rows == 3
    for subject, theme in found:
        (own,) = (t["keywords"] for t in model.themes.to_pylist() if t["theme_id"] == theme)
        assert set(own) == {w for k in SUBJECTS[subject] for w in k.split()}
    reasons = {t["reason"] for t in model.theme_topics.to_pylist() if not t["theme_id"]}
    assert reasons <= {"procedural", "outlier"}
    assert "procedural" in reasons
    assert len(model.central_topic_ids) == 3


def test_a_quarter_too_small_for_the_published_method_has_no_themes_and_says_why():
    model = model_themes(topics([(f, s) for f in "abcde" for s in ("freight", "cloud")]), QUARTER, BERTOPIC)
    assert model.themes.num_rows == 0
    (left,) = (
        model.theme_topics.select(["reason", "detail"])
        .group_by(["reason", "detail"])
        .aggregate([])
        .to_pylist()
    )
    assert left["reason"] == "outlier"
    assert left["detail"] == "of 10 topics, fewer than the 20 that BERTopic's parameters need"
    assert model_themes(topics([]), QUARTER, BERTOPIC).theme_topics.num_rows == 0
