"""Names and summaries taken from the text itself: the phrase that best covers a topic or theme, and central sentences.

This is the default namer, the baseline for language models, and the fallback when a model fails. A topic is named by
the keywords and phrases of its own sentences (`topic_names`). A theme's name must hold for many firms: of its
`candidates`, it is the one that is likeliest to be good by the `fitness` of its words and, if an embedding model is
given, of its meaning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ftm_assets.methods.naming.candidates import Candidate, Evidence, keyword_names, propose
from ftm_assets.methods.naming.fitness import Meaning, probability
from ftm_assets.methods.naming.phrases import clean_speech
from ftm_assets.methods.naming.rules import (
    Digest,
    Named,
    Progress,
    capitalised,
    is_allowed,
    name_key,
    plain_text,
    told_apart,
)
from ftm_assets.methods.naming.summaries import summarise, weigh
from ftm_assets.methods.naming.topic_names import topic_name
from ftm_assets.methods.vectors import products, unit

RULES_VERSION = "extractive-3"
MODEL = "noun-phrases"

Embed = Callable[[list[str]], NDArray[np.float32]]
"""The embedding model: unit vectors (n, d) of n texts."""

MAX_SENTENCES = 12
"""Sentences of a topic beyond these are too far from its centre to name it."""

MAX_NOUNS = 6
"""Keywords of which a theme's name is made if no phrase is good enough."""

LEAST_PROBABILITY = 0.4
"""If no phrase is likelier than this to be good, the two strongest nouns are the name."""


class ExtractiveNamer:
    """Names digests from their own text; digests of one group get distinct names if their text allows it.

    Parameters
    ----------
    embed : callable, optional
        The embedding model that made the themes' vectors. Without it they are named by the use of words alone.

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

    def __init__(self, embed: Embed | None = None) -> None:
        self._embed = embed

    def name(self, digests: Sequence[Digest], progress: Progress | None = None) -> list[Named]:
        """Return a name for each digest, in order; within a group, earlier digests choose first."""
        digests = [_plain(digest) for digest in digests]
        evidence = [Evidence.of(d) if d.kind == "theme" else None for d in digests]
        found = [propose(d, e) if e else [] for d, e in zip(digests, evidence, strict=True)]
        nouns = [keyword_names(d, e)[:MAX_NOUNS] if e else [] for d, e in zip(digests, evidence, strict=True)]
        near = meanings(digests, [[c.text for c in own] for own in found], self._embed)
        taken: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
        named = []
        for done, digest in enumerate(digests):
            own = taken[digest.group]
            sentences = [clean_speech(plain_text(s)) for s in digest.sentences[:MAX_SENTENCES]]
            weights = weigh(digest.keywords, [*digest.names[:MAX_SENTENCES], *sentences])
            if digest.kind == "topic":
                name = topic_name(digest, sentences, weights, own)
            else:
                name = _theme_name(digest, found[done], near[done], nouns[done], own)
            own.add(name_key(name))
            summary = summarise(digest, sentences, weights, name)
            named.append(Named(name, summary, "extractive", MODEL, RULES_VERSION))
            if progress:
                progress(done + 1, len(digests))
        return named


def name_extractively(digest: Digest, embed: Embed | None = None) -> Named:
    """Return a name and a summary in the digest's own words; deterministic for the same digest."""
    return ExtractiveNamer(embed).name([digest])[0]


def _plain(digest: Digest) -> Digest:
    return replace(
        digest,
        keywords=tuple(filter(None, map(plain_text, digest.keywords))),
        names=tuple(filter(None, map(plain_text, digest.names))),
    )


def meanings(
    digests: Sequence[Digest], texts: Sequence[Sequence[str]], embed: Embed | None
) -> list[dict[str, Meaning] | None]:
    """Return for each digest the meaning of its texts among its group; None without `embed` or a vector made by it."""
    found: list[dict[str, Meaning] | None] = [None] * len(digests)
    if embed is None:
        return found
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        if digest.vector is not None and texts[i]:
            groups[digest.group].append(i)
    place = {
        text: i
        for i, text in enumerate(dict.fromkeys(t for g in groups.values() for i in g for t in texts[i]))
    }
    if not place:
        return found
    vectors = embed(list(place))
    for members in groups.values():
        centres = unit(np.array([digests[i].vector for i in members], dtype=np.float64))
        if centres.shape[1] != vectors.shape[1]:
            continue  # made by another embedding model: no comparison is possible
        for at, i in enumerate(members):
            cosines = products(vectors[[place[t] for t in texts[i]]], centres)
            own = cosines[:, at].tolist()
            cosines[:, at] = 0.0
            other = cosines.max(axis=1).tolist()
            found[i] = {t: Meaning(*pair) for t, *pair in zip(texts[i], own, other, strict=True)}
    return found


def _theme_name(
    digest: Digest,
    found: Sequence[Candidate],
    near: dict[str, Meaning] | None,
    nouns: Sequence[str],
    taken: Collection[frozenset[str]],
) -> str:
    """Return the likeliest name that is not taken; two nouns joined if no candidate is likely enough."""
    scored = [(round(probability(c.use, near[c.text] if near else None), 6), c.text) for c in found]
    scored.sort(key=lambda pair: -pair[0])
    texts = [t for p, t in scored if p >= LEAST_PROBABILITY]
    texts += [*_joined(nouns), *(t for _, t in scored), *digest.keywords, *digest.names]
    texts = [capitalised(t) for t in texts]
    texts = [t for t in texts if is_allowed(t, digest.exclude)]
    free = [t for t in texts if name_key(t) not in taken]
    if free:
        return free[0]
    return told_apart(texts[0], digest, taken) if texts else f"Unnamed {digest.kind}"


def _joined(nouns: Sequence[str]) -> list[str]:
    """Return names made of keywords: two joined, or one alone."""
    apart: list[str] = []
    for word in nouns:
        if not any(name_key(word) & name_key(other) for other in apart):
            apart.append(word)
    return [*(f"{apart[0]} and {other}" for other in apart[1:]), *apart]
