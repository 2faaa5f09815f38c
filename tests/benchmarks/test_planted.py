import numpy as np
import pytest

from benchmarks.calls import Call
from benchmarks.planted import NOISE, Firm, passages, shuffled, themes


@pytest.fixture
def calls() -> list[Call]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(30):
        ids = [f"{i}:{j}" for j in range(60)]
        x = rng.normal(size=(60, 8)).astype(np.float32)
        found.append(Call(str(i), [], ids, ids, [f"{i}:{j // 10}" for j in range(60)], x))
    return found


def test_passages_are_consecutive_sentences_of_different_calls_and_stray_ones(calls: list[Call]):
    firm = passages(calls, 0)
    assert np.bincount(firm.truth[firm.truth != NOISE]).tolist() == [14] * 25
    assert (firm.truth == NOISE).mean() == pytest.approx(0.15, abs=0.01)
    assert len(set(firm.texts)) == len(firm.texts)
    for passage in range(25):
        places = [tuple(map(int, firm.texts[i].split(":"))) for i in np.flatnonzero(firm.truth == passage)]
        assert len({call for call, _ in places}) == 1
        assert np.diff([j for _, j in places]).tolist() == [1] * 13
    strays = [firm.turns[i] for i in np.flatnonzero(firm.truth == NOISE)]
    assert not set(strays) & {firm.turns[i] for i in np.flatnonzero(firm.truth != NOISE)}
    assert passages(calls, 0).texts == firm.texts != passages(calls, 1).texts


def test_shuffling_takes_every_column_along():
    firm = Firm(["a", "b"], ["x", "y"], [0, 1], np.eye(2, dtype=np.float32), np.array([3, 4]), [])
    other = shuffled(firm, np.array([1, 0]))
    assert (other.texts, other.turns, other.positions) == (["b", "a"], ["y", "x"], [1, 0])
    assert other.embeddings.tolist() == [[0, 1], [1, 0]]
    assert other.truth.tolist() == [4, 3]


def nearest_is_own(within: float) -> float:
    sentences = np.random.default_rng(0).normal(size=(500, 32)).astype(np.float32)
    x, truth = themes(2_000, 40, sentences, spread=0.7, within=within)
    assert x.shape == (2_000, 32)
    assert np.allclose(np.linalg.norm(x, axis=1), 1, atol=1e-5)
    assert (truth == NOISE).mean() == pytest.approx(0.1)
    centres = np.stack([x[truth == k].mean(axis=0) for k in range(40)])
    inside = truth != NOISE
    return float(((x[inside] @ centres.T).argmax(axis=1) == truth[inside]).mean())


def test_topics_lie_around_their_themes_the_nearer_the_easier():
    assert nearest_is_own(0.05) > 0.99 > nearest_is_own(0.4)
