"""Tone about themes known before the call: its topics assigned to series as known at the end of an earlier quarter.

What belongs here: the strict variant of an event study, in which nothing later than the call defines a theme. The
topics of a firm are from its own calls; the series, and the mean that vectors are centred on, are from earlier
quarters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.vectors import products, unit
from ftm_resources.tables.categories import EXPECTED_SCORE

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from numpy.typing import NDArray

COLUMNS = ("transcript_id", "n_positive", "n_negative", "n_sentences", "expected_score")
"""What the tone of a call is added up from: the columns of `sentiment_scores`."""

NONE = -1
"""Index of no series."""

AT_ONCE = 5_000
"""Topics compared with all series at a time."""

_SAID = f"""
SELECT series_id, transcript_id, count(*) FILTER (label = 'positive')::INT AS n_positive,
    count(*) FILTER (label = 'negative')::INT AS n_negative, count(*)::INT AS n_sentences,
    sum({EXPECTED_SCORE} ORDER BY sentence_id) / count(*) AS expected_score
FROM placed JOIN sentence_topics USING (topic_id) JOIN sentence_sentiment USING (sentence_id)
JOIN sentences USING (sentence_id)
GROUP BY series_id, transcript_id ORDER BY series_id, transcript_id
"""  # noqa: S608 - constants alone


def nearest_series(
    topics: NDArray[np.floating],
    centre: NDArray[np.floating],
    centroids: NDArray[np.floating],
    *,
    floor: float,
) -> NDArray[np.int64]:
    """Return the series that each topic is most similar to: int64 (n,), NONE below the floor.

    Parameters
    ----------
    topics : numpy.ndarray
        (n, d), unit length: the embeddings of topics.
    centre : numpy.ndarray
        (d,): the mean of all topics of an earlier quarter, which takes the part of the quarter's own mean in
        `time.profiles.centred_centroids`.
    centroids : numpy.ndarray
        (m, d), unit length: `theme_series.centroid` of an earlier quarter; a zero vector is similar to nothing.
    floor : float
        Minimum similarity.

    Examples
    --------
    >>> nearest_series(np.eye(2), np.zeros(2), np.array([[0.8, 0.6], [0.0, 0.0]]), floor=0.7).tolist()
    [0, -1]

    """
    found = np.full(len(topics), NONE, dtype=np.int64)
    if not len(centroids) or not len(topics):
        return found
    is_known = centroids.any(axis=1)
    for start in range(0, len(topics), AT_ONCE):
        part = unit(topics[start : start + AT_ONCE].astype(np.float64) - centre)
        similarity = np.where(is_known, products(part, centroids), -np.inf)
        best = similarity.argmax(axis=1)
        is_near = similarity[np.arange(len(part)), best] >= floor
        found[start : start + AT_ONCE] = np.where(is_near, best, NONE)
    return found


def said_of_series(
    placed: pa.Table,
    sentence_topics: pa.Table,
    sentence_sentiment: pa.Table,
    sentences: pa.Table,
    *,
    database: duckdb.DuckDBPyConnection,
) -> pa.Table:
    """Return what each call said about each series: the columns that `event_tone.call_tones` adds up.

    `placed` has topic_id and series_id; the others are the tables of these names, in any row order. All sentences of a
    topic count: which of them speak of the theme is only known with the whole quarter.
    """
    given = {
        "placed": placed,
        "sentence_topics": sentence_topics.select(["sentence_id", "topic_id"]),
        "sentence_sentiment": sentence_sentiment.select(["sentence_id", "label", "p_positive", "p_negative"]),
        "sentences": sentences.select(["sentence_id", "transcript_id"]),
    }
    with database.cursor() as session:
        for name, rows in given.items():
            session.register(name, rows)
        return session.execute(_SAID).to_arrow_table()
