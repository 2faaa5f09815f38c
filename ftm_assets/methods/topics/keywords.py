"""Keywords of classes of sentences: readable c-TF-IDF terms, for the topics of a firm and for themes.

Belongs here: which words may be keywords (no function words, fillers, words of earnings calls, or parts of the firm's
name), and how terms are weighted and chosen. `text.tokens` defines words; `text.firm_names` defines names.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ftm_assets.methods.text.firm_names import CONNECTORS, PLAIN_FORMS, name_words
from ftm_assets.methods.text.tokens import ENDING, WORD, is_hesitation, normal_form
from ftm_assets.methods.text.word_lists import (
    STOP_EXACT,
    STOP_INFLECTED,
    WEAK_INFLECTED,
    WRONG_STOP_WORDS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Term = tuple[str, ...]
"""A term: the normal forms of its words, e.g. ("supply", "chain")."""

_FIGURE = re.compile(
    r"[\d\-]*\d(?:st|nd|rd|th|s|x|bps?|mm|bn|m|b|k|pm|am|[a-z]*-(?:days?|weeks?|months?|years?|percent|fold|plus))?"
    r"|[qh]\d+(?:-\d+)?|\d+[qh]\d*|fy-?\d+|(?:low|mid|high)(?:-to-(?:low|mid|high))?-?\d*s?"
    r"|[a-z\-]*-?digits?|[a-z]"
)
"""Figures, periods (Q3, FY20, mid-2021) and single letters. 5G, B2B, GLP-1 and COVID-19 are words."""

_MAX_PER_WORD = 2
"""Maximum keywords of a class that share a word: "gross margin" and "operating margin", but no third."""

_MIN_PHRASE_COUNT = 2
"""A phrase said only once is chance, yet its idf would rank it first."""

_REDUNDANT_SHARE = 0.6
"""A phrase with at least this share of a word's uses replaces the word: "supply chain" beats "supply"."""


def class_keywords(
    documents: Sequence[Sequence[str]],
    *,
    exclude: Iterable[str] = (),
    top_n: int = 10,
    ngram_range: tuple[int, int] = (1, 2),
) -> list[list[str]]:
    """Return up to `top_n` keywords for each class of texts, strongest first; words said only once come last.

    Terms are weighted by BERTopic's c-TF-IDF (Grootendorst 2022, arXiv:2203.05794) with BM25 idf, which gives terms
    used by all classes a low weight. BERTopic's option to take square roots of frequencies is off: on real calls it
    ranked words said once above the topic's subject. The weighting treats each class as one document, so there is no
    minimum document count: it would delete every term that only one class uses.

    Inflections of a word count as one and appear in their most common form; upper case is kept if it is a word's
    usual form (FDA, Pfizer). Function words, fillers, call vocabulary, figures, and `exclude` (names of firms or
    people) cannot be keywords, but business words in a firm's name can ("energy"). Phrases cross neither such words
    nor punctuation. If nothing else is left, a class gets its most frequent words outside `exclude`, or [] if it has
    no words. Ties are broken alphabetically.

    Parameters
    ----------
    documents : sequence of sequence of str
        The texts of each class.
    exclude : iterable of str
        Names that cannot be keywords.
    top_n : int
        Maximum keywords per class.
    ngram_range : (int, int)
        Minimum and maximum words per keyword.

    Returns
    -------
    list of list of str
        The keywords of each class, strongest first.

    Examples
    --------
    >>> tires = ["Monro sells tires.", "A tire costs more.", "Tires wear out."]
    >>> freight = ["Freight rates fell.", "Freight is cheap.", "Lower freight rates."]
    >>> class_keywords([tires, freight], exclude=["Monro"], top_n=2)
    [['tires', 'costs'], ['freight rates', 'cheap']]

    """
    names = _Names.of(exclude)
    classes = [[_parse(text) for text in texts] for texts in documents]
    casing = _Casing.of(classes)
    usable = _Usable(names, casing)
    counts = [_count(texts, usable, ngram_range) for texts in classes]
    return [
        [casing.show(surface) for surface in count.written(_choose(count.terms, weights, top_n))]
        or _fallback(texts, names, casing, top_n)
        for count, weights, texts in zip(counts, ctfidf([c.terms for c in counts]), classes, strict=True)
    ]


# --- words ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class _Token:
    """A word as spoken. Compared by identity for speed: `_token` makes one object per spelling."""

    form: str
    """Without a possessive or contracted ending."""
    is_whole: bool
    """Whether it is spoken without one."""
    lower: str
    normal: str
    """Normal form."""
    is_content: bool
    """May be part of a phrase."""


class _Text(NamedTuple):
    tokens: list[_Token]
    gaps: list[str]
    """What stands before each token."""


_SPLIT = re.compile(f"({WORD.pattern})")


def _parse(text: str) -> _Text:
    parts = _SPLIT.split(text)  # what is between words, and words, in turn
    return _Text(list(map(_token, parts[1::2])), parts[:-1:2])


@lru_cache(maxsize=200_000)
def _token(spoken: str) -> _Token:
    form = ENDING.sub("", spoken)
    lower = form.lower()
    normal = normal_form(lower)
    is_content = not (
        is_hesitation(form)
        or lower in _function_words()
        or normal in _STOP_FORMS
        or lower.endswith(("n't", "n’t"))
        or _FIGURE.fullmatch(lower)
    )
    return _Token(form, form == spoken, lower, normal, is_content)


@lru_cache(maxsize=1)
def _function_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS - WRONG_STOP_WORDS) | STOP_EXACT


_BREAK = _Token("", is_whole=False, lower="", normal="", is_content=False)
"""No word: stands where words do not follow each other."""

_STOP_FORMS = frozenset(map(normal_form, STOP_INFLECTED))
_WEAK_FORMS = frozenset(map(normal_form, WEAK_INFLECTED))
"""Normal forms of words that may be part of a phrase, but no keyword by themselves."""


# --- names and case -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Names:
    """Names to exclude: single words that occur only in names, and phrases."""

    words: frozenset[str]
    """Normal forms. A text that mostly writes one in lower case means the word, not the firm."""
    phrases: dict[str, tuple[Term, ...]]
    """Leading words of names (two or more, in normal form) by their first word, longest first."""

    @classmethod
    def of(cls, names: Iterable[str]) -> _Names:
        words: set[str] = set()
        single: set[str] = set()
        phrases: defaultdict[str, set[Term]] = defaultdict(set)
        for name in names:
            full = [normal_form(w) for w in name_words(name)]
            (words if len(full) > 1 else single).update(w for w in full if w not in CONNECTORS)
            for variant in (full, [w for w in full if w not in CONNECTORS]):
                for length in range(2, len(variant) + 1):
                    phrases[variant[0]].add(tuple(variant[:length]))
        ordered = {first: tuple(sorted(p, key=lambda t: (-len(t), t))) for first, p in phrases.items()}
        return cls(frozenset(words - PLAIN_FORMS | single), ordered)

    def has(self, token: _Token, casing: _Casing) -> bool:
        """Return whether a word belongs to a name and is used as one."""
        return token.normal in self.words and casing.is_proper(token)

    def spans(self, tokens: Sequence[_Token]) -> set[int]:
        """Return the positions of tokens inside a capitalised name of several words."""
        inside: set[int] = set()
        if self.phrases.keys().isdisjoint([token.normal for token in tokens]):
            return inside
        for i, token in enumerate(tokens):
            for phrase in self.phrases.get(token.normal, ()):
                found = tokens[i : i + len(phrase)]
                if tuple(t.normal for t in found) == phrase and all(
                    t.form[0].isupper() or t.lower in CONNECTORS for t in found
                ):
                    inside.update(range(i, i + len(phrase)))
                    break
        return inside


@dataclass(frozen=True)
class _Casing:
    """How each word is usually written inside a sentence, where capitals are not due to position."""

    usual: dict[str, str]
    has_case: bool
    """False for texts without capitals, in which case cannot distinguish names from words."""

    @classmethod
    def of(cls, classes: Iterable[Iterable[_Text]]) -> _Casing:
        spoken = Counter(chain.from_iterable(text.tokens[1:] for texts in classes for text in texts))
        uses: dict[str, int] = {}
        for token, n in spoken.items():
            uses[token.form] = uses.get(token.form, 0) + n
        usual: dict[str, str] = {}
        for form in sorted(uses, key=lambda form: (-uses[form], form)):
            usual.setdefault(form.lower(), form)
        has_case = any(t.form != t.lower for texts in classes for text in texts for t in text.tokens)
        return cls(usual, has_case)

    def is_proper(self, token: _Token) -> bool:
        """Return whether a word is usually capitalised; always true if the texts have no capitals."""
        return not self.has_case or self.usual.get(token.lower, token.form) != token.lower

    def show(self, surface: Sequence[str]) -> str:
        return " ".join(self.usual.get(word, word) for word in surface)


class _Usable(dict[_Token, bool]):
    """Whether each word may be part of a term: a content word that is not used as a name."""

    def __init__(self, names: _Names, casing: _Casing) -> None:
        super().__init__()
        self.names, self._casing = names, casing

    def __missing__(self, token: _Token) -> bool:
        found = self[token] = token.is_content and not self.names.has(token, self._casing)
        return found


# --- terms ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Count:
    """Terms of one class: how often each occurs, and the words among which they occur."""

    terms: Counter[Term]
    words: list[_Token]
    """The words of all texts in a row; `_BREAK` where a term cannot go on."""

    def written(self, terms: Sequence[Term]) -> list[Term]:
        """Return the terms in the lower-case form in which each is mostly used."""
        forms: dict[Term, Counter[Term]] = {term: Counter() for term in terms}
        normal, lower = [w.normal for w in self.words], [w.lower for w in self.words]
        for length in {len(term) for term in terms}:
            for term, form in zip(_in_a_row(normal, length), _in_a_row(lower, length), strict=True):
                if term in forms:
                    forms[term][form] += 1
        return [min(uses, key=lambda form: (-uses[form], form)) for uses in forms.values()]


def _count(texts: Iterable[_Text], usable: _Usable, ngram_range: tuple[int, int]) -> _Count:
    words = [word for text in texts for word in _usable_words(text, usable)]
    normal = [word.normal for word in words]
    terms: Counter[Term] = Counter()
    for length in range(ngram_range[0], ngram_range[1] + 1):
        for term, n in Counter(_in_a_row(normal, length)).items():
            if length > 1 and n < _MIN_PHRASE_COUNT:
                continue
            if _BREAK.normal not in term and not _WEAK_FORMS.issuperset(term):
                terms[term] = n
    return _Count(terms, words)


def _in_a_row(words: Sequence[str], length: int) -> Iterable[Term]:
    """Return each `length` words in a row."""
    return zip(*(words[i:] for i in range(length)), strict=False)


def _usable_words(text: _Text, usable: _Usable) -> list[_Token]:
    """Return the content words outside names, with a `_BREAK` where two that follow are not next to each other."""
    inside = usable.names.spans(text.tokens) if usable.names.phrases else ()
    words: list[_Token] = []
    goes_on = False
    for i, (token, gap) in enumerate(zip(*text, strict=True)):
        if usable[token] and i not in inside:
            if not (goes_on and gap == " "):
                words.append(_BREAK)
            words.append(token)
            goes_on = token.is_whole
        else:
            goes_on = False
    return words


def ctfidf(counts: Sequence[Counter[Term]]) -> list[dict[Term, float]]:
    """Return the weight of each term in each class: class-based TF-IDF with BM25's inverse frequency.

    The weight is the term's share of the class's terms times ln(1 + (A - f + 0.5) / (f + 0.5)), where f is the term's
    count in all classes and A the mean number of terms per class, rounded down (Grootendorst 2022, arXiv:2203.05794).
    A test checks that BERTopic's `ClassTfidfTransformer(bm25_weighting=True)` gives the same weights. Importing it
    would cost each process 7 seconds and 700 MB, for UMAP and numba that are not used.
    """
    frequency: Counter[Term] = Counter()
    for count in counts:
        frequency.update(count)
    average = frequency.total() // max(len(counts), 1)
    idf = {t: math.log(1 + (average - f + 0.5) / (f + 0.5)) for t, f in frequency.items()}
    totals = [max(count.total(), 1) for count in counts]
    return [
        {t: n / total * idf[t] for t, n in count.items()} for count, total in zip(counts, totals, strict=True)
    ]


def _choose(count: Counter[Term], weights: dict[Term, float], top_n: int) -> list[Term]:
    """Return the best terms, without repetition or words that a phrase replaces."""
    weights = dict(weights)
    for phrase in sorted((t for t in weights if len(t) > 1), key=lambda t: (len(t), t)):
        for part in _parts(phrase):
            if part in weights and count[phrase] >= _REDUNDANT_SHARE * count[part]:
                weights[phrase] = max(weights[phrase], weights.pop(part))
    chosen: list[Term] = []
    uses: Counter[str] = Counter()
    # Terms said more than once come first: a word said once has the highest idf but says the least.
    for term in sorted(weights, key=lambda t: (count[t] == 1, -round(weights[t], 12), t)):
        if len(chosen) == top_n:
            break
        if any(uses[w] >= _MAX_PER_WORD for w in term) or (len(term) > 1 and all(uses[w] for w in term)):
            continue
        chosen.append(term)
        uses.update(set(term))
    return chosen


def _parts(phrase: Term) -> list[Term]:
    """Return the shorter terms within a phrase."""
    n = len(phrase)
    return [phrase[i : i + k] for k in range(1, n) for i in range(n - k + 1)]


def _fallback(texts: Iterable[_Text], names: _Names, casing: _Casing, top_n: int) -> list[str]:
    """Return the most frequent words, including stop words, of a class without content words."""
    words = Counter(
        t.lower
        for text in texts
        for t in text.tokens
        if t.normal not in names.words and any(c.isalpha() for c in t.lower)
    )
    return [casing.show([w]) for w in sorted(words, key=lambda w: (-words[w], w))[:top_n]]
