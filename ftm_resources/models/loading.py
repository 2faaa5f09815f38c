"""Shared by the model resources (embedder, sentiment scorer): loading once, device, precision, distinct texts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ftm_resources.models import batches
from ftm_resources.models.encoders import Encoder, Rows

Progress = Callable[[int, int], None]
"""Called with (texts done, total texts) after every batch; duplicate texts count once."""

BATCH_TOKENS = {"cpu": 2048, "gpu": 32768}
"""Tokens per batch: on a CPU they fit in its caches, on a GPU they keep it busy."""

FALLBACK_MAX_TOKENS = 512
"""Limit for models that state none (XLNet, T5); no sentence comes near it."""


@dataclass
class LoadedModel:
    """A model in memory; `lock` is held while the model or tokenizer runs, as neither is thread-safe."""

    encoder: Encoder
    tokenize: batches.Tokenize | None
    """None if the model has no transformers tokenizer (static word vectors)."""
    width: int
    """Columns of the encoder's output."""
    classes: list[str] = field(default_factory=list)
    """A classifier's classes, named and ordered as in its checkpoint."""
    encode_query: Callable[[str], NDArray[np.float32]] | None = None
    """For an embedder that treats queries in another way than texts: a query's vector (d,), of any length."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, texts: list[str], batch_tokens: int | None, progress: Progress | None) -> Iterator[Rows]:
        """Yield (positions, rows): every text once, in batches of `batch_tokens` (default: by device)."""
        described = self.encoder.describe()
        budget = batch_tokens or BATCH_TOKENS["cpu" if described["device"].startswith("cpu") else "gpu"]
        done = 0
        with self.lock:
            made = batches.batches(
                texts,
                self.tokenize,
                budget,
                row_step=self.encoder.row_step,
                mixed=self.encoder.mixes_lengths,
            )
            for rows, found in self.encoder.run(made):
                yield rows, found
                done += len(rows)
                if progress:
                    progress(done, len(texts))


_loaded: dict[tuple[str, ...], LoadedModel] = {}
_loading = threading.Lock()


class ModelLoadError(OSError):
    """A model cannot be loaded; the message names it and the variable that chooses it.

    An OSError, because it fails for every firm: chunked steps end on those.
    """


_HUB_SECONDS = 10.0
"""Timeout of the one request that asks the hub for a model."""

_CHOSEN_BY = {"embedder": "FTM_EMBEDDING_MODEL", "sentiment": "FTM_SENTIMENT_MODEL"}


def require_files(kind: str, name: str) -> None:
    """Raise ModelLoadError if a model is neither on this machine nor on the Hugging Face hub.

    Looks for its configuration only and asks the hub once, so that a machine without access to it fails at once. A
    hub that answers with an error of its own (5xx) counts as having the model: loading it asks again, patiently.
    """
    import httpx2  # noqa: PLC0415 - loaded only where a model is configured
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache  # noqa: PLC0415
    from huggingface_hub.errors import (  # noqa: PLC0415
        HfHubHTTPError,
        HFValidationError,
        RemoteEntryNotFoundError,
    )

    folder = Path(name)
    if folder.is_dir():
        if not any((folder / file).is_file() for file in ("config.json", "modules.json")):
            raise unloadable(kind, name, "the folder has no config.json")
        return
    try:
        if isinstance(try_to_load_from_cache(name, "config.json"), str):
            return
        get_hf_file_metadata(hf_hub_url(name, "config.json"), timeout=_HUB_SECONDS)
    except RemoteEntryNotFoundError:
        return  # the model is there, without this file
    except (OSError, HFValidationError, httpx2.HTTPError) as error:
        if isinstance(error, HfHubHTTPError) and error.response.status_code >= 500:
            return
        raise unloadable(kind, name, str(error)) from error


def unloadable(kind: str, name: str, reason: str) -> ModelLoadError:
    """Return the error for a model that cannot be loaded, with the first line of the reason."""
    return ModelLoadError(
        f"{kind}: the model {name!r} cannot be loaded ({reason.strip().partition(chr(10))[0]}). Set {_CHOSEN_BY[kind]} "
        "to a folder with the model's files, or to a name on the Hugging Face hub that this machine can reach"
    )


def load_once(key: tuple[str, ...], load: Callable[[], LoadedModel]) -> LoadedModel:
    """Return the model for this key, loaded once per process; concurrent threads wait for the one load.

    `key` opens with the kind of model (embedder or sentiment) and its name. Raises ModelLoadError if the files of
    the model are not there and cannot be downloaded, or are not a model.
    """
    with _loading:
        if key not in _loaded:
            from huggingface_hub.errors import HFValidationError  # noqa: PLC0415 - as transformers, only where a model is
            from transformers.utils import logging as transformers_logging

            transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call] # a progress bar over weight tensors is noise in a run's log
            try:
                _loaded[key] = load()
            except ModelLoadError:
                raise
            except (OSError, HFValidationError) as error:
                kind, model, *_ = key
                raise unloadable(kind, model, str(error)) from error
        return _loaded[key]


def choose_device(device: str | None) -> str:
    """Return the requested torch device, or else the first available of cuda, mps and cpu."""
    if device:
        return device
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def choose_precision(asked: str, device: str, stored: str = "float32") -> str:
    """Resolve `auto`: half precision if the hardware is faster in it, float32 otherwise.

    On a CPU half precision is bfloat16 (see `cpu_is_faster_in_bfloat16`). On a GPU it is float16, whose mantissa is
    longer, but bfloat16 for a model whose weights are `stored` in it, as their range may not fit float16.
    """
    if asked != "auto":
        return asked
    if not device.startswith("cpu"):
        return "bfloat16" if stored == "bfloat16" else "float16"
    return "bfloat16" if cpu_is_faster_in_bfloat16() else "float32"


def cpu_is_faster_in_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU multiplies faster in bfloat16 than in float32, according to Linux; False on other systems.

    It does with AMX, or with AMD's AVX512-BF16. Intel's AVX512-BF16 alone, as where a virtual machine hides AMX, has
    half the rate of its float32 (measured with torch on a Xeon of the fifth generation: 165 and 328 GFLOP/s; an AMD
    EPYC: 399 and 170). torch's public API reports "AVX512", but not whether that includes bfloat16.
    """
    if not cpuinfo.exists():
        return False
    lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
    said = {
        name.strip(): value.split() for name, _, value in reversed(list(lines))
    }  # the first processor's win
    flags, is_amd = said.get("flags", []), said.get("vendor_id") == ["AuthenticAMD"]
    return "amx_bf16" in flags or (is_amd and "avx512_bf16" in flags)


def distinct(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct texts in order of first occurrence, and for each text its index among them (int64)."""
    places: dict[str, int] = {}
    where = np.fromiter((places.setdefault(t, len(places)) for t in texts), np.int64, len(texts))
    return list(places), where
