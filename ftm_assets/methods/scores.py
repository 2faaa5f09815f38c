"""Sentiment per theme and call: which sentences belong to a theme, and each call's counts and score in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import SCORE

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# One row per sentence in a theme. Left joins keep sentences that are missing from another table, so that the
# checks below can report them.
_MEMBERS = """
CREATE TEMP TABLE members AS
SELECT m.sentence_id, t.theme_id, t.topic_id, s.transcript_id, f.label
FROM sentence_topics AS m
JOIN theme_topics AS t ON t.topic_id = m.topic_id AND t.theme_id IS NOT NULL
LEFT JOIN sentences AS s ON s.sentence_id = m.sentence_id
LEFT JOIN sentence_sentiment AS f ON f.sentence_id = m.sentence_id
"""

# `transcripts` has one row per component; all rows of a call have the same call-level values.
_SCORES = f"""
WITH calls AS (
    SELECT transcript_id, min(firm_id) AS firm_id, min(firm_name) AS firm_name, min(permno) AS permno,
        min(gvkey) AS gvkey, min(call_date) AS call_date
    FROM transcripts GROUP BY transcript_id
), counts AS (
    SELECT theme_id, transcript_id,
        count(*) FILTER (label = 'positive') AS n_positive,
        count(*) FILTER (label = 'neutral') AS n_neutral,
        count(*) FILTER (label = 'negative') AS n_negative,
        count(*) AS n_sentences
    FROM members GROUP BY theme_id, transcript_id
)
SELECT theme_id, transcript_id, firm_id, firm_name, permno, gvkey, call_date,
    n_positive::INT AS n_positive, n_neutral::INT AS n_neutral, n_negative::INT AS n_negative,
    n_sentences::INT AS n_sentences,
    {SCORE} AS score
FROM counts LEFT JOIN calls USING (transcript_id)
ORDER BY theme_id, transcript_id
"""  # noqa: S608 - only the contract's formula is interpolated

_FAULTS = {
    "is in sentence_topics more than once, or it or its topic is duplicated in another table": (
        "SELECT sentence_id FROM members GROUP BY sentence_id HAVING count(*) > 1"
    ),
    "is not in sentences": "SELECT sentence_id FROM members WHERE transcript_id IS NULL",
    "has no sentiment": "SELECT sentence_id FROM members WHERE label IS NULL",
    "belongs to a call that is not in transcripts": (
        "SELECT sentence_id FROM members WHERE transcript_id NOT IN (SELECT transcript_id FROM transcripts)"
    ),
}


def build_scores(
    theme_topics: pa.Table,
    sentence_topics: pa.Table,
    sentence_sentiment: pa.Table,
    sentences: pa.Table,
    transcripts: pa.Table,
    *,
    quarter: str,
    database: duckdb.DuckDBPyConnection,
) -> pa.Table:
    """Return the table `sentiment_scores`: sentences counted by theme, call and label.

    Only sentences whose topic is in a theme count, each exactly once. The contract defines the score
    (`tables.categories.SCORE`).

    Parameters
    ----------
    theme_topics, sentence_topics, sentence_sentiment, sentences, transcripts : pyarrow.Table
        The tables of these names for one quarter, in any row order; other columns are ignored.
    quarter : str
        The quarter, e.g. "2023Q1".
    database : duckdb.DuckDBPyConnection
        Runs the queries; left unchanged.

    Returns
    -------
    pyarrow.Table
        `sentiment_scores`, ordered by theme_id and transcript_id.

    Raises
    ------
    ValueError
        If a sentence in a theme has no row in `sentences`, `sentence_sentiment` or `transcripts`, or would be
        counted twice.

    Examples
    --------
    >>> import duckdb
    >>> from datetime import date
    >>> import pyarrow as pa
    >>> call = {"firm_id": "1", "firm_name": "Monro Inc", "permno": 77182, "gvkey": "024171"}
    >>> scores = build_scores(
    ...     pa.table({"topic_id": ["t"], "theme_id": ["prices"]}),
    ...     pa.table({"sentence_id": ["a", "b", "c"], "topic_id": ["t", "t", "t"]}),
    ...     pa.table({"sentence_id": ["a", "b", "c"], "label": ["positive", "neutral", "positive"]}),
    ...     pa.table({"sentence_id": ["a", "b", "c"], "transcript_id": ["9", "9", "9"]}),
    ...     pa.Table.from_pylist([{"transcript_id": "9", "call_date": date(2023, 2, 1), **call}]),
    ...     quarter="2023Q1",
    ...     database=duckdb.connect(),
    ... )
    >>> scores.select(["n_positive", "n_neutral", "n_negative", "score"]).to_pylist()
    [{'n_positive': 2, 'n_neutral': 1, 'n_negative': 0, 'score': 0.6666666666666666}]

    """
    inputs = {
        "theme_topics": theme_topics.select(["topic_id", "theme_id"]),
        "sentence_topics": sentence_topics.select(["sentence_id", "topic_id"]),
        "sentence_sentiment": sentence_sentiment.select(["sentence_id", "label"]),
        "sentences": sentences.select(["sentence_id", "transcript_id"]),
        "transcripts": transcripts.select(
            ["transcript_id", "firm_id", "firm_name", "permno", "gvkey", "call_date"]
        ),
    }
    with database.cursor() as session:
        for name, table in inputs.items():
            session.register(name, table)
        session.execute(_MEMBERS)
        for fault, query in _FAULTS.items():
            if row := session.execute(f"{query} ORDER BY sentence_id LIMIT 1").fetchone():
                raise ValueError(f"sentiment_scores: sentence {row[0]!r} {fault}")
        scores = session.execute(_SCORES).to_arrow_table()
    return TABLES["sentiment_scores"].conform(scores, quarter=quarter)
