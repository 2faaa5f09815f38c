"""Small market data, and least squares on paper: what a spreadsheet would hold."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from fractions import Fraction

import numpy as np
import pyarrow as pa

from ftm_resources.quarters import NEW_YORK
from ftm_resources.tables.returns_tables import DAILY, FACTOR_COLUMNS, FACTORS
from ftm_resources.trading_days import TradingDays, exchange_days

QUARTER = "2023Q1"
DAYS = exchange_days(date(2022, 1, 3), date(2023, 6, 30))


def at(day: date, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def calls(*rows: tuple[str, int | None, datetime], date_only: bool = False) -> pa.Table:
    return pa.table(
        {
            "transcript_id": [t for t, *_ in rows],
            "firm_id": [f"firm of {p}" for _, p, _ in rows],
            "permno": pa.array([p for _, p, _ in rows], pa.int64()),
            "call_at": pa.array([a for *_, a in rows], pa.timestamp("us", tz="UTC")),
            "call_date": pa.array([a.astimezone(NEW_YORK).date() for *_, a in rows], pa.date32()),
            "is_date_only": [date_only] * len(rows),
        }
    )


def daily(returns: dict[int, dict[date, float | None]]) -> pa.Table:
    rows = [{"permno": p, "date": d, "ret": r} for p, own in returns.items() for d, r in own.items()]
    return pa.Table.from_pylist(rows, schema=DAILY)


def factors(days: Sequence[date], seed: int = 1) -> pa.Table:
    rng = np.random.default_rng(seed)
    columns = {
        n: np.round(rng.normal(0, s, len(days)), 6)
        for n, s in zip(FACTOR_COLUMNS, (0.01, 0.005, 0.004, 0.006), strict=True)
    }
    return pa.table({"date": list(days), **columns, "rf": np.full(len(days), 0.0001)}, schema=FACTORS)


def listed(days: TradingDays = DAYS) -> list[date]:
    return days.days.tolist()


def noise(days: Sequence[date], seed: int) -> dict[date, float]:
    drawn = np.round(np.random.default_rng(seed).normal(0.0005, 0.02, len(days)), 6)
    return dict(zip(days, drawn.tolist(), strict=True))


def exact(values: Sequence[float]) -> list[Fraction]:
    return [Fraction(str(v)) for v in values]


def by_hand(y: list[Fraction], columns: list[list[Fraction]]) -> list[Fraction]:
    """Solve the normal equations in exact arithmetic, as on paper."""
    k = len(columns)
    grid = [
        [sum((a * b for a, b in zip(columns[i], columns[j], strict=True)), Fraction(0)) for j in range(k)]
        + [sum((a * b for a, b in zip(columns[i], y, strict=True)), Fraction(0))]
        for i in range(k)
    ]
    for i in range(k):
        pivot = next(r for r in range(i, k) if grid[r][i])
        grid[i], grid[pivot] = grid[pivot], grid[i]
        grid[i] = [v / grid[i][i] for v in grid[i]]
        for r in range(k):
            if r != i:
                grid[r] = [v - grid[r][i] * w for v, w in zip(grid[r], grid[i], strict=True)]
    return [row[-1] for row in grid]


SMALL = {
    "estimation_first_day": -30,
    "estimation_last_day": -11,
    "min_estimation_days": 15,
    "windows": ["[0,+1]", "[-1,+1]", "[+2,+5]"],
}
