"""The values that columns of categories may hold, and the formula of a score: shared by contracts and methods."""

from __future__ import annotations

SPEAKER_TYPES = ("operator", "executive", "analyst", "shareholder", "attendee", "unknown")
SECTIONS = ("presentation", "q_and_a")
SENTENCE_KINDS = ("business", "call", "empty")
"""About the business; about the call itself; neither, such as filler and courtesies."""
KIND_METHODS = ("embeddings", "words")
"""What the judgment of a sentence went by: embeddings, words and form; or words and form alone."""
NAMING_METHODS = ("extractive", "llm")
NAMING_OUTCOMES = ("named", "repaired", "unusable", "rejected", "unanswered", "down", "extractive")
SCORE = "(n_positive - n_negative) / n_sentences"
"""The score of a theme, in every table that has one; also a valid DuckDB expression."""
EXPECTED_SCORE = "p_positive - p_negative"
"""The expected value of one sentence in the score, from its probabilities; also a valid DuckDB expression."""

COVERAGE_STEPS = ("seen", "selection", "version", "link", "sentences", "topics", "themes", "scores")
AUDIT_STATUSES = (
    "kept",
    "superseded",
    "duplicate",
    "empty",
    "other_event",
    "other_language",
    "other_company",
    "excluded",
    "unlinked",
)
"""What became of a transcript: kept; another version of its call was kept (superseded, duplicate if word for word);
without text; not an earnings call; in a language that is not configured; kept for another company that lists it; of a
firm that the config leaves out; without a PERMNO."""
THEME_REASONS = ("outlier", "unstable", "few firms", "procedural", "dominated")
"""Why a topic is in no theme: near none; in a cluster that too few subsamples of firms have; in a cluster of too few
firms; about the call itself; of a firm that holds too much of its cluster."""
MEMBERSHIP_REASONS = ("weak", "nearer another", "mixed topic", "weak theme", "second theme")
"""Why a sentence does not count in a theme that its topic belongs to: too little like the theme; clearly more like
another; of a topic that too few members hold together; of a theme that does not hold together. Last, why it has a row
in a theme of other topics."""
COHERENCE_CLASSES = ("coherent", "mixed", "weak")
"""How well a theme holds together, by the strength of its core sentences (see `methods.topics.theme_coherence`)."""
LINK_EVENTS = ("born", "continued", "revived", "split", "merged")
"""How a theme came to its series (see `theme_links`)."""
SERIES_EVENTS = (*LINK_EVENTS, "ended")
"""What happens to a series in a quarter. In `series_events`, split and merged are those of the series that lives on."""
RELATIONS = ("split_from", "merged_into", "similar")
"""What a series is to a theme that resembles it and belongs to another."""
SERIES_STATUSES = ("active", "dormant", "ended")
RETURN_MODELS = ("market_adjusted", "market_model", "ff3", "carhart")
"""Models of expected returns (see `methods.returns.expected_returns`)."""
WINDOW_REASONS = (
    "no_permno",
    "no_returns",
    "not_listed",
    "not_over",
    "delisted",
    "missing_returns",
    "missing_factors",
    "too_few_days",
)
"""Why a call has no abnormal return in a window: no PERMNO; no return of its PERMNO at all; the returns begin within
or after the window; the data end before the window does; the returns end before it does, though the data go on; some
day's return, or a factor that the model needs, is missing; too few days to estimate the model."""
WEIGHTINGS = ("equal", "value")
SORT_MODELS = ("mean", "market", "ff3", "carhart")
"""What a portfolio's return is explained by (see `methods.returns.newey_west`)."""
MEMBER_REASONS = ("no_permno", "no_returns", "too_few_sentences", "too_few_breakpoint_calls")
"""Why a call is in no portfolio: no PERMNO; no return of its PERMNO at all; too few sentences to have a tone; too few
calls whose tone was known before."""
SORT_REASONS = ("no_calls", "too_few_stocks", "too_few_days", "missing_factors")
"""Why a portfolio has no alpha: no call was sorted into it; it never held enough stocks; it did on too few days; the
model's factors are missing, or depend on each other, on the days on which it did."""
CONTROL_REASONS = (
    "no_permno",
    "no_source",
    "no_returns",
    "too_few_days",
    "no_market_value",
    "not_known",
    "stale",
    "no_value",
    "no_year_before",
    "no_price",
)
"""Why a control of a call is unknown: no PERMNO; no source of fundamentals is set; no return of its PERMNO at all; too
few days with returns; no market value; nothing reported up to the call; the newest report is too old; the report lacks
the figure; that of the year before lacks it or is not there; no price to scale by."""
SUE_METHODS = ("given", "seasonal_walk")
"""How unexpected earnings were made: by the source, which has them ready; from earnings per share, less those of the
same fiscal quarter a year before. The two are different measures."""
THEME_DEFINITIONS = ("quarter", "known_before")
"""What a theme that is tested is made from: its whole quarter, or earlier quarters alone (see `event_study`)."""
SORT_DEFINITIONS = (*THEME_DEFINITIONS, "pinned")
"""What portfolios are sorted by; pinned: the themes of a researcher's own dictionary."""
POOLED = "pooled"
"""`series_id` of all themes of a call, or all series, taken together."""
LEVEL = 0.05
"""At which a test is called significant."""
EVENT_SAMPLES = ("event", "pre_event", "placebo")
TONES = ("score", "expected_score", "score_given_call")
"""Measures of tone: by their columns in `sentiment_scores`; last, the score with that of the call about all its other
themes held constant."""
TERCILES = ("all", "low", "middle", "high", "high_less_low")
CONTROLS = ("sue", "log_size", "book_to_market", "momentum", "volatility")
"""What was known of a firm when its call began: columns of `controls`."""
FIXED_EFFECTS = ("none", "firm", "quarter", "firm and quarter")
TEST_REASONS = ("too_few_events", "too_few_clusters", "no_variation", "no_variance")
"""Why there is no test: fewer events than the config asks for; fewer than three firms or three dates; all events have
the same tone, or fixed effects or controls explain it; the clustered variance is not positive, or is that of a perfect
fit."""
PANEL_STATUSES = ("measured", "no_members", "too_small", "failed", "not_modelled", "no_business")
"""Whether a firm's or call's attention was measured, or why not (see `firm_theme_panel`)."""
FEWEST_FIRMS = 5
"""Fewest firms of which a theme's standard error and spread across firms are given. The median 95% interval of a score
is ±1.63 wide with two firms, ±0.68 with three, ±0.36 with five (docs/series.md). dbt_project.yml has it too."""
LABELS = ("positive", "neutral", "negative")
