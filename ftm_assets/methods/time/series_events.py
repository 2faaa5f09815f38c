"""What happened to series in a quarter: opened, continued, revived, split, merged or ended, each with its evidence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyarrow as pa

from ftm_assets.methods.wording import counted
from ftm_resources.quarters import distance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ftm_assets.methods.time.linking import Links

_Event = tuple[str, str, str, str | None, float | None, str]
"""(series, event, other series, theme, similarity, evidence)."""


def event_of(links: Links, i: int) -> str:
    """Return how theme `i` came to its series: one of `categories.LINK_EVENTS`."""
    relations = {r.relation for r in links.relatives if r.theme == i}
    before = links.before[i]
    if before is None:
        return "split" if "split_from" in relations else "born"
    if "merged_into" in relations:
        return "merged"
    return "revived" if before.n_missed else "continued"


def event_rows(links: Links) -> pa.Table:
    """Return the rows of `series_events`, without the quarter."""
    found = sorted([*_of_themes(links), *_of_relatives(links), *_endings(links)], key=lambda e: e[:3])
    names = ("series_id", "event", "other_series_id", "theme_id", "similarity", "evidence")
    types = (*(pa.string(),) * 4, pa.float64(), pa.string())
    return pa.table({n: pa.array([e[k] for e in found], types[k]) for k, n in enumerate(names)})


def _of_themes(links: Links) -> Iterator[_Event]:
    for i, (theme, series) in enumerate(zip(links.themes.theme_ids, links.series_ids, strict=True)):
        before, similarity = links.before[i], float(links.similarity[i])
        if before is None:
            why = (
                _unlinked(links, i)
                if math.isnan(similarity)
                else f"similarity to the nearest earlier series {similarity:.2f}, margin {links.margin[i]:+.2f}"
            )
            known = None if math.isnan(similarity) else similarity
            yield series, "born", series, theme, known, f"opened by {theme}: {why}"
            continue
        away = f", after {counted(before.n_missed, 'quarter')} without a theme" if before.n_missed else ""
        evidence = (
            f"{theme} follows {before.last_theme}{away}: similarity {similarity:.2f}, margin {links.margin[i]:+.2f}, "
            f"firms {links.firm_overlap[i]:.0%}, keywords {links.keyword_overlap[i]:.0%} in common"
        )
        yield series, "revived" if before.n_missed else "continued", series, theme, similarity, evidence


def _unlinked(links: Links, i: int) -> str:
    """Return why a theme was compared with no series."""
    if not links.themes.vectors[i].any():
        return "beside too few other themes and topics to be compared with earlier series"
    return "no earlier series that it can be compared with"


def _of_relatives(links: Links) -> Iterator[_Event]:
    for r in links.relatives:
        own, theme = links.series_ids[r.theme], links.themes.theme_ids[r.theme]
        if r.relation == "split_from":
            why = f"{theme} is as similar as {r.similarity:.2f}, but another theme continues the series"
            yield r.series_id, "split", own, theme, r.similarity, why
        elif r.relation == "merged_into":
            why = f"{theme} is as similar as {r.similarity:.2f} to {r.series_id}, which has no theme of its own now"
            yield own, "merged", r.series_id, theme, r.similarity, why


def _endings(links: Links) -> Iterator[_Event]:
    for s in links.series:
        if s.series_id in links.ended:
            away = counted(distance(s.last_quarter, links.themes.quarter), "quarter")
            yield s.series_id, "ended", s.series_id, None, None, f"no theme for {away}, since {s.last_theme}"
