"""The rule that a quarter's vectors are all of one model: of one dimension, and where it is recorded, of one name."""

import dagster as dg

from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.embedded_by import embedder_of


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


def refuse_other_model(
    warehouse: Warehouse, quarter: str, model: str, table: str = "topic_summaries"
) -> None:
    """Raise a Failure if the quarter's rows of a table were embedded by another model, as far as is recorded."""
    made = embedder_of(warehouse.provenance(table, quarter)).get("model")
    if made not in {None, model}:
        raise dg.Failure(
            f"{table} of {quarter} were embedded by {made}, but the embedder is now {model}: their vectors cannot be "
            f"compared. Set the previous model (FTM_EMBEDDING_MODEL, FTM_EMBEDDING_BASE_URL), or materialize "
            f"sentence_embeddings of {quarter} again, with everything downstream.",
            allow_retries=False,
        )


def refuse_two_models(warehouse: Warehouse, quarter: str) -> None:
    """Raise a Failure if different models embedded the quarter's sentences and topics, as far as is recorded."""
    sentences, topics = (
        embedder_of(warehouse.provenance(table, quarter)).get("model")
        for table in ("sentence_embeddings", "topic_summaries")
    )
    if None not in (sentences, topics) and sentences != topics:
        raise dg.Failure(
            f"sentence_embeddings of {quarter} were made by {sentences}, but topic_summaries by {topics}: their "
            f"vectors cannot be combined. Materialize topic_summaries of {quarter} again with the first model, or "
            "sentence_embeddings with the second and everything downstream.",
            allow_retries=False,
        )
