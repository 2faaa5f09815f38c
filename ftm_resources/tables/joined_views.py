"""The views that join tables for reading: topics with their names, evidence from theme to sentence, input of scorers.

What belongs here: what such a view holds. Its query is the dbt model of its name in `dbt/models/views`, by which Athena
has it too. A view stores nothing; each connection and each DuckDB file has them over its own tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ftm_resources.tables.catalogue import NAMING_AUDITS, TABLES
from ftm_resources.tables.naming_columns import NAMING_COLUMNS
from ftm_resources.tables.view_queries import duckdb_query

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

    @cached_property
    def query(self) -> str:
        """The query as DuckDB takes it, over tables by their names."""
        return duckdb_query(self.name)


def _of(table: str, *columns: str) -> dict[str, str]:
    """Return the columns of a table with their meaning."""
    docs = {c.name: c.doc for c in TABLES[table].columns}
    return {name: docs[name] for name in columns}


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
)

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
)

_NAMINGS = JoinedView(
    "naming_audit",
    "One row per topic and per theme: how it was named, and the cost",
    ("topic_id", "theme_id"),
    NAMING_AUDITS,
    {
        "topic_id": "The topic; null for a theme",
        "theme_id": "The theme; null for a topic",
        "firm_id": "The topic's firm; null for a theme",
        **{c.name: c.doc for c in NAMING_COLUMNS},
        "quarter": "Calendar quarter of the calls",
    },
)

JOINED_VIEWS: Mapping[str, JoinedView] = {view.name: view for view in (_TOPICS, _EVIDENCE, _READY, _NAMINGS)}
"""By name."""
