"""Calls with their tone about each theme series, over several quarters.

What belongs here: adding up the tone of a call, and bringing quarters' calls together under one numbering.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.returns.event_samples import GIVEN_CALL, Toned
from ftm_assets.methods.returns.known_themes import COLUMNS
from ftm_resources.tables.categories import POOLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def call_tones(scores: pa.Table) -> pa.Table:
    """Return the tone of each call about each series, and about all series together (`POOLED`), sorted by both ids.

    `scores` has series_id and COLUMNS, a row or more per call and series; a call's sentences are added up. The result
    has series_id, transcript_id, n_sentences, net (positive less negative sentences), score and expected_score.
    """
    weighted = pc.multiply(
        scores.column("expected_score"), pc.cast(scores.column("n_sentences"), pa.float64())
    )
    scores = scores.select(["series_id", *COLUMNS[:-1]]).append_column("weighted", weighted)
    pooled = scores.set_column(0, "series_id", pa.repeat(pa.scalar(POOLED), scores.num_rows))
    both = pa.concat_tables([scores, pooled]).sort_by(
        [("series_id", "ascending"), ("transcript_id", "ascending")]
    )
    sums = both.group_by(["series_id", "transcript_id"], use_threads=False).aggregate(
        [(c, "sum") for c in ("n_positive", "n_negative", "n_sentences", "weighted")]
    )
    n = pc.cast(sums.column("n_sentences_sum"), pa.float64())
    net = pc.subtract(sums.column("n_positive_sum"), sums.column("n_negative_sum"))
    return pa.table(
        {
            "series_id": sums.column("series_id"),
            "transcript_id": sums.column("transcript_id"),
            "n_sentences": sums.column("n_sentences_sum"),
            "net": net,
            "score": pc.divide(pc.cast(net, pa.float64()), n),
            "expected_score": pc.divide(sums.column("weighted_sum"), n),
        }
    )


def toned_series(
    tones: Sequence[pa.Table],
    calls: Sequence[Sequence[str]],
    names: Mapping[str, str],
    measures: Sequence[str],
    *,
    min_sentences: int,
) -> list[Toned]:
    """Return the calls of each series with their tone, `POOLED` first, then by id.

    Parameters
    ----------
    tones : sequence of pyarrow.Table
        A table per quarter, as `call_tones` returns it.
    calls : sequence of sequences of str
        In parallel, the transcript_ids of the quarter's events; events are numbered through all quarters.
    names : mapping
        series_id → name.
    measures : sequence of str
        Measures of tone: score, expected_score.
    min_sentences : int
        Fewer sentences are no event of a series.

    """
    parts, start = [], 0
    for rows, ids in zip(tones, calls, strict=True):
        rows = _with_others(rows)  # noqa: PLW2901
        kept = rows.filter(pc.greater_equal(rows.column("n_sentences"), min_sentences))
        place = pc.index_in(kept.column("transcript_id"), pa.array(ids, pa.string()))
        part = kept.append_column("at", pc.add(pc.cast(place, pa.int64()), start))
        parts.append(part.filter(pc.is_valid(place)))
        start += len(ids)
    if not parts:
        return []
    every = pa.concat_tables(parts).sort_by([("series_id", "ascending"), ("at", "ascending")])
    series = np.asarray(every.column("series_id").to_pylist(), dtype=object)
    at = every.column("at").to_numpy()
    values = {name: every.column(name.removesuffix(GIVEN_CALL)).to_numpy() for name in measures}
    others = every.column("others").to_numpy()
    bounds = [0, *(np.flatnonzero(series[1:] != series[:-1]) + 1).tolist(), len(series)]
    found = [
        Toned(
            series[first],
            "All themes" if series[first] == POOLED else names.get(series[first], series[first]),
            at[first:last],
            {name: of[first:last] for name, of in values.items()},
            others[first:last],
        )
        for first, last in pairwise(bounds)
        if first < last
    ]
    return sorted(found, key=lambda t: (t.series_id != POOLED, t.series_id))


def _with_others(rows: pa.Table) -> pa.Table:
    """Return the rows with the score of the call about all its other series; null if it speaks of no other."""
    pooled = rows.filter(pc.equal(rows.column("series_id"), POOLED))
    place = pc.index_in(rows.column("transcript_id"), pooled.column("transcript_id").combine_chunks())
    left = {c: pc.subtract(pooled.column(c).take(place), rows.column(c)) for c in ("net", "n_sentences")}
    n = pc.cast(left["n_sentences"], pa.float64())
    others = pc.if_else(pc.greater(n, 0), pc.divide(pc.cast(left["net"], pa.float64()), n), pa.scalar(np.nan))
    return rows.append_column("others", others)
