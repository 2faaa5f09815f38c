"""Embeddings from an OpenAI-compatible endpoint, such as vLLM serving Qwen3-Embedding."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_resources.endpoint.connection import (
    Connection,
    Endpoint,
    EndpointUnavailableError,
    Health,
    RequestError,
    in_flight,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MAX_CHARACTERS = 8000
"""A longer text is embedded by its beginning, as it is by a model here: about 2,000 tokens."""


class RemoteEmbedder:
    """Texts to vectors by POST /embeddings, in batches, several in flight."""

    def __init__(self, endpoint: Endpoint, model: str, batch_texts: int) -> None:
        self._endpoint = endpoint
        self._model = model
        self._batch_texts = batch_texts
        self._health = Health()
        self._encoding: str | None = "base64"
        self._dimension: int | None = None

    async def dimension(self) -> int:
        """Return the length of a vector: asked of the server once, with a text of one word."""
        if self._dimension is None:
            await self.embed(["Revenue"], lambda _done, _total: None)
        assert self._dimension is not None  # noqa: S101 - a batch has come
        return self._dimension

    async def embed(self, texts: Sequence[str], progress: Callable[[int, int], None]) -> NDArray[np.float32]:
        """Return the vectors as the server gives them: float32 (n, dimension), in order.

        EndpointUnavailableError, saying what to do, if any batch gets no vectors, or vectors of another
        dimension than those before it.
        """
        found: dict[int, NDArray[np.float32]] = {}
        starts = range(0, len(texts), self._batch_texts)
        queue, done = iter(starts), 0

        async def work() -> None:
            nonlocal done
            for start in queue:
                batch = [t[:MAX_CHARACTERS] for t in texts[start : start + self._batch_texts]]
                found[start] = await self._ask(connection, batch, len(starts))
                done += len(batch)
                progress(done, len(texts))

        async with Connection(self._endpoint, self._health) as connection:
            await in_flight(work, min(self._endpoint.concurrency, len(starts)))
        return np.concatenate([found[s] for s in starts]) if texts else np.empty((0, 0), np.float32)

    async def _ask(self, connection: Connection, texts: list[str], total: int) -> NDArray[np.float32]:
        body: dict[str, Any] = {"model": self._model, "input": texts}
        try:
            try:
                encoding = {"encoding_format": self._encoding} if self._encoding else {}
                content = json.dumps({**body, **encoding}).encode()
                answer = await connection.post("/embeddings", content, total=total)
            except RequestError as error:
                if error.kind != "rejected" or self._encoding is None:
                    raise
                answer = await connection.post("/embeddings", json.dumps(body).encode(), total=total)
                self._encoding = None
        except RequestError as error:
            raise EndpointUnavailableError(
                f"{self._endpoint.where()} embedded no text: {error.reason}"
            ) from None
        vectors = self._read(answer.data, len(texts))
        if self._dimension is None:
            self._dimension = vectors.shape[1]
        if vectors.shape[1] != self._dimension:
            raise EndpointUnavailableError(
                f"{self._endpoint.where()} gave vectors of {self._dimension} dimensions before and of "
                f"{vectors.shape[1]} now: the model was changed in the middle. Materialize the asset again."
            )
        return vectors

    def _read(self, data: Any, n: int) -> NDArray[np.float32]:
        try:
            rows = sorted(data["data"], key=lambda row: int(row["index"]))
            if [row["index"] for row in rows] != list(range(n)):
                raise ValueError("not one vector per text")
            vectors = np.stack([_vector(row["embedding"]) for row in rows])
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise EndpointUnavailableError(
                f"{self._endpoint.where()} replied with no embeddings ({type(error).__name__}: {error}): does it "
                f"serve {self._model!r} for /v1/embeddings? vLLM wants --task embed"
            ) from None
        return vectors


def _vector(value: Any) -> NDArray[np.float32]:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), "<f4").astype(np.float32)
    vector = np.array(value, np.float32)
    if vector.ndim != 1 or not len(vector):
        raise ValueError("a vector that is no list of numbers")
    return vector
