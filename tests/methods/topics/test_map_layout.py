"""Places in the map: fixed by meaning, the same for one topic in any company; groups of themes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods.topics import map_layout
from ftm_assets.methods.topics.map_layout import group_themes, landmark_texts, place, word_vectors
from ftm_assets.methods.vectors import unit

N = len(landmark_texts())


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    return unit(np.random.default_rng(0).normal(size=(N, 64))).astype(np.float32)


def near(landmarks: np.ndarray, which: list[int], seed: int = 1, noise: float = 0.03) -> np.ndarray:
    """Topics that mean almost what some landmarks do."""
    rng = np.random.default_rng(seed)
    return unit(landmarks[which] + rng.normal(0, noise, (len(which), landmarks.shape[1]))).astype(np.float32)


def nobody(n: int) -> np.ndarray:
    return np.full(n, -1)


def test_landmarks_are_subjects_each_once_at_a_place_of_its_own():
    texts, places = map_layout._landmarks()
    assert len(set(texts)) == len(texts) >= 400
    assert list(texts) == sorted(texts)
    assert len({tuple(p) for p in places}) == len(places)
    assert places.min() >= 0
    assert places.max() <= 1


def test_a_topic_that_means_a_landmark_is_where_the_landmark_is(landmarks: np.ndarray):
    found = place(near(landmarks, [3, 77, 400]), nobody(3), landmarks)
    assert np.abs(found - map_layout._landmarks()[1][[3, 77, 400]]).max() < 0.01


def test_a_topic_in_no_theme_does_not_move_with_the_quarter(landmarks: np.ndarray):
    own = near(landmarks, [10, 200])
    rest = near(landmarks, list(range(50)), seed=2, noise=0.2)
    alone = place(own, nobody(2), landmarks)
    among = place(np.concatenate([own, rest]), np.append(nobody(2), np.arange(50) % 5), landmarks)
    assert (among[:2] == alone).all()


def test_a_theme_is_drawn_together_around_its_middle(landmarks: np.ndarray):
    rows = near(landmarks, [5, 50, 300, 120, 121, 122], noise=0.1)
    theme = np.array([0, 0, 0, -1, -1, -1])
    apart, together = place(rows, theme, landmarks, pull=0), place(rows, theme, landmarks, pull=0.5)
    middle = np.median(apart[:3], axis=0)
    assert together[:3] == pytest.approx((apart[:3] + middle) / 2, abs=1e-6)
    assert (together[3:] == apart[3:]).all()
    assert place(rows, theme, landmarks, pull=1)[:3] == pytest.approx(np.tile(middle, (3, 1)), abs=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_places_are_in_the_map_and_follow_their_topics(n: int, seed: int):
    rng = np.random.default_rng(seed)
    landmarks = unit(rng.normal(size=(N, 8))).astype(np.float32)
    rows, theme = unit(rng.normal(size=(n, 8))).astype(np.float32), rng.integers(-1, 4, n)
    found = place(rows, theme, landmarks)
    assert found.shape == (n, 2)
    assert ((found >= 0) & (found <= 1)).all()
    order = rng.permutation(n)
    assert (place(rows[order], theme[order], landmarks) == found[order]).all()


def test_blocks_of_rows_make_no_difference(landmarks: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    rows = near(landmarks, list(range(30)), noise=0.2)
    whole = place(rows, nobody(30), landmarks)
    monkeypatch.setattr(map_layout, "_BLOCK", 7)
    assert (place(rows, nobody(30), landmarks) == whole).all()


def test_vectors_that_are_not_the_landmarks_are_an_error(landmarks: np.ndarray):
    with pytest.raises(ValueError, match=rf"10 vectors for {N} landmarks: embed landmark_texts\(\) again"):
        place(landmarks, nobody(N), landmarks[:10])


def test_words_place_a_topic_by_the_subject_that_it_names():
    rows = word_vectors(
        ["Natural gas prices and production", "net interest margin and net interest income rose"]
    )
    found = place(rows, nobody(2), word_vectors(landmark_texts()))
    texts, places = map_layout._landmarks()
    for at, subject in zip(
        found,
        ["natural gas prices and production", "net interest margin and net interest income"],
        strict=True,
    ):
        assert np.linalg.norm(at - places[texts.index(subject)]) < 0.1


def families(n: int, kinds: int) -> tuple[np.ndarray, list[str]]:
    """Themes of some kinds, turn about, with a name that says which."""
    rng = np.random.default_rng(3)
    middles = rng.normal(size=(kinds, 32))
    rows = unit(middles[np.arange(n) % kinds] + rng.normal(0, 0.5, (n, 32)))
    return rows, [f"kind {i % kinds}, theme {i}" for i in range(n)]


def test_themes_of_a_kind_are_a_group_named_after_the_largest():
    rows, names = families(81, 9)
    group, titles = group_themes(rows, names)
    assert len(titles) == 9
    for i in range(9):
        assert len(set(group[i::9])) == 1
        assert titles[group[i]] == f"kind {i}, theme {i} · kind {i}, theme {i + 9}"


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 100, 1_000])
def test_any_number_of_themes_has_groups_that_colours_can_tell_apart(n: int):
    rows = unit(np.random.default_rng(4).normal(size=(n, 16))) if n else np.zeros((0, 16))
    group, titles = group_themes(rows, [f"theme {i}" for i in range(n)])
    assert len(titles) <= map_layout._MOST_GROUPS
    assert set(group) == set(range(len(titles)))
    sizes = np.bincount(group, minlength=len(titles))
    assert (np.diff(sizes) <= 0).all()
    if n >= 10:
        assert len(titles) >= 3
        assert sizes.min() >= 2


def test_equal_themes_are_one_group():
    rows = np.tile(unit(np.ones((1, 8))), (9, 1))
    group, titles = group_themes(rows, list("abcdefghi"))
    assert (group == group[0]).all()
    assert titles == ("a · b",)
