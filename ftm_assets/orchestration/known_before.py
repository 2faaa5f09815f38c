"""What the calls of a quarter said about themes that were known before it.

What belongs here: reading the quarter, and the newest earlier one whose series its topics are compared with, for
`methods.returns.known_themes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.returns.known_themes import COLUMNS, NONE, nearest_series, said_of_series
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.orchestration.series_chain import CHAIN, require_one_model
from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ftm_resources.duck import ConfiguredDuckDB
    from ftm_resources.warehouse import QuarterTable, Warehouse
    from ftm_resources.warehouse.pinned import Pinned

READ_FOR_KNOWN = ("sentence_sentiment", "sentence_topics", "sentences", "topic_summaries")
"""Tables of the quarter that it is made from."""

_NOTHING_SAID = pa.table(
    {"series_id": pa.nulls(0, pa.string())}
    | {c: pa.nulls(0, TABLES["sentiment_scores"].column(c).type) for c in COLUMNS}
)


@dataclass(frozen=True)
class Said:
    """What was said about series known before."""

    rows: pa.Table
    """series_id and `known_themes.COLUMNS`: a row per series and call."""
    names: Mapping[str, str] = field(default_factory=dict)
    """series_id → name."""
    read: tuple[QuarterTable, ...] = ()
    """What was read of an earlier quarter."""
    note: str = ""
    """Why there is nothing, for people."""


def said_before(
    warehouse: Warehouse,
    pinned: Pinned,
    duckdb: ConfiguredDuckDB,
    quarter: str,
    held: Mapping[str, QuarterTable],
    *,
    floor: float,
    reader: str,
    without: Collection[str] = (),
) -> Said:
    """Return what the calls of a quarter said about the series known at the end of the newest earlier quarter.

    `held` has READ_FOR_KNOWN of the quarter; `floor` is the least similarity of a topic to its series; `reader` the
    asset that asks; `without` are quarters whose series may be others than those of this quarter by the same ids.
    """
    earlier = [q for q in pinned.quarters([CHAIN]) if q < quarter]
    if not earlier:
        return Said(_NOTHING_SAID, note=f"{quarter} has no earlier quarter, so no theme is known before it")
    if earlier[-1] in without:
        note = f"{earlier[-1]} is left out, so no theme is known before {quarter}"
        return Said(_NOTHING_SAID, note=note)
    try:
        require_one_model(pinned, [earlier[-1], quarter], reader)
    except dg.Failure:
        note = f"{quarter} is of another embedding model than {earlier[-1]}: no theme is known before it"
        return Said(_NOTHING_SAID, note=note)
    series = warehouse.quarter(CHAIN, earlier[-1], pinned=pinned)
    topics_before = warehouse.quarter("topic_summaries", earlier[-1], pinned=pinned)
    if not topics_before.is_written:
        note = f"{earlier[-1]} has no topic_summaries, by which themes of {quarter} are known"
        return Said(_NOTHING_SAID, note=note)
    known = series.read(["series_id", "name", "status", "centroid"]).sort_by("series_id")
    known = known.filter(pc.not_equal(known.column("status"), "ended"))
    before = as_matrix(topics_before.read(["topic_id", "embedding"]).sort_by("topic_id").column("embedding"))
    topics = held["topic_summaries"].read(["topic_id", "embedding"]).sort_by("topic_id")
    vectors = as_matrix(topics.column("embedding"))
    at = nearest_series(
        vectors,
        before.astype(np.float64).mean(axis=0) if len(before) else np.zeros(vectors.shape[1]),
        as_matrix(known.column("centroid")),
        floor=floor,
    )
    kept = np.flatnonzero(at != NONE)
    placed = pa.table(
        {
            "topic_id": topics.column("topic_id").take(pa.array(kept)),
            "series_id": known.column("series_id").take(pa.array(at[kept])),
        }
    )
    with duckdb.get_connection() as database:
        said = said_of_series(
            placed,
            held["sentence_topics"].read(["sentence_id", "topic_id"]),
            held["sentence_sentiment"].read(["sentence_id", "label", "p_positive", "p_negative"]),
            held["sentences"].read(["sentence_id", "transcript_id"]),
            database=database,
        )
    names = dict(zip(*(known.column(c).to_pylist() for c in ("series_id", "name")), strict=True))
    return Said(said, names, (series, topics_before))
