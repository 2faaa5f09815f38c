"""Names and summaries taken from the text itself: the phrase that best covers a topic or theme, and central sentences.

This is the default namer, the baseline for language models, and the fallback when a model fails. Candidates and what a
name may consist of are in `candidates`; this module chooses, by keywords and support and, if it is given an embedding
model, by meaning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ftm_assets.methods.naming.candidates import (
    Candidate,
    Evidence,
    is_allowed,
    keyword_names,
    loose_headings,
    propose,
)
from ftm_assets.methods.naming.headings import GENERAL
from ftm_assets.methods.naming.phrases import clean_speech
from ftm_assets.methods.naming.rules import Digest, Named, Progress, plain_text
from ftm_assets.methods.naming.summaries import name_key, summarise
from ftm_assets.methods.vectors import products, unit

RULES_VERSION = "extractive-3"
MODEL = "noun-phrases"

Embed = Callable[[list[str]], NDArray[np.float32]]
"""The embedding model: unit vectors (n, d) of n texts."""

MAX_SENTENCES = 12
"""Sentences of a topic beyond these are too far from its centre to summarise it."""

SHORT_PENALTY = 0.3
"""Taken from the score of a word alone: "Customers" says less than "Customer base"."""

MAX_NOUNS = 6
"""Keywords of which a name is made if no phrase is good enough."""

LEAST_SIMILARITY = 0.3
"""A phrase less similar to its topic is about something else: keywords are then the better name."""


@dataclass(frozen=True)
class Proposal:
    """What the text alone says about a digest's name: the input of the choice by meaning."""

    candidates: tuple[Candidate, ...]
    """Best first."""
    keywords: tuple[str, ...]
    """Nouns that make a name if no candidate does, strongest first."""
    headings: tuple[str, ...]
    """General headings that share a word with the digest, for one of which nothing else is near enough."""
    summary_sentences: tuple[str, ...]
    weights: dict[str, float]


class ExtractiveNamer:
    """Names digests from their own text; digests of one group get distinct names if their text allows it.

    Parameters
    ----------
    embed : callable, optional
        The embedding model that made the digests' vectors. Without it names are chosen by keywords and support alone.
    proposals : callable, optional
        Does what `proposals` does, e.g. in several processes.

    Examples
    --------
    >>> digest = Digest(
    ...     id="2023Q1:1:000",
    ...     kind="topic",
    ...     keywords=("freight costs", "ocean"),
    ...     sentences=("Ocean freight costs rose again.", "We expect freight costs to ease."),
    ... )
    >>> [named.name for named in ExtractiveNamer().name([digest])]
    ['Freight costs']

    """

    def __init__(
        self,
        embed: Embed | None = None,
        proposals: Callable[[Sequence[Digest]], Iterable[Proposal]] | None = None,
    ) -> None:
        self._embed = embed
        self._proposals = proposals or (lambda digests: map(proposal, digests))

    def name(self, digests: Sequence[Digest], progress: Progress | None = None) -> list[Named]:
        """Return a name for each digest, in order; within a group, earlier digests choose first."""
        found = []
        for done, one in enumerate(self._proposals(digests), start=1):
            found.append(one)
            if progress:
                progress(done, len(digests))
        meanings = similarities(digests, found, self._embed)
        taken: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
        named = []
        for digest, one, near in zip(digests, found, meanings, strict=True):
            name = _choose(digest, one, near, taken[digest.group])
            taken[digest.group].add(name_key(name))
            summary = summarise(digest, one.summary_sentences, one.weights, name)
            named.append(Named(name, summary, "extractive", MODEL, RULES_VERSION))
        return named


def name_extractively(digest: Digest, embed: Embed | None = None) -> Named:
    """Return a name and a summary in the digest's own words; deterministic for the same digest."""
    return ExtractiveNamer(embed).name([digest])[0]


def proposal(digest: Digest) -> Proposal:
    """Return the candidates for a digest's name, from its text alone."""
    digest = replace(
        digest,
        keywords=tuple(filter(None, map(plain_text, digest.keywords))),
        names=tuple(filter(None, map(plain_text, digest.names))),
    )
    evidence = Evidence.of(digest)
    return Proposal(
        candidates=tuple(propose(digest, evidence)),
        keywords=tuple(keyword_names(digest, evidence)),
        headings=tuple(loose_headings(evidence)),
        summary_sentences=tuple(clean_speech(plain_text(s)) for s in digest.sentences[:MAX_SENTENCES]),
        weights=evidence.weights,
    )


@dataclass(frozen=True)
class Similarity:
    """How near a text is to the digest's own vector, and to the nearest of its group's others (cosines)."""

    own: float
    other: float


def similarities(
    digests: Sequence[Digest], proposals: Sequence[Proposal], embed: Embed | None
) -> list[dict[str, Similarity] | None]:
    """Return for each digest the similarity of each text that may name it; None without `embed` or a vector by it."""
    if embed is None:
        return [None] * len(digests)
    texts = [_texts(p) if d.vector is not None else [] for d, p in zip(digests, proposals, strict=True)]
    place = {text: i for i, text in enumerate(dict.fromkeys(t for own in texts for t in own))}
    vectors = embed(list(place)) if place else np.zeros((0, 0), np.float32)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        if digest.vector is not None:
            groups[digest.group].append(i)
    found: list[dict[str, Similarity] | None] = [None] * len(digests)
    for members in groups.values():
        centres = unit(np.array([digests[i].vector for i in members], dtype=np.float64))
        if place and centres.shape[1] != vectors.shape[1]:
            continue  # made by another embedding model: no comparison is possible
        for at, i in enumerate(members):
            found[i] = {}
            if not texts[i]:
                continue
            cosines = products(vectors[[place[t] for t in texts[i]]], centres)
            own = cosines[:, at].tolist()
            cosines[:, at] = 0.0
            other = cosines.max(axis=1).tolist()
            found[i] = {t: Similarity(*pair) for t, *pair in zip(texts[i], own, other, strict=True)}
    return found


def _texts(found: Proposal) -> list[str]:
    return list(
        dict.fromkeys(
            [*(c.text for c in found.candidates), *found.headings, *found.keywords[:MAX_NOUNS], *GENERAL]
        )
    )


def _choose(
    digest: Digest,
    found: Proposal,
    near: dict[str, Similarity] | None,
    taken: Collection[frozenset[str]],
) -> str:
    """Return the best name that is not taken; a general heading or two keywords if no candidate is good enough."""
    top = max((c.score for c in found.candidates), default=1.0)
    scored = []
    for i, candidate in enumerate(found.candidates):
        score = candidate.score / top * (0.5 if candidate.is_heading else 1.0)
        if near is not None:
            if not _is_near(candidate, near):
                continue
            own, other = near[candidate.text].own, near[candidate.text].other
            score = 0.3 * candidate.score / top + 2.0 * own - other
            score -= SHORT_PENALTY * (" " not in candidate.text)
        scored.append((-round(score, 6), i, candidate.text))
    texts = [text for _, _, text in sorted(scored)]
    if near is not None:
        loose = [
            (near[t].own - 0.5 * near[t].other, t)
            for t in found.headings
            if near[t].own >= LEAST_SIMILARITY + 0.05
        ]
        texts += [t for _, t in sorted(loose, key=lambda pair: (-pair[0], pair[1]))[:5]]
    nouns = found.keywords[:MAX_NOUNS]
    if near is not None:
        nouns = sorted(
            (w for w in nouns if near[w].own >= LEAST_SIMILARITY + 0.05), key=lambda w: -near[w].own
        )
        texts += [*_joined(nouns), *sorted(GENERAL, key=lambda t: -near[t].own)]
    else:
        texts += [*_joined(nouns), *filter(None, map(plain_text, digest.keywords)), *found.headings]
    texts = [_capitalised(t) for t in texts]
    free = [t for t in texts if name_key(t) not in taken and is_allowed(t, digest.exclude)]
    if free:
        return free[0]
    return _told_apart(texts[0], digest, taken) if texts else f"Unnamed {digest.kind}"


def _is_near(candidate: Candidate, near: dict[str, Similarity]) -> bool:
    """Return whether a candidate's meaning is the topic's; a word alone, or a phrase said once, must be nearer."""
    least = LEAST_SIMILARITY + 0.1 * (" " not in candidate.text) + 0.15 * (candidate.n_texts < 2)
    parts = (near[p].own >= LEAST_SIMILARITY for p in candidate.parts if p in near)
    return near[candidate.text].own >= least and all(parts)


def _capitalised(text: str) -> str:
    text = plain_text(text)
    return text[:1].upper() + text[1:] if text[:2].islower() or len(text) == 1 else text


def _joined(nouns: Sequence[str]) -> list[str]:
    """Return names made of keywords: two joined, or one alone."""
    apart: list[str] = []
    for word in nouns:
        if not any(name_key(word) & name_key(other) for other in apart):
            apart.append(word)
    return [*(f"{apart[0]} and {other}" for other in apart[1:]), *apart]


def _told_apart(name: str, digest: Digest, taken: Collection[frozenset[str]]) -> str:
    """Return the name followed, in brackets, by the strongest keyword that makes it unique."""
    longer = (f"{name} ({keyword})" for keyword in digest.keywords)
    return next((t for t in longer if name_key(t) not in taken and is_allowed(t, digest.exclude)), name)
