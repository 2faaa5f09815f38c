"""The sample's market data: generated returns, in which the tone of some themes on the sample's calls moves prices.

A firm's return on a day is a function of (seed, firm, day) and of its calls, so that it is the same in every quarter.
Price levels are not: each span of days starts at the firm's own price. PLANTED says which themes move returns, how far
and when; the tone of all other themes moves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ftm_resources import quarters
from ftm_resources.sources.returns.market_source import MarketSource
from ftm_resources.sources.sample.firms import FIRST_PERMNO, FIRST_YEAR, Quarter, holder, make_firm, place_of
from ftm_resources.sources.sample.speech import make_transcripts
from ftm_resources.tables.returns_tables import DAILY, FACTORS
from ftm_resources.trading_days import TradingDays, exchange_days, reach

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """What the tone of a theme on a call does to returns: the return at tone 1, in decimals."""

    day_0: float = 0.0
    day_1: float = 0.0
    drift: float = 0.0
    """Of each of DRIFT_DAYS: what portfolios that are formed after the call can earn."""
    is_after_close_only: bool = False


DRIFT_DAYS = (2, 61)
"""First and last day of a drift, from day 0."""


PLANTED = {
    "guidance": Effect(day_0=0.03),
    "pricing": Effect(day_0=0.02, day_1=0.01),
    "input_costs": Effect(day_1=0.02),
    "labor": Effect(day_0=0.03, is_after_close_only=True),
    "debt": Effect(drift=0.0015),
}
"""By the theme's id in the sample. Tone is (positive - negative) / sentences of the theme on the call."""

FIRMS_AT_ONCE = 250

_SPARE = 5
"""Trading days more than a drift lasts: calls on days without trading come before their day 0."""

_FINAL = "Proofed Copy"
_RF = 0.00008
_FACTORS = {"mkt_rf": (0.0003, 0.010), "smb": (0.0, 0.005), "hml": (0.0, 0.005), "umd": (0.0001, 0.007)}
"""Mean and standard deviation of a day's factors."""
_LOADINGS = ((1.0, 0.3), (0.4, 0.4), (0.1, 0.4), (0.0, 0.2))
"""Mean and standard deviation, over firms, of the loadings on them."""
_OWN_SD = 0.015
"""Standard deviation of a firm's own daily return."""
_MISSING = 1 / 5_000
"""Share of a firm's days without a return."""


class SampleMarket(MarketSource):
    """Generated returns of the sample's firms."""

    name = "sample"

    def __init__(self, firms: int, seed: int) -> None:
        self.firms, self.seed = firms, seed

    def provenance(self) -> dict[str, Any]:
        """Return the number of firms and the seed, which are those of the calls."""
        return {**super().provenance(), "firms": self.firms, "seed": self.seed}

    def daily(self, permnos: Sequence[int], first: date, last: date) -> Iterator[pa.Table]:
        """Yield the returns, 250 firms per table."""
        # A call before the span moves its first days, for as long as its drift lasts.
        days = exchange_days(reach(first, last, DRIFT_DAYS[1] + _SPARE, 0)[0], last + timedelta(days=10))
        market = self._factors(days)
        asked = [p for p in permnos if p >= FIRST_PERMNO and place_of(p - FIRST_PERMNO)[0] < self.firms]
        for start in range(0, len(asked), FIRMS_AT_ONCE):
            yield self._daily(asked[start : start + FIRMS_AT_ONCE], days, market, first, last)

    def factors(self, first: date, last: date) -> pa.Table:
        """Return the factors."""
        days = exchange_days(first, last)
        columns = dict(zip(_FACTORS, self._factors(days).T, strict=True))
        return pa.table(
            {"date": pa.array(days.days), **columns, "rf": np.full(len(days), _RF)}, schema=FACTORS
        )

    def effects(self, number: int, days: TradingDays) -> Floats:
        """Return (days,): what calls of the firm of this number add to its returns; none of the last three days."""
        moved = np.zeros(len(days))
        place, generation = place_of(number)
        # A call's day 0 and the day after are within `days`.
        begin, end = days.days[0].astype(date), days.days[-4].astype(date)
        for key in quarters.between(max(quarters.of_date(begin), f"{FIRST_YEAR}Q1"), quarters.of_date(end)):
            if holder(self.seed, place, key) != generation:
                continue  # another firm holds the calls
            for call in make_transcripts(
                self.seed, Quarter.parse(key), make_firm(self.seed, place, generation)
            ):
                held = call.at.astimezone(quarters.NEW_YORK).date()
                if call.version != _FINAL or not begin <= held <= end:
                    continue
                said: dict[str, list[int]] = defaultdict(list)
                for sentence in (s for turn in call.turns for s in turn.sentences if s.theme):
                    sign = {"positive": 1, "negative": -1}.get(sentence.sentiment, 0)
                    said[sentence.theme.theme_id].append(sign)  # type: ignore[union-attr]
                event = days.event_day(call.at, is_date_only=False)
                for theme, effect in PLANTED.items():
                    if theme in said and (event.rule == "after_close" or not effect.is_after_close_only):
                        tone = sum(said[theme]) / len(said[theme])
                        moved[event.index] += effect.day_0 * tone
                        moved[event.index + 1] += effect.day_1 * tone
                        moved[event.index + DRIFT_DAYS[0] : event.index + DRIFT_DAYS[1] + 1] += (
                            effect.drift * tone
                        )
        return moved

    def _factors(self, days: TradingDays) -> Floats:
        """Return (days, 4), with the six decimals of Ken French's files."""
        drawn = [
            mean + sd * normal(self.seed, 1 + i, _ordinals(days))
            for i, (mean, sd) in enumerate(_FACTORS.values())
        ]
        exact: Floats = np.column_stack(drawn)
        return exact.round(6)

    def _daily(
        self, permnos: Sequence[int], days: TradingDays, market: Floats, first: date, last: date
    ) -> pa.Table:
        within = (days.days >= np.datetime64(first, "D")) & (days.days <= np.datetime64(last, "D"))
        parts = []
        for permno in permnos:
            own, traits = firm_key(self.seed, permno), _traits(self.seed, permno)
            loadings = np.array([mean + sd * traits[i] for i, (mean, sd) in enumerate(_LOADINGS)])
            ret = _RF + market @ loadings + _OWN_SD * normal(own, 21, _ordinals(days))
            ret = np.round(ret + self.effects(permno - FIRST_PERMNO, days), 6)[within]
            price = np.round(first_price(self.seed, permno) * np.cumprod(1 + ret), 2)
            shares = np.full(len(ret), shares_of(self.seed, permno))
            volume = np.round(shares * 0.005 * np.exp(0.4 * normal(own, 22, _ordinals(days)[within])))
            is_missing = _uniform(own, 23, _ordinals(days)[within]) < _MISSING
            parts.append(
                pa.table(
                    {
                        "permno": np.full(len(ret), permno, dtype=np.int64),
                        "date": pa.array(days.days[within]),
                        "ret": pa.array(ret, mask=is_missing),
                        "price": price,
                        "shares": shares,
                        "volume": volume,
                        "market_cap": price * shares,
                    },
                    schema=DAILY,
                )
            )
        return pa.concat_tables(parts)


def firm_key(seed: int, permno: int) -> int:
    """Return what all draws of a firm depend on."""
    return seed * 1_000_003 + permno


def first_price(seed: int, permno: int) -> float:
    """Return the price in dollars at which each span of a firm's days starts."""
    return float(np.exp(3.5 + 0.5 * _traits(seed, permno)[4]))


def shares_of(seed: int, permno: int) -> float:
    """Return a firm's shares outstanding, which never change."""
    return float(np.round(np.exp(18 + _traits(seed, permno)[5])))


def _traits(seed: int, permno: int) -> Floats:
    return normal(firm_key(seed, permno), 20, np.arange(8, dtype=np.uint64))


def _ordinals(days: TradingDays) -> NDArray[np.uint64]:
    return days.days.astype(np.int64).astype(np.uint64)


def _uniform(key: int, stream: int, counters: NDArray[np.uint64]) -> Floats:
    """Return a draw from (0, 1) for each counter that depends only on key, stream and counter.

    Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64's finalizer, applied twice):
    any day can be drawn without those before it, and numpy's own generators may change from version to version.
    """
    mixed = counters + np.uint64((key * 64 + stream) % 2**32) * np.uint64(2**32)
    for _ in range(2):
        mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def normal(key: int, stream: int, counters: NDArray[np.uint64]) -> Floats:
    """Return standard normal draws, two uniform ones each (Box & Muller 1958)."""
    radius = np.sqrt(-2 * np.log(_uniform(key, 2 * stream, counters)))
    drawn: Floats = radius * np.cos(2 * np.pi * _uniform(key, 2 * stream + 1, counters))
    return drawn
