"""The contracts of portfolios sorted by tone, and of what else is known of a firm at its call.

Belongs here: the portfolio of each call, what the portfolios return, and the controls with the accounts that they are
made from. All returns are decimals per trading day unless a column says otherwise; money is in dollars.
"""

from __future__ import annotations

import pyarrow as pa

from ftm_resources.tables.call_tables import CALL_DATE, FIRM, PERMNO, TRANSCRIPT
from ftm_resources.tables.categories import (
    CONTROL_REASONS,
    MEMBER_REASONS,
    POOLED,
    SORT_DEFINITIONS,
    SORT_MODELS,
    SORT_REASONS,
    SUE_METHODS,
    WEIGHTINGS,
)
from ftm_resources.tables.contract import BOOL, DATE, DOUBLE, INT, LONG, STRING, Column, Table
from ftm_resources.tables.naming_columns import COUNT

_SHARE = (0.0, 1.0)
_NOT_NEGATIVE = (0.0, float("inf"))

_SERIES = Column(
    "series_id", STRING, f"The series of themes, or {POOLED}: the tone of the call over all its themes"
)
_SERIES_NAME = Column("series_name", STRING, "The series' name in the newest quarter that has it")
_DEFINITION = Column(
    "definition",
    STRING,
    "What the series' themes are made from. quarter: the calls of the whole quarter, also later ones; known_before: "
    "the call's topics assigned to series as known at the end of the quarter before, all sentences of a topic "
    "counting, so that nothing later than the call defines the theme; pinned: your own dictionary, whose series_id is "
    "`pinned:` and a name, through the quarter's themes that link to it",
    values=SORT_DEFINITIONS,
)
_PORTFOLIO = "low, then 2, 3 and so on (mid if there are three), and high, by tone"
_WEIGHTING = Column(
    "weighting",
    STRING,
    "equal: shares weigh alike; value: by market value at the close of the trading day before",
    values=WEIGHTINGS,
)
_IN_PORTFOLIO = Column(
    "portfolio", STRING, f"{_PORTFOLIO}; long_short: high less low, on days on which there are both"
)
_LOADING = "Loading of the portfolio on {}; null if the model has none"


def _maybe(name: str, kind: pa.DataType, doc: str, bounds: tuple[float, float] | None = None) -> Column:
    return Column(name, kind, doc, nullable=True, bounds=bounds)


FUNDAMENTALS_COLUMNS = (
    Column("permno", LONG, "CRSP PERMNO, linked as of the end of the fiscal quarter"),
    Column("fiscal_date", DATE, "Last day of the fiscal quarter (Compustat's datadate)"),
    _maybe(
        "known_date",
        DATE,
        "Day on which the quarter's earnings were reported (rdq); null if unknown: then unused",
    ),
    _maybe(
        "eps", DOUBLE, "Earnings per share of the quarter before extraordinary items, as reported; dollars"
    ),
    _maybe("price", DOUBLE, "Price per share at the end of the fiscal quarter; dollars", _NOT_NEGATIVE),
    _maybe(
        "adjustment",
        DOUBLE,
        "Divisor that makes figures per share comparable over splits (Compustat's ajexq)",
        _NOT_NEGATIVE,
    ),
    _maybe("book_equity", DOUBLE, "Book value of common equity, in dollars (Compustat has millions)"),
    _maybe(
        "sue",
        DOUBLE,
        "Unexpected earnings that the source has ready, e.g. less analysts' forecast; if null, made from eps",
    ),
)
FUNDAMENTALS = pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in FUNDAMENTALS_COLUMNS])
"""What a source of fundamentals yields: a row per PERMNO and fiscal quarter, as in `fundamentals`."""


def _control(name: str, doc: str, known: str, *, is_positive: bool = False) -> tuple[Column, ...]:
    return (
        _maybe(name, DOUBLE, f"{doc}; null if unknown", _NOT_NEGATIVE if is_positive else None),
        _maybe(f"{name}_known_date", DATE, known),
        Column(f"{name}_reason", STRING, f"Why there is no {name}", nullable=True, values=CONTROL_REASONS),
    )


SORT_TABLES = (
    Table(
        "portfolio_members",
        "One row per series and call of the quarter with its tone: the portfolio that it was sorted into, by "
        "breakpoints known at the time, or why it was not",
        ("definition", "series_id", "transcript_id"),
        (
            _DEFINITION,
            _SERIES,
            TRANSCRIPT,
            FIRM,
            PERMNO,
            Column("event_date", DATE, "Day 0 of the call (see abnormal_returns)"),
            Column(
                "tone",
                DOUBLE,
                "(n_positive - n_negative) / n_sentences over the call's member sentences of the series' themes",
                bounds=(-1.0, 1.0),
            ),
            Column("n_sentences", INT, "Member sentences that the tone is of", bounds=(1, float("inf"))),
            _maybe(
                "low_breakpoint", DOUBLE, "Tone below which a call is in the lowest portfolio", (-1.0, 1.0)
            ),
            _maybe(
                "high_breakpoint", DOUBLE, "Tone above which a call is in the highest portfolio", (-1.0, 1.0)
            ),
            Column(
                "n_breakpoint_calls",
                INT,
                "Calls of the months whose tones make the breakpoints",
                bounds=COUNT,
            ),
            _maybe("portfolio", STRING, f"{_PORTFOLIO}; null if the call was not sorted"),
            _maybe("first_date", DATE, "First trading day on which the portfolio may hold the firm's shares"),
            _maybe(
                "last_date",
                DATE,
                "Last such day, as far as there are market data; null if not held at all. A newer call of the firm "
                "takes its place from its own first day on",
            ),
            Column("reason", STRING, "Why the call is in no portfolio", nullable=True, values=MEMBER_REASONS),
        ),
        group="returns",
        is_optional=True,
    ),
    Table(
        "portfolio_returns",
        "One row per series, weighting, portfolio and trading day of the quarter: what portfolios of calls sorted by "
        "tone returned on the day, and how many stocks they held",
        ("definition", "series_id", "weighting", "portfolio", "date"),
        (
            _DEFINITION,
            _SERIES,
            _WEIGHTING,
            _IN_PORTFOLIO,
            Column("date", DATE, "Trading day of the quarter"),
            Column("ret", DOUBLE, "Return of the day; of long_short, high less low; decimal"),
            Column("n_stocks", INT, "Stocks held; of long_short, in both legs", bounds=(1, float("inf"))),
            Column(
                "is_counted", BOOL, "There are at least min_stocks (of long_short, in each leg), so it counts"
            ),
        ),
        group="returns",
        is_optional=True,
    ),
    Table(
        "portfolio_sorts",
        "One row per series, weighting, portfolio and model: what portfolios of calls sorted by tone returned, over "
        "the calls of this quarter and all earlier ones, with Newey-West standard errors; or why there is no figure",
        ("definition", "series_id", "weighting", "portfolio", "model"),
        (
            _DEFINITION,
            _SERIES,
            _SERIES_NAME,
            _WEIGHTING,
            _IN_PORTFOLIO,
            Column(
                "model",
                STRING,
                "What the return is explained by. mean: nothing; market: the market's excess return; ff3: the "
                "Fama-French factors; carhart: those and momentum",
                values=SORT_MODELS,
            ),
            _maybe(
                "alpha",
                DOUBLE,
                "Mean daily return in excess of the risk-free rate (of long_short: the difference) that the model's "
                "factors do not explain",
            ),
            _maybe(
                "se", DOUBLE, "Its Newey-West standard error (see methods.returns.newey_west)", _NOT_NEGATIVE
            ),
            _maybe("t", DOUBLE, "alpha / se"),
            _maybe(
                "p_value",
                DOUBLE,
                "Two-sided, by Student's t with n_days less coefficients degrees of freedom",
                _SHARE,
            ),
            _maybe(
                "q_value",
                DOUBLE,
                "p_value corrected for the number of series with this definition, weighting, portfolio and model "
                "(Benjamini & Hochberg 1995); null for pooled",
                _SHARE,
            ),
            _maybe("n_lags", INT, "Lags of the standard error", COUNT),
            _maybe("beta_mkt", DOUBLE, _LOADING.format("the market")),
            _maybe("beta_smb", DOUBLE, _LOADING.format("SMB")),
            _maybe("beta_hml", DOUBLE, _LOADING.format("HML")),
            _maybe("beta_umd", DOUBLE, _LOADING.format("momentum")),
            _maybe("r2", DOUBLE, "Share of the returns' variance that the model explains", _SHARE),
            _maybe("mean_return", DOUBLE, "Mean daily return; of long_short, of the difference"),
            _maybe(
                "sharpe",
                DOUBLE,
                "Mean excess return over its standard deviation, times the root of 252: per year",
            ),
            _maybe(
                "turnover",
                DOUBLE,
                "Mean share of the portfolio that is traded in a day, bought or sold; of long_short, of both legs",
                _NOT_NEGATIVE,
            ),
            Column(
                "n_days",
                INT,
                "Trading days with at least min_stocks stocks and the model's factors",
                bounds=COUNT,
            ),
            _maybe("first_date", DATE, "First of those days"),
            _maybe("last_date", DATE, "Last of those days"),
            _maybe(
                "mean_stocks",
                DOUBLE,
                "Mean number of stocks on those days; of long_short, of both legs",
                COUNT,
            ),
            Column("n_calls", INT, "Calls sorted into the portfolio; of long_short, into both", bounds=COUNT),
            Column("n_firms", INT, "PERMNOs of those calls", bounds=COUNT),
            Column(
                "n_unsorted",
                INT,
                "Calls of the series that were not sorted (see portfolio_members)",
                bounds=COUNT,
            ),
            Column("n_quarters", INT, "Quarters with a call of the series", bounds=COUNT),
            Column("reason", STRING, "Why there is no figure", nullable=True, values=SORT_REASONS),
        ),
        group="returns",
        is_optional=True,
    ),
)

CONTROL_TABLES = (
    Table(
        "fundamentals",
        "One row per PERMNO of the quarter's calls and fiscal quarter: earnings and book equity, with the day on which "
        "they were reported. Without rows if no source of them is set (FTM_FUNDAMENTALS_SOURCE)",
        ("permno", "fiscal_date"),
        FUNDAMENTALS_COLUMNS,
        group="returns",
        is_optional=True,
    ),
    Table(
        "controls",
        "One row per call: what was known of the firm when the call began: earnings surprise, size, book-to-market, "
        "momentum and volatility, each with the day on which it was known, or why it is unknown",
        ("transcript_id",),
        (
            TRANSCRIPT,
            FIRM,
            PERMNO,
            CALL_DATE,
            Column("event_date", DATE, "Day 0 of the call (see abnormal_returns)"),
            *_control(
                "sue",
                "Unexpected earnings, by sue_method. seasonal_walk: earnings per share less those of the same fiscal "
                "quarter a year before, over the price at the end of the fiscal quarter, all adjusted for splits "
                "(Livnat & Mendenhall 2006); a decimal share of the price. given: as the source has them, in its unit",
                "Day on which it was known: that of the report or, if later, of the year before's; at the latest that "
                "of the call",
            ),
            Column(
                "sue_method",
                STRING,
                "given: ready-made by the source; seasonal_walk: made from earnings per share. The two are different "
                "measures, not to be pooled in a regression. Null if sue is",
                nullable=True,
                values=SUE_METHODS,
            ),
            _maybe(
                "sue_fiscal_date",
                DATE,
                "End of the fiscal quarter; of a given surprise without one, the day on which it was known",
            ),
            *_control(
                "log_size",
                "Natural logarithm of the market value in dollars",
                "Trading day at whose close it had that value, before the call",
            ),
            *_control(
                "book_to_market",
                "Book equity over market value, both in dollars; negative if book equity is",
                "The later of the days on which the two were known",
            ),
            _maybe("book_fiscal_date", DATE, "End of the fiscal quarter of the book equity"),
            *_control(
                "momentum",
                "Compounded return of days -252 to -21 from day 0 (by default); decimal",
                "Last of those days",
            ),
            *_control(
                "volatility",
                "Standard deviation (n - 1) of the daily returns of days -252 to -21 from day 0 (by default); decimal "
                "per day",
                "Last of those days",
                is_positive=True,
            ),
        ),
        group="returns",
        is_optional=True,
    ),
)
