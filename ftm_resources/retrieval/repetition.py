"""When two texts say the same: what is left of a text once case, punctuation and fillers are gone.

What belongs here: the one place that says which differences do not matter. All others do: a number, a negation, a
quarter or the order of words turns a statement into another.
"""

from __future__ import annotations

import re
import unicodedata

FILLERS = frozenset(
    ("uh", "um", "uhm", "er", "ah", "hm", "you know", "i mean", "so", "well", "okay", "and", "the", "a", "an")
)
"""Words of speech that add nothing."""

# A number keeps its sign, separators and unit; a word its apostrophe.
_PATTERN = re.compile(r"(?:(?<!\w)[+-])?[$€£¥]?\d+(?:[.,:/]\d+)*%?|[^\W\d_]+(?:'[^\W\d_]+)*|\d", re.UNICODE)
_ALIKE = str.maketrans({"’": "'", "‘": "'", "−": "-", "\u00ad": None, "\u200b": None})
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_TWO_WORDS = re.compile(r"\b(?:" + "|".join(f for f in sorted(FILLERS) if " " in f) + r")\b")


def same_words(text: str) -> tuple[str, ...]:
    """Return the words of a text without fillers, which are equal for texts that say the same; all if none is left.

    >>> same_words("Well, we, uh, rose from 5 to 7%.") == same_words("We rose from 5 to 7%")
    True
    >>> same_words("We rose from 7 to 5%") == same_words("We rose from 5 to 7%")
    False
    """
    plain = unicodedata.normalize("NFKC", text.translate(_ALIKE)).casefold()
    plain = _THOUSANDS.sub("", plain)
    words = tuple(w for w in _PATTERN.findall(_TWO_WORDS.sub(" ", plain)) if w not in FILLERS)
    return words or tuple(_PATTERN.findall(plain))
