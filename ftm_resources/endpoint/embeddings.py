"""Embeddings from an OpenAI-compatible endpoint, such as vLLM serving Qwen3-Embedding."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ftm_resources.endpoint.connection import (
    Connection,
    Endpoint,
    EndpointUnavailableError,
    Health,
    RequestError,
    in_flight,
)
from ftm_resources.endpoint.forecast import Forecast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MAX_CHARACTERS = 8000
"""Longer texts are truncated, as local models do: about 2,000 tokens."""

MAX_BYTES_PER_TEXT = 2**18
"""Largest reply per text: twice a vector of 8,192 numbers as decimal text."""


class RemoteEmbedder:
    """Embeds texts by POST /embeddings, in concurrent batches."""

    def __init__(self, endpoint: Endpoint, model: str, batch_texts: int) -> None:
        self._endpoint, self._model, self._batch_texts = endpoint, model, batch_texts
        self._health = Health()
        self._encoding: Literal["base64", "float"] = "base64"
        self._dimension: int | None = None

    async def dimension(self) -> int:
        """Return the vector length; the server is asked once, with a one-word text."""
        return self._dimension or (await self.embed(["Revenue"], lambda _done, _total: None)).shape[1]

    async def embed(self, texts: Sequence[str], progress: Callable[[int, int], None]) -> NDArray[np.float32]:
        """Return the server's vectors: float32 (n, dimension), in order.

        EndpointUnavailableError, saying what to do, if a batch gets no vectors, or vectors of a different
        dimension than earlier ones.
        """
        found: dict[int, NDArray[np.float32]] = {}
        starts = range(0, len(texts), self._batch_texts)
        queue, done = iter(starts), 0
        forecast = Forecast(self._endpoint.where(), len(texts), "texts")

        async def work() -> None:
            nonlocal done
            for start in queue:
                batch = [t[:MAX_CHARACTERS] for t in texts[start : start + self._batch_texts]]
                found[start] = self._read(await self._ask(connection, batch, len(starts)), len(batch))
                done += len(batch)
                progress(done, len(texts))
                forecast.move(done, connection.pace.in_flight())

        async with Connection(self._endpoint, self._health) as connection:
            await in_flight(work, min(self._endpoint.concurrency, len(starts)))
        return np.concatenate([found[s] for s in starts]) if texts else np.empty((0, 0), np.float32)

    async def _ask(self, connection: Connection, texts: list[str], total: int) -> Any:
        async def ask(encoding: Literal["base64", "float"]) -> Any:
            data, _, _ = await connection.ask(
                lambda client: client.embeddings.with_raw_response.create(
                    model=self._model, input=texts, encoding_format=encoding
                ),
                total,
            )
            return data

        try:
            try:
                return await ask(self._encoding)
            except RequestError as error:
                if error.kind != "rejected" or self._encoding == "float":
                    raise
                data, self._encoding = await ask("float"), "float"
                return data
        except RequestError as error:
            raise EndpointUnavailableError(
                f"{self._endpoint.where()} returned no embeddings: {error.reason}"
            ) from None

    def _read(self, data: Any, n: int) -> NDArray[np.float32]:
        where = self._endpoint.where()
        try:
            rows = {row["index"]: _vector(row["embedding"]) for row in data["data"]}
            vectors = np.stack([rows.pop(i) for i in range(n)])
            if rows:
                raise ValueError("not one vector per text")
        except (KeyError, TypeError, ValueError) as error:
            raise EndpointUnavailableError(
                f"{where} returned no embeddings ({type(error).__name__}: {error}): does it serve {self._model!r} "
                "at /v1/embeddings? vLLM needs --task embed"
            ) from None
        self._dimension = self._dimension or vectors.shape[1]
        if vectors.shape[1] != self._dimension:
            raise EndpointUnavailableError(
                f"{where} returned vectors of {self._dimension} dimensions earlier and of {vectors.shape[1]} now: the "
                "model has changed. Materialize the asset again"
            )
        return vectors


def _vector(value: Any) -> NDArray[np.float32]:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), "<f4").astype(np.float32)
    vector = np.array(value, np.float32)
    if vector.ndim != 1 or not len(vector):
        raise ValueError("a vector that is not a list of numbers")
    return vector
