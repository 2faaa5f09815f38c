"""Calls of different firms with one text: the two listings of a firm, or a file in which a text was copied.

What belongs here: finding such calls among all of a quarter, and the note in the audit of each. All of them are kept,
as which firm spoke cannot be told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

FEWEST_WORDS = 30
"""A shorter text may be the same by chance."""

SAME_TEXT = "same text as transcript"
"""How a note in the audit begins."""

_WORD = re.compile(r"[^\W_]+")


def text_digests(transcripts: pa.Table) -> dict[tuple[str, str], str]:
    """Return a digest of the words of each call in rows of `transcripts`, by transcript and firm; none if too short."""
    said: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    columns = (transcripts.column(name).to_pylist() for name in ("transcript_id", "firm_id", "text"))
    for transcript, firm, text in zip(*columns, strict=True):
        said[transcript, firm] += _WORD.findall(text.lower())
    return {
        key: sha256(" ".join(words).encode()).hexdigest()
        for key, words in said.items()
        if len(words) >= FEWEST_WORDS or sum(map(len, words)) >= 5 * FEWEST_WORDS
    }


def note_shared_texts(audit: pa.Table, digests: Mapping[tuple[str, str], str]) -> pa.Table:
    """Return rows of `transcript_audit` with a note on each call whose text is also that of another firm's call."""
    same: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, digest in sorted(digests.items()):
        same[digest].append(key)
    if len(same) == len(digests):
        return audit
    rows = audit.to_pylist()
    for row in rows:
        key = row["transcript_id"], row["firm_id"]
        others = [k for k in same.get(digests.get(key, ""), ()) if k[1] != key[1]]
        if others:
            transcript, firm = others[0]
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            note = f"{SAME_TEXT} {transcript} of company {firm}{more}"
            row["reason"] = "; ".join(r for r in (row["reason"], note) if r)
    return pa.Table.from_pylist(rows, schema=audit.schema)
