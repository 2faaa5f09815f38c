"""The sample's phrase grammar: parsing a phrase once, and rendering it many times with different words.

A phrase is text with slots and choices: `{good} [rose|fell] {pct}`. A slot names an entry of a scope: either
phrases, one of which replaces it, or a function that generates a figure. Choices may nest and be empty.
Nothing here knows about earnings calls.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")

_SPACES = re.compile(r" {2,}")
_SPACE_BEFORE_MARK = re.compile(r" +([,.?])")
_STANDARD_NORMAL = NormalDist()


class Dice:
    """Random draws that depend only on a text key.

    Uses only `random.Random.random`: Python guarantees that its sequence for a seed is the same in later
    versions, which it does not guarantee for `choice`, `sample` or `gauss`.
    """

    def __init__(self, key: str) -> None:
        self.uniform: Callable[[], float] = random.Random(key).random  # noqa: S311 - text, not secrets
        """One draw from [0, 1)."""

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options with equal probability; IndexError if there are none."""
        return options[int(self.uniform() * len(options))]

    def integer(self, low: int, high: int) -> int:
        """Return a whole number in [low, high]."""
        return low + int(self.uniform() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """Return True with this probability."""
        return self.uniform() < share

    def normal(self, sd: float) -> float:
        """Return a draw from a normal distribution around zero."""
        return sd * _STANDARD_NORMAL.inv_cdf(self.uniform() * 0.999998 + 0.000001)

    def pick_several(self, options: Sequence[T], weights: Sequence[float], count: int) -> list[T]:
        """Return up to `count` different options of positive weight, drawn without replacement.

        Efraimidis and Spirakis (2006): the largest u ** (1 / weight) win.
        """
        keys = [self.uniform() ** (1.0 / w) if w > 0 else -1.0 for w in weights]
        order = sorted(range(len(options)), key=lambda i: -keys[i])
        return [options[i] for i in order[:count] if keys[i] >= 0]


@dataclass(frozen=True)
class Slot:
    """A named placeholder in a phrase."""

    name: str


@dataclass(frozen=True)
class Choice:
    """One of these phrases."""

    options: tuple[Phrase, ...]


Phrase = tuple["str | Slot | Choice", ...]
Figure = Callable[[Dice], str]
Scope = Mapping[str, "tuple[Phrase, ...] | Figure | str"]


def parse(text: str) -> Phrase:
    """Parse a phrase; ValueError if a bracket is unbalanced."""
    phrase, end = _parse(text, 0, nested=False)
    if end != len(text):
        raise ValueError(f"phrase {text!r}: bracket without a partner at {end}")
    return phrase


def parse_list(text: str, separator: str = ";") -> tuple[Phrase, ...]:
    """Parse the phrases of a list; surrounding spaces and empty phrases are removed."""
    return tuple(parse(piece.strip()) for piece in text.split(separator) if piece.strip())


def _parse(text: str, start: int, *, nested: bool) -> tuple[Phrase, int]:
    """Parse from `start` to the end, or to the `|` or `]` that ends a branch of a choice."""
    parts: list[str | Slot | Choice] = []
    literal, i = start, start
    while i < len(text) and not (nested and text[i] in "|]"):
        if text[i] in "]}":
            raise ValueError(f"phrase {text!r}: bracket without a partner at {i}")
        if text[i] not in "[{":
            i += 1
            continue
        if literal < i:
            parts.append(text[literal:i])
        if text[i] == "{":
            end = text.find("}", i)
            if end < 0:
                raise ValueError(f"phrase {text!r}: bracket without a partner at {i}")
            parts.append(Slot(text[i + 1 : end]))
            i = end + 1
        else:
            options: list[Phrase] = []
            mark = "|"
            while mark == "|":
                option, i = _parse(text, i + 1, nested=True)
                options.append(option)
                mark = text[i] if i < len(text) else ""
            if mark != "]":
                raise ValueError(f"phrase {text!r}: a choice is not closed")
            parts.append(Choice(tuple(options)))
            i += 1
        literal = i
    if literal < i:
        parts.append(text[literal:i])
    return tuple(parts), i


def say(phrase: Phrase, scope: Scope, dice: Dice) -> str:
    """Return the phrase with every slot filled and every choice made; KeyError for an unknown slot.

    A slot that occurs twice is filled with different phrases if its scope has several.
    """
    out: list[str] = []
    _say(phrase, scope, dice, out, {})
    text = "".join(out)
    if "  " in text:
        text = _SPACES.sub(" ", text)
    return _SPACE_BEFORE_MARK.sub(r"\1", text).strip()


def _say(phrase: Phrase, scope: Scope, dice: Dice, out: list[str], used: dict[str, int]) -> None:
    for part in phrase:
        if isinstance(part, str):
            out.append(part)
        elif isinstance(part, Choice):
            _say(dice.pick(part.options), scope, dice, out, used)
        else:
            value = scope[part.name]
            if isinstance(value, str):
                out.append(value)
            elif isinstance(value, tuple):
                at = int(dice.uniform() * len(value))
                if used.get(part.name) == at:
                    at = (at + 1) % len(value)
                used[part.name] = at
                _say(value[at], scope, dice, out, used)
            else:
                out.append(value(dice))


def sentence(text: str, mark: str = ".") -> str:
    """Return the clause with a capital at the start and a mark at the end; "in the U.S." gets no second period."""
    return text[0].upper() + text[1:] + ("" if text.endswith((mark, "?")) else mark)


_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
_ORDINALS = (
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "twelfth",
    "fifteenth",
)
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _share(low: int, high: int) -> Figure:
    return lambda dice: f"{dice.integer(low, high)}%"


def _decimal(low: float, high: float, digits: int, unit: str = "") -> Figure:
    return lambda dice: f"{low + (high - low) * dice.uniform():.{digits}f}{unit}"


def _change(dice: Dice) -> str:
    size = 1.0 + 24.0 * dice.uniform() ** 2  # small changes are the most common
    return f"{size:.1f}%" if dice.chance(0.6) else f"{max(2, round(size))}%"


def _small_share(dice: Dice) -> str:
    return f"{dice.integer(2, 9)}%" if dice.chance(0.6) else f"{1.2 + 8 * dice.uniform():.1f}%"


def _money(dice: Dice) -> str:
    return (
        f"${1.1 + 8 * dice.uniform():.1f} billion"
        if dice.chance(0.5)
        else f"${dice.integer(20, 98)}0 million"
    )


def _small_money(dice: Dice) -> str:
    return (
        f"${dice.integer(3, 95)} million" if dice.chance(0.7) else f"${1.2 + 18 * dice.uniform():.1f} million"
    )


FIGURES: dict[str, Figure] = {
    "pct": _share(11, 38),
    "pct_small": _small_share,
    "pct_mid": _share(41, 74),
    "pct_high": _share(86, 98),
    "chg": _change,
    "chg_whole": lambda dice: f"{dice.integer(2, 24)}%",
    "bps": lambda dice: f"{dice.integer(2, 24)}0 basis points",
    "usd": _money,
    "usd_small": _small_money,
    "usd_store": lambda dice: f"${0.8 + 5.2 * dice.uniform():.1f} million",
    "count": lambda dice: str(dice.integer(101, 940)),
    "count_small": lambda dice: str(dice.integer(11, 92)),
    "n_few": lambda dice: dice.pick(_WORDS),
    "n_th": lambda dice: dice.pick(_ORDINALS),
    "weeks": lambda dice: f"{dice.pick(_WORDS)} weeks",
    "days": lambda dice: f"{dice.integer(3, 12)}0 days",
    "rate": _decimal(1.1, 5.4, 2, "%"),
    "margin": _decimal(11, 58, 1, "%"),
    "ratio": _decimal(1.6, 4.4, 1),
    "ratio_comb": _decimal(88, 106, 1, "%"),
    "month": lambda dice: dice.pick(MONTHS),
}
"""Slots that any phrase may use for a figure: shares, changes, money, counts, times and ratios."""
