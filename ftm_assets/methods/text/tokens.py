"""Words of a text: the tokenizer, the form that a word's inflections share, and what is no word but a hesitation.

Belongs here: what every method that counts, compares or names by words has in common. Which words say nothing
is in `word_lists`; the scorer by word lists (`ftm_resources.models.lexicon`) reads texts as its authors do.
"""

from __future__ import annotations

import re
from functools import lru_cache

WORD = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W_]++(?:[&'’\-][^\W_]++)*+(?!-(?!-))")
"""Dotted abbreviations (U.S.), else letters and digits joined by &, apostrophe or hyphen (R&D, COVID-19).
A word that breaks off ("the admini- the administration") is none."""

ENDING = re.compile(r"['’](?:s|re|ve|ll|d|m)?$")
"""A possessive or contracted ending."""

HESITATION = r"(?:[Uu][Mm]+|[Uu][Hh]+|[Ee]h|[Ee]r|[Aa]h|[Hh]m+|[Mm]m+)"
"""A hesitation, for `re` and RE2, both minding the case: an ER is an emergency room."""

_HESITATION = re.compile(HESITATION)
_IRREGULAR = {"children": "child", "men": "man", "women": "woman", "news": "news", "covid-19": "covid"}
_NOT_INFLECTED = frozenset({"marketing", "building", "housing", "rating", "earnings", "engineering"})
"""Nouns whose -ing is not the verb's: a rating is not a rate, marketing is not a market."""


def words(text: str) -> list[str]:
    """Return the words of `text`, in order, each in its normal form.

    >>> words("Monro's stores, re- resold in the U.S.")
    ['monro', 'store', 'resold', 'in', 'the', 'u.s.']
    """
    return [normal(w) for w in WORD.findall(text)]


@lru_cache(maxsize=200_000)
def normal(word: str) -> str:
    """Return the normal form of a word as it was spoken or written, in any case, with any ending.

    >>> normal("Prices"), normal("pricing"), normal("Monro's")
    ('price', 'price', 'monro')
    """
    return normal_form(ENDING.sub("", word).lower())


def is_hesitation(word: str) -> bool:
    """Return whether `word` is a hesitation, as spoken ("um", "Uh").

    >>> is_hesitation("Umm"), is_hesitation("er"), is_hesitation("ER")
    (True, True, False)
    """
    return _HESITATION.fullmatch(word) is not None


def normal_form(word: str) -> str:
    """Return the form that all inflections of a lower-case word share; not always itself a word.

    The inflectional steps of Porter's stemmer (1a with Porter2's rule for -s, 1b, 1c, 5; Porter 1980, Program
    14(3), 130-137). The derivational ones are left out: they turn production into product, customer into
    custom and utility and utilization into one.
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("sses"):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us")) and re.search(r"[aeiouy].", word[:-1]):
        word = word[:-1]
    if word not in _NOT_INFLECTED and (verb := re.fullmatch(r"(.*[aeiouy].*)(?:ed|ing)", word)):
        word = verb[1]
        if word.endswith(("at", "bl", "iz")) or (_measure(word) == 1 and _is_short(word)):
            word += "e"
        elif re.search(r"([^aeiouylsz])\1$", word):
            word = word[:-1]
    if word.endswith("e") and ((m := _measure(word[:-1])) > 1 or (m == 1 and not _is_short(word[:-1]))):
        word = word[:-1]
    if word.endswith("ll") and _measure(word[:-1]) > 1:
        word = word[:-1]
    return word


def _measure(stem: str) -> int:
    """Count the vowel-consonant sequences of a stem: m in Porter's rules."""
    return len(re.findall(r"[aeiouy]+[^aeiouy]+", stem))


def _is_short(stem: str) -> bool:
    """Tell whether a stem ends consonant-vowel-consonant (not w, x, y), as "pric": Porter's *o."""
    return re.search(r"[^aeiouy][aeiouy][^aeiouywx]$", stem) is not None
