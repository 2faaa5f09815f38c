"""The table contracts: columns, types, nullability, keys and documentation of every table.

One object per table creates the Iceberg table, validates each write, generates the asset checks and
documents the columns in the UI. What a table holds is said here and nowhere else.
"""

from __future__ import annotations

from ftm_resources.tables.contract import (
    BOOL,
    DATE,
    DOUBLE,
    FLOATS,
    INT,
    LONG,
    NAMESPACE,
    PARTITION,
    STRING,
    STRINGS,
    TIMESTAMP,
    Column,
    ContractError,
    Table,
)

__all__ = ["NAMESPACE", "NAMING_AUDITS", "PARTITION", "TABLES", "Column", "ContractError", "Table"]

SPEAKER_TYPES = ("operator", "executive", "analyst", "shareholder", "attendee", "unknown")
SECTIONS = ("presentation", "q_and_a")
NAMING_METHODS = ("extractive", "llm")
NAMING_OUTCOMES = ("named", "repaired", "unusable", "rejected", "unanswered", "down", "extractive")
SCORE = "(n_positive - n_negative) / n_sentences"
"""The score of a theme, wherever there is one; also an expression that DuckDB understands."""

COVERAGE_STEPS = ("seen", "version", "link", "sentences", "topics", "themes", "scores")
LABELS = ("positive", "neutral", "negative")

_FIRM = Column("firm_id", STRING, "Capital IQ company id")
_TRANSCRIPT = Column(
    "transcript_id", STRING, "Capital IQ transcript id: one call", references=("transcripts", "transcript_id")
)
_SENTENCE = Column(
    "sentence_id", STRING, "Sentence: component id and place in it", references=("sentences", "sentence_id")
)
_TOPIC = Column(
    "topic_id",
    STRING,
    "Topic of a firm's quarter, quarter:firm:rank by size",
    references=("firm_topics", "topic_id"),
)
_PERMNO = Column("permno", LONG, "CRSP PERMNO linked as of the call date", nullable=True)
_GVKEY = Column("gvkey", STRING, "Compustat GVKEY", nullable=True)
_CALL_DATE = Column("call_date", DATE, "Date of the call in New York")
_SHARE = (0.0, 1.0)
_COUNT = (0, float("inf"))

_NAMING_AUDIT = (
    Column(
        "outcome",
        STRING,
        "named (by the first reply), repaired (by the second), or extractive because no model was asked, its "
        "replies were unusable, the server rejected or did not answer the request, or was down",
        values=NAMING_OUTCOMES,
    ),
    Column("reason", STRING, "Why not by the model that was asked", nullable=True),
    Column("model", STRING, "Model that was asked; of an extractive name, the namer"),
    Column("prompt_version", STRING, "Version of the prompt or of the extractive rules"),
    Column("is_cached", BOOL, "Its replies had come in an earlier run", is_measurement=True),
    Column("n_attempts", INT, "Requests sent, retries included", bounds=_COUNT, is_measurement=True),
    Column("tokens_in", INT, "Tokens of its prompts", bounds=_COUNT, is_measurement=True),
    Column("tokens_out", INT, "Tokens of its replies", bounds=_COUNT, is_measurement=True),
    Column(
        "seconds",
        DOUBLE,
        "From request to reply, retries included; of a cached reply, what it took when it came",
        bounds=_COUNT,
        is_measurement=True,
    ),
    Column(
        "cost",
        DOUBLE,
        "USD of this run at the configured prices; 0 if cached, null without prices",
        nullable=True,
        bounds=_COUNT,
        is_measurement=True,
    ),
    Column("answered_at", TIMESTAMP, "When the last reply came", nullable=True, is_measurement=True),
)

_ALL = (
    Table(
        "transcripts",
        "One row per component (speaker turn) of the calls of the quarter, best version of each call",
        ("component_id",),
        (
            Column("component_id", STRING, "quarter:transcript:order"),
            _FIRM,
            Column("firm_name", STRING, "Company name as of the source"),
            _GVKEY,
            _PERMNO,
            Column("link_date", DATE, "Date as of which the link to PERMNO was taken", nullable=True),
            Column("ticker", STRING, "Ticker", nullable=True),
            Column("transcript_id", STRING, "Capital IQ transcript id: one version of one call"),
            Column("headline", STRING, "Title of the call", nullable=True),
            Column(
                "call_at",
                TIMESTAMP,
                "Start of the call; midnight in New York where the source has only a date",
            ),
            _CALL_DATE,
            Column(
                "is_after_close",
                BOOL,
                "Began at 16:00 in New York or later: an event study starts on the next trading day; "
                "null where the source has only a date",
                nullable=True,
            ),
            Column(
                "component_order",
                INT,
                "Position of the component in the call, from the source",
                bounds=_COUNT,
            ),
            Column(
                "component_type", STRING, "Capital IQ component type, where the source has one", nullable=True
            ),
            Column("section", STRING, "Prepared remarks or questions and answers", values=SECTIONS),
            Column("speaker_type", STRING, "Kind of speaker", values=SPEAKER_TYPES),
            Column("speaker_name", STRING, "Speaker's name", nullable=True),
            Column("text", STRING, "What was said, verbatim"),
        ),
        group="calls",
    ),
    Table(
        "transcript_audit",
        "One row per transcript that the source offered for the quarter: what became of it",
        ("transcript_id",),
        (
            Column("transcript_id", STRING, "Capital IQ transcript id"),
            _FIRM,
            Column(
                "status",
                STRING,
                "kept, or why not",
                values=("kept", "superseded", "unlinked", "duplicate", "empty"),
            ),
            Column(
                "reason",
                STRING,
                "Which version was kept and why; why there is no link, as `category: details`; "
                "for a kept one, between which links was chosen",
                nullable=True,
            ),
        ),
        group="calls",
    ),
    Table(
        "sentences",
        "One row per sentence of a speaker other than the operator",
        ("sentence_id",),
        (
            Column("sentence_id", STRING, "component id:place in the component"),
            _FIRM,
            Column("transcript_id", STRING, "The call", references=("transcripts", "transcript_id")),
            Column("component_id", STRING, "The speaker turn", references=("transcripts", "component_id")),
            Column("position", INT, "0-based place of the sentence in its component", bounds=_COUNT),
            Column("section", STRING, "Prepared remarks or questions and answers", values=SECTIONS),
            Column("speaker_type", STRING, "Kind of speaker", values=SPEAKER_TYPES),
            Column("text", STRING, "The sentence, verbatim"),
            Column("is_procedural", BOOL, "About the call rather than the business; kept out of topics"),
        ),
        group="calls",
    ),
    Table(
        "sentence_embeddings",
        "One row per sentence: its embedding, unit length",
        ("sentence_id",),
        (_SENTENCE, _FIRM, Column("embedding", FLOATS, "Unit-length sentence embedding, float32")),
        group="models",
    ),
    Table(
        "firm_topics",
        "One row per topic of a firm's quarter",
        ("topic_id",),
        (
            Column("topic_id", STRING, "quarter:firm:rank by size"),
            _FIRM,
            Column("local_topic", INT, "Rank by size within the firm, from 0", bounds=_COUNT),
            Column("n_sentences", INT, "Sentences in the topic", bounds=(1, float("inf"))),
            Column("keywords", STRINGS, "c-TF-IDF keywords, strongest first"),
            Column("representative_sentence_ids", STRINGS, "Most central sentences, most central first"),
        ),
        group="topics",
    ),
    Table(
        "sentence_topics",
        "One row per non-procedural sentence: its topic, or none",
        ("sentence_id",),
        (
            _SENTENCE,
            _FIRM,
            Column(
                "topic_id", STRING, "Null: outlier", nullable=True, references=("firm_topics", "topic_id")
            ),
            Column(
                "strength", DOUBLE, "Cosine to the topic's centroid; 0 for an outlier", bounds=(-1.0, 1.0)
            ),
        ),
        group="topics",
    ),
    Table(
        "firm_status",
        "One row per firm of the quarter: what topic modelling did with it",
        ("firm_id",),
        (
            _FIRM,
            Column("status", STRING, "Outcome", values=("ok", "too_small", "failed")),
            Column("reason", STRING, "Why not ok", nullable=True),
            Column("n_sentences", INT, "Non-procedural sentences", bounds=_COUNT),
            Column("n_topics", INT, "Topics found", bounds=_COUNT),
            Column("outlier_share", DOUBLE, "Share of sentences in no topic", bounds=_SHARE),
            Column("seconds", DOUBLE, "Time spent on the firm", bounds=_COUNT, is_measurement=True),
        ),
        group="topics",
    ),
    Table(
        "topic_summaries",
        "One row per topic: its name and summary, and their embedding",
        ("topic_id",),
        (
            _TOPIC,
            _FIRM,
            Column("name", STRING, "At most eight words"),
            Column("summary", STRING, "One or two sentences"),
            Column("naming_method", STRING, "Who named it", values=NAMING_METHODS),
            Column("model", STRING, "Model that named it"),
            Column("prompt_version", STRING, "Version of the prompt or of the extractive rules"),
            Column(
                "embedding", FLOATS, "Unit-length mean of the embeddings of summary and of name with keywords"
            ),
        ),
        group="topics",
    ),
    Table(
        "topic_naming_audit",
        "One row per topic: what it took to name it",
        ("topic_id",),
        (_TOPIC, _FIRM, *_NAMING_AUDIT),
        group="topics",
    ),
    Table(
        "themes",
        "One row per cross-firm theme of the quarter",
        ("theme_id",),
        (
            Column("theme_id", STRING, "quarter:theme:rank by size"),
            Column("name", STRING, "At most eight words"),
            Column("description", STRING, "One or two sentences"),
            Column("keywords", STRINGS, "c-TF-IDF keywords, strongest first"),
            Column("n_topics", INT, "Topics in the theme", bounds=(1, float("inf"))),
            Column("n_firms", INT, "Firms in the theme", bounds=(1, float("inf"))),
            Column("n_sentences", INT, "Sentences in the theme's topics", bounds=(1, float("inf"))),
            Column("largest_firm_share", DOUBLE, "Share of the theme's topics from one firm", bounds=_SHARE),
            Column("naming_method", STRING, "Who named it", values=NAMING_METHODS),
            Column("embedding", FLOATS, "Unit-length centroid of the theme's topic embeddings, float32"),
        ),
        group="themes",
    ),
    Table(
        "theme_topics",
        "One row per topic: its theme, or why it has none",
        ("topic_id",),
        (
            _TOPIC,
            Column("theme_id", STRING, "Null: in no theme", nullable=True, references=("themes", "theme_id")),
            _FIRM,
            Column("reason", STRING, "Why the topic is in no theme", nullable=True),
        ),
        group="themes",
    ),
    Table(
        "theme_naming_audit",
        "One row per theme: what it took to name it",
        ("theme_id",),
        (
            Column("theme_id", STRING, "The theme", references=("themes", "theme_id")),
            *_NAMING_AUDIT,
        ),
        group="themes",
    ),
    Table(
        "sentence_sentiment",
        "One row per non-procedural sentence: its sentiment",
        ("sentence_id",),
        (
            _SENTENCE,
            Column("label", STRING, "Most probable class", values=LABELS),
            Column("p_positive", DOUBLE, "Probability", bounds=_SHARE),
            Column("p_neutral", DOUBLE, "Probability", bounds=_SHARE),
            Column("p_negative", DOUBLE, "Probability", bounds=_SHARE),
            Column("model", STRING, "Scorer"),
        ),
        group="models",
    ),
    Table(
        "sentiment_scores",
        "One row per theme and call: sentiment of the firm's sentences within the theme",
        ("theme_id", "transcript_id"),
        (
            Column("theme_id", STRING, "The theme", references=("themes", "theme_id")),
            _TRANSCRIPT,
            _FIRM,
            Column("firm_name", STRING, "Company name"),
            _PERMNO,
            _GVKEY,
            _CALL_DATE,
            Column("n_positive", INT, "Positive sentences", bounds=_COUNT),
            Column("n_neutral", INT, "Neutral sentences", bounds=_COUNT),
            Column("n_negative", INT, "Negative sentences", bounds=_COUNT),
            Column("n_sentences", INT, "All sentences of the call in the theme", bounds=(1, float("inf"))),
            Column("score", DOUBLE, SCORE, bounds=(-1.0, 1.0)),
        ),
        group="scores",
    ),
    Table(
        "topic_quality",
        "One row per measure of the quarter's topics or themes: coherence, stability, shares that show trouble",
        ("level", "metric"),
        (
            Column("level", STRING, "What is measured", values=("firm_topics", "themes")),
            Column("metric", STRING, "Name of the measure (see methods.quality)"),
            Column("value", DOUBLE, "Its value; null where there was nothing to measure", nullable=True),
            Column("n", INT, "Firms, topics or themes that the value rests on", bounds=_COUNT),
        ),
        group="themes",
    ),
    Table(
        "firm_theme_sentiment",
        "One row per theme and firm: the firm's calls of the quarter together (dbt)",
        ("theme_id", "firm_id"),
        (
            Column("theme_id", STRING, "The theme", references=("themes", "theme_id")),
            Column("theme_name", STRING, "The theme's name"),
            _FIRM,
            Column("firm_name", STRING, "Company name"),
            _PERMNO,
            _GVKEY,
            Column("first_call_date", DATE, "Date of the firm's first call in the quarter"),
            Column("n_calls", INT, "Calls with a sentence in the theme", bounds=(1, float("inf"))),
            Column("n_positive", INT, "Positive sentences", bounds=_COUNT),
            Column("n_neutral", INT, "Neutral sentences", bounds=_COUNT),
            Column("n_negative", INT, "Negative sentences", bounds=_COUNT),
            Column("n_sentences", INT, "All sentences of the firm in the theme", bounds=(1, float("inf"))),
            Column("score", DOUBLE, SCORE, bounds=(-1.0, 1.0)),
        ),
        group="marts",
    ),
    Table(
        "theme_sentiment",
        "One row per theme: all its firms together (dbt)",
        ("theme_id",),
        (
            Column("theme_id", STRING, "The theme", references=("themes", "theme_id")),
            Column("theme_name", STRING, "The theme's name"),
            Column("n_topics", INT, "Topics in the theme", bounds=(1, float("inf"))),
            Column("n_firms", INT, "Firms with a scored sentence in the theme", bounds=(1, float("inf"))),
            Column("n_calls", INT, "Calls with a sentence in the theme", bounds=(1, float("inf"))),
            Column("n_positive", INT, "Positive sentences", bounds=_COUNT),
            Column("n_neutral", INT, "Neutral sentences", bounds=_COUNT),
            Column("n_negative", INT, "Negative sentences", bounds=_COUNT),
            Column("n_sentences", INT, "All sentences in the theme", bounds=(1, float("inf"))),
            Column("score", DOUBLE, SCORE, bounds=(-1.0, 1.0)),
        ),
        group="marts",
    ),
    Table(
        "coverage",
        "One row per step from what the source offered to what was scored, and outcome: calls and firms (dbt)",
        ("step", "outcome"),
        (
            Column("step", STRING, "The step, in the order of `position`", values=COVERAGE_STEPS),
            Column("position", INT, "0-based place of the step", bounds=(0, len(COVERAGE_STEPS) - 1)),
            Column("outcome", STRING, "What the calls became at the step, or why they were lost there"),
            Column("is_lost", BOOL, "The calls go no further; those of the other rows are in the next step"),
            Column("n_calls", INT, "Calls; before versions are chosen, transcripts", bounds=_COUNT),
            Column("n_firms", INT, "Firms with such a call", bounds=_COUNT),
            Column(
                "n_firms_lost",
                INT,
                "Firms of which no call goes further; 0 where none is lost",
                bounds=_COUNT,
            ),
        ),
        group="marts",
    ),
)

TABLES: dict[str, Table] = {t.name: t for t in _ALL}

NAMING_AUDITS = ("topic_naming_audit", "theme_naming_audit")
"""Written with what was named, each by the asset that names; DuckDB's view `naming_audit` holds both."""
