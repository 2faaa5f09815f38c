"""Topics of one firm's quarter: its sentences clustered, each topic with keywords and representative sentences.

Belongs here: one firm's rows of `firm_topics`, `sentence_topics` and `firm_status`. `clustering` clusters sentences,
`keywords` chooses keywords; the asset loops over firms.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import fsum
from typing import TYPE_CHECKING, Annotated, TypedDict

import numpy as np
import pyarrow as pa
from annotated_types import Ge, Gt, Le

from ftm_assets.methods.topics import published
from ftm_assets.methods.topics.graph import OUTLIER
from ftm_assets.methods.topics.keywords import class_keywords
from ftm_assets.methods.topics.published import BertopicParams
from ftm_assets.methods.vectors import SCALE, as_lists, finite_rows, unit
from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.topics.clustering import GraphClusterer


@dataclass(frozen=True)
class FirmParams:
    """Parameters of a firm's topics; `clustering.GraphClusterer` documents those it takes.

    The asset's config takes its defaults, bounds and descriptions from these fields.
    """

    method: published.Method = "graph"
    """`graph` (default), or `bertopic`, the published method with its own parameters below, which needs the extra
    `ftm[bertopic]`. Of the other parameters, only `seed`, `min_sentences`, `n_keywords` and those for representative
    sentences apply to `bertopic`."""
    sentences_per_topic: Annotated[float, Gt(0)] = 16
    """Target number of sentences per topic. Doubling it roughly halves a firm's topics."""
    usual_topics: Annotated[int, Ge(0)] = 22
    """Target number of topics for shorter calls, as long as each topic keeps at least 11/16 of `sentences_per_topic`
    (11 by default). 0: only `sentences_per_topic` decides."""
    max_topics: Annotated[int, Ge(1)] = 30
    """Maximum topics per firm."""
    min_topic_sentences: Annotated[int, Ge(1)] = 5
    """Minimum sentences per topic. A smaller group joins its nearest topic or is left out."""
    join_similarity: Annotated[float, Ge(-1), Le(1)] = 0.35
    """Minimum cosine for a group that is too small to join a topic; below it, its sentences are outliers."""
    n_neighbors: Annotated[int, Ge(1)] = 7
    """Nearest neighbours of each sentence in the graph."""
    turn_weight: Annotated[float, Ge(0), Le(1)] = 0.25
    """Before clustering, the vectors of the sentences before and after in the same speaker turn are added to a
    sentence's vector with this weight (see `in_context`). 0: each sentence by itself. With `bertopic` this applies
    only to a topic's `embedding`."""
    seed: Annotated[int, Ge(0)] = 42
    """Seed of the clustering."""
    min_sentences: Annotated[int, Ge(1)] = 5
    """A firm with fewer non-procedural sentences is `too_small` and gets no topics."""
    n_keywords: Annotated[int, Ge(1)] = 10
    """Maximum keywords per topic."""
    n_representatives: Annotated[int, Ge(1)] = 5
    """Maximum representative sentences per topic."""
    min_representative_words: Annotated[int, Ge(0)] = 8
    """Minimum words in a representative sentence; ignored if the topic has no sentence of suitable length."""
    max_representative_words: Annotated[int, Ge(1)] = 60
    """Maximum words in a representative sentence; ignored if the topic has no sentence of suitable length."""
    bertopic: BertopicParams = field(default_factory=BertopicParams)
    """BERTopic's own parameters."""

    @property
    def fewest_sentences(self) -> int:
        """Minimum sentences; a firm with fewer is `too_small`."""
        needed = self.bertopic.fewest_rows() if self.method == "bertopic" else 0
        return max(self.min_sentences, needed)

    def clusterer(self) -> GraphClusterer:
        """Return the clusterer with these parameters."""
        from ftm_assets.methods.topics.clustering import GraphClusterer  # noqa: PLC0415 - loads scikit-learn

        return GraphClusterer(
            n_neighbors=self.n_neighbors,
            sentences_per_topic=self.sentences_per_topic,
            usual_topics=self.usual_topics,
            max_topics=self.max_topics,
            min_size=self.min_topic_sentences,
            join_similarity=self.join_similarity,
            random_state=self.seed,
        )


class FirmStatus(TypedDict):
    """A row of `firm_status` without `seconds`, which the caller measures."""

    firm_id: str
    status: str
    reason: str | None
    n_sentences: int
    n_topics: int
    outlier_share: float
    quarter: str


@dataclass(frozen=True)
class FirmResult:
    """The outcome for one firm, as rows of the tables with these names."""

    firm_topics: pa.Table
    """Sorted by topic."""
    sentence_topics: pa.Table
    """Every input sentence, sorted by id."""
    status: FirmStatus


def in_context(embeddings: NDArray[np.floating], turns: Sequence[str], weight: float) -> NDArray[np.float64]:
    """Return each vector plus `weight` times the unit vectors before and after it in the same turn, at unit length.

    `embeddings` (n, d) are in spoken order, `turns` gives the speaker turn of each; returns float64 (n, d). A sentence
    such as "It was well above what we had planned" takes its subject from its neighbours. On five calls whose 1,371
    sentences were labelled one by one in shuffled order (so labels cannot depend on neighbours), a weight of 0.25
    raises the agreement of topics with the labels (ARI) from 0.32 to 0.40; for pairs of sentences in different
    turns and more than five apart, it raises F1 from 0.33 to 0.37. See docs/benchmarks.md.

    Raises ValueError if a row is not finite.

    Examples
    --------
    >>> spoken = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> in_context(spoken, ["turn 1", "turn 1", "turn 2"], weight=0.25).round(2).tolist()
    [[0.97, 0.24], [0.24, 0.97], [0.0, 1.0]]

    """
    alone = unit(finite_rows(embeddings))
    if not weight or len(alone) < 2:
        return alone
    names = np.asarray(turns, dtype=object)
    together = (names[1:] == names[:-1])[:, None]
    blended = alone.copy()
    blended[1:] += weight * alone[:-1] * together
    blended[:-1] += weight * alone[1:] * together
    return unit(blended)


def cluster(
    embeddings: NDArray[np.floating], turns: Sequence[str], positions: Sequence[int], params: FirmParams
) -> NDArray[np.int64]:
    """Return the topic of each sentence, int64 (n,), numbered by size from 0, -1 for none.

    Arguments are those of `model_firm`. BERTopic clusters each sentence by itself, as published; its labels may
    depend on row order.

    Raises ValueError naming the first row of `embeddings` that is not finite.
    """
    return _cluster(embeddings, *_as_spoken(embeddings, turns, positions, params.turn_weight), params)


def _cluster(
    embeddings: NDArray[np.floating],
    spoken: NDArray[np.int64],
    context: NDArray[np.float64],
    params: FirmParams,
) -> NDArray[np.int64]:
    if params.method == "bertopic":
        return published.cluster(embeddings, params.bertopic, seed=params.seed)
    labels = np.empty(len(spoken), dtype=np.int64)
    labels[spoken] = params.clusterer().fit(context).labels_
    return labels


def _as_spoken(
    embeddings: NDArray[np.floating], turns: Sequence[str], positions: Sequence[int], weight: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the rows in the order in which they were spoken, and in that order their vectors (see `in_context`)."""
    rows = finite_rows(embeddings)  # before a bad row is blended into its neighbours
    spoken = np.array(sorted(range(len(turns)), key=lambda i: (turns[i], positions[i])), dtype=np.int64)
    return spoken, in_context(rows[spoken], [turns[i] for i in spoken], weight)


def model_firm(
    sentence_ids: Sequence[str],
    texts: Sequence[str],
    embeddings: NDArray[np.floating],
    *,
    turns: Sequence[str],
    positions: Sequence[int],
    not_business: Sequence[float] | None = None,
    firm_id: str,
    firm_names: Iterable[str],
    quarter: str,
    params: FirmParams | None = None,
    embed: published.Embed | None = None,
) -> FirmResult:
    """Return the topics of one firm's non-procedural sentences.

    The order of sentences does not matter: they are first sorted by id. With fewer than `params.fewest_sentences`
    the status is `too_small`. If no sentence falls into a topic the status is `failed`, or `too_small` for BERTopic.
    In both cases every sentence still has a row, without a topic.

    Parameters
    ----------
    sentence_ids, texts : sequence of str
        The n ≥ 0 sentences.
    embeddings : ndarray of shape (n, d)
        One vector per sentence, of any length and real dtype.
    turns, positions : sequence
        The speaker turn (component) of each sentence and its position in that turn.
    not_business : sequence of float, optional
        The probability that each sentence is not about the business (see `text.kinds`); 0 if omitted.
    firm_id, quarter : str
        Firm and quarter of the sentences; used in topic ids.
    firm_names : iterable of str
        Names to keep out of the keywords; see `firm_names.known_names`.
    params : FirmParams, optional
        Parameters; defaults if omitted.
    embed : callable, optional
        The embedding model, for BERTopic keywords that need it (`BertopicParams.embeds_words`).

    Returns
    -------
    FirmResult
        Rows of `firm_topics`, `sentence_topics` and `firm_status`.

    Raises
    ------
    ValueError
        If lengths differ, an id occurs twice, or an embedding is not finite.
    MissingExtraError
        If the method is `bertopic` and its extra is not installed.

    Examples
    --------
    >>> texts = [f"Tire prices rose {i} percent." for i in range(12)]
    >>> texts += [f"Freight is {i} percent cheaper." for i in range(10)]
    >>> result = model_firm(
    ...     [f"s{i:02d}" for i in range(22)],
    ...     texts,
    ...     np.repeat([[1.0, 0.1], [0.1, 1.0]], [12, 10], axis=0),
    ...     turns=["turn"] * 22,
    ...     positions=range(22),
    ...     firm_id="24171",
    ...     firm_names=["Monro"],
    ...     quarter="2023Q1",
    ...     params=FirmParams(sentences_per_topic=11),
    ... )
    >>> result.firm_topics.select(["topic_id", "n_sentences", "keywords"]).to_pylist()[0]
    {'topic_id': '2023Q1:24171:000', 'n_sentences': 12, 'keywords': ['prices rose', 'tire prices']}
    >>> result.status["status"]
    'ok'

    """
    from ftm_assets.methods.topics.clustering import centrality  # noqa: PLC0415 - loads scikit-learn

    params = params or FirmParams()
    doubt = dict(zip(sentence_ids, not_business or [0.0] * len(sentence_ids), strict=True))
    ids, texts, embeddings, turns, positions = _sorted(
        firm_id, sentence_ids, texts, embeddings, turns, positions
    )
    labels, strength = np.full(len(ids), OUTLIER, dtype=np.int64), np.zeros(len(ids))
    spoken, context = _as_spoken(embeddings, turns, positions, params.turn_weight)
    if len(ids) >= params.fewest_sentences:
        labels = _cluster(embeddings, spoken, context, params)
        strength = centrality(embeddings, labels)
    topic_ids = [f"{quarter}:{firm_id}:{rank:03d}" for rank in range(labels.max(initial=OUTLIER) + 1)]
    members = [np.flatnonzero(labels == rank) for rank in range(len(topic_ids))]
    if params.method == "bertopic":
        keywords = published.keywords(
            texts, embeddings, labels, params.bertopic, top_n=params.n_keywords, embed=embed
        )
    else:
        keywords = class_keywords(
            [[texts[i] for i in rows] for rows in members],
            exclude=firm_names,
            top_n=params.n_keywords,
        )
    representatives = [_representatives(rows, texts, strength, params) for rows in members]
    firm_topics = {
        "topic_id": topic_ids,
        "firm_id": [firm_id] * len(topic_ids),
        "local_topic": range(len(topic_ids)),
        "n_sentences": [len(rows) for rows in members],
        "keywords": keywords,
        "representative_sentence_ids": [[ids[i] for i in rows] for rows in representatives],
        "call_share": [round(fsum(doubt[ids[i]] for i in rows) / len(rows), 6) for rows in members],
        "embedding": as_lists(_means(context, labels[spoken])),
        "quarter": [quarter] * len(topic_ids),
    }
    sentence_topics = {
        "sentence_id": ids,
        "firm_id": [firm_id] * len(ids),
        "topic_id": [topic_ids[label] if label != OUTLIER else None for label in labels.tolist()],
        "strength": strength,
        "quarter": [quarter] * len(ids),
    }
    return FirmResult(
        pa.table(firm_topics, schema=TABLES["firm_topics"].arrow_schema),
        pa.table(sentence_topics, schema=TABLES["sentence_topics"].arrow_schema),
        _status(firm_id, quarter, labels, params),
    )


def _means(context: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the mean of each topic's sentences in context at unit length, float32 (topics, d)."""
    inside = np.flatnonzero(labels != OUTLIER)
    members = np.zeros((int(labels.max(initial=OUTLIER)) + 1, len(labels)))
    members[labels[inside], inside] = 1
    sums = members @ np.rint(context * SCALE) + 0.0  # whole numbers: the same in any order; no negative zero
    return unit(sums).astype(np.float32)


def _sorted(
    firm_id: str,
    sentence_ids: Sequence[str],
    texts: Sequence[str],
    embeddings: NDArray[np.floating],
    turns: Sequence[str],
    positions: Sequence[int],
) -> tuple[list[str], list[str], NDArray[np.floating], list[str], list[int]]:
    lengths = [len(x) for x in (sentence_ids, texts, embeddings, turns, positions)]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"firm {firm_id}: {lengths[0]} sentence ids, {lengths[1]} texts, {lengths[2]} embeddings, "
            f"{lengths[3]} turns and {lengths[4]} positions"
        )
    order = sorted(range(len(sentence_ids)), key=sentence_ids.__getitem__)
    ids = [sentence_ids[i] for i in order]
    if twice := [i for i, n in Counter(ids).items() if n > 1]:
        raise ValueError(f"firm {firm_id}: sentence {twice[0]!r} occurs more than once")
    return (
        ids,
        [texts[i] for i in order],
        embeddings[np.array(order, dtype=np.int64)],
        [turns[i] for i in order],
        [positions[i] for i in order],
    )


def _representatives(
    rows: NDArray[np.int64], texts: Sequence[str], strength: NDArray[np.float64], params: FirmParams
) -> list[int]:
    """Return the most central sentences, most central first and without repeats, of readable length if possible."""
    central = sorted(rows.tolist(), key=lambda i: (-strength[i], i))
    low, high = params.min_representative_words, params.max_representative_words
    readable = [i for i in central if low <= len(texts[i].split()) <= high]
    by_text: dict[str, int] = {}
    for i in readable or central:
        by_text.setdefault(" ".join(texts[i].casefold().split()), i)
    return list(by_text.values())[: params.n_representatives]


def _status(firm_id: str, quarter: str, labels: NDArray[np.int64], params: FirmParams) -> FirmStatus:
    n, n_topics = len(labels), int(labels.max(initial=OUTLIER)) + 1
    status, reason = "ok", None
    if n < params.min_sentences:
        status, reason = "too_small", f"{n} sentences, fewer than min_sentences = {params.min_sentences}"
    elif n < params.fewest_sentences:
        why = f"{n} sentences, fewer than the {params.fewest_sentences} that BERTopic's parameters need"
        status, reason = "too_small", why
    elif n_topics == 0 and params.method == "bertopic":
        size = params.bertopic.min_cluster_size
        why = f"HDBSCAN finds no two clusters of min_cluster_size = {size} in {n} sentences"
        status, reason = "too_small", why
    elif n_topics == 0:
        status, reason = "failed", "no sentence is in a topic: all embeddings are zero"
    return FirmStatus(
        firm_id=firm_id,
        status=status,
        reason=reason,
        n_sentences=n,
        n_topics=n_topics,
        outlier_share=float((labels == OUTLIER).mean()) if n else 0.0,
        quarter=quarter,
    )
