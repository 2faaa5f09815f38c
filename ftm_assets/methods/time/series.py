"""Series of themes: what is known of each at the end of a quarter, and how one more quarter changes it.

Belongs here: opening a series and taking a quarter's theme into it. Which theme continues which series is `linking`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.vectors import products, unit
from ftm_resources.quarters import distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ftm_assets.methods.time.profiles import QuarterThemes


@dataclass(frozen=True)
class Series:
    """A series as known at the end of a quarter."""

    series_id: str
    name: str
    first_quarter: str
    last_quarter: str
    n_quarters: int
    n_themes: int
    n_sentences: int
    n_missed: int
    """Materialized quarters since `last_quarter`."""
    status: str
    """One of `categories.SERIES_STATUSES`."""
    parent: str | None
    """The series that it split off from."""
    last_theme: str
    keywords: tuple[str, ...]
    last_firms: frozenset[str]
    last_vector: NDArray[np.float32]
    """(d,), unit length: that of its newest theme, as are the firms and keywords."""
    firms: frozenset[str]
    """Ever in it."""
    centroid: NDArray[np.float32]
    """(d,), unit length: exponentially weighted mean of its themes' vectors."""
    name_vector: NDArray[np.float32]
    """(d,), unit length: the theme that gave it its name."""


def series_id_of(theme_id: str) -> str:
    """Return the id of the series that a theme opens.

    >>> series_id_of("2019Q4:theme:012")
    '2019Q4:series:012'
    """
    quarter, _, rank = theme_id.split(":")
    return f"{quarter}:series:{rank}"


def opened(themes: QuarterThemes, i: int, parent: str | None) -> Series:
    """Return the series that theme `i` of a quarter opens; `parent` is the series that it splits off from, if any."""
    vector = themes.vectors[i].astype(np.float32)
    return Series(
        series_id=series_id_of(themes.theme_ids[i]),
        name=themes.names[i],
        first_quarter=themes.quarter,
        last_quarter=themes.quarter,
        n_quarters=1,
        n_themes=1,
        n_sentences=themes.n_sentences[i],
        n_missed=0,
        status="active",
        parent=parent,
        last_theme=themes.theme_ids[i],
        keywords=themes.keywords[i],
        last_firms=themes.firms[i],
        last_vector=vector,
        firms=themes.firms[i],
        centroid=vector,
        name_vector=vector,
    )


def continued(
    series: Series, themes: QuarterThemes, i: int, *, newest_weight: float, rename_below: float
) -> Series:
    """Return a series with theme `i` of a quarter as its newest.

    It keeps its name unless its centroid is now less similar than `rename_below` to the theme that it was named for.
    """
    vector = themes.vectors[i].astype(np.float32)
    mixed = (1 - newest_weight) * series.centroid.astype(np.float64) + newest_weight * vector
    centroid = unit(mixed[None])[0].astype(np.float32)
    has_moved = products(centroid[None], series.name_vector[None])[0, 0] < rename_below
    return replace(
        series,
        name=themes.names[i] if has_moved else series.name,
        name_vector=vector if has_moved else series.name_vector,
        last_quarter=themes.quarter,
        n_quarters=series.n_quarters + 1,
        n_themes=series.n_themes + 1,
        n_sentences=series.n_sentences + themes.n_sentences[i],
        n_missed=0,
        status="active",
        last_theme=themes.theme_ids[i],
        keywords=themes.keywords[i],
        last_firms=themes.firms[i],
        last_vector=vector,
        firms=series.firms | themes.firms[i],
        centroid=centroid,
    )


def missed(series: Series, quarter: str, max_gap: int) -> Series:
    """Return a series that has no theme in a quarter; after `max_gap` quarters without one, it has ended for good."""
    has_ended = series.status == "ended" or distance(series.last_quarter, quarter) >= max_gap
    return replace(series, n_missed=series.n_missed + 1, status="ended" if has_ended else "dormant")
