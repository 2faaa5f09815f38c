"""Data with known answers: passages from many calls as one firm's topics, and vectors around planted themes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.calls import Call

NOISE = -1


@dataclass
class Firm:
    """Sentences of one (planted or real) firm."""

    texts: list[str]
    turns: list[str]
    positions: list[int]
    """Order within the turn."""
    embeddings: NDArray[np.float32]
    """(n, d), unit rows."""
    truth: NDArray[np.int64]
    """(n,): the passage that each sentence belongs to, -1 for noise; all -1 for a real call."""
    names: list[str]


def passages(
    calls: Sequence[Call], seed: int, *, n_passages: int = 25, length: int = 14, noise_share: float = 0.15
) -> Firm:
    """Return a firm with passages of consecutive sentences from different calls as topics, and stray sentences."""
    rng = np.random.default_rng(seed)
    long_enough = [i for i, c in enumerate(calls) if len(c.texts) > 2 * length]
    chosen = rng.choice(long_enough, n_passages, replace=False)
    picked: list[tuple[int, int, int]] = []
    for label, i in enumerate(chosen.tolist()):
        start = int(rng.integers(len(calls[i].texts) - length))
        picked += [(i, j, label) for j in range(start, start + length)]
    taken = {(i, j) for i, j, _ in picked}
    n_noise = round(len(picked) * noise_share / (1 - noise_share))
    while n_noise:
        i = int(rng.integers(len(calls)))
        j = int(rng.integers(len(calls[i].texts)))
        if (i, j) not in taken:
            taken.add((i, j))
            picked.append((i, j, NOISE))
            n_noise -= 1
    return Firm(
        [calls[i].texts[j] for i, j, _ in picked],
        # Each stray sentence has a turn of its own.
        [calls[i].turns[j] if t != NOISE else f"{calls[i].turns[j]}:{j}" for i, j, t in picked],
        list(range(len(picked))),
        np.stack([calls[i].embeddings[j] for i, j, _ in picked]),
        np.array([t for _, _, t in picked]),
        [],
    )


def as_firm(call: Call) -> Firm:
    """Return a real call; its true topics are unknown."""
    n = len(call.texts)
    return Firm(call.texts, call.turns, list(range(n)), call.embeddings, np.full(n, NOISE), call.names)


def shuffled(firm: Firm, order: NDArray[np.int64]) -> Firm:
    """Return the firm with its rows in another order."""
    return Firm(
        [firm.texts[i] for i in order],
        [firm.turns[i] for i in order],
        [firm.positions[i] for i in order],
        firm.embeddings[order],
        firm.truth[order],
        firm.names,
    )


def themes(
    n: int,
    n_themes: int,
    sentences: NDArray[np.floating],
    *,
    spread: float,
    within: float,
    noise_share: float = 0.1,
    seed: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return n topic vectors (n, d) around planted themes, and the theme of each (-1: noise).

    Directions are differences of real sentence embeddings, so the geometry is realistic. A theme is one of
    n_themes / 8 family centres plus `spread` times such a difference; a topic is its theme plus `within` times
    another. Theme sizes are log-normal with sigma 0.8. Noise topics are the mean of all sentences plus a difference.
    """
    rng = np.random.default_rng(seed)

    def difference(m: int) -> NDArray[np.float64]:
        one, other = rng.integers(len(sentences), size=(2, m))
        found: NDArray[np.float64] = (sentences[one].astype(np.float64) - sentences[other]) / np.sqrt(2)
        return found

    mean = sentences.mean(axis=0)
    families = mean + 0.9 * difference(n_themes // 8)
    centres = _unit(families[rng.integers(len(families), size=n_themes)] + spread * difference(n_themes))
    weights = rng.lognormal(0, 0.8, n_themes)
    n_noise = int(n * noise_share)
    labels = rng.choice(n_themes, size=n - n_noise, p=weights / weights.sum())
    inside = centres[labels] + within * difference(n - n_noise)
    vectors = np.vstack([inside, mean + 1.1 * difference(n_noise)])
    order = rng.permutation(n)
    truth = np.append(labels, np.full(n_noise, NOISE))
    return _unit(vectors)[order].astype(np.float32), truth[order]


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
