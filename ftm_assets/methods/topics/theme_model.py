"""Themes: all firms' topics clustered and filtered; each topic gets its theme or the reason it has none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from ftm_assets.methods.text.firm_names import firm_name_forms
from ftm_assets.methods.text.kinds import MAX_CALL_SHARE
from ftm_assets.methods.topics import published
from ftm_assets.methods.topics.graph import OUTLIER
from ftm_assets.methods.topics.keywords import class_keywords
from ftm_assets.methods.topics.published import BertopicParams
from ftm_assets.methods.topics.topic_vectors import topic_vectors
from ftm_assets.methods.vectors import as_matrix, products, unit
from ftm_assets.methods.wording import counted
from ftm_resources.tables import TABLES

Reasons = dict[int, tuple[str, str]]
"""By position, why a topic is in no theme: one of `catalogue.THEME_REASONS`, and the detail."""


@dataclass(frozen=True)
class ThemeParams:
    """Parameters of themes.

    The asset's config takes its defaults, bounds and descriptions from these fields.
    """

    method: published.Method = "graph"
    """`graph` (default), or `bertopic`, the published method with its own parameters below, which needs the extra
    `ftm[bertopic]`. `granularity`, `join_similarity`, the subsamples and `min_stability` apply only to `graph`; the
    filters `min_firms`, `max_firm_share`, `min_topics` and `max_procedural_share` apply to both."""
    min_firms: Annotated[int, Ge(1)] = 2
    """Minimum firms per theme. A `max_firm_share` below one half already requires three."""
    max_firm_share: Annotated[float, Gt(0), Le(1)] = 0.40
    """Maximum share of a theme's topics from one firm; the firm's least central topics beyond it are left out."""
    granularity: Annotated[float, Gt(0)] = 1.6
    """Higher values give more, narrower themes (see `theme_clustering`)."""
    min_topics: Annotated[int, Ge(2)] = 4
    """Minimum topics per theme; grows with the number of topics (see `theme_clustering`)."""
    join_similarity: Annotated[float, Ge(-1), Le(1)] = 0.35
    """Minimum cosine of a topic to its theme's centroid; below it a topic has no theme (see `theme_clustering`)."""
    max_procedural_share: Annotated[float, Ge(0), Le(1)] = MAX_CALL_SHARE
    """Maximum `call_share` of a topic: the mean probability that its sentences are about the call or empty. A topic
    with more is procedural and takes no part in the clustering."""
    n_keywords: Annotated[int, Ge(1)] = 10
    """Maximum keywords per theme."""
    n_central: Annotated[int, Ge(1)] = 12
    """Topics per theme shown to the namer."""
    n_subsamples: Annotated[int, Ge(2)] = 20
    """Subsamples of firms that are clustered; topics that most of them cluster together are a theme."""
    subsample_share: Annotated[float, Gt(0), Lt(1)] = 0.8
    """Share of firms in a subsample. A firm is in or out with all its topics, whichever other firms there are."""
    min_stability: Annotated[float, Ge(0), Le(1)] = 0.5
    """Minimum stability of a theme: the share of subsamples in which it comes again (see `theme_clustering`)."""
    sentence_weight: Annotated[float, Ge(0), Le(1)] = 0.35
    """Weight of a topic's sentences, by their mean, in the vector by which it is clustered; the rest is the weight of
    its name, keywords and summary. 0: these alone. Only for `graph`."""
    seed: Annotated[int, Ge(0)] = 42
    """Seed of the subsamples and of the clustering."""
    bertopic: BertopicParams = field(default_factory=BertopicParams)
    """BERTopic's own parameters. Each topic is one document: its keywords and name."""


@dataclass(frozen=True)
class ThemeModel:
    """The themes of a quarter."""

    themes: pa.Table
    """`themes` without name, description and naming method, sorted by rank."""
    central_topic_ids: list[list[str]]
    """Each theme's most central topics, spread over firms, most central first."""
    theme_topics: pa.Table
    """`theme_topics`: every input topic, sorted by id."""


@dataclass(frozen=True)
class _Topics:
    ids: list[str]
    firms: list[str]
    firm_names: list[str]
    n_sentences: NDArray[np.int64]
    keywords: list[list[str]]
    names: list[str]
    vectors: NDArray[np.float32]
    """Of the descriptions."""
    spoken: NDArray[np.float32] | None
    """Of the sentences; None if not given."""
    call_share: NDArray[np.float64]


def model_themes(
    topics: pa.Table,
    quarter: str,
    params: ThemeParams | None = None,
    embed: published.Embed | None = None,
) -> ThemeModel:
    """Return the themes of a quarter's topics.

    Topics left out by a filter, alone or with their whole cluster, keep their row in `theme_topics` with the reason.

    Parameters
    ----------
    topics : pyarrow.Table
        topic_id, firm_id, firm_name, n_sentences, keywords, name and embedding (float lists of equal length) of
        every topic of the quarter, in any order; call_share, without which no topic is procedural; and
        sentence_embedding, the mean of its sentences, without which topics are clustered by `embedding` alone.
    quarter : str
        The quarter; used in theme ids.
    params : ThemeParams, optional
        Parameters; defaults if omitted.
    embed : callable, optional
        The embedding model, for BERTopic keywords that need it (`BertopicParams.embeds_words`).

    Returns
    -------
    ThemeModel
        The themes, their most central topics, and the theme of each topic or the reason it has none.

    Raises
    ------
    MissingExtraError
        If the method is `bertopic` and its extra is not installed.
    ValueError
        If the mean of a topic's sentences is null, but has a weight.

    Examples
    --------
    >>> firms = ["1", "2", "3", "4"] * 2
    >>> topics = pa.table(
    ...     {
    ...         "topic_id": [f"2023Q1:{firm}:{i // 4:03d}" for i, firm in enumerate(firms)],
    ...         "firm_id": firms,
    ...         "firm_name": [f"Firm {firm}" for firm in firms],
    ...         "n_sentences": [12] * 8,
    ...         "keywords": [["freight"]] * 4 + [["pricing"]] * 4,
    ...         "name": ["Freight costs"] * 4 + ["Pricing"] * 4,
    ...         "embedding": [[1.0, 0.1]] * 4 + [[0.1, 1.0]] * 4,
    ...     }
    ... )
    >>> model = model_themes(topics, "2023Q1")
    >>> model.themes.select(["theme_id", "keywords", "n_firms"]).to_pylist()[0]
    {'theme_id': '2023Q1:theme:000', 'keywords': ['freight costs', 'freight'], 'n_firms': 4}
    >>> model.theme_topics.column("theme_id").null_count
    0

    """
    params = params or ThemeParams()
    given = _read(topics, params)
    labels, similarity, stability, reasons = _cluster_business(given, params)
    kept: list[list[int]] = []
    stability_of: dict[int, float] = {}
    for label in range(int(labels.max(initial=OUTLIER)) + 1):
        members = np.flatnonzero(labels == label).tolist()
        members = sorted(members, key=lambda i: (-similarity[i], i))
        if stability is not None and stability[label] < params.min_stability:
            reasons |= dict.fromkeys(members, ("unstable", _unstable(len(members), stability[label], params)))
            continue
        members, refused = _filter(members, given, params)
        reasons |= refused
        if members:
            kept.append(members)
            if stability is not None:
                stability_of[members[0]] = float(stability[label])
    kept.sort(key=lambda m: (-len(m), -int(given.n_sentences[m].sum()), given.ids[min(m)]))
    model = _result(kept, reasons, given, quarter, params, embed)
    stable = pa.array([stability_of.get(members[0]) for members in kept], pa.float64())
    return replace(model, themes=model.themes.append_column("stability", stable))


def _unstable(n: int, stability: float, params: ThemeParams) -> str:
    return (
        f"cluster of {counted(n, 'topic')}, found again in {stability:.0%} of the subsamples of firms, below "
        f"{params.min_stability:.0%}"
    )


def _cluster_business(
    topics: _Topics, params: ThemeParams
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64] | None, Reasons]:
    """Return what `_cluster` does, of the topics about the business; the others have no theme and shape none."""
    is_procedural = topics.call_share > params.max_procedural_share
    rows = np.flatnonzero(~is_procedural)
    labels, similarity = np.full(len(topics.ids), OUTLIER, dtype=np.int64), np.zeros(len(topics.ids))
    labels[rows], similarity[rows], stability, found = _cluster(topics, rows, params)
    reasons: Reasons = {int(rows[i]): why for i, why in found.items()}
    for i in np.flatnonzero(is_procedural).tolist():
        why = f"{topics.call_share[i]:.0%} about the call or empty, above {params.max_procedural_share:.0%}"
        reasons[i] = ("procedural", why)
    return labels, similarity, stability, reasons


def _cluster(
    topics: _Topics, rows: NDArray[np.int64], params: ThemeParams
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64] | None, Reasons]:
    """Return each row's theme (-1: none), its cosine to the centroid, themes' stability and reasons for outliers.

    The stability is None if the method does not measure it.
    """
    from ftm_assets.methods.topics.clustering import centrality  # noqa: PLC0415 - loads scikit-learn
    from ftm_assets.methods.topics.theme_clustering import ThemeClusterer  # noqa: PLC0415 - likewise

    if params.method == "bertopic":
        vectors = topics.vectors[rows]
        labels = published.cluster(vectors.astype(np.float64), params.bertopic, seed=params.seed)
        n, fewest = len(labels), params.bertopic.fewest_rows()
        why = "in no cluster of HDBSCAN's"
        if n < fewest:
            why = f"of {n} topics, fewer than the {fewest} that BERTopic's parameters need"
        outliers = np.flatnonzero(labels == OUTLIER).tolist()
        return labels, centrality(vectors, labels), None, dict.fromkeys(outliers, ("outlier", why))
    clusterer = ThemeClusterer(
        granularity=params.granularity,
        min_topics=params.min_topics,
        join_similarity=params.join_similarity,
        n_subsamples=params.n_subsamples,
        subsample_share=params.subsample_share,
        random_state=params.seed,
    ).fit(_clustered_by(topics, rows, params), firms=[topics.firms[i] for i in rows.tolist()])
    reasons: Reasons = {}
    for i in np.flatnonzero(clusterer.labels_ == OUTLIER).tolist():
        near = clusterer.similarity_[i]
        why = f"nearest theme at cosine {near:.2f}, below {params.join_similarity:.2f}"
        reasons[i] = ("outlier", why)
    return clusterer.labels_, clusterer.similarity_, clusterer.stability_, reasons


def _clustered_by(topics: _Topics, rows: NDArray[np.int64], params: ThemeParams) -> NDArray[np.float64]:
    """Return the vectors by which the topics at some positions are clustered; nothing else holds them."""
    spoken = None if topics.spoken is None else topics.spoken[rows]
    return topic_vectors(topics.vectors[rows], spoken, params.sentence_weight)


def _read(topics: pa.Table, params: ThemeParams) -> _Topics:
    # A table in order is taken as it is: the vectors are then views of it, not 150 MB each for 100,000 topics.
    ids = topics.column("topic_id").to_pylist()
    if ids != (in_order := sorted(ids)):
        topics, ids = topics.sort_by("topic_id"), in_order
    return _Topics(
        ids=ids,
        firms=topics.column("firm_id").to_pylist(),
        firm_names=topics.column("firm_name").to_pylist(),
        n_sentences=topics.column("n_sentences").to_numpy().astype(np.int64),
        keywords=topics.column("keywords").to_pylist(),
        names=topics.column("name").to_pylist(),
        vectors=as_matrix(topics.column("embedding")),
        spoken=_spoken(topics) if params.sentence_weight else None,
        call_share=_call_share(topics),
    )


def _spoken(topics: pa.Table) -> NDArray[np.float32] | None:
    """Return the means of the topics' sentences; None without them."""
    if "sentence_embedding" not in topics.column_names:
        return None
    means = topics.column("sentence_embedding")
    if means.null_count:
        raise ValueError(
            f"firm_topics has no embedding of {means.null_count} of {len(means)} topics: an earlier version made it. "
            "Materialize firm_topics again with everything downstream, or set sentence_weight of themes to 0"
        )
    return as_matrix(means)


def _call_share(topics: pa.Table) -> NDArray[np.float64]:
    if "call_share" not in topics.column_names:
        return np.zeros(topics.num_rows)
    return pc.fill_null(topics.column("call_share").cast(pa.float64()), 0.0).to_numpy()  # type: ignore[no-any-return]


def _filter(members: list[int], topics: _Topics, params: ThemeParams) -> tuple[list[int], Reasons]:
    """Return the members of a cluster that pass the filters (most central first), and why the others do not."""
    firms = Counter(topics.firms[i] for i in members)
    n = len(members)
    if len(firms) < params.min_firms:
        why = f"cluster of {counted(n, 'topic')} from {counted(len(firms), 'firm')}"
        return [], dict.fromkeys(members, ("few firms", why))
    remaining, refused = list(members), Reasons()
    while remaining:
        firm, count = min(firms.items(), key=lambda f: (-f[1], f[0]))
        if count <= params.max_firm_share * len(remaining):
            break
        share = firms[firm] / len(remaining)
        last = max(i for i, m in enumerate(remaining) if topics.firms[m] == firm)
        why = f"firm {firm} holds {share:.0%} of the cluster, above {params.max_firm_share:.0%}"
        refused[remaining.pop(last)] = ("dominated", why)
        firms[firm] -= 1
        if not firms[firm]:
            del firms[firm]
    if len(firms) < params.min_firms or len(remaining) < params.min_topics:
        why = f"of {n} topics, {len(remaining)} remain once no firm holds above {params.max_firm_share:.0%}"
        return [], {**dict.fromkeys(members, ("dominated", why)), **refused}
    return remaining, refused


def _result(
    kept: list[list[int]],
    reasons: Reasons,
    topics: _Topics,
    quarter: str,
    params: ThemeParams,
    embed: published.Embed | None,
) -> ThemeModel:
    ids = [f"{quarter}:theme:{rank:03d}" for rank in range(len(kept))]
    theme_of = {i: theme for theme, members in zip(ids, kept, strict=True) for i in members}
    firms = [Counter(topics.firms[i] for i in members) for members in kept]
    centroids = [unit(topics.vectors[m].astype(np.float64).mean(axis=0, keepdims=True))[0] for m in kept]
    keywords = _keywords(kept, topics, params, embed)
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
    why = [reasons.get(i, (None, None)) for i in range(len(topics.ids))]
    members = pa.table(
        {
            "topic_id": pa.array(topics.ids, pa.string()),
            "theme_id": pa.array([theme_of.get(i) for i in range(len(topics.ids))], pa.string()),
            "firm_id": pa.array(topics.firms, pa.string()),
            "reason": pa.array([kind for kind, _ in why], pa.string()),
            "detail": pa.array([detail for _, detail in why], pa.string()),
        }
    )
    central = [
        [topics.ids[i] for i in _spread(members, topics, c, params.n_central)]
        for members, c in zip(kept, centroids, strict=True)
    ]
    return ThemeModel(themes, central, TABLES["theme_topics"].conform(members, quarter=quarter))


def _keywords(
    kept: list[list[int]], topics: _Topics, params: ThemeParams, embed: published.Embed | None
) -> list[list[str]]:
    if params.method == "bertopic":
        labels = np.full(len(topics.ids), OUTLIER, dtype=np.int64)
        for theme, members in enumerate(kept):
            labels[members] = theme
        documents = [" ".join(_texts(topics, i)) for i in range(len(topics.ids))]
        vectors = topics.vectors.astype(np.float64)
        return published.keywords(
            documents, vectors, labels, params.bertopic, top_n=params.n_keywords, embed=embed
        )
    return class_keywords(
        [[text for i in members for text in _texts(topics, i)] for members in kept],
        exclude=sorted(
            {form for members in kept for i in members for form in firm_name_forms(topics.firm_names[i])}
        ),
        top_n=params.n_keywords,
    )


def _texts(topics: _Topics, i: int) -> list[str]:
    # Each keyword is a separate term: the full stop prevents phrases across keywords.
    return [f"{k}." for k in topics.keywords[i]] + [f"{topics.names[i]}."]


def _spread(members: list[int], topics: _Topics, centroid: NDArray[np.float64], n: int) -> list[int]:
    """Return the `n` most central topics: first each firm's most central one, then each firm's second, and so on."""
    similarity = products(topics.vectors[members], centroid[None])[:, 0]
    central = sorted(zip(members, similarity.tolist(), strict=True), key=lambda m: (-m[1], m[0]))
    turn: Counter[str] = Counter()
    order = []
    for rank, (i, _) in enumerate(central):
        order.append((turn[topics.firms[i]], rank, i))
        turn[topics.firms[i]] += 1
    return [i for _, _, i in sorted(order)[:n]]
