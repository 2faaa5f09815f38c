"""Words of the copy: what PostgreSQL's full text holds of a row, and how many rows have each word.

What belongs here: rows are taken apart by search's own rules (`full_text.tokens`), not by a configuration of
PostgreSQL's, so that the same words, numbers and phrases are found.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftm_resources.retrieval.full_text import tokens
from ftm_resources.retrieval.levels import CALLS, KEYWORD_SEPARATOR, firm_texts, indexed_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb
    import psycopg
    import pyarrow as pa

APART = 50
"""Places between two texts of a row, so that no phrase reaches from one into the next."""

_MOST_PLACES, _LAST_PLACE, _MOST_BYTES = 255, 16_383, 2_046
"""Of a tsvector: places of a word, the last of them, and bytes of a word."""

_TSVECTOR = 3614
"""PostgreSQL's number of the type."""


class WordVector:
    """A row's words with their places, as the binary form of a tsvector."""

    def __init__(self, texts: Iterable[Iterable[str]]) -> None:
        places: dict[bytes, list[int]] = {}
        place = 0
        for text in texts:
            for token in text:
                place += 1
                own = places.setdefault(token.encode()[:_MOST_BYTES], [])
                if len(own) < _MOST_PLACES and place <= _LAST_PLACE:
                    own.append(place)
            place += APART
        parts = [struct.pack("!i", len(places))]
        for word, own in places.items():
            parts += [word, b"\0", struct.pack(f"!H{len(own)}H", len(own), *own)]
        self.bytes = b"".join(parts)


def register_words(context: psycopg.Cursor[Any]) -> None:
    """Let a cursor write WordVector."""
    from psycopg.adapt import Dumper  # noqa: PLC0415 - an extra
    from psycopg.pq import Format  # noqa: PLC0415

    class WordDumper(Dumper):
        oid, format = _TSVECTOR, Format.BINARY

        def dump(self, obj: WordVector) -> bytes:
            return obj.bytes

    context.adapters.register_dumper(WordVector, WordDumper)


@dataclass
class CountedWords:
    """Takes rows apart, and counts their words and those of the firms that speak."""

    firms: dict[str, list[str]]
    """Call → tokens of its firm's name and ticker."""
    rows: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    """Level and field → word → rows with it."""
    lengths: dict[tuple[str, str], int] = field(default_factory=dict)
    """Level and field → words of all rows."""
    n: Counter[str] = field(default_factory=Counter)
    """Level → rows."""

    @classmethod
    def of(cls, db: duckdb.DuckDBPyConnection) -> CountedWords:
        """Return one for the calls of a DuckDB connection with the table `calls`."""
        held = db.execute(f"SELECT {', '.join(CALLS.names)} FROM calls ORDER BY call").to_arrow_table()  # noqa: S608
        return cls(firm_tokens(held.cast(CALLS)))

    def vectors(self, level: str, batch: pa.RecordBatch) -> list[WordVector]:
        """Return the words of rows; those without a vector are not counted, as search does not see them."""
        made = []
        has_vector = batch.column("embedding").is_valid().to_pylist()
        names = (
            ("sentence_id", "text") if level == "sentence" else ("name", "summary", "description", "keywords")
        )
        shown = batch.select([n for n in (*names, "transcript_id") if n in batch.schema.names]).to_pylist()
        said = self.rows.setdefault((level, "text"), Counter())
        named = self.rows.setdefault((level, "firm"), Counter())
        for row, is_counted in zip(shown, has_vector, strict=True):
            texts = [tokens(text) for text in indexed_texts(level, as_strings(row))]
            made.append(WordVector(texts))
            if is_counted:
                firm = self.firms.get(row.get("transcript_id") or "", [])
                self.n[level] += 1
                for name, counter, of in (
                    ("text", said, [t for text in texts for t in text]),
                    ("firm", named, firm),
                ):
                    counter.update(set(of))
                    self.lengths[level, name] = self.lengths.get((level, name), 0) + len(of)
        return made

    def about(self, level: str) -> dict[str, float]:
        """Return how many rows with a vector a level has, and the mean number of words of each field."""
        n = self.n[level]
        return {
            "n": n,
            **{f"{name}_length": self.lengths.get((level, name), 0) / max(1, n) for name in ("text", "firm")},
        }

    def counts(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield level, field, word and the rows that have it."""
        for (level, name), counted in self.rows.items():
            for word, n in counted.items():
                yield level, name, word, n


def firm_tokens(calls: pa.Table) -> dict[str, list[str]]:
    """Return call → tokens of its firm's name and ticker."""
    return {
        call: tokens(text)
        for call, text in zip(calls["transcript_id"].to_pylist(), firm_texts(calls), strict=False)
    }


def as_strings(row: dict[str, Any]) -> dict[str, Any]:
    """Return the texts of a row of the copy under the names that search has for them."""
    text = next((row[name] for name in ("text", "summary", "description") if name in row), None)
    return {**row, "text": text, "keywords": KEYWORD_SEPARATOR.join(row.get("keywords") or [])}
