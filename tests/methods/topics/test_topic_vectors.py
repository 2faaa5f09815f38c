import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from ftm_assets.methods.topics.topic_vectors import damped, topic_vectors
from ftm_assets.methods.vectors import BLOCK, FEWEST_TO_CENTRE, centred, unit

RNG = np.random.default_rng(4)
SUBJECTS = np.repeat(np.arange(6), 30)
"""Of 180 topics."""
DIRECTIONS = unit(RNG.normal(size=(7, 32)))
"""Of six subjects, and of a manner of speaking."""


def noisy(spread: float) -> NDArray[np.float64]:
    return DIRECTIONS[SUBJECTS] + spread * RNG.normal(size=(180, 32)) / np.sqrt(32)


def apart(vectors: NDArray[np.float64]) -> float:
    """Mean cosine within subjects less that between them."""
    same = SUBJECTS[:, None] == SUBJECTS
    cosines = unit(vectors) @ unit(vectors).T
    return float(cosines[same].mean() - cosines[~same].mean())


def test_two_noisy_views_tell_subjects_apart_better_than_one():
    described, spoken = noisy(1.5), noisy(1.5)
    assert apart(topic_vectors(described, spoken, 0.5)) > apart(centred(described)) + 0.05


def test_without_sentences_or_weight_the_descriptions_are_unchanged():
    described = noisy(1.0)
    for vectors in (topic_vectors(described, None, 0.35), topic_vectors(described, noisy(1.0), 0.0)):
        assert vectors.tolist() == described.tolist()


def test_a_manner_of_speaking_that_half_of_the_topics_share_counts_less():
    spoken = centred(noisy(0.5) + np.outer(RNG.choice([-1.5, 1.5], 180), DIRECTIONS[6]))
    assert apart(damped(spoken)) > apart(spoken) + 0.05


def test_rare_directions_are_not_raised():
    """The factors are at most one: noise of little variance stays small."""
    wide = np.diag([3.0, 1.0, 1.0, 0.1, 0.1]) @ RNG.normal(size=(5, 400))
    rows = unit(wide.T)
    before, after = rows.var(axis=0), damped(rows).var(axis=0)
    assert after[0] < before[0]
    assert after[1] / after[3] == pytest.approx(before[1] / before[3], rel=0.3)


def test_one_topic_more_changes_the_others_little():
    spoken = centred(noisy(1.0))
    assert np.einsum("ij,ij->i", damped(spoken)[:-1], damped(spoken[:-1])).min() > 0.999


def test_few_topics_are_compared_as_they_are():
    few = unit(noisy(1.0)[: FEWEST_TO_CENTRE - 1])
    assert damped(few).tolist() == few.tolist()


def test_the_order_of_topics_changes_no_vector():
    described, spoken = noisy(1.0), noisy(1.0)
    order = RNG.permutation(180)
    np.testing.assert_allclose(
        topic_vectors(described[order], spoken[order], 0.35),
        topic_vectors(described, spoken, 0.35)[order],
        atol=1e-5,
    )


def test_many_topics_take_the_memory_of_two_results():
    described, spoken = (RNG.normal(size=(12 * BLOCK, 16)).astype(np.float32) for _ in range(2))
    before = described.copy(), spoken.copy()
    tracemalloc.start()
    found = topic_vectors(described, spoken, 0.35)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * found.nbytes
    assert np.array_equal(described, before[0])
    assert np.array_equal(spoken, before[1])
