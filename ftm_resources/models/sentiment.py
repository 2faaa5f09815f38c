"""The sentiment scorer: assigns texts probabilities of positive, neutral and negative.

By default the bundled classifier of `tone_classifier`, learned on labelled earnings calls; or a transformers
sequence-classification checkpoint such as FinBERT; or the word lists of `lexicon`, which are marked as degraded.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from dagster import ConfigurableResource, InitResourceContext
from pydantic import Field

from ftm_resources import settings
from ftm_resources.expected import plainly
from ftm_resources.models import batches, lexicon, loading, tone_classifier
from ftm_resources.models.encoders import TorchEncoder
from ftm_resources.models.loading import LoadedModel, Progress
from ftm_resources.models.openvino_models import Backend, openvino_encoder
from ftm_resources.settings import Precision
from ftm_resources.tables import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

WORD_LISTS = "word-lists"
"""The name that selects the word lists."""

DEGRADED = (
    "Word lists, not a model: they miss words such as raised, beat and increased, and count question as "
    "negative. For the bundled classifier unset FTM_SENTIMENT_MODEL; or set it, e.g. to yiyanghkust/finbert-tone."
)

SCORE_WITHIN = 1e-5
"""Largest difference of a float32 probability between calls or processors: ten times `encoders.FLOAT32_WITHIN`,
because logits are not of unit length."""

_SHORT = {"pos": "positive", "neu": "neutral", "neg": "negative"}


def most_probable(probabilities: NDArray[np.float64]) -> NDArray[np.str_]:
    """Return the most probable label of each row of (n, 3) probabilities, as str (n,)."""
    labels: NDArray[np.str_] = np.array(LABELS)[probabilities.argmax(axis=1)]
    return labels


class SentimentScorer(ConfigurableResource):
    """Sentence sentiment. A model is loaded at first use, once per process.

    Texts longer than the model's limit are truncated.
    """

    model: str | None = Field(
        default=None,
        description="A transformers text-classification name or path, or word-lists (Loughran-McDonald); "
        "default: FTM_SENTIMENT_MODEL, or else the bundled classifier",
    )
    labels: list[str] | None = Field(
        default=None,
        description="The checkpoint's classes in its own order, if it does not name them, "
        'e.g. ["negative", "neutral", "positive"]',
    )
    device: str | None = Field(
        default=None, description="A torch device; default: the first available of cuda, mps and cpu"
    )
    precision: Precision = Field(
        default="auto",
        description="float32, bfloat16, float16, or auto: FTM_SENTIMENT_PRECISION if set, otherwise half precision "
        "if the hardware is faster in it",
    )
    backend: Backend = Field(
        default="auto",
        description="torch, openvino, or auto: openvino for bfloat16 and float32 on a CPU, if it is installed; "
        "otherwise torch",
    )
    batch_tokens: int | None = Field(
        default=None, ge=1, description="Tokens per batch; default: 2048 on a CPU, 32768 on a GPU"
    )

    @plainly
    def setup_for_execution(self, context: InitResourceContext) -> None:  # noqa: ARG002 - Dagster's signature
        """Check the configured model before a step computes anything."""
        self.require_usable()

    def require_usable(self) -> None:
        """Raise ModelLoadError or ValueError, naming the model, if it is not there or has other classes.

        Reads the checkpoint's configuration only.
        """
        name = self._configured()
        if name == WORD_LISTS:
            return
        if name == tone_classifier.NAME:
            tone_classifier.require_usable()
            return
        loading.require_files("sentiment", name)
        from transformers import AutoConfig

        try:
            config = AutoConfig.from_pretrained(name, local_files_only=Path(name).is_dir())
        except (OSError, ValueError) as error:  # no configuration, or one of no known model
            raise loading.unloadable("sentiment", name, str(error)) from error
        _class_order(name, _classes(config), self.labels)

    def model_name(self) -> str:
        """Return the scorer's name as the tables show it."""
        name = self._configured()
        return lexicon.scorer_name() if name == WORD_LISTS else name

    def is_degraded(self) -> bool:
        """Whether the word lists are used instead of a model."""
        return self._configured() == WORD_LISTS

    def describe(self) -> dict[str, Any]:
        """Return what determines the scores: model and is_degraded. Loads the model, if there is one.

        A model adds backend, backend_version, device and precision, the bundled one also `weights`, their digest; a
        degraded scorer adds `note`: why it is degraded, and what to do.
        """
        name = self._configured()
        described: dict[str, Any] = {"model": self.model_name(), "is_degraded": self.is_degraded()}
        if name == WORD_LISTS:
            return described | {"note": DEGRADED}
        if name == tone_classifier.NAME:
            described |= {"weights": tone_classifier.digest()}
        return described | self._load(name).encoder.describe()

    def score(self, texts: Sequence[str], *, progress: Progress | None = None) -> NDArray[np.float64]:
        """Score texts: float64 (n, 3), columns as in `tables.LABELS` (positive, neutral, negative), rows sum to 1.

        Every distinct text is scored once. A row depends only on its text: in float32, other texts and the processor
        change it by at most `SCORE_WITHIN` (see `encoders`). ValueError if the checkpoint's classes are not the
        three, or if a score is not finite.
        """
        unique, where = loading.distinct(texts)
        name = self._configured()
        if name == WORD_LISTS:
            found = lexicon.probabilities(lexicon.count_words(unique, progress=progress))
        else:
            found = self._classify(name, unique, progress)
        return found[where]

    def _configured(self) -> str:
        settings.refuse_secrets("sentiment", {n: getattr(self, n) for n in type(self).model_fields})
        return self.model or settings.current().ftm_sentiment_model or tone_classifier.NAME

    def _load(self, name: str) -> LoadedModel:
        device = loading.choose_device(self.device)
        asked = self.precision if self.precision != "auto" else settings.current().ftm_sentiment_precision
        key = ("sentiment", name, device, asked, self.backend)
        load = tone_classifier.load if name == tone_classifier.NAME else partial(_load, name)
        return loading.load_once(key, lambda: load(device, asked, self.backend))

    def _classify(self, name: str, texts: list[str], progress: Progress | None) -> NDArray[np.float64]:
        loaded = self._load(name)
        labels = None if name == tone_classifier.NAME else self.labels
        classes = [_class_order(name, loaded.classes, labels).index(label) for label in LABELS]
        logits = np.empty((len(texts), len(LABELS)), np.float64)
        for rows, raw in loaded.run(texts, self.batch_tokens, progress):
            logits[rows] = raw[:, classes]
        if not np.isfinite(logits).all():
            raise ValueError(
                f"sentiment: model {name!r} returned a score that is not finite; use precision float32"
            )
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
        return shares


def _load(name: str, device: str, asked: str, backend: Backend) -> LoadedModel:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    local = Path(name).is_dir()
    tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
    model = AutoModelForSequenceClassification.from_pretrained(name, local_files_only=local).eval()
    config = model.config
    precision = loading.choose_precision(asked, device, str(model.dtype).removeprefix("torch."))
    is_cpu = device.startswith("cpu")
    model.to(device, torch.float32 if is_cpu else getattr(torch, precision))

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
            found: torch.Tensor = self.model(input_ids=ids, attention_mask=mask).logits
            return found

    limit = min(int(tokenizer.model_max_length), _positions(model))
    tokenize = batches.tokenizer_call(tokenizer, limit)
    types = tokenizer("Gross margin rose.").get("token_type_ids", [])
    module = None if any(types) else Logits().eval()

    def by_texts(_: torch.Tensor, texts: list[str], __: torch.Tensor | None) -> torch.Tensor:
        # Models that use token types (XLNet).
        features = tokenizer(texts, truncation=True, max_length=limit, padding=True, return_tensors="pt")
        found: torch.Tensor = model(**features.to(device)).logits
        return found

    encoder = openvino_encoder(module if is_cpu else None, backend, precision, limit)
    if encoder is None:
        forward = (lambda ids, _, mask: module(ids, mask)) if module is not None else by_texts
        encoder = TorchEncoder(forward, device, precision, autocast=is_cpu, in_parallel=module is not None)
    return LoadedModel(encoder, tokenize, config.num_labels, _classes(config))


def _classes(config: Any) -> list[str]:
    return [str(config.id2label[i]) for i in range(config.num_labels)]


def _positions(model: Any) -> int:
    from torch import nn

    # RoBERTa and similar models number positions from padding_idx + 1: 512 of the table's 514 rows are usable.
    for module in model.modules():
        table = getattr(module, "position_embeddings", None)
        if isinstance(table, nn.Embedding):
            return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
    stated = int(getattr(model.config, "max_position_embeddings", loading.FALLBACK_MAX_TOKENS))
    return stated if stated > 0 else loading.FALLBACK_MAX_TOKENS  # XLNet states -1: no limit


def _class_order(name: str, classes: list[str], labels: list[str] | None) -> list[str]:
    """Return a checkpoint's classes in its order, spelled as in `LABELS`; ValueError if they are not the three."""
    found = labels or classes
    order = [_SHORT.get(label.lower(), label.lower()) for label in found]
    if len(order) == len(classes) and sorted(order) == sorted(LABELS):
        return order
    raise ValueError(
        f"sentiment: model {name!r} has {len(classes)} classes, read as {', '.join(found)}; they must be "
        "positive, neutral and negative (or pos, neu, neg). If the model has the three but does not name "
        'them, set labels to its order, e.g. ["negative", "neutral", "positive"]'
    )
