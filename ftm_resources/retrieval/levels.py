"""What search knows of a row of each level: themes, topics and sentences, and the calls that they are from.

What belongs here: names, types and the interface of whatever rows are indexed from. Codes are positions in the tuples
of `tables.categories`, rows are numbered from 0 within a quarter and level, and −1 stands for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

LEVELS = ("theme", "topic", "sentence")

TABLES_READ = (
    *("transcripts", "sentences", "sentence_embeddings", "sentence_kinds", "sentence_sentiment"),
    *("firm_topics", "sentence_topics", "topic_summaries", "themes", "theme_topics", "theme_sentences"),
)
"""The tables that an index is made from."""

EMBEDDED = {"theme": "themes", "topic": "topic_summaries", "sentence": "sentence_embeddings"}
"""Level → the table with its vectors."""

COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "theme": {"tone": np.dtype("f8")},
    "topic": {"call": np.dtype("i4"), "theme": np.dtype("i4"), "tone": np.dtype("f8")},
    "sentence": {
        "call": np.dtype("i4"),
        "topic": np.dtype("i4"),
        "section": np.dtype("u1"),
        "speaker": np.dtype("u1"),
        "is_procedural": np.dtype("u1"),
        "is_member": np.dtype("u1"),
        "label": np.dtype("i1"),
    },
}
"""Numbers of a row. A topic's call is that of most of its sentences, of equals the later; its tone is (positive −
negative) / sentences, a theme's that of its members, NaN without any; a sentence's label is 1, 0, −1, or −128 if it was
not scored. `is_member`: the sentence counts in the theme of its topic."""

NOT_SCORED = -128

KEYWORD_SEPARATOR = ", "

STRINGS: Mapping[str, pa.Schema] = {
    "theme": pa.schema(
        [
            *((name, pa.string()) for name in ("id", "name", "text", "keywords")),
            ("n_topics", pa.int32()),
            ("n_sentences", pa.int32()),
        ]
    ),
    "topic": pa.schema(
        [
            *((name, pa.string()) for name in ("id", "name", "text", "keywords")),
            ("n_topics", pa.int32()),
            ("n_sentences", pa.int32()),
        ]
    ),
    "sentence": pa.schema([("id", pa.string()), ("text", pa.string()), ("speaker_name", pa.string())]),
}
"""What is shown of a row; a text is a description, a summary, or the sentence."""

CALLS = pa.schema(
    [
        *((name, pa.string()) for name in ("transcript_id", "firm_id", "firm_name", "ticker")),
        ("permno", pa.int64()),
        ("call_date", pa.date32()),
    ]
)
"""A call, in the order of its number."""


@dataclass(frozen=True)
class Rows:
    """Rows of a level, one after the other."""

    strings: pa.RecordBatch
    columns: Mapping[str, NDArray[Any]]
    vectors: NDArray[np.float32]
    """Unit length (n, d)."""


class QuarterRows(Protocol):
    """A quarter's rows to index; each method may be called again and yields the same in the same order."""

    quarter: str
    made_from: dict[str, str]
    """Table → fingerprint of the rows that were read."""
    models: dict[str, dict[str, Any]]
    """Level → the model that its vectors are recorded to be of; empty if none is."""

    def calls(self) -> pa.Table:
        """Return the calls (CALLS)."""

    def count(self, level: str) -> int:
        """Return how many rows a level has."""

    def vectors(self, level: str) -> Iterator[NDArray[np.float32]]:
        """Yield the level's vectors (n, d), in batches."""

    def rows(self, level: str) -> Iterator[Rows]:
        """Yield the level's rows, in batches."""


def indexed_texts(level: str, row: Mapping[str, Any]) -> list[str]:
    """Return the texts that full text finds a row (STRINGS) by; no phrase reaches from one into the next.

    They are the sentence, or the name, text and keywords of a topic or theme.
    """
    if level == "sentence":
        return [row["text"] or ""]
    return [
        text for text in (row["name"], row["text"], *(row["keywords"] or "").split(KEYWORD_SEPARATOR)) if text
    ]


def firm_texts(calls: pa.Table) -> list[str]:
    """Return the firm's name and ticker of each call (CALLS), by which full text finds it; last, of none."""
    both = zip(calls["firm_name"].to_pylist(), calls["ticker"].to_pylist(), strict=True)
    return [*(" ".join(part for part in (name, ticker) if part) for name, ticker in both), ""]
