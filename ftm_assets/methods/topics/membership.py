"""Which sentences of a theme's topics speak of the theme: their strengths, and which are members.

A topic joins a theme as a whole, but not each of its sentences speaks of the theme. Belongs here: the strength of a
sentence in a theme and the bounds above which it is a member; `theme_coherence` judges whole themes. Memory beyond a
block of sentences: one vector per topic and theme. The bounds were measured on 564 labelled pairs of a sentence and a
theme: see docs/labelling.md, and `python -m benchmarks.membership`, which also compares other strengths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pyarrow as pa
from annotated_types import Ge, Le

from ftm_assets.methods.topics.theme_coherence import CORE, WEAK
from ftm_assets.methods.vectors import DIGITS, FEWEST_TO_CENTRE, centred, finite_rows, products, unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NONE = -1
"""The index of no topic, or no theme."""


@dataclass(frozen=True)
class MembershipParams:
    """Parameters of membership.

    The asset's config takes its defaults, bounds and descriptions from these fields.
    """

    min_strength: Annotated[float, Ge(-1), Le(1)] = 0.28
    """Minimum strength of a member: its similarity to the theme. Higher: fewer sentences, more of which speak of the
    theme."""
    min_margin: Annotated[float, Ge(-2), Le(0)] = -0.15
    """Minimum of a member's strength less that in the most similar other theme: a sentence that is clearly more like
    another theme does not count. -2: no such bound."""
    min_member_share: Annotated[float, Ge(0), Le(1)] = 0.2
    """A topic of which a smaller share of sentences is strong and near enough is mixed: none of them counts."""
    min_coherence: Annotated[float, Ge(-1), Le(1)] = WEAK
    """A theme of less coherence has no members. -1: no such bound."""
    description_weight: Annotated[float, Ge(0), Le(1)] = 0.5
    """Weight of the similarity to the names and summaries of the theme's topics; the rest is the weight of the
    similarity to their sentences."""
    turn_weight: Annotated[float, Ge(0), Le(1)] = 0.25
    """Weight of the sentences before and after in the same speaker turn and topic, which are added to a sentence's
    vector. 0: each sentence by itself."""
    count_second: bool = False
    """Whether a sentence also counts in the most similar other theme, if it is at least as near as its own. Such rows
    are always reported (`is_second`). With it, a sentence may count twice in a quarter."""


@dataclass(frozen=True)
class Sentences:
    """Sentences of some firms, in the order of turns and positions."""

    ids: list[str]
    firms: list[str]
    turns: list[str]
    positions: Ints
    topics: Ints
    """Index of each sentence's topic, NONE if it has none; int64 (n,)."""
    embeddings: NDArray[np.floating]
    """(n, d), of any length."""


def in_topic_context(sentences: Sentences, weight: float) -> Floats:
    """Return each sentence's unit vector plus `weight` times those before and after, at unit length: float64 (n, d).

    Neighbours count if they are next to it in the same turn and of the same topic: a sentence such as "It was well
    above plan" takes its subject from them.

    Raises ValueError if a row is not finite.
    """
    alone = unit(finite_rows(sentences.embeddings))
    if not weight or len(alone) < 2:
        return alone
    turns = np.asarray(sentences.turns, dtype=object)
    places, topics = sentences.positions, sentences.topics
    together = (turns[1:] == turns[:-1]) & (places[1:] == places[:-1] + 1)
    together &= (topics[1:] == topics[:-1]) & (topics[1:] != NONE)
    blended = alone.copy()
    blended[1:] += weight * alone[:-1] * together[:, None]
    blended[:-1] += weight * alone[1:] * together[:, None]
    return unit(blended)


@dataclass
class TopicMeans:
    """Sums of the sentences of each topic, to which firms are added in any groups."""

    n_topics: int
    _sums: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    _counts: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def add(self, context: Floats, topics: Ints) -> None:
        """Add sentences, their vectors in context (n, d), and the index of their topics (n,)."""
        if not self._sums.size:
            self._sums = np.zeros((self.n_topics, context.shape[1]))
            self._counts = np.zeros(self.n_topics, dtype=np.int64)
        inside = topics != NONE
        np.add.at(self._sums, topics[inside], context[inside])  # one by one: the same sum in any grouping
        self._counts += np.bincount(topics[inside], minlength=self.n_topics)

    def mean(self) -> Floats:
        """Return the mean of all sentences in a topic, (d,), to six decimals; zero for few topics."""
        if self.n_topics < FEWEST_TO_CENTRE:
            return np.zeros(self._sums.shape[1])
        mean: Floats = np.round(self._sums.sum(axis=0) / max(int(self._counts.sum()), 1), DIGITS)
        return mean

    def centred(self) -> Floats:
        """Return the mean of each topic's sentences less `mean()`, at unit length: (topics, d)."""
        means = self._sums / np.maximum(self._counts, 1)[:, None]
        return unit(np.round(means - self.mean(), DIGITS))


@dataclass(frozen=True)
class Profiles:
    """What sentences are compared with."""

    mean: Floats
    """The quarter's mean, (d,): subtracted from sentences."""
    topics: Floats
    """The direction of each topic's sentences, (topics, d), unit length."""
    themes: Floats
    """Per theme, the weighted mean of the directions of its topics' sentences and descriptions, (themes, d)."""
    theme_of_topic: Ints
    """Index of each topic's theme, NONE if it has none; (topics,)."""


def build_profiles(
    means: TopicMeans, descriptions: NDArray[np.floating], theme_of_topic: Ints, description_weight: float
) -> Profiles:
    """Return the profiles of the topics and themes.

    A theme's topics count alike, so that no firm outweighs the others by speaking more.

    Parameters
    ----------
    means : TopicMeans
        With the sentences of all topics of the quarter added.
    descriptions : ndarray of shape (topics, d)
        Embedding of each topic's name and summary, by the model of the sentences.
    theme_of_topic : ndarray of shape (topics,)
        Index of each topic's theme from 0 without gaps, NONE if it has none.
    description_weight : float
        Weight of the descriptions in a theme, from 0 to 1.

    """
    spoken, described = means.centred(), centred(descriptions)
    n_themes, inside = int(theme_of_topic.max(initial=NONE)) + 1, theme_of_topic != NONE
    both = []
    for vectors in (spoken, described):
        sums = np.zeros((n_themes, vectors.shape[1]))
        np.add.at(sums, theme_of_topic[inside], vectors[inside])
        both.append(unit(sums))
    # The mean of two cosines with the same vector is its product with the mean of the two directions.
    themes = (1 - description_weight) * both[0] + description_weight * both[1]
    return Profiles(means.mean(), spoken, themes, theme_of_topic)


@dataclass(frozen=True)
class Strengths:
    """How strongly sentences in placed topics belong to themes: arrays of length n, to six decimals."""

    rows: Ints
    """Position of each in the input."""
    own: Floats
    """In the theme of its topic."""
    other: Floats
    """In the most similar other theme; NaN with one theme."""
    nearest_other: Ints
    """Index of that theme; NONE with one theme."""
    in_topic: Floats
    """Cosine to the mean of its topic."""


def strengths(context: Floats, topics: Ints, profiles: Profiles, *, block: int = 8_192) -> Strengths:
    """Return the strengths of the sentences whose topic is in a theme.

    `context` (n, d) and `topics` (n,) are those of `in_topic_context`; at most `block` times the number of themes
    products are held at a time.
    """
    rows = np.flatnonzero(topics != NONE)
    rows = rows[profiles.theme_of_topic[topics[rows]] != NONE]
    centred = unit(np.round(context[rows] - profiles.mean, DIGITS))
    theme, n_themes = profiles.theme_of_topic[topics[rows]], len(profiles.themes)
    own, other = np.empty(len(rows)), np.full(len(rows), np.nan)
    nearest = np.full(len(rows), NONE, dtype=np.int64)
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        similarity = products(centred[part], profiles.themes)
        each = np.arange(len(similarity))
        own[part] = similarity[each, theme[part]]
        if n_themes > 1:
            similarity[each, theme[part]] = -np.inf
            nearest[part] = similarity.argmax(axis=1)
            other[part] = similarity[each, nearest[part]]
    within = np.einsum("ij,ij->i", centred, profiles.topics[topics[rows]])  # no BLAS: fixed order of addition
    return Strengths(rows, np.clip(own, -1, 1), np.clip(other, -1, 1), nearest, np.round(within, DIGITS))


def firm_rows(
    sentences: Sentences,
    found: Strengths,
    profiles: Profiles,
    topic_ids: Sequence[str],
    theme_ids: Sequence[str],
    params: MembershipParams,
) -> tuple[pa.Table, pa.Table]:
    """Return the rows of whole firms in `theme_sentences` and `topic_coherence`, without the quarter.

    `found` are the strengths of `sentences`; `topic_ids` and `theme_ids` name the indices. A sentence is a member if
    it is at least `min_strength` strong, no other theme is nearer by more than `-min_margin`, and at least
    `min_member_share` of its topic's sentences are so. Each sentence of a placed topic has a row in its theme; a second
    row if another theme is at least as near, and strong enough.

    Returns
    -------
    theme_sentences : pyarrow.Table
        In the order of the sentences, the row of the sentence's own theme first.
    topic_coherence : pyarrow.Table
        Sorted by topic.

    """
    topics = sentences.topics[found.rows]
    themes = profiles.theme_of_topic[topics]
    margin = np.round(found.own - found.other, DIGITS)
    strong = found.own >= params.min_strength
    near = np.isnan(margin) | (margin >= params.min_margin)
    present, place = np.unique(topics, return_inverse=True)
    sizes = np.bincount(place, minlength=len(present)).astype(np.int64)
    share = _means(strong & near, place, sizes)
    mixed = share < params.min_member_share
    member = strong & near & ~mixed[place]
    core = (found.own >= CORE) & (np.isnan(margin) | (margin >= 0))
    core_sizes = np.bincount(place, weights=core, minlength=len(present)).astype(np.int64)
    core_strength = _means(np.where(core, found.own, 0), place, core_sizes)
    why = np.select([~strong, ~near, mixed[place]], ["weak", "nearer another", "mixed topic"], default="")
    second = ~np.isnan(margin) & (margin <= 0) & (found.other >= params.min_strength)
    own_rows = _theme_sentences(
        sentences, found.rows, topics, topic_ids,
        themes=[theme_ids[i] for i in themes.tolist()], strength=found.own, margin=margin,
        is_member=member, is_second=np.zeros(len(member), dtype=bool), reason=[w or None for w in why.tolist()],
    )  # fmt: skip
    counted = np.full(int(second.sum()), params.count_second)
    second_rows = _theme_sentences(
        sentences, found.rows[second], topics[second], topic_ids,
        themes=[theme_ids[i] for i in found.nearest_other[second].tolist()], strength=found.other[second],
        margin=-margin[second], is_member=counted, is_second=np.ones(len(counted), dtype=bool),
        reason=[None if params.count_second else "second theme"] * len(counted),
    )  # fmt: skip
    order = np.argsort(
        np.concatenate([found.rows * 2, found.rows[second] * 2 + 1]), kind="stable"
    )  # a sentence's second row after its own
    n_members = np.bincount(place, weights=member, minlength=len(present)).astype(np.int32)
    coherence = pa.table(
        {
            "topic_id": pa.array([topic_ids[i] for i in present.tolist()], pa.string()),
            "theme_id": pa.array(
                [theme_ids[i] for i in profiles.theme_of_topic[present].tolist()], pa.string()
            ),
            "firm_id": pa.array(_firsts(sentences.firms, found.rows, place, len(present)), pa.string()),
            "n_sentences": pa.array(sizes.astype(np.int32)),
            "n_members": pa.array(n_members),
            "near_share": pa.array(share),
            "member_share": pa.array(n_members / np.maximum(sizes, 1)),
            "coherence": pa.array(np.round(_means(found.in_topic, place, sizes), DIGITS)),
            "mean_strength": pa.array(np.round(_means(found.own, place, sizes), DIGITS)),
            "core_strength": pa.array(np.round(core_strength, DIGITS), mask=core_sizes == 0),
            "is_mixed": pa.array(mixed),
        }
    )
    return pa.concat_tables([own_rows, second_rows]).take(pa.array(order)), coherence.sort_by("topic_id")


def _theme_sentences(
    sentences: Sentences,
    rows: Ints,
    topics: Ints,
    topic_ids: Sequence[str],
    *,
    themes: Sequence[str],
    strength: Floats,
    margin: Floats,
    is_member: NDArray[np.bool_],
    is_second: NDArray[np.bool_],
    reason: Sequence[str | None],
) -> pa.Table:
    return pa.table(
        {
            "theme_id": pa.array(themes, pa.string()),
            "sentence_id": pa.array([sentences.ids[i] for i in rows.tolist()], pa.string()),
            "topic_id": pa.array([topic_ids[i] for i in topics.tolist()], pa.string()),
            "firm_id": pa.array([sentences.firms[i] for i in rows.tolist()], pa.string()),
            "strength": pa.array(strength),
            "margin": pa.array(margin, from_pandas=True),  # NaN: null
            "is_member": pa.array(is_member),
            "is_second": pa.array(is_second),
            "reason": pa.array(reason, pa.string()),
        }
    )


def _means(values: NDArray[np.generic], place: Ints, sizes: Ints) -> Floats:
    sums = np.bincount(place, weights=values.astype(np.float64), minlength=len(sizes))
    means: Floats = sums / np.maximum(sizes, 1)
    return means


def _firsts(values: Sequence[str], rows: Ints, place: Ints, n: int) -> list[str]:
    first = np.zeros(n, dtype=np.int64)
    first[place[::-1]] = rows[::-1]
    return [values[i] for i in first.tolist()]
