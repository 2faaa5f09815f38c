"""The rule that a quarter's vectors are all of one model: of one dimension, and where it is recorded, of one name."""

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


def refuse_other_model(warehouse: Warehouse, quarter: str, model: str) -> None:
    """Raise a Failure if the quarter's topics were embedded by another model, as far as is recorded."""
    made = warehouse.provenance("topic_summaries", quarter).get("models", {}).get("embedder", {}).get("model")
    if made not in {None, model}:
        raise dg.Failure(
            f"topic_summaries of {quarter} were embedded by {made}, but the embedder is now {model}: their vectors "
            f"cannot be compared. Set the previous model (FTM_EMBEDDING_MODEL, FTM_EMBEDDING_BASE_URL), or materialize "
            f"sentence_embeddings of {quarter} again, with everything downstream.",
            allow_retries=False,
        )
