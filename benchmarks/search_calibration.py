"""Whether calibrated cosines compare across levels, for queries and a quarter on which the scale was not chosen.

`python -m benchmarks.search_calibration --warehouse DIR --quarter 2020Q3 2020Q4` asks the subjects on which the scale
was chosen (2020Q4) and the queries of `labels/search_relevance.csv`, on which nothing was, and prints

- the calibrated cosine of the hit that is a level's zero, by level: mean 0 and spread 1 where the scale is right;
- how many of the ten best candidates of each query are of each level, by raw and by calibrated cosines;
- of the hits that were read (2020Q4), the share that is relevant by level and calibrated cosine: the same across levels
  where a score means the same.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import markdown
from benchmarks.search_relevance import QUARTER, queries, shown
from benchmarks.search_scale import SUBJECTS
from ftm_resources import search
from ftm_resources.models.embedder import Embedder
from ftm_resources.retrieval.calibration import RANK, ROWS_PER_RANK
from ftm_resources.retrieval.kept_open import NoIndexWarning, opened_quarter
from ftm_resources.retrieval.levels import LEVELS
from ftm_resources.retrieval.searching import asked_for, retrieve
from ftm_resources.retrieval.wanted import Wanted
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence

EDGES = (-1.0, 0.0, 1.0)
"""Between bins of calibrated cosines."""


def zeros(warehouse: Warehouse, quarter: str, texts: Sequence[str], embedder: Embedder) -> dict[str, str]:
    """Return level → mean ± spread over queries of the calibrated cosine of the hit that is its zero."""
    opened = opened_quarter(warehouse, quarter)
    under = opened.under(Wanted())
    found: dict[str, list[float]] = {level: [] for level in LEVELS}
    for text in texts:
        words, vector = asked_for(text, LEVELS, 10, "vector").words, embedder.embed_query(text)
        for level in LEVELS:
            rank = min(RANK, max(1, opened.levels[level].n // ROWS_PER_RANK))
            cosines = sorted(
                (m.cosine for m in under.matches(level, words, vector, rank, "vector")), reverse=True
            )
            if len(cosines) >= rank:
                found[level].append(opened.levels[level].scale.score(cosines[rank - 1]))
    return {level: f"{np.mean(of):+.2f} ± {np.std(of):.2f}" for level, of in found.items()}


def mixed(
    warehouse: Warehouse, quarter: str, texts: Sequence[str], embedder: Embedder
) -> list[dict[str, Any]]:
    """Return how many of the ten best candidates of each query are of each level."""
    opened = [opened_quarter(warehouse, quarter)]
    raw: Counter[str] = Counter()
    calibrated: Counter[str] = Counter()
    for text in texts:
        asked = asked_for(text, LEVELS, 10, "vector")
        found = retrieve(asked, opened, Wanted(), k=10, mode="vector", embedder=embedder).candidates
        raw.update(c.level for c in sorted(found, key=lambda c: -c.cosine)[:10])
        calibrated.update(c.level for c in found[:10])
    return [
        {"ranking": name, **{level: of[level] for level in LEVELS}}
        for name, of in (("raw cosine", raw), ("calibrated", calibrated))
    ]


def relevance(warehouse: Warehouse, embedder: Embedder) -> list[dict[str, Any]]:
    """Return, by level and bin of calibrated cosines, the share of the hits that were read that is relevant."""
    counts: dict[tuple[str, int], list[int]] = {}
    for query in queries():
        for level in LEVELS:
            hits = search(
                query.text, QUARTER, levels=level, k=30, mode="vector", per_theme=None, warehouse=warehouse,
                embedder=embedder,
            ).to_pylist()  # fmt: skip
            for hit in hits:
                if (grade := query.grades.get(shown(hit))) is not None:
                    counts.setdefault((level, int(np.searchsorted(EDGES, hit["calibrated"]))), []).append(
                        grade
                    )
    names = ["below −1", "−1 to 0", "0 to 1", "above 1"]
    return [
        {"calibrated": names[i]}
        | {
            level: f"{np.mean(np.array(of) > 0):.2f} of {len(of)}"
            if (of := counts.get((level, i)))
            else "none"
            for level in LEVELS
        }
        for i in range(len(names))
    ]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_calibration", description=__doc__)
    parser.add_argument("--warehouse", required=True)
    parser.add_argument("--quarter", nargs="+", default=["2020Q3", QUARTER])
    given = parser.parse_args()
    # Without an index, every vector is compared, which is what is wanted.
    warnings.simplefilter("ignore", NoIndexWarning)
    held, embedder = Warehouse(path=given.warehouse), Embedder()
    unseen = [query.text for query in queries()]
    rows: list[dict[str, Any]] = []
    for quarter in given.quarter:
        for name, texts in (
            ("subjects of the choice", SUBJECTS),
            ("unseen, first half", unseen[::2]),
            ("unseen, second half", unseen[1::2]),
        ):
            rows.append({"quarter": quarter, "queries": name, **zeros(held, quarter, texts, embedder)})
    print(markdown(rows))
    for quarter in given.quarter:
        print(
            f"\n{quarter}, {len(unseen)} unseen queries\n\n{markdown(mixed(held, quarter, unseen, embedder))}"
        )
    if QUARTER in given.quarter:
        print(f"\n{markdown(relevance(held, embedder))}")


if __name__ == "__main__":
    main()
