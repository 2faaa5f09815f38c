"""The contracts of event studies: the tests of each theme series over all quarters so far, and its terciles by tone.

Belongs here: results over several quarters. A partition holds what is known at the end of its quarter, from that
quarter and earlier ones alone. All returns are decimals (0.01 is one percent).
"""

from __future__ import annotations

from ftm_resources.tables.categories import (
    EVENT_SAMPLES,
    FIXED_EFFECTS,
    RETURN_MODELS,
    TERCILES,
    TEST_REASONS,
    THEME_DEFINITIONS,
    TONES,
)
from ftm_resources.tables.contract import DOUBLE, INT, STRING, Column, Table
from ftm_resources.tables.naming_columns import COUNT

_SHARE = (0.0, 1.0)

_LOOK_AHEAD = (
    "quarter: the themes of the call's own quarter, which are found once all its calls are known; a look-ahead in "
    "what the theme is, though not in dates. known_before: the call's topics assigned to series as known at the end "
    "of the quarter before, so nothing later than the call defines the theme"
)

_TEST = (
    Column("series_id", STRING, "The theme series; `pooled` for all themes of each call taken together"),
    Column("series_name", STRING, "The series' name, as known at the end of the quarter"),
    Column("definition", STRING, f"What the theme is made from. {_LOOK_AHEAD}", values=THEME_DEFINITIONS),
    Column("model", STRING, "Model of expected returns", values=RETURN_MODELS),
    Column("window", STRING, "Event window in trading days from day 0, e.g. [0,+1]"),
    Column(
        "tone",
        STRING,
        "Measure of the call's tone about the theme, as in sentiment_scores. score_given_call is the score with the "
        "call's score about all its other themes held constant: a call that is upbeat is so about most themes, so that "
        "any of them may seem to move returns that one of them moves. Terciles are then by the difference of the two",
        values=TONES,
    ),
    Column(
        "sample",
        STRING,
        "event: the calls; pre_event: the calls, before they are held; placebo: days without a call of the same firms, "
        "drawn by chance, with the tone of the calls. The last two should show nothing",
        values=EVENT_SAMPLES,
    ),
)
_CONTROLS = Column(
    "controls",
    STRING,
    "What the regression holds constant beside the tone: none, or the names of columns of the table controls, as known "
    "when the call began",
)
_KEY = ("series_id", "definition", "model", "window", "tone", "sample")
_SIZE = (
    Column("n_events", INT, "Events with a tone and an abnormal return", bounds=COUNT),
    Column("n_firms", INT, "Firms among them", bounds=COUNT),
    Column("n_dates", INT, "Event dates among them", bounds=COUNT),
)


def _estimate(name: str, doc: str, **more: object) -> Column:
    return Column(name, DOUBLE, f"{doc}; null with a reason", nullable=True, **more)  # type: ignore[arg-type]


EVENT_TABLES = (
    Table(
        "event_study",
        "One row per theme series, definition, model, window, measure of tone, sample and set of controls: the "
        "regression of abnormal returns around calls on tone about the theme, over this and all earlier quarters. With "
        "definition quarter, themes are made from the whole quarter: no look-ahead in dates, but in what the theme is; "
        "known_before has none",
        (*_KEY, "controls"),
        (
            *_TEST,
            _CONTROLS,
            *_SIZE,
            Column(
                "n_without_return",
                INT,
                "Events with a tone that are left out: abnormal_returns gives the reason of a call; a placebo also "
                "lacks those for which no day was far enough from the firm's calls",
                bounds=COUNT,
            ),
            Column(
                "n_without_controls",
                INT,
                "Events with a tone and a return that are left out of this regression because one of its controls is "
                "unknown (the table controls gives the reason); other rows keep them",
                bounds=COUNT,
            ),
            Column("n_quarters", INT, "Quarters among the events", bounds=COUNT),
            Column("fixed_effects", STRING, "Effects that are taken out", values=FIXED_EFFECTS),
            _estimate("coefficient", "Change of the cumulative abnormal return, decimal, per unit of tone"),
            _estimate(
                "std_error",
                "Its standard error, clustered by firm and by date (Cameron, Gelbach & Miller 2011, Journal of "
                "Business & Economic Statistics 29; Thompson 2011, Journal of Financial Economics 99)",
                bounds=COUNT,
            ),
            _estimate("t", "coefficient / std_error"),
            _estimate(
                "p",
                "Two-sided p-value of t, by Student's t with one degree of freedom less than there are firms or dates, "
                "whichever are fewer",
                bounds=_SHARE,
            ),
            _estimate("r_squared", "Share of the variance explained, without fixed effects' part"),
            Column("mean_car", DOUBLE, "Mean cumulative abnormal return; null without events", nullable=True),
            Column(
                "q_value",
                DOUBLE,
                "p adjusted for the number of series tested, by the false discovery rate (Benjamini & Hochberg 1995); "
                "series of the same definition, model, window, tone, sample and controls are a family. Null for pooled",
                nullable=True,
                bounds=_SHARE,
            ),
            Column(
                "p_romano_wolf",
                DOUBLE,
                "p adjusted for the same family by the family-wise error rate: step-down (Romano & Wolf 2005) with a "
                "wild score bootstrap that draws event dates together for all series. Null for pooled",
                nullable=True,
                bounds=_SHARE,
            ),
            Column("reason", STRING, "Why there is no test", nullable=True, values=TEST_REASONS),
        ),
        group="returns",
        is_optional=True,
        is_on_demand=True,
    ),
    Table(
        "event_terciles",
        "One row per row of event_study without controls, and group of its events by tone: mean abnormal return, and "
        "statistics of whether it is zero",
        (*_KEY, "tercile"),
        (
            *_TEST,
            Column(
                "tercile",
                STRING,
                "all events; those of low, middle or high tone; high_less_low: the difference of the two. Events of "
                "the same tone are in the same tercile, whatever the window",
                values=TERCILES,
            ),
            *_SIZE,
            Column(
                "n_repeated",
                INT,
                "Events on a day on which their firm has another one here, such as a call that is listed twice. Their "
                "returns are the same, so patell, bmp, kolari_pynnonen and rank count one a day; n_events and mean_car "
                "count all",
                bounds=COUNT,
            ),
            Column("mean_tone", DOUBLE, "Mean tone; null without events", nullable=True, bounds=(-2.0, 2.0)),
            Column(
                "mean_car",
                DOUBLE,
                "Mean cumulative abnormal return; null without events",
                nullable=True,
            ),
            _estimate(
                "std_error",
                "Its standard error, clustered by firm and by date. Windows of different dates that overlap count as "
                "independent, so that it is too small for long windows: see kolari_pynnonen",
                bounds=COUNT,
            ),
            _estimate("p", "Two-sided p-value of mean_car / std_error, as in event_study", bounds=_SHARE),
            _estimate(
                "patell",
                "Patell 1976: mean of the standardised CAR; normal if events are independent and their variance is as "
                "in the estimation window",
            ),
            _estimate(
                "bmp",
                "Boehmer, Musumeci & Poulsen 1991: the same with the cross-sectional variance, so that a variance that "
                "rises on the event does no harm; Student's t if events are independent",
            ),
            _estimate(
                "kolari_pynnonen",
                "Kolari & Pynnönen 2010: BMP corrected for the correlation of events that overlap in calendar time, "
                "each pair weighted by the share of its days in common (Kolari, Pape & Pynnönen 2018)",
            ),
            _estimate(
                "rank",
                "Corrado 1989, over several days as Corrado & Zivney 1992: mean rank of the days of the window; normal",
            ),
            _estimate(
                "overlap_share",
                "Share of the pairs of events whose windows overlap in calendar time",
                bounds=_SHARE,
            ),
            _estimate(
                "mean_correlation",
                "Mean correlation of the abnormal returns of pairs of events in the estimation window, times the share "
                "of days in common; what Kolari-Pynnönen corrects for",
            ),
            _estimate(
                "variance_ratio",
                "Variance of the standardised CAR: 1 if the event does not raise the variance",
                bounds=COUNT,
            ),
            _estimate(
                "patell_size",
                "How often Patell's statistic would reject at 5% if there were nothing, given variance_ratio and "
                "mean_correlation; fit up to 0.065",
                bounds=_SHARE,
            ),
            _estimate(
                "bmp_size",
                "How often BMP would reject at 5% if there were nothing, given mean_correlation; fit up to 0.065",
                bounds=_SHARE,
            ),
            Column("reason", STRING, "Why there is no test", nullable=True, values=TEST_REASONS),
        ),
        group="returns",
        is_optional=True,
        is_on_demand=True,
    ),
    Table(
        "event_paths",
        "One row per theme series, sample, group of its events by tone and day: the mean return from day -10 on, as in "
        "the pictures of event_study. By the first definition and measure of tone of the study and its last model, of "
        "series with at least min_events events that have a return on each of the days",
        ("series_id", "definition", "model", "tone", "sample", "tercile", "day"),
        (
            *(column for column in _TEST if column.name not in {"window", "sample"}),
            Column("sample", STRING, "event or placebo, as in event_study", values=("event", "placebo")),
            Column("tercile", STRING, "As in event_terciles", values=TERCILES[1:]),
            Column("day", INT, "Trading day, from day 0"),
            Column("n_events", INT, "Events with a return on each of the days", bounds=COUNT),
            Column(
                "mean_car",
                DOUBLE,
                "Mean abnormal return, cumulated from day -10; null without events",
                nullable=True,
            ),
            Column(
                "car_low",
                DOUBLE,
                "Lower end of its 95% interval: Student's t times the largest of the standard errors clustered by "
                "firm, by date and by both; null for a group of fewer than three firms or dates, and for a difference "
                "from it",
                nullable=True,
            ),
            Column("car_high", DOUBLE, "Upper end", nullable=True),
        ),
        group="returns",
        is_optional=True,
        is_on_demand=True,
    ),
)
