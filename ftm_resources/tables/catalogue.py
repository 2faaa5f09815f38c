"""The table contracts: columns, types, nullability, keys and documentation of every table.

One object per table creates the Iceberg table, validates each write, generates the asset checks and
documents the columns in the UI. This is the only place that defines what a table holds.
"""

from __future__ import annotations

from ftm_resources.tables.categories import (
    AUDIT_STATUSES,
    COVERAGE_STEPS,
    LABELS,
    NAMING_METHODS,
    SCORE,
    SECTIONS,
    SPEAKER_TYPES,
    THEME_REASONS,
)
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
from ftm_resources.tables.naming_columns import COUNT, NAMING_COLUMNS

__all__ = ["NAMESPACE", "NAMING_AUDITS", "PARTITION", "TABLES", "Column", "ContractError", "Table"]

_FIRM = Column("firm_id", STRING, "Capital IQ company id")
_TRANSCRIPT = Column(
    "transcript_id",
    STRING,
    "Capital IQ transcript id; identifies the call",
    references=("transcripts", "transcript_id"),
)
_SENTENCE = Column(
    "sentence_id", STRING, "Sentence id, component_id:position", references=("sentences", "sentence_id")
)
_TOPIC = Column(
    "topic_id",
    STRING,
    "Topic id, quarter:firm:rank by size",
    references=("firm_topics", "topic_id"),
)
_PERMNO = Column("permno", LONG, "CRSP PERMNO linked as of the call date", nullable=True)
_GVKEY = Column("gvkey", STRING, "Compustat GVKEY", nullable=True)
_CALL_DATE = Column("call_date", DATE, "Date of the call in New York")
_SHARE = (0.0, 1.0)

_ALL = (
    Table(
        "transcripts",
        "One row per component (speaker turn) of the quarter's calls, in the best version of each call",
        ("component_id",),
        (
            Column(
                "component_id",
                STRING,
                "quarter:transcript:order; a turn that repeats an earlier one has none",
            ),
            _FIRM,
            Column("firm_name", STRING, "Company name in the source"),
            _GVKEY,
            _PERMNO,
            Column("link_date", DATE, "Date for which the PERMNO link was looked up", nullable=True),
            Column("ticker", STRING, "Ticker symbol", nullable=True),
            Column("transcript_id", STRING, "Capital IQ transcript id; identifies one version of one call"),
            Column("headline", STRING, "Title of the call", nullable=True),
            Column(
                "call_at",
                TIMESTAMP,
                "Start of the call; midnight in New York if the source has only a date",
            ),
            _CALL_DATE,
            Column(
                "is_after_close",
                BOOL,
                "Began at or after 16:00 in New York, so an event study starts on the next trading day; "
                "null if the source has only a date",
                nullable=True,
            ),
            Column(
                "component_order",
                INT,
                "Position of the component in the call, from the source",
                bounds=COUNT,
            ),
            Column(
                "component_type", STRING, "Component type in the source's words, if it has one", nullable=True
            ),
            Column("section", STRING, "Prepared remarks or questions and answers", values=SECTIONS),
            Column("speaker_type", STRING, "Kind of speaker, by the source's words", values=SPEAKER_TYPES),
            Column("speaker_name", STRING, "Speaker's name", nullable=True),
            Column(
                "text",
                STRING,
                "What was said, normalised: blanks, line breaks, entities, encoding, case, marks",
            ),
            Column("verbatim_text", STRING, "The same, as the source delivered it"),
        ),
        group="calls",
    ),
    Table(
        "transcript_audit",
        "One row per transcript that the source offered for the quarter, and company that it is listed for: whether it "
        "was kept, and why not",
        ("transcript_id", "firm_id"),
        (
            Column("transcript_id", STRING, "Capital IQ transcript id"),
            _FIRM,
            Column(
                "status",
                STRING,
                "kept, or why it was left out",
                values=AUDIT_STATUSES,
            ),
            Column(
                "reason",
                STRING,
                "Which version was kept and why, and of which quarter if it is another; the kind of event, the "
                "language or the company; why there is no link, as `category: details`; for a kept transcript, notes "
                "such as the choice between several links or turns left out as repeats",
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
            Column("sentence_id", STRING, "component_id:position"),
            _FIRM,
            Column("transcript_id", STRING, "The call", references=("transcripts", "transcript_id")),
            Column("component_id", STRING, "The speaker turn", references=("transcripts", "component_id")),
            Column("position", INT, "Position of the sentence in its component, from 0", bounds=COUNT),
            Column("section", STRING, "Prepared remarks or questions and answers", values=SECTIONS),
            Column("speaker_type", STRING, "Kind of speaker", values=SPEAKER_TYPES),
            Column("text", STRING, "The sentence, as it stands in the turn's `text`"),
            Column("is_procedural", BOOL, "About the call rather than the business; excluded from topics"),
        ),
        group="calls",
    ),
    Table(
        "sentence_embeddings",
        "One row per sentence: its unit-length embedding",
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
            Column("local_topic", INT, "Rank by size within the firm, from 0", bounds=COUNT),
            Column("n_sentences", INT, "Sentences in the topic", bounds=(1, float("inf"))),
            Column("keywords", STRINGS, "c-TF-IDF keywords, strongest first"),
            Column("representative_sentence_ids", STRINGS, "Most central sentences, most central first"),
        ),
        group="topics",
    ),
    Table(
        "sentence_topics",
        "One row per non-procedural sentence: its topic, if any",
        ("sentence_id",),
        (
            _SENTENCE,
            _FIRM,
            Column(
                "topic_id", STRING, "Null for outliers", nullable=True, references=("firm_topics", "topic_id")
            ),
            Column(
                "strength", DOUBLE, "Cosine to the topic's centroid; 0 for an outlier", bounds=(-1.0, 1.0)
            ),
        ),
        group="topics",
    ),
    Table(
        "firm_status",
        "One row per firm of the quarter: the outcome of its topic modelling",
        ("firm_id",),
        (
            _FIRM,
            Column("status", STRING, "Outcome", values=("ok", "too_small", "failed")),
            Column("reason", STRING, "Why the outcome is not ok", nullable=True),
            Column("n_sentences", INT, "Non-procedural sentences", bounds=COUNT),
            Column("n_topics", INT, "Topics found", bounds=COUNT),
            Column("outlier_share", DOUBLE, "Share of sentences in no topic", bounds=_SHARE),
            Column("seconds", DOUBLE, "Time spent on the firm", bounds=COUNT, is_measurement=True),
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
                "embedding",
                FLOATS,
                "Unit-length mean of two embeddings: of the summary, and of the name with the keywords",
            ),
        ),
        group="topics",
    ),
    Table(
        "topic_naming_audit",
        "One row per topic: how it was named, and the cost: requests, tokens, seconds, USD",
        ("topic_id",),
        (_TOPIC, _FIRM, *NAMING_COLUMNS),
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
            Column(
                "stability",
                DOUBLE,
                "Share of subsamples of firms in which the theme comes again, at cosine 0.85; null if not measured",
                nullable=True,
                bounds=_SHARE,
            ),
            Column("naming_method", STRING, "Who named it", values=NAMING_METHODS),
            Column("embedding", FLOATS, "Unit-length centroid of the theme's topic embeddings, float32"),
        ),
        group="themes",
    ),
    Table(
        "theme_topics",
        "One row per topic: its theme, or why it is in none",
        ("topic_id",),
        (
            _TOPIC,
            Column("theme_id", STRING, "Its theme, if any", nullable=True, references=("themes", "theme_id")),
            _FIRM,
            Column(
                "reason",
                STRING,
                "Why the topic is in no theme: the filter that left it out",
                nullable=True,
                values=THEME_REASONS,
            ),
            Column("detail", STRING, "The reason in this case, with its figures", nullable=True),
        ),
        group="themes",
    ),
    Table(
        "theme_naming_audit",
        "One row per theme: how it was named, and the cost: requests, tokens, seconds, USD",
        ("theme_id",),
        (
            Column("theme_id", STRING, "The theme", references=("themes", "theme_id")),
            *NAMING_COLUMNS,
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
            Column("p_positive", DOUBLE, "Probability that it is positive", bounds=_SHARE),
            Column("p_neutral", DOUBLE, "Probability that it is neutral", bounds=_SHARE),
            Column("p_negative", DOUBLE, "Probability that it is negative", bounds=_SHARE),
            Column("model", STRING, "Model or word list that scored it"),
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
            Column("n_positive", INT, "Positive sentences", bounds=COUNT),
            Column("n_neutral", INT, "Neutral sentences", bounds=COUNT),
            Column("n_negative", INT, "Negative sentences", bounds=COUNT),
            Column("n_sentences", INT, "All sentences of the call in the theme", bounds=(1, float("inf"))),
            Column("score", DOUBLE, SCORE, bounds=(-1.0, 1.0)),
        ),
        group="scores",
    ),
    Table(
        "topic_quality",
        "One row per quality measure of the quarter's topics or themes: coherence, stability, warning shares",
        ("level", "metric"),
        (
            Column("level", STRING, "What is measured", values=("firm_topics", "themes")),
            Column("metric", STRING, "Name of the measure (see methods.quality)"),
            Column("value", DOUBLE, "Its value; null if there was nothing to measure", nullable=True),
            Column("n", INT, "Firms, topics or themes that were measured", bounds=COUNT),
        ),
        group="themes",
    ),
    Table(
        "firm_theme_sentiment",
        "One row per theme and firm: all the firm's calls of the quarter (dbt)",
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
            Column("n_positive", INT, "Positive sentences", bounds=COUNT),
            Column("n_neutral", INT, "Neutral sentences", bounds=COUNT),
            Column("n_negative", INT, "Negative sentences", bounds=COUNT),
            Column("n_sentences", INT, "All sentences of the firm in the theme", bounds=(1, float("inf"))),
            Column("score", DOUBLE, SCORE, bounds=(-1.0, 1.0)),
        ),
        group="marts",
    ),
    Table(
        "theme_sentiment",
        "One row per theme: all its firms (dbt)",
        ("theme_id",),
        (
            Column("theme_id", STRING, "The theme", references=("themes", "theme_id")),
            Column("theme_name", STRING, "The theme's name"),
            Column("n_topics", INT, "Topics in the theme", bounds=(1, float("inf"))),
            Column("n_firms", INT, "Firms with a scored sentence in the theme", bounds=(1, float("inf"))),
            Column("n_calls", INT, "Calls with a sentence in the theme", bounds=(1, float("inf"))),
            Column("n_positive", INT, "Positive sentences", bounds=COUNT),
            Column("n_neutral", INT, "Neutral sentences", bounds=COUNT),
            Column("n_negative", INT, "Negative sentences", bounds=COUNT),
            Column("n_sentences", INT, "All sentences in the theme", bounds=(1, float("inf"))),
            Column("score", DOUBLE, SCORE, bounds=(-1.0, 1.0)),
        ),
        group="marts",
    ),
    Table(
        "coverage",
        "One row per pipeline step and outcome, from the source's transcripts to scores: calls and firms (dbt)",
        ("position", "outcome"),
        (
            Column("step", STRING, "The step, in the order of `position`", values=COVERAGE_STEPS),
            Column("position", INT, "Position of the step, from 0", bounds=(0, len(COVERAGE_STEPS) - 1)),
            Column(
                "outcome", STRING, "What became of calls and sentences at the step, or why they were lost"
            ),
            Column(
                "is_lost", BOOL, "Whether they were lost at this step; those of other rows reach the next"
            ),
            Column(
                "n_calls",
                INT,
                "Calls (transcripts before versions are chosen); a lost one counts by its sentences' commonest reason",
                bounds=COUNT,
            ),
            Column("n_firms", INT, "Firms with such a call", bounds=COUNT),
            Column(
                "n_firms_lost",
                INT,
                "Firms with no call that reaches the next step; 0 if the row's calls are not lost",
                bounds=COUNT,
            ),
            Column(
                "n_sentences",
                INT,
                "Sentences with this outcome, each by its own reason, also of calls that go on",
                bounds=COUNT,
            ),
            Column("n_sentences_lost", INT, "Those of them that were lost: all or none", bounds=COUNT),
        ),
        group="marts",
    ),
)

TABLES: dict[str, Table] = {t.name: t for t in _ALL}

NAMING_AUDITS = ("topic_naming_audit", "theme_naming_audit")
"""Each is written by the asset that names, together with the names; the DuckDB view `naming_audit` combines them."""
