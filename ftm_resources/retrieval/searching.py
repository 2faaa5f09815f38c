"""Finding candidates in each level of each quarter, and gathering them into one ranking of hits.

What belongs here: how a search goes, wherever the rows are (see `searched`). `ftm_resources.backends` has `search`,
which chooses where.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftm_resources.retrieval.full_text import phrases_without_words, taken_apart
from ftm_resources.retrieval.levels import LEVELS, indexed_texts
from ftm_resources.retrieval.merging import PER_THEME, Candidate, folded, fused
from ftm_resources.retrieval.query_model import query_vector
from ftm_resources.retrieval.repetition import same_words
from ftm_resources.retrieval.searched import MODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ftm_resources.models.embedder import Embedder
    from ftm_resources.retrieval.full_text import Words
    from ftm_resources.retrieval.searched import Mode, Searchable, SearchedQuarter, Vector
    from ftm_resources.retrieval.wanted import Wanted

POOL = 5
"""Candidates of each level, quarter and ranking, per hit wanted; at least 50."""

MOST_HITS = 10_000


@dataclass(frozen=True)
class Asked:
    """A query that may be searched."""

    words: Words
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """Hits, best first, and what they were found by."""

    hits: list[Candidate]
    candidates: list[Candidate]
    """All, ranked."""
    vector: Vector | None
    """The query's."""
    quarters: dict[str, SearchedQuarter]
    """Those that were searched, under the filter."""


def retrieve(
    asked: Asked,
    quarters: Sequence[Searchable],
    wanted: Wanted,
    *,
    k: int,
    mode: Mode = "hybrid",
    per_theme: int | None = PER_THEME,
    embedder: Embedder | None = None,
    vector: Vector | None = None,
) -> Found:
    """Search the levels of each quarter, and gather the hits into one ranking. `vector` spares embedding the query."""
    if vector is None and mode != "text" and embedder is not None:
        vector = query_vector(asked.words.plain, quarters, asked.levels, embedder)
    pool = max(50, POOL * k)
    searched: dict[str, SearchedQuarter] = {}
    candidates: list[Candidate] = []
    for quarter in quarters:
        under = searched[quarter.quarter] = quarter.under(wanted)
        for level in asked.levels:
            matches, scale = (
                under.matches(level, asked.words, vector, pool, mode),
                quarter.levels[level].scale,
            )
            candidates += [
                Candidate(
                    quarter.quarter,
                    level,
                    m.row,
                    m.cosine,
                    scale.score(m.cosine),
                    m.share,
                    False,
                    *under.parents(level, m.row),
                )
                for m in matches
            ]
    ranked = fused(candidates)

    def firm_of(c: Candidate) -> str | None:
        return None if c.level == "theme" else searched[c.quarter].firm(c.level, c.row)

    def words_of(c: Candidate) -> tuple[str, ...]:
        return same_words(" ".join(indexed_texts(c.level, searched[c.quarter].strings(c.level, c.row))))

    limit = per_theme if "theme" in asked.levels else None
    return Found(folded(ranked, k, firm_of, words_of, per_theme=limit), ranked, vector, searched)


def require_firms(wanted: Wanted, quarters: Mapping[str, Searchable]) -> None:
    """Raise ValueError if a wanted firm has no call in any quarter: a mistyped ticker would look like silence."""
    missing = [set(q.firms_without_calls(wanted)) for q in quarters.values()]
    if missing and (nowhere := sorted(set.intersection(*missing))):
        raise ValueError(
            f"no call of {', '.join(nowhere)} in {', '.join(quarters)}; firms are given by firm_id or ticker"
        )


def asked_for(query: str, levels: Iterable[str], k: int, mode: str) -> Asked:
    """Return a query that may be searched.

    Raises ValueError if it is empty, `k` is out of range, or there is no such level or mode.
    """
    wanted = tuple(dict.fromkeys([levels] if isinstance(levels, str) else levels))
    if not wanted:
        raise ValueError(f"no level is given; choose from {', '.join(LEVELS)}")
    if unknown := [level for level in wanted if level not in LEVELS]:
        raise ValueError(f"there is no level {unknown[0]!r}; choose from {', '.join(LEVELS)}")
    if mode not in MODES:
        raise ValueError(f"there is no mode {mode!r}; choose from {', '.join(MODES)}")
    if not 1 <= k <= MOST_HITS:
        raise ValueError(f"k is {k}; it must be between 1 and {MOST_HITS:,}")
    words = taken_apart(query)
    if empty := phrases_without_words(query):
        raise ValueError(f'the phrase "{empty[0]}" has no word or number that could be found')
    if not words.plain:
        raise ValueError("the query is empty")
    return Asked(words, wanted)
