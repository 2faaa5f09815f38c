"""Candidates for the name of a theme: phrases that may head a section, and how widely their words are used.

Belongs here: what a name may consist of (no product, person, place, currency, time, evaluation or sign), and how many
firms must use it. The choice among the candidates is in `extractive`, by `fitness`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice, pairwise

from ftm_assets.methods.naming.fitness import Use, probability
from ftm_assets.methods.naming.heading_words import (
    ACTION_OPENERS,
    CURRENCIES,
    EVALUATIONS,
    PLURAL_MODIFIERS,
    PREDICATES,
    SIGNS,
    TIMES,
    VAGUE_HEADS,
    is_common,
)
from ftm_assets.methods.naming.phrases import Phrase, clean_speech, noun_phrases, spoken_words
from ftm_assets.methods.naming.rules import Digest, is_allowed, plain_text
from ftm_assets.methods.naming.word_classes import (
    ADJECTIVAL_ED,
    DETERMINERS,
    EMPTY,
    GIVEN_NAMES,
    SUBJECTS,
    word_class,
)
from ftm_assets.methods.text.capitals import ACRONYMS, PLACES_AND_PEOPLES
from ftm_assets.methods.text.tokens import normal, words
from ftm_assets.methods.text.word_lists import STOP_EXACT, STOP_INFLECTED, WEAK_INFLECTED

MAX_PROPOSED = 10
"""Candidates of a digest whose meaning is compared with the topic's; each costs the embedding of a few words."""

MAX_EVIDENCE = 60
"""Texts of a digest in which phrases are sought; a theme of a thousand topics says nothing new beyond them."""

_STOPS = frozenset(map(normal, STOP_EXACT | STOP_INFLECTED))
_WEAK = frozenset(map(normal, WEAK_INFLECTED | EMPTY))
_VAGUE_OPENERS = VAGUE_HEADS - frozenset(
    {"business", "businesses", "company", "companies", "people", "team", "area", "job", "world", "page"}
) | frozenset({"i", "ii", "iii", "iv", "v", "america", "york", "kong", "zealand"})
_RANGE = re.compile(r"(?:low|mid|high|double|single)-|digits?$")
_LINKS = frozenset({"of", "in", "for", "and", "the", "on"})
_NONE: set[int] = set()


@dataclass(frozen=True)
class Candidate:
    """A possible name."""

    text: str
    """In sentence case, except for the first letter."""
    parts: tuple[tuple[str, ...], ...]
    """The stems of the phrase, or of the two that it joins."""
    use: Use


@dataclass
class _Seen:
    phrase: Phrase
    first: int
    """Rank of the most central text that contains it."""
    n_texts: int = 0
    """Texts in which its words stand together."""
    spelt: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """Its forms: lumber, lumbers."""

    def as_spelt(self) -> Phrase:
        """Return the phrase in its commonest form."""
        return replace(self.phrase, words=max(self.spelt, key=lambda w: (self.spelt[w], w)))


@dataclass
class Evidence:
    """The texts of a theme, prepared once: whom they come from, and what is a name in them."""

    texts: list[str]
    firms: list[str]
    keywords: tuple[str, ...]
    stems: list[frozenset[str]] = field(init=False)
    proper: frozenset[str] = field(init=False)
    """Words that are usually capitalised within a sentence, in lower case."""
    not_nouns: frozenset[str] = field(init=False)
    """Words used like an adjective (difficult to be precise) or a verb (to combat) at least as often as like a noun."""
    _using: dict[str, set[int]] = field(init=False)
    """The texts that use a word."""

    def __post_init__(self) -> None:
        self.stems = [frozenset(words(text)) for text in self.texts]
        self._using = {}
        for i, own in enumerate(self.stems):
            for stem in own:
                self._using.setdefault(stem, set()).add(i)
        self.proper, self.not_nouns = _usage(self.texts, self.keywords)

    @classmethod
    def of(cls, digest: Digest) -> Evidence:
        """Return the evidence of a theme: its own, or else its sentences, each from another firm."""
        given = digest.evidence or tuple((text, str(i)) for i, text in enumerate(digest.sentences))
        texts = [clean_speech(plain_text(text)) for text, _ in given[:MAX_EVIDENCE]]
        return cls(texts, [source for _, source in given[:MAX_EVIDENCE]], digest.keywords)

    def n_firms(self) -> int:
        """Return the number of firms."""
        return len(set(self.firms))

    def holders(self, stems: Iterable[str]) -> set[str]:
        """Return the firms that use all the words in one text."""
        return {self.firms[i] for i in self._texts_with(stems)}

    def _texts_with(self, stems: Iterable[str]) -> set[int]:
        using = [self._using.get(s, _NONE) for s in stems]
        return set.intersection(*using) if using else set()

    def use(self, *parts: Sequence[str]) -> Use:
        """Return where the words of a name are used: the stems of a phrase, or of several that it joins."""
        n = max(len(self.texts), 1)
        shares = [[len(self._using.get(s, _NONE)) / n for s in part] for part in parts]
        holders = set().union(*(self.holders(part) for part in parts))
        return Use(min(min(own[:-1] or own) for own in shares), len(holders) / max(self.n_firms(), 1))


def propose(digest: Digest, evidence: Evidence) -> list[Candidate]:
    """Return the phrases that may be the name, by their use the likeliest to be good first; [] if there is none."""
    found = _seen(digest, evidence)
    scores = {stems: probability(evidence.use(stems)) for stems in found}
    for stems, seen in found.items():
        # "estate portfolio" is incomplete if nearly always said as "real estate portfolio".
        shorter = found.get(stems[1:])
        if shorter and not seen.phrase.is_linked and 2 <= shorter.n_texts <= 1.6 * seen.n_texts:
            scores[stems[1:]] = min(scores[stems[1:]], 0.95 * scores[stems])
    ranked = sorted(found.values(), key=lambda s: (-scores[s.phrase.stems], s.first, s.phrase.words))
    for fewest in (fewest_firms(evidence.n_firms()), 1):
        # Checked lazily: looking for firm names is the costly part.
        fit = (c for seen in ranked if (c := _checked(seen, evidence, fewest)))
        allowed = (c for c in fit if is_allowed(c.text, digest.exclude, is_as_spoken=True))
        if candidates := list(islice(allowed, MAX_PROPOSED)):
            return [*candidates, *_pairs(candidates, evidence)]
    return []


def _seen(digest: Digest, evidence: Evidence) -> dict[tuple[str, ...], _Seen]:
    found: dict[tuple[str, ...], _Seen] = {}
    for rank, text in enumerate([*digest.names, *evidence.texts]):
        here = set()
        for phrase in _phrases(text):
            if not phrase.stems:
                continue
            seen = found.setdefault(phrase.stems, _Seen(phrase, rank))
            seen.spelt[phrase.words] += 1
            seen.n_texts += phrase.stems not in here
            here.add(phrase.stems)
    return found


def _phrases(text: str) -> Iterator[Phrase]:
    for phrase in noun_phrases(text):
        yield phrase
        if len(phrase.words) > 1 and not phrase.is_linked and phrase.head in SIGNS:
            yield phrase.without_head()


def _checked(seen: _Seen, evidence: Evidence, fewest: int) -> Candidate | None:
    """Return the candidate if its form allows it as a name, and `fewest` firms or more use it."""
    phrase = seen.as_spelt()
    if not may_be_name(phrase, evidence.not_nouns):
        return None
    # Words that stand together only once may do so by chance.
    n = len(evidence.holders(phrase.stems))
    if n < fewest or (fewest > 1 and len(phrase.stems) > 1 and seen.n_texts < 2):
        return None
    use = evidence.use(phrase.stems)
    if phrase.head in SIGNS and fewest > 1 and (use.shared < 0.5 or n < 3):
        return None
    surface = _surface(phrase, evidence, use.shared)
    return Candidate(surface, (phrase.stems,), use) if surface else None


def fewest_firms(n: int) -> int:
    """Return how many of a theme's `n` firms must use a name."""
    if n < 3:
        return 1
    return 2 if n < 8 else max(3, math.ceil(0.15 * n))


def may_be_name(phrase: Phrase, not_nouns: Collection[str] = ()) -> bool:
    """Return whether the form of a phrase allows it as a heading; `not_nouns` are words seldom used as nouns."""
    content = [w.lower() for w in phrase.words if w.lower() not in _LINKS]
    opener = content[0] if content else ""
    kind = word_class(opener)
    is_fragment = (
        len(set(phrase.stems)) < len(phrase.stems)
        or phrase.head in VAGUE_HEADS
        or opener in ACTION_OPENERS
        or opener in _VAGUE_OPENERS
        or (opener in not_nouns and kind in "nv")
        or (kind in "dg" and opener not in ADJECTIVAL_ED)
        or (len(content) == 1 and kind not in "nv")
        or any(_is_plural_modifier(a, b) for a, b in pairwise(phrase.words))
    )
    says_little = all(normal(w) in _WEAK or w in SIGNS for w in content)
    is_person = any(w[:1].isupper() and w.lower() in GIVEN_NAMES for w in phrase.words)
    return not (is_fragment or says_little or is_person or any(map(_is_no_subject, content)))


def _is_plural_modifier(word: str, after: str) -> bool:
    """Return whether a word is a plural that stands before a noun as if it described it: associates customers."""
    return (
        word.endswith("s")
        and after not in _LINKS
        and word not in _LINKS
        and word.islower()
        and not word.endswith(("ss", "us", "is", "ous", "'s", "ics"))
        and word not in PLURAL_MODIFIERS
        and word_class(word) in "nv"
    )


def _is_no_subject(word: str) -> bool:
    """Return whether a word judges, counts, dates or prices rather than saying what."""
    return (
        word in TIMES
        or word in CURRENCIES
        or word in EVALUATIONS
        or normal(word) in _STOPS
        or _RANGE.match(word) is not None
    )


def _surface(phrase: Phrase, evidence: Evidence, support: float) -> str:
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
        ) or (support >= 0.3 and len(evidence.holders([normal(word)])) >= 3):
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
    """Return pairs of short candidates that together cover more firms than either: "Prices and volumes"."""
    short = [
        c
        for i, c in enumerate(candidates)
        if len(c.parts[0]) <= 2
        and " and " not in c.text
        # "chain delays" is half of "supply chain delays"
        and not any(b.parts[0][-len(c.parts[0]) :] == c.parts[0] for b in candidates[:i])
    ][:5]
    pairs = []
    for a, b in combinations(short, 2):
        use = evidence.use(*a.parts, *b.parts)
        shares = sorted((a.use.shared, b.use.shared))
        is_apart = not set(a.parts[0]) & set(b.parts[0])
        if is_apart and use.shared >= 1.3 * shares[1] and shares[0] >= 0.5 * shares[1]:
            pairs.append(Candidate(f"{a.text} and {b.text}", (*a.parts, *b.parts), use))
    return sorted(pairs, key=lambda c: -probability(c.use))[:3]


def keyword_names(digest: Digest, evidence: Evidence) -> list[str]:
    """Return names made of the strongest keywords that are nouns, said by several sources if any is."""
    fewest = fewest_firms(evidence.n_firms())
    kept = []
    for keyword in digest.keywords:
        phrase = Phrase(tuple(keyword.split()), tuple(normal(w) for w in keyword.split()))
        if not phrase.words or word_class(phrase.head) not in "nv" or not is_allowed(keyword, digest.exclude):
            continue
        if not may_be_name(phrase, evidence.not_nouns) or phrase.head in SIGNS:
            continue
        n = len(evidence.holders(phrase.stems))
        support = n / max(evidence.n_firms(), 1)
        if shown := _surface(phrase, evidence, support):
            kept.append((n < fewest, shown))
    return [shown for _, shown in sorted(kept, key=lambda k: k[0])]


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
