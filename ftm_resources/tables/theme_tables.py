"""The contracts of what is in a theme and of its tone: membership of sentences, coherence, scores and their cells."""

from __future__ import annotations

from ftm_resources.tables.call_tables import (
    AFTER_CLOSE,
    CALL_DATE,
    FIRM,
    GVKEY,
    PERMNO,
    SENTENCE,
    TOPIC,
    TRANSCRIPT,
)
from ftm_resources.tables.categories import (
    COHERENCE_CLASSES,
    EXPECTED_SCORE,
    FEWEST_FIRMS,
    MEMBERSHIP_REASONS,
    SCORE,
    SECTIONS,
    SPEAKER_TYPES,
)
from ftm_resources.tables.contract import BOOL, DOUBLE, INT, STRING, Column, Table
from ftm_resources.tables.naming_columns import COUNT

_SHARE, _COSINE = (0.0, 1.0), (-1.0, 1.0)
_THEME = Column("theme_id", STRING, "The theme", references=("themes", "theme_id"))
LABEL_COUNTS = (
    Column("n_positive", INT, "Positive sentences", bounds=COUNT),
    Column("n_neutral", INT, "Neutral sentences", bounds=COUNT),
    Column("n_negative", INT, "Negative sentences", bounds=COUNT),
)
SCORE_SE = Column(
    "score_se",
    DOUBLE,
    "Standard error of the score, for sentences that are alike within a speaker turn: the cluster-robust one (CR2), "
    "sqrt(sum over turns of (sum of (x - score) in the turn)^2 / (1 - n / n_sentences)) / n_sentences, where x is +1, "
    "0 or -1 and n the turn's sentences (Bell & McCaffrey 2002, Survey Methodology 28, 169-181). The interval is score "
    "± t of score_df degrees of freedom * score_se. Null if all sentences are of one turn, or all turns have the same "
    "mean, which would make it 0",
    nullable=True,
    bounds=COUNT,
)
SCORE_DF = Column(
    "score_df",
    DOUBLE,
    "Degrees of freedom of score_se (Satterthwaite's, as Bell & McCaffrey have them), 1 to n_turns - 1; fewer the more "
    "the turns differ in length: N^2 / (sum of n^2 + (sum of b)^2 - sum of b^2), where b = n^2 / (N - n), n is a "
    "turn's sentences and N n_sentences. Null where score_se is",
    nullable=True,
    bounds=(0.0, float("inf")),
)
SCORE_SE_BY_FIRM = Column(
    "score_se",
    DOUBLE,
    "Standard error of the score, for sentences that are alike within a firm: the formula of sentiment_scores, with "
    f"firms in the place of turns. Null for fewer than {FEWEST_FIRMS} firms with a member sentence, of which it would "
    "say little, and if all firms have the same score",
    nullable=True,
    bounds=COUNT,
)
SCORE_DF_BY_FIRM = Column(
    "score_df",
    DOUBLE,
    "Degrees of freedom of score_se, as in sentiment_scores, with firms in the place of turns; null where score_se is",
    nullable=True,
    bounds=(0.0, float("inf")),
)
N_TURNS = Column("n_turns", INT, "Speaker turns that the sentences are from", bounds=(1, float("inf")))
_TONE = (
    Column("score", DOUBLE, SCORE, bounds=_COSINE),
    SCORE_SE,
    SCORE_DF,
    N_TURNS,
    Column("expected_score", DOUBLE, f"Mean of {EXPECTED_SCORE}: the score by probabilities", bounds=_COSINE),
    Column("mean_p_positive", DOUBLE, "Mean probability that a sentence is positive", bounds=_SHARE),
    Column("mean_p_neutral", DOUBLE, "Mean probability that a sentence is neutral", bounds=_SHARE),
    Column("mean_p_negative", DOUBLE, "Mean probability that a sentence is negative", bounds=_SHARE),
    Column("mean_strength", DOUBLE, "Mean strength of the sentences in the theme", bounds=_COSINE),
)
"""Tone of member sentences, by the same rules at every grain."""

MEMBERSHIP_TABLES = (
    Table(
        "theme_sentences",
        "One row per theme and sentence of its topics: how strongly the sentence belongs to the theme, and whether it "
        "counts; also one per sentence that another theme is as near to",
        ("theme_id", "sentence_id"),
        (
            _THEME,
            SENTENCE,
            TOPIC,
            FIRM,
            Column(
                "strength",
                DOUBLE,
                "Similarity of the sentence, in its context, to the theme: mean of its cosines to the sentences and to "
                "the descriptions of the theme's topics, centred on the quarter",
                bounds=_COSINE,
            ),
            Column(
                "margin",
                DOUBLE,
                "Strength less that in the most similar other theme; null if the quarter has one theme",
                nullable=True,
                bounds=(-2.0, 2.0),
            ),
            Column("is_member", BOOL, "Counts in the theme: in scores, attention and evidence"),
            Column(
                "is_second",
                BOOL,
                "The theme is not that of the sentence's topic, but as near; counts only with count_second",
            ),
            Column(
                "reason",
                STRING,
                "Why the sentence does not count in the theme; null for a member",
                nullable=True,
                values=MEMBERSHIP_REASONS,
            ),
        ),
        group="themes",
    ),
    Table(
        "topic_coherence",
        "One row per topic in a theme: how many of its sentences speak of the theme",
        ("topic_id",),
        (
            TOPIC,
            _THEME,
            FIRM,
            Column("n_sentences", INT, "Sentences in the topic", bounds=(1, float("inf"))),
            Column("n_members", INT, "Those that are members of the theme", bounds=COUNT),
            Column(
                "near_share",
                DOUBLE,
                "Share of the topic's sentences that are strong and near enough to be members; below "
                "min_member_share the topic is mixed and none is",
                bounds=_SHARE,
            ),
            Column("member_share", DOUBLE, "Share of the topic's sentences that are members", bounds=_SHARE),
            Column(
                "coherence",
                DOUBLE,
                "Mean cosine of the topic's sentences, in their context and centred on the quarter, to their mean",
                bounds=_COSINE,
            ),
            Column("mean_strength", DOUBLE, "Mean strength of the topic's sentences", bounds=_COSINE),
            Column(
                "core_strength",
                DOUBLE,
                "Mean strength of the topic's core sentences: strong, and as near to no other theme; null without any",
                nullable=True,
                bounds=_COSINE,
            ),
            Column("is_mixed", BOOL, "Too mixed to carry the theme: no sentence of it is a member"),
        ),
        group="themes",
    ),
    Table(
        "theme_coherence",
        "One row per theme: how well it holds together",
        ("theme_id",),
        (
            _THEME,
            Column("n_sentences", INT, "Sentences in the theme's topics", bounds=COUNT),
            Column("n_members", INT, "Those that are members", bounds=COUNT),
            Column(
                "n_member_firms", INT, "Firms with a member sentence among the theme's topics", bounds=COUNT
            ),
            Column("member_share", DOUBLE, "Share of the theme's sentences that are members", bounds=_SHARE),
            Column(
                "coherence",
                DOUBLE,
                "Mean strength of the theme's core sentences (see topic_coherence), each topic counted alike; null "
                "without any",
                nullable=True,
                bounds=_COSINE,
            ),
            Column(
                "coherence_class",
                STRING,
                "coherent, mixed or weak, by bounds on coherence that were measured on labelled themes "
                "(docs/labelling.md); a weak theme has no members",
                values=COHERENCE_CLASSES,
            ),
        ),
        group="themes",
    ),
)

SCORE_TABLES = (
    Table(
        "sentiment_scores",
        "One row per theme and call: sentiment of the firm's member sentences of the theme",
        ("theme_id", "transcript_id"),
        (
            _THEME,
            TRANSCRIPT,
            FIRM,
            Column("firm_name", STRING, "Company name"),
            PERMNO,
            GVKEY,
            CALL_DATE,
            AFTER_CLOSE,
            *LABEL_COUNTS,
            Column("n_sentences", INT, "All member sentences of the call", bounds=(1, float("inf"))),
            *_TONE,
        ),
        group="scores",
    ),
    Table(
        "sentiment_cells",
        "One row per theme, call, section and kind of speaker: `sentiment_scores` split; its counts add up to them",
        ("theme_id", "transcript_id", "section", "speaker_type"),
        (
            _THEME,
            TRANSCRIPT,
            Column("section", STRING, "Prepared remarks or questions and answers", values=SECTIONS),
            Column("speaker_type", STRING, "Kind of speaker", values=SPEAKER_TYPES),
            FIRM,
            PERMNO,
            CALL_DATE,
            AFTER_CLOSE,
            *LABEL_COUNTS,
            Column("n_sentences", INT, "All member sentences of the cell", bounds=(1, float("inf"))),
            *_TONE,
        ),
        group="scores",
    ),
)
