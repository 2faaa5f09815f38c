"""The contracts of the panels: series of themes by quarter, by firm and by call, zeros included.

Belongs here: what the marts `call_theme_panel`, `firm_theme_panel`, `theme_panel` and those of pinned themes hold, in
words that a codebook can print: each column's document says its formula and unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_resources.tables.call_tables import AFTER_CLOSE, CALL_DATE, FIRM, GVKEY, PERMNO, TRANSCRIPT
from ftm_resources.tables.categories import (
    COHERENCE_CLASSES,
    FEWEST_FIRMS,
    LINK_EVENTS,
    PANEL_STATUSES,
    SCORE,
)
from ftm_resources.tables.contract import DATE, DOUBLE, INT, STRING, TIMESTAMP, Column, Table
from ftm_resources.tables.naming_columns import COUNT
from ftm_resources.tables.series_tables import PINNED, PINNED_NAME, SERIES, SERIES_NAME
from ftm_resources.tables.theme_tables import SCORE_DF, SCORE_DF_BY_FIRM, SCORE_SE, SCORE_SE_BY_FIRM

if TYPE_CHECKING:
    import pyarrow as pa

_SHARE, _COSINE, _CHANGE = (0.0, 1.0), (-1.0, 1.0), (-2.0, 2.0)
_POSITIVE = (1, float("inf"))


def _maybe(name: str, type_: pa.DataType, doc: str, bounds: tuple[float, float] | None = None) -> Column:
    return Column(name, type_, doc, nullable=True, bounds=bounds)


_THEME = Column("theme_id", STRING, "The series' theme of the quarter", references=("themes", "theme_id"))
_STATUS = Column(
    "status",
    STRING,
    "measured, or why counts and attention are null: no sentence of the quarter counts in the theme, as in a weak one "
    "(no_members), the firm said too little for topics (too_small), its topic modelling failed (failed) or did not run "
    "(not_modelled), or nothing was said about the business (no_business)",
    values=PANEL_STATUSES,
)
_COHERENCE = (
    _maybe(
        "coherence",
        DOUBLE,
        "How well the theme holds together (see theme_coherence); null without core sentences",
        _COSINE,
    ),
    Column(
        "coherence_class",
        STRING,
        "coherent, mixed or weak (see theme_coherence): leave out weak themes, and perhaps mixed ones; null if "
        "theme_coherence lacks the theme",
        nullable=True,
        values=COHERENCE_CLASSES,
    ),
)
_FIRM = (
    FIRM,
    Column("firm_name", STRING, "Company name, at the firm's last call of the quarter"),
    PERMNO,
    GVKEY,
    Column("first_call_date", DATE, "Date of the firm's first call in the quarter, in New York"),
    Column(
        "first_call_at",
        TIMESTAMP,
        "Start of that call, UTC; midnight in New York if the source has only a date",
    ),
    AFTER_CLOSE,
    Column("n_calls", INT, "Calls of the firm in the quarter", bounds=_POSITIVE),
)
_CALL = (
    TRANSCRIPT,
    FIRM,
    Column("firm_name", STRING, "Company name"),
    PERMNO,
    GVKEY,
    CALL_DATE,
    Column(
        "call_at",
        TIMESTAMP,
        "Start of the call, UTC; midnight in New York if the source has only a date",
    ),
    AFTER_CLOSE,
)
_PINNED_THEME = (
    PINNED,
    PINNED_NAME,
    Column(
        "n_themes",
        INT,
        "Themes of the quarter that link to it, whose member sentences count; if 0, the status is no_members",
        bounds=COUNT,
    ),
)


def _measures(whose: str) -> tuple[Column, ...]:
    """Return the columns of attention and tone of a unit: `the firm`, or `the call`."""
    parts = {
        "presentation": "prepared remarks",
        "q_and_a": "questions and answers",
        "executive": "sentences of executives",
        "analyst": "sentences of analysts",
    }
    split = [
        column
        for part, words in parts.items()
        for column in (
            Column(f"n_business_{part}", INT, f"Business sentences, {words} only", bounds=COUNT),
            _maybe(f"n_sentences_{part}", INT, f"Member sentences, {words} only", COUNT),
            _maybe(
                f"attention_{part}",
                DOUBLE,
                f"Attention, {words} only: n_sentences_{part} / n_business_{part}; null if there are none",
                _SHARE,
            ),
            _maybe(f"score_{part}", DOUBLE, f"Score, {words} only; null if none is a member", _COSINE),
            _maybe(f"score_se_{part}", DOUBLE, f"Standard error of score_{part}, as score_se", COUNT),
            _maybe(f"score_df_{part}", DOUBLE, f"Degrees of freedom of score_se_{part}, as score_df", COUNT),
        )
    ]
    return (
        _STATUS,
        Column("n_business", INT, f"Business sentences of {whose} (see sentence_kinds)", bounds=COUNT),
        _maybe("n_sentences", INT, f"Member sentences of the theme that {whose} has; 0 if none", COUNT),
        _maybe(
            "attention", DOUBLE, f"Share of {whose}'s business in the theme: n_sentences / n_business", _SHARE
        ),
        _maybe("n_positive", INT, "Positive member sentences", COUNT),
        _maybe("n_neutral", INT, "Neutral member sentences", COUNT),
        _maybe("n_negative", INT, "Negative member sentences", COUNT),
        _maybe("score", DOUBLE, f"{SCORE}; null without a member sentence", _COSINE),
        SCORE_SE,
        SCORE_DF,
        _maybe("n_turns", INT, "Speaker turns that the member sentences are from", COUNT),
        *split,
    )


def _of_topics(whose: str) -> tuple[Column, ...]:
    """Return the columns of what is said in topics that link to a pinned theme."""
    return (
        _maybe(
            "n_topic_sentences",
            INT,
            f"Sentences of {whose} in topics that link to the pinned theme (see pinned_topic_links), in a theme or not",
            COUNT,
        ),
        _maybe(
            "topic_attention",
            DOUBLE,
            "n_topic_sentences / n_business: attention by firms' own topics, measured also in quarters without a theme "
            "about it, but of every sentence of a topic; null if the firm's topics were not modelled",
            _SHARE,
        ),
    )


PANEL_TABLES = (
    Table(
        "firm_theme_panel",
        "One row per series and firm with a call in the quarter, also where the firm has no sentence in the theme: "
        "attention 0, score null (dbt)",
        ("series_id", "firm_id"),
        (
            SERIES,
            SERIES_NAME,
            _THEME,
            *_COHERENCE,
            *_FIRM,
            *_measures("the firm"),
            _maybe(
                "previous_quarter",
                STRING,
                "The latest of the four calendar quarters before, of those in the warehouse, in which the firm was "
                "measured; null if there is none",
            ),
            _maybe(
                "attention_change",
                DOUBLE,
                "attention less that of previous_quarter; null if the series was not measured then",
                _COSINE,
            ),
            _maybe(
                "score_change",
                DOUBLE,
                "score less that of previous_quarter; null without a member sentence in either quarter",
                _CHANGE,
            ),
        ),
        group="marts",
    ),
    Table(
        "call_theme_panel",
        "One row per series and call of the quarter, also where the call has no sentence in the theme: attention 0, "
        "score null (dbt)",
        ("series_id", "transcript_id"),
        (SERIES, SERIES_NAME, _THEME, *_COHERENCE, *_CALL, *_measures("the call")),
        group="marts",
    ),
    Table(
        "firm_pinned_panel",
        "One row per pinned theme, which a researcher defined, and firm with a call in the quarter, zeros included "
        "(dbt)",
        ("series_id", "firm_id"),
        (*_PINNED_THEME, *_FIRM, *_measures("the firm"), *_of_topics("the firm")),
        group="marts",
    ),
    Table(
        "call_pinned_panel",
        "One row per pinned theme and call of the quarter, zeros included (dbt)",
        ("series_id", "transcript_id"),
        (*_PINNED_THEME, *_CALL, *_measures("the call"), *_of_topics("the call")),
        group="marts",
    ),
    Table(
        "theme_panel",
        "One row per series with a theme in the quarter: all measured firms (dbt)",
        ("series_id",),
        (
            SERIES,
            SERIES_NAME,
            _THEME,
            *_COHERENCE,
            Column("event", STRING, "How the theme came to its series (see theme_links)", values=LINK_EVENTS),
            Column(
                "n_firms_measured",
                INT,
                "Firms with topics that spoke of the business: those whose attention was measured, if the theme's was",
                bounds=_POSITIVE,
            ),
            _maybe(
                "n_firms",
                INT,
                "Those with a member sentence of the theme; this, counts and attention are null if no sentence counts "
                "in the theme, as in a weak one",
                COUNT,
            ),
            _maybe("firm_share", DOUBLE, "n_firms / n_firms_measured", _SHARE),
            Column("n_business", INT, "Business sentences of the n_firms_measured", bounds=_POSITIVE),
            _maybe("n_sentences", INT, "Member sentences of the theme", COUNT),
            _maybe("attention", DOUBLE, "n_sentences / n_business: sentences weigh alike", _SHARE),
            _maybe("mean_attention", DOUBLE, "Mean of the firms' attention: firms weigh alike", _SHARE),
            _maybe(
                "attention_sd",
                DOUBLE,
                "Standard deviation (n - 1) of attention across firms measured, zeros included; null for fewer than "
                f"{FEWEST_FIRMS}",
                COUNT,
            ),
            _maybe("n_positive", INT, "Positive member sentences", COUNT),
            _maybe("n_neutral", INT, "Neutral member sentences", COUNT),
            _maybe("n_negative", INT, "Negative member sentences", COUNT),
            _maybe("score", DOUBLE, f"{SCORE}; null without a member sentence", _COSINE),
            SCORE_SE_BY_FIRM,
            SCORE_DF_BY_FIRM,
            _maybe("mean_score", DOUBLE, "Mean of the scores of the n_firms: firms weigh alike", _COSINE),
            _maybe(
                "score_sd",
                DOUBLE,
                f"Standard deviation (n - 1) of the score across the n_firms; null for fewer than {FEWEST_FIRMS}",
                COUNT,
            ),
            _maybe(
                "concentration",
                DOUBLE,
                "Herfindahl index of member sentences by firm: sum of squared shares, 1 / n_firms to 1",
                _SHARE,
            ),
            _maybe(
                "novelty",
                DOUBLE,
                "1 - similarity of the theme to its series' past (see theme_links); null if it opens the series",
                (0.0, 2.0),
            ),
        ),
        group="marts",
    ),
)
