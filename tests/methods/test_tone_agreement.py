"""Measures of a sentiment scorer: against scikit-learn, and what intervals, sections and gaps do."""

import json

import numpy as np
import pytest

from ftm_assets.methods.tone_agreement import agreement
from ftm_assets.methods.tone_labels import UNREAD, Labelled
from ftm_resources.tables import LABELS


def labelled(first: np.ndarray, second: np.ndarray, calls: np.ndarray) -> Labelled:
    n = len(first)
    sections = np.array(["presentation", "q_and_a"])[np.arange(n) % 2]
    return Labelled(["x"] * n, calls.astype(str), sections, first, second, 0, 0)


@pytest.fixture(scope="module")
def noisy() -> tuple[np.ndarray, Labelled]:
    """600 sentences of twelve calls; the scorer is right on about 70%, a third has a second reader, some no tone."""
    rng = np.random.default_rng(3)
    first = rng.choice(3, 600, p=[0.35, 0.5, 0.15])
    found = np.where(rng.random(600) < 0.6, first, rng.choice(3, 600))
    p = np.full((600, 3), 0.15)
    p[np.arange(600), found] = 0.7
    second = np.where(rng.random(600) < 0.9, first, rng.choice(3, 600))
    second[rng.random(600) > 1 / 3] = UNREAD
    first[:20] = UNREAD
    return p, labelled(first, second, np.arange(600) // 50)


def test_measures_are_those_of_scikit_learn(noisy: tuple[np.ndarray, Labelled]) -> None:
    from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support

    p, read = noisy
    found = {k: v[0] for k, v in agreement(p, read, draws=10)["measures"].items()}
    toned = read.first >= 0
    both = toned & (read.second >= 0)
    mine = p.argmax(axis=1)
    expected = {
        "accuracy": accuracy_score(read.first[toned], mine[toned]),
        "kappa_first": cohen_kappa_score(read.first[toned], mine[toned]),
        "kappa_second": cohen_kappa_score(read.second[both], mine[both]),
        "kappa_readers": cohen_kappa_score(read.second[both], read.first[both]),
        "net_tone": (mine[toned] == 0).mean() - (mine[toned] == 2).mean(),
        "net_tone_reader": (read.first[toned] == 0).mean() - (read.first[toned] == 2).mean(),
        "net_tone_expected": (p[toned, 0] - p[toned, 2]).mean(),
        "calibration_error": abs((mine == read.first)[toned].mean() - 0.7),
    }
    values = precision_recall_fscore_support(read.first[toned], mine[toned])
    for name, by_class in zip(("precision", "recall", "f1"), values, strict=False):
        expected |= {f"{name}_{label}": value for label, value in zip(LABELS, by_class, strict=True)}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-4), name
    assert found["net_tone_difference"] == pytest.approx(
        found["net_tone"] - found["net_tone_reader"], abs=2e-4
    )


def test_intervals_hold_the_estimate_and_are_of_calls_not_of_sentences(
    noisy: tuple[np.ndarray, Labelled],
) -> None:
    p, read = noisy
    estimate, low, high = agreement(p, read)["measures"]["accuracy"]
    assert low < estimate < high
    # Where sentences of a call are all right or all wrong, a hundred of them tell as much as one.
    calls = np.repeat(np.arange(10), 100)
    first = np.zeros(1000, np.int64)
    right = np.eye(3)[np.where(calls < 5, 0, 1)]
    _, low, high = agreement(right, labelled(first, first, calls))["measures"]["accuracy"]
    assert high - low > 0.5


def test_the_seed_decides_the_intervals(noisy: tuple[np.ndarray, Labelled]) -> None:
    p, read = noisy
    assert agreement(p, read, draws=50) == agreement(p, read, draws=50)
    assert agreement(p, read, draws=50) != agreement(p, read, draws=50, seed=1)


def test_sections_add_up_and_all_is_json(noisy: tuple[np.ndarray, Labelled]) -> None:
    p, read = noisy
    found = agreement(p, read, draws=10)
    assert found["n"] == sum(s["n"] for s in found["sections"].values()) == 580
    weighed = sum(s["n"] * s["accuracy"] for s in found["sections"].values()) / found["n"]
    assert weighed == pytest.approx(found["measures"]["accuracy"][0], abs=1e-3)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_no_data_define_is_none() -> None:
    first = np.array([0, 1, 0, 1])
    unread = np.full(4, UNREAD)
    found = agreement(np.eye(3)[first], labelled(first, unread, np.arange(4)), draws=10)["measures"]
    assert found["kappa_second"] == found["kappa_readers"] == [None, None, None]
    assert found["recall_negative"][0] is None
    assert found["kappa_first"][0] == 1.0


def test_no_tone_at_all_is_an_error() -> None:
    unread = np.full(2, UNREAD)
    with pytest.raises(ValueError, match="no labelled sentence has a tone"):
        agreement(np.eye(3)[:2], labelled(unread, unread, np.arange(2)))
