"""Whether two names may be those of one company: shared words, one within the other, or initials."""

from __future__ import annotations

import re
import unicodedata

_GENERIC = frozenset(
    re.findall(
        "[a-z]+",
        "inc incorporated corp corporation co company companies ltd limited plc llc lp llp sa ag se nv bv ab asa oyj "
        "spa kg gmbh the and of de la group holding holdings international global",
    )
)
"""Words that names of different companies share."""

_SHORTEST = 3
"""Fewest letters of initials, or of a name within another, that say anything."""


def may_be_one(name: str, other: str) -> bool:
    """Return whether two names may be one company's.

    >>> may_be_one("Intl. Business Machines Corp.", "IBM"), may_be_one("JP Morgan", "JPMorgan Chase & Co.")
    (True, True)
    >>> may_be_one("Facebook, Inc.", "Meta Platforms, Inc.")
    False
    """
    one, two = _words(name), _words(other)
    ours, theirs = ([w for w in words if w not in _GENERIC] for words in (one, two))
    if set(ours) & set(theirs) or not ours or not theirs:
        return True
    shorter, longer = sorted(("".join(ours), "".join(theirs)), key=len)
    if len(shorter) >= _SHORTEST and shorter in longer:
        return True
    return _are_initials("".join(ours), two) or _are_initials("".join(theirs), one)


def _words(name: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return re.findall(
        r"[^\W_]+", plain.casefold().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    )


def _are_initials(short: str, words: list[str]) -> bool:
    return len(short) > 1 and "".join(w[0] for w in words).startswith(short)
