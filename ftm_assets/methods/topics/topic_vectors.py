"""The vector by which a topic is clustered into themes: what it is called, and what was said in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.vectors import BLOCK, FEWEST_TO_CENTRE, centred, products, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DAMPING = 0.25
"""Exponent by which directions of more than the mean variance are damped; a half would make them all alike."""
_EXACT = 10**5
"""Covariances are added up in whole numbers of this part, so that any processor adds up the same."""
_DIGITS = 4
"""Decimals of the factors; what processors disagree on is far beyond."""


def topic_vectors(
    described: NDArray[np.floating], spoken: NDArray[np.floating] | None, weight: float
) -> Floats:
    """Return the vectors by which topics are clustered into themes, float64 (n, d), unit length.

    A description is a name, some keywords and a sentence or two: typical, but with the chance of few words. The mean of
    a topic's sentences has less chance in it, but also the manner of speaking, by which topics of vague sentences are
    alike. So its most common directions are damped (see `damped`), and it weighs less.

    Parameters
    ----------
    described : ndarray of shape (n, d)
        Embeddings of the topics' descriptions.
    spoken : ndarray of shape (n, d) or None
        The mean of each topic's sentences. None: the descriptions alone.
    weight : float
        Weight of `spoken`, from 0 to 1.

    Raises
    ------
    ValueError
        If a row is not finite.

    """
    if spoken is None or not weight:
        return np.asarray(described, dtype=np.float64)
    # Of a hundred thousand topics each of these takes 0.3 GB: they are changed in place.
    both, manner = centred(described), centred(spoken)
    damped(manner, out=manner)
    both *= 1 - weight
    manner *= weight
    both += manner
    return unit(both, out=both)


def damped(rows: Floats, *, out: Floats | None = None) -> Floats:
    """Return centred unit rows (n, d) with their commonest directions damped, at unit length.

    `out` takes the result and may be `rows` itself.

    A soft whitening: along each principal direction of more variance v than the mean m, rows are multiplied by
    (m / v)^(1/4). Whitening in full would be (m / v)^(1/2) (Su et al. 2021, arXiv:2103.15316). Leaving out the first
    directions (Mu & Viswanath 2018, "All-but-the-top", ICLR) changes abruptly when a row is added; this does not. Few
    rows (`FEWEST_TO_CENTRE`) are returned as they are.
    """
    if len(rows) < FEWEST_TO_CENTRE:
        return rows
    covariance = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), BLOCK):
        whole = np.rint(rows[start : start + BLOCK] * _EXACT)
        covariance += whole.T @ whole
    variance, directions = np.linalg.eigh(covariance / (len(rows) * float(_EXACT) ** 2))
    mean = variance.mean()
    factors = (mean / np.maximum(variance, mean)) ** _DAMPING
    found = products(rows, np.round((directions * factors) @ directions.T, _DIGITS), out=out)
    return unit(found, out=found)
