"""Candidates for the name of a topic or theme: phrases that may head a section, and how widely their words are used.

Belongs here: what a name may consist of (no product, person, place, currency, time, evaluation or sign), and how many
firms, or sentences of a topic, must use it. The choice among the candidates is in `heading_choice`, by `coverage`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import islice, pairwise

from ftm_assets.methods.naming.coverage import Cover, Texts, is_weak
from ftm_assets.methods.naming.heading_words import (
    ACTION_OPENERS,
    CURRENCIES,
    DESCRIBING_ING,
    EVALUATIONS,
    PLURAL_MODIFIERS,
    PREDICATES,
    SIGNS,
    TIMES,
    VAGUE_ALONE,
    VAGUE_HEADS,
    is_common,
)
from ftm_assets.methods.naming.phrases import Phrase, Spoken, spoken
from ftm_assets.methods.naming.rules import Digest, is_allowed
from ftm_assets.methods.naming.word_classes import (
    ADJECTIVAL_ED,
    DETERMINERS,
    EMPTY,
    GIVEN_NAMES,
    SUBJECTS,
    word_class,
)
from ftm_assets.methods.text.capitals import ACRONYMS, PLACES_AND_PEOPLES
from ftm_assets.methods.text.tokens import normal
from ftm_assets.methods.text.word_lists import STOP_EXACT, STOP_INFLECTED

MAX_PROPOSED = 10
"""Candidates of a digest; checking one costs a search for firm names."""

EMPTY_BEFORE_OF = (
    EMPTY | VAGUE_HEADS | {"size", "lack", "majority", "portion", "range", "set", "mix", "series", "use"}
)

HYPHENATED_NOUNS = frozenset(
    {"e-commerce", "buy-back", "buy-backs", "carve-out", "spin-off", "write-off", "write-offs"}
)

LEAST_SUPPORT_OF_NAME = 0.375
"""Share of a topic's sentences that use a name of several words that may head them."""

LEAST_SHARE_OF_SIGN = 0.5
"""Share of the firms that say which way something went, if the name is to say it."""

PLACE_HANDICAP, VAGUE_HANDICAP = 0.15, 0.25

LEAST_HOLDERS_OF_NAME = 0.8
"""Share of the firms, or of a topic's sentences, that use a single name (Kohl, FPL) if it is to head them."""

MAX_TIMES_ALONE = 1.6
"""A phrase is a part of a longer one if at most this many times as many texts use it."""

MAX_EVIDENCE = 60
"""Texts of a digest in which phrases are sought; a theme of a thousand topics says nothing new beyond them."""

_STOPS = frozenset(map(normal, STOP_EXACT | STOP_INFLECTED))
_VAGUE_OPENERS = VAGUE_HEADS - frozenset(
    {"business", "businesses", "company", "companies", "people", "team", "area", "job", "world", "page"}
) | frozenset({"i", "ii", "iii", "iv", "v", "america", "york", "kong", "zealand"})
_RANGE = re.compile(r"(?:low|mid|high|double|single)-|digits?$")
_LINKS = frozenset({"of", "in", "for", "and", "the", "on"})


@dataclass(frozen=True)
class Candidate:
    """A possible name."""

    text: str
    """In sentence case, except for the first letter."""
    stems: tuple[str, ...]
    cover: Cover


@dataclass
class _Seen:
    phrase: Phrase
    first: int
    """Rank of the most central text that contains it."""
    n_texts: int = 0
    """Texts in which its words stand together."""
    n_using: int = 0
    """Firms that use all its words in one text."""
    spelt: dict[tuple[str, ...], int] = field(default_factory=dict)
    """Its forms, and how often each is used: lumber, lumbers."""
    has_form: bool | None = None
    """Whether its form allows it as a heading; None: not asked yet."""
    cover: Cover | None = None
    """What it covers; None: not asked yet."""

    @cached_property
    def as_spelt(self) -> Phrase:
        """The phrase in its commonest form."""
        return self.phrase._replace(words=max(self.spelt, key=lambda w: (self.spelt[w], w)))


@dataclass
class Evidence:
    """The texts of a topic or theme, prepared once: whom they come from, and what is a name in them."""

    texts: list[Spoken]
    firms: list[str]
    """The firm of each text of a theme; each sentence of a topic counts as a firm."""
    keywords: tuple[str, ...]
    names: tuple[str, ...] = ()
    """Of a theme's topics."""
    is_of_one_firm: bool = False
    """Whether it is a topic's. Only then may a name of several words (Zimmer Biomet) be its subject."""
    uses: Texts = field(init=False)
    n_firms: int = field(init=False)
    proper: frozenset[str] = field(init=False)
    """Words that are usually capitalised within a sentence, in lower case."""
    not_nouns: frozenset[str] = field(init=False)
    """Words used like an adjective (difficult to be precise) or a verb (to combat) at least as often as like a noun."""
    forms: Counter[str] = field(init=False)
    """How often each word is used, in lower case."""

    def __post_init__(self) -> None:
        self.uses = Texts([text.stems for text in self.texts], self.firms, self.keywords)
        self.n_firms = len(set(self.firms))
        self.proper, self.not_nouns, self.forms = _usage(self.texts, self.keywords)

    @classmethod
    def of(cls, digest: Digest) -> Evidence:
        """Return the evidence of a digest: a theme's own, or else its sentences, each from another firm."""
        given = digest.evidence or tuple((text, str(i)) for i, text in enumerate(digest.sentences))
        return cls(
            [spoken(text) for text, _ in given[:MAX_EVIDENCE]],
            [source for _, source in given[:MAX_EVIDENCE]],
            digest.keywords,
            digest.names,
            is_of_one_firm=digest.kind == "topic",
        )

    def n_holders(self, stems: Sequence[str]) -> int:
        """Return how many firms use all the words in one text."""
        return len({self.firms[i] for i in self.uses.using_all(stems)})

    @cached_property
    def seen(self) -> dict[tuple[str, ...], _Seen]:
        """The phrases of the names and texts by the normal forms of their words, in order of first use."""
        found: dict[tuple[str, ...], _Seen] = {}
        for rank, text in enumerate([*map(Spoken, self.names), *self.texts]):
            here = set()
            for phrase in _with_shorter(text.phrases):
                if (seen := found.get(phrase.stems)) is None:
                    if not phrase.stems:
                        continue
                    seen = found[phrase.stems] = _Seen(phrase, rank)
                seen.spelt[phrase.words] = seen.spelt.get(phrase.words, 0) + 1
                here.add(phrase.stems)
            for stems in here:
                found[stems].n_texts += 1
        for stems, seen in found.items():
            seen.n_using = self.n_holders(stems)
        return found

    def may_be_name(self, seen: _Seen) -> bool:
        """Return whether the form of a phrase allows it as a heading of these texts."""
        if seen.has_form is None:
            seen.has_form = may_be_name(seen.as_spelt, self.not_nouns)
        return seen.has_form

    def cover(self, seen: _Seen) -> Cover:
        """Return what a phrase covers, its score less what it loses for its words."""
        if seen.cover is None:
            cover = self.uses.phrase(seen.phrase.stems, is_linked=seen.phrase.is_linked)
            seen.cover = replace(cover, score=cover.score - _handicap(seen.phrase))
        return seen.cover


def propose(digest: Digest, evidence: Evidence, fewest: int | None = None) -> list[Candidate]:
    """Return the phrases that may be the name and that `fewest` firms use, best first; [] if there is none."""
    fewest = fewest_firms(evidence.n_firms) if fewest is None else fewest
    # Only what may be a name is scored: most phrases are of one text.
    usual = [s for s in evidence.seen.values() if s.n_using >= fewest and _is_usual(s, evidence)]
    covers = _covers(usual, evidence)
    usual.sort(key=lambda s: (-covers[s.phrase.stems].score, s.first, s.phrase.words))
    # Checked lazily: looking for firm names is the costly part.
    fit = (
        Candidate(text, seen.phrase.stems, covers[seen.phrase.stems])
        for seen in usual
        if (text := _heading(seen, evidence)) and is_allowed(text, digest.exclude, is_as_spoken=True)
    )
    return list(islice(fit, MAX_PROPOSED))


def _is_usual(seen: _Seen, evidence: Evidence) -> bool:
    """Return whether a phrase has the form of a name, and enough firms use it if it is a sign."""
    is_sign = seen.as_spelt.head in SIGNS
    enough = not is_sign or seen.n_using >= LEAST_SHARE_OF_SIGN * evidence.n_firms
    return enough and evidence.may_be_name(seen)


def _covers(asked: Iterable[_Seen], evidence: Evidence) -> dict[tuple[str, ...], Cover]:
    """Return what each of the phrases covers.

    "estate portfolio" is incomplete, and scores less, if nearly always said as "real estate portfolio".
    """
    found = evidence.seen
    parts = [
        (longer, shorter)
        for stems, longer in found.items()
        if not longer.phrase.is_linked
        and (shorter := found.get(stems[1:]))
        and shorter.n_texts <= MAX_TIMES_ALONE * longer.n_texts
    ]
    needed = {seen.phrase.stems: seen for seen in asked}
    counting = []
    # Of phrases that are not asked for, only those count that lower the score of one that is.
    for longer, shorter in reversed(parts):
        if shorter.phrase.stems in needed and evidence.may_be_name(longer):
            needed[longer.phrase.stems] = longer
            counting.append((longer.phrase.stems, shorter.phrase.stems))
    covers = {stems: evidence.cover(seen) for stems, seen in needed.items()}
    for whole, part in reversed(counting):
        covers[part] = replace(covers[part], score=min(covers[part].score, 0.95 * covers[whole].score))
    return covers


def _handicap(phrase: Phrase) -> float:
    """Return what a phrase loses for a place, which says where rather than what, or as a word that says little."""
    names_place = any(w.lower() in PLACES_AND_PEOPLES for w in phrase.words)
    is_vague = len(phrase.words) == 1 and phrase.head in VAGUE_ALONE
    return PLACE_HANDICAP * names_place * (2 if len(phrase.words) == 1 else 1) + VAGUE_HANDICAP * is_vague


def _with_shorter(phrases: Iterable[Phrase]) -> Iterator[Phrase]:
    """Yield the phrases, and after one that ends in a sign the same without it."""
    for phrase in phrases:
        yield phrase
        if len(phrase.words) > 1 and not phrase.is_linked and phrase.head in SIGNS:
            yield phrase.without_head()


def _heading(seen: _Seen, evidence: Evidence) -> str:
    """Return the phrase in sentence case; "" if it names a product, a person, or a place that few share."""
    phrase, n_firms = seen.as_spelt, evidence.n_firms
    # A single name says whom or where, unless nearly all speak of it.
    is_bare_name = len(phrase.words) == 1 and phrase.head in evidence.proper and not is_common(phrase.head)
    if is_bare_name and not _is_known_acronym(phrase.head) and seen.n_using < LEAST_HOLDERS_OF_NAME * n_firms:
        return ""
    return _surface(phrase, evidence, seen.n_using / n_firms)


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
        or _is_part_of_something(phrase.words)
        or opener in _VAGUE_OPENERS
        or (opener in not_nouns and kind in "nv")
        or (kind in "dg" and opener not in ADJECTIVAL_ED)
        or (len(content) == 1 and _is_no_heading(opener))
        or any(_is_plural_modifier(a, b) for a, b in pairwise(phrase.words))
    )
    says_little = all(is_weak(normal(w)) or w in SIGNS for w in content)
    is_person = any(w[:1].isupper() and w.lower() in GIVEN_NAMES for w in phrase.words)
    return not (is_fragment or says_little or is_person or any(map(_is_no_subject, content)))


def _is_part_of_something(words: Sequence[str]) -> bool:
    """Return whether a phrase is of an empty noun: part of the season, size of the banks."""
    lower = [w.lower() for w in words]
    return "of" in lower[1:] and lower[lower.index("of") - 1] in EMPTY_BEFORE_OF


def _is_no_heading(word: str) -> bool:
    """Return whether a single word is no noun, as fixed-cost."""
    is_joined = "-" in word and word not in HYPHENATED_NOUNS and not _is_known_acronym(word)
    return word_class(word) not in "nv" or is_joined or word in DESCRIBING_ING


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
    fewest_of_name = 2 if evidence.is_of_one_firm else 3
    named = [w.lower() in evidence.proper and not _is_acronym(w) for w in content]
    is_subject = evidence.is_of_one_firm and support >= LEAST_SUPPORT_OF_NAME
    if not is_subject and any(a and b for a, b in pairwise(named)):
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
        elif is_subject and lower in evidence.proper:
            shown.append(word)
        elif is_common(lower) or (lower not in evidence.proper and not word[:1].isupper()):
            shown.append(word if _is_acronym(word) else lower)
        elif (
            _is_acronym(word)
            and (_is_known_acronym(lower) or (len(word) <= 4 and word.isalpha() and support >= 0.25))
        ) or (support >= 0.3 and evidence.n_holders([normal(word)]) >= fewest_of_name):
            shown.append(word)
        else:
            return ""
    shown[-1] = _in_number(shown[-1], evidence.forms)
    return " ".join(shown)


def _in_number(head: str, forms: Counter[str]) -> str:
    """Return the plural of a head noun that is often used in it: a section is on customers, not on a customer."""
    plurals = (f"{head}s", f"{head}es", f"{head[:-1]}ies")
    often = max(plurals, key=lambda form: (forms[form], form))
    return often if head.islower() and 4 * forms[often] >= forms[head] and forms[often] > 1 else head


_DIRECTIONS = frozenset(
    {"north", "south", "east", "west", "latin", "central", "northern", "southern", "western", "eastern"}
)


def _is_known_acronym(lower: str) -> bool:
    return lower.split("-", maxsplit=1)[0] in ACRONYMS or lower.rstrip("s") in ACRONYMS


def _is_acronym(word: str) -> bool:
    n = sum(c.isupper() for c in word)
    return n > 1 or (n == 1 and any(c.isdigit() for c in word))


def _usage(
    texts: Iterable[Spoken], keywords: Sequence[str]
) -> tuple[frozenset[str], frozenset[str], Counter[str]]:
    """Return the words usually capitalised within a sentence, those seldom used as nouns, and the uses of each word."""
    said = [text.words for text in texts]
    inside = [(word.lower, word.text[:1].isupper()) for words in said for word in words if not word.opens]
    inside += [(word.lower(), word[:1].isupper()) for keyword in keywords for word in keyword.split()]
    capital = Counter(lower for lower, is_capital in inside if is_capital)
    small = Counter(lower for lower, is_capital in inside if not is_capital)
    uses = [(_use_after(one.lower), other.lower) for words in said for one, other in pairwise(words)]
    noun = Counter(lower for use, lower in uses if use == "noun")
    other = Counter(lower for use, lower in uses if use == "other")
    proper = frozenset(w for w, n in capital.items() if n > small[w])
    not_nouns = frozenset(w for w, n in other.items() if n >= noun[w]) - proper
    return proper, not_nouns, Counter(word.lower for words in said for word in words)


@cache
def _use_after(before: str) -> str:
    """Return how a word is used after another: as a noun, as something else, or "" if that does not say."""
    if before in PREDICATES or before in SUBJECTS:
        return "other"
    is_before_nouns = before in DETERMINERS or before in _LINKS or word_class(before) in "and"
    return "noun" if is_before_nouns else ""
