"""Names and summaries taken from the text itself: noun phrases of the central sentences, weighted by keywords.

This is the default namer, the baseline for language models, and the fallback when a model fails.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from ftm_assets.methods.naming.phrases import Phrase, clean_speech, noun_phrases, without_lead_in
from ftm_assets.methods.naming.rules import (
    BANNED_WORDS,
    MAX_NAME_WORDS,
    Digest,
    Named,
    Progress,
    cut_at_sentence,
    plain_text,
)
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
from ftm_assets.methods.text.firm_names import holds_firm_name
from ftm_assets.methods.text.tokens import normal, words

RULES_VERSION = "extractive-2"
MODEL = "noun-phrases"

# Sentences of a topic beyond these are too far from its centre to name it.
MAX_SENTENCES = 12

# Candidates tried before a keyword is added to make a name unique; later ones are hardly about the topic.
MAX_CANDIDATES = 25

_JOINTS = frozenset(map(normal, ("and", "of", "in", "for", "the", "on")))
_EMPTY_STEMS = frozenset(map(normal, EMPTY))


class ExtractiveNamer:
    """Names digests from their own text; digests of one group get distinct names if their text allows it.

    Examples
    --------
    >>> digest = Digest(
    ...     id="2023Q1:1:000",
    ...     kind="topic",
    ...     keywords=("freight costs", "ocean"),
    ...     sentences=("Ocean freight costs rose again.", "We expect freight costs to ease."),
    ... )
    >>> [named.name for named in ExtractiveNamer().name([digest])]
    ['Ocean freight costs']

    """

    def name(self, digests: Sequence[Digest], progress: Progress | None = None) -> list[Named]:
        """Return a name for each digest, in order; within a group, earlier digests choose first."""
        taken: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
        named = []
        for done, digest in enumerate(digests, start=1):
            named.append(name_extractively(digest, taken[digest.group]))
            taken[digest.group].add(name_key(named[-1].name))
            if progress:
                progress(done, len(digests))
        return named


def name_extractively(digest: Digest, taken: Collection[frozenset[str]] = ()) -> Named:
    """Return a name and a summary in the digest's own words; deterministic for the same digest.

    The name is a noun phrase that covers strong keywords, is said often and occurs in a central sentence. If there is
    none, the name lists the strongest keywords. `taken` holds the `name_key`s of names already in use, which are
    avoided as long as there are others.
    """
    digest = replace(
        digest,
        keywords=tuple(filter(None, map(plain_text, digest.keywords))),
        names=tuple(filter(None, map(plain_text, digest.names))),
    )
    sentences = [clean_speech(plain_text(s)) for s in digest.sentences[:MAX_SENTENCES]]
    sources = [*digest.names[:MAX_SENTENCES], *sentences]
    weights = _weights(digest.keywords, sources)
    texts = [
        _capitalised(text) for text in _name_texts(_candidates(sources, weights, digest.exclude), sources)
    ]
    texts = [t for t in texts if _is_allowed(t, digest.exclude)] or [_from_keywords(digest)]
    free = [t for t in texts if name_key(t) not in taken]
    name = free[0] if free else _told_apart(texts[0], digest, taken)
    return Named(name, _summary(digest, sentences, weights, name), "extractive", MODEL, RULES_VERSION)


def name_key(name: str) -> frozenset[str]:
    """Return a key that is equal for names that a reader would take for the same."""
    return frozenset(words(name)) - _JOINTS


@dataclass
class _Candidate:
    phrase: Phrase
    first: int
    """Rank of the most central sentence that contains it."""
    n_sentences: int = 0
    score: float = 0.0


def _weights(keywords: Sequence[str], sentences: Sequence[str]) -> dict[str, float]:
    """Return a weight per stem, from its keyword's rank and the share of sentences that contain it."""
    holding = Counter(s for text in sentences for s in set(words(text)))
    n = max(1, len(sentences))
    weights = {word: 0.8 * (count - 1) / n for word, count in holding.items()}
    for rank, keyword in enumerate(keywords):
        for word in dict.fromkeys(words(keyword)):
            # A keyword found in only one sentence is an accident of that sentence.
            spread = 0.3 + 0.7 * min(1.0, 3 * holding[word] / n)
            weights[word] = max(
                weights.get(word, 0.0), 0.8 * (holding[word] - 1) / n + spread / (1 + 0.25 * rank)
            )
    return {w: x * (0.1 if w in _EMPTY_STEMS else 1.0) for w, x in weights.items()}


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
        and _is_allowed(" ".join(phrase.words), exclude, is_as_spoken=True)
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


def _capitalised(text: str) -> str:
    text = plain_text(text)
    return text[:1].upper() + text[1:] if text[:2].islower() or len(text) == 1 else text


def _is_allowed(name: str, exclude: Sequence[str], *, is_as_spoken: bool = False) -> bool:
    fits = 0 < len(name.split()) <= MAX_NAME_WORDS and re.search(r"[^\W\d_]", name) is not None
    return (
        fits
        and not BANNED_WORDS.search(name)
        and not holds_firm_name(name, exclude, is_as_spoken=is_as_spoken)
    )


def _from_keywords(digest: Digest) -> str:
    """Return the strongest keywords, nouns if possible, as readable text."""
    words = [k for k in digest.keywords if _is_allowed(k, digest.exclude)]
    words = [w for w in words if w.lower() not in GIVEN_NAMES]
    words = [w for w in words if word_class(w.split()[-1].lower()) in "nv"] or words
    for n in (3, 2, 1):
        *first, last = words[:n] or [""]
        text = _capitalised(f"{', '.join(first)} and {last}" if first else last)
        if _is_allowed(text, digest.exclude):
            return text
    return f"Unnamed {digest.kind}"


def _told_apart(name: str, digest: Digest, taken: Collection[frozenset[str]]) -> str:
    """Return the name followed, in brackets, by the strongest keyword that makes it unique."""
    longer = (f"{name} ({keyword})" for keyword in digest.keywords)
    return next((t for t in longer if name_key(t) not in taken and _is_allowed(t, digest.exclude)), name)


def _summary(digest: Digest, sentences: Sequence[str], weights: dict[str, float], name: str) -> str:
    """Return the central sentence that reads best on its own, and a second one if the first is short.

    A theme's summary opens with the names of its most central topics.
    """
    texts = [without_lead_in(s) for s in sentences]
    ranked = sorted(
        (i for i, text in enumerate(texts) if len(text.split()) >= 4),
        key=lambda i: (-_readability(texts[i], weights, name_key(name)) / (1 + 0.25 * i), i),
    )
    if not ranked:
        return f"{name}." if not digest.keywords else f"About {', '.join(digest.keywords[:3])}."
    chosen = [ranked[0]]
    if len(ranked) > 1 and len(texts[ranked[0]]) < 100 and len(texts[ranked[1]]) < 200:
        chosen.append(ranked[1])
    if digest.kind == "theme" and (covers := _covers(digest.names, name)):
        return cut_at_sentence(f"{covers} {_closed(texts[chosen[0]])}")
    return cut_at_sentence(" ".join(_closed(texts[i]) for i in sorted(chosen)))


def _covers(names: Sequence[str], name: str) -> str:
    """Return a sentence that lists up to three topics of a theme, except the one that gave it its name."""
    distinct = {key: n for n in reversed(names) if (key := name_key(n)) != name_key(name)}
    first = [n[:1].lower() + n[1:] if n[1:2].islower() else n for n in reversed(distinct.values())][:3]
    if not first:
        return ""
    *others, last = first
    return f"Covers {', '.join(others)} and {last}." if others else f"Covers {last}."


def _readability(text: str, weights: dict[str, float], name: frozenset[str]) -> float:
    """Return how well a sentence stands alone: about the name, not a question, no reference to what came before."""
    stems = set(words(text))
    n_words = len(text.split())
    about = (
        0.5
        + sum(weights.get(s, 0.0) for s in stems) / math.sqrt(n_words)
        + len(stems & name) / max(1, len(name))
    )
    length = min(1.0, n_words / 10) * min(1.0, 40 / n_words)
    return about * length * (0.4 if text.endswith("?") else 1.0) * (0.6 if _POINTS_BACK.match(text) else 1.0)


_POINTS_BACK = re.compile(
    r"(?:It|That|This|Those|These|They|He|She|Which|There|Let me|I'll|I will|I'd)\b(?!\s+(?:year|quarter))"
)


def _closed(text: str) -> str:
    return text if text[-1] in ".!?" else text.rstrip(",;:- ") + "."
