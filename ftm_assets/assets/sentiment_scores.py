"""sentiment_scores: per theme and call, how many sentences were positive, neutral, negative, and the score."""

import time

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.scores import build_scores
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG, asset_attributes, preview, readable
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.expected import plainly
from ftm_resources.warehouse import QuarterTable

CODE_VERSION = code_version(__name__)


@dg.asset(
    partitions_def=QUARTERS,
    op_tags=op_tags("sentiment_scores"),
    config_schema=NO_CONFIG,
    **asset_attributes("sentiment_scores", code_version=CODE_VERSION, kinds={"duckdb"}),
)
@plainly
def sentiment_scores(
    context: dg.AssetExecutionContext,
    themes: QuarterTable,
    theme_topics: QuarterTable,
    sentence_topics: QuarterTable,
    sentence_sentiment: QuarterTable,
    sentences: QuarterTable,
    transcripts: QuarterTable,
    duckdb: ConfiguredDuckDB,
) -> dg.Output[Rows]:
    """Count the sentences of each theme and call by sentiment; `themes` only names them."""
    started = time.perf_counter()
    calls = ["transcript_id", "firm_id", "firm_name", "permno", "gvkey", "call_date"]
    with duckdb.get_connection() as database:
        rows = build_scores(
            theme_topics=theme_topics.read(["topic_id", "theme_id"]),
            sentence_topics=sentence_topics.read(["sentence_id", "topic_id"]),
            sentence_sentiment=sentence_sentiment.read(["sentence_id", "label"]),
            sentences=sentences.read(["sentence_id", "transcript_id"]),
            transcripts=transcripts.read(calls),
            quarter=context.partition_key,
            database=database,
        )
    shown = _with_names(rows.slice(0, 10), themes.read(["theme_id", "name"]))
    total = pc.sum(rows.column("n_sentences")).as_py() or 0
    net = pc.sum(pc.subtract(rows.column("n_positive"), rows.column("n_negative"))).as_py() or 0
    inputs = (theme_topics, sentence_topics, sentence_sentiment, sentences, transcripts)
    return dg.Output(
        Rows.of(rows, *inputs),
        metadata=readable(
            {
                "seconds": time.perf_counter() - started,
                "firms": pc.count_distinct(rows.column("firm_id")).as_py(),
                "themes": pc.count_distinct(rows.column("theme_id")).as_py(),
                "sentences": total,
                "mean_score": net / total if total else 0.0,
                "linked_share": 1 - rows.column("permno").null_count / max(rows.num_rows, 1),
                "preview": preview(shown, ["theme", "firm_name", "call_date", "n_sentences", "score"]),
            }
        ),
    )


def _with_names(scores: pa.Table, themes: pa.Table) -> pa.Table:
    place = pc.index_in(scores.column("theme_id"), themes.column("theme_id").combine_chunks())
    return scores.append_column("theme", themes.column("name").take(place))
