"""The graph clusterer: a partition for any input, the same for the same rows, of the size asked for."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ftm_assets.methods.topics.clustering import GraphClusterer
from ftm_assets.methods.topics.theme_clustering import ThemeClusterer

Floats = NDArray[np.float64]


def planted(
    n: int, k: int, *, seed: int = 0, noise: float = 0.6, d: int = 64
) -> tuple[Floats, NDArray[np.int64]]:
    """Return n vectors around k directions, and which is whose."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(k, d))
    truth = np.arange(n) % k
    return centres[truth] + noise * rng.normal(size=(n, d)), truth


def test_finds_planted_clusters() -> None:
    from sklearn.metrics import adjusted_rand_score

    x, truth = planted(400, 25)
    assert adjusted_rand_score(truth, GraphClusterer().fit_predict(x)) > 0.95


@pytest.mark.parametrize("n", [250, 300, 400, 500])
def test_a_usual_call_has_20_to_30_topics(n: int) -> None:
    x = np.random.default_rng(n).normal(size=(n, 64))
    assert 20 <= GraphClusterer().fit_predict(x).max() + 1 <= 30


def spoken(n: int) -> Floats:
    """Return n vectors as near to each other as a call's sentences: each is about a few of forty subjects."""
    rng = np.random.default_rng(n)
    subjects = rng.normal(size=(40, 384))
    return rng.dirichlet(np.full(40, 0.1), size=n) @ subjects + 0.5 * rng.normal(size=(n, 384))


@pytest.mark.parametrize("n", [90, 120, 180, 250, 300, 350, 420, 480])
def test_sentences_per_topic_decides_in_both_directions(n: int) -> None:
    x = spoken(n)
    found = {s: int(GraphClusterer(sentences_per_topic=s).fit_predict(x).max()) + 1 for s in (8, 16, 32, 64)}
    assert found[8] > found[16] or found[8] == found[16] == 30
    assert found[16] > found[32] > found[64] >= 1
    for asked, n_topics in found.items():
        # From all that it asks for to 11/16 of it in each topic, never more than max_topics.
        assert min(0.85 * n / asked - 1, 25) <= n_topics <= min(1.15 * n / (asked * 11 / 16) + 1, 30)


def test_without_usual_topics_sentences_per_topic_alone_decides() -> None:
    x = spoken(300)
    found = GraphClusterer(usual_topics=0).fit_predict(x).max() + 1
    assert found == pytest.approx(300 / 16, rel=0.15)
    assert GraphClusterer().fit_predict(x).max() + 1 == pytest.approx(22, rel=0.15)


def test_never_more_than_max_topics() -> None:
    x, _ = planted(1200, 100)
    assert GraphClusterer().fit_predict(x).max() + 1 <= 30


def test_fewer_than_min_rows_are_one_topic() -> None:
    x, _ = planted(9, 3)
    assert GraphClusterer().fit_predict(x).tolist() == [0] * 9


def test_clusters_are_numbered_by_size() -> None:
    x, _ = planted(300, 12)
    sizes = np.bincount(GraphClusterer().fit_predict(x))
    assert (np.diff(sizes) <= 0).all()


def test_no_cluster_is_below_min_size() -> None:
    x = np.random.default_rng(3).normal(size=(300, 64))
    labels = GraphClusterer(min_size=8).fit_predict(x)
    assert np.bincount(labels[labels >= 0]).min() >= 8


def test_a_small_group_far_from_all_topics_is_an_outlier() -> None:
    x, _ = planted(200, 10, noise=0.2)
    far = np.zeros((3, 64))
    far[:, 0] = 1
    near = np.hstack([np.vstack([np.zeros((200, 64)), far]), np.vstack([x, np.zeros((3, 64))])])
    labels = GraphClusterer().fit_predict(near + 0.001 * np.random.default_rng(0).normal(size=near.shape))
    assert (labels[-3:] == -1).all()
    assert (labels[:-3] >= 0).all()


def test_it_joins_its_nearest_where_any_similarity_will_do() -> None:
    x = np.random.default_rng(5).normal(size=(300, 64))
    assert (GraphClusterer(join_similarity=-1).fit_predict(x) >= 0).all()


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_does_not_matter(random) -> None:  # type: ignore[no-untyped-def]
    x, _ = planted(120, 8, noise=1.5)
    order = list(range(120))
    random.shuffle(order)
    straight, shuffled = GraphClusterer().fit(x), GraphClusterer().fit(x[order])
    assert np.array_equal(shuffled.labels_, straight.labels_[order])
    assert np.array_equal(shuffled.strength_, straight.strength_[order])


def test_the_process_blas_and_its_threads_do_not_matter() -> None:
    code = (
        "import numpy as np, hashlib; from ftm_assets.methods.topics.clustering import GraphClusterer;"
        "from ftm_assets.methods.topics.theme_clustering import ThemeClusterer;"
        "x = np.random.default_rng(0).normal(size=(400, 384)).astype(np.float32);"
        "c, few, many = GraphClusterer().fit(x), ThemeClusterer().fit(x[:50]), ThemeClusterer().fit(x);"
        "found = c.labels_, c.strength_, few.labels_, few.similarity_, many.labels_, many.similarity_;"
        "print(*(hashlib.sha256(f.tobytes()).hexdigest() for f in found))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={
                **os.environ,
                "OMP_NUM_THREADS": n,
                "OPENBLAS_NUM_THREADS": n,
                "PYTHONHASHSEED": n,
                "OPENBLAS_CORETYPE": processor,
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n, processor in (("1", "Nehalem"), ("2", "Haswell"))
    }
    assert len(found) == 1


def test_what_another_processor_changes_in_the_vectors_changes_no_label() -> None:
    """Without clear clusters, so that a chance order of nodes would lead Leiden elsewhere."""
    x = np.random.default_rng(0).normal(size=(300, 384))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    shifted = x + np.random.default_rng(1).uniform(-2.5e-7, 2.5e-7, size=x.shape)
    assert np.mean(GraphClusterer().fit_predict(x) == GraphClusterer().fit_predict(shifted)) > 0.95
    firms = [str(i // 10) for i in range(len(x))]  # else a row's value says which subsamples hold it
    themes = (ThemeClusterer().fit(rows, firms=firms).labels_ for rows in (x, shifted))
    assert np.array_equal(*themes)


def test_length_and_type_of_vectors_do_not_matter() -> None:
    x, _ = planted(200, 10)
    expected = GraphClusterer().fit_predict(x)
    assert np.array_equal(GraphClusterer().fit_predict(x * 3e200), expected)
    assert np.array_equal(GraphClusterer().fit_predict((x * 1e-200).tolist()), expected)


def test_strength_is_the_cosine_to_the_centroid() -> None:
    x, _ = planted(200, 10)
    model = GraphClusterer().fit(x)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    for label in range(model.labels_.max() + 1):
        members = model.labels_ == label
        centroid = unit[members].sum(axis=0)
        cosine = unit[members] @ (centroid / np.linalg.norm(centroid))
        assert model.strength_[members] == pytest.approx(cosine, abs=1e-5)


KINDS = ("random", "identical", "zero", "few distinct", "opposite", "one axis")


def rows(kind: str, n: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    few = rng.normal(size=(3, 5))
    return {
        "random": rng.normal(size=(n, 5)),
        "identical": np.ones((n, 5)),
        "zero": np.zeros((n, 5)),
        "few distinct": few[rng.integers(3, size=n)],
        "opposite": np.outer(rng.choice([-1.0, 1.0], size=n), few[0]),
        "one axis": rng.integers(-1, 2, size=(n, 1)) * 1.0,
    }[kind]


@given(st.sampled_from(KINDS), st.integers(0, 60), st.integers(0, 1000))
@settings(max_examples=150, deadline=None)
def test_any_rows_give_a_partition(kind: str, n: int, seed: int) -> None:
    x = rows(kind, n, seed)
    model = GraphClusterer().fit(x)
    labels = model.labels_
    assert labels.shape == model.strength_.shape == (n,)
    assert set(labels.tolist()) - {-1} == set(range(labels.max(initial=-1) + 1))
    assert ((labels == -1) <= (model.strength_ == 0)).all()
    assert (np.abs(model.strength_) <= 1).all()
    assert (labels[~x.any(axis=1)] == -1).all()
    for row in np.unique(x, axis=0):
        assert len(set(labels[(x == row).all(axis=1)].tolist())) == 1


@pytest.mark.parametrize("empty", [[], np.zeros((0, 384)), np.zeros((0, 0))])
def test_no_rows_give_no_labels(empty: object) -> None:
    assert GraphClusterer().fit_predict(empty).shape == (0,)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_by_row(bad: float) -> None:
    x = np.ones((4, 3))
    x[2, 1] = bad
    with pytest.raises(ValueError, match="row 2 is not finite"):
        GraphClusterer().fit(x)


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="2D array"):
        GraphClusterer().fit(np.ones(3))


def test_it_plugs_into_bertopic() -> None:
    from bertopic import BERTopic
    from bertopic.dimensionality import BaseDimensionalityReduction
    from bertopic.vectorizers import ClassTfidfTransformer

    x, truth = planted(200, 10)
    docs = [f"word{t} common thing{t}" for t in truth]
    topics, _ = BERTopic(
        embedding_model=None,
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=GraphClusterer(),
        ctfidf_model=ClassTfidfTransformer(bm25_weighting=True),
    ).fit_transform(docs, x)
    labels = GraphClusterer().fit_predict(x)
    assert len(set(zip(topics, labels.tolist(), strict=True))) == labels.max() + 1 == len(set(topics))
