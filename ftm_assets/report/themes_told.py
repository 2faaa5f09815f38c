"""The themes of the page: a row each, with the firms, splits and warnings that it opens to.

What belongs here: reading what the tables and marts say of a theme; nothing is measured anew except what no table has,
which is counted from the members of `theme_sentences`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_assets.methods.wording import counted
from ftm_assets.report.cut_texts import NAME_CHARACTERS, cut
from ftm_assets.report.evidence_told import drivers
from ftm_assets.report.payload import FirmInTheme, Split, Theme
from ftm_assets.report.tone_interval import intervals
from ftm_resources.tables.categories import FEWEST_FIRMS, SECTIONS, SPEAKER_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    from numpy.typing import NDArray

    from ftm_assets.report.changes_told import Changes

_ROWS = """
    WITH members AS (
        SELECT theme_id, firm_id, count(*) AS n FROM theme_sentences WHERE is_member GROUP BY ALL
    ), sizes AS (
        SELECT theme_id, count(*) AS n_firms, sum(n) AS n_sentences, max(n) AS most,
            arg_min(firm_id, (-n, firm_id)) AS largest
        FROM members GROUP BY theme_id
    ), topics AS (
        SELECT theme_id, count(*) AS n_topics, count(DISTINCT firm_id) AS n_topic_firms
        FROM theme_topics WHERE theme_id IS NOT NULL GROUP BY theme_id
    ), mixed AS (
        SELECT theme_id, count(*) FILTER (is_mixed) AS n_mixed FROM topic_coherence GROUP BY theme_id
    )
    SELECT h.theme, h.theme_id, h.name, h.description, h.keywords, h.stability, h.naming_method,
        coalesce(z.n_firms, 0) AS n_firms, coalesce(z.n_sentences, 0) AS n_sentences, f.firm AS largest,
        z.most / z.n_sentences AS largest_share, coalesce(o.n_topics, 0) AS n_topics,
        coalesce(o.n_topic_firms, 0) AS n_topic_firms, c.member_share,
        coalesce(c.coherence_class, '') AS coherence_class, coalesce(m.n_mixed, 0) AS n_mixed, t.score, t.score_se,
        t.score_df, l.series_id, l.series_name, r.first_quarter, p.attention
    FROM told_themes h
    LEFT JOIN sizes z USING (theme_id)
    LEFT JOIN told_firms f ON f.firm_id = z.largest
    LEFT JOIN topics o USING (theme_id)
    LEFT JOIN mixed m USING (theme_id)
    LEFT JOIN theme_coherence c USING (theme_id)
    LEFT JOIN theme_sentiment t USING (theme_id)
    LEFT JOIN theme_links l USING (theme_id)
    LEFT JOIN theme_series r ON r.series_id = l.series_id
    LEFT JOIN theme_panel p USING (theme_id)
    ORDER BY h.theme
"""

# A firm has a part in a theme by a topic, or by a sentence that also counts there (count_second). A theme's score is
# the mean of its members', so what firms move it by adds up to nothing.
_FIRMS = """
    WITH members AS (
        SELECT theme_id, firm_id, count(*) AS n FROM theme_sentences WHERE is_member GROUP BY ALL
    ), topics AS (
        SELECT theme_id, firm_id, count(*) AS n FROM theme_topics WHERE theme_id IS NOT NULL GROUP BY ALL
    ), sizes AS (
        SELECT theme_id, sum(n) AS n FROM members GROUP BY theme_id
    )
    SELECT h.theme, f.firm, coalesce(m.n, 0), coalesce(t.n, 0), round(s.score, 4),
        round(m.n / z.n * (s.score - w.score), 6)
    FROM topics t
    FULL JOIN members m USING (theme_id, firm_id)
    LEFT JOIN firm_theme_sentiment s USING (theme_id, firm_id)
    LEFT JOIN sizes z USING (theme_id)
    LEFT JOIN theme_sentiment w USING (theme_id)
    JOIN told_themes h USING (theme_id)
    JOIN told_firms f USING (firm_id)
    ORDER BY h.theme, coalesce(m.n, 0) DESC, coalesce(t.n, 0) DESC, f.firm
"""

_SPLITS = """
    SELECT h.theme, {by}, sum(c.n_sentences), round(sum(c.n_positive - c.n_negative) / sum(c.n_sentences), 4)
    FROM sentiment_cells c JOIN told_themes h USING (theme_id) GROUP BY ALL
"""


@dataclass(frozen=True)
class Places:
    """Where themes stand in the map, and how they are grouped."""

    xy: NDArray[Any]
    """(n, 2) in [0, 1], a row per theme."""
    group: Sequence[int]


def told_themes(
    db: duckdb.DuckDBPyConnection,
    places: Places,
    changes: Changes,
    config: Mapping[str, Any],
    *,
    is_named_by_model: bool,
) -> tuple[Theme, ...]:
    """Return the themes in the page's order.

    `config` is that with which the themes were made; `is_named_by_model`: a model was asked for names.
    """
    found = db.execute(_ROWS)
    columns = [c[0] for c in found.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    low, high = intervals(*([row[c] for row in rows] for c in ("score", "score_se", "score_df")))
    firms, driving = _firms(db), drivers(db)
    by_section = _splits(db, "section", SECTIONS)
    by_speaker = _splits(db, "speaker_type", SPEAKER_TYPES)
    # Of the topics, that is the share that themes were made with; of what is said, it need not hold.
    most = float(config.get("max_firm_share", 1.0))
    return tuple(
        Theme(
            theme_id=row["theme_id"],
            series_id=row["series_id"],
            name=cut(row["name"], NAME_CHARACTERS),
            description=row["description"],
            keywords=tuple(row["keywords"]),
            group=int(places.group[i]),
            x=round(float(places.xy[i, 0]), 4),
            y=round(float(places.xy[i, 1]), 4),
            n_firms=row["n_firms"],
            n_topics=row["n_topics"],
            n_sentences=int(row["n_sentences"]),
            attention=_rounded(row["attention"], 6),
            score=_rounded(row["score"]),
            score_low=low[i],
            score_high=high[i],
            attention_change=_change(row["attention"], changes.attention.get(row["series_id"]), 6),
            score_change=_change(row["score"], changes.score.get(row["series_id"])),
            since=row["first_quarter"],
            largest_firm=row["largest"],
            largest_firm_share=_rounded(row["largest_share"]),
            stability=_rounded(row["stability"]),
            member_share=_rounded(row["member_share"]),
            coherence_class=row["coherence_class"],
            flags=tuple(_flags(row, most, is_named_by_model=is_named_by_model)),
            firms=firms.get(i, ()),
            up=driving.get((i, "positive"), ()),
            down=driving.get((i, "negative"), ()),
            by_section=by_section.get(i, ()),
            by_speaker=by_speaker.get(i, ()),
            series_name=_other(row["series_name"], row["name"]),
            n_topic_firms=row["n_topic_firms"],
        )
        for i, row in enumerate(rows)
    )


def _flags(row: Mapping[str, Any], most: float, *, is_named_by_model: bool) -> list[str]:
    """Return what a reader must know of a theme; `most` is the largest share that one firm should have."""
    kind, members, topics = row["coherence_class"], row["n_sentences"], row["n_topics"]
    flags = []
    if kind == "weak":
        counts = "none of its sentences counts" if not members else "its topics have little in common"
        flags.append(f"weak: {counts}")
    elif kind == "mixed":
        flags.append("mixed: it holds together less well than themes that were read as one subject")
    if members and row["largest_share"] > most:
        flags.append(f"one firm said {row['largest_share']:.0%} of it")
    if 0 < row["n_firms"] < FEWEST_FIRMS:
        flags.append(f"{counted(row['n_firms'], 'firm')} only: too few for an interval")
    if kind != "weak" and 2 * row["n_mixed"] >= max(topics, 1):
        flags.append(f"{row['n_mixed']} of its {counted(topics, 'topic')} are too mixed to count")
    if is_named_by_model and row["naming_method"] == "extractive":
        flags.append("the model gave no usable name: this one is made of its words")
    return flags


def _firms(db: duckdb.DuckDBPyConnection) -> dict[int, tuple[FirmInTheme, ...]]:
    found: defaultdict[int, list[FirmInTheme]] = defaultdict(list)
    rows = db.execute(_FIRMS)
    while batch := rows.fetchmany(20_000):
        for theme, *part in batch:
            found[theme].append(FirmInTheme(*part))
    return {theme: tuple(parts) for theme, parts in found.items()}


def _splits(db: duckdb.DuckDBPyConnection, by: str, order: Sequence[str]) -> dict[int, tuple[Split, ...]]:
    found: defaultdict[int, list[Split]] = defaultdict(list)
    for theme, name, n, score in db.execute(_SPLITS.format(by=by)).fetchall():
        found[theme].append(Split(name, int(n), score))
    return {theme: tuple(sorted(parts, key=lambda p: order.index(p.name))) for theme, parts in found.items()}


def _other(series: str | None, own: str) -> str | None:
    """Return the name of a theme's series where it is not the theme's own."""
    return None if series is None or series == own else cut(series, NAME_CHARACTERS)


def _change(now: float | None, before: float | None, digits: int = 4) -> float | None:
    return None if now is None or before is None else round(now - before, digits)


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(float(value), digits)
