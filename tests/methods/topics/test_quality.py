import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods.text.tokens import words
from ftm_assets.methods.topics.firm_model import FirmParams
from ftm_assets.methods.topics.quality import (
    C_NPMI_WINDOW,
    C_V_WINDOW,
    Measure,
    coherence,
    diversity,
    firm_measures,
    planted_themes,
    recovery,
    seed_stability,
    theme_measures,
    topic_words,
)

WORDS = ("port", "ship", "loan", "bank", "gold")
SUBJECTS = {
    "freight": ("port", "ship", "dock", "cargo", "vessel"),
    "banking": ("loan", "bank", "deposit", "branch", "mortgag"),
    "mining": ("gold", "zinc", "shaft", "drill", "pit"),
}


def speech(n: int, seed: int = 0) -> list[list[str]]:
    """Documents of one subject each, between words that all subjects use."""
    rng = np.random.default_rng(seed)
    subjects = list(SUBJECTS.values())
    return [
        [*rng.choice(subjects[i % 3], 4), *rng.choice(["year", "firm", "cost"], 4), *rng.choice(WORDS, 1)]
        for i in range(n)
    ]


def windows(documents: list[list[str]], size: int) -> list[set[str]]:
    return [set(d[i : i + size]) for d in documents if d for i in range(max(len(d) - size + 1, 1))]


def by_definition(documents: list[list[str]], topic: list[str], size: int) -> np.ndarray:
    """NPMI of each pair of the topic's words that are said, counted window by window."""
    held = windows(documents, size)
    said = [w for w in topic if any(w in h for h in held)]
    npmi = np.ones((len(said), len(said)))
    for i, a in enumerate(said):
        for j, b in enumerate(said):
            p_a, p_b = (sum(w in h for h in held) / len(held) for w in (a, b))
            both = sum(a in h and b in h for h in held) / len(held)
            if both < 1:
                npmi[i, j] = math.log((both + 1e-12) / (p_a * p_b)) / -math.log(both + 1e-12)
    return npmi


def test_npmi_and_c_v_of_a_corpus_of_four_documents_are_those_computed_by_hand():
    documents = [["port", "ship"], ["port", "ship"], ["port", "loan"], ["bank"]]
    found = coherence(documents, [["port", "ship"]])
    # P(port) = 3/4, P(ship) = 1/2, P(both) = 1/2.
    npmi = math.log((1 / 2) / (3 / 8)) / math.log(2)
    assert found.c_npmi[0] == pytest.approx(npmi)
    # Vectors (1, x) and (x, 1), their sum (1 + x, 1 + x).
    assert found.c_v[0] == pytest.approx((1 + npmi) / math.sqrt(2 * (1 + npmi**2)))


def test_words_never_said_together_are_incoherent():
    found = coherence([["port"], ["loan"], ["port"], ["loan"]], [["port", "loan"]])
    assert -1 <= found.c_npmi[0] < -0.9


@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=30), min_size=1, max_size=6),
    st.lists(st.sampled_from(WORDS), min_size=2, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_sliding_windows_count_as_by_definition(documents: list[list[str]], topic: list[str]):
    found = coherence(documents, [topic]).c_npmi[0]
    pairs = by_definition(documents, topic, C_NPMI_WINDOW)
    expected = pairs[np.triu_indices(len(pairs), 1)]
    assert math.isnan(found) if len(pairs) < 2 else found == pytest.approx(expected.mean())


def test_c_v_slides_over_long_documents():
    rng = np.random.default_rng(5)
    documents = [list(rng.choice([*WORDS, *"abcdefghijklmnop"] * 3 + ["x"] * 300, n)) for n in (400, 90, 180)]
    npmi = by_definition(documents, list(WORDS), C_V_WINDOW)
    total = npmi.sum(axis=0)
    cosines = npmi @ total / np.linalg.norm(npmi, axis=1) / np.linalg.norm(total)
    assert coherence(documents, [WORDS]).c_v[0] == pytest.approx(cosines.mean())


@pytest.mark.parametrize("measure", ["c_npmi", "c_v"])
def test_the_numbers_are_gensims_where_documents_are_no_longer_than_a_window(measure: str):
    from gensim.corpora import Dictionary
    from gensim.models.coherencemodel import CoherenceModel

    documents = speech(200)
    rng = np.random.default_rng(1)
    said = sorted({w for d in documents for w in d})
    topics = [list(rng.choice(said, 6, replace=False)) for _ in range(8)] + [list(SUBJECTS["mining"])]
    reference = CoherenceModel(
        topics=topics, texts=documents, dictionary=Dictionary(documents), coherence=measure, processes=1
    )
    found = getattr(coherence(documents, topics), measure)
    np.testing.assert_allclose(found, reference.get_coherence_per_topic(), atol=1e-6)


def test_topics_of_one_subject_are_more_coherent_than_the_same_words_shuffled():
    documents = speech(300)
    right = [list(s) for s in SUBJECTS.values()]
    shuffled = [list(t) for t in zip(*right, strict=True)]
    good, bad = coherence(documents, right), coherence(documents, shuffled)
    assert good.c_npmi.min() > bad.c_npmi.max() + 0.2
    assert good.c_v.min() > bad.c_v.max()


def test_a_topic_with_fewer_than_two_words_that_are_said_is_left_out_and_counted():
    found = coherence(speech(60), [["port", "ship"], ["port", "zebra"], []])
    assert np.isnan(found.c_npmi).tolist() == np.isnan(found.c_v).tolist() == [False, True, True]
    measures = found.measures()
    assert measures["coherence_left_out"] == Measure(2.0, 3)
    assert measures["coherence_c_npmi"] == Measure(found.c_npmi[0], 1)


@pytest.mark.parametrize(("documents", "topics"), [([], [["port", "ship"]]), ([["port"]], []), ([[]], [[]])])
def test_coherence_of_nothing_is_no_number(documents: list[list[str]], topics: list[list[str]]):
    assert coherence(documents, topics).measures()["coherence_c_v"] == Measure(None, 0)


def test_a_phrase_counts_as_its_words_and_inflections_as_one():
    assert topic_words(["supply chain", "Chains", "FDA's"]) == [*words("supply chain"), "fda"]
    assert len(topic_words([" ".join(f"w{i}x" for i in range(20))])) == 10
    documents = [words("The supply chains hold."), words("Our supply chain held!"), words("Loans.")]
    assert coherence(documents, [["supply chain"]]).c_npmi[0] == pytest.approx(1.0)


def test_diversity_is_the_share_of_distinct_words():
    assert diversity([["port", "ship"], ["port", "loan"]]) == 3 / 4
    assert diversity([["port"], ["loan"]]) == 1.0
    assert diversity([]) is None


@given(st.lists(st.sampled_from(WORDS), min_size=1, unique=True), st.integers(1, 6))
def test_diversity_of_one_topic_repeated_falls_with_the_repetitions(topic: list[str], n: int):
    assert diversity([topic] * n) == pytest.approx(1 / n)


def statuses(rows: list[tuple[str, int, int, float]]) -> pa.Table:
    names = ["firm_id", "n_sentences", "n_topics", "outlier_share"]
    return pa.table([list(c) for c in zip(*rows, strict=True)], names=names)


def test_shares_of_firms_are_of_those_with_topics():
    status = statuses([("a", 100, 2, 0.1), ("b", 300, 1, 0.3), ("c", 20, 1, 0.0), ("d", 3, 0, 1.0)])
    topics = pa.table(
        {
            "firm_id": ["a", "a", "b", "c"],
            "n_sentences": [41, 40, 90, 20],
            "keywords": [["port", "ship"], ["port", "loan"], ["question", "operator"], ["gold"]],
            "call_share": [0.1, 0.2, 0.4, None],
        }
    )
    found = firm_measures(status, topics)
    assert found["n_topics"] == (4.0, 3)
    assert found["topics_per_firm_median"] == (1.0, 3)
    assert found["outlier_share"] == (pytest.approx(100 / 420), 3)
    # Firm c has one topic only, and 20 sentences: too few to count.
    assert found["largest_topic_share_max"] == (0.41, 2)
    assert found["dominated_firms"] == (1.0, 2)
    assert found["procedural_share"] == (
        pytest.approx(1 / 3),
        3,
    )  # one topic is of a version before sentence_kinds
    assert found["diversity"] == (pytest.approx((3 / 4 + 1 + 1) / 3), 3)


def test_a_firm_without_topics_has_no_measures():
    topics = pa.table(
        {"firm_id": pa.array([], pa.string()), "n_sentences": [], "keywords": [], "call_share": []}
    )
    found = firm_measures(statuses([("d", 3, 0, 1.0)]), topics)
    assert {name for name, m in found.items() if m.value is not None} == {"n_topics", "dominated_firms"}


def test_one_giant_theme_shows_in_the_largest_share_of_placed_topics():
    def members(themes: list[str | None]) -> pa.Table:
        return pa.table({"theme_id": pa.array(themes, pa.string())})

    giant = theme_measures(members(["a"] * 80 + ["b"] * 5 + [None] * 15), [["port"], ["loan"]])
    assert giant["largest_theme_share"] == (80 / 85, 85)
    assert giant["placed_share"] == (0.85, 100)
    assert giant["n_themes"].value == 2
    even = theme_measures(members([str(i % 10) for i in range(100)]), [["port"]] * 10)
    assert even["largest_theme_share"] == (0.1, 100)
    assert even["diversity"] == (0.1, 10)
    assert theme_measures(members([]), [])["largest_theme_share"] == (None, 0)


def test_themes_that_hold_together_less_are_shares_of_all_themes():
    placed = pa.table({"theme_id": ["a", "b", "c", "d"]})
    found = theme_measures(placed, [["port"]] * 4, classes=["coherent", "weak", "mixed", "mixed"])
    assert (found["weak_share"], found["mixed_share"]) == ((0.25, 4), (0.5, 4))
    assert theme_measures(placed, [["port"]] * 4)["weak_share"] == (None, 0), "not measured, not none"


def test_clear_clusters_are_stable_under_another_seed_and_noise_is_not():
    rng = np.random.default_rng(0)
    clear = np.repeat(np.eye(32)[:12], 20, axis=0) + 0.01 * rng.normal(size=(240, 32))
    noise = rng.normal(size=(240, 384))
    params = FirmParams(sentences_per_topic=20, usual_topics=0)
    turns, positions = [f"turn {i}" for i in range(240)], [0] * 240
    assert seed_stability([(clear, turns, positions)] * 2, params) == (1.0, 2)
    assert seed_stability([(noise, turns, positions)], params).value < 0.6
    assert seed_stability([(noise, turns, positions)], params) == seed_stability(
        [(noise, turns, positions)], params
    )
    assert seed_stability([], params) == (None, 0)


def planted_rows(themes: list[str | None]) -> tuple[pa.Table, pa.Table]:
    """One call of one sentence per component: what was planted in it, and the sentence."""
    n = len(themes)
    texts = [f"Sentence {i}." for i in range(n)]
    truth = pa.table(
        {
            "transcriptid": ["7"] * n,
            "componentorder": pa.array(range(n), pa.int32()),
            "text": texts,
            "theme_id": pa.array(themes, pa.string()),
        }
    )
    sentences = pa.table(
        {
            "sentence_id": [str(i) for i in range(n)],
            "component_id": [f"2023Q1:7:{i:04d}" for i in range(n)],
            "text": texts,
        }
    )
    return truth, sentences


def of_topics(topics: list[str | None]) -> pa.Table:
    ids = [str(i) for i in range(len(topics))]
    return pa.table({"sentence_id": ids, "topic_id": pa.array(topics, pa.string())})


def test_a_topics_planted_theme_is_that_of_most_of_its_sentences():
    truth, sentences = planted_rows(["tariffs", "tariffs", None, "cloud", "tariffs", None, None, "cloud"])
    topics = of_topics(["A", "A", "A", "B", "B", "C", "C", None])
    assert planted_themes(truth, sentences, topics) == {"A": "tariffs"}


def test_sentences_of_other_calls_have_no_planted_theme():
    truth, sentences = planted_rows(["tariffs"] * 3)
    other = sentences.set_column(2, "text", pa.array(["Something else."] * 3))
    assert planted_themes(truth, other, of_topics(["A"] * 3)) == {}


def test_recovery_is_one_for_the_planted_themes_and_zero_for_one_giant_theme():
    planted = {f"t{i}": f"p{i % 4}" for i in range(40)}
    exact = recovery(planted, {t: f"renamed {p}" for t, p in planted.items()})
    assert [m.value for m in exact.values()] == pytest.approx([1.0, 1.0, 1.0])
    giant = recovery(planted, dict.fromkeys(planted, "all"))
    assert [m.value for m in giant.values()] == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)
    assert recovery(planted, dict.fromkeys(planted)) == dict.fromkeys(exact, Measure(None, 0))
    assert {m.n for m in exact.values()} == {40}


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=12), st.randoms())
@settings(deadline=None, max_examples=40)
def test_recovery_does_not_depend_on_the_names_of_themes(labels: list[str], random: object):
    planted = {str(i): p for i, p in enumerate(labels)}
    found = {t: random.choice("xyz") for t in planted}
    renamed = {t: {"x": "y", "y": "z", "z": "x"}[f] for t, f in found.items()}
    for a, b in zip(recovery(planted, found).values(), recovery(planted, renamed).values(), strict=True):
        assert a.value == pytest.approx(b.value)


def test_measure_of_no_number_is_none():
    assert Measure.mean([math.nan, 1.0, 3.0]) == (2.0, 2)
    assert Measure.mean([math.nan]) == (None, 0)
