"""The views that join tables for reading: topics with their names, evidence from theme to sentence, input of scorers.

What belongs here: what such a view holds, and its query over the tables of the catalogue. A view stores nothing; each
connection and each DuckDB file has them over its own tables.
"""

# ruff: noqa: S608 - the queries are made of constants
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftm_resources.tables.catalogue import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class JoinedView:
    """A view over tables."""

    name: str
    doc: str
    """One line: what a row is."""
    key: tuple[str, ...]
    """Columns that tell rows apart, within a quarter."""
    tables: tuple[str, ...]
    """What it reads."""
    columns: Mapping[str, str]
    """Name → meaning, in order."""
    query: str


def _of(table: str, *columns: str) -> dict[str, str]:
    """Return the columns of a table with their meaning."""
    docs = {c.name: c.doc for c in TABLES[table].columns}
    return {name: docs[name] for name in columns}


_CALLS = """
    SELECT DISTINCT quarter, transcript_id, firm_id, firm_name, ticker, permno, gvkey, link_date, call_at, call_date,
        is_after_close
    FROM transcripts
"""

_LAST_CALL = """
    SELECT * FROM calls
    QUALIFY row_number() OVER (PARTITION BY quarter, firm_id ORDER BY call_at DESC, transcript_id DESC) = 1
"""

_TOPICS = JoinedView(
    "topics",
    "One row per topic of a firm: its name, its keywords, and its theme or why it is in none",
    ("topic_id",),
    ("transcripts", "firm_topics", "topic_summaries", "theme_topics", "themes"),
    {
        **_of("firm_topics", "topic_id", "firm_id"),
        "firm_name": "The firm, as named on its last call of the quarter",
        **_of("topic_summaries", "name", "summary"),
        **_of("firm_topics", "keywords", "n_sentences", "call_share"),
        **_of("theme_topics", "theme_id"),
        "theme_name": "Name of that theme",
        **_of("theme_topics", "reason", "detail"),
        **_of("topic_summaries", "naming_method"),
        "quarter": "Calendar quarter of the calls",
    },
    f"""
    WITH calls AS ({_CALLS}), last_call AS ({_LAST_CALL})
    SELECT t.topic_id, t.firm_id, f.firm_name, s.name, s.summary, t.keywords, t.n_sentences, t.call_share,
        p.theme_id, h.name AS theme_name, p.reason, p.detail, s.naming_method, t.quarter
    FROM firm_topics t
    LEFT JOIN last_call f ON f.quarter = t.quarter AND f.firm_id = t.firm_id
    LEFT JOIN topic_summaries s ON s.quarter = t.quarter AND s.topic_id = t.topic_id
    LEFT JOIN theme_topics p ON p.quarter = t.quarter AND p.topic_id = t.topic_id
    LEFT JOIN themes h ON h.quarter = p.quarter AND h.theme_id = p.theme_id
    """,
)

# A sentence's firm is the same in all tables, which are sorted by it. It is in each join, since DuckDB passes a filter
# by firm on from one side to the other and then skips most of each file.
_EVIDENCE = JoinedView(
    "theme_evidence",
    "One row per theme and sentence of its topics, down to the spoken turn: who said it, when, and its tone. "
    "Scores count the rows where is_member",
    ("theme_id", "sentence_id"),
    (
        "transcripts",
        "sentences",
        "sentence_sentiment",
        "firm_topics",
        "topic_summaries",
        "themes",
        "theme_sentences",
    ),
    {
        **_of("theme_sentences", "theme_id"),
        "theme_name": "Name of the theme",
        **_of("theme_sentences", "topic_id"),
        "topic_name": "Name of that topic",
        **_of("sentences", "sentence_id", "text"),
        **_of("theme_sentences", "strength", "is_member", "is_second", "reason"),
        **_of("sentence_sentiment", "label", "p_positive", "p_neutral", "p_negative"),
        **_of("transcripts", "firm_id", "firm_name", "ticker", "permno", "gvkey", "transcript_id"),
        **_of("transcripts", "call_at", "call_date", "is_after_close", "component_id", "component_order"),
        **_of("sentences", "position"),
        **_of("transcripts", "section", "speaker_type", "speaker_name"),
        "quarter": "Calendar quarter of the calls",
    },
    """
    SELECT e.theme_id, h.name AS theme_name, e.topic_id, n.name AS topic_name, e.sentence_id, s.text, e.strength,
        e.is_member, e.is_second, e.reason, v.label, v.p_positive, v.p_neutral, v.p_negative, e.firm_id, c.firm_name,
        c.ticker, c.permno, c.gvkey, c.transcript_id, c.call_at, c.call_date, c.is_after_close, c.component_id,
        c.component_order, s.position, c.section, c.speaker_type, c.speaker_name, e.quarter
    FROM theme_sentences e
    JOIN sentences s ON s.quarter = e.quarter AND s.firm_id = e.firm_id AND s.sentence_id = e.sentence_id
    JOIN transcripts c ON c.quarter = e.quarter AND c.firm_id = e.firm_id AND c.component_id = s.component_id
    LEFT JOIN themes h ON h.quarter = e.quarter AND h.theme_id = e.theme_id
    LEFT JOIN topic_summaries n ON n.quarter = e.quarter AND n.firm_id = e.firm_id AND n.topic_id = e.topic_id
    LEFT JOIN sentence_sentiment v ON v.quarter = e.quarter AND v.sentence_id = e.sentence_id
    """,
)

_READY = JoinedView(
    "sentiment_ready",
    "One row per theme, firm and topic with its member sentences: what a scorer outside FTM reads",
    ("theme_id", "firm_id", "topic_id"),
    ("transcripts", "sentences", "topic_summaries", "themes", "theme_sentences"),
    {
        **_of("theme_sentences", "theme_id"),
        "theme_name": "Name of the theme",
        "theme_description": "Description of the theme",
        "theme_keywords": "c-TF-IDF keywords of the theme, strongest first",
        **_of("theme_sentences", "firm_id"),
        "firm_name": "The firm, as named on that call",
        **_of("transcripts", "permno", "gvkey"),
        "earnings_call_date": "New York date of the call that most of the sentences are from, of equals the last; "
        "without sentences, of the firm's last call. A firm may hold several calls in a quarter (n_calls)",
        **_of("transcripts", "link_date"),
        **_of("theme_sentences", "topic_id"),
        "topic_summary": "Summary of the topic",
        "sentences": "The topic's sentences that count in the theme, in the order of calls, turns and speech: "
        "sentence_id, text, speaker_type, position (in its turn, from 0)",
        "n_sentences": "How many they are; 0 if none of the topic's sentences speaks of the theme",
        "n_calls": "Calls that they are from",
        "quarter": "Calendar quarter of the calls",
    },
    f"""
    WITH calls AS ({_CALLS}), last_call AS ({_LAST_CALL}),
    -- A sentence that only might have counted in a second theme does not bring its topic there.
    pairs AS (
        SELECT DISTINCT quarter, theme_id, firm_id, topic_id FROM theme_sentences WHERE is_member OR NOT is_second
    ),
    members AS (
        SELECT e.quarter, e.theme_id, e.topic_id, s.sentence_id, s.text, s.speaker_type, s.position,
            s.transcript_id, s.component_id
        FROM theme_sentences e
        JOIN sentences s ON s.quarter = e.quarter AND s.sentence_id = e.sentence_id
        WHERE e.is_member
    ),
    spoken AS (
        SELECT m.quarter, m.theme_id, m.topic_id, count(*) AS n_sentences,
            count(DISTINCT m.transcript_id) AS n_calls,
            list(
                {{
                    'sentence_id': m.sentence_id, 'text': m.text, 'speaker_type': m.speaker_type,
                    'position': m.position
                }}
                ORDER BY c.call_at, m.transcript_id, m.component_id, m.position, m.sentence_id
            ) AS sentences
        FROM members m
        JOIN calls c ON c.quarter = m.quarter AND c.transcript_id = m.transcript_id
        GROUP BY ALL
    ),
    main_call AS (
        SELECT m.quarter, m.theme_id, m.topic_id, m.transcript_id
        FROM (
            SELECT quarter, theme_id, topic_id, transcript_id, count(*) AS n
            FROM members GROUP BY ALL
        ) m
        JOIN calls c ON c.quarter = m.quarter AND c.transcript_id = m.transcript_id
        QUALIFY row_number() OVER (
            PARTITION BY m.quarter, m.theme_id, m.topic_id ORDER BY m.n DESC, c.call_at DESC, m.transcript_id DESC
        ) = 1
    )
    SELECT p.theme_id, h.name AS theme_name, h.description AS theme_description, h.keywords AS theme_keywords,
        p.firm_id, c.firm_name, c.permno, c.gvkey, c.call_date AS earnings_call_date, c.link_date, p.topic_id,
        n.summary AS topic_summary, coalesce(s.sentences, []) AS sentences,
        CAST(coalesce(s.n_sentences, 0) AS INTEGER) AS n_sentences,
        CAST(coalesce(s.n_calls, 0) AS INTEGER) AS n_calls, p.quarter
    FROM pairs p
    JOIN last_call l ON l.quarter = p.quarter AND l.firm_id = p.firm_id
    LEFT JOIN main_call m ON m.quarter = p.quarter AND m.theme_id = p.theme_id AND m.topic_id = p.topic_id
    LEFT JOIN spoken s ON s.quarter = p.quarter AND s.theme_id = p.theme_id AND s.topic_id = p.topic_id
    JOIN calls c ON c.quarter = p.quarter AND c.transcript_id = coalesce(m.transcript_id, l.transcript_id)
    LEFT JOIN themes h ON h.quarter = p.quarter AND h.theme_id = p.theme_id
    LEFT JOIN topic_summaries n ON n.quarter = p.quarter AND n.topic_id = p.topic_id
    """,
)

JOINED_VIEWS: Mapping[str, JoinedView] = {view.name: view for view in (_TOPICS, _EVIDENCE, _READY)}
"""By name."""
