"""From speech to noun phrases: removing disfluencies and finding the spans that can be a name.

A finite-state parser over the classes in `word_classes`: no model, no training data, about ten microseconds per word.
It would rather miss a phrase than return a broken one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ftm_assets.methods.naming.word_classes import (
    ADJECTIVAL_ED,
    BEFORE_PARTICIPLES,
    DETERMINERS,
    GIVEN_NAMES,
    SUBJECTS,
    VERB_PARTICLES,
    word_class,
)
from ftm_assets.methods.text.tokens import HESITATION, normal

MAX_PHRASE_WORDS = 7

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": ",", "…": ","})
# Includes the commas on both sides: without the um, "we see, um, demand" has none.
_FILLER = re.compile(rf",?\s*(?<![\w'-])(?:[Uu]h-huh|[Mm]hm|{HESITATION})(?![\w'-])(?:,|\.(?=\s+[a-z]))*")
# "foc- focus", "the- the"; not "mid- to high-single digits"
_FALSE_START = re.compile(r"(?<![\w-])[\w']{1,12}-(?=[\s,.]|$)(?!\s+(?:to|and|or)\b),?")
# "non- GAAP", as some transcribers write it, is no false start.
_PREFIX = re.compile(r"(?<![\w-])(non|pre|post|anti|multi|sub|semi|inter|intra)- (?=[A-Za-z])", re.IGNORECASE)
_ASIDE = re.compile(
    r"(?:^|[,;]|(?<=\.))\s*(?:you know|i mean|i guess|i would say|i'd say|kind of|sort of|right|okay|well|so|like|"
    r"look|listen|again|obviously|frankly|honestly|if you will|as i said|as you know|of course)\s*,",
    re.IGNORECASE,
)
_REPEAT = re.compile(r"\b([\w']+(?: [\w']+){0,3})(?:[,\s]+\1\b)+", re.IGNORECASE)
_LEAD_IN = re.compile(
    r"^(?:(?:and|but|so|well|yeah|yes|yep|no|now|okay|ok|right|sure|also|then|again|oh|look|great|or|i mean|"
    r"you know|i think|i guess|i would say|i'd say|so to speak|first|firstly|second|secondly|third|thirdly|"
    r"lastly|finally|because|plus|in fact|of course|as i said|as i mentioned|obviously|absolutely|exactly|"
    r"actually|basically|frankly)\b[\s,.]*)+",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[$€£]?\w[\w&'./%-]*|[^\w\s]")


def clean_speech(sentence: str) -> str:
    """Return the sentence without fillers (uh), false starts (foc-), repeats (I, I) and asides between commas."""
    text = re.sub(r"\s+", " ", sentence.translate(_QUOTES))
    text = _FALSE_START.sub(" ", _PREFIX.sub(r"\1-", _FILLER.sub(" ", text)))
    text = re.sub(r"\s+([,.;:?!])", r"\1", re.sub(r"\s+", " ", text))
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    for _ in range(2):
        text = _REPEAT.sub(r"\1", _ASIDE.sub(" ", text))
    text = re.sub(r"\s+([,.;:?!])", r"\1", re.sub(r"\s+", " ", text))
    text = re.sub(r"([,;:])(?:\s*[,;:])+|,(?=[.?!])", r"\1", text)
    return text.strip(" ,;:-")


def without_lead_in(sentence: str) -> str:
    """Return a cleaned sentence without opening words that link it to the one before (And, So, Yeah, I think)."""
    text = _LEAD_IN.sub("", sentence).lstrip(" ,;:.-")
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Phrase:
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


def spoken_words(sentence: str) -> Iterator[tuple[str, bool]]:
    """Yield each word of a cleaned sentence, and whether it opens the sentence."""
    for token in _tokens(sentence):
        if token.word:
            yield token.text, token.opens


@dataclass(frozen=True)
class _Token:
    text: str
    word: str
    """In lower case; empty for punctuation."""
    opens: bool
    """Whether it opens the sentence, where a capital letter means nothing."""


def noun_phrases(sentence: str) -> Iterator[Phrase]:
    """Yield the noun phrases of a cleaned sentence and their tails, longest first, in order of speech.

    "strong same-store sales growth" yields itself, "same-store sales growth", "sales growth" and "growth": modifiers
    are dropped from the left, the head is kept. Two phrases linked by "of", "in", "for" or "and" are also yielded as
    one.
    """
    tokens = _tokens(sentence)
    runs = list(_runs(tokens))
    for start, end in runs:
        yield from _tails(tokens, start, end)
    for (s1, e1), (s2, e2) in pairwise(runs):
        between = [t.word for t in tokens[e1:s2]]
        if between in (["of"], ["for"], ["in"], ["and"], ["of", "the"], ["in", "the"], ["on", "the"]):
            for start in range(s1, e1):
                yield from _joined(tokens, start, e1, e2)


def _tails(tokens: list[_Token], start: int, end: int) -> Iterator[Phrase]:
    for i in range(max(start, end - 5), end):
        if word_class(tokens[i].word) in "nvagd":
            yield _phrase(tokens[i:end])


def _joined(tokens: list[_Token], start: int, e1: int, e2: int) -> Iterator[Phrase]:
    if e2 - start <= MAX_PHRASE_WORDS and e1 - start <= 3:
        yield _phrase(tokens[start:e2], is_linked=True)


def _phrase(tokens: list[_Token], *, is_linked: bool = False) -> Phrase:
    return Phrase(
        words=(*(_surface(t) for t in tokens[:-1]), _surface(tokens[-1]).removesuffix("'s")),
        stems=tuple(normal(t.word) for t in tokens if t.word not in {"of", "in", "for", "and", "the", "on"}),
        is_linked=is_linked,
    )


def _surface(token: _Token) -> str:
    is_capitalised = token.text[:1].isupper() and token.text[1:].islower()
    is_by_position = token.opens and is_capitalised and token.word not in GIVEN_NAMES
    return token.word if is_by_position else token.text


def _tokens(sentence: str) -> list[_Token]:
    tokens: list[_Token] = []
    opens = True
    for found in _TOKEN.findall(sentence):
        text = found if re.fullmatch(r"(?:[A-Za-z]\.){2,}", found) else found.rstrip(".'/-")
        is_word = bool(text) and (text[0].isalnum() or text[0] in "$€£")
        if is_word:
            tokens.append(_Token(text, text.lower(), opens))
        if text != found or not is_word:
            tokens.append(_Token(found[-1], "", opens=False))
        opens = not is_word and found in ".?!"
    return tokens


def _runs(tokens: list[_Token]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the maximal runs of modifiers and nouns that end in a noun."""
    roles = _roles(tokens)
    start = 0
    while start < len(roles):
        if roles[start] not in "mn":
            start += 1
            continue
        end = start
        while end < len(roles) and roles[end] in "mn":
            end += 1
        trimmed = end
        while trimmed > start and roles[trimmed - 1] != "n":
            trimmed -= 1
        # "our business strong": an adjective after its noun does not belong to the phrase.
        if trimmed > start:
            yield start, trimmed
        start = end


def _roles(tokens: list[_Token]) -> str:
    """Return a letter per token: n noun, m modifier, x neither."""
    roles: list[str] = []
    for i, token in enumerate(tokens):
        before = tokens[i - 1].word if i else ""
        after = tokens[i + 1].word if i + 1 < len(tokens) else ""
        roles.append(_role(token, before, after, roles[-1] if roles else "x") if token.word else "x")
    return "".join(roles)


def _role(token: _Token, before: str, after: str, role_before: str) -> str:
    kind = word_class(token.word)
    if kind == "x":
        return "x"
    after_kind = word_class(after) if after else "x"
    noun_follows = bool(after) and after_kind in "nvag"
    described = before in DETERMINERS or before.endswith("'s") or (role_before == "m" and bool(before))
    if before in SUBJECTS and kind in "vn" and not token.text[:1].isupper():
        return "n" if kind == "n" and before in {"to", "who", "that", "which", "not", "just"} else "x"
    if kind == "n":
        return "n"
    if kind == "a":
        return "m" if noun_follows or after_kind == "d" else "x"
    if kind == "v":
        takes_object = after in DETERMINERS or after in VERB_PARTICLES
        return "n" if described or not takes_object else "x"
    is_modifier = (
        (kind == "d" and token.word in ADJECTIVAL_ED) or before in DETERMINERS or before in BEFORE_PARTICIPLES
    )
    return "m" if is_modifier and noun_follows else "x"
