"""The sample's firms, with their people and subjects, and its quarters and call times.

A sample of n firms has n places; a place is held by one firm after another, so that every quarter has n firms while
some enter and others leave. A firm is a function of (seed, place, generation) and is the same in every quarter; what it
talks about in a quarter is a function of (seed, quarter, place).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ftm_resources import quarters
from ftm_resources.quarters import NEW_YORK
from ftm_resources.sources.sample.corpus import Aspect, Sector, SubjectKind, corpus
from ftm_resources.sources.sample.grammar import MONTHS, Dice, Phrase, Scope, say
from ftm_resources.sources.sample.lifecycle import ANCHOR

_ORDINAL = ("first", "second", "third", "fourth")

FIRST_YEAR = 2000
"""First year with calls in the sample."""

MAX_FIRMS = 11_000
"""Most firms of a quarter: ids of later and earlier holders of a place are multiples of this apart."""

TILT = 0.35
"""Standard deviation of firms' sentiment lean."""

_TENURE = (24, 96)
"""Fewest and most quarters between two changes of a place's holder."""
FIRST_PERMNO = 900_000
"""PERMNO of firm 0: outside the range in use, so that the sample never joins to real data."""

_GENERATIONS = 4
"""Most changes of a place's holder before and after 2023Q1; in about 2045 they end."""

BLOCK = 48
"""Every 48 consecutive firms include each oddity."""
_ODDITIES = {
    "two_versions": (3, 31),
    "three_versions": (17,),
    "two_calls": (7, 29),
    "unlinked": (11, 23, 40),
    "tiny": (13,),
    "very_long": (19,),
    "procedural_only": (27,),
    "after_close": (5, 35),
    "accented": (9, 33),
}


@dataclass(frozen=True)
class Quarter:
    """A calendar quarter and the fiscal quarter that its calls report on (the previous one)."""

    key: str
    year: int
    number: int

    @classmethod
    def parse(cls, key: str) -> Quarter:
        """Parse `2023Q1`; ValueError for anything else and for quarters before 2000Q1."""
        first, last = quarters.bounds(key)
        if first.year < FIRST_YEAR:
            raise ValueError(f"the sample has no calls in {key}; its first quarter is {FIRST_YEAR}Q1")
        return cls(key, first.year, last.month // 3)

    @property
    def index(self) -> int:
        """Quarters since 2000Q1."""
        return quarters.distance(f"{FIRST_YEAR}Q1", self.key)

    @property
    def first_day(self) -> date:
        """First day of the quarter."""
        return quarters.bounds(self.key)[0]

    @property
    def last_day(self) -> date:
        """Last day of the quarter."""
        return quarters.bounds(self.key)[1]

    @property
    def reported(self) -> tuple[int, int]:
        """(year, number) of the reported fiscal quarter."""
        return (self.year - 1, 4) if self.number == 1 else (self.year, self.number - 1)

    def words(self, at: datetime) -> dict[str, tuple[Phrase, ...] | str]:
        """Return the slots that depend on the quarter and the time of the call: quarters, years, months."""
        year, number = self.reported
        local = at.astimezone(NEW_YORK)
        return {
            "quarter_name": f"{_ORDINAL[number - 1]} quarter",
            "next_quarter": f"{_ORDINAL[self.number % 4]} quarter",
            "fiscal_year": str(year),
            "year": str(self.year),
            "prior_year": str(year - 1),
            "next_year": str(self.year + 1),
            "far_year": str(self.year + 9),
            "past_month": tuple((MONTHS[(local.month - 1 - back) % 12],) for back in (1, 2, 3, 4)),
            "this_month": MONTHS[local.month - 1],
            "daypart": "morning" if local.hour < 12 else "afternoon" if local.hour < 18 else "evening",
        }


@dataclass(frozen=True)
class Subject:
    """A subject that only this firm talks about."""

    subject_id: str
    name: str
    aspect: Aspect
    words: dict[str, str]


@dataclass(frozen=True)
class Firm:
    """A firm of the sample."""

    index: int
    """The place that it holds."""
    company_id: int
    name: str
    spoken_name: str
    """The name without its legal form."""
    sector: Sector
    gvkey: str | None
    permno: int | None
    ticker: str
    chief_executive: str
    chief_financial: str
    investor_relations: str
    managers: tuple[str, ...]
    """People who are mentioned but do not speak."""
    places: tuple[str, ...]
    subjects: tuple[Subject, ...]
    oddities: frozenset[str]
    tilt: float
    """The firm's sentiment lean, in every quarter: above zero positive, below zero negative."""
    theme_taste: dict[str, float]
    """Factor by which the firm favors a theme."""


def holder(seed: int, index: int, quarter: str) -> int:
    """Return which generation of firms holds a place in a quarter: 0 in 2023Q1, above zero later.

    About 1.7% of the places change hands in a quarter, 7% in a year. From then on the place has another firm, with
    another name and other ids.
    """
    dice = Dice(f"tenure:{seed}:{index}")
    until, since = dice.integer(1, 60), -dice.integer(0, 59)
    at = quarters.distance(ANCHOR, quarter)
    generation = 0
    while at >= until and generation < _GENERATIONS:
        generation, until = generation + 1, until + dice.integer(*_TENURE)
    while at < since and generation > -_GENERATIONS:
        generation, since = generation - 1, since - dice.integer(*_TENURE)
    return generation


def firm_number(place: int, generation: int) -> int:
    """Return the number of the firm that holds a place in a generation, on which its ids depend.

    >>> [place_of(firm_number(7, generation)) for generation in (0, 1, -1, 4, -4)]
    [(7, 0), (7, 1), (7, -1), (7, 4), (7, -4)]
    """
    return place + MAX_FIRMS * (2 * generation - 1 if generation > 0 else -2 * generation)


def place_of(number: int) -> tuple[int, int]:
    """Return the place and the generation of the firm of a number."""
    turn, place = divmod(number, MAX_FIRMS)
    return place, (turn + 1) // 2 if turn % 2 else -(turn // 2)


def make_firm(seed: int, place: int, generation: int = 0) -> Firm:
    """Return the firm of a seed that holds a place (from 0) in its generation."""
    index = firm_number(place, generation)
    texts, dice = corpus(), Dice(f"firm:{seed}:{index}")
    place_in_block = (place + seed) % BLOCK
    oddities = frozenset(name for name, places in _ODDITIES.items() if place_in_block in places)
    (sector,) = dice.pick_several(texts.sectors, [s.weight for s in texts.sectors], 1)
    stem = _stem(seed, index)
    if "accented" in oddities:
        stem = f"{dice.pick(texts.pools['accented'])} {stem}"
    name = f"{stem} {dice.pick(sector.words)}"
    places = tuple(dict.fromkeys(dice.pick(texts.pools["place"]) for _ in range(4)))
    chief_executive, chief_financial, investor_relations, *managers = _people(dice, 9)
    taste = {theme.theme_id: 2.0 ** dice.normal(1.0) for theme in texts.themes}
    is_linked = "unlinked" not in oddities
    return Firm(
        index=place,
        company_id=9_000_000 + index,
        name=name,
        spoken_name=re.sub(r",? (Inc|Corp)\.$", "", name),
        sector=sector,
        # Outside the ranges in use, so that the sample never joins to real data.
        gvkey=f"{900_000 + index}" if is_linked else None,
        permno=FIRST_PERMNO + index if is_linked else None,
        ticker=re.sub(r"[^A-Z]", "", stem.upper())[:3] + _letters(index),
        chief_executive=chief_executive,
        chief_financial=chief_financial,
        investor_relations=investor_relations,
        managers=tuple(managers),
        places=places,
        subjects=_subjects(dice, index, sector, places),
        oddities=oddities,
        tilt=dice.normal(TILT),
        theme_taste=taste,
    )


def _stem(seed: int, index: int) -> str:
    """Return a name that is unique among firms; beyond 5,256 syllable pairs, a number is appended."""
    first, last = corpus().pools["stem_first"], corpus().pools["stem_last"]
    total = len(first) * len(last)
    at = (index * 1_999 + seed * 7_919) % total  # 1,999 is prime and does not divide the total
    again = f" {index // total + 1}" if index >= total else ""
    return first[at // len(last)] + last[at % len(last)] + again


def _letters(index: int) -> str:
    """Return the index in letters, which makes tickers unique."""
    text = ""
    while True:
        text = chr(ord("A") + index % 26) + text
        index = index // 26 - 1
        if index < 0:
            return text


def _people(dice: Dice, count: int) -> list[str]:
    """Return people's names with distinct first names."""
    pools = corpus().pools
    firsts = dice.pick_several(pools["first"], [1.0] * len(pools["first"]), count)
    return [f"{first} {dice.pick(pools['surname'])}" for first in firsts]


def _coined(dice: Dice, kind: str) -> str:
    pools = corpus().pools
    return dice.pick(pools["coined_first"]) + dice.pick(pools[kind])


def _subjects(dice: Dice, index: int, sector: Sector, places: tuple[str, ...]) -> tuple[Subject, ...]:
    texts = corpus()
    kinds = [kind for kind in texts.subject_kinds if sector.name in kind.sectors]
    # A firm has at most one subject of a kind, but may have several products.
    chosen: list[SubjectKind] = dice.pick_several(kinds, [1.0] * len(kinds), dice.integer(4, 6))
    chosen += [kind for kind in chosen if kind.kind == "product"] * dice.integer(0, 2)
    taken: dict[str, Subject] = {}
    for kind in chosen:
        words: dict[str, str] = {
            "coined": _coined(dice, "coined_last"),
            "drug": _coined(dice, "drug_last"),
            "place": dice.pick(places),
            "thing": say(dice.pick(sector.things), {}, dice),
            "indication": dice.pick(texts.pools["indication"]),
        }
        scope: Scope = {**texts.words, **words}
        words["own"] = say(dice.pick(kind.names), scope, dice)
        subject_id = f"{9_000_000 + index}:{kind.kind}:{words['own']}"
        taken.setdefault(subject_id, Subject(subject_id, words["own"], kind.aspect, words))
    return tuple(taken.values())


def call_time(quarter: Quarter, firm: Firm, dice: Dice, call: int) -> datetime:
    """Return when a call of the firm starts (UTC); its New York date is in the quarter.

    Reporting season is days 14 to 55 of a quarter; a second event takes place near its end.
    `after_close` firms hold their call at 20:30 in New York on the last day, which is the next quarter in UTC.
    """
    if "after_close" in firm.oddities:
        local = datetime.combine(quarter.last_day, time(20, 30), NEW_YORK)
        return local.astimezone(UTC)
    day = quarter.first_day + timedelta(days=dice.integer(14, 55) if call == 0 else dice.integer(70, 82))
    if day.weekday() >= 5:
        day += timedelta(days=7 - day.weekday())
    at = dice.pick((time(8), time(8, 30), time(9), time(10), time(11), time(16, 30), time(17)))
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
