"""A quarter of which a part is made again: what was made from the old part is refused, warned of and mended."""

import warnings
from pathlib import Path

import dagster as dg
import pytest

from ftm_resources.models.embedder import Embedder
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.warehouse import MixedGenerationsWarning, repair
from ftm_resources.warehouse.status import status

from .conftest import QUICK, SAMPLE_QUARTER, Deployment, failures

pytestmark = pytest.mark.integration

DRILL_DOWN = """
    SELECT count(*) FROM sentence_topics JOIN theme_topics USING (topic_id) JOIN themes USING (theme_id)
"""


def materialize(deployment: Deployment, *selection: str, **config: object) -> list[str]:
    """Materialize a selection of the quarter; return why it failed."""
    job = dg.define_asset_job("again", selection=list(selection))
    definitions = dg.Definitions.merge(deployment.definitions, dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("again").execute_in_process(
        partition_key=SAMPLE_QUARTER,
        instance=deployment.instance,
        run_config={
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "ops": {name: {"config": value} for name, value in config.items()},
        },
        raise_on_error=False,
    )
    return failures(result)


def test_topics_made_again_leave_scores_marts_and_measures_refused_until_all_is_made(
    tmp_path: Path, quick_model: str
):
    source = ConfiguredSource(kind="sample", sample_firms=8)
    deployment = Deployment(tmp_path, source, embedder=Embedder(model=quick_model), sentiment=QUICK)
    result = deployment.run(SAMPLE_QUARTER)
    assert result.success, failures(result)
    warehouse = deployment.warehouse
    (sound,) = status(warehouse)
    assert sound.is_complete
    assert sound.source["name"] == "sample"
    with warnings.catch_warnings():
        warnings.simplefilter("error", MixedGenerationsWarning)
        whole = warehouse.connect(quarter=SAMPLE_QUARTER).execute(DRILL_DOWN).fetchone()

    assert materialize(deployment, "firm_topics", firm_topics={"sentences_per_topic": 40}) == []
    assert (
        "Materialize topic_summaries, themes, theme_topics, theme_sentences of 2023Q1 first"
        in materialize(deployment, "sentiment_scores")[0]
    )
    assert "Materialize topic_summaries, theme" in materialize(deployment, "topic_quality")[0]
    assert "Materialize topic_summaries first" in materialize(deployment, "themes")[0].replace(
        " of 2023Q1", ""
    )
    marts = materialize(deployment, "theme_sentiment")[0]
    assert (
        "Materialize topic_summaries, themes, theme_topics, theme_sentences, sentiment_scores of 2023Q1 first"
        in marts
    )
    with pytest.warns(MixedGenerationsWarning, match="last complete generation"):
        assert warehouse.connect(quarter=SAMPLE_QUARTER).execute(DRILL_DOWN).fetchone() == whole
    assert len(repair.verify(warehouse, SAMPLE_QUARTER)[1]) > 1

    (mixed,) = status(warehouse)
    assert materialize(deployment, *mixed.to_materialize) == []
    (mended,) = status(warehouse)
    assert mended.is_complete
    assert repair.verify(warehouse, SAMPLE_QUARTER) == (len(mended.tables), [])
    with warnings.catch_warnings():
        warnings.simplefilter("error", MixedGenerationsWarning)
        assert warehouse.connect(quarter=SAMPLE_QUARTER).execute(DRILL_DOWN).fetchone() != whole


def test_sentences_made_again_with_the_same_rows_change_nothing(tmp_path: Path, quick_model: str):
    source = ConfiguredSource(kind="sample", sample_firms=4)
    deployment = Deployment(tmp_path, source, embedder=Embedder(model=quick_model))
    assert (
        materialize(deployment, "transcripts", "transcript_audit", "sentences", "sentence_embeddings") == []
    )
    assert materialize(deployment, "sentences") == []
    assert materialize(deployment, "sentence_embeddings") == []
