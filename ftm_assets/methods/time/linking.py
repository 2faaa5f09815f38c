"""Linking a quarter's themes to the series of earlier quarters; nothing here sees a later quarter.

Belongs here: the similarity of a theme to a series, and which theme continues which series. What a series is after the
quarter, and the events of the quarter, are in `series`.

A theme is compared with every series that has a theme in the last `max_gap` quarters: by the series' centroid, which
averages its past with most weight on recent quarters, and by the content, firms and keywords of its newest theme. All
of that is in the series as known at the end of the quarter before, so each quarter follows from the one before it. A
theme that its quarter does not tell apart from what all its topics share has a zero vector: it opens a series, and
nothing continues that.
Pairs at or above the floor are matched one to one, so that the sum of what they exceed the floor by is largest; opening
a series is always an alternative, worth nothing. A theme that finds the series it is most like taken opens a series of
its own beside it, rather than moving into one that it is clearly less like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le

from ftm_assets.methods.time.profiles import QuarterThemes, shared
from ftm_assets.methods.time.series import Series, continued, missed, opened
from ftm_assets.methods.vectors import DIGITS, products
from ftm_resources import quarters

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NONE = -1
"""Index of no series."""

NOT_COMPARABLE = -np.inf
"""Similarity if the vector of the theme or of the series is zero (see `profiles.told_apart`): below every floor."""


@dataclass(frozen=True)
class LinkParams:
    """Parameters of links between quarters.

    The asset's config takes its defaults, bounds and descriptions from these fields.
    """

    floor: Annotated[float, Ge(-1), Le(1)] = 0.5
    """Minimum similarity of a theme to the series that it continues. It depends on the embedding model: this one was
    measured on the sample's planted lineages with the bundled MiniLM, where 0.4 to 0.6 make little difference."""
    max_gap: Annotated[int, Ge(1)] = 8
    """Quarters after its newest theme within which a series can be continued; then it has ended."""
    newest_weight: Annotated[float, Gt(0), Le(1)] = 0.3
    """Weight of the newest theme in a series' centroid; the earlier ones share the rest in the same way."""
    centroid_weight: Annotated[float, Ge(0), Le(1)] = 0.8
    """Weight of the similarity to a series' centroid; the rest is that to its newest theme."""
    firm_weight: Annotated[float, Ge(0), Le(1)] = 0.0
    """Weight of the overlap of firms with the series' newest theme; content and keywords have the rest."""
    keyword_weight: Annotated[float, Ge(0), Le(1)] = 0.0
    """Weight of the overlap of keywords with the series' newest theme."""
    max_regret: Annotated[float, Ge(0), Le(2)] = 0.1
    """How much less similar than the most similar series one may be that a theme continues instead."""
    merge_gain: Annotated[float, Ge(0), Le(2)] = 0.1
    """How much more similar to a series without a theme than before a series must be to count as having taken it in."""
    rename_below: Annotated[float, Ge(-1), Le(1)] = 0.5
    """A series takes its newest theme's name if its centroid is less similar than this to what it was named for."""

    def __post_init__(self) -> None:
        """Reject weights that leave content less than nothing: it would then speak against a link."""
        if (given := self.firm_weight + self.keyword_weight) > 1 + 0.1**DIGITS:
            raise ValueError(
                f"firm_weight {self.firm_weight:g} and keyword_weight {self.keyword_weight:g} add up to {given:g}: at "
                "most 1, since content has the rest"
            )


@dataclass(frozen=True)
class Links:
    """A quarter's themes with the series that they belong to; arrays and tuples are in parallel to the themes."""

    themes: QuarterThemes
    series_ids: tuple[str, ...]
    similarity: Floats
    """To the series that it continues, else to the most similar earlier one; NaN if none can be compared with it."""
    margin: Floats
    """See `theme_links`; NaN without a similarity."""
    before: tuple[Series | None, ...]
    """The series that each theme continues, as known before; None if it opens one."""
    firm_overlap: Floats
    keyword_overlap: Floats
    """With the newest earlier theme of the series; NaN if it opens one."""
    relatives: tuple[Relative, ...]
    """Other series at or above the floor, by theme, the most similar first."""
    series: tuple[Series, ...]
    """Every series ever seen, as known at the end of the quarter, sorted by id."""
    ended: tuple[str, ...]
    """The series that ended in the quarter."""


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
    found: list[Links] = []
    for themes in sorted(all_themes, key=lambda t: t.quarter):
        found.append(link_quarter(themes, found[-1].series if found else (), params))
    return found


def link_quarter(themes: QuarterThemes, series: Sequence[Series], params: LinkParams | None = None) -> Links:
    """Return the series of each theme of a quarter.

    Parameters
    ----------
    themes : QuarterThemes
        The quarter's themes.
    series : sequence of Series
        Every series ever seen, as known at the end of the quarter before: all that is used of the past.
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
    >>> first = link_quarter(quarter("2020Q1", [1.0, 0.0]), ())
    >>> link_quarter(quarter("2020Q2", [0.0, 1.0], [0.96, 0.28]), first.series).series_ids
    ('2020Q2:series:000', '2020Q1:series:000')

    """
    params = params or LinkParams()
    known = [s for s in series if _is_open(s, themes.quarter, params.max_gap)]
    likeness = _compare(themes, known, params)
    chosen = _assign(likeness.similarity, params)
    return _linked(themes, series, known, likeness, chosen, params)


def _is_open(series: Series, quarter: str, max_gap: int) -> bool:
    return series.status != "ended" and quarters.distance(series.last_quarter, quarter) <= max_gap


@dataclass(frozen=True)
class _Likeness:
    """How a quarter's themes compare with series; matrices are (themes, series)."""

    similarity: Floats
    firms: Floats
    keywords: Floats


def _compare(themes: QuarterThemes, known: Sequence[Series], params: LinkParams) -> _Likeness:
    if not themes.n or not known:
        nothing = np.zeros((themes.n, len(known)))
        return _Likeness(nothing, nothing, nothing)
    by_centroid = products(themes.vectors, np.array([s.centroid for s in known]))
    by_newest = products(themes.vectors, np.array([s.last_vector for s in known]))
    content = params.centroid_weight * by_centroid + (1 - params.centroid_weight) * by_newest
    firms = _overlaps(themes.firms, [s.last_firms for s in known])
    keywords = _jaccards(themes.keywords, [s.keywords for s in known])
    rest = max(0.0, 1 - params.firm_weight - params.keyword_weight)
    similarity = rest * content + params.firm_weight * firms + params.keyword_weight * keywords
    comparable = np.logical_and.outer(themes.vectors.any(axis=1), [s.centroid.any() for s in known])
    similarity = np.where(comparable, similarity, NOT_COMPARABLE)
    # Cosines of stored vectors, which are rounded, may exceed 1 by a millionth.
    return _Likeness(np.minimum(np.round(similarity, DIGITS), 1.0), firms, keywords)


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
    after = {s.series_id: missed(s, themes.quarter, params.max_gap) for s in ever}
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
        relatives=relatives,
        series=tuple(after[key] for key in sorted(after)),
        ended=tuple(
            s.series_id for s in ever if s.status != "ended" and after[s.series_id].status == "ended"
        ),
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
    is_compared = best > NOT_COMPARABLE
    found = np.where(is_compared, np.where(chosen == NONE, best, own), np.nan)
    return found, np.where(is_compared, np.round(margin, DIGITS), np.nan)


def _relatives(
    similarity: Floats, known: Sequence[Series], chosen: NDArray[np.int64], params: LinkParams
) -> tuple[Relative, ...]:
    """Return the other series that each theme is at least as similar to as the floor.

    A theme takes in a series if that had a theme in the quarter before and has none now, is most like this theme, and
    is clearly more like it than like the series that it continues: two series that were always alike do not merge when
    one of them is away.
    """
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
                alike = products(known[j].centroid[None], known[chosen[i]].centroid[None])[0, 0]
                relation = "merged_into" if row[j] >= alike + params.merge_gain else "similar"
            found.append(Relative(i, known[j].series_id, relation, float(row[j])))
    return tuple(found)
