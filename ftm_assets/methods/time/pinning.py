"""Links of themes and topics to pinned themes, which a researcher defined, and how much of what they name that covers.

Belongs here: the similarity to a pinned theme, the rule of who links to it, and its coverage. A pinned theme has the
same definition in every quarter, so its links depend on their own quarter alone. Themes and topics link to at most one
of them; unlike a series of `linking`, a pinned theme may hold several themes of a quarter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge, Le

from ftm_assets.methods.text.normalising import normalised
from ftm_assets.methods.time.profiles import shared
from ftm_assets.methods.vectors import DIGITS, products, unit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NONE = -1


@dataclass(frozen=True)
class PinParams:
    """Parameters of links to pinned themes.

    The asset's config takes its defaults, bounds and descriptions from these fields.
    """

    floor: Annotated[float, Ge(-1), Le(1)] = 0.5
    """Minimum similarity of a theme to the pinned theme that it links to; it depends on the embedding model."""
    topic_floor: Annotated[float, Ge(-1), Le(1)] = 0.5
    """Minimum similarity of a firm's topic to the pinned theme that it links to."""
    keyword_weight: Annotated[float, Ge(0), Le(1)] = 0.0
    """Weight of the share of seed phrases that are keywords; the rest is the similarity of content."""


@dataclass(frozen=True)
class Pins:
    """To which pinned theme each of several themes or topics links; arrays are in parallel to them."""

    pinned: NDArray[np.int64]
    """Index of the pinned theme, or NONE."""
    similarity: Floats
    """To the most similar pinned theme; NaN if there is none."""
    margin: Floats
    """Similarity less the floor or that to the next most similar pinned theme, whichever is higher."""


def centred(vectors: NDArray[np.floating], topics: NDArray[np.floating]) -> Floats:
    """Return vectors less the mean of a quarter's topics, as unit vectors, float64 (n, d).

    `topics` is (m, d): all topics of the quarter, sorted by id, by whose mean its themes are centred too.
    """
    return np.asarray(unit(vectors.astype(np.float64) - topics.astype(np.float64).mean(axis=0)))


def pin(
    vectors: NDArray[np.floating],
    keywords: Sequence[Collection[str]],
    pinned: NDArray[np.floating],
    seeds: Sequence[Collection[str]],
    *,
    floor: float,
    keyword_weight: float,
) -> Pins:
    """Return the pinned theme that each theme or topic is most similar to, if it is at least as similar as the floor.

    Parameters
    ----------
    vectors, pinned : numpy.ndarray
        (n, d) and (m, d): centred unit vectors of themes or topics, and of pinned themes.
    keywords, seeds : sequence of collections of str
        Their keywords and seed phrases, in parallel.
    floor, keyword_weight : float
        See `PinParams`.

    Examples
    --------
    >>> found = pin(np.eye(2), [(), ()], np.array([[0.8, 0.6]]), [()], floor=0.7, keyword_weight=0)
    >>> found.pinned.tolist(), found.margin.round(2).tolist()
    ([0, -1], [0.1, -0.1])

    """
    n, m = len(vectors), len(pinned)
    if not n or not m:
        return Pins(np.full(n, NONE), np.full(n, np.nan), np.full(n, np.nan))
    wanted = [_folded(map(normalised, s)) for s in seeds]
    common = shared([_folded(k) for k in keywords], wanted)
    covered = common / np.maximum([len(w) for w in wanted], 1)
    similarity = (1 - keyword_weight) * products(vectors, pinned) + keyword_weight * covered
    similarity = np.round(similarity, DIGITS)
    best = similarity.argmax(axis=1)
    own = similarity[np.arange(n), best]
    others = similarity.copy()
    others[np.arange(n), best] = -np.inf
    margin = np.round(own - np.maximum(others.max(axis=1), floor), DIGITS)
    return Pins(np.where(own >= floor, best, NONE), own, margin)


def seed_sentences(texts: Sequence[str], phrases: Sequence[str]) -> NDArray[np.bool_]:
    """Return which texts contain one of the phrases as whole words, whatever their case: bool (n,).

    Phrases are normalised as the texts of calls were: an editor may have written typographic quotes or hyphens.

    >>> seed_sentences(["China's tariffs rose.", "We hired."], ["China’s tariffs"]).tolist()
    [True, False]
    """
    plain = sorted(filter(None, map(normalised, phrases)), key=len, reverse=True)
    if not plain:
        return np.zeros(len(texts), dtype=bool)
    words = "|".join(r"\s+".join(map(re.escape, p.split())) for p in plain)
    pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    return np.fromiter((pattern.search(t) is not None for t in texts), dtype=bool, count=len(texts))


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(w.casefold() for w in words)
