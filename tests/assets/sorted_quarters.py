"""Quarters of one call per firm about one theme, with market data, as tables that can be written or held."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from ftm_resources import quarters
from ftm_resources.tables import TABLES
from ftm_resources.trading_days import exchange_days, reach

FIRMS = 24
SERIES = "2022Q3:series:000"


def table(name: str, quarter: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows in the contract's schema."""
    return pa.Table.from_pylist([{**r, "quarter": quarter} for r in rows], schema=TABLES[name].arrow_schema)


def quarter_tables(quarter: str, *, seed: int = 0, days_after: int = 65) -> dict[str, pa.Table]:
    """Return what portfolio_sorts reads of a quarter."""
    rng = np.random.default_rng([int(quarter[:4]), int(quarter[-1]), seed])
    first, last = quarters.bounds(quarter)
    days = exchange_days(*reach(first, last, 20, days_after)).days.tolist()
    calls = [first + timedelta(10 + int(d)) for d in rng.integers(0, 60, FIRMS)]
    events = [next(d for d in days if d >= c) for c in calls]
    scores, returns = [], []
    for i, (call, event) in enumerate(zip(calls, events, strict=True)):
        named = {"transcript_id": f"{quarter}{i}", "firm_id": str(i), "permno": 10_000 + i, "call_date": call}
        n, m = (int(v) for v in rng.integers(0, 6, 2))
        tone = {"n_positive": n, "n_neutral": 2, "n_negative": m, "n_sentences": n + m + 2}
        theme = {"theme_id": f"{quarter}:theme:000", "firm_name": "F", "n_turns": 1}
        shares = ("score", "expected_score", "mean_p_positive", "mean_p_neutral", "mean_p_negative")
        scores.append({**named, **tone, **theme, **dict.fromkeys((*shares, "mean_strength"), 0.1)})
        window = {"model": "ff3", "window": "[0,+1]", "first_day": 0, "last_day": 1, "n_days": 2}
        returns.append({**named, **window, "event_date": event, "event_rule": "same_day", "n_estimation": 0})
    name = {"theme_id": f"{quarter}:theme:000", "series_id": SERIES, "series_name": f"named in {quarter}"}
    daily = [
        {"permno": 10_000 + i, "date": d, "ret": float(r), "market_cap": 1e9 * (1 + i)}
        for i in range(FIRMS)
        for d, r in zip(days, rng.normal(0, 0.02, len(days)), strict=True)
    ]
    names = ("mkt_rf", "smb", "hml", "umd")
    factors = [
        {"date": d, "rf": 0.0001, **dict(zip(names, f, strict=True))}
        for d, f in zip(days, rng.normal(0, 0.01, (len(days), 4)).tolist(), strict=True)
    ]
    made = {
        "sentiment_scores": scores,
        "theme_links": [{**name, "event": "continued", "is_renamed": False}],
        "daily_returns": daily,
        "factor_returns": factors,
        "abnormal_returns": returns,
    }
    return {name: table(name, quarter, rows) for name, rows in made.items()}
