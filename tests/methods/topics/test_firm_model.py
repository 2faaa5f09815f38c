"""Topics of a firm: rows that match the tables, for any firm, the same bytes for the same sentences."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ftm_assets.methods.text.firm_names import firm_name_forms
from ftm_assets.methods.topics.firm_model import FirmParams, FirmResult, cluster, in_context, model_firm
from ftm_assets.methods.topics.published import BertopicParams
from ftm_resources.tables import TABLES

QUARTER, FIRM = "2020Q4", "18749"
SUBJECTS = ("tires", "freight", "vaccines", "wind turbines", "mortgages", "cement", "chips", "tourism")


def firm(n: int, *, seed: int = 0) -> tuple[list[str], list[str], NDArray[np.float32]]:
    """Return n sentences about eight subjects: ids, texts and embeddings around each subject."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(SUBJECTS), 32))
    subject = rng.integers(len(SUBJECTS), size=n)
    texts = [
        f"Our customers keep on asking us for more {SUBJECTS[s]} than the {i} we had planned."
        for i, s in enumerate(subject)
    ]
    x = centres[subject] + 0.4 * rng.normal(size=(n, 32))
    return [f"{QUARTER}:1:{i:04d}" for i in range(n)], texts, x.astype(np.float32)


def model(
    ids: list[str],
    texts: list[str],
    x: NDArray[np.floating],
    params: FirmParams | None = None,
    name: str = "Monro Inc",
) -> FirmResult:
    return model_firm(
        ids, texts, x, turns=ids, positions=[0] * len(ids),
        firm_id=FIRM, firm_names=firm_name_forms(name), quarter=QUARTER, params=params,
    )  # fmt: skip


def serialized(result: FirmResult) -> bytes:
    out = io.BytesIO()
    for table in (result.firm_topics, result.sentence_topics):
        pq.write_table(table, out)
    return out.getvalue() + repr(result.status).encode()


def test_rows_match_the_contracts() -> None:
    result = model(*firm(200))
    for name, table in (("firm_topics", result.firm_topics), ("sentence_topics", result.sentence_topics)):
        assert TABLES[name].conform(table, quarter=QUARTER).equals(table)
    status = pa.Table.from_pylist([{**result.status, "seconds": 0.1}])
    assert TABLES["firm_status"].conform(status, quarter=QUARTER).num_rows == 1


def test_every_sentence_has_a_row_and_every_topic_its_count() -> None:
    ids, texts, x = firm(200)
    result = model(ids, texts, x)
    assert result.sentence_topics["sentence_id"].to_pylist() == ids
    counted = result.sentence_topics.group_by("topic_id").aggregate([([], "count_all")]).to_pylist()
    sizes = {row["topic_id"]: row["count_all"] for row in counted if row["topic_id"]}
    assert sizes == dict(
        zip(*(result.firm_topics[c].to_pylist() for c in ("topic_id", "n_sentences")), strict=True)
    )
    assert result.status["n_topics"] == len(sizes)


def test_topics_are_numbered_by_size() -> None:
    topics = model(*firm(200)).firm_topics.to_pylist()
    assert [t["topic_id"] for t in topics[:2]] == ["2020Q4:18749:000", "2020Q4:18749:001"]
    sizes = [t["n_sentences"] for t in topics]
    assert sizes == sorted(sizes, reverse=True)


def test_keywords_say_what_a_topic_is_about() -> None:
    ids, texts, x = firm(200)
    result = model(ids, texts, x)
    text_of = dict(zip(ids, texts, strict=True))
    for topic in result.firm_topics.to_pylist():
        assert topic["keywords"][0] in text_of[topic["representative_sentence_ids"][0]]
        assert topic["keywords"][0] in SUBJECTS


def test_the_firms_name_and_initials_are_no_keywords() -> None:
    ids, texts, x = firm(200)
    texts = [f"At Great Western, or GW, and Great Western's. {t}" for t in texts]
    keywords = model(ids, texts, x, name="Great Western Corp").firm_topics["keywords"].to_pylist()
    assert not {"Great Western", "western", "Western", "GW"} & {k for ks in keywords for k in ks}


def test_representatives_are_the_most_central_members() -> None:
    result = model(*firm(200))
    strength = dict(
        zip(*(result.sentence_topics[c].to_pylist() for c in ("sentence_id", "strength")), strict=True)
    )
    topic_of = dict(
        zip(*(result.sentence_topics[c].to_pylist() for c in ("sentence_id", "topic_id")), strict=True)
    )
    for topic in result.firm_topics.to_pylist():
        chosen = topic["representative_sentence_ids"]
        assert {topic_of[i] for i in chosen} == {topic["topic_id"]}
        members = [i for i, t in topic_of.items() if t == topic["topic_id"]]
        assert chosen == sorted(members, key=lambda i: (-strength[i], i))[:5]


def test_representatives_are_of_readable_length_where_there_are_any_and_distinct() -> None:
    long = "Sales of tires in the stores of our western region rose."
    ids = [f"s{i}" for i in range(6)]
    texts = ["Right.", "Tires.", long, long.upper(), "Tires sell.", f"And {long}"]
    (topic,) = model(ids, texts, np.eye(6) + 1).firm_topics.to_pylist()
    assert sorted(topic["representative_sentence_ids"]) == ["s2", "s5"]
    (topic,) = model(
        ids, ["Right.", "right.", "Tires.", "Yes.", "No.", "Tires "], np.eye(6) + 1
    ).firm_topics.to_pylist()
    assert sorted(topic["representative_sentence_ids"]) == ["s0", "s2", "s3", "s4", "s5"]


@pytest.mark.parametrize("n", range(5))
def test_a_tiny_firm_is_too_small_and_keeps_its_sentences(n: int) -> None:
    ids, texts, x = firm(n)
    result = model(ids, texts, x)
    assert result.status["status"] == "too_small"
    assert str(n) in (result.status["reason"] or "")
    assert result.status["outlier_share"] == (1.0 if n else 0.0)
    assert result.firm_topics.num_rows == 0
    assert result.sentence_topics["topic_id"].to_pylist() == [None] * n


def test_a_short_firm_has_one_topic() -> None:
    ids, texts, x = firm(7)
    result = model(ids, texts, x)
    assert (result.status["status"], result.status["n_topics"]) == ("ok", 1)


def test_a_firm_whose_embeddings_are_all_zero_has_failed() -> None:
    ids, texts, x = firm(20)
    result = model(ids, texts, x * 0)
    assert (result.status["status"], result.status["outlier_share"]) == ("failed", 1.0)
    assert result.sentence_topics.num_rows == 20


@given(st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_the_same_sentences_in_any_order_give_the_same_bytes(random) -> None:  # type: ignore[no-untyped-def]
    ids, texts, x = firm(150)
    order = list(range(150))
    random.shuffle(order)
    shuffled = model([ids[i] for i in order], [texts[i] for i in order], x[order])
    assert serialized(shuffled) == serialized(model(ids, texts, x))


@given(st.integers(0, 60), st.sampled_from(["random", "identical", "zero"]), st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_firm_gives_rows(n: int, kind: str, text: str) -> None:
    ids, texts, x = firm(n)
    x = {"random": x, "identical": np.ones_like(x), "zero": np.zeros_like(x)}[kind]
    result = model(ids, [text] * n if kind == "identical" else texts, x)
    assert result.sentence_topics.num_rows == result.status["n_sentences"] == n
    assert all(ids for ids in result.firm_topics["representative_sentence_ids"].to_pylist())


def test_parameters_are_obeyed() -> None:
    params = FirmParams(max_topics=3, n_keywords=2, n_representatives=1, min_sentences=150)
    ids, texts, x = firm(200)
    topics = model(ids, texts, x, params).firm_topics
    assert topics.num_rows <= 3
    assert all(len(k) <= 2 for k in topics["keywords"].to_pylist())
    assert all(len(r) == 1 for r in topics["representative_sentence_ids"].to_pylist())
    assert model(ids[:149], texts[:149], x[:149], params).status["status"] == "too_small"


def test_coarser_topics_on_request() -> None:
    ids, texts, x = firm(300)
    coarse = model(ids, texts, x, FirmParams(sentences_per_topic=100, usual_topics=0))
    assert 2 <= coarse.status["n_topics"] <= 8  # the eight subjects are apart: a graph in pieces has no fewer


def test_a_sentence_given_twice_is_refused() -> None:
    ids, texts, x = firm(20)
    with pytest.raises(ValueError, match=r"18749: sentence .* more than once"):
        model([ids[0], *ids[:-1]], texts, x)


def test_lengths_that_differ_are_refused() -> None:
    ids, texts, x = firm(20)
    with pytest.raises(ValueError, match="20 sentence ids, 20 texts, 19 embeddings"):
        model(ids, texts, x[:-1])


def test_a_sentence_is_seen_with_those_beside_it_in_the_same_turn_and_no_other() -> None:
    x = np.eye(4)
    blended = in_context(x, ["a", "a", "a", "b"], 0.5)
    assert np.allclose(blended[0], np.array([1, 0.5, 0, 0]) / np.sqrt(1.25))
    assert np.allclose(blended[1], np.array([0.5, 1, 0.5, 0]) / np.sqrt(1.5))
    assert np.allclose(blended[3], x[3])  # alone in its turn
    assert np.array_equal(in_context(2 * x, ["a"] * 4, 0), x)
    assert in_context(np.zeros((0, 4)), [], 0.5).shape == (0, 4)
    assert np.array_equal(in_context(np.zeros((2, 4)), ["a", "a"], 0.5), np.zeros((2, 4)))


def test_context_follows_the_places_in_a_turn_not_the_order_of_rows_or_ids() -> None:
    _, _, x = firm(120)
    turns = [str(i // 12) for i in range(120)]
    positions = [i % 12 for i in range(120)]
    labels = cluster(x, turns, positions, FirmParams())
    order = np.random.default_rng(3).permutation(120)
    shuffled = cluster(x[order], [turns[i] for i in order], [positions[i] for i in order], FirmParams())
    assert np.array_equal(shuffled, labels[order])


def test_a_vague_sentence_goes_with_what_its_speaker_is_talking_of() -> None:
    """Sixteen turns on eight subjects; in each the middle sentence points in no direction of its own."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(8, 64))
    turns = np.repeat(np.arange(16), 15)
    x = centres[turns % 8] + 0.3 * rng.normal(size=(240, 64))
    vague = np.arange(7, 240, 15)
    x[vague] = 0.9 * rng.normal(size=(16, 64))
    labels = {
        weight: cluster(
            x, [str(t) for t in turns], list(range(240)), FirmParams(turn_weight=weight, usual_topics=8)
        )
        for weight in (0.0, 0.25)
    }
    placed = {w: np.mean(found[vague] == found[vague - 1]) for w, found in labels.items()}
    assert placed[0.25] > placed[0.0]


def test_the_row_that_is_not_finite_is_named_not_its_neighbour() -> None:
    embeddings = np.random.default_rng(0).normal(size=(20, 8))
    embeddings[7, 3] = np.nan
    with pytest.raises(ValueError, match="row 7 is not finite"):
        cluster(embeddings, ["turn"] * 20, range(20), FirmParams())


BERTOPIC = FirmParams(method="bertopic")


def test_the_published_method_gives_the_same_tables_and_its_own_keywords() -> None:
    ids, texts, x = firm(200)
    result = model(ids, texts, x, BERTOPIC)
    for name, table in (("firm_topics", result.firm_topics), ("sentence_topics", result.sentence_topics)):
        assert TABLES[name].conform(table, quarter=QUARTER).equals(table)
    assert (result.status["status"], result.status["n_topics"]) == ("ok", result.firm_topics.num_rows)
    sizes = result.firm_topics["n_sentences"].to_pylist()
    assert sizes == sorted(sizes, reverse=True)
    placed = result.sentence_topics.filter(result.sentence_topics["topic_id"].is_valid())
    assert sum(sizes) == placed.num_rows > 150
    assert min(placed["strength"].to_pylist()) > 0.5
    first = [k[0] for k in result.firm_topics["keywords"].to_pylist()]
    assert all(any(word in subject for subject in SUBJECTS) for word in first)  # of one word: n_gram_max is 1
    assert "that" not in {k for own in model(ids, texts, x).firm_topics["keywords"].to_pylist() for k in own}
    assert "the" in {k for own in result.firm_topics["keywords"].to_pylist() for k in own}  # no stop words


@pytest.mark.parametrize("n", [0, 4, 19])
def test_a_firm_too_small_for_the_published_method_says_so_and_keeps_its_sentences(n: int) -> None:
    result = model(*firm(n), BERTOPIC)
    assert result.status["status"] == "too_small"
    fewer_than = "min_sentences = 5" if n < 5 else "the 20 that BERTopic's parameters need"
    assert result.status["reason"] == f"{n} sentences, fewer than {fewer_than}"
    assert result.sentence_topics["topic_id"].to_pylist() == [None] * n


@pytest.mark.parametrize("kind", ["one subject", "identical", "zero"])
def test_a_firm_in_which_hdbscan_finds_no_cluster_is_too_small_for_it(kind: str) -> None:
    ids, texts, x = firm(60)
    x = {"one subject": x * 0 + 1 + 0.01 * x, "identical": np.ones_like(x), "zero": x * 0}[kind]
    result = model(ids, texts, x, FirmParams(method="bertopic", bertopic=BertopicParams(min_cluster_size=30)))
    assert (result.status["status"], result.status["outlier_share"]) == ("too_small", 1.0)
    assert result.status["reason"] == "HDBSCAN finds no two clusters of min_cluster_size = 30 in 60 sentences"
    assert result.firm_topics.num_rows == 0


def test_the_published_method_gives_the_same_bytes_in_any_order_as_sentences_are_sorted() -> None:
    ids, texts, x = firm(150)
    order = np.random.default_rng(1).permutation(150)
    shuffled = model([ids[i] for i in order], [texts[i] for i in order], x[order], BERTOPIC)
    assert serialized(shuffled) == serialized(model(ids, texts, x, BERTOPIC))
