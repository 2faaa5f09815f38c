"""Floors at which themes and topics find the pinned theme that they are about, and similarities that join families.

`python -m benchmarks.pinned_floors [--quarters 2017Q1..2018Q4]` takes the sample's planted themes as given (see
`links`): a topic is a firm's sentences in a planted theme, or in a subject of its own, which belongs to no pinned
theme; a theme is of all firms' topics. The dictionary is what a researcher who knows the subjects would write: each
planted theme's name, its subjects as description, and these as seed phrases. Links are made as `pinned_theme_links`
makes them. Families are of the series of all these quarters, against their planted lineages.
"""

from __future__ import annotations

import argparse
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.lineages import given
from benchmarks.links import Counts, ours, pairs
from benchmarks.measure import markdown
from ftm_assets.assets.pinned_theme_links import _embedded
from ftm_assets.methods.time.families import FamilyParams, families
from ftm_assets.methods.time.pinning import NONE, PinParams, centred, pin
from ftm_assets.methods.vectors import unit
from ftm_resources import quarters as calendar
from ftm_resources.sources.pinned_dictionary import PinnedTheme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.lineages import Quarter

STEPS = (-0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
"""Around the defaults."""


def dictionary(only: Sequence[str] | None = None) -> list[PinnedTheme]:
    """Return the sample's planted themes (default: all) as a researcher would write them, sorted by id."""
    found = []
    text = files("ftm_resources.sources.sample") / "text"
    for file in sorted(f for f in text.iterdir() if f.name.startswith("themes_")):
        for key, theme in tomllib.loads(file.read_text(encoding="utf-8")).items():
            subjects = [s.strip() for aspect in theme["aspects"] for s in aspect["topic"].split(";")]
            if only is None or key in only:
                said = f"{theme['name']}: {', '.join(subjects)}."
                found.append(PinnedTheme(key, theme["name"], said, tuple(subjects)))
    return sorted(found, key=lambda t: t.series_id)


def linked(vectors: NDArray[np.float64], at: NDArray[np.float64], floor: float) -> NDArray[np.int64]:
    """Return the pinned theme of each row, or NONE, with the default weights."""
    none: list[tuple[str, ...]] = [()] * len(vectors)
    weight = PinParams().keyword_weight
    found = pin(vectors, none, at, [()] * len(at), floor=floor, keyword_weight=weight)
    return np.asarray(found.pinned)


def counted(found: NDArray[np.int64], truth: NDArray[np.int64]) -> Counts:
    """Count links made, those right, those possible (rows of a pinned theme), and those found."""
    right = int(((found == truth) & (found != NONE)).sum())
    return Counts(right, int((found != NONE).sum()), right, int((truth != NONE).sum()))


def pinned_rows(
    firms: int, keys: Sequence[str], cache: Path, *, only: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return precision and recall of links to pinned themes, of topics and of themes, by floor."""
    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415 - loads torch

    pinned = dictionary(only)
    number = {t.series_id: j for j, t in enumerate(pinned)}
    described = _embedded(pinned, Embedder())
    middle, rows = PinParams(), []
    read = [pq.read_table(cache / f"given-{firms}-3-{key}.parquet").to_pylist() for key in keys]
    for step in STEPS:
        of_topics, of_themes = Counts(), Counts()
        for topics in read:
            vectors = np.asarray(unit(np.array([t["vector"] for t in topics])))
            truth = np.array([number.get(t["theme"], NONE) for t in topics])
            planted = np.array([t["theme"] or "" for t in topics])
            at = centred(described, vectors)
            of_topics += counted(linked(centred(vectors, vectors), at, middle.topic_floor + step), truth)
            names = [n for n in np.unique(planted) if n and (planted == n).sum() >= 3]
            themes = np.asarray(
                unit(np.array([vectors[planted == n].mean(axis=0) for n in names]) - vectors.mean(axis=0))
            )
            of_theme = np.array([number.get(str(n), NONE) for n in names])
            of_themes += counted(linked(themes, at, middle.floor + step), of_theme)
        row: dict[str, Any] = {"floor": middle.floor + step}
        for what, c in (("topics", of_topics), ("themes", of_themes)):
            row |= {f"{what}: precision": c.precision, f"{what}: recall": c.recall, f"{what}: F1": c.f1}
        rows.append(row)
    return rows


def family_rows(found: Sequence[Quarter]) -> list[dict[str, Any]]:
    """Return precision and recall of pairs of themes of one family, against lineages, by similarity that joins."""
    series = ours(found)
    vectors = np.concatenate([q.vectors for q in found])
    ids = [s for own in series for s in own]
    ends = np.cumsum([len(own) for own in series])[:-1]
    rows = [_pairs("series, not joined", found, series)]
    for step in STEPS:
        similarity = FamilyParams().join_similarity + step
        labels = families(vectors, ids, FamilyParams(join_similarity=similarity)).labels.astype(str)
        rows.append(_pairs(f"{similarity:.2f}", found, [part.tolist() for part in np.split(labels, ends)]))
    return rows


def _pairs(name: str, found: Sequence[Quarter], of: list[list[str]]) -> dict[str, Any]:
    c = pairs(found, of)
    n = len({x for own in of for x in own})
    return {"join_similarity": name, "precision": c.precision, "recall": c.recall, "F1": c.f1, "families": n}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pinned_floors", description=__doc__)
    parser.add_argument("--firms", type=int, default=60)
    parser.add_argument("--quarters", default="2017Q1..2018Q4")
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks") / "links")
    options = parser.parse_args()
    first, _, last = options.quarters.partition("..")
    keys = calendar.between(first, last or first)
    found = given(options.firms, keys, options.cache)
    every = dictionary()
    print(
        "All planted themes pinned:\n",
        markdown(pinned_rows(options.firms, keys, options.cache, only=None)),
        sep="\n",
    )
    few = [t.series_id for t in every[::6]]
    print(f"\nOnly {', '.join(few)} pinned:\n", flush=True)
    print(markdown(pinned_rows(options.firms, keys, options.cache, only=few)))
    print("\nFamilies, pairs of themes of different quarters:\n", markdown(family_rows(found)), sep="\n")


if __name__ == "__main__":
    main()
