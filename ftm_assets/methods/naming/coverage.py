"""How much of a topic or theme a possible name covers: the share of its texts that use the name's words.

Belongs here: what is measured of a phrase and of a subject, and the score by which they are compared. Which phrases are
possible is in `candidates`, the subjects are in `subjects`, and the choice is in `heading_choice`.

Of 129 names of topics of real calls that blind readers (language models) called good or wrong, the mean share of the
topic's sentences that use a word of the name tells good from wrong in 87% of pairs; that they use any of its words, in
83%; that they use all, in 73% (docs/labelling.md). The weights are set by hand in that order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from ftm_assets.methods.naming.heading_words import SIGNS
from ftm_assets.methods.naming.subjects import FINANCIAL, GENERAL, SUBJECTS, SUBJECTS_OF, Subject, Term
from ftm_assets.methods.naming.word_classes import EMPTY
from ftm_assets.methods.text.tokens import normal, words
from ftm_assets.methods.text.word_lists import STOP_EXACT, STOP_INFLECTED, WEAK_INFLECTED

_WEAK = frozenset(map(normal, STOP_EXACT | STOP_INFLECTED | WEAK_INFLECTED | EMPTY | SIGNS))
_OF_FIGURES = frozenset({"operat", "net", "gross", "adjust"})
"""Normal forms of operating, net, gross, adjusted: operating income does not speak of operating expenses."""

_WEAK_SHARE = 0.4
"""What a word too general to stand alone counts for."""

_ANY, _MEAN, _ALL, _KEYWORD = 0.40, 0.30, 0.25, 0.25
_BY_LENGTH = {1: -0.10, 2: 0.10, 3: 0.06}
"""Two or three words say more than one; longer phrases are usually of one sentence."""

_LINKED = 0.20
_ALL_WEAK = 0.30
LEAST_FINANCIAL, LEAST_TWICE_FINANCIAL = 0.6, 0.4
"""Shares of the texts that use one and two of the words of financial results, if that is to be their heading."""

_KEYWORD_DECAY = 0.12


@dataclass(frozen=True)
class Cover:
    """What a possible name covers."""

    score: float
    """Comparable between phrases and subjects; about 1 if all texts use all its words."""
    share: float
    """Share of the texts, by weight, that use one of its words."""
    together: float
    """Share of the texts that use all the words of a phrase, or two terms of a subject."""
    texts: frozenset[int]
    """The texts that are spoken for: that use one of its words that is neither weak nor said of any figure."""
    whole: frozenset[int]
    """The texts that use all the words of a phrase, or one term of a subject."""


@dataclass
class Texts:
    """The texts of a topic or theme, prepared once.

    Parameters
    ----------
    texts : sequence of sequence of str
        The words, in normal form, of the cleaned sentences of a topic; of a theme, of a text per topic.
    sources : sequence of str
        Whom each text is from. A source with n texts weighs sqrt(n): a firm with many topics is heard, but does not
        decide.
    keywords : sequence of str
        Strongest first.

    """

    texts: Sequence[Sequence[str]]
    sources: Sequence[str]
    keywords: Sequence[str]
    weights: list[float] = field(init=False)
    """They sum to 1."""
    _strength: dict[Term, float] = field(init=False)
    _using: dict[Term, int] = field(init=False)
    """The texts that use a term: bit i for text i."""

    def __post_init__(self) -> None:
        n = Counter(self.sources)
        weights = [n[s] ** -0.5 for s in self.sources]
        self.weights = [w / sum(weights) for w in weights]
        self._strength = {}
        for rank, keyword in enumerate(self.keywords):
            for term in _terms(words(keyword)):
                self._strength.setdefault(term, 1 / (1 + _KEYWORD_DECAY * rank))
        self._using = {}
        for i, stems in enumerate(self.texts):
            for term in set(_terms(stems)):
                self._using[term] = self._using.get(term, 0) | 1 << i

    def share(self, texts: Iterable[int]) -> float:
        """Return the weight of texts."""
        return sum([self.weights[i] for i in texts])

    def using_all(self, stems: Sequence[str]) -> frozenset[int]:
        """Return the texts that use all of the words, in normal form."""
        return _places(self._using_all(stems))

    def _using_all(self, stems: Sequence[str]) -> int:
        using = -1 if stems else 0
        for stem in stems:
            using &= self._using.get((stem,), 0)
        return using

    def phrase(self, stems: Sequence[str], *, is_linked: bool = False) -> Cover:
        """Return what a phrase covers, from the normal forms of its words."""
        using = [_places(self._using.get((s,), 0)) for s in stems]
        counts = [_WEAK_SHARE if s in _WEAK else 1.0 for s in stems]
        of_text: dict[int, float] = {}
        for texts, count in zip(using, counts, strict=True):
            for i in texts:
                of_text[i] = max(of_text.get(i, 0.0), count)
        touched = sum([self.weights[i] * count for i, count in of_text.items()])
        mean = sum([self.share(t) * c for t, c in zip(using, counts, strict=True)]) / sum(counts)
        keyword = sum(self._strength.get((s,), 0.0) * c for s, c in zip(stems, counts, strict=True)) / len(
            stems
        )
        if len(stems) == 2:
            keyword = max(keyword, 0.9 * self._strength.get(tuple(stems), 0.0))
        whole = self.using_all(stems)
        together = self.share(whole)
        score = (
            _ANY * touched
            + _MEAN * mean
            + _ALL * together
            + _KEYWORD * keyword
            + _BY_LENGTH.get(len(stems), 0.0)
            - _LINKED * is_linked
            - _ALL_WEAK * (max(counts) < 1)
        )
        strong: frozenset[int] = frozenset().union(
            *(t for s, t, c in zip(stems, using, counts, strict=True) if c == 1 and s not in _OF_FIGURES)
        )
        return Cover(score, touched, together, strong, whole)

    def subjects(self) -> list[tuple[str, Cover]]:
        """Return the subjects that the texts speak of, best first."""
        used: defaultdict[int, list[Term]] = defaultdict(list)
        for term in self._using.keys() & SUBJECTS_OF.keys():
            for i in SUBJECTS_OF[term]:
                used[i].append(term)
        covers = [(SUBJECTS[i].heading, self._subject(SUBJECTS[i], used[i])) for i in sorted(used)]
        return sorted(covers, key=lambda pair: -pair[1].score)

    def wide(self) -> list[str]:
        """Return the wide headings that fit, best first: financial only where most texts are."""
        figures, general = (self._subject(s, self._using.keys() & s.terms) for s in (FINANCIAL, GENERAL))
        headings = [GENERAL.heading] if general.share > 0 else []
        if figures.share >= LEAST_FINANCIAL and figures.together >= LEAST_TWICE_FINANCIAL:
            return [FINANCIAL.heading, *headings]
        return headings or ([FINANCIAL.heading] if figures.share > 0 else [])

    def is_keyword(self, *stems: str) -> bool:
        """Return whether words are a keyword, or one word is part of one."""
        return stems in self._strength

    def _subject(self, subject: Subject, used: Iterable[Term]) -> Cover:
        """Return what a subject covers; `used` are those of its terms that the texts use."""
        once = twice = 0
        for term in used:
            twice |= once & self._using[term]
            once |= self._using[term]
        texts, share_twice = _places(once), self.share(_places(twice))
        share = self.share(texts)
        of_keywords = [n for term, n in self._strength.items() if term in subject.terms]
        score = (
            (_ANY + _ALL / 2) * share
            + _MEAN * (share + share_twice) / 2
            + _KEYWORD * min(1.0, sum(of_keywords) / 2)
        )
        return Cover(score, share, share_twice, texts, texts)


@lru_cache(maxsize=100_000)
def _places(bits: int) -> frozenset[int]:
    """Return the places of the bits that are set."""
    return frozenset([i for i in range(bits.bit_length()) if bits >> i & 1])


def is_weak(stem: str) -> bool:
    """Return whether a word in normal form is too general to be a name alone."""
    return stem in _WEAK


def _terms(stems: Sequence[str]) -> list[Term]:
    return [*((s,) for s in stems), *pairwise(stems)]
