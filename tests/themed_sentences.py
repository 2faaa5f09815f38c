"""Firms whose sentences speak of themes, some of another than their topic's, and the rows made of them."""

import numpy as np
import pyarrow as pa

from ftm_assets.methods.topics.membership import (
    NONE,
    MembershipParams,
    Sentences,
    TopicMeans,
    build_profiles,
    firm_rows,
    in_topic_context,
    strengths,
)

QUARTER = "2023Q1"


def sentences(vectors: np.ndarray, topics: list[int], *, firm: str = "1", turn: str = "") -> Sentences:
    """Sentences of one firm, each in a turn of its own or all in one."""
    ids = [f"{QUARTER}:{firm}:0000:{i:03d}" for i in range(len(topics))]
    turns = [turn or f"turn {i}" for i in range(len(topics))]
    places = np.arange(len(topics), dtype=np.int64)
    return Sentences(ids, [firm] * len(topics), turns, places, np.array(topics, dtype=np.int64), vectors)


def world(
    n_firms: int = 20, per_topic: int = 6, seed: int = 1
) -> tuple[list[Sentences], np.ndarray, np.ndarray]:
    """Firms of three topics each, of three themes; each topic's last sentence speaks of the next theme."""
    rng = np.random.default_rng(seed)
    axes = np.eye(12)
    firms = []
    for firm in range(n_firms):
        topics = np.repeat(np.arange(3), per_topic)
        subject = topics.copy()
        subject[per_topic - 1 :: per_topic] = (subject[per_topic - 1 :: per_topic] + 1) % 3
        vectors = axes[11] + axes[subject] + 0.15 * rng.normal(size=(len(topics), 12))
        firms.append(sentences(vectors, (topics + 3 * firm).tolist(), firm=f"{firm:02d}"))
    themes = np.tile(np.arange(3), n_firms)
    return firms, themes, axes[themes] + axes[11]


def rows_of(
    firms: list[Sentences],
    themes: np.ndarray,
    descriptions: np.ndarray,
    params: MembershipParams | None = None,
) -> tuple[pa.Table, pa.Table]:
    params = params or MembershipParams()
    means = TopicMeans(len(themes))
    for firm in firms:
        means.add(in_topic_context(firm, params.turn_weight), firm.topics)
    profiles = build_profiles(means, descriptions, themes, params.description_weight)
    topic_ids = [f"{QUARTER}:t{i:03d}" for i in range(len(themes))]
    theme_ids = [f"{QUARTER}:theme:{i:03d}" for i in range(int(themes.max(initial=NONE)) + 1)]
    made = [
        firm_rows(
            firm,
            strengths(in_topic_context(firm, params.turn_weight), firm.topics, profiles),
            profiles,
            topic_ids,
            theme_ids,
            params,
        )
        for firm in firms
    ]
    return pa.concat_tables([m[0] for m in made]), pa.concat_tables([m[1] for m in made])


THEMES = [f"{QUARTER}:theme:{i:03d}" for i in range(3)]
