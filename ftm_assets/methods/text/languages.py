"""Languages: which language a call is in.

Belongs here: the identifier (py3langid, a naive Bayes model over byte n-grams, in its wheel) and how its votes on
pieces of a call become one answer. What happens to a call in another language is decided by `transcripts`.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from py3langid.langid import LanguageIdentifier

UNDETERMINED = "und"
"""ISO 639-3's code for a language that cannot be told."""

PIECE_CHARACTERS = 400
PIECES = 60
"""At most this many pieces of a call are judged, evenly spaced: 24,000 characters, in about 60 ms."""

FEWEST_LETTERS = 20
"""Fewer letters are too few to judge by."""

LEAST_CONFIDENCE = 0.25
"""Least average confidence in the winning language, over the whole text."""

_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
IDEOGRAPH_WEIGHT = 2
"""An ideograph or kana says about as much as two letters of an alphabet."""


def language_of(texts: Sequence[str]) -> str:
    """Return the language that most of a call's text is in, as an ISO 639-1 code, or "und".

    Each turn is judged apart, in pieces, since an interpreted call alternates between languages. A piece votes for a
    language with its letters times the identifier's confidence. The answer depends on the texts alone, so the same
    call always gets the same answer.

    Parameters
    ----------
    texts : sequence of str
        The normalised turns of a call, in order.

    Returns
    -------
    str
        "und" if the call has fewer than FEWEST_LETTERS letters, or if no language is likely.

    Examples
    --------
    >>> language_of(["Revenue grew in every segment.", "Margins were flat."])
    'en'
    >>> language_of(["Las ventas crecieron un cinco por ciento.", "Thank you."])
    'es'
    >>> language_of(["OK."])
    'und'

    """
    pieces = list(_pieces(texts))
    step = max(len(pieces) / PIECES, 1.0)
    judged = [pieces[int(i * step)] for i in range(min(len(pieces), PIECES))]
    votes: Counter[str] = Counter()
    total = 0
    for piece in judged:
        weight = _weight(piece)
        language, confidence = _identifier().classify(piece)
        votes[language] += weight * confidence
        total += weight
    if total < FEWEST_LETTERS:
        return UNDETERMINED
    # Of equal votes the first in the alphabet wins.
    language = min(votes, key=lambda code: (-votes[code], code))
    return language if votes[language] >= LEAST_CONFIDENCE * total else UNDETERMINED


def _pieces(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        for start in range(0, len(text), PIECE_CHARACTERS):
            piece = text[start : start + PIECE_CHARACTERS]
            if any(map(str.isalpha, piece)):
                yield piece


def _weight(text: str) -> int:
    return sum(map(str.isalpha, text)) + (IDEOGRAPH_WEIGHT - 1) * len(_IDEOGRAPHS.findall(text))


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # Languages with a two-letter code: without Nigerian Pidgin, which English speech would be taken for, and others
    # whose speakers hold earnings calls in a larger language.
    identifier.set_languages([code for code in identifier.labels if len(code) == 2])
    return identifier
