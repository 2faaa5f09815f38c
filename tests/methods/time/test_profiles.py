import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.time.profiles import centred_centroids, shared, told_apart
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


def test_a_theme_is_told_apart_by_several_others_or_by_topics_without_a_theme():
    def told(*sizes: int, alone: int = 0) -> list[bool]:
        return told_apart(np.repeat(np.arange(-1, len(sizes)), [alone, *sizes]), len(sizes)).tolist()

    assert told(5) == [False], "its mean is the theme itself"
    assert told(5, alone=1) == [False], "one topic is one subject"
    assert told(5, alone=3) == [True]
    assert told(5, 5) == [False, False], "each is only known from the other"
    assert told(5, 5, alone=5) == [True, True]
    assert told(5, 5, 5) == [True] * 3
    assert told(40, 2, 2, 2) == [True, False, False, False], (
        "beside the small ones there is mostly the large one"
    )
    assert told(5, 5, 5, 0) == [True, True, True, False], "a theme without topics has no vector"
    assert told() == []


def test_at_the_limit_one_theme_among_others_is_nearer_than_another_among_the_same():
    axes = np.eye(12)
    for n_others in (2, 3, 4):
        labels = np.repeat(np.arange(n_others + 1), 5)
        first, anew, beside = (
            centred_centroids(axes[subjects][labels], labels, n_others + 1)[0]
            for subjects in (
                [0, *range(1, n_others + 1)],
                [0, *range(6, n_others + 6)],
                [11, *range(1, n_others + 1)],
            )
        )
        assert told_apart(labels, n_others + 1).all()
        assert first @ anew == pytest.approx(1 / (1 + 1 / n_others))
        assert first @ beside == pytest.approx(1 / (1 + n_others))
        assert first @ beside < 0.42
        assert first @ anew > 0.58


@given(
    st.lists(st.sets(st.sampled_from("abcdef")), max_size=5),
    st.lists(st.sets(st.sampled_from("abcdef")), max_size=5),
)
def test_shared_elements_are_counted(rows: list[set[str]], columns: list[set[str]]):
    found = shared(rows, columns)
    assert found.shape == (len(rows), len(columns))
    assert all(found[i, j] == len(a & b) for i, a in enumerate(rows) for j, b in enumerate(columns))
