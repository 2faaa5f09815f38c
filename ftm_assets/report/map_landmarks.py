"""The vectors of the map's landmarks, by the model that embedded the topics, so that topics can be placed among them.

What belongs here: embedding the landmarks once, and keeping them beside the pages, so that the map of every quarter and
machine is laid out by the same numbers; and what is done if the model is not here.
"""

from __future__ import annotations

import hashlib
import io
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.topics.map_layout import landmark_texts
from ftm_assets.report.stored_page import store, stored
from ftm_resources.endpoint.connection import EndpointUnavailableError
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.loading import ModelLoadError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ftm_resources.warehouse import Warehouse


def landmarks(
    warehouse: Warehouse, model: str, dimension: int, *, keep: bool = False
) -> NDArray[np.float32] | str:
    """Return the vectors of the landmarks (m, `dimension`) by the model of that name, or why there are none.

    `model` is as the topics' write recorded it; if it recorded none, the configured model is taken where the lengths
    agree. Kept vectors are read; with `keep`, new ones are kept.
    """
    name = f"landmarks-{_key(model, dimension)}.npy"
    if (kept := _kept(warehouse, name)) is not None and kept.shape == (len(landmark_texts()), dimension):
        return kept
    embedder = Embedder()
    try:
        configured = embedder.model_name()
        if model and model != configured:
            return f"the topics were embedded by {model}, but the model here is {configured}"
        found = _embedded(embedder.model_dump_json(), configured)
    except (ModelLoadError, EndpointUnavailableError) as error:
        return f"the model {model or 'of the topics'} is not here ({error})"
    if found.shape[1] != dimension:
        return f"the topics' vectors are {dimension} long, but those of {configured} are {found.shape[1]}"
    if keep:
        _keep(warehouse, name, found)
    return found


def _key(model: str, dimension: int) -> str:
    told = "\n".join([model, str(dimension), *landmark_texts()])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@cache
def _embedded(config: str, configured: str) -> NDArray[np.float32]:  # noqa: ARG001 - the name may come from a setting
    return Embedder.model_validate_json(config).embed(list(landmark_texts()))


def _kept(warehouse: Warehouse, name: str) -> NDArray[np.float32] | None:
    """Return the vectors that were kept; None if there are none that can be read: they are embedded again."""
    content = stored(warehouse, name)
    if content is None:
        return None
    try:
        found = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError):
        return None
    return found if found.dtype == np.float32 else None


def _keep(warehouse: Warehouse, name: str, vectors: NDArray[np.float32]) -> None:
    content = io.BytesIO()
    np.save(content, vectors)
    store(warehouse, name, content.getvalue())
