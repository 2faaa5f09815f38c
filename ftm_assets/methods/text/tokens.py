"""Words of a text: the tokenizer, the normal form shared by a word's inflections, and hesitations.

Belongs here: the definition of a word for all methods that count or compare words. Stop words are in `word_lists`; the
lexicon scorer (`ftm_resources.models.lexicon`) tokenizes as its authors do.
"""

from __future__ import annotations

import re
from functools import lru_cache

WORD = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W_]++(?:[&'’\-][^\W_]++)*(?![&'’\-][^\W_]|-(?!-))")
"""Dotted abbreviations (U.S.), or letters and digits joined by &, apostrophe or hyphen (R&D, COVID-19).
Excludes words that break off ("the admini- the administration"). That a word goes on is looked for, as Python before
3.11.5 gives back what a possessive group has taken (cpython issue 106052)."""

ENDING = re.compile(r"['’](?:s|re|ve|ll|d|m)?$")
"""A possessive or contracted ending."""

HESITATION = r"(?:[Uu][Mm]+|[Uu][Hh]+|[Ee]h|[Ee]r|[Aa]h|[Hh]m+|[Mm]m+)"
"""A hesitation, as a pattern for `re` and RE2. Case-sensitive: an ER is an emergency room."""

_HESITATION = re.compile(HESITATION)
_IRREGULAR = {"children": "child", "men": "man", "women": "woman", "news": "news", "covid-19": "covid"}
_NOT_INFLECTED = frozenset({"marketing", "building", "housing", "rating", "earnings", "engineering"})
"""Nouns that are not inflections of the verb: a rating is not a rate, marketing is not a market."""


def words(text: str) -> list[str]:
    """Return the words of `text` in order, in normal form.

    >>> words("Monro's stores, re- resold in the U.S.")
    ['monro', 'store', 'resold', 'in', 'the', 'u.s.']
    """
    return [normal(w) for w in WORD.findall(text)]


@lru_cache(maxsize=200_000)
def normal(word: str) -> str:
    """Return the normal form of a word in any case and with any ending.

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
    """Return the form shared by all inflections of a lower-case word; it is not always a word itself.

    Applies the inflectional steps of Porter's stemmer (1a with Porter2's rule for -s, 1b, 1c, 5; Porter 1980, Program
    14(3), 130-137). The derivational steps are omitted: they would turn production into product and customer into
    custom, and merge utility with utilization.
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
    """Return whether a stem ends in consonant-vowel-consonant (not w, x, y), like "pric": Porter's *o."""
    return re.search(r"[^aeiouy][aeiouy][^aeiouywx]$", stem) is not None
