"""The rule that a quarter's vectors are of one model."""

from pathlib import Path

import dagster as dg
import pytest

from ftm_assets.orchestration.dimension import refuse_other_dimension, refuse_other_model, refuse_two_models
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"


def warehouse(folder: Path, **models: str | None) -> Warehouse:
    """Return a warehouse whose tables record these models; None: nothing is recorded."""
    held = Warehouse(path=str(folder))
    for table, model in models.items():
        made = {} if model is None else {"models": {"embedder": {"model": model, "dimension": 4}}}
        held.replace(table, QUARTER, [], provenance=made)
    return held


def test_sentences_and_topics_of_two_models_are_not_combined_though_their_dimension_is_the_same(
    tmp_path: Path,
):
    held = warehouse(tmp_path, sentence_embeddings="a", topic_summaries="b")
    with pytest.raises(
        dg.Failure, match="sentence_embeddings of 2023Q1 were made by a, but topic_summaries by b"
    ):
        refuse_two_models(held, QUARTER)
    refuse_two_models(warehouse(tmp_path, topic_summaries="a"), QUARTER)
    refuse_two_models(warehouse(tmp_path, topic_summaries=None), QUARTER)
    refuse_two_models(held, "2023Q2")


@pytest.mark.parametrize("table", ["sentence_embeddings", "topic_summaries"])
def test_an_embedder_other_than_the_quarters_is_refused(tmp_path: Path, table: str):
    held = warehouse(tmp_path, **{table: "a"})
    refuse_other_model(held, QUARTER, "a", table)
    with pytest.raises(dg.Failure, match=f"{table} of 2023Q1 were embedded by a, but the embedder is now b"):
        refuse_other_model(held, QUARTER, "b", table)
    refuse_other_model(held, "2023Q2", "b", table)
    refuse_other_dimension(held, QUARTER, 5)
