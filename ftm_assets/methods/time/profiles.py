"""What themes are compared by through time: centroids centred on their quarter, firms and keywords.

Belongs here: building a quarter's profile from its topics, and overlaps of sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.vectors import SCALE, unit

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_CONCENTRATED = 0.7
"""See `told_apart`: at it the cosine of one theme is still 0.59, and that of two themes 0.41."""


@dataclass(frozen=True)
class QuarterThemes:
    """The themes of a quarter, as they are compared with those of other quarters; sequences are in parallel."""

    quarter: str
    theme_ids: tuple[str, ...]
    """Ids, quarter:theme:rank."""
    vectors: NDArray[np.floating]
    """(n, d), unit length: centred centroids (see `centred_centroids`); zero where they mean nothing (`told_apart`)."""
    firms: tuple[frozenset[str], ...]
    """Ids of the firms with a topic in the theme."""
    keywords: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    n_sentences: tuple[int, ...]

    @property
    def n(self) -> int:
        """Number of themes."""
        return len(self.theme_ids)


def centred_centroids(
    topics: NDArray[np.floating], theme_of_topic: NDArray[np.int64], n_themes: int
) -> Floats:
    """Return a unit vector per theme: the mean of its topics less the mean of all topics, float64 (n_themes, d).

    What all topics of a quarter share (they are about companies, from calls) says nothing about a theme, but makes any
    two alike. Measured: of raw cosines between quarters, the median to the nearest other theme is above the lowest
    twentieth to the same theme; of centred ones it is far below.

    Parameters
    ----------
    topics : numpy.ndarray
        (n, d), unit length: the embeddings of all topics of the quarter, also of those without a theme, sorted by id.
    theme_of_topic : numpy.ndarray
        int64 (n,): index of each topic's theme, or -1.
    n_themes : int
        Number of themes; one without topics gets a zero vector.

    Examples
    --------
    >>> topics = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> centred_centroids(topics, np.array([0, 0, 1, -1]), 2).round(3).tolist()
    [[0.707, -0.707], [-0.707, 0.707]]

    """
    # Integers, so that sums do not depend on the order in which a processor adds.
    scaled = np.rint(np.asarray(topics, dtype=np.float64) * SCALE)
    centred = len(scaled) * scaled - scaled.sum(axis=0)
    sums = np.zeros((n_themes, scaled.shape[1] if scaled.ndim == 2 else 0))
    placed = np.flatnonzero(theme_of_topic >= 0)
    np.add.at(sums, theme_of_topic[placed], centred[placed])
    return np.asarray(unit(sums))


def told_apart(theme_of_topic: NDArray[np.int64], n_themes: int) -> NDArray[np.bool_]:
    """Return the themes whose centred centroid can be compared with those of other quarters: bool (n_themes,).

    A centred centroid has the direction from the mean of the quarter's other topics to the theme. That mean is what
    all topics share only if the others are of several subjects. Of a quarter with one theme it is not known, and with
    two themes each one's vector says as much about the other: the same theme beside another one is as similar as
    another theme beside the same one, 0.5 if subjects are at right angles.

    The others' concentration H is the probability that two of their topics are of one theme; topics without a theme
    are each a subject of its own. The cosine of a theme with itself, all others replaced, is then 1 / (1 + H), and that
    of two themes beside the same others is H / (1 + H). Themes are told apart if H is at most `MOST_CONCENTRATED`.

    Parameters
    ----------
    theme_of_topic : numpy.ndarray
        int64 (n,): index of each topic's theme, or -1.
    n_themes : int
        Number of themes.

    Examples
    --------
    >>> told_apart(np.array([0, 0, 1, 1]), 2).tolist()
    [False, False]
    >>> told_apart(np.array([0, 0, 1, 1, 2, 2]), 3).tolist()
    [True, True, True]

    """
    sizes = np.bincount(theme_of_topic + 1, minlength=n_themes + 1).astype(np.float64)
    alone, sizes = sizes[0], sizes[1:]
    others = alone + sizes.sum() - sizes
    pairs = alone + (sizes**2).sum() - sizes**2
    return np.asarray((sizes > 0) & (others > 0) & (pairs <= MOST_CONCENTRATED * others**2))


def shared(rows: Sequence[Collection[str]], columns: Sequence[Collection[str]]) -> NDArray[np.int64]:
    """Return how many elements each set of `rows` (n) shares with each of `columns` (m): int64 (n, m)."""
    holders: dict[str, list[int]] = {}
    for j, elements in enumerate(columns):
        for element in set(elements):
            holders.setdefault(element, []).append(j)
    found = np.zeros((len(rows), len(columns)), dtype=np.int64)
    for i, elements in enumerate(rows):
        for element in set(elements):
            if held := holders.get(element):
                found[i, held] += 1
    return found
