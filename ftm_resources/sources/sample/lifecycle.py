"""What becomes of the sample's themes over the quarters: which are alive, under which identity, and how they move.

The schedule is in `text/lifecycle.toml`. It depends on the quarter only, not on the seed, the firms, or which other
quarters are generated. A lineage is one life of a theme: a theme that is away for a few quarters is revived as the
same lineage; one that died, was merged into another, or was split off opens a new lineage when it comes back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, TypeVar

from ftm_resources import quarters
from ftm_resources.sources.sample.corpus import Theme, corpus, read
from ftm_resources.sources.sample.grammar import Dice

T = TypeVar("T")

Event = Literal["persists", "drifts", "born", "dies", "split_from", "merged_into", "revived", "pauses"]

ANCHOR = "2023Q1"
"""The quarter from which the schedule counts: there all themes are whole and none has moved."""
CYCLE = 40
"""Quarters after which the schedule repeats."""

_START = "2000Q1"
_SHIFT = 1.5
"""Log weight of a drifting theme's first against its middle aspect at the extreme: 20 to 1 between first and last."""
_PREVALENCE = 0.3
"""Largest change of a theme's popularity beside its `interest`, in powers of two."""
_TONE = (0.3, 0.8)
"""Range of the largest change of a theme's tone."""


@dataclass(frozen=True)
class Living:
    """A theme as it is in one quarter."""

    theme: Theme
    """With the aspects that it has in this quarter."""
    lineage_id: str
    event: Event
    related: str | None
    """Lineage that this one was split from in this quarter."""
    sources: tuple[Theme, ...]
    """Themes of the corpus that it consists of; the first is the one whose taste firms have."""
    emphasis: tuple[float, ...] | None
    """Share of each aspect; None: all the same."""
    tone: float
    """Shift of the theme's tilt."""
    lift: float
    """Factor of the theme's popularity."""

    def popularity(self, sector: str, at: float) -> float:
        """Return the weight of the theme in a sector at a point in time (years)."""
        return self.lift * max(theme.popularity(sector, at) for theme in self.sources)

    @property
    def tilt(self) -> float:
        """Sentiment lean in this quarter, without what firms and chance add."""
        return self.theme.tilt + self.tone


@dataclass(frozen=True)
class Absent:
    """A theme that went in this quarter: it was there in the one before."""

    theme: Theme
    lineage_id: str
    event: Event
    related: str | None
    """Lineage that this one was merged into."""


def living(quarter: str) -> tuple[Living, ...]:
    """Return the themes of a quarter: those of the corpus, in its order, then those that were split off.

    Raises ValueError for a quarter before 2000Q1.
    """
    return _states(quarters.distance(_START, quarter))[0]


def gone(quarter: str) -> tuple[Absent, ...]:
    """Return the themes that died, paused or were merged into another in this quarter."""
    return _states(quarters.distance(_START, quarter))[1]


def pick_aspect(aspects: Sequence[T], emphasis: tuple[float, ...] | None, dice: Dice) -> T:
    """Return one of the aspects, by its share; all have the same if `emphasis` is None. One draw either way."""
    if emphasis is None:
        return dice.pick(aspects)
    at = dice.uniform()
    for aspect, share in zip(aspects, emphasis, strict=True):
        if at < share:
            return aspect
        at -= share
    return aspects[-1]


@cache
def _schedule() -> dict[str, Any]:
    return read("lifecycle.toml")


@cache
def _states(index: int) -> tuple[tuple[Living, ...], tuple[Absent, ...]]:
    if index < 0:
        raise ValueError(f"the sample has no calls before {_START}")
    now, before = _identities(index), _identities(index - 1)
    alive: list[Living] = []
    for theme_id, (lineage, theme, sources) in now.items():
        event: Event = "persists"
        related = None
        if theme_id in _schedule()["drifts"]:
            event = "drifts"
        if index > 0 and theme_id not in before:
            event, related = _arrival(theme_id, index)
        alive.append(_moved(index, Living(theme, lineage, event, related, sources, None, 0.0, 1.0)))
    left = [] if index == 0 else [_departure(t, index, *before[t]) for t in before if t not in now]
    return tuple(alive), tuple(left)


def _identities(index: int) -> dict[str, tuple[str, Theme, tuple[Theme, ...]]]:
    """Return (lineage, theme with its aspects, themes that it consists of) by theme."""
    schedule, known = _schedule(), {theme.theme_id: theme for theme in corpus().themes}
    found = {}
    for theme_id, theme in known.items():
        if _is_away(theme_id, index) or theme.interest_at(_year(index)) <= 0:
            continue
        sources, aspects = [theme], list(theme.aspects)
        for part in schedule["apart"].values():
            if part["of"] == theme_id and _within(part["quarters"], index):
                aspects = [a for a in aspects if a not in [theme.aspects[i] for i in part["aspects"]]]
        for other, merger in schedule["joined"].items():
            if merger["into"] == theme_id and _within(merger["quarters"], index):
                sources.append(known[other])
                aspects += known[other].aspects
        found[theme_id] = (_lineage(theme_id, index), replace(theme, aspects=tuple(aspects)), tuple(sources))
    for theme_id, part in schedule["apart"].items():
        if part["of"] in found and _within(part["quarters"], index):
            whole = known[part["of"]]
            theme = replace(
                whole,
                theme_id=theme_id,
                name=part["name"],
                aspects=tuple(whole.aspects[i] for i in part["aspects"]),
            )
            found[theme_id] = (_lineage(theme_id, index), theme, (whole,))
    return found


def _is_away(theme_id: str, index: int) -> bool:
    """Return whether a theme of the corpus is dead, paused or merged into another."""
    schedule = _schedule()
    merged = schedule["joined"].get(theme_id)
    windows = [schedule["gone"].get(theme_id), schedule["gaps"].get(theme_id), merged and merged["quarters"]]
    return any(window and _within(window, index) for window in windows)


def _arrival(theme_id: str, index: int) -> tuple[Event, str | None]:
    schedule = _schedule()
    if theme_id in schedule["apart"]:
        return "split_from", _lineage(schedule["apart"][theme_id]["of"], index)
    if theme_id in schedule["joined"] and _ends(schedule["joined"][theme_id]["quarters"], index):
        return "split_from", _lineage(schedule["joined"][theme_id]["into"], index)
    return ("revived" if theme_id in schedule["gaps"] else "born"), None


def _departure(theme_id: str, index: int, lineage: str, theme: Theme, _: tuple[Theme, ...]) -> Absent:
    schedule = _schedule()
    if theme_id in schedule["apart"]:
        into = schedule["apart"][theme_id]["of"]
    else:
        into = schedule["joined"].get(theme_id, {}).get("into")
    if into:
        return Absent(theme, lineage, "merged_into", _lineage(into, index))
    return Absent(theme, lineage, "pauses" if theme_id in schedule["gaps"] else "dies", None)


def _lineage(theme_id: str, index: int) -> str:
    """Return the identity of a theme's life: the theme's id, with the number of the life from the second on."""
    schedule = _schedule()
    if theme_id in schedule["apart"]:
        began = schedule["apart"][theme_id]["quarters"][0]
        life = sum(_offset(i) == began for i in range(1, index + 1)) + _within(
            schedule["apart"][theme_id]["quarters"], 0
        )
    else:
        ends = [window[1] for window in _partings(theme_id)]
        life = 1 + sum(_offset(i) in ends for i in range(1, index + 1))
    return theme_id if life <= 1 else f"{theme_id}.{life}"


def _partings(theme_id: str) -> Iterator[list[int]]:
    """Yield the windows after which a theme of the corpus is another lineage."""
    schedule = _schedule()
    if theme_id in schedule["gone"]:
        yield schedule["gone"][theme_id]
    if theme_id in schedule["joined"]:
        yield schedule["joined"][theme_id]["quarters"]


def _moved(index: int, theme: Living) -> Living:
    """Return the theme with its emphasis, tone and popularity of the quarter."""
    dice = Dice(f"waves:{theme.sources[0].theme_id}")
    tone = (_TONE[0] + (_TONE[1] - _TONE[0]) * dice.uniform()) * (1 if dice.chance(0.5) else -1)
    tone *= _wave(index, dice.integer(1, 3))
    lift = 2.0 ** (_PREVALENCE * (1 if dice.chance(0.5) else -1) * _wave(index, dice.integer(1, 2)))
    turns = _schedule()["drifts"].get(theme.theme.theme_id)
    emphasis = None
    if turns and (shift := _SHIFT * math.copysign(1, turns) * _wave(index, abs(turns))):
        n = len(theme.theme.aspects)
        weights = [math.exp(shift * (1 - 2 * i / (n - 1))) for i in range(n)]
        emphasis = tuple(w / sum(weights) for w in weights)
    return replace(theme, emphasis=emphasis, tone=tone, lift=lift)


def _wave(index: int, turns: int) -> float:
    """Return a sine of so many turns in a cycle, zero at the anchor."""
    return math.sin(2 * math.pi * turns * _offset(index) / CYCLE)


def _offset(index: int) -> int:
    return (index - quarters.distance(_START, ANCHOR)) % CYCLE


def _within(window: Sequence[int], index: int) -> bool:
    return window[0] <= _offset(index) < window[1]


def _ends(window: Sequence[int], index: int) -> bool:
    return _offset(index) == window[1]


def _year(index: int) -> float:
    return int(_START[:4]) + index / 4
