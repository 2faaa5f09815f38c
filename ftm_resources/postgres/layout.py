"""The tables of the copy: what each holds, its types, keys and indexes, and the query over the warehouse.

What belongs here: the layout, as data and as SQL; nothing here opens a connection. Each table is partitioned by
quarter, so that one is loaded and indexed beside the one it replaces, and takes its place at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Vectors = Literal["vector", "halfvec"]
"""pgvector's types: 4 or 2 bytes per dimension; its HNSW indexes take up to 2,000 or 4,000 dimensions."""

MAX_INDEXED: Mapping[Vectors, int] = {"vector": 2000, "halfvec": 4000}
"""Dimensions that pgvector's HNSW can index (its README, "HNSW")."""


def split_type(type_: str) -> tuple[str, int]:
    """Return the name and the dimension of a type of vectors.

    >>> split_type("halfvec(384)")
    ('halfvec', 384)
    """
    name, _, rest = type_.partition("(")
    return name, int(rest.rstrip(")"))


EMBEDDING, WORDS = "embedding", "words"


@dataclass(frozen=True)
class Published:
    """A table of the copy."""

    name: str
    doc: str
    """One line: what a row is."""
    key: str
    """Column that, with the quarter, tells rows apart."""
    columns: Mapping[str, str]
    """Name → PostgreSQL's type, in order; `quarter` and, of a level, `embedding` and `words` follow."""
    query: str
    """Over the views of `Warehouse.connect(quarter=...)` and the tables of `indexed_tables.NUMBERED`: these columns,
    then `embedding` if it is a level."""
    reads: tuple[str, ...]
    """Tables of the warehouse that the query reads."""
    level: str | None = None
    """The level of search whose rows these are; they have vectors and words."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Column → table of the copy in whose key its values are, where it is not null."""
    indexed: tuple[str, ...] = ()
    """Columns with a B-tree, for filters."""

    @property
    def names(self) -> list[str]:
        """All columns, in the order in which rows are copied."""
        return [*self.columns, *([EMBEDDING, WORDS] if self.level else []), "quarter"]


FIRMS = Published(
    "firms",
    "A firm with a call in the quarter, as of its last one",
    "firm_id",
    {
        "firm_id": "text NOT NULL",
        "firm_name": "text",
        "ticker": "text",
        "gvkey": "text",
        "permno": "bigint",
        "n_calls": "integer NOT NULL",
    },
    """
    WITH calls AS (
        SELECT DISTINCT transcript_id, firm_id, firm_name, ticker, gvkey, permno, call_at FROM transcripts
    )
    SELECT firm_id, firm_name, ticker, gvkey, permno,
        CAST(count(*) OVER (PARTITION BY firm_id) AS INTEGER) AS n_calls
    FROM calls
    QUALIFY row_number() OVER (PARTITION BY firm_id ORDER BY call_at DESC, transcript_id DESC) = 1
    """,
    ("transcripts",),
    indexed=("permno", "gvkey"),
)

SPOKEN = Published(
    "calls",
    "A call of a firm, with the firm's name and ticker as they were then",
    "transcript_id",
    {
        "transcript_id": "text NOT NULL",
        "firm_id": "text NOT NULL",
        "firm_name": "text",
        "ticker": "text",
        "permno": "bigint",
        "call_date": "date",
        "number": "integer NOT NULL",
    },
    "SELECT transcript_id, firm_id, firm_name, ticker, permno, call_date, call AS number FROM calls",
    ("transcripts",),
    references={"firm_id": "firms"},
    indexed=("firm_id",),
)

THEMES = Published(
    "themes",
    "A cross-firm theme of the quarter",
    "theme_id",
    {
        "theme_id": "text NOT NULL",
        "series_id": "text",
        "name": "text NOT NULL",
        "description": "text",
        "keywords": "text[]",
        "n_topics": "integer NOT NULL",
        "n_firms": "integer NOT NULL",
        "n_sentences": "integer NOT NULL",
        "stability": "double precision",
        "tone": "double precision",
    },
    """
    SELECT h.theme_id, l.series_id, h.name, h.description, h.keywords, h.n_topics, h.n_firms, h.n_sentences,
        h.stability, r.tone, h.embedding
    FROM themes h LEFT JOIN theme_links l ON l.theme_id = h.theme_id LEFT JOIN theme_rows r ON r.id = h.theme_id
    """,
    ("themes", "theme_links", "theme_sentences", "sentence_sentiment"),
    level="theme",
    indexed=("series_id",),
)

TOPICS = Published(
    "topics",
    "A topic of a firm's calls",
    "topic_id",
    {
        "topic_id": "text NOT NULL",
        "firm_id": "text NOT NULL",
        "theme_id": "text",
        "name": "text",
        "summary": "text",
        "keywords": "text[]",
        "n_sentences": "integer NOT NULL",
        "transcript_id": "text",
        "tone": "double precision",
    },
    """
    SELECT t.topic_id, t.firm_id, p.theme_id, s.name, s.summary, t.keywords, t.n_sentences, c.transcript_id, r.tone,
        s.embedding
    FROM firm_topics t
    LEFT JOIN topic_summaries s ON s.topic_id = t.topic_id
    LEFT JOIN theme_topics p ON p.topic_id = t.topic_id
    LEFT JOIN topic_rows r ON r.id = t.topic_id
    LEFT JOIN calls c ON c.call = r.call
    """,
    ("firm_topics", "topic_summaries", "theme_topics", "sentence_topics", "sentences", "transcripts"),
    level="topic",
    references={"firm_id": "firms", "theme_id": "themes"},
    indexed=("firm_id", "theme_id"),
)

SENTENCES = Published(
    "sentences",
    "A sentence of a call. theme_id is the theme that it counts in: null if it is no member of its topic's theme",
    "sentence_id",
    {
        "sentence_id": "text NOT NULL",
        "firm_id": "text NOT NULL",
        "topic_id": "text",
        "theme_id": "text",
        "transcript_id": "text NOT NULL",
        "component_id": "text NOT NULL",
        "call_date": "date",
        "section": "text NOT NULL",
        "speaker_type": "text NOT NULL",
        "speaker_name": "text",
        "position": "integer NOT NULL",
        "text": "text NOT NULL",
        "label": "text",
        "p_positive": "double precision",
        "p_neutral": "double precision",
        "p_negative": "double precision",
        "is_procedural": "boolean",
    },
    """
    SELECT s.sentence_id, s.firm_id, t.topic_id, m.theme_id, s.transcript_id, s.component_id, c.call_date, s.section,
        s.speaker_type, c.speaker_name, s.position, s.text, v.label, v.p_positive, v.p_neutral, v.p_negative,
        coalesce(k.is_procedural, false) AS is_procedural, e.embedding
    FROM sentences s
    JOIN transcripts c ON c.component_id = s.component_id
    LEFT JOIN sentence_topics t ON t.sentence_id = s.sentence_id
    LEFT JOIN theme_sentences m ON m.sentence_id = s.sentence_id AND m.is_member AND NOT m.is_second
    LEFT JOIN sentence_sentiment v ON v.sentence_id = s.sentence_id
    LEFT JOIN sentence_kinds k ON k.sentence_id = s.sentence_id
    LEFT JOIN sentence_embeddings e ON e.sentence_id = s.sentence_id
    """,
    ("sentences", "transcripts", "sentence_topics", "theme_sentences", "sentence_sentiment", "sentence_kinds",
     "sentence_embeddings"),
    level="sentence",
    references={"firm_id": "firms", "topic_id": "topics", "theme_id": "themes"},
    indexed=("firm_id", "transcript_id", "topic_id", "theme_id", "call_date"),
)  # fmt: skip

LAYOUT = (FIRMS, SPOKEN, THEMES, TOPICS, SENTENCES)
"""Each after those that it refers to."""

OF_LEVEL: Mapping[str, Published] = {table.level: table for table in LAYOUT if table.level}

READ = tuple(dict.fromkeys(table for published in LAYOUT for table in published.reads))
"""Tables of the warehouse that a copy is made of."""

SCHEMA = "ftm"
"""Where the tables are, unless another schema is given."""

STATE = "published"
"""The table that says which quarters are there, of which rows, model and type of vectors."""

WORD_COUNTS = "word_counts"
"""The table that says how many rows of a quarter and level have a word, in what is said or in the firm's name."""
