"""From speech to noun phrases: removing disfluencies and finding the spans that can be a name.

A finite-state parser over the classes in `word_classes`: no model, no training data, a few microseconds per word.
It would rather miss a phrase than return a broken one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple

from ftm_assets.methods.naming.rules import plain_text
from ftm_assets.methods.naming.word_classes import (
    ADJECTIVAL_ED,
    BEFORE_PARTICIPLES,
    DETERMINERS,
    GIVEN_NAMES,
    SUBJECTS,
    VERB_PARTICLES,
    word_class,
)
from ftm_assets.methods.text.tokens import HESITATION, normal, words

MAX_PHRASE_WORDS, MAX_WORDS_BEFORE_LINK = 7, 3

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": ",", "…": ","})
# Includes the commas on both sides: without the um, "we see, um, demand" has none.
_FILLER = re.compile(rf",?\s*(?<![\w'-])(?:[Uu]h-huh|[Mm]hm|{HESITATION})(?![\w'-])(?:,|\.(?=\s+[a-z]))*")
# Found wherever a filler is, and faster: it opens with letters, so that the search skips ahead to them.
_MAY_BE_FILLER = re.compile(
    r"[AEHMUaehmu](?<![\w'-].)(?:(?<=[Uu])[HMhm]|(?<=[Ee])[hr]|(?<=[AHMahm])[hm])[HMhm]*(?:-huh)?(?![\w'-])"
)
# "foc- focus", "the- the"; not "mid- to high-single digits"
_FALSE_START = re.compile(r"(?<![\w-])[\w']{1,12}-(?=[\s,.]|$)(?!\s+(?:to|and|or)\b),?")
# "non- GAAP", as some transcribers write it, is no false start.
_PREFIX = re.compile(r"(?<![\w-])(non|pre|post|anti|multi|sub|semi|inter|intra)- (?=[A-Za-z])", re.IGNORECASE)
_ASIDE = re.compile(
    r"(?:^|[,;]|(?<=\.))\s*(?:you know|i mean|i guess|i would say|i'd say|kind of|sort of|right|okay|well|so|like|"
    r"look|listen|again|obviously|frankly|honestly|if you will|as i said|as you know|of course)\s*,",
    re.IGNORECASE,
)
# Words are taken whole (++): what follows one is a space or a comma.
_REPEAT = re.compile(r"\b([\w']++(?: [\w']++){0,3})(?:[,\s]+\1\b)+", re.IGNORECASE)
_LEAD_IN = re.compile(
    r"^(?:(?:and|but|so|well|yeah|yes|yep|no|now|okay|ok|right|sure|also|then|again|oh|look|great|or|i mean|"
    r"you know|i think|i guess|i would say|i'd say|so to speak|first|firstly|second|secondly|third|thirdly|"
    r"lastly|finally|because|plus|in fact|of course|as i said|as i mentioned|obviously|absolutely|exactly|"
    r"actually|basically|frankly)\b[\s,.]*)+",
    re.IGNORECASE,
)
_SPACES = re.compile(r"\s\s+|[^\S ]")
_SPACE_BEFORE_MARK = re.compile(r" ([,.;:?!])")
_MARKS = re.compile(r"([,;:])(?:\s*[,;:])+")
_LEFT_OVER = re.compile(rf"{_MARKS.pattern}|,(?=[.?!])")
_TOKEN = re.compile(r"[$€£]?\w[\w&'./%-]*|[^\w\s]")
_INITIALS = re.compile(r"(?:[A-Za-z]\.){2,}")
_LINKS = frozenset({"of", "in", "for", "and", "the", "on"})
_BETWEEN = frozenset({("of",), ("for",), ("in",), ("and",), ("of", "the"), ("in", "the"), ("on", "the")})
"""What joins two phrases."""


def clean_speech(sentence: str) -> str:
    """Return the sentence without fillers (uh), false starts (foc-), repeats (I, I) and asides between commas."""
    text = _SPACES.sub(" ", sentence.translate(_QUOTES))
    if _MAY_BE_FILLER.search(text):
        text = _FILLER.sub(" ", text)
    if "-" in text:
        text = _FALSE_START.sub(" ", _PREFIX.sub(r"\1-", text))
    text = tidied = _MARKS.sub(r"\1", _spaced(text))
    for _ in range(2):
        before = text
        text = _REPEAT.sub(r"\1", _ASIDE.sub(" ", text) if "," in text else text)
        if text == before:
            break
    return _LEFT_OVER.sub(r"\1", text if text == tidied else _spaced(text)).strip(" ,;:-")


def _spaced(text: str) -> str:
    return _SPACE_BEFORE_MARK.sub(r"\1", _SPACES.sub(" ", text))


def without_lead_in(sentence: str) -> str:
    """Return a cleaned sentence without opening words that link it to the one before (And, So, Yeah, I think)."""
    text = _LEAD_IN.sub("", sentence).lstrip(" ,;:.-")
    return text[:1].upper() + text[1:]


class Phrase(NamedTuple):
    """A noun phrase as it was said."""

    words: tuple[str, ...]
    """As found, except that the first word of a sentence is in lower case unless it is a name."""
    stems: tuple[str, ...]
    """Stems of the content words, in order."""
    is_linked: bool = False
    """Whether it joins two phrases: cost of goods."""

    @property
    def head(self) -> str:
        """The last word, in lower case."""
        return self.words[-1].lower()

    def without_head(self) -> Phrase:
        """Return the phrase without its last word: cash flow, of cash flow headwinds."""
        return Phrase(self.words[:-1], self.stems[:-1], self.is_linked)


class SpokenWord(NamedTuple):
    """A word of a sentence."""

    text: str
    lower: str
    opens: bool
    """Whether it opens the sentence, where a capital letter means nothing."""


@dataclass(frozen=True)
class Spoken:
    """A cleaned sentence. What is read of it is read once, for all that ask: candidates, coverage and summary."""

    text: str

    @cached_property
    def stems(self) -> list[str]:
        """The words of the sentence in normal form, as `text.tokens` defines words."""
        return words(self.text)

    @cached_property
    def words(self) -> list[SpokenWord]:
        """The words between its punctuation marks, in order."""
        return [token for token in self._tokens if token.lower]

    @cached_property
    def phrases(self) -> list[Phrase]:
        """The noun phrases and their tails, longest first, in order of speech.

        "strong same-store sales growth" yields itself, "same-store sales growth", "sales growth" and "growth":
        modifiers are dropped from the left, the head is kept. Two phrases linked by "of", "in", "for" or "and" follow
        as one.
        """
        return list(_phrases(self._tokens))

    @cached_property
    def _tokens(self) -> list[SpokenWord]:
        """The words and punctuation marks; of a mark, `lower` is empty."""
        tokens: list[SpokenWord] = []
        opens = True
        for found in _TOKEN.findall(self.text):
            text, lower, mark = _parts(found)
            if lower:
                tokens.append(SpokenWord(text, lower, opens))
            if mark:
                tokens.append(SpokenWord(mark, "", opens=False))
            opens = not lower and found in ".?!"
        return tokens


@lru_cache(maxsize=256)
def spoken(sentence: str) -> Spoken:
    """Return a sentence cleaned from speech. The last ones are kept, with what was read of them."""
    return Spoken(clean_speech(plain_text(sentence)))


@lru_cache(maxsize=200_000)
def _parts(found: str) -> tuple[str, str, str]:
    """Return a word, the same in lower case, and the punctuation mark that ends it; each may be empty."""
    text = found if _INITIALS.fullmatch(found) else found.rstrip(".'/-")
    is_word = bool(text) and (text[0].isalnum() or text[0] in "$€£")
    mark = found[-1] if text != found or not is_word else ""
    return (text, text.lower(), mark) if is_word else ("", "", mark)


def _phrases(tokens: list[SpokenWord]) -> Iterator[Phrase]:
    lowers = [t.lower for t in tokens]
    runs = list(_runs(_roles(tokens, lowers)))
    surfaces = [_surface(t) if t.opens else t.text for t in tokens]
    for start, end in runs:
        stems = [normal(w) for w in lowers[start:end]]
        for i in range(max(start, end - 5), end):
            yield Phrase(_shown(surfaces[i:end]), tuple(stems[i - start :]))
    for (s1, e1), (s2, e2) in pairwise(runs):
        if tuple(lowers[e1:s2]) not in _BETWEEN:
            continue
        for start in range(max(s1, e1 - MAX_WORDS_BEFORE_LINK, e2 - MAX_PHRASE_WORDS), e1):
            stems = [normal(w) for w in lowers[start:e2] if w not in _LINKS]
            yield Phrase(_shown(surfaces[start:e2]), tuple(stems), is_linked=True)


def _shown(surfaces: list[str]) -> tuple[str, ...]:
    surfaces[-1] = surfaces[-1].removesuffix("'s")
    return tuple(surfaces)


def _surface(opening: SpokenWord) -> str:
    """Return the word that opens a sentence as it would stand within one."""
    is_capitalised = opening.text[:1].isupper() and opening.text[1:].islower()
    return opening.lower if is_capitalised and opening.lower not in GIVEN_NAMES else opening.text


def _runs(roles: list[str]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the maximal runs of modifiers and nouns that end in a noun."""
    start = 0
    while start < len(roles):
        if roles[start] == "x":
            start += 1
            continue
        end = start
        while end < len(roles) and roles[end] != "x":
            end += 1
        trimmed = end
        while trimmed > start and roles[trimmed - 1] != "n":
            trimmed -= 1
        # "our business strong": an adjective after its noun does not belong to the phrase.
        if trimmed > start:
            yield start, trimmed
        start = end


def _roles(tokens: list[SpokenWord], lowers: list[str]) -> list[str]:
    """Return a letter per token: n noun, m modifier, x neither."""
    kinds = [word_class(w) if w else "" for w in lowers]
    roles: list[str] = []
    role = "x"
    for i, kind in enumerate(kinds):
        if kind in {"", "x"}:
            role = "x"
        else:
            before = lowers[i - 1] if i else ""
            after, after_kind = (lowers[i + 1], kinds[i + 1]) if i + 1 < len(kinds) else ("", "")
            role = _role(tokens[i], kind, before, after, after_kind or "x", role)
        roles.append(role)
    return roles


def _role(token: SpokenWord, kind: str, before: str, after: str, after_kind: str, role_before: str) -> str:
    if before in SUBJECTS and kind in "vn" and not token.text[:1].isupper():
        return "n" if kind == "n" and before in {"to", "who", "that", "which", "not", "just"} else "x"
    if kind == "n":
        return "n"
    noun_follows = after_kind in "nvag"
    if kind == "a":
        return "m" if noun_follows or after_kind == "d" else "x"
    if kind == "v":
        described = before in DETERMINERS or before.endswith("'s") or (role_before == "m" and bool(before))
        takes_object = after in DETERMINERS or after in VERB_PARTICLES
        return "n" if described or not takes_object else "x"
    is_modifier = (
        (kind == "d" and token.lower in ADJECTIVAL_ED)
        or before in DETERMINERS
        or before in BEFORE_PARTICIPLES
    )
    return "m" if is_modifier and noun_follows else "x"
