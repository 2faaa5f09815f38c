"""BERTopic embedding backend that calls our function. Importing it loads BERTopic, so import it inside functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: F401, TID253 - before numba's OpenMP, or torch is slowed twelvefold; see above
from bertopic.backend import BaseEmbedder  # noqa: TID253 - a base class, and this module is imported in functions only

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray


class Backend(BaseEmbedder):  # type: ignore[misc]
    """Embeds documents and words with a function from texts to vectors (n, d)."""

    def __init__(
        self, embed: Callable[[Sequence[str]], NDArray[np.float32]], model_name: str | None = None
    ) -> None:
        super().__init__(embedding_model=embed)
        if model_name:
            # BERTopic saves this name with a model; `load` uses it to find the embedding model.
            self._hf_model = model_name

    def embed(self, documents: Sequence[str], verbose: bool = False) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the vectors of the texts."""
        vectors: NDArray[np.float32] = self.embedding_model(list(documents))
        return vectors
