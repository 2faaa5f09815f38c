"""One query through a plain BERT, in numpy: torch and its libraries take eight seconds to import and load.

What belongs here: models of the kind of the bundled MiniLM (BERT, mean pooling, unit length, float32 weights in a
folder, no prompts). Any other is left to `embedder`. Vectors differ from torch's in float32 by less than 1e-5.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Array = NDArray[np.float32]

_MODULES = ("Transformer", "Pooling", "Normalize")
_CONFIG = {"architectures": ["BertModel"], "hidden_act": "gelu", "position_embedding_type": "absolute"}
_FILES = ("model.safetensors", "tokenizer.json")


@dataclass(frozen=True)
class QueryEncoder:
    """A BERT with mean pooling."""

    tokenizer: Tokenizer
    weights: dict[str, Array]
    layers: int
    heads: int
    epsilon: float

    def encode(self, text: str) -> Array:
        """Return the mean (d,) of the vectors of a text's tokens."""
        ids = self.tokenizer.encode(text).ids
        w = self.weights
        hidden = w["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + w["embeddings.position_embeddings.weight"][: len(ids)]
        hidden = self._normed(
            hidden + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm"
        )
        for i in range(self.layers):
            at = f"encoder.layer.{i}."
            mixed = self._linear(
                self._attended(hidden, f"{at}attention.self."), f"{at}attention.output.dense"
            )
            hidden = self._normed(hidden + mixed, f"{at}attention.output.LayerNorm")
            wide = _gelu(self._linear(hidden, f"{at}intermediate.dense"))
            hidden = self._normed(hidden + self._linear(wide, f"{at}output.dense"), f"{at}output.LayerNorm")
        mean: Array = hidden.mean(axis=0)
        return mean

    def _attended(self, hidden: Array, at: str) -> Array:
        n, d = hidden.shape

        def split(name: str) -> Array:
            made: Array = self._linear(hidden, at + name).reshape(n, self.heads, -1).transpose(1, 0, 2)
            return made

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(d // self.heads))
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed: Array = (shares @ value).transpose(1, 0, 2).reshape(n, d)
        return mixed

    def _linear(self, hidden: Array, at: str) -> Array:
        made: Array = hidden @ self.weights[f"{at}.weight"].T + self.weights[f"{at}.bias"]
        return made

    def _normed(self, hidden: Array, at: str) -> Array:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(self.epsilon))
        made: Array = centred / spread * self.weights[f"{at}.weight"] + self.weights[f"{at}.bias"]
        return made


@cache
def query_encoder(folder: str) -> QueryEncoder | None:
    """Return the encoder of a model in a folder; None if it is of another kind."""
    place = Path(folder)
    about, modules = _read(place / "config.json"), _read(place / "modules.json")
    if not isinstance(about, dict) or not isinstance(modules, list):
        return None
    kinds = tuple(str(module.get("type", "")).rpartition(".")[2] for module in modules)
    is_plain = (
        kinds == _MODULES
        and all(about.get(name) == value for name, value in _CONFIG.items())
        and all((place / name).is_file() for name in _FILES)
        and _takes_mean(_read(place / str(modules[1]["path"]) / "config.json"))
        and not (_read(place / "config_sentence_transformers.json") or {}).get("prompts")
    )
    if not is_plain:
        return None
    from safetensors.numpy import load_file  # noqa: PLC0415 - heavy
    from tokenizers import Tokenizer  # noqa: PLC0415

    weights = load_file(place / "model.safetensors")
    if any(array.dtype != np.float32 for name, array in weights.items() if name.endswith(".weight")):
        return None
    tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
    tokenizer.no_padding()
    longest = about["max_position_embeddings"]
    limit = (_read(place / "sentence_bert_config.json") or {}).get("max_seq_length") or longest
    tokenizer.enable_truncation(min(int(limit), int(longest)))
    heads, layers = int(about["num_attention_heads"]), int(about["num_hidden_layers"])
    return QueryEncoder(tokenizer, weights, layers, heads, float(about["layer_norm_eps"]))


def _takes_mean(pooling: Any) -> bool:
    """Return whether a pooling's configuration is of the mean of tokens alone."""
    if not isinstance(pooling, dict):
        return False
    modes = {name for name, value in pooling.items() if name.startswith("pooling_mode_") and value is True}
    return modes == {"pooling_mode_mean_tokens"}


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def _gelu(x: Array) -> Array:
    """Return x times the normal distribution function of x, within 2e-7 (Abramowitz & Stegun 1964, 7.1.26)."""
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t: Array = np.reciprocal(1 + np.float32(0.3275911) * z)
    series: Array = np.full_like(t, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(factor)
    erf = np.sign(x) * (1 - series * t * np.exp(-z * z))
    gelu: Array = np.float32(0.5) * x * (1 + erf)
    return gelu
