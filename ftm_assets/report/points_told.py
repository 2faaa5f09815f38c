"""The topics of the map: where each lies, what it is about, whose it is, and what is shown when it is pointed at.

What belongs here: the columns of `payload.Points`, and how much text a topic may bring where there are very many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.report.cut_texts import NAME_CHARACTERS, cut
from ftm_assets.report.payload import Points

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    from numpy.typing import NDArray

TEXT_BYTES = 6_500_000
"""Bytes (UTF-8) of the sentences of all topics together, so that the page of 100,000 topics can still be sent by mail,
whatever the language."""

NAME_BYTES = 4_500_000
"""Bytes (UTF-8) of the names of all topics together, for the same reason."""

MOST_SENTENCES, LONGEST = 3, 280
"""Sentences of a topic, and the characters of each, where there are few topics."""

SHORTEST = 60
"""Characters, or bytes, that a sentence has at least; with fewer, none says anything."""

REASONS = {
    "outlier": "near no theme",
    "unstable": "in a cluster that falls apart when some firms are left out",
    "few firms": "in a cluster of too few firms",
    "procedural": "about the call itself",
    "dominated": "its firm holds too much of the cluster",
}
"""Why a topic is in no theme, as `theme_topics` has it → in words."""

UNKNOWN_REASON = "the reason was not recorded"

_BATCH = 4_096

_ROWS = """
    WITH tones AS (
        SELECT t.topic_id, sum((v.label = 'positive')::INT - (v.label = 'negative')::INT) / count(*) AS score
        FROM sentence_topics t JOIN sentence_sentiment v USING (sentence_id)
        WHERE t.topic_id IS NOT NULL GROUP BY t.topic_id
    ), counted AS (
        SELECT t.topic_id, s.transcript_id, count(*) AS n
        FROM sentence_topics t JOIN sentences s USING (sentence_id)
        WHERE t.topic_id IS NOT NULL GROUP BY ALL
    ), main_calls AS (
        SELECT topic_id, arg_max(call_date, (n, call_date, transcript_id)) AS call_date
        FROM counted JOIN told_calls USING (transcript_id) GROUP BY topic_id
    )
    SELECT p.topic_id, p.name, p.firm, coalesce(p.theme, -1), p.reason, p.n_sentences,
        coalesce(strftime(c.call_date, '%Y-%m-%d'), ''), round(t.score, 4)
    FROM told_topics p LEFT JOIN tones t USING (topic_id) LEFT JOIN main_calls c USING (topic_id)
    ORDER BY p.topic
"""

_SENTENCES = """
    WITH wanted AS (
        SELECT topic, unnest(representative_sentence_ids[1:?]) AS sentence_id,
            generate_subscripts(representative_sentence_ids[1:?], 1) AS place
        FROM told_topics
    )
    SELECT w.topic, s.text FROM wanted w JOIN sentences s USING (sentence_id) ORDER BY w.topic, w.place
"""


def vectors(db: duckdb.DuckDBPyConnection) -> NDArray[np.float32]:
    """Return the unit vectors of the topics by which they are named and clustered, (n, d), in the page's order."""
    (n,) = db.execute("SELECT count(*) FROM told_topics").fetchone() or (0,)
    rows = db.execute(
        "SELECT s.embedding FROM told_topics t JOIN topic_summaries s USING (topic_id) ORDER BY t.topic"
    )
    found, at = np.zeros((n, 0), np.float32), 0
    for batch in rows.to_arrow_reader(_BATCH):
        flat = batch.column(0).flatten().to_numpy(zero_copy_only=False)
        own = flat.reshape(batch.num_rows, -1)
        if not at:
            found = np.zeros((n, own.shape[1]), np.float32)
        found[at : at + batch.num_rows] = own
        at += batch.num_rows
    return found


def told_points(
    db: duckdb.DuckDBPyConnection, places: NDArray[np.floating]
) -> tuple[Points, tuple[str, ...]]:
    """Return the topics, at their places (n, 2) in [0, 1], and the reasons that they refer to."""
    rows = db.execute(_ROWS).fetchall()
    ids, names, firms, themes, said, sizes, days, scores = zip(*rows, strict=True) if rows else [()] * 8
    words = [
        None if theme >= 0 else REASONS.get(why or "", UNKNOWN_REASON)
        for theme, why in zip(themes, said, strict=True)
    ]
    reasons = tuple(sorted({w for w in words if w is not None}))
    number = {reason: i for i, reason in enumerate(reasons)}
    points = Points(
        topic_id=tuple(ids),
        name=tuple(cut(name, NAME_CHARACTERS, name_room(len(ids))) for name in names),
        x=_rounded(places[:, 0]),
        y=_rounded(places[:, 1]),
        firm=tuple(firms),
        theme=tuple(themes),
        reason=tuple(-1 if w is None else number[w] for w in words),
        n_sentences=tuple(sizes),
        call_date=tuple(days),
        score=tuple(scores),
        sentences=_sentences(db, len(ids)),
    )
    return points, reasons


def room(n_topics: int) -> tuple[int, int, int]:
    """Return how many sentences each of so many topics may show, and the most characters, and bytes, of each.

    >>> room(1_000), room(12_000), room(100_000)
    ((3, 280, 840), (3, 180, 180), (1, 65, 65))
    """
    each = TEXT_BYTES // max(n_topics, 1)
    sentences = min(MOST_SENTENCES, max(1, each // (2 * SHORTEST)))
    n_bytes = max(SHORTEST, each // sentences)
    return sentences, min(LONGEST, n_bytes), min(3 * LONGEST, n_bytes)


def name_room(n_topics: int) -> int:
    """Return the most bytes of the name of each of so many topics.

    >>> name_room(1_000), name_room(100_000)
    (360, 45)
    """
    return min(3 * NAME_CHARACTERS, max(SHORTEST // 2, NAME_BYTES // max(n_topics, 1)))


def _sentences(db: duckdb.DuckDBPyConnection, n_topics: int) -> tuple[tuple[str, ...], ...]:
    most, characters, n_bytes = room(n_topics)
    found: list[list[str]] = [[] for _ in range(n_topics)]
    rows = db.execute(_SENTENCES, [most, most])
    while batch := rows.fetchmany(20_000):
        for topic, text in batch:
            found[topic].append(cut(text, characters, n_bytes))
    return tuple(map(tuple, found))


def _rounded(values: Sequence[float] | NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(round(float(v), 4) for v in values)
