"""`search`: what was said about a subject, over themes, topics and sentences of several quarters at once.

What belongs here: finding candidates in each level of each quarter, and gathering them into one table of hits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from ftm_resources.models.embedder import Embedder
from ftm_resources.retrieval.full_text import phrases_without_words, taken_apart
from ftm_resources.retrieval.hits import HITS, shown
from ftm_resources.retrieval.kept_open import NoIndexWarning, opened_quarter, quarters_of
from ftm_resources.retrieval.levels import LEVELS, indexed_texts
from ftm_resources.retrieval.merging import PER_THEME, Candidate, folded, fused
from ftm_resources.retrieval.opened_quarter import Chosen, OpenQuarter, Wanted
from ftm_resources.retrieval.query_model import query_vector
from ftm_resources.retrieval.repetition import same_words
from ftm_resources.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ftm_resources.retrieval.full_text import Words

__all__ = ["MODES", "NoIndexWarning", "retrieve", "search"]

Mode = Literal["hybrid", "vector", "text"]
MODES: tuple[Mode, ...] = ("hybrid", "vector", "text")

POOL = 5
"""Candidates of each level, quarter and ranking, per hit wanted; at least 50."""

MOST_HITS = 10_000


def search(
    query: str,
    quarters: str | Iterable[str] | None = None,
    *,
    levels: str | Iterable[str] = LEVELS,
    firms: str | Iterable[str] = (),
    permnos: int | Iterable[int] = (),
    speakers: str | Iterable[str] = (),
    sections: str | Iterable[str] = (),
    since: date | str | None = None,
    until: date | str | None = None,
    k: int = 10,
    mode: Mode = "hybrid",
    children: int = 0,
    per_theme: int | None = PER_THEME,
    with_procedural: bool = False,
    warehouse: str | Path | Warehouse | None = None,
    embedder: Embedder | None = None,
) -> pa.Table:
    """Return the `k` best hits for a query, best first, as an Arrow table (its columns: `hits.HITS`).

    Parameters
    ----------
    query : str
        Words, in any language that the model knows. A "quoted phrase" must be spoken, or be of the name or ticker of
        the firm that speaks.
    quarters : str or iterable of str, optional
        2023Q1, 2023Q1..2023Q4 (the stored ones of them) or several; default: all that are stored.
    levels : {"theme", "topic", "sentence"} or iterable of them
        What to search; default: all.
    firms, permnos, speakers, sections, since, until
        Filters, one or several of each: ids or tickers, PERMNOs, kinds of speaker (analyst), sections (q_and_a), first
        and last date of calls (a date, or 2023-01-31). They hold before ranking. A topic passes if one of its sentences
        does, a theme if one of the sentences that count in it does.
    k : int
        Most hits to return.
    mode : {"hybrid", "vector", "text"}
        By vectors and words, or by one of them.
    children : int
        For a topic or theme, how many of its sentences that meet the filters and are nearest to the query to list.
    per_theme : int, optional
        Hits of one theme's topics and sentences, where themes are searched too and the theme itself is no hit yet.
    with_procedural : bool
        Search sentences about the call itself too ("next question, please").
    warehouse : str, Path or Warehouse, optional
        Default: FTM_WAREHOUSE.
    embedder : Embedder, optional
        Default: the configured one. It must be the model that made the quarter.

    Raises
    ------
    ValueError
        If the query is empty or quotes a phrase without a word, no quarter or level is given, a level, kind of speaker,
        section, mode, date or range of quarters is none there is, or a firm or PERMNO has no call in any quarter.
    QueryModelError
        If the embedder is another model than that of the quarter.
    WarehouseError
        If there is no warehouse or no such quarter.

    Warns
    -----
    NoIndexWarning
        If a quarter has no index, or one that is outdated or damaged: each of its vectors is compared then.

    Examples
    --------
    >>> search('regulatory pressure on "production"', "2023Q1..2023Q4").to_pandas()  # doctest: +SKIP

    """
    if not isinstance(warehouse, Warehouse):
        warehouse = Warehouse(path=None if warehouse is None else str(warehouse))
    asked = asked_for(query, levels, k, mode)
    wanted = Wanted(
        firms=several(firms),
        permnos=(permnos,) if isinstance(permnos, int) else tuple(map(int, permnos)),
        speakers=tuple(s.lower() for s in several(speakers)),
        sections=tuple(s.lower() for s in several(sections)),
        since=day("since", since),
        until=day("until", until),
        with_procedural=with_procedural,
    )
    opened = {q: opened_quarter(warehouse, q) for q in quarters_of(warehouse, quarters)}
    _require_firms(wanted, opened)
    found = retrieve(
        asked,
        list(opened.values()),
        wanted,
        k=k,
        mode=mode,
        per_theme=per_theme,
        embedder=embedder or Embedder(),
    )
    rows = shown(found.hits, opened, vector=found.vector, chosen=found.chosen, children=children)
    return pa.Table.from_pylist(rows, schema=HITS)


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
    vector: NDArray[np.float32] | None
    """The query's."""
    chosen: dict[str, dict[str, Chosen]]
    """Quarter → level → rows that meet the filter."""


def retrieve(
    asked: Asked,
    quarters: Sequence[OpenQuarter],
    wanted: Wanted,
    *,
    k: int,
    mode: Mode = "hybrid",
    per_theme: int | None = PER_THEME,
    embedder: Embedder | None = None,
    vector: NDArray[np.float32] | None = None,
) -> Found:
    """Search the levels of each quarter, and gather the hits into one ranking. `vector` spares embedding the query."""
    if vector is None and mode != "text" and embedder is not None:
        vector = query_vector(asked.words.plain, quarters, asked.levels, embedder)
    pool = max(50, POOL * k)
    chosen: dict[str, dict[str, Chosen]] = {}
    candidates: list[Candidate] = []
    for quarter in quarters:
        of_level = quarter.chosen(wanted)
        chosen[quarter.quarter] = of_level
        for level in asked.levels:
            candidates += _candidates(quarter, level, of_level[level], asked.words, vector, pool, mode)
    ranked = fused(candidates)
    by_name = {q.quarter: q for q in quarters}

    def firm_of(c: Candidate) -> str | None:
        quarter = by_name[c.quarter]
        call = -1 if c.level == "theme" else int(quarter.levels[c.level].columns["call"][c.row])
        firm: str | None = quarter.calls["firm_id"][call].as_py() if call >= 0 else None
        return firm

    def words_of(c: Candidate) -> tuple[str, ...]:
        texts = indexed_texts(c.level, by_name[c.quarter].levels[c.level].strings(c.row))
        return same_words(" ".join(texts))

    limit = per_theme if "theme" in asked.levels else None
    return Found(folded(ranked, k, firm_of, words_of, per_theme=limit), ranked, vector, chosen)


def _candidates(
    quarter: OpenQuarter,
    level: str,
    chosen: Chosen,
    words: Words,
    vector: NDArray[np.float32] | None,
    pool: int,
    mode: Mode,
) -> list[Candidate]:
    """Return what vectors and words find in a level."""
    held, mask = quarter.levels[level], chosen.mask
    if not held.n:
        return []
    if words.phrases:
        with_phrases = held.text.with_phrases(words, held.n)
        mask = with_phrases if mask is None else mask & with_phrases
    near = np.empty(0, np.int64)
    if vector is not None:
        near, _ = held.vectors.nearest(vector, pool, mask)
    worded, shares = np.empty(0, np.int64), np.empty(0, np.float64)
    if mode != "vector":
        # The full text filters by itself, unless it lacks the numbers.
        within = chosen.within
        worded, shares = held.text.best(words, pool, within=within, mask=None if within else mask)
    rows = np.unique(np.concatenate([near, worded]))
    cosines = (
        np.full(len(rows), np.nan, np.float32) if vector is None else held.vectors.similarities(rows, vector)
    )
    calibrated = held.scale.scores(cosines)
    share = dict(zip(worded.tolist(), shares.tolist(), strict=True))
    return [
        Candidate(
            quarter.quarter,
            level,
            row,
            cosine,
            score,
            share.get(row),
            False,
            *parents_of(quarter, level, row),
        )
        for row, cosine, score in zip(rows.tolist(), cosines.tolist(), calibrated.tolist(), strict=True)
    ]


def parents_of(quarter: OpenQuarter, level: str, row: int) -> tuple[int, int]:
    """Return the rows of a row's topic and theme, −1 for none; a sentence has a theme if it counts there."""
    if level == "theme":
        return -1, row
    if level == "topic":
        return row, int(quarter.levels["topic"].columns["theme"][row])
    columns = quarter.levels["sentence"].columns
    topic = int(columns["topic"][row])
    is_member = topic >= 0 and bool(columns["is_member"][row])
    return topic, int(quarter.levels["topic"].columns["theme"][topic]) if is_member else -1


def _require_firms(wanted: Wanted, quarters: Mapping[str, OpenQuarter]) -> None:
    """Raise ValueError if a wanted firm has no call in any quarter: a mistyped ticker would look like silence."""
    missing = [set(q.firms_without_calls(wanted)) for q in quarters.values()]
    if missing and (nowhere := sorted(set.intersection(*missing))):
        raise ValueError(
            f"no call of {', '.join(nowhere)} in {', '.join(quarters)}; firms are given by firm_id or ticker"
        )


def several(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return one text or several as several: the characters of a text are never meant."""
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def day(what: str, given: date | str | None) -> date | None:
    """Return a date that may be given as text. ValueError if it is no date."""
    if isinstance(given, datetime):
        return given.date()
    if not isinstance(given, str):
        return given
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ValueError(f"{what} must be a date such as 2023-01-31, not {given!r}") from None


def asked_for(query: str, levels: Iterable[str], k: int, mode: str) -> Asked:
    """Return a query that may be searched. ValueError if it is empty, or a level, `k` or the mode is none there is."""
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
