"""What the page of a quarter is drawn from: plain values, which become JSON inside the page.

What belongs here: the shape alone. `gathering` gathers it from tables; `page` draws it. Firms, themes and groups are
referred to by their position in the lists of `Report`, so that no name is repeated a hundred thousand times.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """A sentence as it was said."""

    sentence_id: str
    text: str
    firm: int
    """Position in `Report.firms`."""
    call_date: str
    """ISO 8601."""
    speaker: str | None
    speaker_type: str
    section: str
    label: str
    """positive, neutral or negative."""
    strength: float
    """p_positive - p_negative, in [-1, 1]: what it is sorted by."""


@dataclass(frozen=True)
class Split:
    """Tone of a theme's member sentences in one section or of one speaker type."""

    name: str
    n_sentences: int
    score: float | None


@dataclass(frozen=True)
class FirmInTheme:
    """A firm's part in a theme."""

    firm: int
    n_sentences: int
    """Member sentences."""
    n_topics: int
    score: float | None
    moves: float | None = None
    """How far the firm moves the theme's tone: its share of the theme's member sentences times (its score - the
    theme's score). Those of all firms of a theme add up to 0; None without a score."""


@dataclass(frozen=True)
class Theme:
    """A row of the table of themes, and what it opens to. Shares are in [0, 1], scores in [-1, 1]."""

    theme_id: str
    series_id: str | None
    name: str
    description: str
    keywords: tuple[str, ...]
    group: int
    """Position in `Report.groups`."""
    x: float
    y: float
    """Where its name stands in the map, in [0, 1]."""
    n_firms: int
    """With a member sentence."""
    n_topics: int
    n_sentences: int
    """Member sentences."""
    attention: float | None
    """Share of the business sentences of the firms measured that are its members, as `theme_panel` has it."""
    score: float | None
    score_low: float | None
    score_high: float | None
    """The 95% interval, which may reach beyond [-1, 1]; None where it has no standard error."""
    attention_change: float | None
    score_change: float | None
    """Against the quarter before, of the same series; None without it."""
    since: str | None
    """First quarter of the series, as far as stored; None without series."""
    largest_firm: int | None
    largest_firm_share: float | None
    """Share of its member sentences that the firm with most of them has."""
    stability: float | None
    member_share: float | None
    coherence_class: str
    """coherent, mixed or weak; empty if it was not measured."""
    flags: tuple[str, ...]
    """What a reader must know of it, in words; empty if nothing."""
    firms: tuple[FirmInTheme, ...]
    """All of its firms, most sentences first; one may have topics in it and no member sentence."""
    up: tuple[Evidence, ...]
    down: tuple[Evidence, ...]
    """Its surest positive and surest negative sentences, surest first. Who drives the tone: `FirmInTheme.moves`."""
    by_section: tuple[Split, ...]
    by_speaker: tuple[Split, ...]
    series_name: str | None = None
    """The name of its series, where it is another than the theme's own in this quarter; else None."""
    n_topic_firms: int = 0
    """Firms with a topic in it; a firm may have a topic in a theme without a member sentence, and the reverse, so
    that `firms` has more rows than either number."""


@dataclass(frozen=True)
class Firm:
    """A firm of the quarter."""

    firm_id: str
    name: str
    ticker: str | None
    permno: str | None
    gvkey: str | None
    call_dates: tuple[str, ...]
    n_sentences: int
    """About the business."""
    n_topics: int
    n_members: int
    """Of its sentences, those that are members of a theme."""
    score: float | None
    """Tone of its member sentences over all themes."""
    rank: float | None
    """Share of the quarter's other firms whose tone is lower, in [0, 1]; None if no other has one."""
    peer_score: float | None
    """What its score would be, had it spoken of its themes as the other firms did: the mean of their scores in them,
    weighted by its own sentences; None if no other firm spoke of them."""


@dataclass(frozen=True)
class Points:
    """The topics in the map: columns of equal length, a row per topic."""

    topic_id: tuple[str, ...]
    name: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    """In [0, 1]; the same place means the same subject in every quarter of the same embedding model."""
    firm: tuple[int, ...]
    theme: tuple[int, ...]
    """-1: in no theme."""
    reason: tuple[int, ...]
    """Position in `Report.reasons` of why it is in no theme; -1 for one in a theme."""
    n_sentences: tuple[int, ...]
    call_date: tuple[str, ...]
    score: tuple[float | None, ...]
    """Tone of the topic's sentences."""
    sentences: tuple[tuple[str, ...], ...]
    """Up to three each, nearest to the topic's centre first; fewer, and cut, where there are very many topics."""


@dataclass(frozen=True)
class Loss:
    """What was left out on the way to the next stage."""

    reason: str
    n: int
    is_lost: bool
    """False: left out by design (talk about the call), rather than lost."""


@dataclass(frozen=True)
class Stage:
    """A stage of the way from what the source offered to what is scored."""

    name: str
    """Of calls: offered, kept, linked, spoken, scored (calls with a score). Of sentences: sentences, topics, themes,
    scored. The first of sentences counts those of all linked calls, also of calls without a score."""
    unit: str
    """calls, sentences or topics."""
    n: int
    losses: tuple[Loss, ...]
    """Between the stage before and this one, of the unit of the stage before where the unit changes. Empty for the
    first stage of each unit."""
    notes: tuple[tuple[str, int], ...] = ()
    """What `n` is made of, in words, such as linked to a PERMNO and kept without one; adds up to `n`, or empty."""


@dataclass(frozen=True)
class Measure:
    """A measure of quality, against earlier quarters."""

    name: str
    meaning: str
    value: float | None
    unit: str
    """share, score, count, USD, seconds or empty."""
    earlier: tuple[tuple[str, float | None], ...]
    """(quarter, value), oldest first; the quarters that the panel has."""
    warning: str | None
    """What is wrong with the value; None if nothing."""
    limit: str | None = None
    """What a check expects of it, such as "at most 30%"; None if no check has a limit."""
    shown: str | None = None
    """The value with the digits that show it on its side of the limit; None if the usual ones of its unit do."""


@dataclass(frozen=True)
class Fact:
    """Something that the quarter was made from: a name and its value, under a heading."""

    heading: str
    name: str
    value: str


@dataclass(frozen=True)
class SeriesCurve:
    """A theme through time. A value per quarter of `Through.quarters`; None where the series has no theme."""

    series_id: str
    name: str
    attention: tuple[float | None, ...]
    score: tuple[float | None, ...]
    score_low: tuple[float | None, ...]
    score_high: tuple[float | None, ...]
    n_firms: tuple[int | None, ...]
    born: str | None
    ended: str | None
    """Quarter in which it began and, only for a series that `theme_series` of the page's quarter has as ended, that in
    which it was last seen; None otherwise, or outside the range. `born` is None also for the first quarter that is
    stored, of which it is not known."""
    status: str = ""
    """At the end of the page's quarter, as `theme_series` has it: active, dormant or ended. Empty if not known."""
    last_seen: str | None = None
    """Last quarter with a theme of it, as far as stored, as `theme_series` has it; may lie in a quarter before a
    missing one."""


@dataclass(frozen=True)
class Through:
    """Themes through time, for a report of several quarters."""

    quarters: tuple[str, ...]
    """All quarters of the range, stored or not: in one that is missing, every series is None."""
    missing: tuple[str, ...]
    """Those of `quarters` that are not stored, or have no panel."""
    series: tuple[SeriesCurve, ...]
    """Most attention first."""
    n_left_out: int
    """Series beyond those drawn."""


@dataclass(frozen=True)
class ReturnTest:
    """A regression of abnormal returns on tone, as a row of `event_study` without controls; None with a reason."""

    window: str
    """In trading days from day 0, such as [0,+1]."""
    sample: str
    """event, pre_event or placebo: the last two should show nothing."""
    n_events: int
    n_firms: int
    n_dates: int
    coefficient: float | None
    """Decimal, per unit of tone."""
    std_error: float | None
    t: float | None
    p: float | None
    q_value: float | None
    p_romano_wolf: float | None
    """Adjusted for the number of series: by the false discovery rate, and by the family-wise error rate."""
    reason: str | None
    """Why there is no test."""


@dataclass(frozen=True)
class CarPath:
    """The mean cumulative abnormal return of a group of calls, a value per day, in basis points; None where unknown.

    Of calls with a return on each of the days, so that there may be fewer than in a test.
    """

    sample: str
    """event or placebo."""
    tercile: str
    """low, middle, high or high_less_low, by tone."""
    first_day: int
    """Trading days from day 0."""
    n_events: int
    mean: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    """The 95% interval of each day."""


@dataclass(frozen=True)
class ReturnsOfSeries:
    """A series in the event study."""

    series_id: str | None
    """None: all themes of each call taken together."""
    name: str
    tests: tuple[ReturnTest, ...]
    """Events, days before and placebo, by window."""
    paths: tuple[CarPath, ...]
    """Empty with too few events."""
    given_call: tuple[ReturnTest, ...] = ()
    """Of events, by `score_given_call`; empty if the study has none, or all is by it."""


@dataclass(frozen=True)
class TestedWindow:
    """How many series are significant at 5% in an event window, and how many would be by chance."""

    window: str
    n_tested: int
    n_significant: int
    n_by_chance: float
    n_q_value: int
    n_romano_wolf: int


@dataclass(frozen=True)
class ToneAndReturns:
    """What `event_study` found over the page's quarter and all earlier ones that have returns."""

    definition: str
    """quarter or known_before: what themes are made from."""
    model: str
    """Of expected returns, in words."""
    tone: str
    """Its measure: score, expected_score or score_given_call."""
    fixed_effects: str
    """That the tests take out, and the paths do not: none, firm, quarter, firm and quarter."""
    min_sentences: int
    """About a theme that a call needs to count."""
    n_quarters: int
    """Quarters among the calls."""
    windows: tuple[TestedWindow, ...]
    given_call: tuple[TestedWindow, ...]
    """The same by `score_given_call`; empty if the study has none, or all is by it."""
    series: tuple[ReturnsOfSeries, ...]
    """All themes together first."""


@dataclass(frozen=True)
class Report:
    """A page."""

    quarter: str
    """The last one, which the map and the tables show."""
    made_at: str
    """UTC, ISO 8601: the commit of the newest table that it was made from, so that the page is the same however
    often it is made."""
    title: str
    headline: tuple[tuple[str, str], ...]
    """(name, formatted value): firms, calls, sentences, topics, themes, tone; of `quarter` also for a range."""
    warnings: tuple[str, ...]
    groups: tuple[str, ...]
    """Names of the groups of themes."""
    reasons: tuple[str, ...]
    """Why topics are in no theme, in words."""
    themes: tuple[Theme, ...]
    firms: tuple[Firm, ...]
    points: Points
    stages: tuple[Stage, ...]
    measures: tuple[Measure, ...]
    made_from: tuple[Fact, ...]
    through: Through | None
    """None for one quarter."""
    is_generated: bool = False
    """The calls are the sample's, which a program wrote of invented firms: evidence about no company."""
    headline_of: str = ""
    """What the headline counts, in words: which calls, how many have a score, and that counts of a range are of its
    last quarter."""
    tone_note: str = ""
    """A sentence on how far single labels can be trusted; empty if nothing was scored."""
    summary: tuple[str, ...] = ()
    """The quality in a few sentences: calls kept, topics in a theme, coherent, mixed and weak themes."""
    returns: ToneAndReturns | None = None
    """None if the quarter has no event study that goes with it."""
    cite: str = ""
    """How to cite the page: software and version, quarter, tag or state, date of the state."""
