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

_CODES = """
af am an ar as az ba be bg bn br bs ca cs cy da de dz el en eo es et eu fa fi fo fr fy ga gd gl gu ha he hi
hr ht hu hy id ig is it ja jv ka kk km kn ko ku ky la lb lg ln lo lt lv mg mk ml mn mr ms mt my ne nl nn no
oc om or pa pl ps pt qu ro ru rw sa se si sk sl sn so sq sr st sv sw ta te tg th tk tl tr tt ug uk ur uz vi
vo wa xh yo zh zu
"""

DETECTED = frozenset(_CODES.split())
"""The languages that can be told: those of the identifier with a two-letter code (ISO 639-1).

Without Nigerian Pidgin, which English speech would be taken for, and others whose speakers hold earnings calls in a
larger language.
"""

_MEANT = {
    written: code
    for code, others in {
        "cs": ("cz", "cze", "czech"),
        "da": ("dk",),
        "de": ("at", "ger", "german"),
        "el": ("gr", "gre", "greek"),
        "en": ("gb", "us"),
        "es": ("mx", "spa", "spanish"),
        "he": ("il", "iw"),
        "ja": ("jp", "jpn"),
        "ko": ("kr",),
        "nl": ("dut", "dutch"),
        "no": ("nb",),
        "pl": ("pol", "polish"),
        "pt": ("por", "portuguese"),
        "sv": ("swe", "swedish"),
        "tr": ("tur", "turkish"),
        "uk": ("ua",),
        "vi": ("vn",),
        "zh": ("chi", "chinese", "cn", "hk", "mandarin", "tw"),
    }.items()
    for written in others
}
"""What people write for a language whose code does not begin it: codes of countries, longer codes, English names."""

PIECE_CHARACTERS = 400
PIECES = 60
"""At most this many pieces of a call are judged: 24,000 characters, in about 40 ms. Most calls take a fifth of that."""

SURE_PIECES, SURE = 10, 0.9
"""Once so many pieces, from all over the call, agree with this confidence, the others are not judged."""

_GOLDEN, _SILVER = (5**0.5 - 1) / 2, 2**0.5 - 1

FEWEST_LETTERS = 20
"""Fewer letters are too few to judge by."""

LEAST_CONFIDENCE = 0.25
"""Least average confidence in the winning language, over the whole text."""

_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
IDEOGRAPH_WEIGHT = 2
"""An ideograph or kana says about as much as two letters of an alphabet."""


def require_detected(code: str) -> str:
    """Return a code that is among DETECTED; ValueError with the one that is meant, or with all, if it is not.

    >>> require_detected("jp")
    Traceback (most recent call last):
    ...
    ValueError: "jp" is not the code of a language that can be detected: did you mean ja?
    """
    if code in DETECTED:
        return code
    written = code.strip().lower()
    begins = written[:2] if written[:2] in DETECTED else None
    meant = _MEANT.get(written, begins)
    hint = f"did you mean {meant}?" if meant else f"it may be {', '.join(sorted(DETECTED))}"
    raise ValueError(f'"{code}" is not the code of a language that can be detected: {hint}')


def language_of(texts: Sequence[str]) -> str:
    """Return the language that most of a call's text is in, as an ISO 639-1 code, or "und".

    Each turn is judged apart, in pieces, since an interpreted call alternates between languages. A piece votes for a
    language with its letters times the identifier's confidence. If pieces from all over the call agree, no more are
    judged. The answer depends on the texts alone, so the same call always gets the same answer.

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
    votes: Counter[str] = Counter()
    total = 0
    for n, i in enumerate(_spread(len(pieces)), start=1):
        weight = _weight(pieces[i])
        language, confidence = _identifier().classify(pieces[i])
        votes[language] += weight * confidence
        total += weight
        if n >= SURE_PIECES and votes[language] >= SURE * total:
            break
    if total < FEWEST_LETTERS:
        return UNDETERMINED
    # Of equal votes the first in the alphabet wins.
    language = min(votes, key=lambda code: (-votes[code], code))
    return language if votes[language] >= LEAST_CONFIDENCE * total else UNDETERMINED


def _spread(n: int) -> list[int]:
    """Return at most PIECES places of n, one of each equal part, in an order whose beginning is from all over them.

    Neither the places nor the order have a period, since languages may alternate with one.
    """
    part = max(n / PIECES, 1.0)
    order = sorted(range(min(n, PIECES)), key=lambda i: i * _GOLDEN % 1)
    return [int((i + (i * _SILVER % 1 if part > 1 else 0)) * part) for i in order]


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
    identifier.set_languages(DETECTED)
    return identifier
