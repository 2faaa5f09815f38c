"""The vector of a query, by the model that the rows searched are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ftm_resources.models.embedder import Embedder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ftm_resources.retrieval.searched import Searchable


class QueryModelError(ValueError):
    """The embedder is not the model that made what is searched; the message says what to do."""


def query_vector(
    text: str, quarters: Iterable[Searchable], levels: Sequence[str], embedder: Embedder
) -> NDArray[np.float32]:
    """Return the query's unit vector (d,).

    Raises QueryModelError if the vectors of a quarter and level are of another model, by its recorded name, or where
    none is recorded by their length.
    """
    held = [(q.quarter, name, q.levels[name]) for q in quarters for name in levels if q.levels[name].n]
    model = embedder.model_name()
    for quarter, name, level in held:
        made_by = level.model.get("model")
        if made_by not in {None, model}:
            raise _refused(quarter, name, f"made by {made_by}, but the embedder is {model}", str(made_by))
    vector = embedder.embed_query(text)
    for quarter, name, level in held:
        if level.dimension != len(vector):
            raise _refused(
                quarter,
                name,
                f"{level.dimension} long, but those of {model} are {len(vector)}",
                "the model that made them",
            )
    return vector


def _refused(quarter: str, level: str, why: str, model: str) -> QueryModelError:
    return QueryModelError(
        f"the {level} vectors of {quarter} are {why}, so a query cannot be compared with them. Set FTM_EMBEDDING_MODEL "
        f"to {model}, search other quarters, or search by words alone (mode text)"
    )
