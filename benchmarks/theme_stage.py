"""Themes of 20,000 and 100,000 planted topics: the predecessor's recipe and ours, each in a separate process."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import Clock, peak_mib, timed
from benchmarks.planted import NOISE, themes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Labels = NDArray[np.int64]

SIZES = {5_000: 120, 20_000: 250, 100_000: 600}
"""Number of topics, and of themes planted among them."""
QUICK, FULL = (5_000,), (20_000, 100_000)
"""Numbers of topics of a run of minutes, and of the page's."""
SPREAD, WITHIN = 0.7, 1.6
"""A hard case: themes of a family are as close to each other (median cosine 0.65) as topics are to their theme."""


def predecessor(x: Vectors) -> Labels:
    """UMAP (30 neighbours, 15 d) and HDBSCAN (20/6), leaf, which recovers more here than excess of mass."""
    from ftm_assets.methods.topics import published  # noqa: PLC0415

    params = published.BertopicParams(
        n_neighbors=30, n_components=15, min_cluster_size=20, min_samples=6, cluster_selection_method="leaf"
    )
    return published.cluster(x, params, seed=42)


def given_neighbors(x: Vectors) -> Labels:
    """NN-descent, UMAP (5 d, PCA start, 200 epochs) and HDBSCAN (20/20), leaf."""
    from hdbscan import HDBSCAN
    from pynndescent import NNDescent
    from sklearn.decomposition import PCA
    from umap import UMAP

    neighbors = NNDescent(x, metric="cosine", n_neighbors=15, random_state=42)
    start = PCA(5, random_state=0).fit_transform(x)
    layout = UMAP(
        n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", n_epochs=200, random_state=42,
        init=(10 * start / np.abs(start).max()).astype(np.float32),
        precomputed_knn=(*neighbors.neighbor_graph, neighbors),
    ).fit_transform(x)  # fmt: skip
    hdbscan = HDBSCAN(min_cluster_size=20, min_samples=20, cluster_selection_method="leaf")
    found: Labels = hdbscan.fit_predict(layout)
    return found


def ours(x: Vectors) -> Labels:
    """Our clusterer."""
    from ftm_assets.methods.topics.theme_clustering import ThemeClusterer  # noqa: PLC0415

    return ThemeClusterer().fit_predict(x)


RECIPES = {"predecessor": predecessor, "NN-descent, UMAP 5 d, HDBSCAN 20/20": given_neighbors, "ours": ours}


def table(sentences: Vectors, sizes: Sequence[int] = FULL) -> list[dict[str, Any]]:
    """Return a row per size and recipe; `sentences` are real sentence embeddings that define the geometry."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentences.npy"
        np.save(path, sentences)
        rows = []
        for n in sizes:
            for name in RECIPES:
                command = [sys.executable, "-m", "benchmarks.theme_stage", str(path), str(n), name]
                done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own
                rows.append(json.loads(done.stdout.splitlines()[-1]))
        for row in rows:
            first = next(r for r in rows if r["topics"] == row["topics"])
            row["faster than predecessor"] = first["seconds"] / row["seconds"]
        return rows


def one(sentences: Vectors, n: int, name: str) -> dict[str, Any]:
    """Return the row of one recipe at one size, run in this process after a warm-up."""
    from sklearn.metrics import adjusted_rand_score

    x, truth = themes(n, SIZES[n], sentences, spread=SPREAD, within=WITHIN)
    # Warm up (compile) at a size that takes the same code paths: approximate neighbours above 25,000 rows.
    warm = n if n in QUICK else 26_000
    RECIPES[name](themes(warm, 250, sentences, spread=SPREAD, within=WITHIN, seed=1)[0])
    clock = Clock()
    with timed(clock):
        labels = RECIPES[name](x)
    inside, placed = truth != NOISE, labels != NOISE
    centroids = np.stack([x[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    nearest = np.where(placed, labels, (x @ centroids.T).argmax(axis=1))
    return {
        "topics": n,
        "recipe": name,
        "seconds": clock.wall,
        "CPU s": clock.cpu,
        "peak MiB": peak_mib(),
        "clusters (true)": f"{labels.max() + 1} ({SIZES[n]})",
        "placed": float(placed.mean()),
        "placed, of noise": float(placed[~inside].mean()),
        "ARI raw": adjusted_rand_score(truth[inside], labels[inside]),
        "ARI reassigned": adjusted_rand_score(truth[inside], nearest[inside]),
        "ARI of the placed": adjusted_rand_score(truth[inside & placed], labels[inside & placed]),
        "largest": float(np.bincount(labels[placed]).max() / n),
    }


def main() -> None:
    """Run one recipe and print its row as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.theme_stage", description=__doc__)
    parser.add_argument("sentences", type=Path)
    parser.add_argument("topics", type=int, choices=SIZES)
    parser.add_argument("recipe", choices=RECIPES)
    options = parser.parse_args()
    print(json.dumps(one(np.load(options.sentences), options.topics, options.recipe)))


if __name__ == "__main__":
    main()
