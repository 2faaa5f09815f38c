"""The rule that a quarter's vectors all have one dimension."""

import dagster as dg

from ftm_resources.warehouse import Warehouse


def refuse_other_dimension(warehouse: Warehouse, quarter: str, dimension: int) -> None:
    """Raise a Failure if the quarter's sentences were embedded by a model of another dimension."""
    held = warehouse.dimension("sentence_embeddings", quarter)
    if held not in {None, dimension}:
        raise dg.Failure(
            f"sentence_embeddings of {quarter} have {held} dimensions, but the embedder now returns {dimension}: the "
            f"model was changed. Materialize sentence_embeddings of {quarter} again, with everything downstream, or "
            "set the previous model (FTM_EMBEDDING_MODEL, FTM_EMBEDDING_BASE_URL).",
            allow_retries=False,
        )
