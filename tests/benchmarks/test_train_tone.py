"""Training of the bundled classifier: folds of whole calls, calibration, and that what it writes is what is read."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import tone_training, train_tone
from benchmarks.tone_training import Recipe
from ftm_resources.models import tone_classifier

RECIPE = Recipe(first_layer=5, epochs=1)
TEXTS = ["Sales grew.", "We have a plant.", "Costs hurt our margins badly.", "Sales grew again."]


def test_folds_are_of_whole_calls_and_about_equal() -> None:
    calls = np.repeat([f"c{i}" for i in range(20)], np.arange(10, 30))
    fold = train_tone.folds(calls.tolist())
    assert all(len(set(fold[calls == c])) == 1 for c in set(calls))
    counts = np.bincount(fold)
    assert counts.max() - counts.min() <= 30


def test_calibration_gives_back_the_classes_shares_and_a_true_temperature() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, (20_000, 3))
    tone = (true + rng.gumbel(size=true.shape)).argmax(axis=1)  # softmax(true) is its distribution
    temperature, offsets = train_tone.calibration(3 * true, tone)
    assert temperature == pytest.approx(3, rel=0.15)
    assert np.abs(offsets).max() < 0.3
    biased = true + np.array([0, 2, -1])
    found = train_tone.probabilities(biased, train_tone.calibration(biased, tone))
    shares = np.bincount(found.argmax(axis=1), minlength=3) / len(tone)
    assert np.abs(shares - np.bincount(tone) / len(tone)).max() < 0.01


def test_the_training_network_and_the_classifier_that_ships_agree(tmp_path: Path) -> None:
    hidden = tone_training.entering(TEXTS, RECIPE.first_layer)
    net = tone_training.learn(hidden, np.array([0, 1, 2, 0]), np.arange(4), RECIPE, seed=0)
    scored = tone_training.logits(net, hidden, np.arange(4))
    by = (1.5, np.array([0.2, -0.1, -0.1]))
    weights = train_tone._calibrated(tone_training.learned(net, RECIPE), by)
    train_tone.write(weights, tmp_path, RECIPE, {"calls": [], "table": {}})
    loaded = tone_classifier.load("cpu", "float32", "torch", tmp_path)
    found = np.zeros((4, 3))
    for rows, raw in loaded.run(TEXTS, None, None):
        found[rows] = raw
    expected = scored / by[0] + by[1]
    # The network computes in bfloat16, the classifier in float32; the weights in the file are float16.
    assert np.abs(found - expected).max() < 0.05
    assert tone_classifier.left_out(tmp_path)["recipe"]["first_layer"] == 5


def test_the_seed_decides_what_is_learned() -> None:
    hidden = tone_training.entering(TEXTS, RECIPE.first_layer)
    tone, rows = np.array([0, 1, 2, -1]), np.arange(4)
    a, b, c = (
        tone_training.logits(tone_training.learn(hidden, tone, rows, RECIPE, s), hidden, rows)
        for s in (0, 0, 1)
    )
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_the_page_shows_the_figures_beside_the_weights() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "tone.md"
    assert train_tone.markdown(tone_classifier.left_out()["table"]) in page.read_text()
