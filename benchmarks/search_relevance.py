"""How good are hits? nDCG@10 of search by vectors, by words and by both, against graded labels.

`python -m benchmarks.search_relevance --warehouse DIR` searches the 18 calls of Earnings-21 in 2020Q4 with the queries
of `labels/search_relevance.csv`, which were written before any result was seen. The ten hits of each of the three ways
were pooled and read in shuffled order without their way, score or rank: 2 answers the query, 1 is about its subject, 0
is neither. `--each` prints every query, with the grades of its hits in order.

Labels hold a hash of what was read (a name and a text), never the text. A hit that differs from what was read is
unjudged: it gains nothing, and is counted. A label of a name or text that the quarter no longer has counts nowhere,
also not in the ideal ranking, and is counted. Labels of a new reading follow the older ones, which stay. Nothing may be
tuned on these labels.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import markdown
from benchmarks.membership import digest, read
from ftm_resources import search
from ftm_resources.models.embedder import Embedder
from ftm_resources.retrieval.kept_open import opened_quarter
from ftm_resources.retrieval.levels import LEVELS
from ftm_resources.retrieval.searched import MODES
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

QUARTER = "2020Q4"
FILE = "search_relevance.csv"
K = 10
DRAWS = 10_000

Shown = tuple[str, str]
"""Level, and hash of what was read."""


@dataclass(frozen=True)
class Query:
    """A query, and what was read for it."""

    kind: str
    text: str
    grades: Mapping[Shown, int]

    def of(self, held: Collection[Shown]) -> Query:
        """Return the query with the grades of what is `held` alone, as no search can find the rest."""
        return Query(self.kind, self.text, {s: grade for s, grade in self.grades.items() if s in held})


@dataclass(frozen=True)
class Answered:
    """The grades of a query's hits in each mode, best hit first; None is unjudged."""

    query: Query
    hits: Mapping[str, Sequence[int | None]]
    hybrid: Sequence[tuple[str, bool]] = ()
    """Level of each hit of hybrid, and whether it is marked near."""

    def ndcg(self, mode: str) -> float:
        """Return nDCG@K of a mode, NaN if nothing that was read is relevant."""
        return ndcg([g or 0 for g in self.hits[mode]], self.query.grades.values())


def queries() -> list[Query]:
    """Return the queries with their labels, in the order of the file."""
    kinds: dict[str, str] = {}
    grades: dict[str, dict[Shown, int]] = {}
    for row in read(FILE):
        kinds[row["query"]] = row["kind"]
        grades.setdefault(row["query"], {})[row["level"], row["sha1"]] = int(row["grade"])
    return [Query(kind, text, grades[text]) for text, kind in kinds.items()]


def shown(hit: Mapping[str, Any]) -> Shown:
    """Return what the labels hold of a hit."""
    return hit["level"], digest(": ".join(filter(None, (hit["name"], hit["text"]))))


def in_quarter(warehouse: Warehouse) -> set[Shown]:
    """Return what the labels would hold of every theme, topic and sentence of the quarter."""
    levels = opened_quarter(warehouse, QUARTER).levels
    return {
        shown({"name": None, **level.strings(row), "level": name})
        for name, level in levels.items()
        for row in range(level.n)
    }


def ndcg(grades: Sequence[int], pool: Iterable[int], k: int = K) -> float:
    """Return the normalized discounted cumulative gain of a ranking (Järvelin & Kekäläinen 2002).

    A hit of grade g gains 2^g − 1, discounted by log2(rank + 1); the ideal ranks everything that was read.

    Parameters
    ----------
    grades : sequence of int
        Grades of the hits, best hit first.
    pool : iterable of int
        Grades of everything that was read for the query.
    k : int
        Ranks that count.

    Returns
    -------
    float
        In [0, 1]; NaN if no grade of the pool is above 0.

    """
    ideal = _gain(sorted(pool, reverse=True)[:k])
    return _gain(grades[:k]) / ideal if ideal else float("nan")


def _gain(grades: Sequence[int]) -> float:
    return float(sum((2**grade - 1) / np.log2(rank + 1) for rank, grade in enumerate(grades, 1)))


def interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """Return the 95% percentile interval of a mean over queries (n,), by drawing the queries with replacement."""
    drawn = np.random.default_rng(seed).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


def answered(warehouse: Warehouse) -> list[Answered]:
    """Search all queries in every mode; their grades are of what the quarter has."""
    embedder, found, held = Embedder(), [], in_quarter(warehouse)
    for query in (query.of(held) for query in queries()):
        hits = {
            mode: search(
                query.text, QUARTER, k=K, mode=mode, warehouse=warehouse, embedder=embedder
            ).to_pylist()
            for mode in MODES
        }
        found.append(
            Answered(
                query,
                {mode: [query.grades.get(shown(h)) for h in of] for mode, of in hits.items()},
                [(h["level"], h["is_near"]) for h in hits["hybrid"]],
            )
        )
    return found


def by_kind(found: Sequence[Answered]) -> list[dict[str, Any]]:
    """Return mean nDCG with intervals by kind of query and over all, then how far hybrid is above the others."""
    judged = [a for a in found if any(a.query.grades.values())]
    groups: dict[str, list[Answered]] = {}
    for a in judged:
        groups.setdefault(a.query.kind, []).append(a)
    rows = []
    for name, of in (*groups.items(), ("all", judged)):
        values = {mode: np.array([a.ndcg(mode) for a in of]) for mode in MODES}
        row: dict[str, Any] = {"kind": name, "queries": len(of)}
        row |= {mode: _with_interval(values[mode]) for mode in MODES}
        for other in MODES:
            if other != "hybrid":
                row[f"hybrid − {other}"] = _with_interval(values["hybrid"] - values[other])
        rows.append(row)
    return rows


def first_hits(found: Sequence[Answered]) -> list[dict[str, Any]]:
    """Return, for each mode, how many queries have a first hit of each grade, and how many hits are unjudged."""
    rows = []
    for mode in MODES:
        first = Counter(next(iter(a.hits[mode]), "no hit") for a in found)
        hits = [g for a in found for g in a.hits[mode]]
        rows.append(
            {
                "mode": mode,
                "first hit answers": first[2],
                "is about it": first[1],
                "is neither": first[0],
                "no hit": first["no hit"],
                "hits": len(hits),
                "relevant": sum(bool(g) for g in hits),
                "unjudged": hits.count(None),
            }
        )
    return rows


def by_level(found: Sequence[Answered]) -> list[dict[str, Any]]:
    """Return, for hits of hybrid by level and over all, how many are marked near, and how many of each are relevant."""
    hits = [(*about, grade) for a in found for about, grade in zip(a.hybrid, a.hits["hybrid"], strict=True)]
    rows = []
    for name in (*LEVELS, "all"):
        row: dict[str, Any] = {"hybrid": name}
        for said, marks in (("hits", (True, False)), ("near", (True,)), ("not near", (False,))):
            of = [grade for level, near, grade in hits if name in (level, "all") and near in marks]
            row[said] = len(of)
            row[f"{said}, relevant"] = sum(bool(grade) for grade in of)
        rows.append(row)
    return rows


def labels_used(found: Sequence[Answered]) -> str:
    """Return how many of the labels are of names and texts that the quarter has."""
    used = [grade for a in found for grade in a.query.grades.values()]
    return (
        f"{len(used)} of {len(read(FILE))} labels are of what the quarter has: {used.count(2)} answer the query, "
        f"{used.count(1)} are about its subject, {used.count(0)} are neither."
    )


def each(found: Sequence[Answered]) -> list[dict[str, Any]]:
    """Return, for each query and mode, nDCG and the grades of the hits; ? is unjudged."""
    return [
        {
            "query": a.query.text,
            **{
                mode: f"{a.ndcg(mode):.2f}: {''.join('?' if g is None else str(g) for g in a.hits[mode])}"
                for mode in MODES
            },
        }
        for a in found
    ]


def _with_interval(values: NDArray[np.float64]) -> str:
    low, high = interval(values)
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    """Search, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_relevance", description=__doc__)
    parser.add_argument("--warehouse", help="with the calls of Earnings-21 in 2020Q4; default: FTM_WAREHOUSE")
    parser.add_argument("--each", action="store_true", help="print every query too")
    given = parser.parse_args()
    found = answered(Warehouse(path=given.warehouse))
    tables = (by_kind(found), first_hits(found), by_level(found))
    print(labels_used(found), *map(markdown, tables), sep="\n\n")
    if given.each:
        print("", markdown(each(found)), sep="\n")


if __name__ == "__main__":
    main()
