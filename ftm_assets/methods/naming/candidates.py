"""Candidates for an extractive name: phrases that may head a section, scored by keywords and by who says them.

Belongs here: what a name may consist of (no product, person, place, currency, time, evaluation or sign), how many
speaker turns or firms must use it, and its score. Choosing among the candidates is in `extractive`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice, pairwise

from ftm_assets.methods.naming.headings import HEADINGS
from ftm_assets.methods.naming.phrases import Phrase, clean_speech, noun_phrases, spoken_words
from ftm_assets.methods.naming.rules import BANNED_WORDS, MAX_NAME_WORDS, Digest, plain_text
from ftm_assets.methods.naming.word_classes import (
    ABSTRACT_HEADS,
    ACTION_OPENERS,
    ADJECTIVAL_ED,
    CURRENCIES,
    DETERMINERS,
    EMPTY,
    EVALUATIONS,
    GIVEN_NAMES,
    PREDICATES,
    SIGNS,
    SUBJECTS,
    TIMES,
    is_common,
    word_class,
)
from ftm_assets.methods.text.capitals import ACRONYMS, PLACES_AND_PEOPLES
from ftm_assets.methods.text.firm_names import holds_firm_name
from ftm_assets.methods.text.tokens import normal, words
from ftm_assets.methods.text.word_lists import STOP_EXACT, STOP_INFLECTED, WEAK_INFLECTED

MAX_PROPOSED = 10
"""Candidates of a digest whose meaning is compared with the topic's; each costs the embedding of a few words."""

MAX_EVIDENCE = 60
"""Texts of a digest in which phrases are sought; a theme of a thousand topics says nothing new beyond them."""

_STOPS = frozenset(map(normal, STOP_EXACT | STOP_INFLECTED))
_WEAK = frozenset(map(normal, WEAK_INFLECTED | EMPTY))
_VAGUE_OPENERS = ABSTRACT_HEADS - frozenset(
    {"business", "businesses", "company", "companies", "people", "team", "area", "job", "world", "page"}
) | frozenset({"i", "ii", "iii", "iv", "v", "america", "york", "kong", "zealand"})
_RANGE = re.compile(r"(?:low|mid|high|double|single)-|digits?$")
_LINKS = frozenset({"of", "in", "for", "and", "the", "on"})


@dataclass(frozen=True)
class Candidate:
    """A possible name."""

    text: str
    """In sentence case, except for the first letter."""
    stems: frozenset[str]
    support: float
    """Share of the sources (speaker turns, firms) that use all its words."""
    score: float
    """By keywords, support and form, without regard to meaning; above 0."""
    n_texts: int = 2
    """Texts that use all its words."""
    is_heading: bool = False
    """Whether it is one of the general headings, in words of the digest."""
    parts: tuple[str, ...] = ()
    """Texts of the candidates that it joins."""


@dataclass
class _Seen:
    phrase: Phrase
    first: int
    """Rank of the most central text that contains it."""
    n_texts: int = 0
    score: float = 0.0
    support: float = 0.0


@dataclass
class Evidence:
    """The texts of a digest, prepared once: whom they come from, what is a name in them, and each word's weight."""

    texts: list[str]
    sources: list[str]
    keywords: tuple[str, ...]
    stems: list[frozenset[str]] = field(init=False)
    proper: frozenset[str] = field(init=False)
    """Words that are usually capitalised within a sentence, in lower case."""
    not_nouns: frozenset[str] = field(init=False)
    """Words used like an adjective (difficult to be precise) or a verb (to combat) at least as often as like a noun."""
    weights: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self.stems = [frozenset(words(text)) for text in self.texts]
        self.proper, self.not_nouns = _usage(self.texts, self.keywords)
        self.weights = weigh(self.keywords, self.stems)

    @classmethod
    def of(cls, digest: Digest) -> Evidence:
        """Return the evidence of a digest: its own, or else its names and sentences, each from another source."""
        given = digest.evidence or tuple(
            (text, str(i)) for i, text in enumerate((*digest.names, *digest.sentences))
        )
        texts = [clean_speech(plain_text(text)) for text, _ in given[:MAX_EVIDENCE]]
        return cls(texts, [source for _, source in given[:MAX_EVIDENCE]], digest.keywords)

    def n_sources(self) -> int:
        """Return the number of speaker turns or firms."""
        return len(set(self.sources))

    def holders(self, stems: frozenset[str]) -> set[str]:
        """Return the sources that use all the words."""
        return {source for own, source in zip(self.stems, self.sources, strict=True) if stems <= own}


def weigh(keywords: Sequence[str], texts: Sequence[Collection[str]]) -> dict[str, float]:
    """Return a weight per stem, from its keyword's rank and the share of texts that contain it."""
    holding = Counter(s for text in texts for s in text)
    n = max(1, len(texts))
    weights = {word: 0.8 * (count - 1) / n for word, count in holding.items()}
    for rank, keyword in enumerate(keywords):
        for word in dict.fromkeys(words(keyword)):
            # A keyword found in only one text is an accident of that text.
            spread = 0.3 + 0.7 * min(1.0, 3 * holding[word] / n)
            weights[word] = max(
                weights.get(word, 0.0), 0.8 * (holding[word] - 1) / n + spread / (1 + 0.25 * rank)
            )
    return {w: x * (0.1 if w in _STOPS else 0.35 if w in _WEAK else 1.0) for w, x in weights.items()}


def propose(digest: Digest, evidence: Evidence) -> list[Candidate]:
    """Return the phrases that may be the name, best first by keywords and support; [] if none is good enough."""
    found: dict[tuple[str, ...], _Seen] = {}
    for rank, text in enumerate(evidence.texts):
        here = set()
        for phrase in _phrases(text):
            seen = found.setdefault(phrase.stems, _Seen(phrase, rank))
            if phrase.stems not in here:
                seen.n_texts += 1
                here.add(phrase.stems)
    for seen in found.values():
        seen.score = _score(seen, evidence.weights)
    for seen in found.values():
        # "estate portfolio" is incomplete if nearly always said as "real estate portfolio".
        shorter = found.get(seen.phrase.stems[1:])
        if shorter and not seen.phrase.is_linked and 2 <= shorter.n_texts <= 1.6 * seen.n_texts:
            shorter.score = min(shorter.score, 0.95 * seen.score)
    ranked = sorted(found.values(), key=lambda s: (-s.score, s.first, s.phrase.words))
    fit = [c for s in ranked[:120] if s.score > 0 and (c := _checked(s, digest, evidence))]
    fit.sort(key=lambda c: -c.score)
    # Checked lazily: looking for firm names is the costly part.
    allowed = list(
        islice((c for c in fit if is_allowed(c.text, digest.exclude, is_as_spoken=True)), MAX_PROPOSED)
    )
    headings = list(_headings(evidence, fewest_sources(digest.kind, evidence.n_sources())))
    own = {c.text for c in allowed}
    return [*allowed, *_pairs(allowed, evidence), *(c for c in headings if c.text not in own)]


def _phrases(text: str) -> Iterator[Phrase]:
    for phrase in noun_phrases(text):
        yield phrase
        if len(phrase.words) > 1 and not phrase.is_linked and phrase.head in SIGNS:
            yield phrase.without_head()


def _score(seen: _Seen, weights: dict[str, float]) -> float:
    phrase = seen.phrase
    covered = sum(weights.get(s, 0.0) for s in phrase.stems)
    # Dividing by a power of the length rewards a second good word but not a third weak one.
    density = covered / (len(phrase.words) + 0.5) ** 0.6
    often = 1 + 0.5 * math.log(seen.n_texts)
    central = 1 / (1 + 0.02 * seen.first)
    shape = 0.5 if len(phrase.words) == 1 else 0.8 if phrase.is_linked else 1.0
    return float(density * often * central * shape)


def _checked(seen: _Seen, digest: Digest, evidence: Evidence) -> Candidate | None:
    """Return the candidate if its form and support allow it as a name."""
    phrase = seen.phrase
    if not may_be_name(phrase, evidence.not_nouns):
        return None
    stems = frozenset(phrase.stems)
    holders = evidence.holders(stems)
    support = len(holders) / max(evidence.n_sources(), 1)
    n_texts = sum(stems <= own for own in evidence.stems)
    if len(holders) < fewest_sources(digest.kind, evidence.n_sources()) or n_texts < min(
        2, len(evidence.texts) // 2
    ):
        return None
    if phrase.head in SIGNS and (support < 0.5 or len(holders) < 3):
        return None
    if not (surface := _surface(phrase, digest, evidence, support)):
        return None
    return Candidate(surface, stems, support, seen.score * (0.4 + 0.6 * min(1.0, 2.5 * support)), n_texts)


def loose_headings(evidence: Evidence) -> list[str]:
    """Return the general headings of which the digest uses at least one telling word, in two texts or more."""
    holding = Counter(s for own in evidence.stems for s in own)
    fewest = 2 if len(evidence.stems) >= 4 else 1
    return [
        heading
        for heading, stems in HEADINGS.items()
        if any(s not in _WEAK and holding[s] >= fewest for s in stems)
    ]


def _headings(evidence: Evidence, fewest: int) -> Iterator[Candidate]:
    """Yield the general headings whose words the digest uses, at least one of them often."""
    sources = max(evidence.n_sources(), 1)
    held = {s: len(evidence.holders(frozenset({s}))) for s in frozenset().union(*evidence.stems)}
    for heading, stems in HEADINGS.items():
        if not all(s in held for s in stems):
            continue
        shares = [held[s] / sources for s in stems]
        strong = [held[s] for s in stems if s not in _WEAK]
        if max(shares) < 0.25 or max(strong, default=0) < fewest:
            continue
        covered = sum(evidence.weights.get(s, 0.0) for s in stems) / (len(stems) + 0.5) ** 0.6
        support = len(evidence.holders(stems)) / sources
        n_texts = sum(stems <= own for own in evidence.stems)
        if covered > 0:
            share = sum(shares) / len(shares)
            score = covered * (0.4 + 0.6 * min(1.0, 1.5 * share)) * (0.5 if len(stems) == 1 else 1.0)
            yield Candidate(heading, stems, support, score, n_texts, is_heading=True)


def fewest_sources(kind: str, n: int) -> int:
    """Return how many of `n` sources must use a name: turns of a topic, firms of a theme."""
    if n < 4:
        return 1
    return 2 if kind == "topic" or n < 8 else max(3, math.ceil(0.15 * n))


def may_be_name(phrase: Phrase, not_nouns: Collection[str] = ()) -> bool:
    """Return whether the form of a phrase allows it as a heading; `not_nouns` are words seldom used as nouns."""
    content = [w.lower() for w in phrase.words if w.lower() not in _LINKS]
    opener = content[0] if content else ""
    kind = word_class(opener)
    is_fragment = (
        len(set(phrase.stems)) < len(phrase.stems)
        or phrase.head in ABSTRACT_HEADS
        or opener in ACTION_OPENERS
        or opener in _VAGUE_OPENERS
        or (opener in not_nouns and kind in "nv")
        or (kind in "dg" and opener not in ADJECTIVAL_ED)
        or (len(content) == 1 and kind not in "nv")
    )
    says_little = all(normal(w) in _WEAK or w in SIGNS for w in content)
    is_person = any(w[:1].isupper() and w.lower() in GIVEN_NAMES for w in phrase.words)
    return not (is_fragment or says_little or is_person or any(map(_is_no_subject, content)))


def _is_no_subject(word: str) -> bool:
    """Return whether a word judges, counts, dates or prices rather than saying what."""
    return (
        word in TIMES
        or word in CURRENCIES
        or word in EVALUATIONS
        or normal(word) in _STOPS
        or _RANGE.match(word) is not None
    )


def _surface(phrase: Phrase, digest: Digest, evidence: Evidence, support: float) -> str:
    """Return the phrase in sentence case; "" if it names a product, a person, or a place that few share."""
    content = [w for w in phrase.words if w.lower() not in _LINKS]
    named = [w.lower() in evidence.proper and not _is_acronym(w) for w in content]
    if any(a and b for a, b in pairwise(named)):
        return ""  # King Air: two capitals in a row are a name, whatever the words
    shown: list[str] = []
    for word in phrase.words:
        lower = word.lower()
        if "'" in word:
            return ""
        if lower in PLACES_AND_PEOPLES and (lower in evidence.proper or word[:1].isupper()):
            if support < 0.5:
                return ""
            if shown and shown[-1] in _DIRECTIONS:
                shown[-1] = shown[-1].capitalize()
            shown.append(word if _is_acronym(word) else word[:1].upper() + word[1:])
        elif is_common(lower) or (lower not in evidence.proper and not word[:1].isupper()):
            shown.append(word if _is_acronym(word) else lower)
        elif (
            _is_acronym(word)
            and (_is_known_acronym(lower) or (len(word) <= 4 and word.isalpha() and support >= 0.25))
        ) or (
            digest.kind == "theme"
            and support >= 0.3
            and len(evidence.holders(frozenset({normal(word)}))) >= 3
        ):
            shown.append(word)
        else:
            return ""
    return " ".join(shown)


_DIRECTIONS = frozenset(
    {"north", "south", "east", "west", "latin", "central", "northern", "southern", "western", "eastern"}
)


def _is_known_acronym(lower: str) -> bool:
    return lower.split("-", maxsplit=1)[0] in ACRONYMS or lower.rstrip("s") in ACRONYMS


def _is_acronym(word: str) -> bool:
    n = sum(c.isupper() for c in word)
    return n > 1 or (n == 1 and any(c.isdigit() for c in word))


def _pairs(candidates: Sequence[Candidate], evidence: Evidence) -> list[Candidate]:
    """Return pairs of short candidates that together cover more sources than either: "Pricing and volume"."""
    short = [c for c in candidates if len(c.text.split()) <= 2 and " and " not in c.text][:4]
    pairs = []
    for a, b in combinations(short, 2):
        if a.stems & b.stems or b.score < 0.5 * a.score:
            continue
        both = len(evidence.holders(a.stems) | evidence.holders(b.stems)) / max(evidence.n_sources(), 1)
        if both >= 1.3 * max(a.support, b.support):
            score = 0.5 * (a.score + b.score)
            text = f"{a.text} and {b.text}"
            pairs.append(Candidate(text, a.stems | b.stems, both, score, parts=(a.text, b.text)))
    return sorted(pairs, key=lambda c: -c.score)[:2]


def keyword_names(digest: Digest, evidence: Evidence) -> list[str]:
    """Return names made of the strongest keywords that are nouns, said by several sources if any is."""
    fewest = fewest_sources(digest.kind, evidence.n_sources())
    kept = []
    for keyword in digest.keywords:
        phrase = Phrase(tuple(keyword.split()), tuple(normal(w) for w in keyword.split()))
        if not phrase.words or word_class(phrase.head) not in "nv" or not is_allowed(keyword, digest.exclude):
            continue
        if not may_be_name(phrase, evidence.not_nouns) or phrase.head in SIGNS:
            continue
        n = len(evidence.holders(frozenset(phrase.stems)))
        support = n / max(evidence.n_sources(), 1)
        if shown := _surface(phrase, digest, evidence, support):
            kept.append((n < fewest, shown))
    return [shown for _, shown in sorted(kept, key=lambda k: k[0])]


def is_allowed(name: str, exclude: Sequence[str], *, is_as_spoken: bool = False) -> bool:
    """Return whether a name obeys the rules of length, wording and the firm's own names."""
    fits = 0 < len(name.split()) <= MAX_NAME_WORDS and any(c.isalpha() for c in name)
    return (
        fits
        and not BANNED_WORDS.search(name)
        and not holds_firm_name(name, exclude, is_as_spoken=is_as_spoken)
    )


def _usage(texts: Iterable[str], keywords: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the words usually capitalised within a sentence, and those seldom used as nouns."""
    capital: Counter[str] = Counter()
    small: Counter[str] = Counter()
    noun: Counter[str] = Counter()
    other: Counter[str] = Counter()
    for text in texts:
        before = ""
        for written, opens in spoken_words(text):
            lower = written.lower()
            if not opens:
                (capital if written[:1].isupper() else small)[lower] += 1
            if before in PREDICATES or before in SUBJECTS:
                other[lower] += 1
            elif before in DETERMINERS or before in _LINKS or word_class(before or "a") in "and":
                noun[lower] += 1
            before = lower
    for keyword in keywords:
        for word in keyword.split():
            (capital if word[:1].isupper() else small)[word.lower()] += 1
    proper = frozenset(w for w, n in capital.items() if n > small[w])
    return proper, frozenset(w for w, n in other.items() if n >= noun[w])
