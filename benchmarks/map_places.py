"""Where the map's topics stand: the places of its landmarks, and how well topics among them keep their neighbours.

`python -m benchmarks.map_places lay-out` writes map_anchors.csv: its subjects, laid out once by t-SNE. They are kept in
the project, because another layout would move every map.

`python -m benchmarks.map_places measure WAREHOUSE QUARTER QUARTER` compares ways to place the topics of two quarters:
- trust and continuity (Venna & Kaski 2001, ICANN, 485-491), 10 neighbours: are near topics of the map near in meaning,
  and the reverse;
- same theme: share of a topic's 10 nearest in the map, among topics in themes, that are of its theme;
- shift: how far the places of two topics are apart that are each other's nearest in the two quarters (cosine of 0.6 or
  more), by the median; 1 is the median distance of two topics at random;
- theme shift: the same of the middles of themes that are of one series in both quarters.
"""

from __future__ import annotations

import argparse
import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_assets.methods.topics import map_layout
from ftm_assets.methods.vectors import unit
from ftm_resources import connect
from ftm_resources.models.embedder import Embedder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Placing = Callable[[Floats, Sequence[str]], Floats]

NEIGHBOURS = 10
PERPLEXITY = 20
SEED = 0
EDGE = 0.03
"""What is left free around the landmarks, of the map's width."""


def embedded(texts: Sequence[str]) -> Floats:
    """Return the texts' vectors by the bundled model, in float32 wherever it runs."""
    return np.asarray(Embedder(precision="float32", backend="torch").embed(list(texts)))


def lay_out() -> None:
    """Write the places of the subjects in map_anchors.csv again."""
    from sklearn.manifold import TSNE

    subjects = sorted(map_layout.landmark_texts())
    rows = embedded(subjects)
    model = TSNE(2, perplexity=PERPLEXITY, init="pca", metric="cosine", random_state=SEED, max_iter=2_000)
    places = model.fit_transform(unit(rows - rows.mean(axis=0)))
    places = EDGE + (1 - 2 * EDGE) * (places - places.min(axis=0)) / np.ptp(places, axis=0)
    with map_layout._LANDMARKS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["subject", "x", "y"])
        writer.writerows([s, f"{x:.3f}", f"{y:.3f}"] for s, (x, y) in zip(subjects, places, strict=True))


def ways(landmarks: Floats) -> dict[str, tuple[Placing, bool]]:
    """Return each way to place topics by their vectors and texts, and whether it is fitted to each quarter anew."""
    places = np.array(map_layout._landmarks()[1])
    middle = landmarks.mean(axis=0)
    centred = unit(landmarks - middle)

    def nobody(n: int) -> NDArray[np.int64]:
        return np.full(n, -1)

    def among(rows: Floats, _: Sequence[str]) -> Floats:
        return map_layout.place(rows, nobody(len(rows)), landmarks)

    def by_words(_: Floats, texts: Sequence[str]) -> Floats:
        words = map_layout.word_vectors(map_layout.landmark_texts())
        return map_layout.place(map_layout.word_vectors(texts), nobody(len(texts)), words)

    def linear(rows: Floats, _: Sequence[str]) -> Floats:
        from sklearn.linear_model import Ridge

        return np.asarray(Ridge(alpha=1.0).fit(centred, places).predict(unit(rows - middle)))

    def kernel(rows: Floats, _: Sequence[str]) -> Floats:
        from sklearn.kernel_ridge import KernelRidge

        model = KernelRidge(kernel="rbf", gamma=1.5, alpha=0.1).fit(centred, places - places.mean(axis=0))
        return np.asarray(model.predict(unit(rows - middle))) + places.mean(axis=0)

    def random(rows: Floats, _: Sequence[str]) -> Floats:
        return rows @ np.random.default_rng(SEED).normal(size=(rows.shape[1], 2))

    def pca(rows: Floats, _: Sequence[str]) -> Floats:
        from sklearn.decomposition import PCA

        return np.asarray(PCA(2, random_state=SEED).fit_transform(rows))

    def umap(rows: Floats, _: Sequence[str]) -> Floats:
        from umap import UMAP

        return np.asarray(UMAP(metric="cosine", random_state=SEED, n_jobs=1).fit_transform(rows))

    return {
        "among landmarks": (among, False),
        "by words": (by_words, False),
        "linear, fitted to landmarks": (linear, False),
        "kernel, fitted to landmarks": (kernel, False),
        "random projection": (random, False),
        "PCA of each quarter": (pca, True),
        "UMAP of each quarter": (umap, True),
    }


def same_theme(places: Floats, theme: NDArray[np.int64]) -> float:
    """Return the share of the nearest themed topics in the map that are of a topic's own theme."""
    from sklearn.neighbors import NearestNeighbors

    inside = np.flatnonzero(theme >= 0)
    near = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(places[inside]).kneighbors(return_distance=False)
    return float((theme[inside][near[:, :NEIGHBOURS]] == theme[inside][:, None]).mean())


def pairs(one: Floats, other: Floats, least: float = 0.6) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of topics of two quarters that are each other's nearest, of cosine `least` or more."""
    cosine = unit(one) @ unit(other).T
    there, back = cosine.argmax(axis=1), cosine.argmax(axis=0)
    own = np.flatnonzero((back[there] == np.arange(len(one))) & (cosine.max(axis=1) >= least))
    return own, there[own]


def shift(one: Floats, other: Floats, is_fitted: bool) -> float:
    """Return the median distance of pairs' places, as a share of random pairs'; fitted maps are laid on each other."""
    from scipy.spatial import procrustes

    if is_fitted:
        one, other, _ = procrustes(one, other)
    mixed = np.random.default_rng(SEED).permutation(len(one))
    apart = np.median(np.linalg.norm(one - one[mixed], axis=1))
    return float(np.median(np.linalg.norm(one - other, axis=1)) / apart)


def theme_middles(quarters: Sequence[dict[str, Any]], places: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the median places of the series that both quarters have, a row per series."""
    both = sorted(set(quarters[0]["series"]) & set(quarters[1]["series"]) - {""})
    one, other = (
        np.array([np.median(p[np.array(q["series"]) == series], axis=0) for series in both])
        for q, p in zip(quarters, places, strict=True)
    )
    return one, other


def measured(quarters: Sequence[dict[str, Any]], landmarks: Floats) -> dict[str, dict[str, float]]:
    """Return each way's figures, means over the quarters; a quarter has vectors, texts, themes and series."""
    from sklearn.manifold import trustworthiness

    found = {}
    own, other = pairs(quarters[0]["vectors"], quarters[1]["vectors"])
    for name, (way, is_fitted) in ways(landmarks).items():
        if name == "by words" and not any(quarters[0]["texts"]):
            continue
        places = [way(q["vectors"], q["texts"]) for q in quarters]
        means = [unit(q["vectors"] - landmarks.mean(axis=0)) for q in quarters]
        both = list(zip(means, places, quarters, strict=True))
        middles = theme_middles(quarters, places)
        found[name] = {
            "trust": np.mean([trustworthiness(v, p, n_neighbors=NEIGHBOURS) for v, p, _ in both]),
            "continuity": np.mean([trustworthiness(p, v, n_neighbors=NEIGHBOURS) for v, p, _ in both]),
            "same_theme": np.mean([same_theme(p, q["themes"]) for _, p, q in both]),
            "shift": shift(places[0][own], places[1][other], is_fitted),
            "theme_shift": shift(*middles, is_fitted),
        }
    return found


def topics_of(warehouse: str, quarter: str) -> dict[str, Any]:
    """Return the vectors, texts and themes of a quarter's topics."""
    rows = connect(warehouse).execute(
        """
        SELECT s.embedding, s.name || ' ' || array_to_string(f.keywords, ' '),
            dense_rank() OVER (ORDER BY t.theme_id NULLS LAST) - 1, t.theme_id IS NULL, coalesce(l.series_id, '')
        FROM topic_summaries s JOIN firm_topics f USING (topic_id) LEFT JOIN theme_topics t USING (topic_id)
        LEFT JOIN theme_links l USING (theme_id)
        WHERE s.quarter = ? ORDER BY s.topic_id
        """,
        [quarter],
    )
    vectors, texts, themes, loose, series = zip(*rows.fetchall(), strict=True)
    return {
        "vectors": np.array(vectors, dtype=np.float32),
        "texts": texts,
        "themes": np.where(loose, -1, np.array(themes)),
        "series": series,
    }


def generated(n_subjects: int = 60, n_each: int = 25) -> list[dict[str, Any]]:
    """Return two quarters of generated topics: subjects between landmarks, each with noise of its own per topic."""
    rng = np.random.default_rng(SEED)
    rows = embedded(map_layout.landmark_texts())
    subjects = unit(rows[rng.choice(len(rows), (n_subjects, 2))].sum(axis=1))
    quarters = []
    for _ in range(2):
        noise = rng.normal(0, 0.7 / rows.shape[1] ** 0.5, (n_subjects * n_each, rows.shape[1]))
        vectors = unit(np.repeat(subjects, n_each, axis=0) + noise).astype(np.float32)
        themes = np.repeat(np.arange(n_subjects), n_each)
        quarters.append(
            {"vectors": vectors, "texts": [""] * len(vectors), "themes": themes, "series": themes.astype(str)}
        )
    return quarters


def main() -> None:
    """Lay out, or measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.map_places", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("lay-out")
    measure = tasks.add_parser("measure")
    measure.add_argument("warehouse")
    measure.add_argument("quarters", nargs=2)
    given = parser.parse_args()
    if given.task == "lay-out":
        lay_out()
        return
    landmarks = embedded(map_layout.landmark_texts())
    sets = {
        "real": [topics_of(given.warehouse, quarter) for quarter in given.quarters],
        "generated": generated(),
    }
    for kind, quarters in sets.items():
        print(f"{kind}: {', '.join(str(len(q['texts'])) for q in quarters)} topics")
        for name, figures in measured(quarters, landmarks).items():
            print(f"  {name:28}", *(f"{key} {value:.3f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
