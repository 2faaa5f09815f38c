"""The sample's texts, read from `text/*.toml`: themes, firm subjects, speech, names.

Everything in those files was written for this project; firms, people, places and brands are fictional.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ftm_resources.sources.sample.grammar import FIGURES, Phrase, Scope, parse, parse_list

_FOLDER = Path(__file__).parent / "text"
_ASPECT_FIELDS = ("good", "bad", "topic", "do", "pro", "con", "win", "hit", "fact")
SENTIMENTS = ("positive", "neutral", "negative")

Aspect = dict[str, tuple[Phrase, ...]]


@dataclass(frozen=True)
class Theme:
    """A subject that many firms talk about."""

    theme_id: str
    name: str
    is_financial: bool
    """The chief financial officer presents it."""
    tilt: float
    """Sentiment lean: above zero positive, below zero negative."""
    weights: dict[str, float]
    """Weight by sector of the firm; `all` is the default."""
    interest: tuple[tuple[int, float], ...]
    """Popularity over time, as (year, popularity) points."""
    aspects: tuple[Aspect, ...]

    def popularity(self, sector: str, at: float) -> float:
        """Return the weight of the theme in a sector at a point in time (years)."""
        return float(self.interest_at(at) * self.weights.get(sector, self.weights["all"]))

    def interest_at(self, at: float) -> float:
        """Return the theme's popularity at a point in time (years), linear between points."""
        years, levels = zip(*self.interest, strict=True)
        level = levels[-1]
        if at <= years[0]:
            level = levels[0]
        else:
            for i in range(1, len(years)):
                if at < years[i]:
                    part = (at - years[i - 1]) / (years[i] - years[i - 1])
                    level = levels[i - 1] + part * (levels[i] - levels[i - 1])
                    break
        return float(level)


@dataclass(frozen=True)
class SubjectKind:
    """A kind of subject that belongs to one firm: a product, a plant, a partner."""

    kind: str
    sectors: tuple[str, ...]
    names: tuple[Phrase, ...]
    aspect: Aspect


@dataclass(frozen=True)
class Sector:
    """Names, products and segments of a sector's firms."""

    name: str
    weight: float
    segments: tuple[Phrase, ...]
    things: tuple[Phrase, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A template for a clause about an aspect."""

    phrase: Phrase
    takes_lead: bool
    """Whether a lead such as `In Europe, ` may precede it."""


@dataclass(frozen=True)
class Corpus:
    """All texts, parsed."""

    themes: tuple[Theme, ...]
    subject_kinds: tuple[SubjectKind, ...]
    sectors: tuple[Sector, ...]
    pools: dict[str, tuple[str, ...]]
    claims: dict[str, tuple[Claim, ...]]
    lines: dict[str, dict[str, tuple[Phrase, ...]]]
    """Section (`openers`, `questions`, `procedural`, `filler`) and name → its phrases."""
    words: Scope
    """Figures, connectives and pools that any phrase may use."""


def read(name: str) -> dict[str, Any]:
    """Return a file of `text/`; FileNotFoundError if there is none of that name."""
    return tomllib.loads((_FOLDER / name).read_text(encoding="utf-8"))


def _pairs(text: str) -> list[tuple[str, float]]:
    return [(name, float(value)) for name, value in (piece.split() for piece in text.split(";"))]


def _aspect(fields: dict[str, str]) -> Aspect:
    return {field: parse_list(fields[field]) for field in _ASPECT_FIELDS}


def _themes(name: str) -> list[Theme]:
    return [
        Theme(
            theme_id=theme_id,
            name=entry["name"],
            is_financial=name == "themes_finance.toml",
            tilt=float(entry["tilt"]),
            weights=dict(_pairs(entry["sectors"])),
            interest=tuple((int(year), level) for year, level in _pairs(entry["interest"])),
            aspects=tuple(_aspect(aspect) for aspect in entry["aspects"]),
        )
        for theme_id, entry in read(name).items()
    ]


@cache
def corpus() -> Corpus:
    """Return the texts, read and parsed once; ValueError or KeyError if a file is malformed."""
    names, speech = read("names.toml"), read("speech.toml")
    pools = {name: tuple(p.strip() for p in text.split(";")) for name, text in names["pools"].items()}
    words: dict[str, Any] = dict(FIGURES)
    words |= {name: tuple((p,) for p in pool) for name, pool in pools.items()}
    # Connectives keep their spaces: some begin with a comma, some with a word, some are empty.
    words |= {name: tuple(parse(p) for p in text.split(";")) for name, text in speech["words"].items()}
    return Corpus(
        themes=tuple(theme for path in sorted(_FOLDER.glob("themes_*.toml")) for theme in _themes(path.name)),
        subject_kinds=tuple(
            SubjectKind(
                kind,
                tuple(s.strip() for s in entry["sectors"].split(";")),
                parse_list(entry["names"]),
                _aspect(entry),
            )
            for kind, entry in read("firm_topics.toml").items()
        ),
        sectors=tuple(
            Sector(
                name,
                float(entry["weight"]),
                parse_list(entry["segments"]),
                parse_list(entry["things"]),
                tuple(w.strip() for w in entry["words"].split(";")),
            )
            for name, entry in names["sectors"].items()
        ),
        pools=pools,
        claims={
            sentiment: tuple(
                Claim(parse(line.removeprefix("!")), not line.startswith("!"))
                for line in speech["claims"][sentiment].strip().splitlines()
            )
            for sentiment in SENTIMENTS
        },
        lines={
            section: {name: parse_list(text, "\n") for name, text in speech[section].items()}
            for section in ("openers", "questions", "procedural", "filler")
        },
        words=words,
    )
