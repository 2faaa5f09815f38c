"""The published method: what BERTopic itself finds, each parameter its own, and nothing where it has no meaning."""

import warnings
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ftm_assets.methods.topics import published
from ftm_assets.methods.topics.published import BertopicParams, cluster, keywords
from ftm_resources.extras import MissingExtraError

SUBJECTS = ("tires", "freight", "vaccines", "turbines", "mortgages", "cement", "chips", "tourism", "copper")
SEED = 42


def spoken(n: int, *, spread: float = 0.4, seed: int = 0) -> tuple[list[str], NDArray[np.float32]]:
    """Return n sentences about nine subjects, and their vectors around each subject's."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(SUBJECTS), 32))
    subject = rng.integers(len(SUBJECTS), size=n)
    texts = [
        f"We see the {SUBJECTS[s]} of the {SUBJECTS[s]} market rise, and {SUBJECTS[(s + i) % 9]} with the {i} of it."
        for i, s in enumerate(subject)
    ]
    return texts, (centres[subject] + spread * rng.normal(size=(n, 32))).astype(np.float32)


def fake_embed(texts: Any) -> NDArray[np.float32]:
    """Return a vector per text, of its letters."""
    return np.array(
        [[t.count(c) + 0.1 for c in "abcdefghijklmnopqrstuvwxyz ,.01234"][:32] for t in texts], np.float32
    )


def test_topics_and_keywords_are_those_of_bertopic_as_it_comes():
    import torch  # noqa: F401 - before numba
    from bertopic import BERTopic
    from umap import UMAP

    texts, x = spoken(400, spread=1.9)
    umap = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=SEED, n_jobs=1)
    theirs = BERTopic(umap_model=umap)
    found, _ = theirs.fit_transform(texts, x)
    labels = cluster(x, BertopicParams(), seed=SEED)
    pairs = set(zip(labels.tolist(), found, strict=True))
    assert len(pairs) == len(set(found)) == len(set(labels.tolist()))  # one to one
    assert (-1, -1) in pairs
    number = dict(pairs)
    ours = keywords(texts, x, labels, BertopicParams(), top_n=10)
    for rank, own in enumerate(ours):
        assert own == [w for w, _ in theirs.get_topic(number[rank]) if w]


def test_topics_are_numbered_by_size_and_the_same_again():
    _, x = spoken(400, spread=1.9)
    labels = cluster(x, BertopicParams(), seed=SEED)
    sizes = np.bincount(labels[labels >= 0])
    assert len(sizes) > 3
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)
    assert np.array_equal(cluster(x, BertopicParams(), seed=SEED), labels)
    assert not np.array_equal(cluster(x, BertopicParams(), seed=1), labels)


OF_CLUSTERING: dict[str, Any] = {
    "n_neighbors": 5,
    "n_components": 2,
    "min_dist": 0.9,
    "min_cluster_size": 30,
    "min_samples": 2,
    "cluster_selection_method": "leaf",
    "nr_topics": 3,
}
OF_KEYWORDS: dict[str, Any] = {
    "n_gram_max": 2,
    "stop_words": "english",
    "min_df": 4,
    "bm25_weighting": True,
    "reduce_frequent_words": True,
    "representation": "keybert",
    "mmr_diversity": 0.9,
}


@pytest.fixture(scope="module")
def as_found() -> NDArray[np.int64]:
    """The topics by the default parameters."""
    return cluster(spoken(400, spread=1.9)[1], BertopicParams(), seed=SEED)


@pytest.mark.parametrize("name", OF_CLUSTERING)
def test_every_parameter_of_the_clustering_has_an_effect(name: str, as_found: NDArray[np.int64]):
    _, x = spoken(400, spread=1.9)
    params = BertopicParams(**{name: OF_CLUSTERING[name]})
    assert not np.array_equal(cluster(x, params, seed=SEED), as_found)


@pytest.mark.parametrize("name", OF_KEYWORDS)
def test_every_parameter_of_the_keywords_has_an_effect(name: str, as_found: NDArray[np.int64]):
    texts, x = spoken(400, spread=1.9)
    base = BertopicParams(representation="mmr") if name == "mmr_diversity" else BertopicParams()
    one, other = (
        keywords(texts, x, as_found, params, top_n=10, embed=fake_embed)
        for params in (base, replace(base, **{name: OF_KEYWORDS[name]}))
    )
    assert one != other


def test_every_parameter_is_tested():
    assert {f.name for f in fields(BertopicParams)} == {*OF_CLUSTERING, *OF_KEYWORDS}


@pytest.mark.parametrize(
    "params",
    [
        BertopicParams(),
        BertopicParams(min_cluster_size=2),
        BertopicParams(n_neighbors=2, min_cluster_size=2, n_components=9),
        BertopicParams(n_neighbors=2, min_cluster_size=2, min_samples=20),
    ],
)
def test_fewer_rows_than_the_parameters_mean_are_in_no_topic_and_as_many_are_clustered_by_them(
    params: BertopicParams,
):
    fewest = params.fewest_rows()
    _, x = spoken(fewest)
    assert cluster(x[:-1], params, seed=SEED).tolist() == [-1] * (fewest - 1)
    with warnings.catch_warnings():
        # UMAP warns where it takes another number of neighbours than it was told.
        warnings.filterwarnings("error", message=".*n_neighbors.*")
        assert len(cluster(x, params, seed=SEED)) == fewest
    assert cluster(np.zeros((0, 32)), params, seed=SEED).tolist() == []


def test_topics_are_merged_down_to_a_number_or_as_far_as_hdbscan_finds_them_alike():
    _, x = spoken(300, spread=1.9)
    as_found = cluster(x, BertopicParams(), seed=SEED)
    to_four = cluster(x, BertopicParams(nr_topics=4), seed=SEED)
    assert len(set(to_four.tolist())) == 4 < len(set(as_found.tolist()))
    assert len({(a, b) for a, b in zip(as_found, to_four, strict=True)}) == len(
        set(as_found.tolist())
    )  # merged only
    assert 0 < cluster(x, BertopicParams(nr_topics=0), seed=SEED).max() < as_found.max()
    two = np.repeat(np.eye(32, dtype=np.float32)[:2], 30, axis=0) + 0.01 * x[:60]
    assert cluster(two, BertopicParams(nr_topics=0), seed=SEED).max() <= 1
    with pytest.raises(ValueError, match="nr_topics is 1"):
        BertopicParams(nr_topics=1)


def test_keywords_of_topics_that_share_no_word_or_have_none():
    labels = np.repeat([0, 1, -1], 4)
    x = np.eye(12, dtype=np.float32)
    own = keywords(["tires"] * 4 + ["freight"] * 8, x, labels, BertopicParams(min_df=3), top_n=3)
    assert own == [[], []]  # no word is used by both topics and the outliers
    lonely = keywords(["tires sell"] * 12, x, np.zeros(12, np.int64), BertopicParams(min_df=3), top_n=3)
    assert sorted(lonely[0]) == ["sell", "tires"]  # of one topic, one must use it
    assert keywords(["a"] * 12, x, labels, BertopicParams(), top_n=3) == [[], []]
    assert keywords(["tires"] * 12, x, np.full(12, -1), BertopicParams(), top_n=3) == []


@pytest.mark.parametrize("representation", ["keybert", "mmr", "keybert+mmr"])
def test_keywords_that_are_ranked_by_a_model_are_words_of_the_topic_and_need_one(representation: Any):
    texts, x = spoken(120)
    labels = np.array([SUBJECTS.index(t.split()[3]) for t in texts])
    params = BertopicParams(representation=representation)
    assert params.embeds_words
    found = keywords(texts, x, labels, params, top_n=4, embed=fake_embed)
    assert all(0 < len(own) <= 4 for own in found)
    for label, own in enumerate(found):
        said = " ".join(t.lower() for t, k in zip(texts, labels, strict=True) if k == label)
        assert all(word in said for word in own)
    with pytest.raises(ValueError, match="embeds words"):
        keywords(texts, x, labels, params, top_n=4)


def test_the_row_that_is_not_finite_is_named():
    _, x = spoken(40)
    x[7, 3] = np.nan
    with pytest.raises(ValueError, match="row 7 is not finite"):
        cluster(x, BertopicParams(), seed=SEED)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    published.require()
    monkeypatch.setattr(published, "MODULES", ("no_such_umap",))
    for call in (
        lambda: cluster(np.eye(30), BertopicParams(), seed=SEED),
        lambda: keywords(["a"], np.eye(1), np.zeros(1, np.int64), BertopicParams(), top_n=1),
    ):
        with pytest.raises(MissingExtraError, match=r"needs an extra: pip install .* '\.\[bertopic\]'"):
            call()
