"""Would the themes be there again? What one firm less and a tenth of the firms less move, before and after.

`python -m benchmarks.stability --calls FILE` clusters the topics of the file's calls (as of one quarter) and of the
sample: *one clustering* is Leiden on all topics, as themes were made first; *by descriptions alone* is `model_themes`
without topics' sentences; *shipped* is as it is. `--generated 1000 5000` adds quarters of that many generated firms
with 20 topics each, planted as in `theme_stage`, by `ThemeClusterer` alone (*consensus*); `--only-generated` leaves the
others out. *Runs* are those with a firm less and with a tenth less. Seconds are of one processor, the median of the
runs with a firm less, so that neither imports nor compilation count; memory is the row's peak, with the topics. ARI is
of the theme of each topic over the topics of the firms that both runs have, where a topic without theme is a cluster of
its own; *of the placed* leaves out topics that either run leaves without theme. *Cells* is the share of (theme, firm)
pairs that are there again, themes matched one to one by their topics in common. Intervals: 95%, by resampling what is
left out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import quarter_topics
from benchmarks.measure import markdown, peak_mib, reset_peak
from benchmarks.planted import themes
from benchmarks.theme_stage import SPREAD, WITHIN
from ftm_assets.methods.topics.graph import OUTLIER
from ftm_assets.methods.topics.theme_groups import unit_rows
from ftm_assets.methods.vectors import as_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Labels = NDArray[np.int64]
    Cluster = Callable[[NDArray[np.int64]], Labels]

TOPICS_PER_FIRM = 20
DRAWS = 10
"""Seeds for which a tenth of the firms is left out."""


def alone(labels: Labels) -> Labels:
    """Return the labels with each outlier in a cluster of its own."""
    labels, outliers = labels.copy(), labels == OUTLIER
    labels[outliers] = labels.max(initial=OUTLIER) + 1 + np.arange(outliers.sum())
    return labels


def agreement(before: Labels, after: Labels, firms: NDArray[Any]) -> tuple[float, float, float]:
    """Return ARI, ARI of the placed, and the share of `before`'s (theme, firm) cells that `after` has."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score

    both = (before != OUTLIER) & (after != OUTLIER)
    shared = np.zeros((before.max(initial=0) + 1, after.max(initial=0) + 1))
    np.add.at(shared, (before[both], after[both]), 1)
    same = dict(zip(*(side.tolist() for side in linear_sum_assignment(-shared)), strict=True))
    cells = {(t, f) for t, f in zip(before.tolist(), firms.tolist(), strict=True) if t != OUTLIER}
    again = {(t, f) for t, f in zip(after.tolist(), firms.tolist(), strict=True) if t != OUTLIER}
    found = sum((same.get(t), f) in again for t, f in cells)
    return (
        float(adjusted_rand_score(alone(before), alone(after))),
        float(adjusted_rand_score(before[both], after[both])),
        found / max(len(cells), 1),
    )


def row(
    name: str, cluster: Cluster, firms: NDArray[Any], truth: Labels | None, n_one: int, n_tenth: int = DRAWS
) -> dict[str, Any]:
    """Return the row of a clustering, which takes the rows to cluster.

    `n_one` firms are left out one by one, a tenth of the firms `n_tenth` times.
    """
    from sklearn.metrics import adjusted_rand_score

    reset_peak()
    whole = cluster(np.arange(len(firms)))
    unique, seconds = np.unique(firms), []
    rng = np.random.default_rng(0)

    def without(some: NDArray[Any]) -> tuple[float, float, float]:
        rows = np.flatnonzero(~np.isin(firms, some))
        started = time.process_time()
        again = cluster(rows)
        seconds.append(time.process_time() - started)
        return agreement(whole[rows], again, firms[rows])

    one = _with_intervals([without(np.array([f])) for f in rng.permutation(unique)[:n_one]])
    cpu = float(np.median(seconds))
    tenth = [rng.choice(unique, max(1, round(len(unique) / 10)), replace=False) for _ in range(n_tenth)]
    ten = _with_intervals([without(some) for some in tenth])
    placed = whole != OUTLIER
    found = {
        "clustering": name, "topics": len(firms), "themes": int(whole.max() + 1), "placed": float(placed.mean()),
        "runs": f"{min(n_one, len(unique))} + {n_tenth}",
        "one firm less: ARI": one[0], "one less: of the placed": one[1], "one less: cells": one[2],
        "a tenth less: ARI": ten[0], "a tenth: of the placed": ten[1], "a tenth: cells": ten[2],
        "planted ARI": None, "CPU s": cpu, "peak MiB": peak_mib(),
    }  # fmt: skip
    if truth is not None:
        known = placed & (truth != OUTLIER)
        found["planted ARI"] = float(adjusted_rand_score(truth[known], whole[known]))
    return found


def _with_intervals(found: Sequence[tuple[float, float, float]]) -> list[str]:
    """Return the mean of each figure over what was left out, with the 95% interval by resampling that."""
    values, rng = np.array(found), np.random.default_rng(7)
    drawn = values[rng.integers(len(values), size=(1_000, len(values)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return [f"{m:.3f} ({a:.3f}-{b:.3f})" for m, a, b in zip(values.mean(axis=0), low, high, strict=True)]


def single(vectors: NDArray[np.floating]) -> Labels:
    """Return the themes of one clustering of all topics, as they were made before: Leiden, merging, six rounds."""
    from ftm_assets.methods.topics import theme_clustering as clustering  # noqa: PLC0415

    model = clustering.ThemeClusterer()
    model._seed = 42
    points, where, counts = clustering._distinct(unit_rows(vectors))
    points, n = clustering._centred(points, counts), len(vectors)
    target, smallest = model.granularity * n**0.5, 4 + int(0.05 * n**0.5)
    labels, _ = model._themes(points, counts, target, smallest)  # the parts of the former clusterer
    return labels[where]


def rows_of(
    name: str, topics: pa.Table, truth: Labels | None, n_one: int, n_tenth: int = DRAWS
) -> list[dict[str, Any]]:
    """Return the rows of a quarter's topics: one clustering, consensus, and after the filters."""
    from ftm_assets.methods.topics.theme_clustering import ThemeClusterer  # noqa: PLC0415
    from ftm_assets.methods.topics.theme_model import ThemeParams, model_themes  # noqa: PLC0415
    from ftm_assets.methods.topics.topic_vectors import topic_vectors  # noqa: PLC0415

    topics = topics.sort_by("topic_id") if truth is None else topics
    vectors, spoken = as_matrix(topics.column("embedding")).astype(np.float64), None
    if "sentence_embedding" in topics.column_names:
        spoken = as_matrix(topics.column("sentence_embedding")).astype(np.float64)
    firms = np.array(topics.column("firm_id").to_pylist())
    place = {t: i for i, t in enumerate(topics.column("topic_id").to_pylist())}

    def consensus(rows: NDArray[np.int64]) -> Labels:
        said = None if spoken is None else spoken[rows]
        both = topic_vectors(vectors[rows], said, ThemeParams().sentence_weight)
        return ThemeClusterer().fit(both, firms=firms[rows].tolist()).labels_

    def filtered(rows: NDArray[np.int64], params: ThemeParams | None = None) -> Labels:
        found = model_themes(topics.take(pa.array(rows)), quarter_topics.QUARTER, params).theme_topics
        labels = np.full(len(place), OUTLIER, dtype=np.int64)
        for topic, theme in zip(
            *(found.column(c).to_pylist() for c in ("topic_id", "theme_id")), strict=True
        ):
            if theme is not None:
                labels[place[topic]] = int(theme.rpartition(":")[2])
        return labels[rows]

    made: dict[str, Cluster] = {"one clustering": lambda rows: single(vectors[rows])}
    if "keywords" not in topics.column_names:
        made["consensus"] = consensus
    else:
        by_descriptions = ThemeParams(sentence_weight=0.0)
        made["consensus by descriptions alone"] = lambda rows: filtered(rows, by_descriptions)
        made["shipped"] = filtered
    return [row(f"{name}: {how}", cluster, firms, truth, n_one, n_tenth) for how, cluster in made.items()]


def generated(firms: int, sentences: NDArray[np.floating]) -> tuple[pa.Table, Labels]:
    """Return topics of generated firms, planted around themes as in `theme_stage`, and the theme of each.

    `sentences` must be many: differences of a thousand vectors recur in 100,000 topics and are clustered as themes.
    """
    n = firms * TOPICS_PER_FIRM
    n_themes = round(250 * (n / 20_000) ** 0.544)  # 250 themes in 20,000 topics and 600 in 100,000, as there
    vectors, truth = themes(n, n_themes, sentences, spread=SPREAD, within=WITHIN)
    firm_ids = [f"{i // TOPICS_PER_FIRM:05d}" for i in range(n)]
    columns = {"topic_id": [f"{i:06d}" for i in range(n)], "firm_id": firm_ids}
    return pa.table({**columns, "embedding": pa.array(list(vectors), pa.list_(pa.float32()))}), truth


def warm(topics: pa.Table) -> None:
    """Compile what neighbours of so many topics need, so that no row is charged for it."""
    from ftm_assets.methods.topics import theme_clustering as clustering  # noqa: PLC0415

    few = clustering.EXACT_NEIGHBORS_UP_TO + 1
    if topics.num_rows >= few:
        rows = unit_rows(as_matrix(topics.column("embedding").slice(0, few)))
        clustering._neighbors(rows, clustering.ThemeClusterer().n_neighbors, 42)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stability", description=__doc__)
    parser.add_argument("--calls", type=Path, help="calls, as a file of the files source")
    parser.add_argument("--sample", type=int, default=48, help="firms of the sample; 0: none")
    parser.add_argument("--generated", type=int, nargs="*", default=[], help="numbers of generated firms")
    parser.add_argument(
        "--one", type=int, default=10_000, help="at most this many firms are left out one by one"
    )
    parser.add_argument("--tenth", type=int, default=DRAWS, help="draws of a tenth of the firms")
    parser.add_argument("--only-generated", action="store_true", help="neither the calls nor the sample")
    parser.add_argument("--keep", type=Path, help="folder where the topics are kept and read again")
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    if options.calls and not options.only_generated:
        topics = kept(options.keep, "calls", lambda: quarter_topics.of_file(options.calls))
        rows += rows_of("real calls", topics, None, options.one, options.tenth)
    if options.sample and not options.only_generated:
        topics = kept(
            options.keep, f"sample{options.sample}", lambda: quarter_topics.of_sample(options.sample)
        )
        names = topics.column("planted").to_pylist()
        number = {n: i for i, n in enumerate(sorted({n for n in names if n}))}
        truth = np.array([number.get(n, OUTLIER) for n in names])
        rows += rows_of("sample", topics, truth, options.one, options.tenth)
    for firms in options.generated:
        if not options.calls:
            parser.error("--generated needs --calls, whose sentences define the geometry")
        topics, truth = generated(firms, quarter_topics.quarter_of_file(options.calls).vectors)
        warm(topics)
        some = min(options.one, 3), min(options.tenth, 2)  # each takes minutes
        rows += rows_of(f"{firms:,} generated firms", topics, truth, *some)
    print(markdown(rows))


def kept(folder: Path | None, name: str, make: Callable[[], pa.Table]) -> pa.Table:
    """Return the topics, from a file in the folder if they are there."""
    path = folder / f"{name}.parquet" if folder else None
    if path and path.exists():
        return pq.read_table(path)
    topics = make()
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(topics, path)
    return topics


if __name__ == "__main__":
    main()
