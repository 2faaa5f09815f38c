"""`search`: what was said about a subject, over themes, topics and sentences of several quarters at once.

What belongs here: where is searched, in the warehouse or in its copy in PostgreSQL, and how a search is asked for.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from ftm_resources.models.embedder import Embedder
from ftm_resources.postgres.layout import SCHEMA
from ftm_resources.retrieval.hits import HITS, shown
from ftm_resources.retrieval.kept_open import NoIndexWarning, opened_quarter, quarters_of
from ftm_resources.retrieval.levels import LEVELS
from ftm_resources.retrieval.merging import PER_THEME
from ftm_resources.retrieval.searching import asked_for, require_firms, retrieve
from ftm_resources.retrieval.wanted import Wanted
from ftm_resources.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ftm_resources.retrieval.searched import Mode, Searchable

__all__ = ["BACKENDS", "NoIndexWarning", "search"]

Backend = Literal["warehouse", "postgres"]
BACKENDS: tuple[Backend, ...] = ("warehouse", "postgres")


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
    backend: Backend = "warehouse",
    schema: str = SCHEMA,
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
    backend : {"warehouse", "postgres"}
        Where to search: the warehouse's index, or its copy in the database at FTM_POSTGRES_URL.
    schema : str
        Schema of that copy.

    Raises
    ------
    ValueError
        If the query is empty or quotes a phrase without a word, no quarter or level is given, there is no such level,
        kind of speaker, section, mode or backend, `k` is out of range, a date or range of quarters is malformed, or a
        firm or PERMNO has no call in any quarter.
    QueryModelError
        If the embedder is another model than that of the quarter.
    WarehouseError
        If there is no warehouse or no such quarter. Of a copy: if it cannot be used or does not hold the quarter, or
        was made by an earlier version of FTM.

    Warns
    -----
    NoIndexWarning
        If a quarter has no index, or one that is outdated or damaged: each of its vectors is compared then.
    OutdatedCopyWarning
        If the warehouse shows other rows of a quarter than its copy holds, or does not have the quarter.

    Examples
    --------
    >>> search('regulatory pressure on "production"', "2023Q1..2023Q4").to_pandas()  # doctest: +SKIP

    """
    if backend not in BACKENDS:
        raise ValueError(f"there is no backend {backend!r}; choose from {', '.join(BACKENDS)}")
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
    with _opened(backend, warehouse, quarters, schema) as opened:
        require_firms(wanted, opened)
        found = retrieve(
            asked,
            list(opened.values()),
            wanted,
            k=k,
            mode=mode,
            per_theme=per_theme,
            embedder=embedder or Embedder(),
        )
        rows = shown(found.hits, found.quarters, vector=found.vector, children=children)
    return pa.Table.from_pylist(rows, schema=HITS)


@contextmanager
def _opened(
    backend: Backend, warehouse: Warehouse, quarters: str | Iterable[str] | None, schema: str
) -> Iterator[Mapping[str, Searchable]]:
    """Yield the quarters that are asked for, open for search."""
    if backend == "warehouse":
        yield {q: opened_quarter(warehouse, q) for q in quarters_of(warehouse, quarters)}
        return
    from ftm_resources.postgres.copied_quarters import opened_copy  # noqa: PLC0415 - needs an extra

    with opened_copy(quarters, schema=schema, warehouse=warehouse) as opened:
        yield opened


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
