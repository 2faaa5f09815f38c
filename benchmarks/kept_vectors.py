"""Embeddings that several benchmarks need, made once and kept in `.benchmarks`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ftm_resources.settings import Precision

CACHE = Path(".benchmarks")


def kept_vectors(name: str, texts: Sequence[str], precision: Precision = "float32") -> NDArray[np.float32]:
    """Return the vectors of the texts, (n, d); of the same name and texts they are read again."""
    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415 - loads torch

    key = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
    path = CACHE / f"{name}-{key}.npy"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        np.save(path, Embedder(precision=precision).embed(list(texts)))
    vectors: NDArray[np.float32] = np.load(path)
    return vectors
