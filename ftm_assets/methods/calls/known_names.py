"""The names by which a firm is known in its calls: none of them is a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("firm_id", "firm_name", "ticker", "speaker_name")
"""Of `transcripts`: what `firm_names` reads."""


def firm_names(transcripts: pa.Table) -> dict[str, list[str]]:
    """Return the names by which each firm is known, its ticker and its speakers' names included, sorted."""
    firm, *names = COLUMNS
    found: dict[str, set[str]] = {}
    for column in names:
        pairs = transcripts.select([firm, column]).group_by([firm, column]).aggregate([])
        for row in pairs.to_pylist():
            if row[column]:
                found.setdefault(row[firm], set()).add(row[column])
    return {firm: sorted(known) for firm, known in found.items()}
