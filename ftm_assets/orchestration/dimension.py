"""The rule that a quarter's vectors are of one embedding model."""

import dagster as dg

from ftm_resources.warehouse import Warehouse


def refuse_other_dimension(warehouse: Warehouse, quarter: str, dimension: int) -> None:
    """Raise a Failure where the quarter's sentences were embedded by a model of another dimension."""
    held = warehouse.dimension("sentence_embeddings", quarter)
    if held not in {None, dimension}:
        raise dg.Failure(
            f"sentence_embeddings of {quarter} hold vectors of {held} dimensions, the embedder now gives "
            f"{dimension}: the model was changed. Materialize sentence_embeddings of {quarter} again, and what "
            "follows from it, or set the former model (FTM_EMBEDDING_MODEL, FTM_EMBEDDING_BASE_URL).",
            allow_retries=False,
        )
