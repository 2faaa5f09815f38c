import logging
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftm_resources.models import batches, openvino_models
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.encoders import FLOAT32_WITHIN


def plain() -> Any:
    """A module from ids to rows of 6 numbers."""
    import torch

    return torch.nn.Sequential(torch.nn.Embedding(64, 16), torch.nn.Linear(16, 6)).eval()


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_leftover_rows_of_openvino_need_no_filling(
    precision: Any, skip_unless_computed: Callable[[str, str], None]
) -> None:
    skip_unless_computed("openvino", precision)
    model = Embedder(device="cpu", backend="openvino", precision=precision)._load()
    texts = [f"Margin {i} grew. {'Costs rose again. ' * (i % 7)}" for i in range(30)]
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
    one, other = (np.array([rows[i] for i in range(len(texts))]) for rows in found)
    if precision == "float32":  # in this one, bit for bit only where we have seen it
        assert np.abs(one - other).max() <= FLOAT32_WITHIN * np.linalg.norm(one, axis=1).min()
    else:
        assert np.array_equal(one, other)
    assert model.encoder.row_step == 1


def test_a_conversion_that_is_not_faithful_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    import torch

    class Baked(torch.nn.Module):
        """Tracing keeps the length of its example."""

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return ids.float().sum(1, keepdim=True) + torch.full((1, 3), float(ids.shape[1]) ** 2)

    for precision in ("bfloat16", "float32"):
        caplog.clear()
        assert openvino_models.openvino_encoder(Baked(), "auto", precision, 64) is None
        assert "differs from the original" in caplog.text
        with pytest.raises(ValueError, match=r"differs from the original; use backend torch"):
            openvino_models.openvino_encoder(Baked(), "openvino", precision, 64)


def test_a_model_with_an_operation_that_openvino_lacks_runs_on_torch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    import torch

    class Bessel(torch.nn.Module):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = torch.special.bessel_j0(ids.float()).sum(1, keepdim=True)
            return found

    assert openvino_models.openvino_encoder(Bessel(), "auto", "float32", 64) is None
    assert "using torch instead of openvino: Model wasn't fully converted" in caplog.text
    assert not logging.getLogger().filters, "the converter changes what is logged, and leaves it so"
    with pytest.raises(ValueError, match=r"Model wasn't fully converted.*; use backend torch"):
        openvino_models.openvino_encoder(Bessel(), "openvino", "float32", 64)


@pytest.mark.parametrize("window", [16, 40, 128])
def test_a_model_that_heeds_what_is_near_in_long_texts_alone_is_not_converted_without_that(
    window: int,
) -> None:
    import torch
    from transformers import ModernBertConfig, ModernBertModel

    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=32, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24,
        local_attention=window, initializer_range=0.3, pad_token_id=0,
    )  # fmt: skip
    words = ModernBertModel(config).eval()

    class Mean(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = words

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.words(input_ids=ids).last_hidden_state.mean(1)
            return found

    mean: Any = Mean()
    mean.eval()
    encoder = openvino_models.openvino_encoder(mean, "auto", "float32", 300)
    ids = np.random.default_rng(0).integers(0, 32, (2, 300))
    if encoder:
        ((_, found),) = encoder.run([batches.Batch(np.arange(2), ids, [])])
        assert np.allclose(found, mean(torch.from_numpy(ids)).detach(), atol=1e-3)
    short = openvino_models.openvino_encoder(mean, "auto", "float32", 8)
    assert short, "no text is long enough for it to matter"


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_auto_is_openvino_on_a_plain_model(
    precision: str, skip_unless_computed: Callable[[str, str], None]
) -> None:
    skip_unless_computed("openvino", precision)
    assert isinstance(
        openvino_models.openvino_encoder(plain(), "auto", precision, 64), openvino_models.OpenVinoEncoder
    )


def test_without_avx512_openvino_is_refused_in_bfloat16_and_auto_is_torch() -> None:
    script = """
import torch
from ftm_resources.models import openvino_models
module = torch.nn.Sequential(torch.nn.Embedding(64, 16), torch.nn.Linear(16, 6)).eval()
assert openvino_models.openvino_encoder(module, "auto", "bfloat16", 64) is None
assert openvino_models.openvino_encoder(module, "openvino", "float32", 64)
try:
    openvino_models.openvino_encoder(module, "openvino", "bfloat16", 64)
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
    assert openvino_models.openvino_encoder(plain(), "auto", "float16", 64) is None
    for precision in ("bfloat16", "float32"):
        assert openvino_models.openvino_encoder(plain(), "torch", precision, 64) is None
        assert openvino_models.openvino_encoder(None, "auto", precision, 64) is None
    with pytest.raises(ValueError, match="needs a CPU and a plain model"):
        openvino_models.openvino_encoder(None, "openvino", "bfloat16", 64)

    def missing(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(openvino_models, "version", missing)
    assert openvino_models.openvino_encoder(plain(), "auto", "bfloat16", 64) is None
    with pytest.raises(ValueError, match="pip install openvino"):
        openvino_models.openvino_encoder(plain(), "openvino", "bfloat16", 64)


def test_openvino_comes_after_torch_and_tells_nobody(tmp_path: Path) -> None:
    script = """
import socket, sys
def refuse(*_): raise SystemExit("a connection was attempted")
socket.socket.connect = socket.getaddrinfo = refuse
from ftm_resources.models import openvino_models
openvino_models._openvino().convert_model
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
