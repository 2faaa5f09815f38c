"""Naming by `transformers serve` with a tiny random Qwen3: a server that nobody here wrote, whose replies are noise."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftm_assets.methods.naming.audit import audit_columns
from ftm_assets.methods.naming.extractive import name_extractively
from ftm_assets.methods.naming.rules import Digest
from ftm_assets.orchestration.namer import build_namer, reply_cache
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.warehouse import Warehouse

pytestmark = pytest.mark.integration
BIN = Path(sys.executable).parent
TOPICS = [
    Digest(
        f"2023Q1:1:{i:03d}",
        "topic",
        (f"{what} costs", what),
        (f"Our {what} costs rose in the quarter.",),
        exclude=("Acme",),
    )
    for i, what in enumerate(["freight", "labor", "steel", "energy"])
]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


def make_qwen3(folder: Path) -> None:
    """Save a Qwen3 of two small layers with random weights, and a tokenizer of single bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = Tokenizer(models.BPE({w: i for i, w in enumerate([*special, *alphabet])}, []))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        eos_token="<|im_end|>",  # noqa: S106
        pad_token="<|endoftext|>",  # noqa: S106 - no password
        extra_special_tokens={"start": "<|im_start|>"},
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(words.get_vocab()),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=8192,
        eos_token_id=2,
        pad_token_id=0,
    )
    model = Qwen3ForCausalLM(config)
    for weights in model.parameters():
        weights.data *= 8  # far from uniform: each prompt has noise of its own
    model.save_pretrained(folder)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """URL and model of a server that is still loading."""
    folder = tmp_path_factory.mktemp("qwen3") / "tiny-random-qwen3"
    make_qwen3(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(BIN / "transformers"),
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--device",
        "cpu",
    ]
    log = folder.parent / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen([*command, str(folder)], stdout=out, stderr=out)
        yield f"http://127.0.0.1:{port}/v1", str(folder)
        assert process.poll() is None, log.read_text()[-3000:]
        process.terminate()
        process.wait(timeout=30)


def test_every_topic_falls_back_cleanly(served: tuple[str, str], tmp_path: Path):
    url, model = served
    warehouse = Warehouse(path=str(tmp_path))
    llm = LlmResource(base_url=url, model=model, max_tokens=48, startup_seconds=120, concurrency=4)
    named = build_namer(llm, warehouse, "topic_summaries", "2023Q1").name(TOPICS)
    for digest, found in zip(TOPICS, named, strict=True):
        expected = name_extractively(digest)
        assert (found.name, found.summary) == (expected.name, expected.summary)
        assert found.naming_method == "extractive"
        assert found.audit.outcome == "unusable"
        assert found.audit.attempts == 2
        assert found.audit.tokens_out > 0
        assert found.audit.reason.isprintable()
    columns = audit_columns(named, llm.cost)
    assert all(reason.isprintable() for reason in columns["reason"].to_pylist())
    # It was noise indeed: what was kept holds characters that no table may.
    replies = reply_cache(llm, warehouse, "topic_summaries", "2023Q1")
    replies.get("")
    texts = [r.text for key, r in (replies._replies or {}).items() if key != "context"]
    assert len(texts) == len(TOPICS)
    assert not any(text.isprintable() and text.isascii() for text in texts)
