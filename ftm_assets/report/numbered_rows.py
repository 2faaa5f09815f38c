"""The firms, themes and topics of a quarter, numbered as the page refers to them, as temporary tables of DuckDB.

What belongs here: the order of the page's lists, and what is counted per call and firm for all of them. The other
modules join `told_firms` (firm, firm_id), `told_themes` (theme, theme_id) and `told_topics` (topic, topic_id).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_CALLS = """
    CREATE TEMP TABLE told_calls AS
    SELECT transcript_id, min(firm_id) AS firm_id, max(firm_name) AS firm_name, max(ticker) AS ticker,
        max(permno) AS permno, max(gvkey) AS gvkey, max(call_date) AS call_date, max(call_at) AS call_at
    FROM transcripts GROUP BY transcript_id
"""

# The last call speaks for the firm, as in the panels.
_FIRMS = """
    CREATE TEMP TABLE told_firms AS
    SELECT CAST(row_number() OVER (ORDER BY lower(name), firm_id) - 1 AS INTEGER) AS firm, *
    FROM (
        SELECT firm_id, arg_max(firm_name, (call_date, transcript_id)) AS name,
            arg_max(ticker, (call_date, transcript_id)) AS ticker,
            arg_max(permno, (call_date, transcript_id)) AS permno,
            arg_max(gvkey, (call_date, transcript_id)) AS gvkey,
            list(strftime(call_date, '%Y-%m-%d') ORDER BY call_date, transcript_id) AS call_dates
        FROM told_calls GROUP BY firm_id
    )
"""

_THEMES = """
    CREATE TEMP TABLE told_themes AS
    SELECT CAST(row_number() OVER (ORDER BY theme_id) - 1 AS INTEGER) AS theme, theme_id, name, description, keywords,
        stability, naming_method
    FROM themes
"""

# The map shows topics by what they were named: one that was never named has no place in it.
_TOPICS = """
    CREATE TEMP TABLE told_topics AS
    SELECT CAST(row_number() OVER (ORDER BY topic_id) - 1 AS INTEGER) AS topic, topic_id, f.firm, s.name, t.n_sentences,
        t.representative_sentence_ids, h.theme, split_part(p.reason, ':', 1) AS reason
    FROM firm_topics t
    JOIN topic_summaries s USING (topic_id)
    JOIN told_firms f ON f.firm_id = t.firm_id
    LEFT JOIN theme_topics p USING (topic_id)
    LEFT JOIN told_themes h ON h.theme_id = p.theme_id
"""
"""Quarters of older versions have the detail of a reason after a colon."""


def number(db: duckdb.DuckDBPyConnection) -> None:
    """Create the temporary tables, which the connection keeps."""
    for query in (_CALLS, _FIRMS, _THEMES, _TOPICS):
        db.execute(query)
