"""The choice of a heading: the phrase or subject that covers most of the texts, a second where one leaves many out.

Belongs here: when a phrase is preferred to a subject, when two are joined, and when a wide heading is all that is true.
A wrong name misleads and a vague one does not, so a phrase of one sentence, or of one firm of many, is never a name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ftm_assets.methods.naming.candidates import Candidate, Evidence, propose
from ftm_assets.methods.naming.rules import capitalised, is_allowed, name_key, told_apart
from ftm_assets.methods.naming.subjects import SUBJECTS_OF
from ftm_assets.methods.naming.word_classes import GIVEN_NAMES, word_class
from ftm_assets.methods.text.tokens import words

if TYPE_CHECKING:
    from ftm_assets.methods.naming.coverage import Cover
    from ftm_assets.methods.naming.rules import Digest

LEAST_SHARE = 0.375
"""A phrase covers at least this share of the texts: three of a topic's eight sentences."""

LEAST_SHARE_OF_WORD = 0.5
"""The same of a single word, unless it is the second part."""

LEAST_SUBJECT_SCORE = 0.43
"""A subject is known by many words, one of which may be used by chance: more than the least share must speak for it."""

LEAST_SCORE_OF_PART = 0.45
"""Two words that may not head the texts alone do together, if each scores this: prices and inflation."""

LEAST_SCORE_OF_SECOND = 0.4

LEAST_IN_PHRASE = 0.5
"""A longer phrase is the name instead of a word if at least this share of the texts with the word use all of it."""

FULL_SHARE = 0.75
"""A name that covers this share needs no second part."""

MAX_BELOW = 0.25
"""If a name is taken, the next best may score this much less; otherwise a keyword in brackets tells them apart."""

LEAST_GAIN = 0.25
"""A second part covers at least this share of the texts beyond the first."""


@dataclass(frozen=True)
class _Heading:
    text: str
    cover: Cover
    stems: frozenset[str] = frozenset()
    """Of a phrase."""

    @property
    def is_word(self) -> bool:
        """Return whether it is a single word of the text."""
        return len(self.stems) == 1


def heading(digest: Digest, taken: Collection[frozenset[str]]) -> str:
    """Return the best heading that is not taken; if all are, the best followed by a keyword in brackets.

    `taken` holds the `name_key`s of names in use.
    """
    best = ""
    for text in _allowed(digest):
        if name_key(text) not in taken:
            return text
        best = best or text
    known = sorted(digest.keywords, key=lambda k: not any((s,) in SUBJECTS_OF for s in words(k)))
    return told_apart(best, replace(digest, keywords=tuple(known)), taken)


def _allowed(digest: Digest) -> Iterator[str]:
    """Yield the headings that obey the rules, best first; at least one."""
    tried: set[str] = set()
    n_allowed = 0
    for found in _ranked(digest, Evidence.of(digest)):
        text = capitalised(found)
        if text not in tried and is_allowed(text, digest.exclude):
            n_allowed += 1
            yield text
        tried.add(text)
    if not n_allowed:
        yield _from_keywords(digest)


def _ranked(digest: Digest, evidence: Evidence) -> Iterator[str]:
    phrases = [
        _Heading(c.text, c.cover, frozenset(c.stems))
        for c in propose(digest, evidence)
        if c.cover.share >= LEAST_SHARE
    ]
    subjects = [
        _Heading(text, cover)
        for text, cover in evidence.uses.subjects()
        if cover.share >= LEAST_SHARE and cover.score >= LEAST_SCORE_OF_SECOND
    ]
    ranked = sorted((*phrases, *subjects), key=lambda h: -h.cover.score)
    ranked = list(dict.fromkeys(_widened(_narrowed(h, phrases), subjects) for h in ranked))
    firsts = [h for h in ranked if _may_be_first(h)]
    for first in firsts:
        if first.cover.score < firsts[0].cover.score - MAX_BELOW:
            return
        yield from _joined(first, [h for h in ranked if h is not first], evidence)
        yield first.text
    if firsts:
        return
    likely = [h for h in ranked if h.cover.score >= LEAST_SCORE_OF_PART]
    for first in likely[:1]:
        yield from _joined(first, likely[1:], evidence)
    if digest.kind == "topic":
        # Said in one sentence, but about what a business has, and characteristic of the topic: product mix.
        once = propose(digest, evidence, fewest=1)
        yield from (c.text for c in once if _is_keyed(c, evidence))
    wide = evidence.uses.wide()
    yield from wide
    if not wide and not digest.keywords:
        yield from (c.text for c in propose(digest, evidence, fewest=1))


def _may_be_first(found: _Heading) -> bool:
    if not found.stems:
        return found.cover.score >= LEAST_SUBJECT_SCORE
    return not found.is_word or found.cover.share >= LEAST_SHARE_OF_WORD


def _is_keyed(phrase: Candidate, evidence: Evidence) -> bool:
    *modifiers, head = phrase.stems
    is_subject = (head,) in SUBJECTS_OF or head in _OF_BUSINESS
    is_plain = bool(modifiers) and not _LINKS & set(phrase.text.split())
    return is_plain and evidence.uses.is_keyword(head) and is_subject


_LINKS = {"of", "in", "for", "and", "on"}
_OF_BUSINESS = frozenset({"growth", "mix", "guidance", "demand", "rate"})


def _narrowed(found: _Heading, phrases: Sequence[_Heading]) -> _Heading:
    """Return the phrase that a single word is half the time said in: rate base, of rate."""
    if not found.is_word:
        return found
    longer = (
        p
        for p in phrases
        if not p.is_word
        and found.stems <= p.stems
        and p.cover.together >= LEAST_IN_PHRASE * found.cover.share
    )
    return next(longer, found)


def _widened(found: _Heading, subjects: Sequence[_Heading]) -> _Heading:
    """Return the subject that a single word belongs to, if it is in its heading and the subject covers as much."""
    if not found.is_word:
        return found
    key = name_key(found.text)
    wider = (s for s in subjects[:3] if key <= name_key(s.text) and s.cover.share >= found.cover.share)
    return next(wider, found)


def _joined(first: _Heading, others: Sequence[_Heading], evidence: Evidence) -> Iterator[str]:
    """Yield the heading joined to the best that covers texts which it leaves out: pandemic and asset quality.

    Two phrases with a word in common, as market share and share repurchases, must be of different texts.
    """
    if " and " in first.text:
        return
    is_full = evidence.uses.share(first.cover.texts) >= FULL_SHARE
    for other in others:
        mine, its = name_key(first.text), name_key(other.text)
        if " and " in other.text or mine <= its or its <= mine:
            continue
        is_apart = not mine & its
        if not is_apart and not (first.stems and other.stems):
            continue
        if (is_apart and is_full) or other.cover.score < LEAST_SCORE_OF_SECOND:
            continue
        beyond = other.cover.whole - (first.cover.texts if is_apart else first.cover.whole)
        if evidence.uses.share(beyond) >= (LEAST_GAIN if is_apart else LEAST_SHARE):
            yield f"{first.text} and {_within(other)}"
            return


def _within(found: _Heading) -> str:
    """Return a heading as it stands within a sentence: a subject's begins with a capital."""
    text = found.text
    is_name = found.stems or not text[1:2].islower() or text.split()[0] in _NAMES
    return text if is_name else text[:1].lower() + text[1:]


_NAMES = frozenset({"China", "Mexico", "Europe"})


def _from_keywords(digest: Digest) -> str:
    """Return the strongest keywords, nouns if possible, as readable text."""
    nouns = [k for k in digest.keywords if is_allowed(k, digest.exclude)]
    nouns = [w for w in nouns if w.lower() not in GIVEN_NAMES]
    nouns = [w for w in nouns if word_class(w.split()[-1].lower()) in "nv"] or nouns
    for n in (3, 2, 1):
        *first, last = nouns[:n] or [""]
        text = capitalised(f"{', '.join(first)} and {last}" if first else last)
        if is_allowed(text, digest.exclude):
            return text
    return f"Unnamed {digest.kind}"
