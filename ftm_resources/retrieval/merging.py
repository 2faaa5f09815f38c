"""One ranking of all levels and quarters: fused, without near-duplicates, and without what a hit already speaks for.

What belongs here: candidates in, hits out, no storage. Vectors rank all candidates by scores that compare across levels
(see `calibration`), words by BM25's share of the most possible; the two rankings are fused by reciprocal rank (Cormack,
Clarke & Büttcher 2009, SIGIR, 758-759).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

RECIPROCAL = 60
"""Cormack et al.'s constant: how little the first places of a ranking count above the next."""

ALIKE = 0.8
"""Share of all words of two texts that both have, from which they are near-duplicates; numbers must be the same."""

LEAST_SHARE = 0.5
"""Share of the best row's BM25 from which a row is ranked by words: rows that merely have `and` are not."""

PER_THEME = 3
"""Sentences and topics of one theme that are hits of their own before the theme is."""

Key = tuple[str, str, int]
"""Quarter, level and row."""


@dataclass
class Candidate:
    """A row that vectors or words found."""

    quarter: str
    level: str
    row: int
    cosine: float
    calibrated: float
    """The cosine on the scale of its level."""
    bm25: float | None = None
    """Share of the most possible; None if its words were not among the best."""
    is_near: bool = False
    """Whether vectors found it."""
    topic: int = -1
    """Row of its topic: of a sentence's, or its own."""
    theme: int = -1
    """Row of its theme: of a topic's, its own, or of a sentence that counts in it."""
    score: float = 0.0
    duplicates: list[Candidate] = field(default_factory=list)
    """Hits with nearly the same words that it stands for."""
    topics_found: int = 0
    """Topics of it among the candidates that it stands for."""
    sentences_found: int = 0
    """Sentences of it among the candidates that it stands for."""

    @property
    def key(self) -> Key:
        """What tells it apart."""
        return self.quarter, self.level, self.row


def fused(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Set the scores of candidates; return them, best first.

    A score is the sum of 1 / (RECIPROCAL + rank) over the rankings that hold the candidate; what none holds is left
    out.
    """
    found = list(candidates)
    near = sorted((c for c in found if c.is_near), key=lambda c: (-c.calibrated, c.key))
    most = max((c.bm25 or 0.0 for c in found), default=0.0)
    has_words = [c for c in found if c.bm25 is not None and c.bm25 >= LEAST_SHARE * most]
    worded = sorted(has_words, key=lambda c: (-(c.bm25 or 0.0), c.key))
    for c in found:
        c.score = 0.0
    for ranking in (near, worded):
        for rank, c in enumerate(ranking, 1):
            c.score += 1 / (RECIPROCAL + rank)
    return sorted((c for c in found if c.score), key=lambda c: (-c.score, -c.calibrated, c.key))


def folded(
    ranked: Sequence[Candidate],
    k: int,
    words: Callable[[Candidate], frozenset[str]],
    *,
    per_theme: int | None = PER_THEME,
) -> list[Candidate]:
    """Return the `k` first hits that stand for themselves; the others count at the hit that stands for them.

    That is an earlier hit of the same level with nearly the same words, up to the last hit; the topic of a sentence, or
    the theme of either, if it is a hit already; or the first hit of its theme once `per_theme` hits of the theme's
    topics and sentences are there (None: any number). `words` returns the words of a candidate's text.
    """
    hits: list[Candidate] = []
    said: dict[Key, frozenset[str]] = {}
    of_theme: dict[tuple[str, int], list[Candidate]] = {}
    parents: dict[Key, Candidate] = {}
    for c in ranked:
        if (parent := _parent(c, parents, of_theme, per_theme)) is not None:
            parent.topics_found += c.level == "topic"
            parent.sentences_found += c.level == "sentence"
            continue
        if len(hits) == k:
            continue
        said[c.key] = words(c)
        twin = next((h for h in hits if h.level == c.level and alike(said[h.key], said[c.key])), None)
        if twin is not None:
            twin.duplicates.append(c)
            continue
        hits.append(c)
        if c.level != "sentence":
            parents[c.key] = c
        if c.level != "theme" and c.theme >= 0:
            of_theme.setdefault((c.quarter, c.theme), []).append(c)
    return hits


def _parent(
    c: Candidate,
    parents: dict[Key, Candidate],
    of_theme: dict[tuple[str, int], list[Candidate]],
    per_theme: int | None,
) -> Candidate | None:
    """Return the hit that stands for a candidate; None if there is none."""
    if c.level == "theme":
        return None
    if c.level == "sentence" and (topic := parents.get((c.quarter, "topic", c.topic))):
        return topic
    if theme := parents.get((c.quarter, "theme", c.theme)):
        return theme
    siblings = of_theme.get((c.quarter, c.theme), [])
    return siblings[0] if per_theme is not None and len(siblings) >= per_theme else None


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Return whether two sets of words are of near-duplicates.

    >>> five = frozenset("sales rose by 5 percent".split())
    >>> alike(five, five | {"again"})
    True
    >>> alike(five, frozenset("sales rose by 7 percent".split()))
    False
    """
    if not one or not other or len(one & other) < ALIKE * len(one | other):
        return False
    return not any(word[0].isdigit() for word in one ^ other)
