"""The scales of a copy's levels: what cosines mean there, measured on the copy itself when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_resources.postgres.layout import split_type
from ftm_resources.retrieval.calibration import Sample, background_of, scale_of
from ftm_resources.retrieval.levels import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg
    from numpy.typing import NDArray

    from ftm_resources.retrieval.indexed_tables import IndexedTables

EF_SEARCH = 200
"""Rows that a walk through an HNSW index keeps in view; pgvector's default of 40 misses more of the nearest."""

_MOST_EF_SEARCH = 1000


def scales_of(
    source: IndexedTables,
    connection: psycopg.Connection[tuple[Any, ...]],
    tables: Mapping[str, tuple[str, str]],
    type_: str,
) -> dict[str, dict[str, float]]:
    """Return level → centre and spread of its scale, by the nearest rows that its table of the copy gives.

    Background queries are those that an index of `source` would have. `type_` is that of the vectors.
    """
    samples = {level: Sample(source.count(level)) for level in LEVELS}
    n = dict.fromkeys(LEVELS, 0)
    _, dimension = split_type(type_)
    for level in LEVELS:
        for vectors, wanted in source.unlabelled(level):
            samples[level].see(vectors, wanted)
            n[level] += len(vectors) if wanted is None else int(np.count_nonzero(wanted))
    tune(connection, EF_SEARCH)
    made = {}
    for level, table in tables.items():
        scale = scale_of(
            TableVectors(connection, table, type_, procedural=level == "sentence"),
            background_of(level, samples, dimension),
            mask=None,
            n=n[level],
        )
        made[level] = {"centre": scale.centre, "spread": scale.spread}
    return made


def tune(connection: psycopg.Connection[tuple[Any, ...]], wanted: int) -> None:
    """Let the transaction's searches by HNSW find so many rows, and go on until enough of them meet the filter."""
    ef = min(_MOST_EF_SEARCH, max(EF_SEARCH, wanted))
    connection.execute(
        "SELECT set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', 'strict_order', true)",
        [str(ef)],
    )


class TableVectors:
    """The vectors of a table of the copy, for a scale (see `calibration.Nearby`): rows are not told."""

    def __init__(
        self,
        connection: psycopg.Connection[tuple[Any, ...]],
        table: tuple[str, str],
        type_: str,
        *,
        procedural: bool,
    ) -> None:
        from psycopg import sql  # noqa: PLC0415 - an extra

        self._connection = connection
        self._asked = sql.SQL(
            "SELECT 1 - (embedding <=> %s::{type}) FROM {table} WHERE embedding IS NOT NULL {limit} "
            "ORDER BY embedding <=> %s::{type} LIMIT %s"
        ).format(
            type=sql.SQL(type_),  # pgvector's type and a number
            table=sql.Identifier(*table),
            limit=sql.SQL("AND NOT is_procedural" if procedural else ""),
        )

    def nearest(
        self, query: NDArray[np.float32], n: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the cosines of the `n` nearest rows, and 0, 1, … in the place of rows; `mask` must be None."""
        if mask is not None:
            raise ValueError("a table of the copy takes no mask")
        asked = as_text(query)
        found = np.array(
            [row[0] for row in self._connection.execute(self._asked, [asked, asked, n]).fetchall()],
            np.float32,
        )
        return np.arange(len(found)), found

    def release(self) -> None:
        """Nothing is held."""


def as_text(vector: NDArray[np.float32]) -> str:
    """Return a vector as pgvector reads it."""
    return f"[{','.join(map(repr, vector.astype(float).tolist()))}]"
