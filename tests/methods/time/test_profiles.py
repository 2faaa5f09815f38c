import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.time.profiles import centred_centroids, shared
from ftm_assets.methods.vectors import unit


def test_what_all_topics_share_does_not_make_themes_alike():
    rng = np.random.default_rng(0)
    common = 3 * unit(rng.normal(size=(1, 32)))
    own = unit(rng.normal(size=(4, 32)))
    labels = np.repeat(np.arange(4), 10)
    topics = unit(common + own[labels] + 0.2 * rng.normal(size=(40, 32)) / np.sqrt(32))
    raw = unit(np.array([topics[labels == k].mean(axis=0) for k in range(4)]))
    centred = centred_centroids(topics, labels, 4)
    apart = ~np.eye(4, dtype=bool)
    assert (raw @ raw.T)[apart].min() > 0.8
    assert (centred @ centred.T)[apart].max() < 0.2


def test_topics_without_a_theme_count_in_the_mean_alone():
    topics = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert centred_centroids(topics, np.array([0, -1, -1]), 1)[0] @ [1, -1] > 1.4
    assert not centred_centroids(topics[:1], np.array([0]), 1).any(), "a theme of all topics is like none"
    assert centred_centroids(np.zeros((0, 0)), np.array([], dtype=np.int64), 0).shape == (0, 0)


@given(
    st.lists(st.sets(st.sampled_from("abcdef")), max_size=5),
    st.lists(st.sets(st.sampled_from("abcdef")), max_size=5),
)
def test_shared_elements_are_counted(rows: list[set[str]], columns: list[set[str]]):
    found = shared(rows, columns)
    assert found.shape == (len(rows), len(columns))
    assert all(found[i, j] == len(a & b) for i, a in enumerate(rows) for j, b in enumerate(columns))
