"""One ranking of all levels and quarters: fused, without near-duplicates, and without what a hit already speaks for.

What belongs here: candidates in, hits out, no storage. Vectors rank all candidates by scores that compare across levels
(see `calibration`), words by BM25's share of the most possible; the two rankings are fused by reciprocal rank (Cormack,
Clarke & Büttcher 2009, SIGIR, 758-759).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from ftm_resources.retrieval.searched import Row

RECIPROCAL = 60
"""Cormack et al.'s constant: how little the first places of a ranking count above the next."""

LEAST_SHARE = 0.5
"""Share of the best row's BM25 from which a row is ranked by words: rows that merely have `and` are not."""

LEAST_OF_QUERY = 0.35
"""Share of the most possible BM25 from which a row is ranked by words, where vectors rank it too: of a query in other
words than were spoken, the best row by words has `of` and little else. Chosen on generated calls (docs/search.md)."""

FAR = -1.0
"""Calibrated similarity below which a hit that words did not find either is not near: a standard deviation below what a
query's tenth hit of the level usually is."""

PER_THEME = 3
"""Sentences and topics of one theme that are hits of their own before the theme is."""

Key = tuple[str, str, "Row"]
"""Quarter, level and row."""


@dataclass
class Candidate:
    """A row that vectors or words found."""

    quarter: str
    level: str
    row: Row
    cosine: float
    calibrated: float
    """The cosine on the scale of its level."""
    bm25: float | None = None
    """Share of the most possible; None if its words were not among the best."""
    by_words: bool = False
    """Whether it is in the ranking by words; set by `fused`."""
    topic: Row | None = None
    """Row of its topic: of a sentence's, or its own."""
    theme: Row | None = None
    """Row of its theme: of a topic's, its own, or of a sentence that counts in it."""
    score: float = 0.0
    duplicates: list[Candidate] = field(default_factory=list)
    """Those of its firm and quarter with the same words that it stands for."""
    topics_found: int = 0
    """Topics of it among the candidates that it stands for."""
    sentences_found: int = 0
    """Sentences of it among the candidates that it stands for."""

    @property
    def key(self) -> Key:
        """What tells it apart."""
        return self.quarter, self.level, self.row

    @property
    def is_near(self) -> bool:
        """Whether it is about the query at all, as far as scores tell: by its vector, or by its words."""
        return self.by_words or self.calibrated >= FAR


def fused(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Set the scores of candidates; return them, best first.

    A score is the sum of 1 / (RECIPROCAL + rank) over the rankings that hold the candidate; what none holds is left
    out. All with a calibrated cosine are ranked by it, those that words alone found too.
    """
    found = list(candidates)
    near = sorted((c for c in found if not isnan(c.calibrated)), key=lambda c: (-c.calibrated, c.key))
    most = max((c.bm25 or 0.0 for c in found), default=0.0)
    # By words alone, the best there are must do.
    least = max(LEAST_SHARE * most, LEAST_OF_QUERY if near else 0.0)
    has_words = [c for c in found if c.bm25 is not None and c.bm25 >= least]
    worded = sorted(has_words, key=lambda c: (-(c.bm25 or 0.0), c.key))
    for c in found:
        c.score, c.by_words = 0.0, False
    for c in worded:
        c.by_words = True
    for ranking in (near, worded):
        for rank, c in enumerate(ranking, 1):
            c.score += 1 / (RECIPROCAL + rank)
    return sorted((c for c in found if c.score), key=lambda c: (-c.score, -c.calibrated, c.key))


def folded(
    ranked: Sequence[Candidate],
    k: int,
    speaker: Callable[[Candidate], Hashable],
    words: Callable[[Candidate], tuple[str, ...]],
    *,
    per_theme: int | None = PER_THEME,
) -> list[Candidate]:
    """Return the `k` first hits that stand for themselves; the others count at the hit that stands for them.

    That is a hit of the same quarter, level and firm whose text is the same (see `repetition.same_words`); the topic of
    a sentence, or the theme of either, if it is a hit already; or the first hit of its theme once `per_theme` hits of
    the theme's topics and sentences are there (None: any number). All candidates are compared, so what a hit stands for
    does not depend on how many there are. `speaker` returns the firm of a candidate, `words` what its text is compared
    by.
    """
    hits: list[Candidate] = []
    said: dict[tuple[Hashable, ...], Candidate] = {}
    speaking: set[tuple[Hashable, ...]] = set()
    of_theme: dict[tuple[str, Row], list[Candidate]] = {}
    parents: dict[Key, Candidate] = {}
    for c in ranked:
        who, is_full = (c.quarter, c.level, speaker(c)), len(hits) == k
        # Texts are read only where they matter: behind the last hit, of those who have one.
        text = (*who, words(c)) if who in speaking or not is_full else None
        if text is not None and text[-1] and (twin := said.get(text)):
            twin.duplicates.append(c)
            continue
        if (parent := _parent(c, parents, of_theme, per_theme)) is not None:
            parent.topics_found += c.level == "topic"
            parent.sentences_found += c.level == "sentence"
            continue
        if is_full or text is None:
            continue
        hits.append(c)
        said[text] = c
        speaking.add(who)
        if c.level != "sentence":
            parents[c.key] = c
        if c.level != "theme" and c.theme is not None:
            of_theme.setdefault((c.quarter, c.theme), []).append(c)
    return hits


def _parent(
    c: Candidate,
    parents: dict[Key, Candidate],
    of_theme: dict[tuple[str, Row], list[Candidate]],
    per_theme: int | None,
) -> Candidate | None:
    """Return the hit that stands for a candidate; None if there is none."""
    if c.level == "theme":
        return None
    if c.level == "sentence" and c.topic is not None:
        topic = parents.get((c.quarter, "topic", c.topic))
        if topic is not None:
            return topic
    if c.theme is None:
        return None
    if theme := parents.get((c.quarter, "theme", c.theme)):
        return theme
    siblings = of_theme.get((c.quarter, c.theme), [])
    return siblings[0] if per_theme is not None and len(siblings) >= per_theme else None
