"""Where topics stand in the map of a quarter: between fixed landmarks, so that a subject stays where it was.

What belongs here: places of topics in two dimensions, and the groups of themes by which the map is coloured. The
landmarks are short texts of subjects that firms speak of, each with its place (`map_anchors.csv`, laid out once, by
`python -m benchmarks map-layout`). A topic stands among the landmarks that are nearest to it in meaning. So neither the
other topics nor the quarter move it, as a layout made for each quarter would.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.vectors import DIGITS, centred, products, unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]

_LANDMARKS = Path(__file__).with_name("map_anchors.csv")
_NEAREST = 8
"""Landmarks that a topic is placed between."""
_SHARPNESS = 20.0
"""A landmark that is nearer by a cosine of 0.1 counts exp(2) = 7.4 times as much."""
_PULL = 0.5
"""Share of the way to its theme's middle that a topic is moved."""
_BLOCK = 4_000
_MOST_GROUPS = 12
"""As many as colours can be told apart."""


@cache
def _landmarks() -> tuple[tuple[str, ...], NDArray[np.float64]]:
    with _LANDMARKS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(r["subject"] for r in rows), np.array([[float(r["x"]), float(r["y"])] for r in rows])


def landmark_texts() -> tuple[str, ...]:
    """Return the texts of the landmarks, which the quarter's embedding model must embed for `place`."""
    return _landmarks()[0]


def place(vectors: Floats, theme: Ints, landmarks: Floats, *, pull: float = _PULL) -> NDArray[np.float64]:
    """Return the place of each topic in the map, float64 (n, 2) in [0, 1]; the same arguments give the same bytes.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
        Unit vectors of the topics: the `embedding` of `topic_summaries`, as stored, so not centred.
    theme : ndarray of shape (n,)
        The theme of each topic, from 0; -1 for none.
    landmarks : ndarray of shape (m, d)
        Unit vectors of `landmark_texts()`, in that order, by the same embedding model. Without a model at hand, pass
        the vectors of `word_vectors` for both.
    pull : float
        Share of the way to the median place of its theme that a topic is moved: 0 leaves it where its own meaning is,
        1 would make each theme a point. It is all that the themes, and with them the quarter, have to say in it.

    Raises
    ------
    ValueError
        If `landmarks` has not one row per landmark.

    """
    texts, places = _landmarks()
    if len(landmarks) != len(texts):
        raise ValueError(f"{len(landmarks)} vectors for {len(texts)} landmarks: embed landmark_texts() again")
    middle = landmarks.astype(np.float64).mean(axis=0)
    anchors = unit(landmarks - middle).astype(np.float32)
    found = np.empty((len(vectors), 2))
    for start in range(0, len(vectors), _BLOCK):
        rows = unit(vectors[start : start + _BLOCK] - middle).astype(np.float32)
        cosine = np.round(products(rows, anchors).astype(np.float64), DIGITS)
        near = np.argsort(-cosine, axis=1, kind="stable")[:, :_NEAREST]
        likeness = np.take_along_axis(cosine, near, axis=1)
        weight = np.exp(_SHARPNESS * (likeness - likeness[:, :1]))
        found[start : start + _BLOCK] = (
            np.einsum("ik,ikd->id", weight, places[near]) / weight.sum(axis=1)[:, None]
        )
    inside = np.flatnonzero(theme >= 0)
    if len(inside) and pull:
        found[inside] += pull * (_middles(found[inside], theme[inside])[theme[inside]] - found[inside])
    return np.clip(np.round(found, DIGITS), 0, 1)


def _middles(places: NDArray[np.float64], theme: Ints) -> NDArray[np.float64]:
    """Return the median place of each theme's topics (themes, 2); 0 for one without topics.

    Not the mean: where some of a theme's topics lie far off, it would be between them and the others, near nothing.
    """
    found = np.zeros((int(theme.max()) + 1, 2))
    order = np.argsort(theme, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(theme[order])) + 1):
        found[theme[own[0]]] = np.median(places[own], axis=0)
    return found


def word_vectors(texts: Sequence[str]) -> Floats:
    """Return vectors of texts by their words alone, float32 (n, 1024), unit length: for `place` without a model.

    Parts of words (3 to 5 letters) are hashed, so nothing is fitted and a text has the same vector in every quarter.
    Only texts that share words with a landmark are placed well: see docs/methods.md for how much worse that is.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), n_features=1024, alternate_sign=True, norm="l2"
    )
    found: Floats = hashed.transform(texts).toarray().astype(np.float32)
    return found


def group_themes(vectors: NDArray[np.floating], names: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    """Return the group of each theme, from 0, int64 (n,), and the names of the groups, those of most themes first.

    Average linkage on the cosines of the themes' vectors (n, d), less their mean. Of n themes there are about sqrt(n)
    groups, `_MOST_GROUPS` at most. The tree is cut where so many of its branches have several themes, and a theme that
    is alone there joins the group that it is most like on average. A group is named after its two largest themes:
    `names` (n) must come largest theme first.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    n = len(names)
    wanted = min(_MOST_GROUPS, max(1, round(n**0.5)))
    if wanted == 1:
        return np.zeros(n, dtype=np.int64), (_group_name(names),) if n else ()
    cosine = np.round(products(rows := centred(vectors), rows), DIGITS)
    tree = linkage(np.clip(1 - cosine[np.triu_indices(n, 1)], 0, 2), "average")
    cuts = (fcluster(tree, k, "maxclust") for k in range(wanted, n + 1))
    smallest = max(2, n // (4 * wanted))
    found = max(cuts, key=lambda cut: min(wanted, int((np.bincount(cut) >= smallest).sum())))
    kept = [
        g for g in np.argsort(-np.bincount(found), kind="stable")[:wanted] if (found == g).sum() >= smallest
    ]
    if not kept:
        return np.zeros(n, dtype=np.int64), (_group_name(names),)
    likeness = np.column_stack([cosine[:, found == g].mean(axis=1) for g in kept])
    own = np.array([kept.index(g) if g in kept else -1 for g in found])
    group = np.where(own >= 0, own, likeness.argmax(axis=1))
    order = np.argsort(-np.bincount(group, minlength=len(kept)), kind="stable")
    group = np.argsort(order)[group].astype(np.int64)
    members = [[name for name, own in zip(names, group, strict=True) if own == g] for g in range(len(kept))]
    return group, tuple(map(_group_name, members))


def _group_name(names: Sequence[str]) -> str:
    return " · ".join(names[:2])
