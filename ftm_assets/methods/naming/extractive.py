"""Names and summaries taken from the text: the heading that covers most of a topic or theme, and central sentences.

This is the default namer, the baseline for language models, and the fallback when a model fails. The heading is a
phrase of the text or, where its sentences or firms share none, the subject whose words they use (`heading_choice`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ftm_assets.methods.naming.heading_choice import heading
from ftm_assets.methods.naming.phrases import spoken
from ftm_assets.methods.naming.rules import Digest, Named, Progress, name_key, plain_text
from ftm_assets.methods.naming.summaries import summarise, weigh
from ftm_assets.methods.text.tokens import words

RULES_VERSION = "extractive-4"
MODEL = "noun-phrases"

MAX_SENTENCES = 12
"""Sentences of a topic beyond these are too far from its centre to summarise it."""


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
        digests = [_plain(digest) for digest in digests]
        taken: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
        named = []
        for done, digest in enumerate(digests):
            own = taken[digest.group]
            sentences = [spoken(s) for s in digest.sentences[:MAX_SENTENCES]]
            names = map(words, digest.names[:MAX_SENTENCES])
            weights = weigh(digest.keywords, [*names, *(s.stems for s in sentences)])
            name = heading(digest, own)
            own.add(name_key(name))
            summary = summarise(digest, sentences, weights, name)
            named.append(Named(name, summary, "extractive", MODEL, RULES_VERSION))
            if progress:
                progress(done + 1, len(digests))
        return named


def name_extractively(digest: Digest) -> Named:
    """Return a name and a summary in the digest's own words; deterministic for the same digest."""
    return ExtractiveNamer().name([digest])[0]


def _plain(digest: Digest) -> Digest:
    return replace(
        digest,
        keywords=tuple(filter(None, map(plain_text, digest.keywords))),
        names=tuple(filter(None, map(plain_text, digest.names))),
    )
