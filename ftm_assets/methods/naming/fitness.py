"""How likely a reader calls a theme's name good: a logistic model of where its words are used and of what it means.

Belongs here: what is measured of a possible name, and the weights. Which names are possible is in `candidates`.

The weights are fitted (logistic regression, L2 with inverse strength 0.1; Cox 1958, JRSS B 20) to verdicts on 93 names
that two earlier namers gave to themes of 44 real calls (docs/labelling.md, first reading): good 1, vague 0.5, wrong 0.
The reader was a blind language model, not a person. Cross-validated by theme (6 parts, 5 draws), a good name gets a
higher probability than a wrong one in 76% of pairs with meaning, in 72% without.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """Where the words of a name are used in the texts of a theme; shares in [0, 1]."""

    modifier: float
    """Share of the texts that use its rarest modifier; of a bare noun, the noun."""
    shared: float
    """Share of the firms that use all its words in one text; of two joined phrases, either."""


@dataclass(frozen=True)
class Meaning:
    """How near a name is to its theme's vector, and to that of the nearest other theme (cosines)."""

    own: float
    other: float


_CONSTANT, _MODIFIER, _SHARED, _OWN, _MARGIN = -2.74, 0.84, 1.54, 2.30, 1.91
_CONSTANT_BY_USE, _MODIFIER_BY_USE, _SHARED_BY_USE = -1.07, 1.19, 1.77


def probability(use: Use, meaning: Meaning | None = None) -> float:
    """Return the probability that a reader calls a name good, by use alone if its meaning is unknown."""
    if meaning is None:
        score = _CONSTANT_BY_USE + _MODIFIER_BY_USE * use.modifier + _SHARED_BY_USE * use.shared
    else:
        score = (
            _CONSTANT
            + _MODIFIER * use.modifier
            + _SHARED * use.shared
            + _OWN * meaning.own
            + _MARGIN * (meaning.own - meaning.other)
        )
    return 1 / (1 + math.exp(-score))
