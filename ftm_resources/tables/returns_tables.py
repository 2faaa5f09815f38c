"""The contracts of market data and of abnormal returns.

Belongs here: daily returns, factors, and what the calls' event windows make of them. All returns and factors are
decimals (0.01 is one percent); prices and market values are dollars, shares and volumes are numbers of shares.
"""

from __future__ import annotations

import pyarrow as pa

from ftm_resources.tables.call_tables import CALL_DATE, FIRM, PERMNO, TRANSCRIPT
from ftm_resources.tables.categories import RETURN_MODELS, WINDOW_REASONS
from ftm_resources.tables.contract import BOOL, DATE, DOUBLE, INT, LONG, STRING, Column, Table
from ftm_resources.tables.naming_columns import COUNT
from ftm_resources.trading_days import EVENT_RULES

_AT_LEAST_LOST = (-1.0, float("inf"))
_NOT_NEGATIVE = (0.0, float("inf"))
_IN_DAY = "; decimal"

_DAILY = (
    Column("permno", LONG, "CRSP PERMNO"),
    Column("date", DATE, "Trading day"),
    Column(
        "ret",
        DOUBLE,
        "Total return of the day as a decimal, distributions and delisting included; null if the source has none",
        nullable=True,
        bounds=_AT_LEAST_LOST,
    ),
    Column(
        "price",
        DOUBLE,
        "Closing price in dollars, or the middle of bid and ask if there was no trade",
        nullable=True,
        bounds=_NOT_NEGATIVE,
    ),
    Column("shares", DOUBLE, "Shares outstanding", nullable=True, bounds=_NOT_NEGATIVE),
    Column("volume", DOUBLE, "Shares traded", nullable=True, bounds=_NOT_NEGATIVE),
    Column(
        "market_cap",
        DOUBLE,
        "Price times shares outstanding, in dollars",
        nullable=True,
        bounds=_NOT_NEGATIVE,
    ),
)
_FACTORS = (
    Column("date", DATE, "Trading day"),
    Column("mkt_rf", DOUBLE, f"Market return in excess of the risk-free rate{_IN_DAY}"),
    Column("smb", DOUBLE, f"Small minus big{_IN_DAY}"),
    Column("hml", DOUBLE, f"High minus low book-to-market{_IN_DAY}"),
    Column("umd", DOUBLE, f"Momentum: up minus down{_IN_DAY}", nullable=True),
    Column("rf", DOUBLE, f"Risk-free rate of the day{_IN_DAY}"),
)

DAILY = pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in _DAILY])
"""What a source of returns yields: a row per PERMNO and day, as in `daily_returns`."""
FACTORS = pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in _FACTORS])
"""What a source of returns yields: a row per day, as in `factor_returns`."""
FACTOR_COLUMNS = tuple(c.name for c in _FACTORS if c.name not in {"date", "rf"})
"""The factors: market, size, value, momentum. Arrays have them in this order, and a model has the first of them."""

_BETA = "Estimated loading on {}; null if the model has none or it could not be estimated"

RETURNS_TABLES = (
    Table(
        "daily_returns",
        "One row per PERMNO of the quarter's calls and trading day, from the days that the estimation window needs to "
        "those that the event windows need. The quarters overlap: read one, or drop repeated (permno, date)",
        ("permno", "date"),
        _DAILY,
        group="returns",
        is_optional=True,
    ),
    Table(
        "factor_returns",
        "One row per trading day of `daily_returns`: the Fama-French factors, momentum and the risk-free rate",
        ("date",),
        _FACTORS,
        group="returns",
        is_optional=True,
    ),
    Table(
        "abnormal_returns",
        "One row per call, model of expected returns and event window: the abnormal return, or why there is none",
        ("transcript_id", "model", "window"),
        (
            TRANSCRIPT,
            FIRM,
            PERMNO,
            CALL_DATE,
            Column(
                "event_date", DATE, "Day 0: the first trading day whose close comes after the call has begun"
            ),
            Column(
                "event_rule",
                STRING,
                "same_day: day 0 is the call's date; after_close: the next trading day, as the call began at or after "
                "that day's close, early closes included; no_trading: the next trading day, as the date is none; "
                "date_only: the date or the next trading day, as the time is unknown",
                values=EVENT_RULES,
            ),
            Column(
                "is_after_close",
                BOOL,
                "The call began at or after the close of its date, early closes included; null if its time is "
                "unknown or its date is no trading day",
                nullable=True,
            ),
            Column("model", STRING, "Model of expected returns", values=RETURN_MODELS),
            Column("window", STRING, "Event window in trading days from day 0, e.g. [0,+1]"),
            Column("first_day", INT, "First day of the window, from day 0"),
            Column("last_day", INT, "Last day of the window, from day 0"),
            Column("car", DOUBLE, "Cumulative abnormal return: the sum of the days'; decimal", nullable=True),
            Column(
                "bhar",
                DOUBLE,
                "Buy-and-hold abnormal return: compounded returns less compounded expected ones; decimal",
                nullable=True,
            ),
            Column("n_days", INT, "Days of the window for which there is a return", bounds=COUNT),
            Column(
                "n_estimation", INT, "Days of the estimation window with a return and factors", bounds=COUNT
            ),
            Column("alpha", DOUBLE, "Estimated intercept, per day; null as for the loadings", nullable=True),
            Column("beta_mkt", DOUBLE, _BETA.format("the market"), nullable=True),
            Column("beta_smb", DOUBLE, _BETA.format("SMB"), nullable=True),
            Column("beta_hml", DOUBLE, _BETA.format("HML"), nullable=True),
            Column("beta_umd", DOUBLE, _BETA.format("momentum"), nullable=True),
            Column(
                "sigma",
                DOUBLE,
                "Standard deviation of the daily abnormal return in the estimation window, with as many degrees of "
                "freedom less as the model has coefficients; null if there are too few days",
                nullable=True,
                bounds=_NOT_NEGATIVE,
            ),
            Column("reason", STRING, "Why there is no abnormal return", nullable=True, values=WINDOW_REASONS),
        ),
        group="returns",
        is_optional=True,
    ),
)
