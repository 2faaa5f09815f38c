"""Quarters of themes from planted lineages, with the truth beside them."""

from collections.abc import Mapping, Sequence

import numpy as np

from ftm_assets.methods.time.profiles import QuarterThemes
from ftm_assets.methods.vectors import unit
from ftm_resources.quarters import shifted

DIMENSION = 24


def quarter_of(
    key: str, vectors: Mapping[str, np.ndarray], firms: Mapping[str, Sequence[str]] | None = None
) -> QuarterThemes:
    """A quarter with a theme per name, in this order, at these vectors."""
    names = tuple(vectors)
    return QuarterThemes(
        quarter=key,
        theme_ids=tuple(f"{key}:theme:{i:03d}" for i in range(len(names))),
        vectors=unit(
            np.array(list(vectors.values()), dtype=np.float64).reshape(len(names), -1 if names else 0)
        ),
        firms=tuple(frozenset((firms or {}).get(n, ("1", "2"))) for n in names),
        keywords=tuple((n, "cost") for n in names),
        names=tuple(f"{n} in {key}" for n in names),
        n_sentences=(9,) * len(names),
    )


def planted(seed: int, n_quarters: int = 8, n_lineages: int = 10) -> list[QuarterThemes]:
    """Quarters in which lineages drift, are away at times, and come in any order; themes are named for them."""
    rng = np.random.default_rng(seed)
    at = unit(rng.normal(size=(n_lineages, DIMENSION)))
    quarters = []
    for q in range(n_quarters):
        at = unit(at + 0.1 * unit(rng.normal(size=at.shape)))
        there = rng.permutation(np.flatnonzero(rng.random(n_lineages) < 0.8))
        seen = {f"lineage{i}": at[i] + 0.3 * unit(rng.normal(size=(1, DIMENSION)))[0] for i in there}
        quarters.append(quarter_of(shifted("2019Q1", q), seen))
    return quarters
