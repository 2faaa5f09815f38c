"""Sentiment per theme and call: each call's member sentences in a theme, their counts, score and standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import EXPECTED_SCORE, SCORE

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

COLUMNS: dict[str, tuple[str, ...]] = {
    "theme_sentences": ("theme_id", "sentence_id", "strength", "is_member"),
    "sentence_sentiment": ("sentence_id", "label", "p_positive", "p_neutral", "p_negative"),
    "sentences": ("sentence_id", "transcript_id", "component_id", "section", "speaker_type"),
    "transcripts": (
        *("transcript_id", "firm_id", "firm_name", "permno", "gvkey", "call_date"),
        "is_after_close",
    ),
}
"""The columns that scores are made from, by table."""

# One row per member of a theme. Left joins keep sentences that are missing from another table, so that the checks below
# can report them.
_MEMBERS = """
CREATE TEMP TABLE members AS
SELECT m.theme_id, m.sentence_id, m.strength, s.transcript_id, s.component_id, s.section, s.speaker_type, f.label,
    f.p_positive, f.p_neutral, f.p_negative, (f.label = 'positive')::INT - (f.label = 'negative')::INT AS x
FROM theme_sentences AS m
LEFT JOIN sentences AS s ON s.sentence_id = m.sentence_id
LEFT JOIN sentence_sentiment AS f ON f.sentence_id = m.sentence_id
WHERE m.is_member
"""

# `transcripts` has one row per component; all rows of a call have the same call-level values.
_CALLS = """
CREATE TEMP TABLE calls AS
SELECT transcript_id, min(firm_id) AS firm_id, min(firm_name) AS firm_name, min(permno) AS permno,
    min(gvkey) AS gvkey, min(call_date) AS call_date, bool_or(is_after_close) AS is_after_close
FROM transcripts GROUP BY transcript_id
"""

# Sums of floating-point numbers are taken in the order of sentences, so that the same input gives the same bytes.
# A turn is of one section and speaker, so the turns of the cells add up to those of the call. The contract gives the
# formulas of score_se and score_df; here they are multiplied out: `off` is the sum of a turn's squared residual, times
# size^2, over size - n, and `spread` sums n^2 / (size - n). Both are null for one turn.
_TONE = """
WITH turns AS (
    SELECT {by}, component_id, count(*) AS n, sum(x) AS net,
        count(*) FILTER (label = 'positive') AS n_positive,
        count(*) FILTER (label = 'neutral') AS n_neutral,
        count(*) FILTER (label = 'negative') AS n_negative,
        sum(p_positive ORDER BY sentence_id) AS positive, sum(p_neutral ORDER BY sentence_id) AS neutral,
        sum(p_negative ORDER BY sentence_id) AS negative, sum(strength ORDER BY sentence_id) AS strength,
        sum({expected} ORDER BY sentence_id) AS expected
    FROM members GROUP BY {by}, component_id
), sized AS (
    SELECT *, sum(n) OVER cell AS size, sum(net) OVER cell AS total FROM turns WINDOW cell AS (PARTITION BY {by})
), sums AS (
    SELECT {by}, sum(n)::INT AS n_sentences, sum(n_positive)::INT AS n_positive, sum(n_neutral)::INT AS n_neutral,
        sum(n_negative)::INT AS n_negative, count(*)::INT AS n_turns, sum(n * n) AS n_n,
        sum((net * size - total * n)::DOUBLE * (net * size - total * n)::DOUBLE / nullif(size - n, 0)
            ORDER BY component_id) AS off,
        sum(n * n / nullif(size - n, 0)::DOUBLE ORDER BY component_id) AS spread,
        sum(n * n / nullif(size - n, 0)::DOUBLE * (n * n / nullif(size - n, 0)::DOUBLE)
            ORDER BY component_id) AS spread_2,
        sum(positive ORDER BY component_id) AS positive, sum(neutral ORDER BY component_id) AS neutral,
        sum(negative ORDER BY component_id) AS negative, sum(strength ORDER BY component_id) AS strength,
        sum(expected ORDER BY component_id) AS expected
    FROM sized GROUP BY {by}
), scored AS (
    SELECT *, {score} AS score FROM sums
)
SELECT {columns}, n_positive, n_neutral, n_negative, n_sentences, score,
    CASE WHEN off > 0 THEN sqrt(off / n_sentences) / n_sentences END AS score_se,
    CASE WHEN off > 0 THEN
        n_sentences::DOUBLE * n_sentences / (n_n + spread * spread - spread_2)
    END AS score_df,
    n_turns, expected / n_sentences AS expected_score, positive / n_sentences AS mean_p_positive,
    neutral / n_sentences AS mean_p_neutral, negative / n_sentences AS mean_p_negative,
    strength / n_sentences AS mean_strength
FROM scored LEFT JOIN calls USING (transcript_id)
ORDER BY {by}
"""

_OF_CALL = ("theme_id", "transcript_id")
_OF_CELL = (*_OF_CALL, "section", "speaker_type")

_FAULTS = {
    "is in theme_sentences more than once for a theme, or duplicated in another table": (
        "SELECT sentence_id FROM members GROUP BY theme_id, sentence_id HAVING count(*) > 1"
    ),
    "is not in sentences": "SELECT sentence_id FROM members WHERE transcript_id IS NULL",
    "has no sentiment": "SELECT sentence_id FROM members WHERE label IS NULL",
    "belongs to a call that is not in transcripts": (
        "SELECT sentence_id FROM members WHERE transcript_id NOT IN (SELECT transcript_id FROM transcripts)"
    ),
}


class Scores(NamedTuple):
    """The tone of member sentences at two grains."""

    sentiment_scores: pa.Table
    sentiment_cells: pa.Table


def build_scores(
    theme_sentences: pa.Table,
    sentence_sentiment: pa.Table,
    sentences: pa.Table,
    transcripts: pa.Table,
    *,
    quarter: str,
    database: duckdb.DuckDBPyConnection,
) -> Scores:
    """Return `sentiment_scores`, by theme and call, and `sentiment_cells`, also by section and kind of speaker.

    Only members of a theme count, each exactly once per theme. The contract defines the score
    (`tables.categories.SCORE`) and its standard error.

    Parameters
    ----------
    theme_sentences, sentence_sentiment, sentences, transcripts : pyarrow.Table
        The tables of these names for one quarter, in any row order, with at least `COLUMNS`.
    quarter : str
        The quarter, e.g. "2023Q1".
    database : duckdb.DuckDBPyConnection
        Runs the queries; left unchanged.

    Returns
    -------
    Scores
        Each table ordered by its key.

    Raises
    ------
    ValueError
        If a member has no row in `sentences`, `sentence_sentiment` or `transcripts`, or would be counted twice in a
        theme.

    Examples
    --------
    >>> import duckdb
    >>> from datetime import date
    >>> import pyarrow as pa
    >>> call = {"firm_id": "1", "firm_name": "Monro Inc", "permno": 77182, "gvkey": "024171", "is_after_close": False}
    >>> place = {"transcript_id": "9", "section": "presentation", "speaker_type": "executive"}
    >>> said = [
    ...     {"sentence_id": s, "component_id": turn, **place} for s, turn in (("a", "1"), ("b", "1"), ("c", "2"))
    ... ]
    >>> tone = {"p_positive": 0.5, "p_neutral": 0.5, "p_negative": 0.0}
    >>> scores, cells = build_scores(
    ...     pa.table({"theme_id": ["x"] * 3, "sentence_id": list("abc"), "strength": [0.5] * 3, "is_member": [True] * 3}),
    ...     pa.Table.from_pylist(
    ...         [{"sentence_id": s, "label": x, **tone} for s, x in zip("abc", ("positive", "neutral", "positive"))]
    ...     ),
    ...     pa.Table.from_pylist(said),
    ...     pa.Table.from_pylist([{"transcript_id": "9", "call_date": date(2023, 2, 1), **call}]),
    ...     quarter="2023Q1",
    ...     database=duckdb.connect(),
    ... )
    >>> scores.select(["n_positive", "n_sentences", "n_turns", "expected_score"]).to_pylist()
    [{'n_positive': 2, 'n_sentences': 3, 'n_turns': 2, 'expected_score': 0.5}]
    >>> [round(x, 4) for x in (scores["score"][0].as_py(), scores["score_se"][0].as_py())]
    [0.6667, 0.2357]

    """  # noqa: E501 - an example's line
    given = (theme_sentences, sentence_sentiment, sentences, transcripts)
    with database.cursor() as session:
        for (name, columns), table in zip(COLUMNS.items(), given, strict=True):
            session.register(name, table.select(columns))
        session.execute(_MEMBERS)
        for fault, query in _FAULTS.items():
            if row := session.execute(f"{query} ORDER BY sentence_id LIMIT 1").fetchone():
                raise ValueError(f"sentiment_scores: sentence {row[0]!r} {fault}")
        session.execute(_CALLS)
        made = [
            TABLES[table].conform(session.execute(_query(table, by)).to_arrow_table(), quarter=quarter)
            for table, by in (("sentiment_scores", _OF_CALL), ("sentiment_cells", _OF_CELL))
        ]
    return Scores(*made)


def _query(table: str, by: tuple[str, ...]) -> str:
    known = {"firm_id", "firm_name", "permno", "gvkey", "call_date", "is_after_close", *by}
    columns = [c.name for c in TABLES[table].columns if c.name in known]
    return _TONE.format(by=", ".join(by), columns=", ".join(columns), expected=EXPECTED_SCORE, score=SCORE)
