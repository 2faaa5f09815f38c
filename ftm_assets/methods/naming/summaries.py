"""Summaries taken from the text itself: the central sentences that read best on their own.

Belongs here: the weight of a word in a digest, and what makes a sentence quotable. Names are in `extractive`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence

from ftm_assets.methods.naming.phrases import Spoken, without_lead_in
from ftm_assets.methods.naming.rules import Digest, Named, cut_at_sentence, name_key
from ftm_assets.methods.naming.word_classes import EMPTY
from ftm_assets.methods.text.tokens import normal, words

_EMPTY = frozenset(map(normal, EMPTY))


def embedded_label(named: Named, keywords: Sequence[str]) -> str:
    """Return what is embedded of a topic beside its summary: its keywords, after a name that a model wrote.

    An extractive name adds nothing to the keywords, and as a general heading it would draw unlike topics together.
    """
    listed = ", ".join(keywords)
    if named.naming_method == "llm":
        return f"{named.name}: {listed}"
    return listed or named.name


def weigh(keywords: Sequence[str], sentences: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return a weight per stem, from its keyword's rank and the share of sentences that contain it.

    A sentence is given by the normal forms of its words.
    """
    holding = Counter(s for stems in sentences for s in set(stems))
    n = max(1, len(sentences))
    weights = {word: 0.8 * (count - 1) / n for word, count in holding.items()}
    for rank, keyword in enumerate(keywords):
        for word in dict.fromkeys(words(keyword)):
            # A keyword found in only one sentence is an accident of that sentence.
            spread = 0.3 + 0.7 * min(1.0, 3 * holding[word] / n)
            weights[word] = max(
                weights.get(word, 0.0), 0.8 * (holding[word] - 1) / n + spread / (1 + 0.25 * rank)
            )
    return {w: x * (0.1 if w in _EMPTY else 1.0) for w, x in weights.items()}


def summarise(digest: Digest, sentences: Sequence[Spoken], weights: dict[str, float], name: str) -> str:
    """Return the central sentence that reads best on its own, and a second one if the first is short.

    A theme's summary opens with the names of its most central topics.
    """
    texts, key = [without_lead_in(s.text) for s in sentences], name_key(name)
    stems = [s.stems if text == s.text else words(text) for s, text in zip(sentences, texts, strict=True)]
    ranked = sorted(
        (i for i, text in enumerate(texts) if len(text.split()) >= 4),
        key=lambda i: (-_readability(texts[i], dict.fromkeys(stems[i]), weights, key) / (1 + 0.25 * i), i),
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


def _readability(text: str, stems: Collection[str], weights: dict[str, float], name: frozenset[str]) -> float:
    """Return how well a sentence stands alone: about the name, not a question, no reference to what came before."""
    n_words = len(text.split())
    about = (
        0.5
        + sum(weights.get(s, 0.0) for s in stems) / math.sqrt(n_words)
        + sum(s in name for s in stems) / max(1, len(name))
    )
    length = min(1.0, n_words / 10) * min(1.0, 40 / n_words)
    return about * length * (0.4 if text.endswith("?") else 1.0) * (0.6 if _POINTS_BACK.match(text) else 1.0)


_POINTS_BACK = re.compile(
    r"(?:It|That|This|Those|These|They|He|She|Which|There|Let me|I'll|I will|I'd)\b(?!\s+(?:year|quarter))"
)


def _closed(text: str) -> str:
    return text if text[-1] in ".!?" else text.rstrip(",;:- ") + "."
