"""Names of topics: the noun phrase of the central sentences that covers the strongest keywords.

Belongs here: the candidates of one firm's topic and their order. Those of themes, which must hold across firms, are in
`candidates`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ftm_assets.methods.naming.heading_words import CURRENCIES
from ftm_assets.methods.naming.phrases import Phrase, noun_phrases
from ftm_assets.methods.naming.rules import Digest, capitalised, is_allowed, name_key, told_apart
from ftm_assets.methods.naming.word_classes import (
    ABSTRACT_HEADS,
    DOWN,
    EMPTY,
    GIVEN_NAMES,
    IMPROVED,
    MEASURES,
    UP,
    word_class,
)

# Candidates tried before a keyword is added to make a name unique; later ones are hardly about the topic.
MAX_CANDIDATES = 25


def topic_name(
    digest: Digest, sentences: Sequence[str], weights: dict[str, float], taken: Collection[frozenset[str]]
) -> str:
    """Return a noun phrase that covers strong keywords, is said often and occurs in a central sentence.

    If there is none, the name lists the strongest keywords. `sentences` are cleaned, and each stem has its weight;
    `taken` holds the `name_key`s of names in use, which are avoided as long as there are others.
    """
    texts = [
        capitalised(text) for text in _name_texts(_candidates(sentences, weights, digest.exclude), sentences)
    ]
    texts = [t for t in texts if is_allowed(t, digest.exclude)] or [_from_keywords(digest)]
    free = [t for t in texts if name_key(t) not in taken]
    return free[0] if free else told_apart(texts[0], digest, taken)


@dataclass
class _Candidate:
    phrase: Phrase
    first: int
    """Rank of the most central sentence that contains it."""
    n_sentences: int = 0
    score: float = 0.0


def _candidates(
    sentences: Sequence[str], weights: dict[str, float], exclude: Sequence[str]
) -> list[_Candidate]:
    """Return the phrases that may be a name, best first."""
    found: dict[tuple[str, ...], _Candidate] = {}
    for rank, sentence in enumerate(sentences):
        seen = set()
        for phrase in noun_phrases(sentence):
            candidate = found.setdefault(phrase.stems, _Candidate(phrase, rank))
            if phrase.stems not in seen:
                candidate.n_sentences += 1
                seen.add(phrase.stems)
    for c in found.values():
        c.score = _score(c, weights)
    for c in found.values():
        # "estate portfolio" is incomplete if nearly always said as "real estate portfolio".
        shorter = found.get(c.phrase.stems[1:])
        if shorter and not c.phrase.is_linked and 2 <= shorter.n_sentences <= 1.6 * c.n_sentences:
            shorter.score = min(shorter.score, 0.95 * c.score)
    ranked = sorted(found.values(), key=lambda c: (-c.score, c.first, c.phrase.words))
    # Checked lazily: looking for firm names is the costly part.
    return list(islice((c for c in ranked if _may_be_name(c.phrase, exclude)), MAX_CANDIDATES))


def _may_be_name(phrase: Phrase, exclude: Sequence[str]) -> bool:
    return (
        len(set(phrase.stems)) == len(phrase.stems)
        and phrase.head not in ABSTRACT_HEADS
        and not any(w[:1].isupper() and w.lower() in GIVEN_NAMES for w in phrase.words)
        and not any(w.lower() in CURRENCIES for w in phrase.words)
        and is_allowed(" ".join(phrase.words), exclude, is_as_spoken=True)
    )


def _score(candidate: _Candidate, weights: dict[str, float]) -> float:
    phrase = candidate.phrase
    covered = sum(weights.get(s, 0.0) for s in phrase.stems)
    # Dividing by a power of the length rewards a second good word but not a third weak one.
    density = covered / (len(phrase.words) + 0.5) ** 0.6
    often = 1 + 0.5 * math.log(candidate.n_sentences)
    central = 1 / (1 + 0.06 * candidate.first)
    shape = 0.5 if len(phrase.words) == 1 else 0.85 if phrase.is_linked else 1.0
    generic = 0.75 if phrase.head in EMPTY else 1.0
    return float(density * often * central * shape * generic)


def _name_texts(candidates: Sequence[_Candidate], sentences: Sequence[str]) -> Iterator[str]:
    """Yield names, best first; a single word is joined to the next best phrase."""
    for i, best in enumerate(candidates):
        text = " ".join(best.phrase.words)
        if len(best.phrase.words) > 1:
            yield _with_direction(best.phrase, sentences)
            continue
        for other in candidates[i + 1 : i + 8]:
            apart = not set(other.phrase.stems) & set(best.phrase.stems)
            apart &= len(other.phrase.words) > 1 or other.n_sentences > 1
            if apart and not other.phrase.is_linked and other.score > 0.5 * best.score:
                yield f"{text} and {' '.join(other.phrase.words)}"
                break
        else:
            yield text


def _with_direction(phrase: Phrase, sentences: Sequence[str]) -> str:
    """Return the phrase; if it is a measure and the sentences agree on its direction, add the direction.

    "equipment revenue" becomes "equipment revenue decline" if at least two sentences say that revenue fell and none
    says that it rose.
    """
    text = " ".join(phrase.words)
    if phrase.head not in MEASURES or phrase.is_linked or len(phrase.words) > 4:
        return text
    after = re.compile(
        rf"\b{re.escape(phrase.head)}\b(?:\s[\w%.$]+){{0,3}}?\s(?:({UP.pattern})|({DOWN.pattern})|({IMPROVED.pattern}))\b"
    )
    ways = Counter(m.lastindex for s in sentences if (m := after.search(s.lower())))
    if len(ways) != 1 or (way := ways.most_common(1)[0])[1] < 2:
        return text
    head = phrase.head if phrase.head in {"sales", "earnings"} else phrase.words[-1].removesuffix("s")
    return " ".join((*phrase.words[:-1], head, ("growth", "decline", "improvement")[(way[0] or 1) - 1]))


def _from_keywords(digest: Digest) -> str:
    """Return the strongest keywords, nouns if possible, as readable text."""
    words = [k for k in digest.keywords if is_allowed(k, digest.exclude)]
    words = [w for w in words if w.lower() not in GIVEN_NAMES]
    words = [w for w in words if word_class(w.split()[-1].lower()) in "nv"] or words
    for n in (3, 2, 1):
        *first, last = words[:n] or [""]
        text = capitalised(f"{', '.join(first)} and {last}" if first else last)
        if is_allowed(text, digest.exclude):
            return text
    return f"Unnamed {digest.kind}"
