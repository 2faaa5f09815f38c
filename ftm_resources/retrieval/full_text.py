"""Full text: which rows have the words of a query, rated by BM25, and which have its quoted phrases.

A phrase is spoken, or is of the name or ticker of the firm that speaks.

What belongs here: the only module that uses tantivy. A query is never parsed by tantivy's own syntax: its words are
taken apart as the texts were, so that no character in it is an operator. Quotation marks alone mean something.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import tantivy
    from numpy.typing import NDArray

MOST_WORDS = 64
"""Words of a query that are looked for; the rest is left to the vectors."""

FIRM_WEIGHT = 0.5
"""Weight of a word in the name or ticker of the firm that speaks, against one in what is said."""

NUMBERS = ("call", "section", "speaker", "is_procedural")
"""Numbers by which sentences are filtered in the index itself."""

_ANALYZER = "ftm"
_HEAP = 64_000_000
"""Bytes that the writer holds before it writes a segment."""
SATURATION = 2.2
"""BM25's k1 + 1: the most that a word can add, times its weight."""
LENGTH_SHARE = 0.75
"""BM25's b: how much long rows count less."""
_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}"
"""Scripts that put no spaces between words: each character is a token, so that any part of a run can be found."""
_PATTERN = rf"\d+(?:[.,]\d+)+|[{_SINGLE}]|[\p{{Alphabetic}}\p{{N}}--[{_SINGLE}]]+|[$€£¥%−＋]"
"""A number with its separators, a character of such a script, another run of letters and digits, or a sign that
`_prepared` left at a number."""
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER_SIGNS = re.compile(r"(?<!\w)[+-](?=[$€£¥]?\d)")
_OTHER_SIGNS = re.compile(r"[$€£¥](?!\d)|(?<!\d)%|[−＋]")
_MARKS = {"+": " ＋", "-": " −"}
_SIGNS = frozenset("$€£¥%−＋+")
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»″", '"'))
_QUOTED = re.compile(r'"([^"]*)"')


@dataclass(frozen=True)
class Words:
    """A query taken apart."""

    plain: str
    """The query without quotation marks, for the vectors."""
    phrases: tuple[tuple[str, ...], ...]
    """Tokens of each quoted phrase; all must occur."""
    words: tuple[tuple[str, ...], ...]
    """Tokens of each other word: several of such as 12.5% or Q4-2023, which occur one after the other."""


def taken_apart(query: str) -> Words:
    """Return the words and quoted phrases of a query. Of unbalanced quotation marks, the last is ignored.

    Phrases keep the signs of their numbers, other words do not: 5% finds 5 percent.

    >>> taken_apart('“cost of freight” rose 12.5%')
    Words(plain='cost of freight rose 12.5%', phrases=(('cost', 'of', 'freight'),), words=(('rose',), ('12.5',)))
    """
    straight = query.translate(_QUOTES)
    quoted = [tuple(tokens(q)) for q in _QUOTED.findall(straight)]
    others = _QUOTED.sub(" ", straight).replace('"', " ").split()
    split = [tuple(t for t in tokens(w) if t not in _SIGNS) for w in others[: 4 * MOST_WORDS]]
    return Words(
        " ".join(straight.replace('"', " ").split()),
        tuple(dict.fromkeys(q for q in quoted if q)),
        tuple(dict.fromkeys(w for w in split if w))[:MOST_WORDS],
    )


def phrases_without_words(query: str) -> list[str]:
    """Return the quoted phrases of a query that have neither word nor number, which nothing could match."""
    quoted = _QUOTED.findall(query.translate(_QUOTES))
    return [q for q in quoted if q.strip() and not set(tokens(q)) - _SIGNS]


def tokens(text: str) -> list[str]:
    """Return the tokens of a text: words in lower case and without accents, numbers, and the signs of numbers.

    >>> tokens("Zürich rose -12.5% to $1,000")
    ['zurich', 'rose', '−', '12.5', '%', 'to', '$', '1000']
    """
    return _analyzer().analyze(_prepared(text))


def _prepared(text: str) -> str:
    """Return a text in one form of its characters, numbers without thousands separators, and no sign without a number.

    Nearly all texts are plain words, which stay as they are.
    """
    if not text.isascii():
        text = text.replace("−", "-").translate(_INVISIBLE)
        text = _OTHER_SIGNS.sub(" ", unicodedata.normalize("NFKC", text))
    elif "$" in text or "%" in text:
        text = _OTHER_SIGNS.sub(" ", text)
    if ("," in text or "-" in text or "+" in text) and any(c.isdigit() for c in text):
        text = _NUMBER_SIGNS.sub(lambda sign: _MARKS[sign[0]], _THOUSANDS.sub("", text))
    return text


def most_possible(query: Words, rows_with: Callable[[str, str], int], n: int) -> float:
    """Return the most that a row's BM25 can be: of a word that none has, what a word of one row would add.

    `rows_with` returns how many of the `n` rows have a token in a field ("text" or "firm").
    """
    total = 0.0
    for group in (*query.words, *query.phrases):
        said = sum(weight(n, rows_with("text", token)) for token in group)
        named = FIRM_WEIGHT * sum(weight(n, rows_with("firm", token)) for token in group)
        is_named = any(rows_with("firm", token) for token in group)
        total += max(said, named) if is_named else said
    return SATURATION * total


def weight(n: int, with_it: int) -> float:
    """Return BM25's weight of a token that this many of `n` rows have; of none, as if one had it."""
    with_it = max(1, with_it)
    return math.log(1 + (n - with_it + 0.5) / (with_it + 0.5)) if n else 1.0


def saturated(times: int, length: float, mean_length: float) -> float:
    """Return BM25's factor of a token that a row of `length` tokens has `times` times, at most SATURATION."""
    around = (1 - LENGTH_SHARE) + LENGTH_SHARE * length / mean_length
    return times * SATURATION / (times + (SATURATION - 1) * around)


@dataclass
class TextIndex:
    """The full text of one level."""

    index: tantivy.Index
    numbers: tuple[str, ...] = ()
    _searcher: tantivy.Searcher = field(init=False)

    def __post_init__(self) -> None:
        # An index is replaced as a whole, so there is nothing to watch for.
        self.index.config_reader("manual")
        self.index.reload()
        self._searcher = self.index.searcher()

    @classmethod
    def opened(cls, folder: Path, numbers: tuple[str, ...] = ()) -> TextIndex:
        """Open an index. ValueError if its files are damaged."""
        import tantivy

        return cls(tantivy.Index.open(str(folder)), numbers)

    def best(
        self,
        query: Words,
        n: int,
        *,
        within: Mapping[str, Sequence[int]] | None = None,
        mask: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the `n` best rows, or fewer, and their scores, best first; ties by row.

        A score is BM25's, divided by the most that the query's words could add: about the share of the query that the
        row has, so that levels and quarters compare. Rows are limited to those whose numbers are `within` and to a
        `mask`; both hold before ranking.
        """
        asked = self._asked(query, within or {})
        if asked is None or not n:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        most, found_all = self._searcher.num_docs, False
        limit = n if mask is None else 4 * n
        rows, scores = np.empty(0, np.int64), np.empty(0, np.float64)
        while not found_all:
            # Ties at the end of the list are of any row: one more than wanted is not enough to rank them by row, but
            # which of equals is shown does not matter.
            hits = self._searcher.search(asked, limit=max(1, min(limit, most)), count=False).hits
            rows = self._rows(hits)
            scores = np.array([score for score, _ in hits], np.float64)
            found_all = len(hits) < limit
            if mask is not None:
                is_in = mask[rows]
                rows, scores = rows[is_in], scores[is_in]
            found_all = found_all or len(rows) >= n
            limit *= 8
        order = np.lexsort((rows, -scores))[:n]
        return rows[order], scores[order] / self._most(query)

    def with_phrases(self, query: Words, n_rows: int) -> NDArray[np.bool_]:
        """Return the mask (n_rows,) of the rows that have every quoted phrase."""
        import tantivy

        both = [(tantivy.Occur.Must, self._said_or_named(p)) for p in query.phrases]
        asked = tantivy.Query.boolean_query(both)
        held = self._searcher.search(asked, limit=1, count=True).count  # type: ignore[attr-defined] # missing in its stub
        mask = np.zeros(n_rows, np.bool_)
        if held:
            mask[self._rows(self._searcher.search(asked, limit=held, count=False).hits)] = True
        return mask

    def _rows(self, hits: Sequence[tuple[float, tantivy.DocAddress]]) -> NDArray[np.int64]:
        return np.array(self._searcher.fast_field_values("row", [at for _, at in hits]), np.int64)

    def _asked(self, query: Words, within: Mapping[str, Sequence[int]]) -> tantivy.Query | None:
        import tantivy

        of, occur = tantivy.Query, tantivy.Occur
        words = [self._said_or_named(w) for w in query.words]
        phrases = [self._said_or_named(p) for p in query.phrases]
        if not words and not phrases:
            return None
        # With a phrase, other words add to the score; without one, a row must have at least one of them.
        parts = [(occur.Must, p) for p in phrases]
        if words:
            any_word = of.boolean_query([(occur.Should, w) for w in words])
            parts.append((occur.Should if phrases else occur.Must, any_word))
        for name, numbers in within.items():
            allowed = of.term_set_query(self.index.schema, name, list(numbers))
            parts.append((occur.Must, of.const_score_query(allowed, 0.0)))
        return of.boolean_query(parts)

    def _phrase(self, name: str, words: Sequence[str]) -> tantivy.Query:
        import tantivy

        if len(words) == 1:
            return tantivy.Query.term_query(self.index.schema, name, words[0])
        return tantivy.Query.phrase_query(self.index.schema, name, list(words))

    def _said_or_named(self, words: Sequence[str]) -> tantivy.Query:
        """Return the query for words that are spoken, or are of the name or ticker of who speaks."""
        import tantivy

        return tantivy.Query.disjunction_max_query([self._phrase("text", words), self._firm(words)])

    def _firm(self, words: Sequence[str]) -> tantivy.Query:
        import tantivy

        return tantivy.Query.boost_query(self._phrase("firm", words), FIRM_WEIGHT)

    def _most(self, query: Words) -> float:
        return most_possible(query, self._searcher.doc_freq, self._searcher.num_docs)


class TextWriter:
    """Writes the full text of a level, in a folder or in memory."""

    def __init__(self, folder: Path | None, numbers: tuple[str, ...] = ()) -> None:
        import tantivy

        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", tokenizer_name=_ANALYZER, index_option="position")
        builder.add_text_field("firm", tokenizer_name=_ANALYZER, index_option="position")
        for name in numbers:
            builder.add_unsigned_field(name, indexed=True)
        builder.add_unsigned_field("row", fast=True)
        self.numbers, self._schema = numbers, builder.build()
        if folder is not None:
            folder.mkdir(parents=True)
        self._index = tantivy.Index(self._schema, path=None if folder is None else str(folder))
        self._index.register_tokenizer(_ANALYZER, _analyzer())
        # One thread: the same texts give the same segments.
        self._writer = self._index.writer(_HEAP, 1)
        self._row = 0

    def add(
        self,
        texts: Iterable[Sequence[str]],
        firms: Iterable[str],
        numbers: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Add rows, one after the other: the texts of each, the name and ticker of who speaks, numbers to filter by."""
        import tantivy

        columns = [(name, (numbers or {})[name].tolist()) for name in self.numbers]
        for i, (own_texts, firm) in enumerate(zip(texts, firms, strict=True)):
            own = {name: values[i] for name, values in columns if values[i] >= 0}
            document = {
                "text": [_prepared(t) for t in own_texts],
                "firm": _prepared(firm),
                "row": self._row,
                **own,
            }
            self._writer.add_document(tantivy.Document.from_dict(document, self._schema))
            self._row += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            # Its threads write to the folder until they have ended.
            self._writer.wait_merging_threads()

    def close(self) -> TextIndex:
        """Write what is left; return the index."""
        self._writer.commit()
        self._writer.wait_merging_threads()
        return TextIndex(self._index, self.numbers)


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    import tantivy

    of = tantivy.Filter
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_PATTERN))
        .filter(of.lowercase())
        .filter(of.ascii_fold())
        .build()
    )
