"""Themes: topics of all firms clustered across firms, filtered, each topic with its theme or the reason why not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pyarrow as pa
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from ftm_assets.methods.text.firm_names import firm_name_forms
from ftm_assets.methods.text.procedural import topic_is_procedural
from ftm_assets.methods.topics.graph import OUTLIER, products
from ftm_assets.methods.topics.keywords import class_keywords
from ftm_assets.methods.vectors import as_matrix, unit
from ftm_resources.tables import TABLES


@dataclass(frozen=True)
class ThemeParams:
    """What a researcher may choose about themes.

    Default, bound and docstring of each field are also those of the asset's config.
    """

    min_firms: Annotated[int, Ge(1)] = 2
    """Firms in a theme at least. `max_firm_share` below one half asks for three already."""
    max_firm_share: Annotated[float, Gt(0), Le(1)] = 0.40
    """Share of a theme's topics from one firm at most; the least central ones of a firm above it are left out."""
    granularity: Annotated[float, Gt(0)] = 1.6
    """Themes aimed at: this times the square root of the number of topics (see `theme_clustering`)."""
    min_topics: Annotated[int, Ge(2)] = 4
    """Topics in a theme at least; grows with the number of topics (see `theme_clustering`)."""
    join_similarity: Annotated[float, Ge(-1), Le(1)] = 0.35
    """Cosine to a theme's centroid below which a topic is in no theme (see `theme_clustering`)."""
    max_procedural_share: Annotated[float, Ge(0), Le(1)] = 0.5
    """Share of a theme's topics named by words of the call itself, above which it is procedural."""
    n_keywords: Annotated[int, Ge(1)] = 10
    """Keywords per theme at most."""
    n_central: Annotated[int, Ge(1)] = 12
    """Topics that the namer is shown per theme."""
    seed: Annotated[int, Ge(0)] = 42
    """Seed of the clustering."""


@dataclass(frozen=True)
class ThemeModel:
    """The themes of a quarter."""

    themes: pa.Table
    """`themes` without name, description and naming method; by rank."""
    central_topic_ids: list[list[str]]
    """Per theme its most central topics, spread over firms, best first."""
    theme_topics: pa.Table
    """`theme_topics`: every topic given, sorted by id."""


@dataclass(frozen=True)
class _Topics:
    ids: list[str]
    firms: list[str]
    firm_names: list[str]
    n_sentences: NDArray[np.int64]
    keywords: list[list[str]]
    names: list[str]
    vectors: NDArray[np.float64]


def model_themes(topics: pa.Table, quarter: str, params: ThemeParams | None = None) -> ThemeModel:
    """Return the themes of a quarter's topics.

    `topics` has topic_id, firm_id, firm_name, n_sentences, keywords, name and embedding (equally long lists of
    float), in any order. Clusters that fail a filter, and the topics that a filter leaves out, keep their row
    in `theme_topics` with the reason.
    """
    from ftm_assets.methods.topics.theme_clustering import ThemeClusterer  # noqa: PLC0415 - loads scikit-learn

    params = params or ThemeParams()
    given = _read(topics)
    clusterer = ThemeClusterer(
        granularity=params.granularity,
        min_topics=params.min_topics,
        join_similarity=params.join_similarity,
        random_state=params.seed,
    ).fit(given.vectors)
    reasons: dict[int, str] = {}
    for i in np.flatnonzero(clusterer.labels_ == OUTLIER):
        near = clusterer.similarity_[i]
        reasons[int(i)] = f"outlier: nearest theme at cosine {near:.2f}, below {params.join_similarity:.2f}"
    kept: list[list[int]] = []
    for label in range(int(clusterer.labels_.max(initial=OUTLIER)) + 1):
        members = np.flatnonzero(clusterer.labels_ == label).tolist()
        members = sorted(members, key=lambda i: (-clusterer.similarity_[i], i))
        members, refused = _filter(members, given, params)
        reasons |= refused
        if members:
            kept.append(members)
    kept.sort(key=lambda m: (-len(m), -int(given.n_sentences[m].sum()), given.ids[min(m)]))
    return _result(kept, reasons, given, quarter, params)


def _read(topics: pa.Table) -> _Topics:
    topics = topics.sort_by("topic_id")
    return _Topics(
        ids=topics.column("topic_id").to_pylist(),
        firms=topics.column("firm_id").to_pylist(),
        firm_names=topics.column("firm_name").to_pylist(),
        n_sentences=topics.column("n_sentences").to_numpy().astype(np.int64),
        keywords=topics.column("keywords").to_pylist(),
        names=topics.column("name").to_pylist(),
        vectors=as_matrix(topics.column("embedding")).astype(np.float64),
    )


def _filter(members: list[int], topics: _Topics, params: ThemeParams) -> tuple[list[int], dict[int, str]]:
    """Return what remains of a cluster (most central first), and the reasons of what does not."""
    firms = Counter(topics.firms[i] for i in members)
    n = len(members)
    if len(firms) < params.min_firms:
        return [], dict.fromkeys(members, f"few firms: cluster of {n} topics from {len(firms)} firms")
    procedural = sum(topic_is_procedural(topics.keywords[i], topics.names[i]) for i in members)
    if procedural > params.max_procedural_share * n:
        return [], dict.fromkeys(members, f"procedural: {procedural} of {n} topics are about the call itself")
    remaining, refused = list(members), {}
    while remaining:
        firm, count = min(firms.items(), key=lambda f: (-f[1], f[0]))
        if count <= params.max_firm_share * len(remaining):
            break
        share = firms[firm] / len(remaining)
        last = max(i for i, m in enumerate(remaining) if topics.firms[m] == firm)
        refused[remaining.pop(last)] = (
            f"dominated: firm {firm} holds {share:.0%} of the cluster, above {params.max_firm_share:.0%}"
        )
        firms[firm] -= 1
        if not firms[firm]:
            del firms[firm]
    if len(firms) < params.min_firms or len(remaining) < params.min_topics:
        why = f"dominated: of {n} topics, {len(remaining)} remain once no firm holds above {params.max_firm_share:.0%}"
        return [], {**dict.fromkeys(members, why), **refused}
    return remaining, refused


def _result(
    kept: list[list[int]], reasons: dict[int, str], topics: _Topics, quarter: str, params: ThemeParams
) -> ThemeModel:
    ids = [f"{quarter}:theme:{rank:03d}" for rank in range(len(kept))]
    theme_of = {i: theme for theme, members in zip(ids, kept, strict=True) for i in members}
    firms = [Counter(topics.firms[i] for i in members) for members in kept]
    centroids = [unit(topics.vectors[members].mean(axis=0, keepdims=True))[0] for members in kept]
    keywords = class_keywords(
        [[text for i in members for text in _texts(topics, i)] for members in kept],
        exclude=sorted(
            {form for members in kept for i in members for form in firm_name_forms(topics.firm_names[i])}
        ),
        top_n=params.n_keywords,
    )
    contract = TABLES["themes"]
    themes = pa.table(
        {
            "theme_id": pa.array(ids, pa.string()),
            "keywords": pa.array(keywords, contract.column("keywords").type),
            "n_topics": pa.array([len(m) for m in kept], pa.int32()),
            "n_firms": pa.array([len(f) for f in firms], pa.int32()),
            "n_sentences": pa.array([int(topics.n_sentences[m].sum()) for m in kept], pa.int32()),
            "largest_firm_share": pa.array(
                [max(f.values()) / len(m) for f, m in zip(firms, kept, strict=True)], pa.float64()
            ),
            "embedding": pa.array(
                [c.astype(np.float32) for c in centroids], contract.column("embedding").type
            ),
        }
    )
    members = pa.table(
        {
            "topic_id": pa.array(topics.ids, pa.string()),
            "theme_id": pa.array([theme_of.get(i) for i in range(len(topics.ids))], pa.string()),
            "firm_id": pa.array(topics.firms, pa.string()),
            "reason": pa.array([reasons.get(i) for i in range(len(topics.ids))], pa.string()),
        }
    )
    central = [
        [topics.ids[i] for i in _spread(members, topics, c, params.n_central)]
        for members, c in zip(kept, centroids, strict=True)
    ]
    return ThemeModel(themes, central, TABLES["theme_topics"].conform(members, quarter=quarter))


def _texts(topics: _Topics, i: int) -> list[str]:
    # Keywords are terms of their own: a full stop keeps phrases from running across them.
    return [f"{k}." for k in topics.keywords[i]] + [f"{topics.names[i]}."]


def _spread(members: list[int], topics: _Topics, centroid: NDArray[np.float64], n: int) -> list[int]:
    """Return the most central topics: each firm's best first, then each firm's second, and so on."""
    similarity = products(topics.vectors[members], centroid[None])[:, 0]
    central = sorted(zip(members, similarity.tolist(), strict=True), key=lambda m: (-m[1], m[0]))
    turn: Counter[str] = Counter()
    order = []
    for rank, (i, _) in enumerate(central):
        order.append((turn[topics.firms[i]], rank, i))
        turn[topics.firms[i]] += 1
    return [i for _, _, i in sorted(order)[:n]]
