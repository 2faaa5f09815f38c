"""The table contracts: columns, types, nullability, keys and documentation of every table.

One object per table creates the Iceberg table, validates each write, generates the asset checks and
documents the columns in the UI. This is the only place that defines what a table holds.
"""

from __future__ import annotations

from ftm_resources.tables.call_tables import CALL_TABLES, FIRM, GVKEY, PERMNO, SENTENCE, TOPIC
from ftm_resources.tables.categories import (
    COVERAGE_STEPS,
    KIND_METHODS,
    LABELS,
    NAMING_METHODS,
    SCORE,
    SENTENCE_KINDS,
    THEME_REASONS,
)
from ftm_resources.tables.contract import (
    BOOL,
    DATE,
    DOUBLE,
    FLOATS,
    INT,
    NAMESPACE,
    PARTITION,
    STRING,
    STRINGS,
    Column,
    ContractError,
    Table,
)
from ftm_resources.tables.cost_tables import COST_TABLES
from ftm_resources.tables.event_tables import EVENT_TABLES
from ftm_resources.tables.naming_columns import COUNT, NAMING_COLUMNS
from ftm_resources.tables.panel_tables import PANEL_TABLES
from ftm_resources.tables.returns_tables import RETURNS_TABLES
from ftm_resources.tables.series_tables import FAMILY_TABLES, PINNED_TABLES, SERIES_TABLES
from ftm_resources.tables.sort_tables import CONTROL_TABLES, SORT_TABLES
from ftm_resources.tables.theme_tables import (
    LABEL_COUNTS,
    MEMBERSHIP_TABLES,
    N_TURNS,
    SCORE_DF,
    SCORE_DF_BY_FIRM,
    SCORE_SE,
    SCORE_SE_BY_FIRM,
    SCORE_TABLES,
)

__all__ = [
    "NAMESPACE",
    "NAMING_AUDITS",
    "PARTITION",
    "QUARTERLY",
    "TABLES",
    "Column",
    "ContractError",
    "Table",
]

_SHARE = (0.0, 1.0)

_ALL = (
    *CALL_TABLES,
    Table(
        "sentence_embeddings",
        "One row per sentence: its unit-length embedding",
        ("sentence_id",),
        (SENTENCE, FIRM, Column("embedding", FLOATS, "Unit-length sentence embedding, float32")),
        group="models",
    ),
    Table(
        "sentence_kinds",
        "One row per sentence: whether it is about the business, about the call, or empty",
        ("sentence_id",),
        (
            SENTENCE,
            FIRM,
            Column("kind", STRING, "About the business, about the call, or empty", values=SENTENCE_KINDS),
            Column("p_business", DOUBLE, "Probability that it is about the business", bounds=_SHARE),
            Column("p_call", DOUBLE, "Probability that it is about the call itself", bounds=_SHARE),
            Column("p_empty", DOUBLE, "Probability that it says nothing, such as a courtesy", bounds=_SHARE),
            Column("is_procedural", BOOL, "Its kind is not business; excluded from topics and sentiment"),
            Column(
                "method",
                STRING,
                "Judged with embeddings, or by words and form alone",
                values=KIND_METHODS,
            ),
        ),
        group="models",
    ),
    Table(
        "firm_topics",
        "One row per topic of a firm's quarter",
        ("topic_id",),
        (
            Column("topic_id", STRING, "quarter:firm:rank by size"),
            FIRM,
            Column("local_topic", INT, "Rank by size within the firm, from 0", bounds=COUNT),
            Column("n_sentences", INT, "Sentences in the topic", bounds=(1, float("inf"))),
            Column("keywords", STRINGS, "c-TF-IDF keywords, strongest first"),
            Column("representative_sentence_ids", STRINGS, "Most central sentences, most central first"),
            Column(
                "call_share",
                DOUBLE,
                "Mean probability that a sentence of the topic is about the call or empty; null if made before "
                "sentence_kinds",
                nullable=True,
                bounds=_SHARE,
            ),
            Column(
                "embedding",
                FLOATS,
                "Unit-length mean of its sentences' embeddings, each blended with its neighbours in the turn, "
                "float32; null if made before it was kept",
                nullable=True,
            ),
        ),
        group="topics",
    ),
    Table(
        "sentence_topics",
        "One row per non-procedural sentence: its topic, if any",
        ("sentence_id",),
        (
            SENTENCE,
            FIRM,
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
            FIRM,
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
            TOPIC,
            FIRM,
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
        (TOPIC, FIRM, *NAMING_COLUMNS),
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
            TOPIC,
            Column("theme_id", STRING, "Its theme, if any", nullable=True, references=("themes", "theme_id")),
            FIRM,
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
            SENTENCE,
            Column("label", STRING, "Most probable class", values=LABELS),
            Column("p_positive", DOUBLE, "Probability that it is positive", bounds=_SHARE),
            Column("p_neutral", DOUBLE, "Probability that it is neutral", bounds=_SHARE),
            Column("p_negative", DOUBLE, "Probability that it is negative", bounds=_SHARE),
            Column("model", STRING, "Model or word list that scored it"),
        ),
        group="models",
    ),
    *MEMBERSHIP_TABLES,
    *SCORE_TABLES,
    *SERIES_TABLES,
    *RETURNS_TABLES,
    *CONTROL_TABLES,
    *SORT_TABLES,
    *EVENT_TABLES,
    *PINNED_TABLES,
    *FAMILY_TABLES,
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
            FIRM,
            Column("firm_name", STRING, "Company name"),
            PERMNO,
            GVKEY,
            Column("first_call_date", DATE, "Date of the firm's first call in the quarter"),
            Column("n_calls", INT, "Calls with a sentence in the theme", bounds=(1, float("inf"))),
            *LABEL_COUNTS,
            Column("n_sentences", INT, "All sentences of the firm in the theme", bounds=(1, float("inf"))),
            Column("score", DOUBLE, SCORE, bounds=(-1.0, 1.0)),
            SCORE_SE,
            SCORE_DF,
            N_TURNS,
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
            *LABEL_COUNTS,
            Column("n_sentences", INT, "All sentences in the theme", bounds=(1, float("inf"))),
            Column("score", DOUBLE, SCORE, bounds=(-1.0, 1.0)),
            SCORE_SE_BY_FIRM,
            SCORE_DF_BY_FIRM,
        ),
        group="marts",
    ),
    *PANEL_TABLES,
    *COST_TABLES,
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

QUARTERLY = tuple(name for name, contract in TABLES.items() if not contract.is_on_demand)
"""The tables that make a quarter complete: those that its job makes."""

NAMING_AUDITS = ("topic_naming_audit", "theme_naming_audit")
"""Each is written by the asset that names, together with the names; the DuckDB view `naming_audit` combines them."""
