"""Labelled sentences of real calls: the file of labels, and the texts that its rows point to.

The file holds places and hashes, never text: `component_id` (transcript and place of the turn, "4320211:0056"),
`offset` and `length` in characters of the turn as its source delivers it, and the first eight digits of the text's
SHA-1. `docs/labelling.md` says what `kind` and `tone` mean and who read what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.calls import turn_types
from ftm_assets.methods.text.normalising import normalised
from ftm_resources.tables import LABELS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

COLUMNS = (*("component_id", "offset", "length", "sha1"), *("kind", "tone", "second_kind", "second_tone"))
UNREAD = -1
"""The place in `LABELS` of a sentence that a reader gave no tone."""


@dataclass(frozen=True)
class Labelled:
    """n sentences in the order of the file, each with its text."""

    texts: list[str]
    """As the platform scores them: normalised."""
    calls: NDArray[np.str_]
    """(n,): transcript ids."""
    sections: NDArray[np.str_]
    """(n,): presentation or q_and_a; other where the source does not say."""
    first: NDArray[np.int64]
    """(n,): the first reader's tone as a place in `LABELS`; `UNREAD` if the sentence has none."""
    second: NDArray[np.int64]
    """(n,): likewise of the second reader, who read some sentences only."""
    n_missing: int
    """Rows of the file whose turn is not among the calls."""
    n_changed: int
    """Rows whose text in the calls has another hash than the one that was read."""


def read_labels(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file of labels; ValueError, naming file and line, if it is no such file."""
    from pyarrow import csv  # noqa: PLC0415

    as_text = csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, "string"), strings_can_be_null=False)
    table = csv.read_csv(path, convert_options=as_text)
    missing = [c for c in COLUMNS if c not in table.column_names]
    if missing:
        raise ValueError(
            f"{path}: the columns {', '.join(missing)} are missing; there must be {', '.join(COLUMNS)}"
        )
    rows: list[dict[str, str]] = table.select(COLUMNS).to_pylist()
    for line, row in enumerate(rows, start=2):
        for column in ("tone", "second_tone"):
            if row[column] and row[column] not in LABELS:
                raise ValueError(
                    f"{path} line {line}: {column} is {row[column]!r}, not one of {', '.join(LABELS)}"
                )
        for column in ("offset", "length"):
            if not row[column].isdecimal():
                raise ValueError(
                    f"{path} line {line}: {column} is {row[column]!r}, not a number of characters"
                )
    return rows


def locate(labels: Iterable[dict[str, str]], components: Iterable[pa.Table]) -> Labelled:
    """Return the labelled sentences that the calls hold.

    Parameters
    ----------
    labels : iterable of dict
        Rows of `read_labels`.
    components : iterable of pyarrow.Table
        What a source of transcripts yields: transcriptid, componentorder, componenttext and componenttypename.

    Examples
    --------
    >>> import pyarrow as pa
    >>> turn = {"transcriptid": "9", "componentorder": 1, "componenttext": "Hello. Sales  grew.",
    ...         "componenttypename": "Presenter Speech"}
    >>> row = dict.fromkeys(COLUMNS, "") | {"component_id": "9:0001", "offset": "7", "length": "12",
    ...                                     "sha1": "fff53a57", "tone": "positive"}
    >>> found = locate([row], [pa.Table.from_pylist([turn])])
    >>> found.texts, found.calls.tolist(), found.sections.tolist(), found.first.tolist(), found.second.tolist()
    (['Sales grew.'], ['9'], ['presentation'], [0], [-1])

    """
    rows = list(labels)
    wanted = {row["component_id"] for row in rows}
    turns: dict[str, tuple[str, str]] = {}
    for table in components:
        columns = ("transcriptid", "componentorder", "componenttext", "componenttypename")
        for call, order, text, kind in zip(*(table.column(c).to_pylist() for c in columns), strict=True):
            place = f"{call}:{order:04d}"
            if place in wanted:
                turns[place] = text or "", turn_types.section(kind) or "other"
    kept: list[tuple[str, dict[str, str]]] = []
    n_missing = n_changed = 0
    for row in rows:
        if row["component_id"] not in turns:
            n_missing += 1
            continue
        start = int(row["offset"])
        text = turns[row["component_id"]][0][start : start + int(row["length"])]
        if hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:8] == row["sha1"]:
            kept.append((normalised(text), row))
        else:
            n_changed += 1
    return Labelled(
        [text for text, _ in kept],
        np.array([row["component_id"].partition(":")[0] for _, row in kept], np.str_),
        np.array([turns[row["component_id"]][1] for _, row in kept], np.str_),
        _places(row["tone"] for _, row in kept),
        _places(row["second_tone"] for _, row in kept),
        n_missing,
        n_changed,
    )


def _places(labels: Iterable[str]) -> NDArray[np.int64]:
    return np.array([LABELS.index(label) if label else UNREAD for label in labels], np.int64)
