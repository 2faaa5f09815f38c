"""Links as rows of tables, and rows read back as what the next quarter is linked to.

Belongs here: the columns of `theme_profiles`, `theme_links`, `theme_relatives` and `theme_series`; events are in
`series_events`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ftm_assets.methods.time.profiles import QuarterThemes
from ftm_assets.methods.time.series import Series
from ftm_assets.methods.time.series_events import event_of, event_rows
from ftm_assets.methods.vectors import as_lists, as_matrix
from ftm_resources import quarters
from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.time.linking import Links


def link_tables(links: Links) -> dict[str, pa.Table]:
    """Return the rows of all tables of a quarter's links, by table, as their contracts have them."""
    quarter = links.themes.quarter
    tables = {
        "theme_profiles": _profiles(links.themes),
        "theme_links": _links(links),
        "theme_relatives": _relatives(links),
        "series_events": event_rows(links),
        "theme_series": _series(links),
    }
    return {name: TABLES[name].conform(rows, quarter=quarter) for name, rows in tables.items()}


def read_profiles(rows: pa.Table, quarter: str) -> QuarterThemes:
    """Return the themes of rows of `theme_profiles`, sorted by id."""
    rows = rows.sort_by("theme_id")
    return QuarterThemes(
        quarter=quarter,
        theme_ids=tuple(rows.column("theme_id").to_pylist()),
        vectors=as_matrix(rows.column("vector")),
        firms=tuple(frozenset(f) for f in rows.column("firm_ids").to_pylist()),
        keywords=tuple(tuple(k) for k in rows.column("keywords").to_pylist()),
        names=tuple(rows.column("name").to_pylist()),
        n_sentences=tuple(rows.column("n_sentences").to_pylist()),
    )


def read_series(rows: pa.Table) -> tuple[Series, ...]:
    """Return the series of rows of `theme_series`, sorted by id."""
    rows = rows.sort_by("series_id")
    vectors = {c: as_matrix(rows.column(c)) for c in ("centroid", "name_vector", "last_vector")}
    others = rows.drop_columns([*vectors, "n_firms", "quarter"]).to_pylist()
    return tuple(
        Series(
            **{c: matrix[i] for c, matrix in vectors.items()},
            last_firms=frozenset(row.pop("last_firm_ids")),
            firms=frozenset(row.pop("firm_ids")),
            keywords=tuple(row.pop("keywords")),
            parent=row.pop("parent_series_id"),
            **row,
        )
        for i, row in enumerate(others)
    )


def _profiles(themes: QuarterThemes) -> pa.Table:
    return pa.table(
        {
            "theme_id": pa.array(themes.theme_ids, pa.string()),
            "name": pa.array(themes.names, pa.string()),
            "keywords": pa.array([list(k) for k in themes.keywords], pa.list_(pa.string())),
            "firm_ids": pa.array([sorted(f) for f in themes.firms], pa.list_(pa.string())),
            "n_sentences": pa.array(themes.n_sentences, pa.int32()),
            "vector": _vectors(themes.vectors),
        }
    )


def _links(links: Links) -> pa.Table:
    themes, before = links.themes, links.before
    now = {s.series_id: s for s in links.series}
    own = [now[s] for s in links.series_ids]
    gaps = [None if b is None else quarters.distance(b.last_quarter, themes.quarter) for b in before]
    return pa.table(
        {
            "theme_id": pa.array(themes.theme_ids, pa.string()),
            "series_id": pa.array(links.series_ids, pa.string()),
            "series_name": pa.array([s.name for s in own], pa.string()),
            "event": pa.array([event_of(links, i) for i in range(themes.n)], pa.string()),
            "similarity": _nullable(links.similarity),
            "margin": _nullable(links.margin),
            "linked_theme": pa.array([b and b.last_theme for b in before], pa.string()),
            "linked_quarter": pa.array([b and b.last_quarter for b in before], pa.string()),
            "gap": pa.array(gaps, pa.int32()),
            "n_missed": pa.array([None if b is None else b.n_missed for b in before], pa.int32()),
            "firm_overlap": _nullable(links.firm_overlap),
            "keyword_overlap": _nullable(links.keyword_overlap),
            "is_renamed": pa.array(
                [
                    b is not None and not np.array_equal(b.name_vector, s.name_vector)
                    for b, s in zip(before, own, strict=True)
                ],
                pa.bool_(),
            ),
        }
    )


def _relatives(links: Links) -> pa.Table:
    found = links.relatives
    return pa.table(
        {
            "theme_id": pa.array([links.themes.theme_ids[r.theme] for r in found], pa.string()),
            "series_id": pa.array([r.series_id for r in found], pa.string()),
            "relation": pa.array([r.relation for r in found], pa.string()),
            "similarity": pa.array([r.similarity for r in found], pa.float64()),
        }
    )


def _series(links: Links) -> pa.Table:
    series = links.series
    columns = (
        *("name", "first_quarter", "last_quarter", "n_quarters", "n_themes", "n_sentences", "n_missed"),
        "status",
    )
    return pa.table(
        {
            "series_id": pa.array([s.series_id for s in series], pa.string()),
            **{c: pa.array([getattr(s, c) for s in series], _type(c)) for c in columns},
            "n_firms": pa.array([len(s.firms) for s in series], pa.int32()),
            "parent_series_id": pa.array([s.parent for s in series], pa.string()),
            "last_theme": pa.array([s.last_theme for s in series], pa.string()),
            "keywords": pa.array([list(s.keywords) for s in series], pa.list_(pa.string())),
            "last_firm_ids": pa.array([sorted(s.last_firms) for s in series], pa.list_(pa.string())),
            "firm_ids": pa.array([sorted(s.firms) for s in series], pa.list_(pa.string())),
            "last_vector": _vectors([s.last_vector for s in series]),
            "centroid": _vectors([s.centroid for s in series]),
            "name_vector": _vectors([s.name_vector for s in series]),
        }
    )


def _type(column: str) -> pa.DataType:
    return TABLES["theme_series"].column(column).type


def _vectors(vectors: NDArray[np.floating] | Sequence[NDArray[np.floating]]) -> pa.Array:
    rows = np.asarray(vectors, dtype=np.float32)
    return as_lists(rows) if len(rows) else pa.array([], pa.list_(pa.float32()))


def _nullable(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True)
