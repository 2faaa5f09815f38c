"""Linking a quarter's themes to the series of earlier quarters; nothing here sees a later quarter.

Belongs here: the similarity of a theme to a series, and which theme continues which series. What a series is after the
quarter, and the events of the quarter, are in `series`.

A theme is compared with every series that has a theme in the last `max_gap` quarters: by the series' centroid, which
averages its past with most weight on the newest quarter, by its most similar single themes, and by firms and keywords
shared with its newest theme. Pairs at or above the floor are matched one to one, so that the sum of what they exceed
the floor by is largest; opening a series is always an alternative, worth nothing. A theme that finds the series it is
most like taken opens a series of its own beside it, rather than moving into one that it is clearly less like.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le

from ftm_assets.methods.time.profiles import QuarterThemes, shared
from ftm_assets.methods.time.series import Series, continued, opened
from ftm_assets.methods.vectors import DIGITS, products
from ftm_resources import quarters

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NONE = -1
"""Index of no series."""


@dataclass(frozen=True)
class LinkParams:
    """Parameters of links between quarters.

    The asset's config takes its defaults, bounds and descriptions from these fields.
    """

    floor: Annotated[float, Ge(-1), Le(1)] = 0.5
    """Minimum similarity of a theme to the series that it continues; it depends on the embedding model."""
    max_gap: Annotated[int, Ge(1)] = 8
    """Quarters after its newest theme within which a series can be continued; then it has ended."""
    newest_weight: Annotated[float, Gt(0), Le(1)] = 0.5
    """Weight of the newest theme in a series' centroid; the earlier ones share the rest in the same way."""
    centroid_weight: Annotated[float, Ge(0), Le(1)] = 0.5
    """Weight of the similarity to a series' centroid; the rest is that to its most similar single themes."""
    n_nearest: Annotated[int, Ge(1)] = 3
    """Most similar single themes of a series that are averaged (all if it has fewer), and earlier themes that vote."""
    firm_weight: Annotated[float, Ge(0), Le(1)] = 0.0
    """Weight of the overlap of firms with the series' newest theme; content and keywords have the rest."""
    keyword_weight: Annotated[float, Ge(0), Le(1)] = 0.0
    """Weight of the overlap of keywords with the series' newest theme."""
    max_regret: Annotated[float, Ge(0), Le(2)] = 0.1
    """How much less similar than the most similar series one may be that a theme continues instead."""
    rename_below: Annotated[float, Ge(-1), Le(1)] = 0.5
    """A series takes its newest theme's name if its centroid is less similar than this to what it was named for."""


@dataclass(frozen=True)
class Placed:
    """The themes of an earlier quarter and the series of each."""

    themes: QuarterThemes
    series_ids: tuple[str, ...]


@dataclass(frozen=True)
class Past:
    """What is known before a quarter."""

    placed: tuple[Placed, ...] = ()
    """Earlier quarters, oldest first; only those of the last `max_gap` quarters are compared."""
    series: tuple[Series, ...] = ()
    """Every series ever seen, as known at the end of the newest earlier quarter."""


@dataclass(frozen=True)
class Links:
    """A quarter's themes with the series that they belong to; arrays and tuples are in parallel to the themes."""

    themes: QuarterThemes
    series_ids: tuple[str, ...]
    similarity: Floats
    """To the series that it continues, else to the most similar earlier one; NaN if there is none."""
    margin: Floats
    """See `theme_links`; NaN without a similarity."""
    before: tuple[Series | None, ...]
    """The series that each theme continues, as known before; None if it opens one."""
    firm_overlap: Floats
    keyword_overlap: Floats
    """With the newest earlier theme of the series; NaN if it opens one."""
    n_votes: NDArray[np.int64]
    """Of the most similar earlier themes, those of its series; 0 if it opens one."""
    relatives: tuple[Relative, ...]
    """Other series at or above the floor, by theme, the most similar first."""
    series: tuple[Series, ...]
    """Every series ever seen, as known at the end of the quarter, sorted by id."""

    @property
    def placed(self) -> Placed:
        """The themes and their series alone."""
        return Placed(self.themes, self.series_ids)


@dataclass(frozen=True)
class Relative:
    """A series that a theme resembles without continuing it."""

    theme: int
    """Index of the theme."""
    series_id: str
    relation: str
    """See `categories.RELATIONS`."""
    similarity: float


def link_quarters(all_themes: Iterable[QuarterThemes], params: LinkParams | None = None) -> list[Links]:
    """Return the links of several quarters in chronological order, each made from earlier ones alone."""
    params, past, found = params or LinkParams(), Past(), list[Links]()
    for themes in sorted(all_themes, key=lambda t: t.quarter):
        found.append(link_quarter(themes, past, params))
        past = Past(tuple(links.placed for links in found[-params.max_gap :]), found[-1].series)
    return found


def link_quarter(themes: QuarterThemes, past: Past, params: LinkParams | None = None) -> Links:
    """Return the series of each theme of a quarter.

    Parameters
    ----------
    themes : QuarterThemes
        The quarter's themes.
    past : Past
        Earlier quarters and series; of later ones nothing may be in it.
    params : LinkParams, optional
        Parameters; defaults if omitted.

    Returns
    -------
    Links
        The links, the series that each theme resembles besides, and every series as known at the end of the quarter.

    Examples
    --------
    >>> def quarter(key, *vectors):
    ...     n = len(vectors)
    ...     ids = tuple(f"{key}:theme:{i:03d}" for i in range(n))
    ...     same = (frozenset({"1"}),) * n, (("price",),) * n, ("Prices",) * n, (9,) * n
    ...     return QuarterThemes(key, ids, np.array(vectors), *same)
    >>> first, second = link_quarters(
    ...     [quarter("2020Q1", [1.0, 0.0]), quarter("2020Q2", [0.0, 1.0], [0.96, 0.28])]
    ... )
    >>> second.series_ids
    ('2020Q2:series:000', '2020Q1:series:000')

    """
    params = params or LinkParams()
    known = [s for s in past.series if _is_open(s, themes.quarter, params.max_gap)]
    placed = [p for p in past.placed if quarters.distance(p.themes.quarter, themes.quarter) <= params.max_gap]
    likeness = _compare(themes, known, placed, params)
    chosen = _assign(likeness.similarity, params)
    return _linked(themes, past.series, known, likeness, chosen, params)


def _is_open(series: Series, quarter: str, max_gap: int) -> bool:
    return quarters.distance(series.last_quarter, quarter) <= max_gap


@dataclass(frozen=True)
class _Likeness:
    """How a quarter's themes compare with series; matrices are (themes, series)."""

    similarity: Floats
    firms: Floats
    keywords: Floats
    votes: NDArray[np.int64]


def _compare(
    themes: QuarterThemes, known: Sequence[Series], placed: Sequence[Placed], params: LinkParams
) -> _Likeness:
    shape = (themes.n, len(known))
    if not all(shape):
        return _Likeness(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64))
    index = {s.series_id: j for j, s in enumerate(known)}
    held = [(p.themes, i, index[s]) for p in placed for i, s in enumerate(p.series_ids) if s in index]
    of = np.array([j for _, _, j in held])
    single = products(themes.vectors, np.array([t.vectors[i] for t, i, _ in held]))
    nearest = _nearest(single, of, len(known), params.n_nearest)
    by_centroid = products(themes.vectors, np.array([s.centroid for s in known]))
    content = params.centroid_weight * by_centroid + (1 - params.centroid_weight) * nearest
    newest = {t.theme_ids[i]: t.firms[i] for t, i, _ in held}
    last = [newest[s.last_theme] for s in known]
    firms = _overlaps(themes.firms, last)
    keywords = _jaccards(themes.keywords, [s.keywords for s in known])
    rest = 1 - params.firm_weight - params.keyword_weight
    similarity = rest * content + params.firm_weight * firms + params.keyword_weight * keywords
    return _Likeness(
        np.round(similarity, DIGITS), firms, keywords, _votes(single, of, shape, params.n_nearest)
    )


def _nearest(single: Floats, of: NDArray[np.int64], n_series: int, k: int) -> Floats:
    """Return the mean similarity of each theme to the `k` themes of each series that it is most like."""
    found = np.zeros((len(single), n_series))
    order = np.argsort(of, kind="stable")
    for columns in np.split(order, np.flatnonzero(np.diff(of[order])) + 1):
        best = -np.sort(-single[:, columns], axis=1)[:, :k]
        found[:, of[columns[0]]] = best.mean(axis=1)
    return found


def _votes(single: Floats, of: NDArray[np.int64], shape: tuple[int, int], k: int) -> NDArray[np.int64]:
    found = np.zeros(shape, dtype=np.int64)
    for i, row in enumerate(np.argsort(-single, axis=1, kind="stable")[:, :k]):
        np.add.at(found[i], of[row], 1)
    return found


def _overlaps(rows: Sequence[Collection[str]], columns: Sequence[Collection[str]]) -> Floats:
    """Return the share of the smaller set that is in both, 0 for an empty one: (rows, columns)."""
    sizes = np.minimum(*np.ix_([len(r) for r in rows], [len(c) for c in columns]))
    return np.asarray(shared(rows, columns) / np.maximum(sizes, 1))


def _jaccards(rows: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]) -> Floats:
    """Return the common elements over those in either, 0 if both are empty: (rows, columns)."""
    common = shared(rows, columns)
    either = np.add(*np.ix_([len(set(r)) for r in rows], [len(set(c)) for c in columns])) - common
    return np.asarray(common / np.maximum(either, 1))


def _assign(similarity: Floats, params: LinkParams) -> NDArray[np.int64]:
    """Return the index of the series that each theme continues, or NONE: each series at most once."""
    chosen = np.full(len(similarity), NONE, dtype=np.int64)
    if not similarity.size:
        return chosen
    from scipy.optimize import linear_sum_assignment

    best = similarity.max(axis=1, keepdims=True)
    is_candidate = (similarity >= params.floor) & (similarity >= best - params.max_regret)
    # A pair at the floor is worth a little, so that it beats opening a series.
    worth = np.where(is_candidate, similarity - params.floor + 0.1**DIGITS, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    taken = is_candidate[rows, columns]
    chosen[rows[taken]] = columns[taken]
    return chosen


def _linked(
    themes: QuarterThemes,
    ever: Sequence[Series],
    known: Sequence[Series],
    likeness: _Likeness,
    chosen: NDArray[np.int64],
    params: LinkParams,
) -> Links:
    before = tuple(None if j == NONE else known[j] for j in chosen.tolist())
    relatives = _relatives(likeness.similarity, known, chosen, params)
    parents = {r.theme: r.series_id for r in relatives if r.relation == "split_from"}
    after = {s.series_id: replace(s, n_missed=s.n_missed + 1) for s in ever}
    ids: list[str] = []
    for i, series in enumerate(before):
        now = (
            opened(themes, i, parents.get(i))
            if series is None
            else continued(
                series, themes, i, newest_weight=params.newest_weight, rename_below=params.rename_below
            )
        )
        after[now.series_id] = now
        ids.append(now.series_id)
    similarity, margin = _margins(likeness.similarity, chosen, params.floor)
    return Links(
        themes=themes,
        series_ids=tuple(ids),
        similarity=similarity,
        margin=margin,
        before=before,
        firm_overlap=_at(likeness.firms, chosen, np.nan),
        keyword_overlap=_at(likeness.keywords, chosen, np.nan),
        n_votes=_at(likeness.votes, chosen, 0).astype(np.int64),
        relatives=relatives,
        series=tuple(after[key] for key in sorted(after)),
    )


def _at(matrix: NDArray[Any], chosen: NDArray[np.int64], otherwise: float) -> NDArray[Any]:
    """Return each row's value in its chosen column; `otherwise` where none is chosen."""
    if not matrix.size:
        return np.full(len(chosen), otherwise)
    return np.where(chosen == NONE, otherwise, matrix[np.arange(len(chosen)), chosen])


def _margins(similarity: Floats, chosen: NDArray[np.int64], floor: float) -> tuple[Floats, Floats]:
    if not similarity.size:
        nothing = np.full(len(chosen), np.nan)
        return nothing, nothing
    best = similarity.max(axis=1)
    own = _at(similarity, chosen, np.nan)
    others = similarity.copy()
    linked = np.flatnonzero(chosen != NONE)
    others[linked, chosen[linked]] = -np.inf
    next_best = np.maximum(others.max(axis=1), floor)
    margin = np.where(chosen == NONE, floor - best, own - next_best)
    return np.where(chosen == NONE, best, own), np.round(margin, DIGITS)


def _relatives(
    similarity: Floats, known: Sequence[Series], chosen: NDArray[np.int64], params: LinkParams
) -> tuple[Relative, ...]:
    """Return the other series that each theme is at least as similar to as the floor."""
    if not similarity.size:
        return ()
    taken, likest = set(chosen.tolist()), similarity.argmax(axis=0)
    found: list[Relative] = []
    for i, row in enumerate(similarity):
        near = [
            j for j in np.argsort(-row, kind="stable").tolist() if row[j] >= params.floor and j != chosen[i]
        ]
        for place, j in enumerate(near):
            relation = "similar"
            if chosen[i] == NONE and place == 0:
                relation = "split_from"
            elif chosen[i] != NONE and j not in taken and likest[j] == i and not known[j].n_missed:
                relation = "merged_into"
            found.append(Relative(i, known[j].series_id, relation, float(row[j])))
    return tuple(found)
